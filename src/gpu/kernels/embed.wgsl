// out[m] = table[tokens[m]] * scale; one lane copies a block of 32. The bound part of the table has rows first to first + n.
struct Params { blocks: u32, vocab: u32, first: u32, n: u32, scale: f32, pad0: u32, pad1: u32, pad2: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
// First binding of the weights.
const W0 = 4u;

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  if (id.x >= params.blocks || m >= state[1]) { return; }
  // A token before the part wraps around to a large number.
  let row = min(tokens[m], params.vocab - 1u) - params.first;
  if (row >= params.n) { return; }
  let b = weight_block(row * params.blocks + id.x);
  let o = (m * params.blocks + id.x) * 8u;
  out[o] = b.a * params.scale;
  out[o + 1u] = b.b * params.scale;
  out[o + 2u] = b.c * params.scale;
  out[o + 3u] = b.d * params.scale;
  out[o + 4u] = b.e * params.scale;
  out[o + 5u] = b.f * params.scale;
  out[o + 6u] = b.g * params.scale;
  out[o + 7u] = b.h * params.scale;
}
