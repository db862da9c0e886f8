// The 253 MB model: how much memory its worker and the page take, and that it writes.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { watchMemory } from "../lib/memory.mjs";
import { GEMMA_PATH, startSite } from "../lib/site.mjs";

const skip = existsSync(GEMMA_PATH) ? false : "the model is not here: run make model-gemma";
const MINUTE = 60_000;

for (const project of ["gpu", "cpu"]) test(`${project}: Gemma loads within its memory and writes`, { skip }, async (t) => {
  const site = await startSite({ model: true });
  const browser = await startBrowser(project);
  const memory = watchMemory();
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    const started = performance.now();
    await page.locator("[data-testid^=load-gemma]").first().click();
    await id("heap").or(id("notices").locator("section")).first().waitFor({ timeout: 5 * MINUTE });
    assert.equal(await id("notices").textContent(), "");
    const heap = Number(await id("heap").getAttribute("data-bytes"));
    t.diagnostic(`loaded in ${((performance.now() - started) / 1000).toFixed(1)} s; heap of the worker ${heap} bytes`);
    await id("nav-chat").click();
    await id("chat-input").fill("The capital of France is");
    await id("chat-input").press("Enter");
    await id("answer").getByTestId("word").nth(2).waitFor({ timeout: 4 * MINUTE });
    await id("chat-stop").or(page.getByText("Finished", { exact: true })).first().click();
    const answer = await id("answer").first().textContent();
    t.diagnostic(answer);
    const peak = memory.stop();
    t.diagnostic(`megabytes at most: ${JSON.stringify(peak)}`);
    settle();
  } finally {
    memory.stop();
    await browser.close();
    await site.close();
  }
});
