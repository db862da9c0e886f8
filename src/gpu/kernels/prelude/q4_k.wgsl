// Nibble times a scale minus a min, both a byte times a half.
fn weight_block(i: u32) -> Block {
  let sm = k_scale(i, 5u);
  return affine_block4(w_quants[i], sm.x, sm.y);
}
