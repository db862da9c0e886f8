// nibble times a scale plus a min, halves of one u32.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<u32>;

fn weight_block(i: u32) -> Block {
  let sm = unpack2x16float(w_scales[i]);
  return affine_block4(w_quants[i], sm.x, sm.y);
}
