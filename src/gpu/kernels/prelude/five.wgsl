// A fifth bit above each nibble: bit k of `high` belongs to value k.
fn five4(w: u32, high: u32) -> vec4<u32> {
  return nibbles4(w) | ((vec4<u32>(high) & vec4<u32>(1u, 2u, 4u, 8u)) * vec4<u32>(0x10u, 0x80u, 0x400u, 0x2000u));
}

fn affine_block5(q: vec4<u32>, h: u32, scale: f32, min: f32) -> Block {
  let s = scale * NIBBLE_UNITS;
  let m = vec4<f32>(min);
  return Block(affine4(five4(q.x, h), s, m), affine4(five4(q.x >> 16u, h >> 4u), s, m),
               affine4(five4(q.y, h >> 8u), s, m), affine4(five4(q.y >> 16u, h >> 12u), s, m),
               affine4(five4(q.z, h >> 16u), s, m), affine4(five4(q.z >> 16u, h >> 20u), s, m),
               affine4(five4(q.w, h >> 24u), s, m), affine4(five4(q.w >> 16u, h >> 28u), s, m));
}
