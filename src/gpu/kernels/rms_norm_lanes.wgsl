// As rms_norm, for adapters that compute on the processor and rows of whole fours: a lane takes a row, and none waits
// for another.
struct Params { quads: u32, rows: u32, eps: f32, added: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> w: array<vec4<f32>>;

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.x;
  if (m >= min(params.rows, state[1])) { return; }
  let start = m * params.quads;
  var sums = vec4<f32>();
  for (var i = 0u; i < params.quads; i += 16u) {
    // Sums of a few first: long sums of small terms lose digits.
    var few = vec4<f32>();
    for (var j = i; j < min(i + 16u, params.quads); j++) {
      let v = x[start + j];
      few += v * v;
    }
    sums += few;
  }
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  let scale = 1.0 / sqrt(sum / f32(params.quads * 4u) + params.eps);
  for (var i = 0u; i < params.quads; i++) {
    var value = x[start + i] * scale * w[i];
    if (params.added != 0u) { value += out[start + i]; }
    out[start + i] = value;
  }
}
