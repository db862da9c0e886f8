// Causal attention of one new token, one workgroup a query head: biases, norms and rotation of query and key, the new
// key and value into the cache, and softmax over all positions (online, Milakov and Gimelshein 2018) that starts with
// the new key, which only this workgroup's own copy is read for.
struct Params {
  heads: u32, kv_heads: u32, dim: u32, width: u32, max_pos: u32, flags: u32, window: u32, scale: f32,
  eps: f32, pad0: u32, pad1: u32, pad2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> keys: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> values: array<f32>;
@group(0) @binding(6) var<storage, read> vectors: array<f32>;

var<workgroup> query: array<vec4<f32>, 64>;
var<workgroup> scores: array<f32, 64>;
var<workgroup> weights: array<f32, 64>;

fn rotated4(i: u32, pos: u32) -> vec4<f32> {
  let d = i * 4u;
  return vec4<f32>(rotated(d, pos), rotated(d + 1u, pos), rotated(d + 2u, pos), rotated(d + 3u, pos));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  if (state[1] == 0u) { return; }
  let pos = state[0];
  let head = group.x;
  let sharing = params.heads / params.kv_heads;
  let kv_head = head / sharing;
  let quads = params.dim / 4u;
  let writes = head % sharing == 0u && pos < params.max_pos;

  load_head(0u, head * params.dim, 0u, lane);
  if (lane < quads) { query[lane] = rotated4(lane, pos) * params.scale; }
  workgroupBarrier();
  load_head(0u, (params.heads + kv_head) * params.dim, 1u, lane);
  var product = 0.0;
  if (lane < quads) {
    let key = rotated4(lane, pos);
    product = dot(key, query[lane]);
    if (writes) { keys[(pos * params.kv_heads + kv_head) * quads + lane] = key; }
  }
  scores[lane] = product;
  workgroupBarrier();
  var top = 0.0;
  for (var i = 0u; i < quads; i++) { top += scores[i]; }
  workgroupBarrier();
  load_head(0u, (params.heads + params.kv_heads + kv_head) * params.dim, 2u, lane);
  // Out-of-range lanes read some value and drop it.
  let d0 = min(lane, params.dim - 1u);
  let d1 = min(lane + 64u, params.dim - 1u);
  let d2 = min(lane + 128u, params.dim - 1u);
  let d3 = min(lane + 192u, params.dim - 1u);
  var sum = 1.0;
  var acc = vec4<f32>(head_raw[d0], head_raw[d1], head_raw[d2], head_raw[d3]);
  if (writes) {
    for (var d = lane; d < params.dim; d += 64u) {
      values[(pos * params.kv_heads + kv_head) * params.dim + d] = head_raw[d];
    }
  }

  let n_keys = min(pos, params.max_pos);
  var start = 0u;
  if (params.window > 0u && pos + 1u > params.window) { start = pos + 1u - params.window; }
  for (; start < n_keys; start += 64u) {
    let count = min(64u, n_keys - start);
    var score = -3.4028234e38;
    if (lane < count) {
      let row = ((start + lane) * params.kv_heads + kv_head) * quads;
      var products = vec4<f32>();
      for (var i = 0u; i < quads; i++) { products += query[i] * keys[row + i]; }
      score = (products.x + products.y) + (products.z + products.w);
    }
    scores[lane] = score;
    workgroupBarrier();
    var tile_top = scores[0];
    for (var j = 1u; j < count; j++) { tile_top = max(tile_top, scores[j]); }
    let new_top = max(top, tile_top);
    weights[lane] = select(0.0, exp(score - new_top), lane < count);
    workgroupBarrier();
    let shrink = exp(top - new_top);
    top = new_top;
    sum *= shrink;
    acc *= shrink;
    var row = (start * params.kv_heads + kv_head) * params.dim;
    if (params.dim <= 64u) {
      for (var j = 0u; j < count; j++) {
        sum += weights[j];
        acc.x += weights[j] * values[row + d0];
        row += params.kv_heads * params.dim;
      }
    } else {
      for (var j = 0u; j < count; j++) {
        sum += weights[j];
        acc += weights[j] * vec4<f32>(values[row + d0], values[row + d1], values[row + d2], values[row + d3]);
        row += params.kv_heads * params.dim;
      }
    }
    workgroupBarrier();
  }
  let o = head * params.dim;
  let result = acc / sum;
  if (lane < params.dim) { out[o + lane] = result.x; }
  if (lane + 64u < params.dim) { out[o + lane + 64u] = result.y; }
  if (lane + 128u < params.dim) { out[o + lane + 128u] = result.z; }
  if (lane + 192u < params.dim) { out[o + lane + 192u] = result.w; }
}
