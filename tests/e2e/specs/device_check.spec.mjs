// The check after loading is made once for a device, kept, shown, and made again when asked for; a failure stays visible.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, shoot, startBrowser } from "../lib/browser.mjs";
import { GOLDEN, startSite } from "../lib/site.mjs";

const bytes = readFileSync(join(GOLDEN, "tiny-llama-q4_1.gguf"));
const sha256 = createHash("sha256").update(bytes).digest("hex");
const golden = JSON.parse(readFileSync(join(GOLDEN, "tiny-llama-q4_1.json"), "utf8")).cases[0];

/** A catalog of the tiny model; `scale` other than 1 makes its stored values ones that no device reproduces. */
function catalog(scale) {
  const logits = golden.logits.map((logit) => logit * scale);
  const norm = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  const ids = logits.map((_, id) => id).sort((a, b) => logits[b] - logits[a]).slice(0, 20);
  const probe = { tokens: golden.tokens, top_ids: ids, top_logprobs: ids.map((id) => logits[id] - norm) };
  const card = {
    id: "tiny", name: "Tiny", description: "Random weights.", family: "llama", quantization: "Q4_1", url: "models/tiny.gguf",
    size_bytes: bytes.length, sha256, chunk_sha256: [sha256], licence: "MIT", source: "a test", self_test: [probe],
  };
  return JSON.stringify({ default: "tiny", models: [card] });
}

test("a device is checked once, again when asked, and a failure stays to be seen", async () => {
  const site = await startSite();
  const browser = await startBrowser("cpu");
  let scale = 1;
  try {
    const { page, context, settle, id } = await openPage(browser, site);
    await context.route("**/models/catalog.json", (route) => route.fulfill({ contentType: "application/json", body: catalog(scale) }));
    await context.route("**/models/tiny.gguf", (route) => route.fulfill({ contentType: "application/octet-stream", body: bytes }));
    const visit = async () => {
      await page.goto(`${site.url}models/`);
      await id("load-tiny").waitFor();
    };
    const load = async () => {
      await id("load-tiny").click();
      await id("loaded").or(id("notices").locator("section")).first().waitFor();
    };
    await visit();
    assert.equal(await id("device-checks").count(), 0);
    await load();
    const first = await id("loaded-self-test").textContent();
    assert.match(first, /^passed .*, checked on \d{4}-/);

    // Values that would fail are not looked at: the verdict is there already.
    scale = 2;
    await visit();
    await load();
    assert.equal(await id("loaded-self-test").textContent(), first);

    await page.getByText("Checks of this device").click();
    await id("check-again").press("Enter");
    await page.getByText("a new check was asked for").waitFor();
    await visit();
    await load();
    assert.match(await id("notice-self_test_failed").textContent(), /divergence of/);
    assert.match(await id("device-check").textContent(), /failed: probe 0/);
    await shoot(page, "device-check");

    // Refused at once at the next visit, and still listed.
    await visit();
    await id("device-check").waitFor();
    assert.match(await id("device-check").textContent(), /failed: probe 0/);
    await load();
    assert.match(await id("notice-self_test_failed").textContent(), /found by an earlier check/);
    assert.equal(await id("loaded").count(), 0);

    scale = 1;
    await id("check-again").press("Enter");
    await page.getByText("a new check was asked for").waitFor();
    await visit();
    await load();
    assert.match(await id("loaded-self-test").textContent(), /^passed/);
    assert.equal(await id("device-check").count(), 1);
    settle();
  } finally {
    await browser.close();
    await site.close();
  }
});
