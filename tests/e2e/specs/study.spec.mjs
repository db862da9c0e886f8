import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";
import { answer, atTrial, begin } from "../lib/study.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

async function exported(page, id) {
  const [download] = await Promise.all([page.waitForEvent("download"), id("export-all").click()]);
  const path = await download.path();
  return { path, text: readFileSync(path, "utf8") };
}

test("a whole study with keys alone, over a reload and an undo", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 5);
  await atTrial(page, 5);
  await page.keyboard.press("u");
  await atTrial(page, 4);
  await answer(it, 4, 30);
  await atTrial(page, 30);
  const before = [await id("left").or(id("instruction")).textContent()];
  await page.reload();
  await atTrial(page, 30);
  assert.deepEqual([await id("left").or(id("instruction")).textContent()], before, "the same trial after the reload");
  // 12 words make 66 pairs; 2 are practice, 6 come twice and 2 are catch trials.
  await answer(it, 30, 76);
  await id("judge-end").waitFor();
  await id("judge-end").getByTestId("figure").first().waitFor();
  await page.reload();
  await id("judge-end").waitFor();
  // The model rates the same pairs, and both stand side by side.
  await id("nav-models").click();
  await id("own-file").setInputFiles(join(GOLDEN, "tiny-llama-q4_1.gguf"));
  await id("loaded").waitFor();
  await id("nav-judge").click();
  await id("judge-end").waitFor();
  await id("rate-pairs").click();
  await id("rho").waitFor({ timeout: 120_000 });
  assert.match(await id("rho").textContent(), /n = 66 pairs/);
  assert.equal(await id("judge-end").getByTestId("figure").count(), 2);
  await shoot(page, "compared");
  await accessibleEverywhere(page, "a person beside a model");

  const counts = await storedCounts(page, site);
  // 76 answers that count, the one taken back, and the record that takes it back.
  assert.deepEqual({ sessions: counts.sessions, judgments: counts.judgments }, { sessions: 1, judgments: 78 });
  settle();
  await context.close();
});

test("export, erase and import give the same records", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 4);
  await atTrial(page, 4);
  await page.goto(`${site.url}data/`);
  await id("stored").waitFor();
  const first = await exported(page, id);
  assert.equal(JSON.parse(first.text.split("\n")[0]).n, 6);
  await id("erase-all").click();
  await id("erase-all-yes").click();
  await page.getByText("Everything was erased.").waitFor();
  assert.deepEqual(await storedCounts(page, site), { runs: 0, itemresults: 0, sessions: 0, judgments: 0, settings: 0 });
  await id("import-file").setInputFiles({ name: "likewise-data.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(first.text) });
  await page.getByText("6 records imported, 0 were here already.").waitFor();
  assert.equal((await exported(page, id)).text, first.text);
  await id("import-file").setInputFiles({ name: "likewise-data.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(first.text) });
  await page.getByText("0 records imported, 6 were here already.").waitFor();
  await page.goto(`${site.url}judge/`);
  await atTrial(page, 4);
  settle();
  await context.close();
});

test("a second tab reads and does not write until the first is closed", async () => {
  const it = await openPage(browser, site);
  const { page, context } = it;
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 2);
  await atTrial(page, 2);
  const second = await context.newPage();
  await second.goto(`${site.url}judge/`);
  await second.getByTestId("elsewhere").waitFor();
  assert.equal(await second.getByTestId("trial").count(), 0);
  await answer(it, 2, 3);
  await atTrial(page, 3);
  await page.close();
  await second.getByTestId("take-over").click();
  await atTrial(second, 3);
  await context.close();
});
