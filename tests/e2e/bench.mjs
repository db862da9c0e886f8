// Measures the default model in a browser, as "This device" on the page of models does, on the processor and on the
// software adapter; prints the device cards and the seconds of a cold load. Usage: node bench.mjs [cpu] [gpu]
import { openPage, startBrowser } from "./lib/browser.mjs";
import { startSite } from "./lib/site.mjs";

const MINUTE = 60_000;
const site = await startSite({ model: true });
const projects = process.argv.slice(2);
for (const project of projects.length ? projects : ["cpu", "gpu"]) {
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
  const heap = await id("heap").getAttribute("data-bytes").catch(() => null);
  console.log(JSON.stringify({ project, cold_load_seconds: load, heap_bytes: Number(heap), ...JSON.parse(card) }, null, 1));
  await browser.close();
}
await site.close();
