// Storage that is full, and storage that is not there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { answer, atTrial, begin } from "../lib/study.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

test("a full disk stops the study at the trial that could not be stored, in words, and nothing stored is lost", async () => {
  const it = await openPage(browser, site);
  const { page, context, id } = it;
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 3);
  await atTrial(page, 3);
  const client = await context.newCDPSession(page);
  const origin = new URL(site.url).origin;
  await client.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  // The browser believes its last estimate of the free space for half a minute.
  await page.waitForTimeout(32_000);
  await page.keyboard.press("3");
  await id("notice-save_failed").waitFor();
  await atTrial(page, 3);
  await client.send("Storage.overrideQuotaForOrigin", { origin });
  await answer(it, 3, 5);
  await page.reload();
  await atTrial(page, 5);
  await context.close();
});

test("a browser that gives no storage says so at once and the study still works until the page closes", async () => {
  const it = await openPage(browser, site);
  const { page, context, id } = it;
  await page.addInitScript(() => {
    Object.defineProperty(window, "indexedDB", { value: undefined, configurable: true });
  });
  await page.goto(`${site.url}judge/`);
  await id("notice-storage_unavailable").waitFor();
  await begin(it);
  await answer(it, 0, 3);
  await atTrial(page, 3);
  assert.match(await id("notices").textContent(), /Data made now lives only until this page is closed/);
  await context.close();
});
