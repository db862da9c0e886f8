// The next question by the answers before: made in the builder, the same after a reload, and told on the class page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, answerOne, goThrough, pressOn } from "../lib/participant.mjs";

const STUDY = {
  schema: 1, id: "chosen", version: 1, title: "Chosen by your answers", instructions: "Choose.",
  consent: { version: 1, text: "Your answers are kept in this browser." }, design: { kind: "triplet", n_trials: 14 },
  stimuli: ["dog", "cat", "oak", "fern", "car", "bus", "pear"].map((text) => ({ id: text, text })),
  n_repeats: 0, catch_trials: [], adaptive: { holdout_percent: 20 },
};

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

test("the builder makes an adaptive study by keyboard and names the field that is wrong", async () => {
  const { page, id, settle, context } = await openPage(browser, site);
  await page.goto(`${site.url}build/`);
  await id("draft-ok").waitFor();
  // Pairs: all of them before, then as many as are wanted.
  assert.equal(await id("draft-trials").count(), 0);
  await pressOn(page, "draft-adaptive", "Space");
  await id("draft-trials").fill("40");
  await id("draft-trials").press("Tab");
  await id("draft-ok").waitFor();
  await shoot(page, "adaptive-builder");
  await id("draft-holdout").fill("70");
  await id("draft-holdout").press("Tab");
  await id("draft-wrong").waitFor();
  assert.match(await id("draft-wrong").innerText(), /adaptive\.holdout_percent.*70 is not between 5 and 50/);
  await id("draft-holdout").fill("25");
  await id("draft-holdout").press("Tab");
  await id("draft-ok").waitFor();
  await pressOn(page, "simulate-run");
  await id("plan").getByTestId("figure").waitFor({ timeout: 120_000 });
  assert.match(await id("plan").innerText(), /chosen by the answers before, with the same chooser/);
  const link = await id("study-link").inputValue();
  assert.match(decodeURIComponent(link), /"adaptive":\{"holdout_percent":25,"n_pairs":40\}/);
  await pressOn(page, "draft-adaptive", "Space");
  await id("draft-ok").waitFor();
  assert.doesNotMatch(decodeURIComponent(await id("study-link").inputValue()), /adaptive/);
  settle();
  await context.close();
});

test("a session shows the same chosen question after a reload, and the class page reports the held-out stream", async () => {
  const it = await openPage(browser, site);
  const { page, id, settle } = it;
  const address = `${site.url}judge/#study=${encodeURIComponent(JSON.stringify(STUDY))}`;
  await page.goto(address);
  await agree(it);
  for (let n = 0; n < 9; n += 1) {
    await answerOne(page, STUDY);
    if (n % 4 !== 3) continue;
    const shown = await id("trial").innerText();
    await page.reload();
    await id("trial").waitFor();
    assert.equal(await id("trial").innerText(), shown, `trial ${n + 1}`);
  }
  await goThrough(it, STUDY);
  await id("judge-end").waitFor();
  await page.goto(`${site.url}class/#study=${encodeURIComponent(JSON.stringify(STUDY))}`);
  await pressOn(page, "class-own");
  await page.getByText("1 new, 0 longer than before, 0 already here, 0 kept out.").waitFor();
  const said = await id("class-sentences").innerText();
  assert.match(said, /Held-out stream: \d+ % of choices are predicted .*chance 33 %\): 3 answers drawn at random ahead, 1 participants, predicted from 11 answers/);
  assert.match(said, /not spread evenly over pairs/);
  await shoot(page, "adaptive-class");
  settle();
  await it.context.close();
});
