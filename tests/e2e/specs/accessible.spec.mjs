// Every page, light and dark, through axe: nothing serious may be found; and nothing may be wider than a phone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible } from "../lib/axe.mjs";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { atTrial, begin } from "../lib/study.mjs";

const ROUTES = ["", "models/", "chat/", "tasks/", "run/", "sight/", "suite/", "results/", "similarity/", "judge/", "build/", "class/", "lesson/", "data/", "about/"];
let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

for (const colorScheme of ["light", "dark"]) {
  test(`${colorScheme}: no page has a serious fault`, async () => {
    const it = await openPage(browser, site, { colorScheme, reducedMotion: "reduce" });
    const { page, context } = it;
    for (const route of ROUTES) {
      await page.goto(site.url + route);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      await accessible(page, route);
    }
    await page.goto(`${site.url}judge/`);
    await begin(it);
    await atTrial(page, 0);
    await accessible(page, "a trial");
    await context.close();
  });
}

test("no page is wider than a phone", async () => {
  const { page, context } = await openPage(browser, site, { viewport: { width: 360, height: 740 } });
  for (const route of ROUTES) {
    await page.goto(site.url + route);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, `${route} is ${over} px too wide`);
  }
  await context.close();
});
