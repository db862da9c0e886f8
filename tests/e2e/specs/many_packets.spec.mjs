// A large class: three hundred packets in one tab, each counted once, without a slow page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessibleEverywhere } from "../lib/axe.mjs";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { packetOf } from "../lib/packets.mjs";
import { startSite } from "../lib/site.mjs";

const N = 300;
/** Generous, since machines that test are often busy; a build without optimization may take longer (SLOW_BUILD=4). */
const PATIENCE = 30_000 * Number(process.env.SLOW_BUILD ?? 1);
const STUDY = {
  schema: 1, id: "many_words", version: 1, title: "Words of many", instructions: "Rate.",
  consent: { version: 1, text: "Your answers are kept in this browser." },
  design: { kind: "pair_rating", scale: { min: 1, max: 7, low_label: "low", high_label: "high" } },
  stimuli: ["dog", "cat", "oak", "fern", "car", "bus", "boat", "ship"].map((text) => ({ id: text, text })),
  n_repeats: 0, catch_trials: [],
};

let site, browser;
before(async () => { site = await startSite(); browser = await startBrowser("cpu"); });
after(async () => { await browser?.close(); await site?.close(); });

test("three hundred packets are merged and read while the page stays alive, and counted once", async (context) => {
  const { page, id, settle } = await openPage(browser, site);
  page.setDefaultTimeout(2 * PATIENCE + 20_000);
  await page.goto(`${site.url}class/#study=${encodeURIComponent(JSON.stringify(STUDY))}`);
  await id("class-empty").waitFor();
  // Two of a kind are alike, with some noise that differs between participants.
  const packets = [...Array(N).keys()].map((number) => packetOf(STUDY, number + 1, (a, b) =>
    Math.min(7, Math.max(1, ((a >> 1) === (b >> 1) ? 6 : 2) + ((number * 7 + a * 3 + b) % 3) - 1))));
  const files = packets.map((packet, number) => ({ name: `packet-${number}.txt`, mimeType: "text/plain", buffer: Buffer.from(packet) }));
  const began = Date.now();
  await id("class-packets").setInputFiles(files);
  await page.getByText(`${N} new, 0 longer than before, 0 already here, 0 kept out.`).waitFor();
  await id("together").getByTestId("figure").nth(1).waitFor();
  const merged = Date.now() - began;
  const counts = await id("class-counts").innerText();
  assert.match(counts, /simulated participants\s*300|300\s*simulated participants/i);
  // Groups and prototypes, each held to the same held-out answers.
  await id("views").locator("summary").click();
  assert.equal(await id("class-views").locator("tbody tr").count(), 5);
  assert.match(await id("class-views").innerText(), /one group[\s\S]*3 groups[\s\S]*between 2 prototypes[\s\S]*between 3 prototypes/);
  assert.match(await id("class-sentences").innerText(), /Each participant placed between \d prototypes instead \(ideal points, after PAL\)/);
  await shoot(page, "many-packets");
  await accessibleEverywhere(page, "a class of many");

  const again = Date.now();
  await id("class-paste").fill(packets.join("\n"));
  await id("class-take").click();
  await page.getByText(`0 new, 0 longer than before, ${N} already here, 0 kept out.`).waitFor();
  const repeated = Date.now() - again;
  assert.equal(await id("class-counts").innerText(), counts, "nobody is counted twice");
  // One that was changed on its way is kept out.
  const changed = packetOf(STUDY, N + 1, () => 4).replace("likewise1:", "");
  const json = JSON.parse(Buffer.from(changed.slice(0, -1), "base64url").toString());
  json.acts[3][0].rating = 5;
  await id("class-paste").fill(`likewise1:${Buffer.from(JSON.stringify(json)).toString("base64url")}.`);
  await id("class-take").click();
  await page.getByText("0 new, 0 longer than before, 0 already here, 1 kept out.").waitFor();
  assert.match(await id("class-refused").innerText(), /changed after it was made/);

  context.diagnostic(`${N} packets read and shown in ${merged} ms, read again in ${repeated} ms`);
  assert.ok(merged < PATIENCE && repeated < PATIENCE, `${merged} ms and ${repeated} ms`);
  settle();
});
