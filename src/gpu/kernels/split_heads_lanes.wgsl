// As split_heads, for adapters that compute on the processor: a lane takes a head of a row, and none waits for another.
struct Params {
  heads: u32, kv_heads: u32, dim: u32, width: u32, max_pos: u32, flags: u32, rows: u32, pad0: u32,
  eps: f32, pad1: u32, pad2: u32, pad3: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> keys: array<f32>;
@group(0) @binding(5) var<storage, read_write> values: array<f32>;
@group(0) @binding(6) var<storage, read> vectors: array<f32>;
@group(0) @binding(7) var<storage, read> places: array<vec4<u32>>;

// Value d of the head that begins at `first` of row m, biased.
fn biased(m: u32, first: u32, d: u32) -> f32 {
  let value = qkv[m * params.width + first + d];
  if ((params.flags & BIASED) == 0u) { return value; }
  let norms = select(0u, params.dim * 2u, (params.flags & HEAD_NORMED) != 0u);
  return value + vectors[params.dim / 2u + norms + first + d];
}

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let n_heads = params.heads + 2u * params.kv_heads;
  let m = id.x / n_heads;
  let head = id.x % n_heads;
  if (m >= min(params.rows, state[1])) { return; }
  let slot = state[0] + m;
  let pos = position_of(places[m], slot);
  let kind = select(select(2u, 1u, head < params.heads + params.kv_heads), 0u, head < params.heads);
  if (kind > 0u && slot >= params.max_pos) { return; }
  let first = head * params.dim;
  let half = params.dim / 2u;
  let normed = kind < 2u && (params.flags & HEAD_NORMED) != 0u;
  var scale = 1.0;
  if (normed) {
    var sum = 0.0;
    for (var d = 0u; d < params.dim; d++) {
      let value = biased(m, first, d);
      sum += value * value;
    }
    scale = 1.0 / sqrt(sum / f32(params.dim) + params.eps);
  }
  let o = (m * params.heads + head) * params.dim;
  let row = (slot * params.kv_heads + (head - params.heads) % params.kv_heads) * params.dim;
  for (var i = 0u; i < half; i++) {
    let is_half = (params.flags & HALF_STYLE) != 0u;
    let d0 = select(i * 2u, i, is_half);
    let d1 = select(i * 2u + 1u, i + half, is_half);
    var a = biased(m, first, d0);
    var b = biased(m, first, d1);
    if (kind == 2u) {
      values[row + d0] = a;
      values[row + d1] = b;
      continue;
    }
    if (normed) {
      let norm = half + kind * params.dim;
      a *= scale * vectors[norm + d0];
      b *= scale * vectors[norm + d1];
    }
    let t = turn(f32(pos) * vectors[i]);
    let x = a * t.x - b * t.y;
    let y = a * t.y + b * t.x;
    if (kind == 0u) {
      out[o + d0] = x;
      out[o + d1] = y;
    } else {
      keys[row + d0] = x;
      keys[row + d1] = y;
    }
  }
}
