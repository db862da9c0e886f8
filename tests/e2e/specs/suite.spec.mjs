// A suite of benchmarks: chosen, started once, stopped, gone on with after a reload, read on one page, and reopened
// from its link; then two runs compared and a verdict overruled. With a tiny model, so the numbers mean nothing.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const PICKED = ["known_unknowns", "misconceptions", "pressure"];

async function loadTiny({ page, id }, site) {
  await page.goto(`${site.url}models/`);
  await page.locator("[data-testid=device-line].cpu").waitFor();
  await id("own-file").setInputFiles(join(GOLDEN, "tiny-llama-q8_0.gguf"));
  await id("loaded").waitFor();
}

test("a suite runs, stops, goes on after a reload, and its link reopens it", async (t) => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const it = await openPage(browser, site);
    const { page, settle, id } = it;
    await loadTiny(it, site);
    await id("nav-tasks").click();
    await id("open-suite").click();
    await id("suite-form").waitFor();
    assert.match(await id("suite-chosen").textContent(), /^(\d+) of \1 benchmarks$/);
    await page.getByText("will be known after the first benchmark").waitFor();
    await shoot(page, "suite-form");
    // With keys alone: nothing, then three boxes.
    await id("suite-none").press("Enter");
    for (const task of PICKED) await id(`suite-task-${task}`).press("Space");
    assert.match(await id("suite-chosen").textContent(), /^3 of/);
    await id("run-seed").fill("7");
    await id("run-seed").press("Tab");
    await page.getByText("System message, sampling, base models").click();
    await id("run-system").fill("Be honest & brief.");
    await id("run-system").press("Tab");
    const link = new URL(await id("suite-link").getAttribute("href"), site.url);
    assert.deepEqual(Object.fromEntries(link.searchParams),
      { tasks: PICKED.join(","), n: "10", seed: "7", system: "Be honest & brief." });
    await id("suite-start").press("Enter");
    await shoot(page, "suite-started");
    await id("suite-progress").waitFor();
    // Stopped once a task is stored, and then the page is opened anew.
    await id("suite-sentence").first().waitFor({ timeout: 120_000 });
    await id("suite-cancel").press("Enter");
    await id("suite-progress").waitFor({ state: "detached", timeout: 120_000 });
    const begun = await id("suite-status").textContent();
    t.diagnostic(`stopped: ${begun}`);
    const address = page.url();
    await loadTiny(it, site);
    await page.evaluate(() => 0);
    await id("nav-tasks").click();
    await id("open-suite").click();
    await id("suite-stored").first().click();
    assert.equal(new URL(page.url()).searchParams.get("id"), new URL(address).searchParams.get("id"));
    if (await id("suite-resume").count()) await id("suite-resume").press("Enter");
    await page.getByText("3 of 3 benchmarks are finished.").waitFor({ timeout: 240_000 });
    await id("suite-progress").waitFor({ state: "detached" });
    assert.equal(await id("suite-line").count(), 3);
    for (const counts of await id("suite-counts").allTextContents()) {
      assert.match(counts, /^n = 10: \d+ answered, \d+ abstained, \d+ unparsed, \d+ errored$/);
    }
    // The tiny model has no stored values to be checked with.
    assert.equal(await page.locator(".badge.unverified").count(), 3);
    assert.equal(await id("suite-result").getByTestId("figure").count(), 3);
    await shoot(page, "suite-result");
    await accessibleEverywhere(page, "a finished suite");
    const saved = page.waitForEvent("download");
    await id("suite-csv").click();
    const csv = readFileSync(await (await saved).path(), "utf8");
    assert.match(csv, /^aspect,task,version,measure,value/);
    for (const task of PICKED) assert.ok(csv.includes(`,${task},`), task);
    // Exactly this configuration again, and with another seed.
    await id("suite-same").click();
    await id("suite-form").waitFor();
    assert.equal(await id("run-seed").inputValue(), "7");
    assert.equal(await id("run-system").inputValue(), "Be honest & brief.");
    const ticked = await page.locator("[data-testid^=suite-task-]:checked").evaluateAll((boxes) => boxes.map((box) => box.dataset.testid.slice(11)));
    assert.deepEqual(ticked, PICKED);
    await page.goBack();
    await id("suite-reseed").click();
    await id("suite-form").waitFor();
    assert.equal(await id("run-seed").inputValue(), "8");
    // The same once more, set beside the first: it chooses, so the same seed or another gives the same answers.
    await id("suite-start").press("Enter");
    await page.getByText("3 of 3 benchmarks are finished.").waitFor({ timeout: 240_000 });
    await page.getByText("Set beside another suite").click();
    assert.equal(await id("suite-beside").count(), 1);
    await id("suite-beside").press("Enter");
    await id("beside-sentence").waitFor();
    assert.match(await id("beside-sentence").textContent(), /seed 8 and .*seed 7, 3 benchmarks, 30 pairs of answers to the same item: in 0 they differ/);
    assert.equal(await id("beside-line").count(), 3);
    await shoot(page, "suite-beside");
    const beside = page.waitForEvent("download");
    await id("beside-csv").click();
    assert.match(readFileSync(await (await beside).path(), "utf8"), /^task,items in both,first,/);
    await id("beside-open").first().click();
    await id("comparison").waitFor();
    await page.goBack();
    await id("beside-close").click();
    await id("beside").waitFor({ state: "detached" });
    assert.equal(await id("notices").textContent(), "");
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(address);
    await id("suite-line").first().waitFor();
    await shoot(page, "suite-result-phone");
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});

test("two runs are compared, with a paired test and only their differences; a verdict is overruled", async (t) => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const it = await openPage(browser, site);
    const { page, settle, id } = it;
    await loadTiny(it, site);
    for (const system of ["", "&system=You never know anything at all."]) {
      await page.evaluate(() => 0);
      await id("nav-tasks").click();
      await id("choose-known_unknowns").click();
      await id("n-items").fill("20");
      await id("n-items").press("Tab");
      if (system) {
        await page.getByText("System message, sampling, base models, other items").click();
        await id("run-system").fill(system.slice(8));
        await id("run-system").press("Tab");
      }
      await id("run-start").click();
      await id("open-result").waitFor({ timeout: 120_000 });
      await id("open-result").click();
      await id("result").waitFor();
    }
    // The person's verdict stands beside the automatic one.
    const first = id("result").getByTestId("item").first();
    await first.getByText("Why").press("Enter");
    const before = await first.locator(".badge").first().textContent();
    await first.getByTestId("own-verdict").selectOption("unparsed");
    await page.getByText("you: ").first().waitFor();
    assert.equal(await first.locator(".badge").first().textContent(), before, "the automatic verdict stays");
    assert.match(await id("agreement").textContent(), /You judged 1 of 20 items and agree with the automatic verdict on 0/);
    await page.reload();
    await page.getByText("you: ").first().waitFor();
    assert.match(await id("agreement").textContent(), /You judged 1 of 20 items/);
    await shoot(page, "overruled");
    await page.getByText("Compare with another run of this task").click();
    await id("compare-with").first().click();
    await id("comparison").waitFor();
    const sentence = await id("comparison-sentence").textContent();
    t.diagnostic(sentence);
    assert.match(sentence, /^Of 20 items the first run got \d+ right and the second \d+; (they never differ|\d+ only the first, \d+ only the second .*(exact McNemar test|McNemar test with correction), p [<=] )/);
    const listed = () => id("comparison").getByTestId("item").count();
    const different = await listed();
    assert.equal(different % 2, 0);
    await id("only-differences").press("Space");
    assert.equal(await listed(), 40, "every item in both runs");
    await id("only-differences").press("Space");
    assert.equal(await listed(), different);
    await shoot(page, "comparison");
    assert.equal(await id("notices").textContent(), "");
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});

test("a suite goes on with a second model of the catalog, and both stand side by side", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const it = await openPage(browser, site, { serviceWorkers: "block" });
    const { page, settle, id } = it;
    const bytes = readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf"));
    const card = {
      id: "tiny", name: "Tiny", description: "A test.", family: "llama", quantization: "Q4_1", url: "models/tiny.gguf",
      size_bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), licence: "MIT", source: "test",
      base: true,
    };
    await page.route("**/models/catalog.json", (route) => route.fulfill({ json: { default: "tiny", models: [card] } }));
    await page.context().route("**/models/tiny.gguf", (route) => route.fulfill({ body: bytes }));
    await loadTiny(it, site);
    await id("nav-tasks").click();
    await id("open-suite").click();
    await id("suite-none").press("Enter");
    for (const task of PICKED.slice(0, 2)) await id(`suite-task-${task}`).press("Space");
    assert.match(await id("suite-models").textContent(), /Tiny.*a base model, asked with worked examples/);
    await id("suite-model-tiny").press("Space");
    await shoot(page, "suite-models");
    await id("suite-start").press("Enter");
    await id("suite-later").waitFor();
    await id("suite-later").waitFor({ state: "detached", timeout: 240_000 });
    await id("suite-progress").waitFor();
    await id("suite-progress").waitFor({ state: "detached", timeout: 240_000 });
    // Worked examples do not fit the tiny context everywhere: such items are counted as errored and left out of pairs.
    await page.getByText(/^tiny-llama-q8_0.gguf and Tiny, 2 benchmarks, \d+ pairs of answers/).first().waitFor();
    assert.match(await id("beside-line").first().textContent(), /First: n = 10: .* errored\. Second: n = 10: .* errored\./);
    assert.equal(await id("beside-line").count(), 2);
    await shoot(page, "suite-two-models");
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});

test("one model's answers are read by another, word by word", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const it = await openPage(browser, site);
    const { page, settle, id } = it;
    await loadTiny(it, site);
    await id("nav-tasks").click();
    await id("choose-token_shift").click();
    await id("n-items").fill("3");
    await id("n-items").press("Tab");
    await id("run-start").press("Enter");
    await id("open-result").click({ timeout: 120_000 });
    await id("result").waitFor();
    assert.ok(await id("model-shift").isDisabled(), "the same model is loaded");
    const address = page.url();
    await page.goto(`${site.url}models/`);
    await id("own-file").setInputFiles(join(GOLDEN, "tiny-qwen2.gguf"));
    await id("loaded").waitFor();
    await id("nav-results").click();
    await page.getByRole("link", { name: "Token shift" }).first().click();
    await id("model-shift").and(page.locator(":enabled")).press("Enter");
    await id("open-result").click({ timeout: 120_000 });
    await page.getByText(/Of \d+ tokens in 3 answers, \d+ % would have been this model's first choice too/).first().waitFor();
    await page.getByText("How surprising the other model's words are").first().waitFor();
    await shoot(page, "model-shift");
    assert.notEqual(page.url(), address);
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});
