// A tiny model with random weights finds things alike: what it finds means nothing, what the page does with it does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const model = { name: "tiny.gguf", mimeType: "application/octet-stream", buffer: readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf")) };
const WORDS = ["dog", "cat", "cow", "car", "bus", "van", "pear"];
const upper = (noise) => WORDS.flatMap((a, i) => WORDS.slice(i + 1).map((b, j) => (Math.floor(i / 3) === Math.floor((i + j + 1) / 3) ? 18 : 4) + ((i * 7 + j * 3) % noise)));
// Three made-up raters: a file of the shape of the Leuven norms.
const raters = { names: WORDS, measure: "similarity", raters: [3, 4, 5].map((noise) => ({ rater: `made up ${noise}`, upper: upper(noise) })) };
const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
const text = async (page, download) => readFileSync(await (await download).path(), "utf8");

for (const project of ["cpu", "gpu"]) {
  let site, browser;
  before(async () => { site = await startSite(); browser = await startBrowser(project); });
  after(async () => { await browser?.close(); await site?.close(); });

  async function ready() {
    const it = await openPage(browser, site);
    await it.page.goto(`${site.url}models/`);
    await it.page.locator(`[data-testid=device-line].${project}`).waitFor();
    await it.id("own-file").setInputFiles(model);
    await it.id("loaded").waitFor();
    await it.id("nav-similarity").click();
    return it;
  }

  async function start({ page, id }, ask) {
    await id("ask").selectOption(ask);
    await id("similarity-start").click();
    await id("similarity-start").and(page.locator(":disabled")).waitFor({ timeout: 5000 }).catch(() => {});
    await id("similarity-start").and(page.locator(":enabled")).waitFor({ timeout: 120_000 });
  }

  test(`${project}: hidden states of one's own words, beside three raters from a file, layer by layer, kept over a reload`, async (t) => {
    const it = await ready();
    const { page, id, settle, context } = it;
    await id("no-similarity").waitFor();
    await id("set").selectOption("own");
    await id("own-words").fill(WORDS.join("\n"));
    assert.match(await id("cost").textContent(), /7 words: 21 pairs/);
    await start(it, "hidden_states");
    await id("similarity-sentence").waitFor();
    assert.match(await id("similarity-sentence").textContent(), /Dissimilarity of 7 words/);
    await shoot(page, `similarity-alone-${project}`);

    await id("similarity-file").setInputFiles(file("raters.json", JSON.stringify(raters)));
    await page.locator("[data-testid=similarity-sentence]", { hasText: "Noise ceiling" }).waitFor();
    const sentence = await id("similarity-sentence").textContent();
    assert.match(sentence, /Spearman's rho -?\d\.\d\d, 95 % interval over words .*21 pairs of 7 words, mean over 3 raters/);
    await page.getByRole("heading", { name: /layer by layer/ }).first().waitFor();
    await page.locator("[data-testid=progress]").last().waitFor({ state: "hidden" }).catch(() => {});
    await shoot(page, `similarity-beside-${project}`);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
    await shoot(page, `similarity-phone-${project}`);
    await page.setViewportSize({ width: 1280, height: 800 });

    // Resamples come from a worker, which says how many and how long.
    const drawn = page.getByText(/^Interval: .* in a worker on this device\.$/);
    assert.match(await drawn.textContent(), /2000 resamples of the 7 words \(seed \d+\), 21 pairs, 3 raters, drawn in \d+\.\d\d s/);
    await id("resamples").selectOption("10000");
    await page.getByText(/^Interval: 10000 resamples/).waitFor({ timeout: 60_000 });
    t.diagnostic(await drawn.textContent());
    // A dog, a cat, a cow: the words of a built-in set stand on the map with their pictures, which a saved figure keeps.
    assert.ok(await id("map").first().locator("image[href^='data:image/svg+xml']").count() >= 3);

    // By keyboard from name to name.
    await id("map").first().focus();
    await page.keyboard.press("ArrowRight");
    assert.match(await id("map-words").first().textContent(), /^cat: nearest are /);

    await accessibleEverywhere(page, "similarity with results");

    // Another layer and another measure change the sentence.
    await id("layer").fill("2");
    await id("layer-shown").and(page.locator(":text-is('2')")).waitFor();
    await id("measure").selectOption("kendall-tau-a");
    await page.locator("[data-testid=similarity-sentence]", { hasText: "Kendall's tau-a" }).waitFor();

    const saved = async (name) => {
      // A figure is drawn anew, and closed, when its interval comes.
      if (!(await id(name).first().isVisible())) await page.getByText("Show as table, save").first().click();
      const [download] = await Promise.all([page.waitForEvent("download"), id(name).first().click()]);
      return download;
    };
    const svg = await text(page, saved("figure-svg"));
    assert.match(svg, /^<svg[^>]*xmlns/);
    assert.ok(!svg.includes("class=") && /stroke="rgb/.test(svg), "styles stand in the file itself");
    const png = readFileSync(await (await saved("figure-png")).path());
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    assert.ok(png.length > 5000, `${png.length} bytes`);
    assert.match(await text(page, saved("figure-csv")), /noise ceiling/);
    const rdms = JSON.parse(await text(page, saved("save-rsatoolbox")));
    assert.equal(rdms.dissimilarities.length, 2);
    assert.deepEqual(rdms.pattern_descriptors.conds, WORDS);
    const tree = await saved("save-meadows");
    assert.match(tree.suggestedFilename(), /^Meadows_.*_tree\.json$/);

    await page.reload();
    await page.locator("[data-testid=similarity-sentence]", { hasText: "Noise ceiling" }).waitFor();
    settle();
    await context.close();
  });

  test(`${project}: ratings of a pair file, odd ones out, and one run beside another`, async () => {
    const it = await ready();
    const { page, id, settle, context } = it;
    await id("similarity-file").setInputFiles(file("pairs.txt", "tiger\tcat\t7.5\nbook\tpaper\t7\ncar\tbus\t8\ntiger\tpaper\t1\ncat\tcar\t2\n"));
    await page.locator("[data-testid=cost]", { hasText: "7 words: 5 pairs" }).or(page.locator("[data-testid=cost]", { hasText: "6 words: 5 pairs" })).waitFor();
    await start(it, "pair_rating");
    await page.locator("[data-testid=similarity-sentence]", { hasText: "5 pairs of 6 words" }).waitFor();

    // In four wordings, at five temperatures: one curve a wording and one of their mean.
    await page.getByText("More choices").click();
    await id("wordings").check();
    assert.match(await id("cost").textContent(), /5 pairs to rate, in 4 wordings/);
    await start(it, "pair_rating");
    await page.getByRole("heading", { name: /by wording and temperature/ }).waitFor();
    await page.locator(".chart-legend", { hasText: "mean of the wordings" }).waitFor({ timeout: 60_000 });
    await shoot(page, `similarity-sweep-${project}`);
    await id("wordings").uncheck();
    await id("n-triplets").fill("6");
    await id("n-triplets").press("Tab");
    await start(it, "odd_one_out");
    await page.locator("[data-testid=side] option", { hasText: "Odd one out of three, 6 items" }).waitFor({ state: "attached" });
    await start(it, "hidden_states");
    await page.locator("[data-testid=side] option", { hasText: "Hidden states of words, 6 items" }).waitFor({ state: "attached" });
    const ratings = await id("side").locator("option", { hasText: "Similarity ratings" }).last().getAttribute("value");
    const states = await id("side").locator("option", { hasText: "Hidden states" }).getAttribute("value");
    await id("side").selectOption(states);
    await id("with").selectOption(`run:${states}`);
    // A run is like itself: rho is 1 at every layer, and so is CKA.
    await page.locator("[data-testid=similarity-sentence]", { hasText: "rho 1.00" }).waitFor();
    await page.locator(".chart-legend", { hasText: "linear CKA" }).waitFor();
    await id("with").selectOption(`run:${ratings}`);
    await page.locator("[data-testid=similarity-sentence]", { hasText: "5 pairs of 6 words" }).waitFor();
    await shoot(page, `similarity-runs-${project}`);

    // A file that is neither is refused in words, and nothing is lost.
    await id("similarity-file").setInputFiles(file("odd.json", "{\"a\": 1}"));
    await page.getByText(/neither raters, dissimilarities nor arrangement/).waitFor({ state: "attached" });
    await id("nav-results").click();
    assert.equal(await id("run-row").count(), 4);
    settle();
    await context.close();
  });
}
