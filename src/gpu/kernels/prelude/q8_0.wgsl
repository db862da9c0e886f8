// 32 signed bytes times a scale.
@group(0) @binding(W0) var<storage, read> w_quants: array<vec4<u32>>;
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<f32>;

fn bytes4(w: u32) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(w << 24u, w << 16u, w << 8u, w)) >> vec4<u32>(24u));
}

fn weight_block(i: u32) -> Block {
  let scale = w_scales[i];
  let p = w_quants[2u * i];
  let q = w_quants[2u * i + 1u];
  return Block(bytes4(p.x) * scale, bytes4(p.y) * scale, bytes4(p.z) * scale, bytes4(p.w) * scale,
               bytes4(q.x) * scale, bytes4(q.y) * scale, bytes4(q.z) * scale, bytes4(q.w) * scale);
}
