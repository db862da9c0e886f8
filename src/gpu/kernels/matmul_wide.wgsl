// out[m, n] = dot(w[n], x[m]). A lane computes eight rows of w times eight of x from registers: loads are what costs on
// a processor. A workgroup covers 64 rows of w (eight lanes) and 64 of x (eight lanes).
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
  if (m >= rows || n >= params.n) { return; }
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
  let m = group.y * 64u + (lane >> 3u) * 8u;
  let n = group.x * 64u + (lane & 7u) * 8u;
  if (m >= rows || n >= params.n) { return; }
  let last_n = params.n - 1u;
  let last_m = rows - 1u;
  let w0 = min(n + 0u, last_n) * params.blocks;
  let w1 = min(n + 1u, last_n) * params.blocks;
  let w2 = min(n + 2u, last_n) * params.blocks;
  let w3 = min(n + 3u, last_n) * params.blocks;
  let w4 = min(n + 4u, last_n) * params.blocks;
  let w5 = min(n + 5u, last_n) * params.blocks;
  let w6 = min(n + 6u, last_n) * params.blocks;
  let w7 = min(n + 7u, last_n) * params.blocks;
  let x0 = min(m + 0u, last_m) * params.blocks;
  let x1 = min(m + 1u, last_m) * params.blocks;
  let x2 = min(m + 2u, last_m) * params.blocks;
  let x3 = min(m + 3u, last_m) * params.blocks;
  let x4 = min(m + 4u, last_m) * params.blocks;
  let x5 = min(m + 5u, last_m) * params.blocks;
  let x6 = min(m + 6u, last_m) * params.blocks;
  let x7 = min(m + 7u, last_m) * params.blocks;
  var s0 = vec4<f32>();
  var t0 = vec4<f32>();
  var s1 = vec4<f32>();
  var t1 = vec4<f32>();
  var s2 = vec4<f32>();
  var t2 = vec4<f32>();
  var s3 = vec4<f32>();
  var t3 = vec4<f32>();
  var s4 = vec4<f32>();
  var t4 = vec4<f32>();
  var s5 = vec4<f32>();
  var t5 = vec4<f32>();
  var s6 = vec4<f32>();
  var t6 = vec4<f32>();
  var s7 = vec4<f32>();
  var t7 = vec4<f32>();
  for (var i = 0u; i < params.blocks; i++) {
    let a = weight_block(w0 + i);
    let b = weight_block(w1 + i);
    let c = weight_block(w2 + i);
    let d = weight_block(w3 + i);
    let e = weight_block(w4 + i);
    let f = weight_block(w5 + i);
    let g = weight_block(w6 + i);
    let h = weight_block(w7 + i);
    let p0 = x_block(x0 + i);
    s0 += vec4<f32>(dot_block(a, p0), dot_block(b, p0), dot_block(c, p0), dot_block(d, p0));
    t0 += vec4<f32>(dot_block(e, p0), dot_block(f, p0), dot_block(g, p0), dot_block(h, p0));
    let p1 = x_block(x1 + i);
    s1 += vec4<f32>(dot_block(a, p1), dot_block(b, p1), dot_block(c, p1), dot_block(d, p1));
    t1 += vec4<f32>(dot_block(e, p1), dot_block(f, p1), dot_block(g, p1), dot_block(h, p1));
    let p2 = x_block(x2 + i);
    s2 += vec4<f32>(dot_block(a, p2), dot_block(b, p2), dot_block(c, p2), dot_block(d, p2));
    t2 += vec4<f32>(dot_block(e, p2), dot_block(f, p2), dot_block(g, p2), dot_block(h, p2));
    let p3 = x_block(x3 + i);
    s3 += vec4<f32>(dot_block(a, p3), dot_block(b, p3), dot_block(c, p3), dot_block(d, p3));
    t3 += vec4<f32>(dot_block(e, p3), dot_block(f, p3), dot_block(g, p3), dot_block(h, p3));
    let p4 = x_block(x4 + i);
    s4 += vec4<f32>(dot_block(a, p4), dot_block(b, p4), dot_block(c, p4), dot_block(d, p4));
    t4 += vec4<f32>(dot_block(e, p4), dot_block(f, p4), dot_block(g, p4), dot_block(h, p4));
    let p5 = x_block(x5 + i);
    s5 += vec4<f32>(dot_block(a, p5), dot_block(b, p5), dot_block(c, p5), dot_block(d, p5));
    t5 += vec4<f32>(dot_block(e, p5), dot_block(f, p5), dot_block(g, p5), dot_block(h, p5));
    let p6 = x_block(x6 + i);
    s6 += vec4<f32>(dot_block(a, p6), dot_block(b, p6), dot_block(c, p6), dot_block(d, p6));
    t6 += vec4<f32>(dot_block(e, p6), dot_block(f, p6), dot_block(g, p6), dot_block(h, p6));
    let p7 = x_block(x7 + i);
    s7 += vec4<f32>(dot_block(a, p7), dot_block(b, p7), dot_block(c, p7), dot_block(d, p7));
    t7 += vec4<f32>(dot_block(e, p7), dot_block(f, p7), dot_block(g, p7), dot_block(h, p7));
  }
  put(m + 0u, n, rows, s0);
  put(m + 0u, n + 4u, rows, t0);
  put(m + 1u, n, rows, s1);
  put(m + 1u, n + 4u, rows, t1);
  put(m + 2u, n, rows, s2);
  put(m + 2u, n + 4u, rows, t2);
  put(m + 3u, n, rows, s3);
  put(m + 3u, n + 4u, rows, t3);
  put(m + 4u, n, rows, s4);
  put(m + 4u, n + 4u, rows, t4);
  put(m + 5u, n, rows, s5);
  put(m + 5u, n + 4u, rows, t5);
  put(m + 6u, n, rows, s6);
  put(m + 6u, n + 4u, rows, t6);
  put(m + 7u, n, rows, s7);
  put(m + 7u, n + 4u, rows, t7);
}
