// out = x[n_rows - 1].
struct Params { cols: u32, rows: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let rows = min(params.rows, state[1]);
  if (id.x >= params.cols || rows == 0u) { return; }
  out[id.x] = x[(rows - 1u) * params.cols + id.x];
}
