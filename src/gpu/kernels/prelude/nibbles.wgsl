// Nibbles in logical order, alone or with bits above them, and their blocks as quant * scale + min. A nibble is read where
// it stands, as 16 to a power too large, and the scale takes that back, which is exact: adapters that compute on the
// processor are slow at shifts by several numbers at once and at converting unsigned numbers.
@group(0) @binding(W0) var<storage, read> w_quants: array<vec4<u32>>;

const NIBBLE_UNITS = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625);

fn nibbles4(w: u32) -> vec4<u32> { return vec4<u32>(w) & vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u); }

fn affine4(q: vec4<u32>, s: vec4<f32>, m: vec4<f32>) -> vec4<f32> { return vec4<f32>(bitcast<vec4<i32>>(q)) * s + m; }

fn affine_block4(q: vec4<u32>, scale: f32, min: f32) -> Block {
  let s = scale * NIBBLE_UNITS;
  let m = vec4<f32>(min);
  return Block(affine4(nibbles4(q.x), s, m), affine4(nibbles4(q.x >> 16u), s, m),
               affine4(nibbles4(q.y), s, m), affine4(nibbles4(q.y >> 16u), s, m),
               affine4(nibbles4(q.z), s, m), affine4(nibbles4(q.z >> 16u), s, m),
               affine4(nibbles4(q.w), s, m), affine4(nibbles4(q.w >> 16u), s, m));
}
