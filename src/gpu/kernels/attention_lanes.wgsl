// Attention of row m over what it may see of the cache, for adapters that compute on the processor: a lane takes a
// query head of a row through all of the keys, and none waits for another, since barriers and shared memory cost more
// there than all of the arithmetic. Keys are taken eight at a time with a running maximum and sum (online softmax, Milakov and
// Gimelshein 2018); what is accumulated stands in out.
struct Params { heads: u32, kv_heads: u32, dim: u32, rows: u32, max_pos: u32, scale: f32, window: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> places: array<vec4<u32>>;

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.x / params.heads;
  let head = id.x % params.heads;
  if (m >= min(params.rows, state[1])) { return; }
  let slot = state[0] + m;
  let place = places[m];
  let quads = params.dim / 4u;
  let stride = params.kv_heads * quads;
  let first = head / (params.heads / params.kv_heads) * quads;
  let o = id.x * quads;

  var top = -3.4028234e38;
  var sum = 0.0;
  var unseen = before_window(position_of(place, slot), params.window);
  for (var part = 0u; part < 3u; part++) {
    let seen = seen_of(part, place, slot, params.max_pos, unseen);
    let end = seen.y;
    unseen = seen.z;
    for (var start = seen.x; start < end; start += 8u) {
      // Past the end the last key is read again, and weighs nothing.
      let count = vec4<u32>(end - start);
      let last = end - 1u;
      let r0 = start * stride + first;
      let r1 = min(start + 1u, last) * stride + first;
      let r2 = min(start + 2u, last) * stride + first;
      let r3 = min(start + 3u, last) * stride + first;
      let r4 = min(start + 4u, last) * stride + first;
      let r5 = min(start + 5u, last) * stride + first;
      let r6 = min(start + 6u, last) * stride + first;
      let r7 = min(start + 7u, last) * stride + first;
      var s = vec4<f32>();
      var t = vec4<f32>();
      for (var i = 0u; i < quads; i++) {
        let a = q[o + i];
        s += vec4<f32>(dot(a, keys[r0 + i]), dot(a, keys[r1 + i]), dot(a, keys[r2 + i]), dot(a, keys[r3 + i]));
        t += vec4<f32>(dot(a, keys[r4 + i]), dot(a, keys[r5 + i]), dot(a, keys[r6 + i]), dot(a, keys[r7 + i]));
      }
      s *= params.scale;
      t *= params.scale;
      let tops = max(s, t);
      let new_top = max(top, max(max(tops.x, tops.y), max(tops.z, tops.w)));
      s = select(vec4<f32>(), exp(s - new_top), vec4<u32>(0u, 1u, 2u, 3u) < count);
      t = select(vec4<f32>(), exp(t - new_top), vec4<u32>(4u, 5u, 6u, 7u) < count);
      let shrink = exp(top - new_top);
      let begun = vec4<bool>(sum > 0.0);
      let all = s + t;
      sum = sum * shrink + ((all.x + all.y) + (all.z + all.w));
      top = new_top;
      for (var i = 0u; i < quads; i++) {
        // What stands in out before the first keys may be anything.
        out[o + i] = select(vec4<f32>(), out[o + i] * shrink, begun)
          + ((values[r0 + i] * s.x + values[r1 + i] * s.y) + (values[r2 + i] * s.z + values[r3 + i] * s.w))
          + ((values[r4 + i] * t.x + values[r5 + i] * t.y) + (values[r6 + i] * t.z + values[r7 + i] * t.w));
      }
    }
  }
  for (var i = 0u; i < quads; i++) { out[o + i] = out[o + i] / sum; }
}
