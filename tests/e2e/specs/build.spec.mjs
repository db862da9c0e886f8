// A study made, tried, simulated and handed on without writing a file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, goThrough, pressOn } from "../lib/participant.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return readFileSync(await download.path(), "utf8");
}

test("a wrong field is named and reached, a preview keeps nothing, a simulation tells minutes and power", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}judge/`);
  await id("to-build").click();
  await page.getByRole("heading", { name: "Build a study", level: 1 }).waitFor();
  await id("template").selectOption("triplet");
  await pressOn(page, "use-template");
  await id("draft-ok").waitFor();
  await id("draft-title").fill("Odd words out");
  await id("draft-items").fill("dog\ncat\noak\nfern\ncar\nbus\nlamp\nchair\ncup\nfork\nsun\nmoon");
  await id("draft-trials").fill("12");
  await id("draft-trials").press("Tab");
  await id("draft-repeats").fill("9");
  await id("draft-repeats").press("Tab");
  await id("draft-wrong").waitFor();
  assert.match(await id("draft-wrong").innerText(), /Repeats \(n_repeats\): 9 repeats do not fit 12 main trials/);
  assert.equal(await id("draft-repeats").getAttribute("aria-invalid"), "true");
  await shoot(page, "build-wrong");
  await accessibleEverywhere(page, "the builder with a wrong field");
  await pressOn(page, "go-to-field");
  assert.equal(await page.evaluate(() => document.activeElement.id), "draft-repeats");
  await id("draft-repeats").fill("2");
  await id("draft-repeats").press("Tab");
  assert.match(await id("draft-ok").innerText(), /12 things, 16 trials/);

  // The file, and the same study from it again.
  const text = await saved(page, id("save-study"));
  const study = JSON.parse(text);
  assert.deepEqual([study.id, study.n_repeats, study.catch_trials.length, study.stimuli.length], ["odd_words_out", 2, 2, 12]);
  const link = await id("study-link").inputValue();

  await pressOn(page, "preview");
  await id("preview-banner").waitFor();
  await agree(it);
  await shoot(page, "preview");
  await goThrough(it, study);
  await id("preview-end").waitFor();
  assert.equal(await id("completion-code").count(), 0);
  await id("leave-preview").click();
  assert.equal(await id("draft-title").inputValue(), "Odd words out", "the draft is still there");

  await pressOn(page, "simulate-run");
  await id("plan").getByTestId("figure").waitFor({ timeout: 60_000 });
  const plan = await id("plan").innerText();
  assert.match(plan, /16 trials, about \d+\.\d minutes/);
  assert.match(plan, /50 simulated participants planted structure with noise: \d+ of 100 studies find it/);
  assert.match(plan, /no person gave them/);
  await shoot(page, "build");
  await accessibleEverywhere(page, "the builder with a plan");
  const counts = await storedCounts(page, site);
  assert.deepEqual([counts.sessions, counts.judgments], [0, 0], "neither preview nor simulation is a person's");

  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("heading", { name: "Odd words out" }).waitFor();
  await page.goto(`${site.url}build/`);
  await id("draft-file").setInputFiles({ name: "study.json", mimeType: "application/json", buffer: Buffer.from(text) });
  await page.locator("#draft-title").and(page.locator("input")).waitFor();
  await id("draft-ok").getByText("16 trials").waitFor();
  assert.deepEqual(JSON.parse(await saved(page, id("save-study"))), study, "a study comes back from its file as it was");
  settle();
  await context.close();
});

test("own pictures travel inside of the study", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}build/`);
  await id("template").selectOption("label");
  await id("use-template").click();
  await id("draft-items").fill("");
  const png = (r, g, b) => page.evaluate(([r, g, b]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 600 });
    const context = canvas.getContext("2d");
    context.fillStyle = `rgb(${r},${g},${b})`;
    context.fillRect(0, 0, 900, 600);
    return canvas.toDataURL("image/png").split(",")[1];
  }, [r, g, b]);
  const files = [];
  for (const [name, color] of [["first.png", [200, 30, 30]], ["second.png", [30, 30, 200]]]) {
    files.push({ name, mimeType: "image/png", buffer: Buffer.from(await png(...color), "base64") });
  }
  await id("draft-pictures").setInputFiles(files);
  await id("draft-ok").getByText("2 things").waitFor();
  const study = JSON.parse(await saved(page, id("save-study")));
  assert.ok(study.stimuli.every((one) => one.image.startsWith("data:image/webp;base64,") && one.image.length < 20_000));
  await id("preview").click();
  await agree(it);
  const picture = page.getByTestId("stimulus").locator("img");
  assert.deepEqual(await picture.evaluate((image) => [image.naturalWidth, image.naturalHeight]), [320, 213]);
  settle();
  await context.close();
});

test("a template takes the pictures of a built-in set as its things", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(`${site.url}build/`);
  await id("template").selectOption("triplet");
  await id("material").locator("option", { hasText: "pictures: animals (25)" }).waitFor({ state: "attached" });
  await id("material").selectOption("animals");
  await id("use-template").click();
  await id("draft-ok").getByText("25 things").waitFor();
  const study = JSON.parse(await saved(page, id("save-study")));
  assert.deepEqual(study.stimuli[0], { id: study.stimuli[0].id, text: "dog", image: "stimuli/pictures/dog.svg" });
  assert.match(study.instructions, /three pictures/);
  assert.ok(!/word/.test(study.instructions));
  await shoot(page, "build-pictures");
  await id("preview").click();
  await agree(it);
  const pictures = page.locator("main img");
  await pictures.first().waitFor();
  assert.equal(await pictures.count(), 3);
  assert.ok(await pictures.evaluateAll((all) => all.every((one) => one.complete && one.naturalWidth > 0 && one.alt !== null)));
  await shoot(page, "preview-pictures");
  // Rating every pair takes twelve of them: 66 pairs.
  await page.goto(`${site.url}build/`);
  await id("template").selectOption("pair_rating");
  await id("material").selectOption("objects");
  await id("use-template").click();
  await id("draft-ok").getByText("12 things").waitFor();
  // Where answers are judged there are no things to show.
  await id("template").selectOption("preference");
  assert.equal(await id("material").count(), 0);
  settle();
  await context.close();
});
