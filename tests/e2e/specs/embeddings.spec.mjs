// Sentence embeddings: the encoder loads beside any other model, embeds a set, and its run stands beside people's ratings.
// Needs the weights: make model-minilm.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { MINILM_PATH, startSite } from "../lib/site.mjs";

const skip = existsSync(MINILM_PATH) ? false : "the encoder is not here: run make model-minilm";
const MINUTE = 60_000;

test("words are embedded and compared without any other model", { skip }, async (t) => {
  const site = await startSite({ model: true });
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}similarity/`);
    await id("ask").selectOption("embeddings");
    await id("needs-encoder").waitFor();
    assert.ok(await id("similarity-start").isDisabled());
    await id("encoder-load").focus();
    await page.keyboard.press("Enter");
    await id("encoder-loaded").waitFor({ timeout: 4 * MINUTE });
    t.diagnostic(await id("encoder-loaded").textContent());
    await id("set").selectOption("own");
    await id("own-words").fill(["dog", "puppy", "car", "truck", "apple", "pear", "happy", "glad"].join("\n"));
    assert.match(await id("cost").textContent(), /8 words to embed/);
    await id("similarity-start").click();
    await id("similarity-sentence").waitFor({ timeout: 4 * MINUTE });
    assert.match(await id("similarity-sentence").textContent(), /Dissimilarity of 8 words/);
    await shoot(page, "embeddings");
    await page.setViewportSize({ width: 360, height: 740 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, "too wide for a phone");
    const counts = await storedCounts(page, site);
    assert.equal(counts.runs, 1);
    assert.equal(counts.itemresults, 8);
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});
