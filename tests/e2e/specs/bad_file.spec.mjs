import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const whole = readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf"));
/** A copy with `n` bytes from `at` on replaced. */
function patched(buffer, at, byte, n) {
  return Buffer.from(buffer).fill(byte, at, at + n);
}
const FILES = [
  { notice: "not_gguf", name: "letter.gguf", buffer: Buffer.from("Dear reader, this is a letter and no model.\n".repeat(100)) },
  { notice: "truncated_file", name: "half.gguf", buffer: whole.subarray(0, Math.floor(whole.length / 2)) },
  { notice: "truncated_file", name: "header.gguf", buffer: whole.subarray(0, 100) },
  { notice: "unknown_family", name: "family.gguf", buffer: Buffer.from(whole.toString("latin1").replaceAll("llama", "zebra"), "latin1") },
  { notice: "damaged_file", name: "count.gguf", buffer: patched(whole, 8, 0xff, 7) },
];

for (const project of ["cpu", "gpu"]) {
  let site, browser;
  before(async () => { site = await startSite(); browser = await startBrowser(project); });
  after(async () => { await browser?.close(); await site?.close(); });

  for (const { notice, name, buffer } of FILES) {
    test(`${project}: ${name} is refused with one notice, ${notice}, and the page goes on`, async () => {
      const { page, context, id } = await openPage(browser, site);
      await page.goto(`${site.url}models/`);
      await page.locator(`[data-testid=device-line].${project}`).waitFor();
      await id("own-file").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
      await id("notices").locator("section").first().waitFor();
      await id("loading").waitFor({ state: "detached" });
      const notices = await id("notices").locator("section").evaluateAll((all) => all.map((one) => one.dataset.testid));
      assert.deepEqual(notices, [`notice-${notice}`], await id("notices").textContent());
      assert.equal(await id("loaded").count(), 0);
      await id("notice-dismiss").click();
      await id(`notice-${notice}`).waitFor({ state: "detached" });
      await context.close();
    });
  }
}
