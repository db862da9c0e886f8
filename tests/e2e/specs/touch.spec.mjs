// Every design by touch alone, on a phone; and what a screen reader is told of a trial of each.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

const WORDS = ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text }));
const prompts = [{ id: "sky", text: "Why is the sky blue?" }, { id: "egg", text: "How do I boil an egg?" }];
const ANSWERS = prompts.flatMap(({ id }) => ["short", "long"].map((source) => ({ id: `${id}_${source}`, text: `A ${source} answer.`, group: id, source })));
const scale = { min: 1, max: 5, low_label: "no", high_label: "yes" };
const labels = [{ id: "animal", text: "animal" }, { id: "plant", text: "plant" }];
const group = (name, ...children) => new RegExp(`- group "${name}[^"]*":[\\s\\S]*${children.map((one) => `- button "${one}`).join("[\\s\\S]*")}`);

// A design, its stimuli, its trials, what is tapped on each, and what the accessibility tree of its first trial must hold.
const DESIGNS = [
  [{ kind: "pair_rating", scale }, WORDS.slice(0, 3), 3, ["rate-4"], [group("Similarity, from 1, no, to 5, yes", "1", "2", "3", "4", "5"), /- status/]],
  [{ kind: "triplet", n_trials: 3 }, WORDS, 3, ["odd-2"], [/- button "(dog|cat|oak|fern|car|bus)[^"]*"/]],
  [{ kind: "anchored_triplet", n_trials: 3 }, WORDS, 3, ["closer-1"], [/- button "(dog|cat|oak|fern|car|bus)[^"]*"/]],
  [{ kind: "preference", prompts }, ANSWERS, 2, ["prefer-tie"], [/- article "Answer A"/, /- article "Answer B"/]],
  [{ kind: "answer_rating", prompts, axes: [{ id: "right", text: "Is it right?" }, { id: "clear", text: "Is it clear?" }], scale }, ANSWERS, 4, ["rate-3", "rate-5"], [group("Rating, from 1, no, to 5, yes", "1", "5"), /Is it right\? \(1 of 2\)/]],
  [{ kind: "label", labels, confidence: scale }, WORDS, 6, ["label-cannot-tell", "sure-2"], [/- button "animal/, /- button "plant/, /- button "I can't tell/]],
  [{ kind: "free_label", max_chars: 40 }, WORDS, 6, [], [/- textbox/, /- button "I can't tell/]],
  [{ kind: "arrangement", n_shown: 4, n_trials: 2 }, WORDS, 2, [], [/- button "(dog|cat|oak|fern|car|bus)/]],
];

for (const [design, stimuli, total, taps, tree] of DESIGNS) {
  test(`${design.kind}: from consent to the completion code by touch alone`, async () => {
    const study = { schema: 1, id: `touch_${design.kind}`, version: 1, title: `Touch ${design.kind}`, instructions: "Answer.",
      consent: { version: 1, text: "Kept in this browser." }, design, stimuli, n_repeats: 0, catch_trials: [] };
    const it = await openPage(browser, site, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const { page, context, settle, id } = it;
    await page.goto(`${site.url}judge/#study=${encodeURIComponent(JSON.stringify(study))}`);
    await id("agree").tap();
    await id("begin").tap();
    for (let n = 0; n < total; n += 1) {
      await page.locator(`[data-testid=trial][data-trial="${n}"]`).waitFor();
      if (n === 0) {
        const said = await id("trial").ariaSnapshot();
        for (const one of tree) assert.match(said, one);
        assert.match(said, /- progressbar|- text: 1 of|1 of/);
        await shoot(page, `touch-${design.kind}`);
      }
      await page.waitForTimeout(260);
      if (design.kind === "free_label") {
        await id("free-name").tap();
        await id("free-name").fill("thing");
        await id("give-name").tap();
      } else if (design.kind === "arrangement") {
        const box = await id("field").boundingBox();
        for (const [x, y] of [[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]]) {
          await id("field").tap({ position: { x: x * box.width, y: y * box.height } });
        }
        await id("arranged").tap();
      } else {
        for (const name of taps) {
          const target = await id(name).boundingBox();
          assert.ok(target.height >= 40 && target.width >= 24, `${name} is ${target.width} × ${target.height}`);
          await id(name).tap();
        }
      }
    }
    await id("completion-code").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), id("download-judgments").tap()]);
    const inputs = JSON.parse(readFileSync(await download.path(), "utf8")).judgments.map((one) => one.input);
    // What is typed comes from a keyboard, be it on the screen.
    assert.deepEqual([...new Set(inputs)], [design.kind === "free_label" ? "keyboard" : "touch"]);
    assert.equal((await storedCounts(page, site)).judgments, total);
    settle();
    await context.close();
  });
}

test("damaged files are refused in words in the page, and it goes on working", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  const study = JSON.stringify({ schema: 1, id: "x", version: 1, title: "X", instructions: "x", consent: { version: 1, text: "x" },
    design: { kind: "triplet", n_trials: 3 }, stimuli: WORDS, n_repeats: 0, catch_trials: [] });
  const hostile = [study.slice(0, 60), study.replace('"x"', "null"), "[".repeat(100_000), '{"schema":1e999}', study.replace("dog", "<img src=x onerror=alert(1)>").slice(0, -1), "\0".repeat(1000), ""];
  await page.goto(`${site.url}judge/`);
  await id("consent").waitFor();
  await id("own-study").locator("summary").click();
  for (const [n, text] of hostile.entries()) {
    await id("study-file").setInputFiles({ name: `hostile-${n}.json`, mimeType: "application/json", buffer: Buffer.from(text) });
    await id("notice-bad_items").waitFor();
    await id("notice-dismiss").click();
    if (await id("own-study").locator("summary").count()) await id("own-study").evaluate((it) => { it.open = true; });
  }
  await page.goto(`${site.url}data/`);
  await id("stored").waitFor();
  for (const [n, text] of hostile.entries()) {
    await id("import-file").setInputFiles({ name: `hostile-${n}.jsonl`, mimeType: "application/jsonl", buffer: Buffer.from(text) });
    await id("notice-bad_import").waitFor();
    await id("notice-dismiss").click();
  }
  assert.equal((await storedCounts(page, site)).sessions, 0);
  // Markup in a study is text.
  const marked = study.replace('"text":"dog"', '"text":"<b onclick=alert(1)>dog</b>"');
  await page.goto("about:blank");
  await page.goto(`${site.url}judge/#study=${encodeURIComponent(marked)}`);
  await id("agree").check();
  await id("begin").click();
  await id("trial").waitFor();
  assert.equal(await page.locator("[onclick]").count(), 0);
  settle();
  await context.close();
});
