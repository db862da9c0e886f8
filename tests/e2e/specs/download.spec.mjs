// Fetching the real weights over a bad line, keeping them, and giving the room back.
import assert from "node:assert/strict";
import { createReadStream, existsSync } from "node:fs";
import { Transform } from "node:stream";
import { test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { MODEL_FILE, MODEL_PATH, startSite } from "../lib/site.mjs";

const skip = existsSync(MODEL_PATH) ? false : "the model is not here: run make model";
const MINUTE = 60_000;

test("a download that breaks off goes on where it stopped, is kept for the next visit, and can be deleted", { skip }, async (t) => {
  let sent = 0;
  let breakAfter = 50_000_000;
  const open = (file, range) => {
    const stream = createReadStream(file, range);
    if (!file.endsWith(".gguf")) return stream;
    return stream.pipe(new Transform({
      transform(chunk, _encoding, done) {
        sent += chunk.length;
        done(sent > breakAfter ? new Error("the line broke") : null, chunk);
      },
    }));
  };
  const site = await startSite({ model: true, ranges: true, open });
  const browser = await startBrowser("cpu");
  try {
    const { page, id } = await openPage(browser, site);
    const ready = () => id("loaded").or(id("notices").locator("section")).first().waitFor({ timeout: 2 * MINUTE });
    await page.goto(`${site.url}models/`);
    const load = page.locator("[data-testid^=load-smollm2]");
    await load.click();
    await id("notice-network").waitFor({ timeout: MINUTE });
    const first = sent;
    breakAfter = Infinity;
    await id("notice-dismiss").click();
    await load.click();
    await ready();
    assert.equal(await id("notices").textContent(), "");
    t.diagnostic(`${first} bytes before the break, ${sent - first} after it`);
    assert.ok(sent < 98_362_432 + 16_000_000, `${sent} bytes in all: what was there was fetched again`);

    const before = sent;
    await page.reload();
    await load.click();
    await ready();
    assert.equal(sent, before, "a warm load asks the network for nothing");
    await id("cached-row").waitFor();
    assert.match(await id("cached-row").textContent(), new RegExp(MODEL_FILE.split("-")[0]));
    await id("delete-cached").click();
    const yes = page.locator("[data-testid^=delete-cached][data-testid$=-yes]");
    if (await yes.count()) await yes.click();
    await id("no-cached").waitFor();
    assert.equal(await id("loaded").count(), 0);
  } finally {
    await browser.close();
    await site.close();
  }
});

test("a second tab waits for the download of the first and shares it", { skip }, async () => {
  let sent = 0;
  const open = (file, range) => {
    const stream = createReadStream(file, range);
    if (!file.endsWith(".gguf")) return stream;
    // Slow enough for the second tab to come in between.
    return stream.pipe(new Transform({
      transform(chunk, _encoding, done) { sent += chunk.length; setTimeout(() => done(null, chunk), 5); },
    }));
  };
  const site = await startSite({ model: true, ranges: true, open });
  const browser = await startBrowser("cpu");
  try {
    const { context, page, id } = await openPage(browser, site);
    await page.goto(`${site.url}models/`);
    await page.locator("[data-testid^=load-smollm2]").click();
    await id("progress").waitFor();
    const other = await context.newPage();
    await other.goto(`${site.url}models/`);
    await other.locator("[data-testid^=load-smollm2]").click();
    await id("loaded").waitFor({ timeout: 2 * MINUTE });
    await other.getByTestId("loaded").waitFor({ timeout: 2 * MINUTE });
    assert.equal(await id("notices").textContent(), "");
    assert.equal(await other.getByTestId("notices").textContent(), "");
    assert.ok(sent < 98_362_432 + 16_000_000, `${sent} bytes in all: the file was fetched twice`);
  } finally {
    await browser.close();
    await site.close();
  }
});
