// Attention of row m over what it may see of the cache, one workgroup a query head and row. Keys are taken 64 at a time
// with a running maximum and sum (online softmax, Milakov and Gimelshein 2018), so that any length fits; lanes score
// one key each, then own one to four output values.
struct Params { heads: u32, kv_heads: u32, dim: u32, rows: u32, max_pos: u32, scale: f32, window: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> values: array<f32>;
@group(0) @binding(6) var<storage, read> places: array<vec4<u32>>;

var<workgroup> query: array<vec4<f32>, 64>;
var<workgroup> scores: array<f32, 64>;
var<workgroup> weights: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let m = group.y;
  if (m >= min(params.rows, state[1])) { return; }
  let slot = state[0] + m;
  let place = places[m];
  let kv_head = head / (params.heads / params.kv_heads);
  let quads = params.dim / 4u;
  if (lane < quads) { query[lane] = q[(m * params.heads + head) * quads + lane] * params.scale; }
  workgroupBarrier();

  var top = -3.4028234e38;
  var sum = 0.0;
  var acc = vec4<f32>();
  // Out-of-range lanes read some value and drop it.
  let d0 = min(lane, params.dim - 1u);
  let d1 = min(lane + 64u, params.dim - 1u);
  let d2 = min(lane + 128u, params.dim - 1u);
  let d3 = min(lane + 192u, params.dim - 1u);
  var unseen = before_window(position_of(place, slot), params.window);
  for (var part = 0u; part < 3u; part++) {
    let seen = seen_of(part, place, slot, params.max_pos, unseen);
    let end = seen.y;
    unseen = seen.z;
    for (var start = seen.x; start < end; start += 64u) {
      let count = min(64u, end - start);
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
  }
  let o = (m * params.heads + head) * params.dim;
  let result = acc / sum;
  if (lane < params.dim) { out[o + lane] = result.x; }
  if (lane + 64u < params.dim) { out[o + lane + 64u] = result.y; }
  if (lane + 128u < params.dim) { out[o + lane + 128u] = result.z; }
  if (lane + 192u < params.dim) { out[o + lane + 192u] = result.w; }
}
