// Five bits times a scale plus a min, halves of one u32.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<vec2<u32>>;

fn weight_block(i: u32) -> Block {
  let side = w_scales[i];
  let sm = unpack2x16float(side.y);
  return affine_block5(w_quants[i], side.x, sm.x, sm.y);
}
