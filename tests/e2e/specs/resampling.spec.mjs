// Ten thousand resamples of fifty words beside one rater: drawn in a worker while the page answers. The time is told, not
// tested: it is that of the build and the machine at hand.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const MINUTE = 60_000;
const WORDS = Array.from({ length: 50 }, (_, i) => `thing ${i + 1}`);
const upper = WORDS.flatMap((_, i) => WORDS.slice(i + 1).map((_, j) => 1 + ((i * 31 + j * 17) % 97)));
const rater = { names: WORDS, measure: "similarity", raters: [{ rater: "made up", upper }] };
const model = { name: "tiny.gguf", mimeType: "application/octet-stream", buffer: readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf")) };

test("fifty words, one rater, 10,000 resamples", async (t) => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await id("own-file").setInputFiles(model);
    await id("loaded").waitFor();
    await id("nav-similarity").click();
    await id("set").selectOption("own");
    await id("own-words").fill(WORDS.join("\n"));
    await id("ask").selectOption("hidden_states");
    await id("similarity-start").click();
    await page.locator("[data-testid=similarity-sentence]", { hasText: "Dissimilarity of 50 words" }).waitFor({ timeout: 4 * MINUTE });
    await id("similarity-file").setInputFiles({ name: "rater.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(rater)) });
    await page.getByText(/^Interval: 2000 resamples/).waitFor({ timeout: 2 * MINUTE });
    await id("resamples").selectOption("10000");
    // The page answers meanwhile.
    await id("measure").focus();
    const line = page.getByText(/^Interval: 10000 resamples of the 50 words/);
    await line.waitFor({ timeout: 2 * MINUTE });
    t.diagnostic(await line.textContent());
    assert.match(await line.textContent(), /1225 pairs, one rater/);
    // More of them are stopped on the way, by keyboard; what was drawn is said.
    await id("resamples").selectOption("50000");
    await id("stop-resampling").press("Enter");
    const stopped = page.getByText(/^Interval: stopped after \d+ of 50000 resamples of the 50 words/);
    await stopped.waitFor({ timeout: MINUTE });
    t.diagnostic(await stopped.textContent());
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});
