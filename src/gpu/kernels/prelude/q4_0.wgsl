// (nibble - 8) times a scale, nibbles in logical order.
@group(0) @binding(4) var<storage, read> w_quants: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> w_scales: array<f32>;

fn nibbles4(w: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(w) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)) - 8.0;
}

fn weight_block(i: u32) -> Block {
  let scale = w_scales[i];
  let q = w_quants[i];
  return Block(nibbles4(q.x) * scale, nibbles4(q.x >> 16u) * scale, nibbles4(q.y) * scale, nibbles4(q.y >> 16u) * scale,
               nibbles4(q.z) * scale, nibbles4(q.z >> 16u) * scale, nibbles4(q.w) * scale, nibbles4(q.w >> 16u) * scale);
}
