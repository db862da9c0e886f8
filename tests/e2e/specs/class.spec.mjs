// A class: two pupils on devices of their own, one teacher, no server.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser, storedCounts } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, goThrough, pressOn } from "../lib/participant.mjs";

const STUDY = {
  schema: 1, id: "class_words", version: 1, title: "Words of a class", instructions: "Choose the odd one out.",
  consent: { version: 1, text: "Your answers are kept in this browser." },
  design: { kind: "triplet", n_trials: 12 },
  stimuli: ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text })),
  n_repeats: 1, catch_trials: [], debrief: "It was about likeness.",
};

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

async function pupil(link) {
  const it = await openPage(browser, site);
  await it.page.goto(link);
  await agree(it);
  await goThrough(it, STUDY);
  return { ...it, packet: await it.id("packet").inputValue() };
}

/** What the QR codes of a packet say, turned with the keyboard. */
async function qrCodes({ page, id }) {
  await pressOn(page, "show-qr");
  const [, n] = /of (\d+)/.exec(await id("qr-place").innerText());
  const codes = [];
  for (let place = 1; place <= Number(n); place += 1) {
    await page.getByText(`Code ${place} of ${n}`, { exact: true }).waitFor();
    codes.push(await id("qr-code").getAttribute("data-text"));
    await pressOn(page, "qr-next");
  }
  assert.ok(codes.length > 1 && new Set(codes).size === codes.length, `${codes.length} codes`);
  await pressOn(page, "qr-play");
  await page.getByText("Codes are turning.").waitFor();
  await pressOn(page, "qr-play");
  return codes;
}

test("packets of two pupils are merged, counted once, and read", async () => {
  const teacher = await openPage(browser, site);
  const { page, id, settle } = teacher;
  await page.goto(`${site.url}class/#study=${encodeURIComponent(JSON.stringify(STUDY))}`);
  const link = await id("class-link").inputValue();
  assert.match(link, /judge#class=1&study=/);
  await id("class-empty").waitFor();

  const first = await pupil(link);
  assert.equal(await first.page.getByRole("navigation", { name: "Pages" }).isVisible(), false, "a pupil sees the study alone");
  assert.equal(await first.id("own-study").count() + await first.id("share-study").count(), 0);
  assert.match(first.packet, /^likewise1:[\w-]+\.$/);
  await shoot(first.page, "pupil-end");
  const codes = await qrCodes(first);
  await shoot(first.page, "pupil-qr");
  await accessibleEverywhere(first.page, "a packet as codes");
  // The next one on the same device does not see the last one's answers.
  await first.page.reload();
  await first.id("who").waitFor();
  await pressOn(first.page, "someone-new");
  await agree(first);
  await goThrough(first, STUDY);
  const second = await first.id("packet").inputValue();
  assert.notEqual(second, first.packet);
  const third = await pupil(link);

  await id("class-paste").fill(`Hello,\n${first.packet.replace(/(.{60})/g, "$1\n")}\nand ${second}`);
  await pressOn(page, "class-take");
  await page.getByText("2 new, 0 longer than before, 0 already here, 0 kept out.").waitFor();
  await id("class-packets").setInputFiles([
    { name: "third.txt", mimeType: "text/plain", buffer: Buffer.from(third.packet) },
    { name: "again.txt", mimeType: "text/plain", buffer: Buffer.from(first.packet) },
    { name: "cut.txt", mimeType: "text/plain", buffer: Buffer.from(third.packet.slice(0, 300)) },
    { name: "other.txt", mimeType: "text/plain", buffer: Buffer.from("a shopping list") },
  ]);
  await page.getByText("1 new, 0 longer than before, 1 already here, 2 kept out.").waitFor();
  assert.match(await id("class-refused").innerText(), /not a whole packet[\s\S]*no packets, no saved answers and no backup/);
  assert.match(await id("class-counts").innerText(), /3\s*finished|finished\s*3/i);
  await id("together").getByTestId("figure").nth(1).waitFor();
  assert.match(await id("class-sentences").innerText(), /Krippendorff's alpha \(nominal\)/);
  await shoot(page, "class");
  await accessibleEverywhere(page, "a class with answers");
  await pressOn(page, "projector");
  assert.equal(await id("collect").isVisible(), false);
  await shoot(page, "projector");
  await accessibleEverywhere(page, "the projector view");
  await pressOn(page, "projector");

  // Everything is still there after a reload, and nobody's session became the teacher's own.
  await page.reload();
  await id("together").getByTestId("figure").nth(1).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), id("class-numbers").click()]);
  const numbers = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.deepEqual([numbers.n_participants, numbers.n_finished, numbers.n_main, numbers.simulated], [3, 3, 36, false]);

  // Everybody's answers in every form that fits the design: one file as it is, several as a ZIP.
  const forms = await id("class-format").locator("option").evaluateAll((all) => all.map((one) => one.value));
  assert.deepEqual(forms, ["csv", "psych-ds", "jspsych", "triplets", "salmon", "things", "vice", "cblearn", "rsatoolbox"]);
  for (const form of forms) {
    await id("class-format").selectOption(form);
    const [file] = await Promise.all([page.waitForEvent("download"), id("class-save-as").click()]);
    const bytes = readFileSync(await file.path());
    const isZip = ["csv", "psych-ds"].includes(form);
    assert.equal(bytes.subarray(0, 2).toString() === "PK", isZip, form);
    assert.match(file.suggestedFilename(), isZip ? /^class_words-.*\.zip$/ : /^class_words-.*\.(csv|tsv|txt|json)$/);
    if (form === "salmon") assert.equal(bytes.toString().trim().split("\n").length, 1 + 72, "two comparisons an answer");
  }

  if (process.env.HEADLESS) {
    const folder = mkdtempSync(join(tmpdir(), "likewise-class-"));
    writeFileSync(join(folder, "study.json"), JSON.stringify(STUDY));
    for (const [name, text] of Object.entries({ a: third.packet, b: `${first.packet} ${second}` })) writeFileSync(join(folder, `${name}.txt`), text);
    const printed = execFileSync(process.env.HEADLESS, ["analyze", "--study", join(folder, "study.json"), join(folder, "a.txt"), join(folder, "b.txt")]);
    assert.deepEqual(JSON.parse(printed), numbers, "the command line gives the page's numbers");
  }
  // The codes of a sequence, read in any order, are the packet that is here already.
  await id("class-paste").fill(codes.reverse().join("\n"));
  await pressOn(page, "class-take");
  await page.getByText("0 new, 0 longer than before, 1 already here, 0 kept out.").waitFor();
  const counts = await storedCounts(page, site);
  assert.deepEqual([counts.sessions, counts.judgments], [0, 0]);
  assert.equal(await id("stored-packets").getByTestId("stored-n").textContent(), "3");
  settle();
  for (const it of [first, third]) { it.settle(); await it.context.close(); }
  await teacher.context.close();
});

test("a camera reads the codes where the browser can, and says so where it cannot", async () => {
  const plain = await openPage(browser, site);
  await plain.page.goto(`${site.url}class/?study=odd_one_out`);
  await plain.id("collect").waitFor();
  const can = await plain.page.evaluate(() => "BarcodeDetector" in window);
  assert.equal(await plain.id("no-camera").count(), can ? 0 : 1);
  await plain.context.close();

  const one = await pupil(`${site.url}judge#class=1&study=${encodeURIComponent(JSON.stringify(STUDY))}`);
  const codes = await qrCodes(one);
  one.settle();
  await one.context.close();
  const { page, id, settle, context } = await openPage(browser, site);
  // A camera and a detector that are made up; the codes are real ones.
  await page.addInitScript((texts) => {
    let place = 0;
    window.BarcodeDetector = class { async detect() { place += 1; return [{ rawValue: texts[place % texts.length] }, { rawValue: "a poster" }]; } };
    const canvas = document.createElement("canvas");
    const draw = () => canvas.getContext("2d").fillRect(0, 0, (place % 9) + 1, 10);
    draw();
    setInterval(draw, 40);
    Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: async () => canvas.captureStream(5) } });
  }, codes);
  await page.goto(`${site.url}class/#study=${encodeURIComponent(JSON.stringify(STUDY))}`);
  await pressOn(page, "camera-start");
  await page.getByText("1 packet read. The next one can come.").waitFor();
  await page.getByText("1 new, 0 longer than before, 0 already here, 0 kept out.").waitFor();
  await pressOn(page, "camera-stop");
  await id("camera-start").waitFor();
  await shoot(page, "class-camera");
  settle();
  await context.close();
});

test("the lesson's five cards lead to their steps", async () => {
  const { page, id, settle, context } = await openPage(browser, site);
  await page.goto(`${site.url}class/`);
  await pressOn(page, "to-lesson");
  await id("lesson-page").waitFor();
  assert.match(await id("lesson-page").innerText(), /5 cards, 45 minutes/);
  await shoot(page, "lesson");
  const links = await page.locator(".lesson-cards a").evaluateAll((all) => all.map((one) => one.href));
  assert.ok(links.length >= 10);
  for (const link of new Set(links)) {
    await page.goto(link);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.getByText("There is no such page").count(), 0, link);
  }
  settle();
  await context.close();
});
