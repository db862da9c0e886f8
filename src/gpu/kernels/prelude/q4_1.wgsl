// nibble times a scale plus a min, nibbles in logical order; scale and min are halves of one u32.
@group(0) @binding(4) var<storage, read> w_quants: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> w_scales: array<u32>;

fn nibbles4(w: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(w) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u));
}

fn weight_block(i: u32) -> Block {
  let sm = unpack2x16float(w_scales[i]);
  let s = sm.x;
  let m = vec4<f32>(sm.y);
  let q = w_quants[i];
  return Block(nibbles4(q.x) * s + m, nibbles4(q.x >> 16u) * s + m, nibbles4(q.y) * s + m, nibbles4(q.y >> 16u) * s + m,
               nibbles4(q.z) * s + m, nibbles4(q.z >> 16u) * s + m, nibbles4(q.w) * s + m, nibbles4(q.w >> 16u) * s + m);
}
