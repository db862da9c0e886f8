// Likewise beside other engines in a browser: same weights, machine, browser and amount of work, one after another in
// turns; prints every rate and the ratios of medians as JSON. docs/performance.md says what FOLDER holds.
// Usage: node peers.mjs FOLDER [rounds] [gpu|cpu]
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../../tools/serve.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { measure } from "./lib/measure.mjs";
import { MODEL_PATH, startSite } from "./lib/site.mjs";

const folder = resolve(process.argv[2] ?? "");
const rounds = Number(process.argv[3] ?? 1);
const only = process.argv[4];
const ENGINES = [
  { name: "transformers.js, WebGPU, q4", project: "gpu", engine: "transformers", load: { device: "webgpu", threads: 2, name: "smollm2-q4", dtype: "q4" } },
  { name: "wllama, one thread", project: "cpu", engine: "wllama", load: { threads: 1 } },
  { name: "wllama, two threads", project: "cpu", engine: "wllama", load: { threads: 2 } },
  { name: "transformers.js, one thread, q4", project: "cpu", engine: "transformers", load: { device: "wasm", threads: 1, name: "smollm2-q4", dtype: "q4" } },
];

// The workload of src/eval/bench.rs: SHARED tokens, OWN more for each prompt, four options of one token.
const [SHARED, OWN, SCORED] = [90, 28, 40];
const ids = (n, first) => Array.from({ length: n }, (_, i) => 3 + ((first * 31 + i * 7 + ((i * i) % 13)) % 97));
// Words of one token each with the space before them.
const WORDS = ("the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there " +
  "would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then " +
  "do any like my now over such our man me even most made after also well way").split(" ");
const words = (n, first) => Array.from({ length: n }, (_, i) => ` ${WORDS[(first * 31 + i * 7 + ((i * i) % 13)) % WORDS.length]}`).join("");
const rate = (n, millis) => n / (millis / 1000);

async function other({ project, engine, load }, amount) {
  const site = await serve({ folder: pages, extra: { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" } });
  const browser = await startBrowser(project);
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`${site.url}?engine=${engine}`);
  await page.getByText("ready").waitFor();
  const prompt = engine === "wllama" ? words : ids;
  const write = (text, n) => page.evaluate(([text, n]) => globalThis.engine.write(text, n), [text, n]);
  const millis = await page.evaluate((load) => globalThis.engine.load(load), load);
  // The first pass of a size compiles and prepares.
  await write(prompt(amount.read, 1), 1);
  const written = await write(prompt(amount.read, 2), amount.write);
  if (written.read !== undefined && written.read !== amount.read) throw new Error(`${written.read} tokens were read where ${amount.read} were meant`);
  const suffixes = Array.from({ length: amount.score }, (_, i) => prompt(OWN, 1000 + i));
  const scored = await page.evaluate(([a, b, c]) => globalThis.engine.score(a, b, c), [prompt(SHARED, 3), suffixes, options]);
  await browser.close();
  await site.close();
  const each = scored.each.reduce((sum, value) => sum + value, 0) / scored.each.length;
  return {
    load_seconds: millis / 1000, read: rate(amount.read, written.first), write: rate(written.n, written.rest),
    score: rate(SCORED, scored.shared + SCORED * each),
  };
}

async function ours(project) {
  const { engine, prefill, decode, score, score_timed, cold_load_seconds, token_cost } = await measure(site, project);
  const share = token_cost?.gemm && (score.n / score.millis) * 1000 * ((OWN + SHARED / SCORED) * token_cost.gemm.flops_a_row + token_cost.gemm.flops_of_head) / token_cost.gemm.flops_per_second;
  return {
    adapter: engine.adapter, load_seconds: cold_load_seconds, read: rate(prefill.n, prefill.millis), write: rate(decode.n, decode.millis),
    score: rate(score.n, score.millis), amount: { read: prefill.n, write: decode.n, score: score_timed },
    gemm_gflops: token_cost?.gemm && token_cost.gemm.flops_per_second / 1e9, gemm_share_of_scoring: share,
  };
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const vocabulary = JSON.parse(readFileSync(join(folder, "models/smollm2-q4/tokenizer.json"), "utf8")).model.vocab;
const options = ["A", "B", "C", "D"].map((letter) => vocabulary[`\u0120${letter}`]);
const pages = mkdtempSync(join(tmpdir(), "likewise-peers-"));
const here = join(dirname(fileURLToPath(import.meta.url)), "peers");
for (const name of ["index.html", "transformers.mjs", "wllama.mjs"]) symlinkSync(join(here, name), join(pages, name));
for (const name of ["node_modules", "models"]) symlinkSync(join(folder, name), join(pages, name));
symlinkSync(MODEL_PATH, join(pages, "model.gguf"));
const site = await startSite({ model: true });
const runs = [];
for (let round = 0; round < rounds; round++) {
  for (const project of ["gpu", "cpu"].filter((project) => !only || only === project)) {
    const own = await ours(project);
    runs.push({ round, name: "Likewise", project, load_average: loadavg()[0], ...own });
    console.error(runs.at(-1));
    for (const engine of ENGINES.filter((engine) => engine.project === project)) {
      // As much as Likewise had time for, but no more than a slow engine can do.
      const amount = { ...own.amount, write: Math.min(own.amount.write, 64), score: Math.min(own.amount.score, project === "gpu" ? 4 : 8) };
      runs.push({ round, name: engine.name, project, load_average: loadavg()[0], ...await other(engine, amount) });
      console.error(runs.at(-1));
    }
  }
}
const ratios = ENGINES.filter(({ name }) => runs.some((run) => run.name === name)).map(({ name, project }) => {
  const of = (who, what) => median(runs.filter((run) => run.name === who && run.project === project).map((run) => run[what]));
  const ratio = (what) => Number((of("Likewise", what) / of(name, what)).toFixed(2));
  return { beside: name, read: ratio("read"), write: ratio("write"), score: ratio("score") };
});
console.log(JSON.stringify({ date: new Date().toISOString(), runs, ratios }, null, 1));
await site.close();
rmSync(pages, { recursive: true });
