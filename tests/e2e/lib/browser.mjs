// Chromium without and with a (software) graphics adapter, and a page that remembers everything it should not do.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--headless=new", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const PROJECTS = {
  cpu: FLAGS,
  gpu: [...FLAGS, "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
};

/** Starts a browser: "cpu" has no graphics adapter, "gpu" has a software one. */
export function startBrowser(project) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: PROJECTS[project],
    headless: true,
    // Playwright's own headless flag means the old mode.
    ignoreDefaultArgs: ["--headless"],
  });
}

/**
 * A fresh profile with one page of the site.
 * `wrong` collects console errors (content security policy violations are such), uncaught errors and requests to
 * other hosts; `settle` asserts that there are none. The site's service worker is left out unless a test asks for it.
 */
export async function openPage(browser, site, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: "block", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  const origin = new URL(site.url).origin;
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error.message}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin) wrong.push(`foreign request: ${request.url()}`);
  });
  const settle = () => assert.deepEqual([...new Set(wrong)].slice(0, 5), [], "the page did something wrong");
  return { context, page, wrong, settle, id: (name) => page.getByTestId(name) };
}

/** Records of each kind, as the data page counts them. */
export async function storedCounts(page, site) {
  await page.goto(`${site.url}data/`);
  const counts = {};
  for (const kind of ["runs", "itemresults", "sessions", "judgments", "settings"]) {
    counts[kind] = Number(await page.getByTestId(`stored-${kind}`).getByTestId("stored-n").textContent());
  }
  return counts;
}

/** With SCREENSHOTS set to a folder, keeps a picture of the page as it is now, light and dark. */
export async function shoot(page, name) {
  if (!process.env.SCREENSHOTS) return;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}-${colorScheme}.png`, fullPage: true });
  }
}
