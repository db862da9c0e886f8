// out = silu(gate) * up, silu(x) = x / (1 + exp(-x)).
struct Params { cols: u32, rows: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> up: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (id.x >= params.cols || m >= min(params.rows, state[1])) { return; }
  let i = m * params.cols + id.x;
  let g = gate[i];
  // exp of at most 0 never overflows.
  let e = exp(-abs(g));
  let sigmoid = select(e, 1.0, g >= 0.0) / (1.0 + e);
  out[i] = g * sigmoid * up[i];
}
