// The greedy token of one row of logits, its log-probability and the most probable alternatives, and the step to the
// next token: the token goes where the next pass reads it, the position moves on; after a token that ends the answer no
// row is in use any more, so that the passes that follow do nothing.
// drawn[step]: id, number of logits that are not finite, log-probability, unused, then pairs of id and log-probability.
struct Params { cols: u32, capacity: u32, stride: u32, n_stop: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> drawn: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
// n_top, number of stop tokens, the stop tokens.
@group(0) @binding(5) var<storage, read> rule: array<u32>;

var<workgroup> best_value: array<f32, 256>;
var<workgroup> best_index: array<u32, 256>;
var<workgroup> in_use: u32;

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
  let id = best_index[0];
  workgroupBarrier();
  let total = reduce_sum(lane, sum * exp(top - highest));
  let rest = log(total);
  let n_broken = reduce_sum(lane, broken);
  let step = state[2] % params.capacity;
  let o = step * params.stride;
  if (lane == 0u) {
    drawn[o] = id;
    drawn[o + 1u] = u32(n_broken);
    drawn[o + 2u] = bitcast<u32>(-rest);
    drawn[o + 3u] = 0u;
  }
  var last_value = highest;
  var last_index = id;
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
      if (rule[2u + i] == id) { state[1] = 0u; }
    }
  }
}
