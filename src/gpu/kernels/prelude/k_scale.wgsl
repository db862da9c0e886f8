// Scale and min of the 32 values `i`, in blocks of 256 that take `words` words each.
@group(0) @binding(W0 + 1u) var<storage, read> w_scales: array<u32>;

fn k_scale(i: u32, words: u32) -> vec2<f32> {
  let o = (i >> 3u) * words;
  let pair = w_scales[o + 1u + ((i & 7u) >> 1u)] >> ((i & 1u) * 16u);
  return unpack2x16float(w_scales[o]) * vec2<f32>(f32(pair & 255u), -f32((pair >> 8u) & 255u));
}
