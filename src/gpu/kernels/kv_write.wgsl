// cache[pos + m] = x[m].
struct Params { cols: u32, rows: u32, max_pos: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  let at = state[0] + m;
  if (id.x >= params.cols || m >= min(params.rows, state[1]) || at >= params.max_pos) { return; }
  cache[at * params.cols + id.x] = x[m * params.cols + id.x];
}
