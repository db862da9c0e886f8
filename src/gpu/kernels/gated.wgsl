// out = activate(gate) * up; a row of x is gate and then up, four values at a time.
struct Params { quads: u32, rows: u32, gelu: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (id.x >= params.quads || m >= min(params.rows, state[1])) { return; }
  let gate = m * 2u * params.quads + id.x;
  out[m * params.quads + id.x] = activate(x[gate], params.gelu != 0u) * x[gate + params.quads];
}
