// out[n] = dot(w[n], x). Four lanes share four rows and take their blocks in turn, so that a block of x is read
// once for four rows; 32 rows a workgroup.
// The bound part of w has rows first to first + n.
struct Params { blocks: u32, n: u32, first: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

var<workgroup> partial: array<vec4<f32>, 32>;

fn x_block(i: u32) -> Block {
  let o = i * 8u;
  return Block(x[o], x[o + 1u], x[o + 2u], x[o + 3u], x[o + 4u], x[o + 5u], x[o + 6u], x[o + 7u]);
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let n = group.x * 32u + (lane >> 2u) * 4u;
  let last = params.n - 1u;
  let w0 = min(n, last) * params.blocks;
  let w1 = min(n + 1u, last) * params.blocks;
  let w2 = min(n + 2u, last) * params.blocks;
  let w3 = min(n + 3u, last) * params.blocks;
  var sum = vec4<f32>();
  for (var i = lane & 3u; i < params.blocks; i += 4u) {
    let p = x_block(i);
    sum += vec4<f32>(dot_block(weight_block(w0 + i), p), dot_block(weight_block(w1 + i), p),
                     dot_block(weight_block(w2 + i), p), dot_block(weight_block(w3 + i), p));
  }
  partial[lane] = sum;
  workgroupBarrier();
  if ((lane & 3u) == 0u && state[1] > 0u) {
    let total = (partial[lane] + partial[lane + 1u]) + (partial[lane + 2u] + partial[lane + 3u]);
    if (n < params.n) { out[params.first + n] = total.x; }
    if (n + 1u < params.n) { out[params.first + n + 1u] = total.y; }
    if (n + 2u < params.n) { out[params.first + n + 2u] = total.z; }
    if (n + 3u < params.n) { out[params.first + n + 3u] = total.w; }
  }
}
