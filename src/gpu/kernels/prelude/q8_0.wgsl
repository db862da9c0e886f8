// 32 signed bytes times a scale. As nibbles are (see there), bytes are read where they stand; the lower three are made
// unsigned first by adding 128, the upper one has its sign already.
@group(0) @binding(W0) var<storage, read> w_quants: array<vec4<u32>>;
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<f32>;

const BYTE_UNITS = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 0.000000059604644775390625);
const BYTE_SIGNS = vec4<f32>(128.0, 128.0, 128.0, 0.0);

fn bytes4(w: u32) -> vec4<f32> {
  let q = vec4<u32>(w ^ 0x808080u) & vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u);
  return vec4<f32>(bitcast<vec4<i32>>(q)) * BYTE_UNITS - BYTE_SIGNS;
}

fn weight_block(i: u32) -> Block {
  let scale = w_scales[i];
  let p = w_quants[2u * i];
  let q = w_quants[2u * i + 1u];
  return Block(bytes4(p.x) * scale, bytes4(p.y) * scale, bytes4(p.z) * scale, bytes4(p.w) * scale,
               bytes4(q.x) * scale, bytes4(q.y) * scale, bytes4(q.z) * scale, bytes4(q.w) * scale);
}
