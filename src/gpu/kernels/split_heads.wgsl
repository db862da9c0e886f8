// Stacked queries, keys and values of several tokens: queries biased, normed and rotated into out, keys likewise and
// values into the cache, at the slot of the row. One workgroup a head and row.
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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let m = group.y;
  if (m >= min(params.rows, state[1])) { return; }
  let slot = state[0] + m;
  let pos = position_of(places[m], slot);
  let kind = select(select(2u, 1u, head < params.heads + params.kv_heads), 0u, head < params.heads);
  load_head(m, head * params.dim, kind, lane);
  let row = (slot * params.kv_heads + (head - params.heads) % params.kv_heads) * params.dim;
  for (var d = lane; d < params.dim; d += 64u) {
    if (kind == 0u) {
      out[(m * params.heads + head) * params.dim + d] = rotated(d, pos);
    } else if (slot < params.max_pos) {
      if (kind == 1u) { keys[row + d] = rotated(d, pos); } else { values[row + d] = head_raw[d]; }
    }
  }
}
