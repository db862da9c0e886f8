// What axe finds serious on the page as it is now: nothing may be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { shoot } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function accessible(page, where) {
  // Evaluated by the debugger, so the page's own policy stays as it is.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`));
  assert.deepEqual(found, [], where);
}

/** Both color schemes, on a screen and on a phone, where nothing may be wider than the page either. */
export async function accessibleEverywhere(page, where) {
  for (const size of [{ width: 360, height: 740 }, { width: 1280, height: 800 }]) {
    await page.setViewportSize(size);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, `${where} is ${over} px too wide at ${size.width}`);
    if (size.width < 600) await shoot(page, `phone-${where.replace(/\W+/g, "-")}`);
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await accessible(page, `${where}, ${colorScheme}, ${size.width} px`);
    }
  }
}
