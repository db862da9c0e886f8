// out[n] = dot(w[n], x). Four lanes share a row and take its blocks in turn; a lane does two rows, so that a block
// of x is read once for both; 32 rows a workgroup.
struct Params { blocks: u32, n: u32, rows: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

var<workgroup> partial: array<vec2<f32>, 64>;

fn x_block(i: u32) -> Block {
  let o = i * 8u;
  return Block(x[o], x[o + 1u], x[o + 2u], x[o + 3u], x[o + 4u], x[o + 5u], x[o + 6u], x[o + 7u]);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let n0 = group.x * 32u + (lane >> 2u) * 2u;
  let last = params.n - 1u;
  let row0 = min(n0, last) * params.blocks;
  let row1 = min(n0 + 1u, last) * params.blocks;
  var sum = vec2<f32>();
  for (var i = lane & 3u; i < params.blocks; i += 4u) {
    let xs = x_block(i);
    sum += vec2<f32>(dot_block(weight_block(row0 + i), xs), dot_block(weight_block(row1 + i), xs));
  }
  partial[lane] = sum;
  workgroupBarrier();
  if ((lane & 3u) == 0u && state[1] > 0u) {
    let total = (partial[lane] + partial[lane + 1u]) + (partial[lane + 2u] + partial[lane + 3u]);
    if (n0 < params.n) { out[n0] = total.x; }
    if (n0 + 1u < params.n) { out[n0 + 1u] = total.y; }
  }
}
