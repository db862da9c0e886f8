// Every design from consent to the completion code with keys alone, over reloads and crashes at random places.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, answerOne, goThrough, pressOn, screen } from "../lib/participant.mjs";
import { atTrial } from "../lib/study.mjs";

const STUDIES = resolve(import.meta.dirname, "../../../public/studies");
const studyOf = (name) => JSON.parse(readFileSync(join(STUDIES, `${name}.json`), "utf8"));

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

/** Places at which the page is taken away, from a seed, so that a failure can be repeated. */
function places(seed, n, below) {
  const all = new Set();
  for (let state = seed; all.size < n;) {
    state = (state * 48271) % 2147483647;
    all.add(state % below);
  }
  return all;
}

function trialsOf(study) {
  const { stimuli, design } = study;
  const main = { pair_rating: stimuli.length * (stimuli.length - 1) / 2, triplet: design.n_trials, label: stimuli.length,
    preference: stimuli.length / 2 }[design.kind];
  return main + study.n_repeats + study.catch_trials.length + (study.comprehension?.length ?? 0) + (study.practice?.length ?? 0);
}

for (const [name, seed] of [["odd_one_out", 11], ["blind_answers", 12], ["shapes", 13]]) {
  test(`${name}: start to finish by keyboard, with reloads at random trials`, async () => {
    const study = studyOf(name);
    const it = await openPage(browser, site);
    const { page, context, settle, id } = it;
    await page.goto(`${site.url}judge/?study=${name}`);
    await agree(it);
    const total = trialsOf(study);
    const gone = places(seed, 4, total);
    await goThrough(it, study, async (n) => {
      if (n === total - 3) { await shoot(page, `trial-${name}`); await accessibleEverywhere(page, `a trial of ${name}`); }
      if (!gone.delete(n)) return;
      const shown = await screen(page);
      await page.reload();
      // A break that was over stands there again after a reload.
      await page.locator("[data-testid=trial], [data-testid=break]").first().waitFor();
      if (await id("break").count()) await pressOn(page, "go-on");
      await atTrial(page, n);
      assert.deepEqual(await screen(page), shown, `trial ${n} is the same after the reload`);
    });
    assert.match(await id("completion-code").innerText(), /^[A-Z2-9]{10}$/);
    await id("judge-end").getByTestId("figure").waitFor();
    await shoot(page, `end-${name}`);
    await accessibleEverywhere(page, `the end of ${name}`);
    const code = await id("completion-code").innerText();
    await page.reload();
    assert.equal(await id("completion-code").innerText(), code);
    const counts = await storedCounts(page, site);
    assert.deepEqual([counts.sessions, counts.judgments], [1, total]);
    settle();
    await context.close();
  });
}

test("a tab that crashes at a random trial loses at most the one on the screen", async () => {
  const study = studyOf("odd_one_out");
  const it = await openPage(browser, site);
  await it.page.goto(`${site.url}judge/?study=odd_one_out`);
  await agree(it);
  let page = it.page;
  let answered = 0;
  for (const until of [...places(5, 6, 12)].sort((a, b) => a - b)) {
    while (answered < until) answered = (await answerOne(page, study)) + 1;
    // Press and crash at once: the answer is on the disk, or the trial is asked again.
    await page.waitForTimeout(260);
    const client = await it.context.newCDPSession(page);
    await page.keyboard.press("1");
    client.send("Page.crash").catch(() => {});
    await page.waitForEvent("crash").catch(() => {});
    await page.close();
    page = await it.context.newPage();
    await page.goto(`${site.url}judge/?study=odd_one_out`);
    await page.getByTestId("trial").waitFor();
    const now = Number(await page.getByTestId("trial").getAttribute("data-trial"));
    assert.ok(now === answered || now === answered + 1, `at ${now} after ${answered} answers`);
    answered = now;
  }
  await it.context.close();
});

test("a study in a link is taken part in and withdrawn from by keyboard", async () => {
  const study = { ...studyOf("odd_one_out"), id: "from_a_link", title: "From a link", practice: [], comprehension: [], n_repeats: 0, catch_trials: [] };
  study.design = { kind: "triplet", n_trials: 4 };
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`${site.url}judge/#study=${encodeURIComponent(JSON.stringify(study))}`);
  await page.getByRole("heading", { name: "From a link" }).waitFor();
  assert.ok(requests.every((url) => !url.includes("from_a_link")), "no server sees the study");
  await agree(it);
  await answerOne(page, study);
  await page.reload();
  await atTrial(page, 1);
  await pressOn(page, "withdraw");
  await page.keyboard.press("Escape");
  await atTrial(page, 1);
  await pressOn(page, "withdraw");
  await pressOn(page, "withdraw-yes");
  await id("withdrawn").waitFor();
  let counts = await storedCounts(page, site);
  assert.deepEqual([counts.sessions, counts.judgments], [0, 0], "a withdrawn session is gone");
  assert.equal(await id("stored-withdrawals").getByTestId("stored-n").textContent(), "1");
  // The link that the page itself offers holds the whole study.
  await page.goto(`${site.url}judge/?study=shapes`);
  await pressOn(page, "share-study-open");
  const link = await id("study-link").inputValue();
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("heading", { name: studyOf("shapes").title }).waitFor();
  await agree(it);
  counts = await storedCounts(page, site);
  assert.equal(counts.sessions, 1);
  settle();
  await context.close();
});

const WORDS = ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text }));
const prompts = [{ id: "sky", text: "Why is the sky blue?" }, { id: "egg", text: "How do I boil an egg?" }];
const ANSWERS = prompts.flatMap(({ id }) => ["short", "long"].map((source) => ({ id: `${id}_${source}`, text: `A ${source} answer.`, group: id, source })));
const MORE = [
  [{ kind: "anchored_triplet", n_trials: 6 }, WORDS],
  [{ kind: "answer_rating", prompts, axes: [{ id: "right", text: "Is it right?" }, { id: "clear", text: "Is it clear?" }],
    scale: { min: 1, max: 5, low_label: "no", high_label: "yes" } }, ANSWERS],
  [{ kind: "free_label", max_chars: 40 }, WORDS],
  [{ kind: "arrangement", n_shown: 4, n_trials: 3, lift_the_weakest: true }, WORDS],
];
for (const [design, stimuli] of MORE) {
  test(`${design.kind}: start to finish by keyboard, over a reload and an undo`, async () => {
    const study = { schema: 1, id: `e2e_${design.kind}`, version: 1, title: `Try ${design.kind}`, instructions: "Answer.",
      consent: { version: 1, text: "Your answers are kept in this browser." }, design, stimuli, n_repeats: 0, catch_trials: [] };
    const total = { anchored_triplet: 6, answer_rating: 4, free_label: 6, arrangement: 3 }[design.kind];
    const it = await openPage(browser, site);
    const { page, context, settle, id } = it;
    await page.goto(`${site.url}judge/#study=${encodeURIComponent(JSON.stringify(study))}`);
    await agree(it);
    await answerOne(page, study);
    await shoot(page, `trial-${design.kind}`);
    await accessibleEverywhere(page, `a trial of ${design.kind}`);
    const shown = await screen(page);
    await page.reload();
    await atTrial(page, 1);
    assert.deepEqual(await screen(page), shown);
    await pressOn(page, "undo");
    await atTrial(page, 0);
    await goThrough(it, study);
    assert.match(await id("completion-code").innerText(), /^[A-Z2-9]{10}$/);
    await id("judge-end").getByTestId("figure").waitFor();
    await shoot(page, `end-${design.kind}`);
    const counts = await storedCounts(page, site);
    // One answer was taken back: its record, the one that says so, and the new one.
    assert.deepEqual([counts.sessions, counts.judgments], [1, total + 2]);
    settle();
    await context.close();
  });
}

test("an arrangement's catch trial says what to put together, and who reads passes", async () => {
  const study = { schema: 1, id: "together", version: 1, title: "Together", instructions: "Arrange.", consent: { version: 1, text: "Kept here." },
    design: { kind: "arrangement", n_shown: 4, n_trials: 1 }, stimuli: WORDS, n_repeats: 0,
    catch_trials: [{ instruction: "Put dog and bus closer together than any other two.", stimuli: ["dog", "car", "oak", "bus"], expected: { kind: "closest", ids: ["dog", "bus"] } }] };
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}judge/#study=${encodeURIComponent(JSON.stringify(study))}`);
  await agree(it);
  await answerOne(page, study);
  await atTrial(page, 1);
  assert.match(await id("trial").innerText(), /Put dog and bus closer together than any other two\./);
  const things = { dog: ["ArrowLeft"], bus: ["ArrowLeft", "ArrowUp"], car: Array(9).fill("ArrowRight"), oak: Array(9).fill("ArrowDown") };
  for (let thing = 0; thing < 4; thing += 1) {
    const name = /^(\w+)/.exec((await id(`thing-${thing}`).innerText()).trim())[1];
    for (const key of things[name]) await pressOn(page, `thing-${thing}`, key);
  }
  await page.waitForTimeout(260);
  await pressOn(page, "arranged");
  await id("judge-end").waitFor();
  assert.match(await id("judge-end").innerText(), /1 of 1/);
  settle();
  await context.close();
});

test("things are placed by tapping alone", async () => {
  const study = { schema: 1, id: "tap", version: 1, title: "Tap", instructions: "Arrange.", consent: { version: 1, text: "Kept here." },
    design: { kind: "arrangement", n_shown: 4, n_trials: 1 }, stimuli: WORDS, n_repeats: 0, catch_trials: [] };
  const it = await openPage(browser, site, { viewport: { width: 390, height: 844 }, hasTouch: true });
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}judge/#study=${encodeURIComponent(JSON.stringify(study))}`);
  await id("agree").tap();
  await id("begin").tap();
  const field = id("field");
  const box = await field.boundingBox();
  assert.ok(box.width > 300, "the field fills a phone");
  for (const [x, y] of [[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]]) await field.tap({ position: { x: x * box.width, y: y * box.height } });
  await shoot(page, "arrangement-phone");
  await id("arranged").tap();
  await id("judge-end").waitFor();
  settle();
  await context.close();
});

for (const name of JSON.parse(readFileSync(join(STUDIES, "index.json"), "utf8"))) {
  test(`${name} starts and takes its first answers`, async () => {
    const study = studyOf(name);
    const it = await openPage(browser, site);
    const { page, context, settle, id } = it;
    await page.goto(`${site.url}judge/?study=${name}`);
    assert.match(await id("consent").innerText(), /withdraw|delete/);
    await agree(it);
    const before = (study.comprehension?.length ?? 0) + (study.practice?.length ?? 0);
    for (let n = 0; n < before + 1; n += 1) await answerOne(page, study);
    await atTrial(page, before + 1);
    for (const picture of await id("trial").locator("img").all()) {
      assert.ok(await picture.evaluate((one) => one.complete && one.naturalWidth > 0 && one.alt.length > 3), "its picture is there");
    }
    await shoot(page, `shipped-${name}`);
    settle();
    await context.close();
  });
}
