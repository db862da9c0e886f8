// Nibbles in logical order, alone or with bits above them, and their blocks as quant * scale + min.
@group(0) @binding(W0) var<storage, read> w_quants: array<vec4<u32>>;

fn nibbles4(w: u32) -> vec4<u32> {
  return (vec4<u32>(w) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u);
}

fn affine_block4(q: vec4<u32>, s: f32, min: f32) -> Block {
  let m = vec4<f32>(min);
  return Block(vec4<f32>(nibbles4(q.x)) * s + m, vec4<f32>(nibbles4(q.x >> 16u)) * s + m,
               vec4<f32>(nibbles4(q.y)) * s + m, vec4<f32>(nibbles4(q.y >> 16u)) * s + m,
               vec4<f32>(nibbles4(q.z)) * s + m, vec4<f32>(nibbles4(q.z >> 16u)) * s + m,
               vec4<f32>(nibbles4(q.w)) * s + m, vec4<f32>(nibbles4(q.w >> 16u)) * s + m);
}
