// As target_logprobs, for adapters that compute on the processor and rows of whole sixteens: a lane takes a row of
// logits and then all of its targets, and none waits for another. Sums are compensated (Kahan 1965). Sixteen at a time,
// because llvmpipe ends a lane's loops after 65535 turns in all.
struct Params { cols: u32, rows: u32, pairs: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> pairs: array<vec2<u32>>;

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.x;
  if (m >= min(params.rows, state[1])) { return; }
  let quads = params.cols / 4u;
  let start = m * quads;
  var best = vec4<f32>(-3.4028234e38);
  for (var i = start; i < start + quads; i += 4u) {
    best = max(best, max(max(x[i], x[i + 1u]), max(x[i + 2u], x[i + 3u])));
  }
  let top = max(max(best.x, best.y), max(best.z, best.w));
  var sums = vec4<f32>();
  var lost = vec4<f32>();
  for (var i = start; i < start + quads; i += 4u) {
    let few = (exp(x[i] - top) + exp(x[i + 1u] - top)) + (exp(x[i + 2u] - top) + exp(x[i + 3u] - top));
    let y = few - lost;
    let t = sums + y;
    lost = (t - sums) - y;
    sums = t;
  }
  let rest = log((sums.x + sums.y) + (sums.z + sums.w));
  for (var p = 0u; p < params.pairs; p++) {
    if (pairs[p].x != m) { continue; }
    // The difference to the top first: it is small, while the logits may be large.
    let target_token = min(pairs[p].y, params.cols - 1u);
    out[p] = vec2<f32>((x[start + target_token / 4u][target_token % 4u] - top) - rest, top + rest);
  }
}
