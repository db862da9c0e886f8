// The built site under a sub-path on the plainest of servers: no byte ranges, no rewrites.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../../../tools/serve.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const PREFIX = "/a/b/";
export const MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";
export const MODEL_PATH = resolve(process.env.LIKEWISE_MODEL ?? join(ROOT, "models-cache", MODEL_FILE));
export const VISION_FILE = "efficientnet-lite0.safetensors";
export const VISION_PATH = resolve(process.env.LIKEWISE_VISION_MODEL ?? join(ROOT, "models-cache", VISION_FILE));
export const GOLDEN = join(ROOT, "tests/golden/models");
export const MINILM_FILE = "all-MiniLM-L6-v2.safetensors";
export const MINILM_PATH = resolve(process.env.LIKEWISE_MINILM ?? join(ROOT, "models-cache", MINILM_FILE));
export const GEMMA_FILE = "gemma-3-270m-q4_k_m.gguf";
export const GEMMA_PATH = resolve(process.env.LIKEWISE_GEMMA ?? join(ROOT, "models-cache", GEMMA_FILE));
export const DIST = resolve(process.env.SITE_DIST ?? join(ROOT, "dist"));

/**
 * Starts the site; `model: true` adds the catalog's weights, without touching the build's folder; `gemma` those of another host too. `ranges` and `open`
 * are the server's.
 */
export async function startSite({ model = false, gemma = false, ranges = false, open } = {}) {
  if (!existsSync(join(DIST, "index.html"))) throw new Error(`no built site in ${DIST}: run make build first`);
  if (!model) return serve({ folder: DIST, prefix: PREFIX, ranges, open });
  const folder = mkdtempSync(join(tmpdir(), "likewise-site-"));
  for (const name of readdirSync(DIST)) if (name !== "models") symlinkSync(join(DIST, name), join(folder, name));
  mkdirSync(join(folder, "models"));
  const weights = { [MODEL_FILE]: MODEL_PATH, [VISION_FILE]: VISION_PATH, [MINILM_FILE]: MINILM_PATH };
  if (gemma) {
    // The catalog sends visitors to another host for this one; the test stays here.
    const catalog = readFileSync(join(DIST, "models", "catalog.json"), "utf8").replace(/https:[^"]*\/(?=gemma-3-270m)/, "models/");
    writeFileSync(join(folder, "models", "catalog.json"), catalog);
    weights[GEMMA_FILE] = GEMMA_PATH;
  }
  for (const name of readdirSync(join(DIST, "models"))) {
    if (!(name in weights) && !(gemma && name === "catalog.json")) symlinkSync(join(DIST, "models", name), join(folder, "models", name));
  }
  for (const [name, path] of Object.entries(weights)) if (existsSync(path)) symlinkSync(path, join(folder, "models", name));
  const site = await serve({ folder, prefix: PREFIX, ranges, open });
  return { url: site.url, close: async () => { await site.close(); rmSync(folder, { recursive: true }); } };
}
