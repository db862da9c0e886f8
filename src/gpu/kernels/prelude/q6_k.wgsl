// (six bits - 32) times a scale, a signed byte for 16 values times a number for 256.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<u32>;

fn six4(w: u32, high: u32) -> vec4<f32> {
  let q = nibbles4(w) | ((vec4<u32>(high) & vec4<u32>(3u, 12u, 48u, 192u)) * vec4<u32>(0x10u, 0x40u, 0x100u, 0x400u));
  return affine4(q, NIBBLE_UNITS, vec4<f32>(-32.0));
}

fn weight_block(i: u32) -> Block {
  let o = (i >> 3u) * 21u;
  let j = i & 7u;
  let q = w_quants[i];
  let low = w_scales[o + 2u * j];
  let high = w_scales[o + 2u * j + 1u];
  let pair = w_scales[o + 16u + (j >> 1u)] >> ((j & 1u) * 16u);
  let d = bitcast<f32>(w_scales[o + 20u]);
  let s = d * f32(bitcast<i32>(pair << 24u) >> 24u);
  let t = d * f32(bitcast<i32>(pair << 16u) >> 24u);
  return Block(six4(q.x, low) * s, six4(q.x >> 16u, low >> 8u) * s, six4(q.y, low >> 16u) * s, six4(q.y >> 16u, low >> 24u) * s,
               six4(q.z, high) * t, six4(q.z >> 16u, high >> 8u) * t, six4(q.w, high >> 16u) * t, six4(q.w >> 16u, high >> 24u) * t);
}
