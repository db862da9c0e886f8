// A fifth bit above each nibble: bit k of `high` belongs to value k.
fn five4(w: u32, high: u32) -> vec4<f32> {
  return vec4<f32>(nibbles4(w) | ((vec4<u32>(high) << vec4<u32>(4u, 3u, 2u, 1u)) & vec4<u32>(16u)));
}

fn affine_block5(q: vec4<u32>, h: u32, s: f32, min: f32) -> Block {
  let m = vec4<f32>(min);
  return Block(five4(q.x, h) * s + m, five4(q.x >> 16u, h >> 4u) * s + m,
               five4(q.y, h >> 8u) * s + m, five4(q.y >> 16u, h >> 12u) * s + m,
               five4(q.z, h >> 16u) * s + m, five4(q.z >> 16u, h >> 20u) * s + m,
               five4(q.w, h >> 24u) * s + m, five4(q.w >> 16u, h >> 28u) * s + m);
}
