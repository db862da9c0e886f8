// (five bits - 16) times a scale.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<vec2<u32>>;

fn weight_block(i: u32) -> Block {
  let side = w_scales[i];
  let scale = bitcast<f32>(side.y);
  return affine_block5(w_quants[i], side.x, scale, -16.0 * scale);
}
