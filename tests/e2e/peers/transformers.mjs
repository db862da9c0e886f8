// transformers.js on onnxruntime-web: `device` "webgpu" or "wasm". Prompts are token ids.
const BASE = new URL(".", location.href).href;
let library, model;

export async function load({ device, threads, name, dtype }) {
  const start = performance.now();
  library = await import(`${BASE}node_modules/@huggingface/transformers/dist/transformers.min.js`);
  Object.assign(library.env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: `${BASE}models/` });
  const { wasm } = library.env.backends.onnx;
  const file = `${BASE}node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify`;
  wasm.wasmPaths = { mjs: `${file}.mjs`, wasm: `${file}.wasm` };
  wasm.numThreads = threads;
  model = await library.AutoModelForCausalLM.from_pretrained(name, { device, dtype });
  return performance.now() - start;
}

const rows = (ids) => new library.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
const ones = (n) => new library.Tensor("int64", new BigInt64Array(n).fill(1n), [1, n]);

/** Milliseconds until the prompt's first token, and those of each token after it. */
export async function write(ids, n) {
  const times = [];
  const start = performance.now();
  await model.generate({
    inputs: rows(ids), attention_mask: ones(ids.length), max_new_tokens: n + 1, min_new_tokens: n + 1, do_sample: false,
    // The first call brings the prompt back.
    streamer: { put: () => times.push(performance.now()), end: () => {} },
  });
  return { first: times[1] - start, rest: times.at(-1) - times[1], n: times.length - 2 };
}

async function forward(inputs) {
  // Logits of the last position only.
  return model({ ...inputs, num_logits_to_keep: new library.Tensor("int64", [1n], []) });
}

/** Milliseconds of the shared beginning and of each prompt after it, on a cache of the beginning. */
export async function score(prefix, suffixes, options) {
  const start = performance.now();
  const first = await forward({ input_ids: rows(prefix), attention_mask: ones(prefix.length) });
  const present = Object.entries(first).filter(([name]) => name.startsWith("present"));
  const cache = new library.DynamicCache(Object.fromEntries(present.map(([name, value]) => [name.replace("present", "past_key_values"), value])));
  const shared = performance.now() - start;
  const each = [];
  for (const suffix of suffixes) {
    const begun = performance.now();
    const found = await forward({ input_ids: rows(suffix), attention_mask: ones(prefix.length + suffix.length), past_key_values: cache });
    if (found.logits.location === "gpu-buffer") await found.logits.getData();
    const scored = options.map((id) => found.logits.data[id]);
    if (!scored.every(Number.isFinite)) throw new Error("logits that are not numbers");
    for (const [name, value] of Object.entries(found)) if (name !== "logits" && value.location === "gpu-buffer") value.dispose();
    each.push(performance.now() - begun);
  }
  return { shared, each };
}
