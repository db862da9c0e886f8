// Every benchmark runs in the page, with a tiny model, and its result opens without an error.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { accessible } from "../lib/axe.mjs";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

test("every benchmark runs to its end and its result opens", async (t) => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await page.locator("[data-testid=device-line].cpu").waitFor();
    await id("own-file").setInputFiles(join(GOLDEN, "tiny-llama-q8_0.gguf"));
    await id("loaded").waitFor();
    await id("nav-tasks").click();
    const choices = page.locator("[data-testid^=choose-]");
    await choices.first().waitFor();
    const n = await choices.count();
    assert.ok(n >= 10, `${n} benchmarks`);
    for (let at = 0; at < n; at += 1) {
      await id("nav-tasks").click();
      const name = await choices.nth(at).getAttribute("data-testid");
      await choices.nth(at).click();
      await id("n-items").fill("2");
      await id("n-items").press("Tab");
      await id("run-start").click();
      await id("open-result").waitFor({ timeout: 120_000 });
      await id("open-result").click();
      await id("result").waitFor();
      const sentence = await id("result-sentence").textContent();
      t.diagnostic(`${name}: ${await id("result-status").textContent()}: ${sentence}`);
      assert.equal(await id("result-status").textContent(), "complete", name);
      assert.ok(await id("result").getByTestId("figure").count() >= 1, `${name} has a figure`);
      assert.equal(await id("notices").textContent(), "", name);
      await accessible(page, name);
    }
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});
