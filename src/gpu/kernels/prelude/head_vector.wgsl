// One head of the stacked queries, keys and values: bias, norm and rotation, as far as the model has them.
// `vectors` holds, in order: rotary frequencies (dim / 2), weights of the query and of the key norm (dim each, if
// NORMED), biases of all heads (if BIASED).
const HALF_STYLE = 1u;
const HEAD_NORMED = 2u;
const BIASED = 4u;

var<workgroup> head_raw: array<f32, 256>;
var<workgroup> head_sum: array<f32, 64>;

// Angle's cosine and sine. They are exact enough only near zero on some devices: take off whole turns, 2 pi in three
// parts of few bits (Cody and Waite 1980).
fn turn(angle: f32) -> vec2<f32> {
  let turns = round(angle * 0.15915494309);
  let r = ((angle - turns * 6.28125) - turns * 1.9350051879882812e-3) - turns * 3.0199157663e-7;
  return vec2<f32>(cos(r), sin(r));
}

// Raw values `first` on of row `row` into head_raw, biased and, unless `norm` is 2, normed. `norm`: 0 query, 1 key.
fn load_head(row: u32, first: u32, norm: u32, lane: u32) {
  let half = params.dim / 2u;
  let biases = half + select(0u, params.dim * 2u, (params.flags & HEAD_NORMED) != 0u);
  var squares = 0.0;
  for (var d = lane; d < params.dim; d += 64u) {
    var value = qkv[row * params.width + first + d];
    if ((params.flags & BIASED) != 0u) { value += vectors[biases + first + d]; }
    squares += value * value;
    head_raw[d] = value;
  }
  head_sum[lane] = squares;
  workgroupBarrier();
  if ((params.flags & HEAD_NORMED) != 0u && norm < 2u) {
    var sum = 0.0;
    for (var i = 0u; i < 64u; i++) { sum += head_sum[i]; }
    let scale = 1.0 / sqrt(sum / f32(params.dim) + params.eps);
    for (var d = lane; d < params.dim; d += 64u) {
      head_raw[d] *= scale * vectors[half + norm * params.dim + d];
    }
    workgroupBarrier();
  }
}

// Value d of head_raw after rotation to a position.
fn rotated(d: u32, pos: u32) -> f32 {
  let half = params.dim / 2u;
  var i = d >> 1u;
  var other = d ^ 1u;
  var leads = (d & 1u) == 0u;
  if ((params.flags & HALF_STYLE) != 0u) {
    leads = d < half;
    i = select(d - half, d, leads);
    other = select(d - half, d + half, leads);
  }
  let t = turn(f32(pos) * vectors[i]);
  return select(head_raw[other] * t.y + head_raw[d] * t.x, head_raw[d] * t.x - head_raw[other] * t.y, leads);
}
