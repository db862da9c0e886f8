// After the first visit the site works without a network; a new version waits until a person asks for it.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { DIST, GOLDEN, PREFIX, startSite } from "../lib/site.mjs";
import { answer, atTrial, begin } from "../lib/study.mjs";
import { serve } from "../../../tools/serve.mjs";

const ROUTES = ["", "models/", "chat/", "tasks/", "run/", "sight/", "suite/", "results/", "similarity/", "judge/", "build/", "class/", "lesson/", "data/", "about/"];
let browser;
before(async () => { browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); });
const open = (site) => openPage(browser, site, { serviceWorkers: "allow" });

/** Visits once and waits until the site is kept. */
async function visit(it, site) {
  await it.page.goto(`${site.url}about/`);
  await it.id("preflight-offline").getByTestId("light").filter({ hasText: "good" }).waitFor({ timeout: 60_000 });
}

test("with the server gone every page opens, a study goes on, and a model from the disk loads", async () => {
  const folder = mkdtempSync(join(tmpdir(), "likewise-kept-"));
  cpSync(DIST, folder, { recursive: true });
  const site = await serve({ folder, prefix: PREFIX });
  const it = await open(site);
  const { page, context, wrong, id } = it;
  const load = async () => {
    await page.goto(`${site.url}models/`);
    await id("own-file").setInputFiles(join(GOLDEN, "tiny-llama-q4_1.gguf"));
    await id("loaded").waitFor();
  };
  await visit(it, site);
  await load();
  wrong.length = 0;
  await context.setOffline(true);
  await site.close();
  for (const route of ROUTES) {
    await page.goto(site.url + route);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.notEqual(await page.title(), "", route);
    assert.equal(await id("notice-network").count(), 0, `${route}: something was not kept`);
  }
  // A folder without its slash, a page that is not there.
  await page.goto(`${site.url}judge?study=odd_one_out`);
  await page.getByRole("heading", { name: "Odd one out" }).waitFor();
  assert.ok(page.url().endsWith("/judge/?study=odd_one_out"));
  await page.goto(`${site.url}not/there`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 3);
  await page.reload();
  await atTrial(page, 3);
  await load();
  await id("nav-about").click();
  await id("preflight-check").getByTestId("light").filter({ hasText: "works" }).waitFor();
  await shoot(page, "preflight");
  // The browser itself notes that it could not ask for a newer service worker.
  assert.deepEqual(wrong.filter((line) => !line.includes("sw.js")), []);
  await context.close();
  rmSync(folder, { recursive: true });
});

test("the real model is loaded through the kept site, and again from its kept copy with the server gone", async () => {
  const site = await startSite({ model: true });
  const it = await open(site);
  const { page, context, wrong, id } = it;
  const load = async () => {
    await page.goto(`${site.url}models/`);
    await id("load-smollm2-135m-instruct-q4_1").click();
    await id("loaded").waitFor({ timeout: 120_000 });
    assert.match(await id("loaded-self-test").textContent(), /^passed/);
  };
  await visit(it, site);
  await load();
  wrong.length = 0;
  await context.setOffline(true);
  await site.close();
  await load();
  assert.deepEqual(wrong.filter((line) => !line.includes("sw.js")), []);
  await context.close();
});

test("a new version is announced, not during a session, and taken only when asked for", async () => {
  // A copy of the site whose second version differs in one text.
  const folder = mkdtempSync(join(tmpdir(), "likewise-versions-"));
  cpSync(DIST, folder, { recursive: true });
  const site = await serve({ folder, prefix: PREFIX, ranges: false });
  const it = await open(site);
  const { page, context, id } = it;
  await visit(it, site);
  await page.goto(`${site.url}judge/`);
  await begin(it);
  await answer(it, 0, 2);
  await atTrial(page, 2);
  const study = join(folder, "studies/everyday_words.json");
  const title = (name) => writeFileSync(study, readFileSync(study, "utf8").replace(/"title": "[^"]*"/, `"title": "${name}"`));
  title("Newer words");
  execFileSync("python3", ["-c", `import sys; sys.path.insert(0, ${JSON.stringify(resolve(import.meta.dirname, "../../../tools"))}); import pathlib, post_build; post_build.keep_offline(pathlib.Path(${JSON.stringify(folder)}))`]);
  await page.reload();
  await atTrial(page, 2);
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update();
    while (!registration.waiting) await new Promise((done) => setTimeout(done, 50));
  });
  await page.waitForTimeout(300);
  assert.equal(await id("new-version").count(), 0, "not in the middle of a session");
  await atTrial(page, 2);
  // Elsewhere it is announced; the old version goes on until then.
  await page.goto(`${site.url}about/`);
  await id("new-version").waitFor();
  await shoot(page, "new-version");
  assert.match(await page.evaluate(async () => (await fetch("studies/everyday_words.json")).text()), /Everyday words/);
  await id("reload").click();
  await id("new-version").waitFor({ state: "detached" });
  assert.match(await page.evaluate(async () => (await fetch("studies/everyday_words.json")).text()), /Newer words/);
  await context.close();
  await site.close();
  rmSync(folder, { recursive: true });
});

test("a half updated host keeps the version that is there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "likewise-half-"));
  cpSync(DIST, folder, { recursive: true });
  const site = await serve({ folder, prefix: PREFIX, ranges: false });
  const it = await open(site);
  const { page, context, id } = it;
  await visit(it, site);
  const list = readFileSync(join(folder, "sw.js"), "utf8");
  // The list is new, the files are not.
  writeFileSync(join(folder, "sw.js"), list.replace(/"studies\/everyday_words\.json": "[0-9a-f]{64}"/, `"studies/everyday_words.json": "${"0".repeat(64)}"`).replace(/const VERSION = "/, 'const VERSION = "0'));
  const state = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update();
    const { installing } = registration;
    while (installing && installing.state === "installing") await new Promise((done) => setTimeout(done, 50));
    return [installing?.state, registration.waiting === null, registration.active.state, await caches.keys()];
  });
  assert.deepEqual(state.slice(0, 3), ["redundant", true, "activated"]);
  assert.equal(state[3].length, 1);
  assert.ok(readdirSync(folder).includes("sw.js"));
  await context.setOffline(true);
  await page.reload();
  await id("preflight").waitFor();
  await context.close();
  await site.close();
  rmSync(folder, { recursive: true });
});
