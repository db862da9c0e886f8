import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";

const ROUTES = ["models", "chat", "tasks", "run", "results", "similarity", "judge", "data", "about"];

for (const project of ["cpu", "gpu"]) {
  let site, browser;
  before(async () => { site = await startSite(); browser = await startBrowser(project); });
  after(async () => { await browser?.close(); await site?.close(); });

  test(`${project}: the start shows what this is, three doors and this device, and asks no other host`, async () => {
    const { page, context, settle, id } = await openPage(browser, site);
    await page.goto(site.url);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.locator("h1").count(), 1);
    for (const door of ["door-chat", "door-judge", "door-tasks"]) assert.ok(await id(door).isVisible(), door);
    await page.locator(`[data-testid=device-line].${project}`).waitFor();
    await page.waitForLoadState("networkidle");
    assert.equal(await id("notices").locator("section").count(), 0);
    settle();
    await context.close();
  });
}

test("until the page's code is there a sentence says what is coming, and then it is gone", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page, settle } = await openPage(browser, site);
    let arrive;
    const held = new Promise((resolve) => { arrive = resolve; });
    await page.route(/app.*_bg\.wasm$/, async (route) => { await held; await route.continue(); });
    await page.goto(site.url, { waitUntil: "commit" });
    await page.getByText("The page is being fetched").waitFor();
    arrive();
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.locator("#before").count(), 0);
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});

test("every page opens directly under a sub-path, with a heading and no error", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    for (const route of ROUTES) {
      const { page, context, settle } = await openPage(browser, site);
      // Without the slash, as people type it.
      const response = await page.goto(`${site.url}${route}`);
      assert.equal(response.status(), 200, route);
      const heading = page.getByRole("heading", { level: 1 });
      await heading.waitFor();
      assert.notEqual(await heading.textContent(), "There is no such page", route);
      await page.waitForLoadState("networkidle");
      assert.equal(await page.getByTestId("notices").locator("section").count(), 0, route);
      settle();
      await context.close();
    }
  } finally {
    await browser.close();
    await site.close();
  }
});

test("the doors and links lead to pages whose addresses reload", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page, id } = await openPage(browser, site);
    for (const link of ["door-chat", "door-judge", "door-tasks", "nav-models", "nav-results", "nav-data", "nav-about"]) {
      await page.goto(site.url);
      await id(link).click();
      await page.waitForURL((url) => url.pathname !== new URL(site.url).pathname);
      const heading = await page.getByRole("heading", { level: 1 }).textContent();
      await page.reload();
      await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
    }
  } finally {
    await browser.close();
    await site.close();
  }
});

test("an address that does not exist leads back to the start", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page } = await openPage(browser, site);
    const response = await page.goto(`${site.url}no/such/page`);
    assert.equal(response.status(), 404);
    await page.getByRole("heading", { level: 1, name: "There is no such page" }).waitFor();
    await page.getByRole("link", { name: "Go to the start" }).click();
    await page.waitForURL(site.url);
    await page.getByTestId("door-chat").waitFor();
  } finally {
    await browser.close();
    await site.close();
  }
});
