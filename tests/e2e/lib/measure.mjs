// What "This device" on the page of models measures, in a fresh browser.
import { openPage, startBrowser } from "./browser.mjs";

const MINUTE = 60_000;

/**
 * The device card of the default model, with the seconds of a cold load, the worker's heap in bytes, and the page's words
 * for the best products of matrices of the same run and the share of them that scoring reaches.
 */
export async function measure(site, project) {
  const browser = await startBrowser(project);
  const { page, context, id } = await openPage(browser, site);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${site.url}models/`);
  await id("load-smollm2-135m-instruct-q4_1").or(id("load-default")).first().waitFor();
  const start = performance.now();
  await page.locator("[data-testid^=load-smollm2]").first().click();
  await id("measure").waitFor({ timeout: 4 * MINUTE });
  const load = (performance.now() - start) / 1000;
  await id("measure").click();
  await id("measures").waitFor({ timeout: 10 * MINUTE });
  await id("copy-measures").click();
  const card = await page.evaluate(() => navigator.clipboard.readText());
  const products = (await id("gemm").count()) ? await id("gemm").textContent() : null;
  const heap = await id("heap").getAttribute("data-bytes").catch(() => null);
  await browser.close();
  return { project, cold_load_seconds: load, heap_bytes: Number(heap), products, ...JSON.parse(card) };
}
