// Where a participant comes from and goes to: ids in the address, coming back, leaving.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, answerOne, goThrough, pressOn } from "../lib/participant.mjs";
import { atTrial } from "../lib/study.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

const WORDS = ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text }));
const STUDY = { schema: 1, id: "recruited", version: 1, title: "Recruited", instructions: "Choose.",
  consent: { version: 1, text: "Kept in this browser." }, design: { kind: "triplet", n_trials: 3 }, stimuli: WORDS, n_repeats: 0, catch_trials: [] };
const IDS = "PROLIFIC_PID=5f1e77aa&STUDY_ID=60a0bb&SESSION_ID=99cc";
const address = (study, ids = "") => `${site.url}judge/${ids && "?"}${ids}#study=${encodeURIComponent(JSON.stringify(study))}`;

async function saved(page, id, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), id(button).click()]);
  return readFileSync(await download.path(), "utf8");
}

test("recruitment ids leave the address at once and no stored byte or export holds them", async () => {
  const study = { ...STUDY, completion: { redirect: "https://app.prolific.com/submissions/complete?cc={code}" } };
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  await page.goto(address(study, IDS));
  await id("recruited").waitFor();
  assert.ok(!/PROLIFIC|5f1e77aa|60a0bb|99cc/.test(page.url()), page.url());
  assert.ok(page.url().includes("#study="), "the study stays in the address");
  assert.match(await id("leads-to").innerText(), /app\.prolific\.com/);
  await shoot(page, "recruited-consent");
  // A reload before the session has begun does not lose where the participant came from.
  await page.reload();
  await id("recruited").waitFor();
  await agree(it);
  await goThrough(it, study);
  const code = await id("completion-code").innerText();
  assert.equal(await id("leave").getAttribute("href"), `https://app.prolific.com/submissions/complete?cc=${code}`);
  assert.equal(await id("judge-again").count(), 1);
  await shoot(page, "recruited-end");
  const hidden = await saved(page, id, "download-judgments");
  assert.ok(!/recruitment|5f1e77aa|99cc/.test(hidden));
  await id("with-recruitment").check();
  const shown = JSON.parse(await saved(page, id, "download-judgments"));
  assert.match(shown.recruitment.hashes.participant, /^[0-9a-f]{64}$/);
  assert.equal(shown.recruitment.session_id, shown.session.id);
  await page.goto(`${site.url}data/`);
  assert.equal(await id("stored-recruitments").getByTestId("stored-n").textContent(), "1");
  const all = await saved(page, id, "export-all");
  assert.ok(!/recruitments|prolific_pid|5f1e77aa|60a0bb/i.test(all));
  await id("with-recruitment").check();
  const more = await saved(page, id, "export-all");
  assert.ok(more.includes("recruitments") && !/5f1e77aa|60a0bb/.test(more));
  settle();
  await context.close();
});

test("two participants on one device are told apart by their ids, and withdrawing deletes the hashes too", async () => {
  const it = await openPage(browser, site);
  const { page, context, id } = it;
  await page.goto(address(STUDY, IDS));
  await agree(it);
  await answerOne(page, STUDY);
  await page.goto("about:blank");
  await page.goto(address(STUDY, "workerId=A2XY&assignmentId=B2&hitId=C3&turkSubmitTo=https%3A%2F%2Fwww.mturk.com"));
  await id("consent").waitFor();
  assert.ok(!/workerId|turkSubmitTo/.test(page.url()));
  await page.goto("about:blank");
  await page.goto(address(STUDY, IDS));
  await atTrial(page, 1);
  await pressOn(page, "withdraw");
  await pressOn(page, "withdraw-yes");
  await id("withdrawn").waitFor();
  await page.goto(`${site.url}data/`);
  assert.equal(await id("stored-recruitments").getByTestId("stored-n").textContent(), "0");
  // Somebody who only looks at a task of Mechanical Turk cannot begin.
  await page.goto("about:blank");
  await page.goto(address(STUDY, "assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=C3"));
  await id("only-looks").waitFor();
  await id("agree").check();
  assert.ok(await id("begin").isDisabled());
  await context.close();
});

test("an unfinished session goes on, starts over or is refused as the study says", async () => {
  const it = await openPage(browser, site);
  const { page, context, settle, id } = it;
  for (const [policy, shown] of [["restart", "starts-over"], ["block", "refused"]]) {
    const study = { ...STUDY, id: `comes_back_${policy}`, resume: { policy } };
    await page.goto("about:blank");
    await page.goto(address(study));
    await agree(it);
    await answerOne(page, study);
    await page.reload();
    await id(shown).waitFor();
    assert.match(await id(shown).innerText(), /Your 1 of 3 answers from then stay in this browser/);
    assert.equal(await id("consent").count(), policy === "restart" ? 1 : 0);
    await shoot(page, shown);
  }
  // Older than the study allows.
  const study = { ...STUDY, id: "too_old", resume: { max_age_hours: 1 } };
  await page.clock.install({ time: new Date("2026-01-01T10:00:00Z") });
  await page.goto("about:blank");
  await page.goto(address(study));
  await agree(it);
  await page.clock.setSystemTime(new Date("2026-01-01T10:50:00Z"));
  await page.reload();
  await atTrial(page, 0);
  await page.clock.setSystemTime(new Date("2026-01-01T11:10:00Z"));
  await page.reload();
  await id("starts-over").waitFor();
  settle();
  await context.close();
});

test("a study that would lead to a host nobody answers for is not opened", async () => {
  const { page, context, id } = await openPage(browser, site);
  for (const redirect of ["https://evil.example/", "javascript:alert(1)", "http://app.prolific.com/", "https://app.prolific.com@evil.example/"]) {
    await page.goto("about:blank");
    await page.goto(address({ ...STUDY, completion: { redirect } }));
    await id("notice-bad_items").waitFor();
    assert.match(await id("notice-bad_items").textContent(), /completion\.redirect/);
  }
  // One that the author names is shown in full before the participant leaves.
  const study = { ...STUDY, id: "named", completion: { redirect: "https://survey.example.org/{code}", hosts: ["survey.example.org"] } };
  await page.goto("about:blank");
  await page.goto(address(study));
  await agree({ page, id });
  await goThrough({ page, id }, study);
  assert.match(await id("leave-section").innerText(), /not one that this program knows/);
  assert.match(await id("leave-address").innerText(), /^https:\/\/survey\.example\.org\/[A-Z2-9]{10}$/);
  await context.close();
});

test("leaving the page counts once however the browser reports it, and the flag is shown", async () => {
  const it = await openPage(browser, site);
  const { page, context, id } = it;
  await page.goto(address({ ...STUDY, id: "left" }));
  await agree(it);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    window.dispatchEvent(new Event("blur"));
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    Object.defineProperty(document, "hidden", { value: false, configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    window.dispatchEvent(new Event("focus"));
  });
  await goThrough(it, STUDY);
  const saidOfSession = JSON.parse(await saved(page, id, "download-judgments"));
  assert.deepEqual(saidOfSession.judgments.map((one) => [one.focus_losses, one.input]), [[1, "keyboard"], [0, "keyboard"], [0, "keyboard"]]);
  assert.ok(saidOfSession.judgments.every((one) => one.rt_millis >= 200 && one.rt_millis < 60_000));
  assert.match(await id("quality").innerText(), /page (was )?left/i);
  await context.close();
});
