// Storage that is full, not there, lost in between; pages that end at any moment.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
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
  // The notice can be put away, the banner stays, and what is there can be saved.
  await id("notice-dismiss").click();
  await shoot(page, "no-storage");
  const [download] = await Promise.all([page.waitForEvent("download"), id("save-memory").click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.filter((line) => line.collection === "judgments").length, 3);
  await id("nav-data").click();
  await id("memory-banner").waitFor();
  assert.match(await id("kept").innerText(), /no storage at all/);
  await context.close();
});

test("a private window whose database does not open falls back to memory, and its file is read elsewhere", async () => {
  const it = await openPage(browser, site);
  const { page, context, id } = it;
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => { throw new DOMException("The operation is insecure.", "SecurityError"); };
  });
  await page.goto(`${site.url}judge/`);
  await id("notice-storage_unavailable").waitFor();
  await begin(it);
  await answer(it, 0, 2);
  await atTrial(page, 2);
  const [download] = await Promise.all([page.waitForEvent("download"), id("save-memory").click()]);
  const file = { name: "likewise-data.jsonl", mimeType: "application/jsonl", buffer: readFileSync(await download.path()) };
  await context.close();
  const other = await openPage(browser, site);
  await other.page.goto(`${site.url}data/`);
  await other.id("stored").waitFor();
  await other.id("import-file").setInputFiles(file);
  await other.page.getByText("4 records imported, 0 were here already.").waitFor();
  await other.page.goto(`${site.url}judge/`);
  await atTrial(other.page, 2);
  other.settle();
  await other.context.close();
});

test("a database connection that is lost is opened again and the answer is stored once", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.addInitScript(() => {
    window.opened = [];
    const open = IDBFactory.prototype.open;
    IDBFactory.prototype.open = function (...rest) {
      const request = open.apply(this, rest);
      request.addEventListener("success", () => window.opened.push(request.result));
      return request;
    };
  });
  await page.goto(`${site.url}judge/`);
  await begin(it);
  for (const [from, to] of [[0, 2], [2, 4], [4, 6]]) {
    await answer(it, from, to);
    await atTrial(page, to);
    // As WebKit does it behind a page that slept: closed, without a word.
    await page.evaluate(() => window.opened.at(-1).close());
  }
  await answer(it, 6, 7);
  await atTrial(page, 7);
  assert.ok(await page.evaluate(() => window.opened.length) >= 4, "each loss opened a new connection");
  assert.equal(await id("notices").innerText(), "");
  await page.reload();
  await atTrial(page, 7);
  assert.equal((await storedCounts(page, site)).judgments, 7);
  settle();
  await context.close();
});

test("the browser is asked to keep the data when the first answer is stored, and nothing waits for its reply", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.addInitScript(() => {
    window.asked = 0;
    // A browser that asks the person, who does not reply.
    StorageManager.prototype.persist = () => { window.asked += 1; return new Promise(() => {}); };
    StorageManager.prototype.persisted = () => Promise.resolve(false);
  });
  await page.goto(`${site.url}judge/`);
  await begin(it);
  assert.equal(await page.evaluate(() => window.asked), 0, "not before there is anything to keep");
  await answer(it, 0, 3);
  await atTrial(page, 3);
  assert.equal(await page.evaluate(() => window.asked), 1);
  await id("nav-data").click();
  await page.getByText("It may delete all of it when the disk runs full").waitFor();
  assert.match(await id("estimate").innerText(), /uses .* of .* it may use/);
  await id("ask-to-keep").click();
  assert.equal(await page.evaluate(() => window.asked), 2);
  await shoot(page, "data-kept");
  settle();
  await context.close();
});

/** Places in a session from a seed, so that a failure can be repeated. */
function places(seed, n, below) {
  const all = new Set();
  for (let state = seed; all.size < n;) {
    state = (state * 48271) % 2147483647;
    all.add(1 + (state % (below - 1)));
  }
  return [...all].sort((a, b) => a - b);
}

test("killed at 20 random points of a session, it loses nothing but at most the trial on the screen", async () => {
  const TRIALS = 76;
  const it = await openPage(browser, site);
  let page = it.page;
  await page.goto(`${site.url}judge/`);
  await begin(it);
  let at = 0;
  for (const [number, until] of places(20261121, 20, TRIALS).entries()) {
    if (until > at) await answer({ page }, at, until);
    await atTrial(page, Math.max(at, until));
    const answered = Math.max(at, until);
    // Every other time a key is pressed in the very moment of the kill: that answer is stored or its trial is asked again.
    const inFlight = number % 2 === 1;
    if (inFlight) {
      await page.waitForTimeout(260);
      await page.keyboard.press("4");
    }
    const client = await it.context.newCDPSession(page);
    const gone = page.waitForEvent("crash");
    client.send("Page.crash").catch(() => {});
    await gone;
    await page.close();
    page = await it.context.newPage();
    await page.goto(`${site.url}judge/`);
    await page.getByTestId("trial").waitFor();
    at = Number(await page.getByTestId("trial").getAttribute("data-trial"));
    assert.ok(at === answered || (inFlight && at === answered + 1), `at ${at} after ${answered} answers`);
  }
  await answer({ page }, at, TRIALS);
  await page.getByTestId("judge-end").waitFor();
  const counts = await storedCounts(page, site);
  assert.deepEqual([counts.sessions, counts.judgments], [1, TRIALS], "every answer is there, and once");
  await it.context.close();
});
