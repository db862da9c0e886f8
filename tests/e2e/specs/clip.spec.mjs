// A CLIP-style model of one's own: loaded from three files or an address, it classifies beside the classifier by the same
// rules; a wrong file is named. The model is tiny and random: what it says means nothing.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { GOLDEN, VISION_PATH, startSite } from "../lib/site.mjs";

const MINUTE = 60_000;
const golden = (name) => readFileSync(join(GOLDEN, name));
const file = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });
const WEIGHTS = file("model.safetensors", golden("tiny-clip.safetensors"));
const TOKENIZER = file("tokenizer.json", golden("tiny-clip-tokenizer.json"));
const CONFIG = file("config.json", golden("tiny-clip-config.json"));

test("three files make a model that answers with all eleven slots, runs a set and is kept", async (t) => {
  const vision = existsSync(VISION_PATH);
  const site = await startSite({ model: vision });
  const browser = await startBrowser("cpu");
  try {
    const { page, settle, id } = await openPage(browser, site);
    await page.goto(`${site.url}sight/`);
    await id("clip-panel").locator("summary").first().click();

    // What is missing is said before anything is read.
    await id("clip-files").setInputFiles([WEIGHTS, CONFIG]);
    assert.match(await id("clip-refused").textContent(), /^tokenizer\.json is not among the chosen files/);
    // Which file is wrong and why.
    await id("clip-files").setInputFiles([WEIGHTS, TOKENIZER, file("config.json", golden("tiny-siglip-config.json"))]);
    await id("clip-failed").getByText(/config\.json: the model's type is "siglip_vision_model" and not "clip"/).waitFor({ timeout: MINUTE });
    await id("clip-files").setInputFiles([file("model.safetensors", golden("tiny-siglip.safetensors")), TOKENIZER, CONFIG]);
    await id("clip-failed").getByText(/model\.safetensors: the file lacks the tensor text_model/).waitFor({ timeout: MINUTE });
    assert.equal(await id("clip-loaded").count(), 0);

    await id("clip-files").setInputFiles([CONFIG, WEIGHTS, TOKENIZER]);
    await id("clip-loaded").waitFor({ timeout: MINUTE });
    await page.getByText("polar bear, clean").waitFor({ timeout: MINUTE });
    await id("clip-slots").waitFor();
    assert.equal(await id("clip-slots").locator("meter").count(), 11);
    assert.ok(!(await id("clip-slots").textContent()).includes("*"), "it knows all ten classes");
    const prompts = (await id("clip-top").textContent());
    assert.match(prompts, /Of the eleven prompts: a photo of/);
    t.diagnostic(prompts);
    assert.match(await id("clip-said").textContent(), /^The model (says|abstains)/);
    assert.match(await id("clip-distance").textContent(), /label of this picture \(bear\): \d\.\d\d/);
    // Logits of prompts have no scale before a run.
    await id("sight-function").selectOption("energy");
    assert.match(await id("clip-said").textContent(), /measured over a run/);
    await id("sight-function").selectOption("mass");
    // The corruption reaches it too.
    await id("sight-operation").selectOption("contrast");
    await id("sight-severity").focus();
    await page.keyboard.press("End");
    await page.getByText("polar bear, low contrast 10 of 10").waitFor({ timeout: MINUTE });
    await page.getByText(/^Of the eleven prompts/).waitFor();
    assert.notEqual(await id("clip-top").textContent(), prompts);
    await page.keyboard.press("Home");

    if (vision) {
      await id("sight-load").click();
      await id("sight-loaded").waitFor({ timeout: 4 * MINUTE });
      await id("sight-slots").waitFor({ timeout: MINUTE });
      await page.getByText(/two models' answers are \d\.\d\d apart/).waitFor({ timeout: MINUTE });
      await shoot(page, "clip-beside");
    }

    await id("clip-run").click();
    await id("clip-figures").waitFor({ timeout: 4 * MINUTE });
    assert.match(await id("clip-figures").textContent(), /75 of 75 pictures/);
    assert.match(await id("clip-reliability").textContent(), /^Reliability at cost 1/);
    assert.equal(await id("clip-figures").getByTestId("figure").count(), 5);
    // With a run there is a scale, and features to measure by.
    for (const name of ["energy", "mahalanobis"]) {
      await id("sight-function").selectOption(name);
      await page.locator("[data-testid=clip-said]", { hasText: /^The model (says|abstains)/ }).waitFor();
      assert.match(await id("clip-basis").textContent(), /least and the largest value of the run/);
    }
    await id("sight-function").selectOption("mass");
    await accessibleEverywhere(page, "clip with results");
    await shoot(page, "clip-run");
    await page.setViewportSize({ width: 360, height: 740 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, "too wide for a phone");
    await shoot(page, "clip-phone");
    settle();
    const counts = await storedCounts(page, site);
    assert.deepEqual([counts.runs, counts.itemresults, counts.judgments], [1, 75, 0]);
  } finally {
    await browser.close();
    await site.close();
  }
});

test("the same model comes from the address of its folder, asked for by the visitor", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  try {
    const { page, context, id } = await openPage(browser, site);
    const asked = [];
    const files = { "model.safetensors": WEIGHTS, "tokenizer.json": TOKENIZER, "config.json": CONFIG };
    await context.route("https://models.example/**", (route) => {
      const name = new URL(route.request().url()).pathname.split("/").pop();
      asked.push(name);
      const headers = { "access-control-allow-origin": "*" };
      return files[name] ? route.fulfill({ status: 200, headers, body: files[name].buffer }) : route.fulfill({ status: 404, headers });
    });
    await page.goto(`${site.url}sight/`);
    assert.deepEqual(asked, []);
    await id("clip-panel").locator("summary").first().click();
    await id("clip-url").fill("https://models.example/tiny-clip/");
    await id("clip-load").click();
    await id("clip-loaded").waitFor({ timeout: MINUTE });
    assert.deepEqual([...new Set(asked)].sort(), ["config.json", "model.safetensors", "tokenizer.json"]);
    await id("clip-slots").waitFor({ timeout: MINUTE });
  } finally {
    await browser.close();
    await site.close();
  }
});
