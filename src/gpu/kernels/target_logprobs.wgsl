// out[pair] = (x[m][target] - logsumexp, logsumexp); one workgroup a pair of row and target. Lanes sum with compensation (Kahan 1965),
// the workgroup as a tree.
struct Params { cols: u32, rows: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> pairs: array<vec2<u32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let m = pairs[group.x].x;
  if (m >= min(params.rows, state[1])) { return; }
  let start = m * params.cols;
  var best = -3.4028234e38;
  for (var i = lane; i < params.cols; i += 256u) { best = max(best, x[start + i]); }
  let top = reduce_max(lane, best);
  var sum = 0.0;
  var lost = 0.0;
  for (var i = lane; i < params.cols; i += 256u) {
    let y = exp(x[start + i] - top) - lost;
    let t = sum + y;
    lost = (t - sum) - y;
    sum = t;
  }
  let rest = log(reduce_sum(lane, sum));
  if (lane == 0u) {
    // The difference to the top first: it is small, while the logits may be large.
    let target_logit = x[start + min(pairs[group.x].y, params.cols - 1u)];
    out[group.x] = vec2<f32>((target_logit - top) - rest, top + rest);
  }
}
