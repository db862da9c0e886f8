// out = a + b; b has as many rows as a, or one that is added to every row (a bias).
struct Params { cols: u32, rows: u32, b_stride: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (id.x >= params.cols || m >= min(params.rows, state[1])) { return; }
  let i = m * params.cols + id.x;
  out[i] = a[i] + b[m * params.b_stride + id.x];
}
