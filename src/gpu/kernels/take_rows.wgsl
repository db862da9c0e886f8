// out[m] = x[rows[m]], for rows that x has.
struct Params { cols: u32, n: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.cols || rows[id.y] >= params.n) { return; }
  out[id.y * params.cols + id.x] = x[rows[id.y] * params.cols + id.x];
}
