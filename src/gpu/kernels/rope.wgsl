// Rotates pairs of each head by position times frequency. A pair is (2i, 2i + 1), or (i, i + half) if params.half_style.
struct Params { heads: u32, half: u32, rows: u32, half_style: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> freqs: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (id.x >= params.heads * params.half || m >= min(params.rows, state[1])) { return; }
  let head = id.x / params.half;
  let i = id.x % params.half;
  let angle = f32(state[0] + m) * freqs[i];
  // sin and cos are exact enough only near zero on some devices: take off whole turns, 2 pi in three parts of
  // few bits (Cody and Waite 1980).
  let turns = round(angle * 0.15915494309);
  let r = ((angle - turns * 6.28125) - turns * 1.9350051879882812e-3) - turns * 3.0199157663e-7;
  let c = cos(r);
  let s = sin(r);
  let start = (m * params.heads + head) * params.half * 2u;
  var a = start + 2u * i;
  var b = a + 1u;
  if (params.half_style != 0u) {
    a = start + i;
    b = a + params.half;
  }
  out[a] = x[a] * c - x[b] * s;
  out[b] = x[a] * s + x[b] * c;
}
