// out[m] = x[m] / sqrt(mean(x[m]^2) + eps) * w; one workgroup a row. With `added`, out is what it is added to.
struct Params { cols: u32, rows: u32, eps: f32, added: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let m = group.x;
  if (m >= min(params.rows, state[1])) { return; }
  let start = m * params.cols;
  var sum = 0.0;
  for (var i = lane; i < params.cols; i += 256u) {
    let v = x[start + i];
    sum += v * v;
  }
  let total = reduce_sum(lane, sum);
  let scale = 1.0 / sqrt(total / f32(params.cols) + params.eps);
  for (var i = lane; i < params.cols; i += 256u) {
    var value = x[start + i] * scale * w[i];
    if (params.added != 0u) { value += out[start + i]; }
    out[start + i] = value;
  }
}
