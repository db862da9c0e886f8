// Plain values: block i is values 32i to 32i + 31.
@group(0) @binding(W0) var<storage, read> w_values: array<vec4<f32>>;

fn weight_block(i: u32) -> Block {
  let o = i * 8u;
  return Block(w_values[o], w_values[o + 1u], w_values[o + 2u], w_values[o + 3u],
               w_values[o + 4u], w_values[o + 5u], w_values[o + 6u], w_values[o + 7u]);
}
