// out[m] = table[tokens[m]]; one lane copies a block of 32. The bound part of the table has rows first to first + n.
struct Params { blocks: u32, vocab: u32, first: u32, n: u32 }
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
  out[o] = b.a;
  out[o + 1u] = b.b;
  out[o + 2u] = b.c;
  out[o + 3u] = b.d;
  out[o + 4u] = b.e;
  out[o + 5u] = b.f;
  out[o + 6u] = b.g;
  out[o + 7u] = b.h;
}
