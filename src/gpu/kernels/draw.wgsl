// The greedy or drawn token of one row of logits, its log-probability and the most probable alternatives, and the step to
// the next token: the token goes where the next pass reads it, the position moves on; after a token that ends the answer no
// row is in use any more, so that the passes that follow do nothing.
// drawn[step]: id, number of logits that are not finite, log-probability, unused, then pairs of id and log-probability.
struct Params { cols: u32, capacity: u32, stride: u32, n_stop: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> drawn: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
// n_top, number of stop tokens, temperature (0: greedy), top_k (0: all), top_p, min_p, seed in two words; stop tokens.
@group(0) @binding(5) var<storage, read> rule: array<u32>;

var<workgroup> best_value: array<f32, 256>;
var<workgroup> best_index: array<u32, 256>;
var<workgroup> in_use: u32;
var<workgroup> chosen: u32;

const LOWEST = -3.4028234e38;

// Puts the largest of all lanes' pairs, the first of equals, into place 0.
fn reduce_best(lane: u32, value: f32, index: u32) {
  best_value[lane] = value;
  best_index[lane] = index;
  workgroupBarrier();
  for (var width = 128u; width > 0u; width >>= 1u) {
    if (lane < width) {
      let v = best_value[lane + width];
      let i = best_index[lane + width];
      if (v > best_value[lane] || (v == best_value[lane] && i < best_index[lane])) {
        best_value[lane] = v;
        best_index[lane] = i;
      }
    }
    workgroupBarrier();
  }
}

// Integers in the order of the floats.
fn key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// Weight of a logit after the temperature, 1 for the highest.
fn weight(v: f32, highest: f32) -> f32 { return exp((v - highest) / bitcast<f32>(rule[2])); }

// Number (or, with `weighed`, weight) of the logits whose key is at least `least`; every lane must call it.
fn measure(lane: u32, least: u32, highest: f32, weighed: bool) -> f32 {
  var sum = 0.0;
  for (var i = lane; i < params.cols; i += 256u) {
    let v = logits[i];
    if (key(v) >= least) { sum += select(1.0, weight(v, highest), weighed); }
  }
  return reduce_sum(lane, sum);
}

// The largest key from which on there is still as much as wanted.
fn cut(lane: u32, wanted: f32, highest: f32, weighed: bool) -> u32 {
  var low = 0u;
  var high = key(highest) + 1u;
  for (var i = 0u; i < 32u; i++) {
    let middle = low + (high - low) / 2u;
    if (measure(lane, middle, highest, weighed) >= wanted) { low = middle; } else { high = middle; }
  }
  return low;
}

// A number in [0, 1) for a seed and a position: two rounds of the PCG output function (O'Neill 2014) over a mix of both.
fn uniform_at(position: u32) -> f32 {
  var x = rule[6] ^ (position * 0x9e3779b9u);
  for (var i = 0u; i < 3u; i++) {
    x = x * 747796405u + 2891336453u + rule[7];
    x = ((x >> ((x >> 28u) + 4u)) ^ x) * 277803737u;
    x = (x >> 22u) ^ x;
  }
  return f32(x >> 8u) / 16777216.0;
}

// Draws from the logits that top-k, the nucleus and min-p leave, in the order of their ids; equals at a border stay
// together.
fn draw(lane: u32, highest: f32) -> u32 {
  var least = 0u;
  if (rule[3] > 0u && rule[3] < params.cols) { least = cut(lane, f32(rule[3]), highest, false); }
  let all = measure(lane, least, highest, true);
  let top_p = bitcast<f32>(rule[4]);
  if (top_p < 1.0) { least = max(least, cut(lane, top_p * all, highest, true)); }
  let min_p = bitcast<f32>(rule[5]);
  if (min_p > 0.0) { least = max(least, key(highest + log(min(min_p, 1.0)) * bitcast<f32>(rule[2]))); }

  // Each lane weighs its stretch, one finds the stretch, its lane the token.
  let stretch = (params.cols + 255u) / 256u;
  let first = lane * stretch;
  let end = min(first + stretch, params.cols);
  var sum = 0.0;
  for (var i = first; i < end; i++) {
    if (key(logits[i]) >= least) { sum += weight(logits[i], highest); }
  }
  best_value[lane] = sum;
  if (lane == 0u) { chosen = best_index[0]; }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 256u; i++) { total += best_value[i]; }
  var left = uniform_at(state[0]) * total;
  var owner = 0u;
  for (var i = 0u; i < 256u; i++) {
    if (best_value[i] > 0.0) {
      owner = i;
      if (left < best_value[i]) { break; }
      left -= best_value[i];
    }
  }
  if (lane == owner) {
    // Rounding can leave a last sliver; it belongs to the last token that may be drawn.
    for (var i = first; i < end; i++) {
      if (key(logits[i]) >= least) {
        chosen = i;
        let w = weight(logits[i], highest);
        if (left < w) { break; }
        left -= w;
      }
    }
  }
  workgroupBarrier();
  let id = chosen;
  workgroupBarrier();
  return id;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) { in_use = state[1]; }
  if (workgroupUniformLoad(&in_use) == 0u) { return; }
  var top = LOWEST;
  var at = 0xffffffffu;
  var sum = 0.0;
  var broken = 0.0;
  for (var i = lane; i < params.cols; i += 256u) {
    let v = logits[i];
    // Written with bits: compilers may assume that no number is NaN.
    if ((bitcast<u32>(v) & 0x7f800000u) == 0x7f800000u) {
      broken += 1.0;
    } else if (v > top) {
      sum = sum * exp(top - v) + 1.0;
      top = v;
      at = i;
    } else {
      sum += exp(v - top);
    }
  }
  reduce_best(lane, top, at);
  let highest = best_value[0];
  let best = best_index[0];
  workgroupBarrier();
  let total = reduce_sum(lane, sum * exp(top - highest));
  let rest = log(total);
  let n_broken = reduce_sum(lane, broken);
  var id = best;
  if (bitcast<f32>(rule[2]) > 0.0) { id = draw(lane, highest); }
  let step = state[2] % params.capacity;
  let o = step * params.stride;
  if (lane == 0u) {
    drawn[o] = id;
    drawn[o + 1u] = u32(n_broken);
    drawn[o + 2u] = bitcast<u32>((logits[min(id, params.cols - 1u)] - highest) - rest);
    drawn[o + 3u] = 0u;
  }
  var last_value = highest;
  var last_index = best;
  for (var rank = 0u; rank < rule[0]; rank++) {
    if (lane == 0u) {
      drawn[o + 4u + 2u * rank] = last_index;
      drawn[o + 5u + 2u * rank] = bitcast<u32>((last_value - highest) - rest);
    }
    top = LOWEST;
    at = 0xffffffffu;
    for (var i = lane; i < params.cols; i += 256u) {
      let v = logits[i];
      let after = v < last_value || (v == last_value && i > last_index);
      if (after && v > top) { top = v; at = i; }
    }
    reduce_best(lane, top, at);
    last_value = best_value[0];
    last_index = best_index[0];
    workgroupBarrier();
  }
  if (lane == 0u) {
    tokens[0] = min(id, params.cols - 1u);
    state[0] += 1u;
    state[2] += 1u;
    for (var i = 0u; i < rule[1]; i++) {
      if (rule[8u + i] == id) { state[1] = 0u; }
    }
  }
}
