// (nibble - 8) times a scale.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<f32>;

fn weight_block(i: u32) -> Block {
  let scale = w_scales[i];
  return affine_block4(w_quants[i], scale, -8.0 * scale);
}
