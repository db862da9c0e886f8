// Halves, two a u32.
@group(0) @binding(W0) var<storage, read> w_halves: array<vec4<u32>>;

fn weight_block(i: u32) -> Block {
  let o = i * 4u;
  let p = w_halves[o];
  let q = w_halves[o + 1u];
  let r = w_halves[o + 2u];
  let s = w_halves[o + 3u];
  return Block(halves4(p.x, p.y), halves4(p.z, p.w), halves4(q.x, q.y), halves4(q.z, q.w),
               halves4(r.x, r.y), halves4(r.z, r.w), halves4(s.x, s.y), halves4(s.z, s.w));
}
