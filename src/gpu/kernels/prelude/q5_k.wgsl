// Five bits times a scale minus a min, both a byte times a half.
fn weight_block(i: u32) -> Block {
  let sm = k_scale(i, 13u);
  return affine_block5(w_quants[i], w_scales[(i >> 3u) * 13u + 5u + (i & 7u)], sm.x, sm.y);
}
