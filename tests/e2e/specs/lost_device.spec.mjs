import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

test("a lost graphics device is said, the model comes back by itself and the conversation stays", async () => {
  const site = await startSite();
  const browser = await startBrowser("gpu");
  try {
    const { page, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await id("own-file").setInputFiles(join(GOLDEN, "tiny-llama-q8_0.gguf"));
    await id("loaded").waitFor();
    await id("go-chat").click();
    await id("chat-input").fill("Hello");
    await id("chat-input").press("Enter");
    await id("word").first().waitFor();
    if (await id("chat-stop").isEnabled()) await id("chat-stop").click({ timeout: 1000 }).catch(() => {});
    await id("chat-send").and(page.locator(":enabled")).waitFor();

    const session = await browser.newBrowserCDPSession();
    await session.send("Browser.crashGpuProcess").catch(() => {});
    await id("chat-input").fill("Are you there?");
    await id("chat-input").press("Enter");
    const notice = id("notices").locator("section");
    await notice.first().waitFor();
    assert.match(await notice.first().textContent(), /graphics device went away.*loaded again/s);
    assert.match(await id("answer").first().textContent(), /\w/, "the conversation is still there");

    // It comes back on the card or, if the browser gives no adapter any more, on the processor.
    await id("chat-send").and(page.locator(":enabled")).waitFor();
    await id("chat-input").fill("Once more");
    await id("chat-input").press("Enter");
    await id("answer").last().getByTestId("word").first().waitFor();
  } finally {
    await browser.close();
    await site.close();
  }
});
