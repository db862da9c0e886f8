// The 253 MB model: how much memory its worker takes, and that it goes on with a text, being a base model.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { watchMemory } from "../lib/memory.mjs";
import { GEMMA_PATH, startSite } from "../lib/site.mjs";

const skip = existsSync(GEMMA_PATH) ? false : "the model is not here: run make model-gemma";
const MINUTE = 60_000;

for (const project of ["gpu", "cpu"]) test(`${project}: Gemma loads within its memory and writes`, { skip }, async (t) => {
  const site = await startSite({ model: true, gemma: true });
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
    // Measured: 124 MB, of which most is the vocabulary of 262,144 tokens, and on the processor 367 MB with the weights.
    assert.ok(heap < (project === "gpu" ? 160 : 420) * 1e6, "the heap is within its budget");
    await id("nav-chat").click();
    await id("base-model").waitFor();
    await id("chat-input").fill("The capital of France is");
    await id("chat-input").press("Enter");
    await id("answer").getByTestId("word").nth(2).waitFor({ timeout: 4 * MINUTE });
    await id("chat-stop").and(page.locator(":enabled")).or(page.getByText("Finished", { exact: true })).first().click();
    const answer = await id("answer").first().textContent();
    t.diagnostic(answer);
    // As transformers goes on with it (tests/golden/models/gemma-3-270m.json).
    assert.match(answer, /^Model the capital/);
    const peak = memory.stop();
    t.diagnostic(`megabytes at most: ${JSON.stringify(peak)}`);
    settle();
  } finally {
    memory.stop();
    await browser.close();
    await site.close();
  }
});
