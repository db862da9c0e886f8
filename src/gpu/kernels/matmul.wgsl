// out[m, n] = dot(w[n], x[m]). A lane computes four rows of w times four rows of x from registers: loads are what
// costs, on software adapters most of all. A workgroup covers 64 rows of w (16 lanes) and 16 of x (4 lanes).
// The bound part of w has rows first to first + n of stride. With `added`, out is what the product is added to.
struct Params { blocks: u32, n: u32, first: u32, stride: u32, rows: u32, added: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
// First binding of the weights.
const W0 = 4u;

fn x_block(i: u32) -> Block {
  let o = i * 8u;
  return Block(x[o], x[o + 1u], x[o + 2u], x[o + 3u], x[o + 4u], x[o + 5u], x[o + 6u], x[o + 7u]);
}

fn put(m: u32, n: u32, rows: u32, value: vec4<f32>) {
  if (m >= rows) { return; }
  let o = m * params.stride + params.first + n;
  for (var j = 0u; j < min(4u, params.n - n); j++) {
    var sum = value[j];
    if (params.added != 0u) { sum += out[o + j]; }
    out[o + j] = sum;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = min(params.rows, state[1]);
  let m = group.y * 16u + (lane >> 4u) * 4u;
  let n = group.x * 64u + (lane & 15u) * 4u;
  if (m >= rows || n >= params.n) { return; }
  let last_n = params.n - 1u;
  let w0 = n * params.blocks;
  let w1 = min(n + 1u, last_n) * params.blocks;
  let w2 = min(n + 2u, last_n) * params.blocks;
  let w3 = min(n + 3u, last_n) * params.blocks;
  let last_m = rows - 1u;
  let x0 = m * params.blocks;
  let x1 = min(m + 1u, last_m) * params.blocks;
  let x2 = min(m + 2u, last_m) * params.blocks;
  let x3 = min(m + 3u, last_m) * params.blocks;
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var i = 0u; i < params.blocks; i++) {
    let a = weight_block(w0 + i);
    let b = weight_block(w1 + i);
    let c = weight_block(w2 + i);
    let d = weight_block(w3 + i);
    let p = x_block(x0 + i);
    sum0 += vec4<f32>(dot_block(a, p), dot_block(b, p), dot_block(c, p), dot_block(d, p));
    let q = x_block(x1 + i);
    sum1 += vec4<f32>(dot_block(a, q), dot_block(b, q), dot_block(c, q), dot_block(d, q));
    let r = x_block(x2 + i);
    sum2 += vec4<f32>(dot_block(a, r), dot_block(b, r), dot_block(c, r), dot_block(d, r));
    let s = x_block(x3 + i);
    sum3 += vec4<f32>(dot_block(a, s), dot_block(b, s), dot_block(c, s), dot_block(d, s));
  }
  put(m, n, rows, sum0);
  put(m + 1u, n, rows, sum1);
  put(m + 2u, n, rows, sum2);
  put(m + 3u, n, rows, sum3);
}
