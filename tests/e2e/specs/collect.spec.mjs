// Finished sessions go to the server that their study names: once each, whole, and only after consent.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { startCollector } from "../lib/collector.mjs";
import { startSite } from "../lib/site.mjs";
import { agree, goThrough } from "../lib/participant.mjs";

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

const WORDS = ["dog", "cat", "oak", "fern", "car", "bus"].map((text) => ({ id: text, text }));
const studyFor = (id, collect) => ({ schema: 1, id, version: 1, title: "Collected", instructions: "Choose.",
  consent: { version: 1, text: "Kept in this browser." }, design: { kind: "triplet", n_trials: 3 }, stimuli: WORDS, n_repeats: 0, catch_trials: [], collect });
const address = (study, query = "") => `${site.url}judge/${query}#study=${encodeURIComponent(JSON.stringify(study))}`;
// The certificate is the test's own.
const open = () => openPage(browser, site, { ignoreHTTPSErrors: true });

/** Takes part to the end; `sending` says whether the participant agrees that the answers are sent. */
async function takePart(it, study, { sending = true, query = "" } = {}) {
  await it.page.goto("about:blank");
  await it.page.goto(address(study, query));
  await it.id("consent").waitFor();
  if (sending) await it.id("agree-send").check();
  await agree(it);
  await goThrough(it, study);
  return it.id("completion-code").innerText();
}

/** Only the collector may have been called, and nothing else may have gone wrong. */
function onlyCollector(wrong, collector, network = []) {
  const other = wrong.filter((line) => !line.includes(collector.host) && !network.some((known) => line.includes(known)));
  assert.deepEqual(other, []);
}

test("DataPipe gets each session once, whole, after consent and not before", async () => {
  const collector = await startCollector();
  const study = studyFor("pipe", { endpoint: collector.url, server: "datapipe", experiment_id: "abc123" });
  const it = await open();
  const { page, context, wrong, id } = it;
  await page.goto(address(study));
  await id("collects").waitFor();
  assert.match(await id("collects").innerText(), new RegExp(collector.host));
  await shoot(page, "collect-consent");
  await takePart(it, study);
  await id("delivery").getByText("Your answers were sent to").or(id("delivery").filter({ hasText: "were sent" })).first().waitFor();
  assert.equal(collector.files.size, 1);
  const [[name, text]] = collector.files;
  const got = JSON.parse(text);
  assert.equal(name, `study-pipe_session-${got.session.id}.json`);
  assert.equal(collector.requests[0].body.experimentID, "abc123");
  assert.equal(got.judgments.length, 3);
  assert.equal(got.recruitment, undefined);
  await shoot(page, "collect-sent");
  // Nothing is sent again, whatever is opened afterwards.
  await page.reload();
  await id("delivery").filter({ hasText: "were sent" }).waitFor();
  await page.goto(`${site.url}about/`);
  await page.waitForTimeout(500);
  assert.equal(collector.requests.length, 1);
  onlyCollector(wrong, collector);
  await context.close();
  await collector.close();
});

test("without consent nothing is sent, and at the end it can still be given", async () => {
  const collector = await startCollector();
  const study = studyFor("no_consent", { endpoint: collector.url });
  const it = await open();
  const { page, context, settle, id } = it;
  await takePart(it, study, { sending: false });
  await page.reload();
  await id("delivery").filter({ hasText: "Nothing of it was sent" }).waitFor();
  assert.equal(collector.requests.length, 0);
  assert.equal(await id("outbox").count(), 0);
  // No request to another host so far.
  settle();
  await id("send-answers-now").click();
  await id("delivery").filter({ hasText: "were sent" }).waitFor();
  assert.equal(collector.files.size, 1);
  await context.close();
  await collector.close();
});

test("a server that is away, slow, cut off or forgetful loses nothing and doubles nothing", async () => {
  const collector = await startCollector(["drop", "fail", "half", "cut", "slow"]);
  const study = studyFor("trouble", { endpoint: collector.url });
  const it = await open();
  const { page, context, id } = it;
  await takePart(it, study);
  await id("outbox-trouble").waitFor();
  assert.match(await id("outbox-words").innerText(), /^1 session waits to be sent to 127\.0\.0\.1/);
  await shoot(page, "outbox");
  const troubles = [];
  for (let n = 0; collector.requests.length < 5 && n < 40; n += 1) {
    const before = collector.requests.length;
    if (await id("send-now").count() && await id("send-now").isEnabled()) {
      troubles.push(await id("outbox-trouble").innerText());
      await id("send-now").click();
    }
    for (let m = 0; collector.requests.length === before && m < 40; m += 1) await page.waitForTimeout(100);
  }
  await id("outbox").waitFor({ state: "detached" });
  await id("delivery").filter({ hasText: "were sent" }).waitFor();
  assert.ok(troubles.some((words) => /status 503: away/.test(words)), troubles.join("; "));
  assert.ok(troubles.some((words) => /kept \d+ of \d+ bytes/.test(words)), troubles.join("; "));
  assert.equal(new Set(collector.requests.map((one) => one.key)).size, 1, "one key for every attempt");
  assert.equal(collector.files.size, 1);
  assert.equal(JSON.parse([...collector.files.values()][0]).judgments.length, 3);
  await context.close();
  await collector.close();
});

test("two sessions wait over a reload without a network and are sent when it is back", async () => {
  const collector = await startCollector();
  const study = studyFor("offline", { endpoint: collector.url, server: "datapipe", experiment_id: "abc" });
  const it = await open();
  const { page, context, id } = it;
  // The network to that host only: the page itself is to be reloaded.
  await context.route(collector.url, (route) => route.abort("internetdisconnected"));
  await takePart(it, study);
  await id("outbox-trouble").waitFor();
  await id("judge-again").click();
  await id("agree-send").check();
  await agree(it);
  await goThrough(it, study);
  await id("outbox-words").filter({ hasText: "2 sessions wait" }).waitFor();
  await page.reload();
  await id("outbox-words").filter({ hasText: "2 sessions wait" }).waitFor();
  await page.goto(`${site.url}about/`);
  await id("outbox-words").filter({ hasText: "2 sessions wait" }).waitFor();
  assert.equal(collector.requests.length, 0);
  await context.unroute(collector.url);
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await id("outbox").waitFor({ state: "detached" });
  assert.equal(collector.files.size, 2);
  assert.equal(collector.requests.length, 2);
  await context.close();
  await collector.close();
});

test("a reply that was lost with the page does not double a session", async () => {
  const collector = await startCollector(["cut"]);
  const study = studyFor("lost_reply", { endpoint: collector.url, server: "datapipe", experiment_id: "abc" });
  const it = await open();
  const { page, context, id } = it;
  await takePart(it, study);
  await id("outbox-trouble").waitFor();
  assert.equal(collector.files.size, 1, "it is there, but its reply was cut off");
  await page.reload();
  await id("outbox").waitFor({ state: "detached" });
  await id("delivery").filter({ hasText: "were sent" }).waitFor();
  assert.deepEqual([collector.files.size, collector.requests.length], [1, 2]);
  await context.close();
  await collector.close();
});

test("a server that refuses is not asked again by itself, and a file that can be imported takes its place", async () => {
  const collector = await startCollector(["refuse"]);
  const study = studyFor("refused", { endpoint: collector.url, server: "datapipe", experiment_id: "abc", recruitment: true });
  const it = await open();
  const { page, context, id } = it;
  await takePart(it, study, { query: "?PROLIFIC_PID=5f1e77aa" });
  await id("outbox-trouble").filter({ hasText: "Data collection is not active" }).waitFor();
  assert.ok(!JSON.stringify(collector.requests[0].body).includes("5f1e77aa"));
  assert.match(JSON.parse(collector.requests[0].body.data).recruitment.hashes.participant, /^[0-9a-f]{64}$/);
  await page.reload();
  await id("outbox-trouble").waitFor();
  await page.waitForTimeout(500);
  assert.equal(collector.requests.length, 1);
  const [download] = await Promise.all([page.waitForEvent("download"), id("save-instead").click()]);
  const buffer = readFileSync(await download.path());
  await id("outbox").waitFor({ state: "detached" });
  await context.close();
  const other = await openPage(browser, site);
  await other.page.goto(`${site.url}data/`);
  await other.id("stored").waitFor();
  await other.id("import-file").setInputFiles({ name: "likewise-answers.jsonl", mimeType: "application/jsonl", buffer });
  await other.page.getByText("5 records imported, 0 were here already.").waitFor();
  await other.context.close();
  await collector.close();
});
