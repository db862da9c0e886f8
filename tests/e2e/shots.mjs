// Pictures of every page, light and dark, on a desktop and a phone, into screenshots/. Usage: node shots.mjs
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openPage, startBrowser } from "./lib/browser.mjs";
import { startSite } from "./lib/site.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "screenshots");
mkdirSync(folder, { recursive: true });
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const site = await startSite();
const browser = await startBrowser("cpu");
for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, context, wrong } = await openPage(browser, site, { viewport, colorScheme });
    for (const route of ["", "models/", "chat/", "tasks/", "run/", "results/", "judge/", "data/", "about/"]) {
      await page.goto(site.url + route);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      const name = `${route.replace("/", "") || "home"}-${size}-${colorScheme}`;
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) console.log(`${name}: ${overflow} px wider than the window`);
    }
    for (const what of new Set(wrong)) console.log(`${size} ${colorScheme}: ${what}`);
    await context.close();
  }
}
await browser.close();
await site.close();
