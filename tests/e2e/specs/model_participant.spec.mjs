// The model takes a study as one more participant: beside a person, in the builder, on the class page. The tiny model's
// weights are random: what it answers means nothing, whose answers they are does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";
import { agree, goThrough, pressOn } from "../lib/participant.mjs";

const file = { name: "tiny.gguf", mimeType: "application/octet-stream", buffer: readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf")) };
const words = ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text }));
const base = (id, design, stimuli, more = {}) => ({
  schema: 1, id, version: 1, title: `Study ${id}`, instructions: "Answer.",
  consent: { version: 1, text: "Kept in this browser." }, design, stimuli, n_repeats: 0, catch_trials: [], ...more,
});
const scale = { min: 1, max: 5, low_label: "low", high_label: "high" };
const prompts = [{ id: "p", text: "Why is the sky blue?" }];
const answers = [["a", "Air scatters blue light."], ["b", "Nobody knows why."]]
  .map(([id, text]) => ({ id, text, group: "p", source: `source ${id}` }));
const STUDIES = [
  base("t_pairs", { kind: "pair_rating", scale }, words.slice(0, 3)),
  base("t_odd", { kind: "triplet", n_trials: 3 }, words),
  base("t_closer", { kind: "anchored_triplet", n_trials: 3 }, words),
  base("t_field", { kind: "arrangement", n_shown: 3, n_trials: 1 }, words.slice(0, 3)),
  base("t_better", { kind: "preference", prompts }, answers),
  base("t_rated", { kind: "answer_rating", prompts, axes: [{ id: "x", text: "Is it true?" }, { id: "y", text: "Is it clear?" }], scale }, answers),
  base("t_label", { kind: "label", labels: [{ id: "animal", text: "animal" }, { id: "plant", text: "plant" }], confidence: null }, words.slice(0, 3)),
  base("t_name", { kind: "free_label", max_chars: 30 }, words.slice(0, 2)),
];

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

async function load({ page, id }) {
  await page.goto(`${site.url}models/`);
  await id("own-file").setInputFiles(file);
  await id("loaded").waitFor();
}

/** Has the model take what is open and returns what is said of it. */
async function take({ page, id }) {
  await pressOn(page, "model-take");
  await id("model-took").waitFor({ timeout: 120_000 });
  return id("model-sentences").innerText();
}

test("every design is taken by the model in the builder, and none of it is a person's", async () => {
  const it = await openPage(browser, site);
  const { page, id, settle } = it;
  await load(it);
  await id("nav-judge").click();
  await page.locator("a[href$=\"/build\"]").first().click();
  for (const study of STUDIES) {
    await id("draft-file").setInputFiles({ name: "study.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(study)) });
    await id("draft-ok").waitFor();
    await id("model-take").and(page.locator(":enabled")).waitFor();
    const said = await take(it);
    assert.match(said, /was asked \d+ questions?: \d+ "I can't tell", \d+ that could not be read, \d+ errors/, study.id);
    assert.match(said, / 0 errors/, `${study.id}: ${said}`);
    assert.match(await id("model-facts").innerText(), /file:tiny\.gguf.*weights not known, prompts version 1, seed 1/);
    assert.match(await id("model-took").innerText(), /A model's answers; no person gave them\.|no answer/);
    if (study.id === "t_better") assert.match(await id("model-participant").innerText(), /the model itself is the judge/);
  }
  await shoot(page, "model-builder");
  await accessibleEverywhere(page, "the builder with a model's answers");
  // Pictures: one sentence and no button.
  const drawn = base("t_seen", { kind: "pair_rating", scale }, ["apple", "ant", "axe"].map((text) => ({ id: text, text, image: `items/images/drawings/${text}.svg` })));
  await id("draft-file").setInputFiles({ name: "study.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(drawn)) });
  await id("model-cannot").waitFor();
  assert.match(await id("model-cannot").innerText(), /a text model cannot see/);
  assert.equal(await id("model-take").count(), 0);
  const counts = await storedCounts(page, site);
  assert.deepEqual([counts.runs, counts.sessions, counts.judgments], [STUDIES.length, 0, 0], "runs of a model, nobody's sessions");
  settle();
  await it.context.close();
});

test("a person's answers stand beside the model's at the end and on the class page", async () => {
  const it = await openPage(browser, site);
  const { page, id, settle } = it;
  const study = STUDIES[2];
  await load(it);
  await id("nav-judge").click();
  await id("own-study").locator("summary").click();
  await id("study-file").setInputFiles({ name: "study.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(study)) });
  await agree(it);
  await goThrough(it, study);
  assert.match(await take(it), /It agrees with the one participant by \d+ %, over \d+ questions or pairs/);
  const [download] = await Promise.all([page.waitForEvent("download"), id("save-model-answers").click()]);
  const saved = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.equal(saved.model.kind, "model");
  assert.ok(saved.model.judgments.length >= 3 && saved.model.judgments.every((one) => one.labeller === "model" && one.simulated));
  await shoot(page, "model-beside-person");
  await accessibleEverywhere(page, "the model beside a person");
  // The class page knows the run too; the person is counted, the model is not.
  await page.goto(`${site.url}class/#study=${encodeURIComponent(JSON.stringify(study))}`);
  await pressOn(page, "class-own");
  await page.getByText("1 new, 0 longer than before, 0 already here, 0 kept out.").waitFor();
  await id("model-took").waitFor();
  assert.match(await id("model-sentences").innerText(), /the one participant/);
  assert.match(await id("class-counts").innerText(), /1\s*participants|participants\s*1/i);
  await page.setViewportSize({ width: 360, height: 740 });
  await shoot(page, "model-class-phone");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  settle();
  await it.context.close();
});
