// Pictures: the classifier loads, follows the sliders by keyboard, takes a person's own photograph, runs a set and
// keeps it. Needs the weights: make model-vision.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { GOLDEN, VISION_PATH, startSite } from "../lib/site.mjs";

const skip = existsSync(VISION_PATH) ? false : "the picture model is not here: run make model-vision";
const MINUTE = 60_000;

test("a picture is spoiled, declined and compared; a set runs and is kept", { skip }, async (t) => {
  const site = await startSite({ model: true });
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}sight/`);
    await id("sight-needs-model").waitFor();
    await id("sight-load").click();
    await id("sight-loaded").waitFor({ timeout: 4 * MINUTE });
    assert.match(await id("sight-loaded").textContent(), /checked against stored values/);
    await page.getByText("polar bear, clean").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-said").textContent(), /^The model says: bear/);
    assert.match(await id("sight-top").textContent(), /ice bear/);
    t.diagnostic(await id("sight-top").textContent());
    await shoot(page, "sight-clean");

    // By keyboard from clean to unrecognizable.
    await id("sight-operation").selectOption("defocus_blur");
    await id("sight-severity").focus();
    await page.keyboard.press("End");
    await page.getByText("polar bear, defocus blur 10 of 10").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-said").textContent(), /abstains/);
    assert.match(await id("sight-distance").textContent(), /no gold label/);
    await page.keyboard.press("Home");
    await page.getByText("polar bear, clean").waitFor({ timeout: MINUTE });
    // Threshold 0: always abstains.
    await id("sight-threshold").focus();
    await page.keyboard.press("Home");
    assert.match(await id("sight-said").textContent(), /abstains/);
    await page.keyboard.press("End");
    await page.getByText(/^The model says: bear/).waitFor();
    // One's own answer beside it.
    await id("sight-own").selectOption({ label: "bear" });
    assert.match(await id("sight-distance").textContent(), /Model to you: 0\.0/);
    await id("sight-function").selectOption("energy");
    await id("sight-function").selectOption("mass");

    // A photograph of one's own: not kept, not recorded.
    await id("sight-file").setInputFiles(resolve(GOLDEN, "../vision/gorilla.png"));
    await page.getByText("your picture, clean").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-top").textContent(), /gorilla/);
    assert.match(await id("sight-distance").textContent(), /no gold label but yours/);

    // The set, one operation, four severities.
    await id("sight-threshold").fill("0.5");
    await id("sight-run").click();
    await id("sight-figures").waitFor({ timeout: 4 * MINUTE });
    assert.match(await id("sight-figures").textContent(), /75 of 75 pictures/);
    assert.equal(await id("sight-figures").getByTestId("figure").count(), 5);
    // A function that is fitted on the run says on what; one that needs the corners says that they are missing.
    await id("sight-function").selectOption("mahalanobis");
    assert.match(await id("sight-basis").textContent(), /7 clean pictures of 7 of the ten classes.*weak/);
    assert.match(await id("sight-said").textContent(), /abstains|says/);
    await page.getByText(/Confidence: Mahalanobis/).first().waitFor();
    await shoot(page, "sight-mahalanobis");
    await id("sight-function").selectOption("crops");
    assert.match(await id("sight-unfit").textContent(), /Run the set again with its corners/);
    await page.getByText(/^The model (says|abstains)/).waitFor({ timeout: MINUTE });
    await id("sight-function").selectOption("mass");
    const before = await id("sight-reliability").textContent();
    await id("sight-cost").focus();
    for (let i = 0; i < 4; i += 1) await page.keyboard.press("ArrowRight");
    await page.getByText(/^Reliability at cost 3/).waitFor();
    t.diagnostic(`${before} ${await id("sight-reliability").textContent()}`);
    await shoot(page, "sight-set");
    await accessibleEverywhere(page, "sight with a run");
    await id("sight-open").click();
    await id("result").waitFor();
    assert.equal(await id("result-status").textContent(), "complete");
    await shoot(page, "sight-result");
    await accessibleEverywhere(page, "a result of pictures");
    const counts = await storedCounts(page, site);
    assert.equal(counts.runs, 1);
    assert.equal(counts.itemresults, 75);
    assert.equal(counts.judgments, 0);

    // The last run is there after a reload, without a model; a phone has room for it.
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${site.url}sight/`);
    await id("sight-figures").waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, "too wide for a phone");
    await shoot(page, "sight-phone");
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});

test("a set in VisAlign's shape is opened, looked at and run; what is none is refused", { skip }, async () => {
  const site = await startSite({ model: true });
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}sight/`);
    assert.ok(await id("sight-archive").isDisabled());
    await id("sight-load").click();
    await id("sight-loaded").waitFor({ timeout: 4 * MINUTE });
    await id("sight-archive").setInputFiles(resolve(GOLDEN, "../sets/shapes.zip"));
    await id("sight-set-said").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-set-said").textContent(), /shapes\.zip: 42 pictures\. VisAlign open test set.*CC BY 4\.0/);
    assert.match(await id("sight-set-counts").textContent(), /8: category 1, corrupted or cropped88/);
    await id("sight-set-picture").selectOption({ label: "category8/1-bear-defocus_blur-4.jpg (most people: bear)" });
    await page.getByText("category8/1-bear-defocus_blur-4.jpg, clean").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-distance").textContent(), /Model to the label of this picture \(most people: bear\)/);
    await id("sight-crops").check();
    await id("sight-set-run").click();
    await page.getByText(/42 of 42 pictures have an answer/).waitFor({ timeout: 4 * MINUTE });
    assert.match(await id("sight-figures").textContent(), /8: category 1, corrupted/);
    assert.match(await id("sight-figures").textContent(), /Pictures: VisAlign open test set/);
    await id("sight-function").selectOption("tapudd");
    await page.getByText(/20 clean pictures of 10 of the ten classes/).first().waitFor();
    await id("sight-function").selectOption("crops");
    await page.getByText(/Confidence: entropy over five crops/).first().waitFor();
    await shoot(page, "sight-archive");
    settle();
    // Hostile: no archive, and one without a picture of any category.
    await id("sight-archive").setInputFiles({ name: "x.zip", mimeType: "application/zip", buffer: Buffer.from("PK no archive") });
    await id("sight-set-refusal").waitFor({ timeout: MINUTE });
    assert.match(await id("sight-set-refusal").textContent(), /no ZIP archive that can be read/);
    assert.match(await id("sight-set-said").textContent(), /shapes\.zip/, "the set before it stays");
  } finally {
    await browser.close();
    await site.close();
  }
});

test("a file that is no picture and a model that is none are told in words", { skip }, async () => {
  const site = await startSite({ model: true });
  const browser = await startBrowser("cpu");
  try {
    const { page, id } = await openPage(browser, site);
    await page.goto(`${site.url}sight/`);
    await id("sight-model-file").setInputFiles(join(GOLDEN, "tiny-gemma3.json"));
    await page.getByText("The file is damaged").or(id("notices").locator("section")).first().waitFor({ timeout: MINUTE });
    await id("sight-load").click();
    await id("sight-loaded").waitFor({ timeout: 4 * MINUTE });
    await id("sight-file").setInputFiles(join(GOLDEN, "tiny-gemma3.json"));
    await page.getByText("The picture cannot be read").waitFor({ timeout: MINUTE });
  } finally {
    await browser.close();
    await site.close();
  }
});
