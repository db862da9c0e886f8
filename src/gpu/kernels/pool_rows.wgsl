// out[row + p] = sum over m of weights[p, m] * x[m].
struct Params { cols: u32, row: u32, stride: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.cols) { return; }
  var sum = 0.0;
  for (var m = 0u; m < state[1]; m++) {
    sum += weights[id.y * params.stride + m] * x[m * params.cols + id.x];
  }
  out[(params.row + id.y) * params.cols + id.x] = sum;
}
