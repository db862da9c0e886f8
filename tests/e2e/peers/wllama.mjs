// wllama, llama.cpp compiled to wasm, on the processor. It takes text; prompts are words of one token each.
const BASE = new URL(".", location.href).href;
let engine;

export async function load({ threads }) {
  const start = performance.now();
  const { Wllama } = await import(`${BASE}node_modules/@wllama/wllama/esm/index.min.js`);
  const quiet = () => {};
  engine = new Wllama({ default: `${BASE}node_modules/@wllama/wllama/esm/wasm/wllama.wasm` }, { logger: { debug: quiet, log: quiet, warn: quiet, error: console.error } });
  await engine.loadModelFromUrl(`${BASE}model.gguf`, { n_ctx: 1024, n_threads: threads, n_gpu_layers: 0 });
  return performance.now() - start;
}

/** Milliseconds until the prompt's first token, and those of each token after it. */
export async function write(prompt, n) {
  const times = [];
  let read;
  const start = performance.now();
  await engine.createCompletion({
    prompt, max_tokens: n + 1, temperature: 0, top_k: 1, ignore_eos: true, cache_prompt: false, stream: true, timings_per_token: true, n_probs: 1,
    onData: ({ choices, timings }) => {
      if (choices?.[0] && !choices[0].finish_reason) times.push(performance.now());
      read = timings?.prompt_n ?? read;
    },
  });
  return { first: times[0] - start, rest: times.at(-1) - times[0], n: times.length - 1, read };
}

/** Milliseconds of the shared beginning and of each prompt after it; the engine keeps the longest beginning it knows. */
export async function score(prefix, suffixes, options) {
  const ask = async (prompt) => {
    const start = performance.now();
    const answer = await engine.createCompletion({
      prompt, max_tokens: 1, cache_prompt: true, temperature: 1, seed: 1, n_probs: options.length, post_sampling_probs: true,
      top_k: options.length, top_p: 1, min_p: 0, samplers: ["top_k", "temperature"], logit_bias: options.map((id) => [id, 100]),
    });
    if (!answer.choices[0].logprobs.content[0]) throw new Error("no probabilities");
    return performance.now() - start;
  };
  const shared = await ask(prefix);
  const each = [];
  for (const suffix of suffixes) each.push(await ask(prefix + suffix));
  return { shared, each };
}
