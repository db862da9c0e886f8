// A tiny model with random weights: what it says means nothing, what the page does with it does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const file = { name: "tiny.gguf", mimeType: "application/octet-stream", buffer: readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf")) };

for (const project of ["cpu", "gpu"]) {
  let site, browser;
  before(async () => { site = await startSite(); browser = await startBrowser(project); });
  after(async () => { await browser?.close(); await site?.close(); });

  test(`${project}: a model of one's own loads, talks, is stopped, and takes a benchmark that outlives a reload`, async () => {
    const { page, context, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await page.locator(`[data-testid=device-line].${project}`).waitFor();
    await id("own-file").setInputFiles(file);
    await id("loaded").waitFor();
    await shoot(page, `loaded-${project}`);
    assert.match(await id("loaded-backend").textContent(), project === "gpu" ? /^Graphics card: \S/ : /^Processor: \S/);

    await id("measure").click();
    await id("measures").waitFor({ timeout: 120_000 });
    assert.match(await id("measures").textContent(), /Writing[\d.]+ tokens a second/);
    if (project === "gpu") assert.match(await id("measured-work").textContent(), /: [\d.]+ kernel dispatches/);
    await shoot(page, `measured-${project}`);

    await id("go-chat").click();
    await id("chat-input").fill("Hello");
    await id("chat-input").press("Enter");
    await id("answer").waitFor();
    await id("answer").getByTestId("word").nth(2).waitFor();
    // It has no idea of an end: stop it, unless the limit came first.
    if (await id("chat-stop").isEnabled()) await id("chat-stop").click({ timeout: 1000 }).catch(() => {});
    await id("chat-send").and(page.locator(":enabled")).waitFor();
    // Drawn, not greedy: the same seed draws the same text.
    const drawn = [];
    for (const seed of ["5", "5", "6"]) {
      await id("chat-clear").click();
      await page.locator("#temperature").fill("1");
      await page.locator("#top-p").fill("0.9");
      await page.locator("#seed").fill(seed);
      await page.locator("#seed").press("Tab");
      await id("chat-input").fill("Hello");
      await id("chat-input").press("Enter");
      await id("answer").getByText(/a second/).waitFor({ timeout: 60_000 });
      drawn.push((await id("answer").getByTestId("word").allTextContents()).join(" "));
    }
    assert.equal(drawn[0], drawn[1]);
    assert.notEqual(drawn[0], drawn[2]);
    await id("word").first().click();
    await id("lens").waitFor();
    await shoot(page, `chat-${project}`);
    assert.match(await id("lens").textContent(), /\d+\.\d %/);

    await id("nav-tasks").click();
    await id("choose-known_unknowns").click();
    await id("n-items").fill("4");
    await id("n-items").press("Tab");
    await id("run-start").click();
    await id("open-result").waitFor();
    assert.equal(await id("item").count(), 4);
    const counted = await id("counts").first().textContent();
    await id("open-result").click();
    await id("result").waitFor();
    await page.reload();
    await id("result").waitFor();
    assert.equal(await id("result-status").textContent(), "complete");
    assert.equal(await id("counts").first().textContent(), counted);
    assert.equal(await id("item").count(), 4);

    await shoot(page, `result-${project}`);
    const [download] = await Promise.all([page.waitForEvent("download"), id("export-json").click()]);
    const saved = JSON.parse(readFileSync(await download.path(), "utf8"));
    assert.equal(saved.results.length, 4);
    const [table] = await Promise.all([page.waitForEvent("download"), id("export-csv").click()]);
    assert.equal(readFileSync(await table.path(), "utf8").trim().split("\n").length, 5);

    const counts = await storedCounts(page, site);
    assert.deepEqual({ runs: counts.runs, itemresults: counts.itemresults }, { runs: 1, itemresults: 4 }, "a run that ended is one run");
    settle();
    await context.close();
  });

  test(`${project}: a run that is stopped can be resumed to its end`, async () => {
    const { page, context, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await page.locator(`[data-testid=device-line].${project}`).waitFor();
    await id("own-file").setInputFiles(file);
    await id("loaded").waitFor();
    await id("nav-tasks").click();
    await id("choose-known_unknowns").click();
    await id("n-items").fill("40");
    await id("n-items").press("Tab");
    await id("run-start").click();
    await id("item").first().waitFor();
    await id("run-cancel").click();
    await id("run-resume").waitFor();
    const stopped = await id("item").count();
    assert.ok(stopped >= 1 && stopped < 40, `${stopped} items when stopped`);
    await id("run-resume").click();
    await id("run-resume").waitFor({ state: "detached" });
    await id("open-result").waitFor({ timeout: 120_000 });
    assert.equal(await id("item").count(), 40);
    settle();
    await context.close();
  });
}
