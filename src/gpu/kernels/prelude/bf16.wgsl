// bfloat16, two a u32.
@group(0) @binding(W0) var<storage, read> w_halves: array<vec4<u32>>;

fn bf4(a: u32, b: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(a << 16u, a & 0xffff0000u, b << 16u, b & 0xffff0000u));
}

fn weight_block(i: u32) -> Block {
  let o = i * 4u;
  let p = w_halves[o];
  let q = w_halves[o + 1u];
  let r = w_halves[o + 2u];
  let s = w_halves[o + 3u];
  return Block(bf4(p.x, p.y), bf4(p.z, p.w), bf4(q.x, q.y), bf4(q.z, q.w),
               bf4(r.x, r.y), bf4(r.z, r.w), bf4(s.x, s.y), bf4(s.z, s.w));
}
