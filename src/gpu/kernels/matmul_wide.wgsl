// out[m, n] = dot(w[n], x[m]). A lane computes eight rows of w times eight of x from registers: loads are what costs on
// a processor, and barriers. The sixteen lanes of a workgroup take the same rows of x, so that a piece of eight rows, as
// scoring reads on a slow adapter, keeps all of them at work; a workgroup covers 128 rows of w and eight of x.
// The bound part of w has rows first to first + n of stride. With `added`, out is what the product is added to.
struct Params { blocks: u32, n: u32, first: u32, stride: u32, rows: u32, added: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
// First binding of the weights.
const W0 = 4u;

fn put(m: u32, n: u32, rows: u32, value: vec4<f32>) {
  if (m >= rows || n >= params.n) { return; }
  let o = m * params.stride + params.first + n;
  for (var j = 0u; j < min(4u, params.n - n); j++) {
    var sum = value[j];
    if (params.added != 0u) { sum += out[o + j]; }
    out[o + j] = sum;
  }
}

// Four values of each row of w times the same four of a row of x.
fn dots(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, p: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(dot(a, p), dot(b, p), dot(c, p), dot(d, p));
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = min(params.rows, state[1]);
  let m = group.y * 8u;
  let n = group.x * 128u + lane * 8u;
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
  let x0 = min(m + 0u, last_m) * params.blocks * 8u;
  let x1 = min(m + 1u, last_m) * params.blocks * 8u;
  let x2 = min(m + 2u, last_m) * params.blocks * 8u;
  let x3 = min(m + 3u, last_m) * params.blocks * 8u;
  let x4 = min(m + 4u, last_m) * params.blocks * 8u;
  let x5 = min(m + 5u, last_m) * params.blocks * 8u;
  let x6 = min(m + 6u, last_m) * params.blocks * 8u;
  let x7 = min(m + 7u, last_m) * params.blocks * 8u;
  var s0 = vec4<f32>(); var t0 = vec4<f32>();
  var s1 = vec4<f32>(); var t1 = vec4<f32>();
  var s2 = vec4<f32>(); var t2 = vec4<f32>();
  var s3 = vec4<f32>(); var t3 = vec4<f32>();
  var s4 = vec4<f32>(); var t4 = vec4<f32>();
  var s5 = vec4<f32>(); var t5 = vec4<f32>();
  var s6 = vec4<f32>(); var t6 = vec4<f32>();
  var s7 = vec4<f32>(); var t7 = vec4<f32>();
  for (var i = 0u; i < params.blocks; i++) {
    let b0 = weight_block(w0 + i);
    let b1 = weight_block(w1 + i);
    let b2 = weight_block(w2 + i);
    let b3 = weight_block(w3 + i);
    let b4 = weight_block(w4 + i);
    let b5 = weight_block(w5 + i);
    let b6 = weight_block(w6 + i);
    let b7 = weight_block(w7 + i);
    var p: vec4<f32>;
    // Sums of one block first: long sums of small terms lose digits.
    var u0 = vec4<f32>(); var v0 = vec4<f32>();
    var u1 = vec4<f32>(); var v1 = vec4<f32>();
    var u2 = vec4<f32>(); var v2 = vec4<f32>();
    var u3 = vec4<f32>(); var v3 = vec4<f32>();
    var u4 = vec4<f32>(); var v4 = vec4<f32>();
    var u5 = vec4<f32>(); var v5 = vec4<f32>();
    var u6 = vec4<f32>(); var v6 = vec4<f32>();
    var u7 = vec4<f32>(); var v7 = vec4<f32>();
    p = x[x0 + i * 8u + 0u]; u0 += dots(b0.a, b1.a, b2.a, b3.a, p); v0 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x1 + i * 8u + 0u]; u1 += dots(b0.a, b1.a, b2.a, b3.a, p); v1 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x2 + i * 8u + 0u]; u2 += dots(b0.a, b1.a, b2.a, b3.a, p); v2 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x3 + i * 8u + 0u]; u3 += dots(b0.a, b1.a, b2.a, b3.a, p); v3 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x4 + i * 8u + 0u]; u4 += dots(b0.a, b1.a, b2.a, b3.a, p); v4 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x5 + i * 8u + 0u]; u5 += dots(b0.a, b1.a, b2.a, b3.a, p); v5 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x6 + i * 8u + 0u]; u6 += dots(b0.a, b1.a, b2.a, b3.a, p); v6 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x7 + i * 8u + 0u]; u7 += dots(b0.a, b1.a, b2.a, b3.a, p); v7 += dots(b4.a, b5.a, b6.a, b7.a, p);
    p = x[x0 + i * 8u + 1u]; u0 += dots(b0.b, b1.b, b2.b, b3.b, p); v0 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x1 + i * 8u + 1u]; u1 += dots(b0.b, b1.b, b2.b, b3.b, p); v1 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x2 + i * 8u + 1u]; u2 += dots(b0.b, b1.b, b2.b, b3.b, p); v2 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x3 + i * 8u + 1u]; u3 += dots(b0.b, b1.b, b2.b, b3.b, p); v3 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x4 + i * 8u + 1u]; u4 += dots(b0.b, b1.b, b2.b, b3.b, p); v4 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x5 + i * 8u + 1u]; u5 += dots(b0.b, b1.b, b2.b, b3.b, p); v5 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x6 + i * 8u + 1u]; u6 += dots(b0.b, b1.b, b2.b, b3.b, p); v6 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x7 + i * 8u + 1u]; u7 += dots(b0.b, b1.b, b2.b, b3.b, p); v7 += dots(b4.b, b5.b, b6.b, b7.b, p);
    p = x[x0 + i * 8u + 2u]; u0 += dots(b0.c, b1.c, b2.c, b3.c, p); v0 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x1 + i * 8u + 2u]; u1 += dots(b0.c, b1.c, b2.c, b3.c, p); v1 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x2 + i * 8u + 2u]; u2 += dots(b0.c, b1.c, b2.c, b3.c, p); v2 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x3 + i * 8u + 2u]; u3 += dots(b0.c, b1.c, b2.c, b3.c, p); v3 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x4 + i * 8u + 2u]; u4 += dots(b0.c, b1.c, b2.c, b3.c, p); v4 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x5 + i * 8u + 2u]; u5 += dots(b0.c, b1.c, b2.c, b3.c, p); v5 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x6 + i * 8u + 2u]; u6 += dots(b0.c, b1.c, b2.c, b3.c, p); v6 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x7 + i * 8u + 2u]; u7 += dots(b0.c, b1.c, b2.c, b3.c, p); v7 += dots(b4.c, b5.c, b6.c, b7.c, p);
    p = x[x0 + i * 8u + 3u]; u0 += dots(b0.d, b1.d, b2.d, b3.d, p); v0 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x1 + i * 8u + 3u]; u1 += dots(b0.d, b1.d, b2.d, b3.d, p); v1 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x2 + i * 8u + 3u]; u2 += dots(b0.d, b1.d, b2.d, b3.d, p); v2 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x3 + i * 8u + 3u]; u3 += dots(b0.d, b1.d, b2.d, b3.d, p); v3 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x4 + i * 8u + 3u]; u4 += dots(b0.d, b1.d, b2.d, b3.d, p); v4 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x5 + i * 8u + 3u]; u5 += dots(b0.d, b1.d, b2.d, b3.d, p); v5 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x6 + i * 8u + 3u]; u6 += dots(b0.d, b1.d, b2.d, b3.d, p); v6 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x7 + i * 8u + 3u]; u7 += dots(b0.d, b1.d, b2.d, b3.d, p); v7 += dots(b4.d, b5.d, b6.d, b7.d, p);
    p = x[x0 + i * 8u + 4u]; u0 += dots(b0.e, b1.e, b2.e, b3.e, p); v0 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x1 + i * 8u + 4u]; u1 += dots(b0.e, b1.e, b2.e, b3.e, p); v1 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x2 + i * 8u + 4u]; u2 += dots(b0.e, b1.e, b2.e, b3.e, p); v2 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x3 + i * 8u + 4u]; u3 += dots(b0.e, b1.e, b2.e, b3.e, p); v3 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x4 + i * 8u + 4u]; u4 += dots(b0.e, b1.e, b2.e, b3.e, p); v4 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x5 + i * 8u + 4u]; u5 += dots(b0.e, b1.e, b2.e, b3.e, p); v5 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x6 + i * 8u + 4u]; u6 += dots(b0.e, b1.e, b2.e, b3.e, p); v6 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x7 + i * 8u + 4u]; u7 += dots(b0.e, b1.e, b2.e, b3.e, p); v7 += dots(b4.e, b5.e, b6.e, b7.e, p);
    p = x[x0 + i * 8u + 5u]; u0 += dots(b0.f, b1.f, b2.f, b3.f, p); v0 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x1 + i * 8u + 5u]; u1 += dots(b0.f, b1.f, b2.f, b3.f, p); v1 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x2 + i * 8u + 5u]; u2 += dots(b0.f, b1.f, b2.f, b3.f, p); v2 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x3 + i * 8u + 5u]; u3 += dots(b0.f, b1.f, b2.f, b3.f, p); v3 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x4 + i * 8u + 5u]; u4 += dots(b0.f, b1.f, b2.f, b3.f, p); v4 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x5 + i * 8u + 5u]; u5 += dots(b0.f, b1.f, b2.f, b3.f, p); v5 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x6 + i * 8u + 5u]; u6 += dots(b0.f, b1.f, b2.f, b3.f, p); v6 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x7 + i * 8u + 5u]; u7 += dots(b0.f, b1.f, b2.f, b3.f, p); v7 += dots(b4.f, b5.f, b6.f, b7.f, p);
    p = x[x0 + i * 8u + 6u]; u0 += dots(b0.g, b1.g, b2.g, b3.g, p); v0 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x1 + i * 8u + 6u]; u1 += dots(b0.g, b1.g, b2.g, b3.g, p); v1 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x2 + i * 8u + 6u]; u2 += dots(b0.g, b1.g, b2.g, b3.g, p); v2 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x3 + i * 8u + 6u]; u3 += dots(b0.g, b1.g, b2.g, b3.g, p); v3 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x4 + i * 8u + 6u]; u4 += dots(b0.g, b1.g, b2.g, b3.g, p); v4 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x5 + i * 8u + 6u]; u5 += dots(b0.g, b1.g, b2.g, b3.g, p); v5 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x6 + i * 8u + 6u]; u6 += dots(b0.g, b1.g, b2.g, b3.g, p); v6 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x7 + i * 8u + 6u]; u7 += dots(b0.g, b1.g, b2.g, b3.g, p); v7 += dots(b4.g, b5.g, b6.g, b7.g, p);
    p = x[x0 + i * 8u + 7u]; u0 += dots(b0.h, b1.h, b2.h, b3.h, p); v0 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x1 + i * 8u + 7u]; u1 += dots(b0.h, b1.h, b2.h, b3.h, p); v1 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x2 + i * 8u + 7u]; u2 += dots(b0.h, b1.h, b2.h, b3.h, p); v2 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x3 + i * 8u + 7u]; u3 += dots(b0.h, b1.h, b2.h, b3.h, p); v3 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x4 + i * 8u + 7u]; u4 += dots(b0.h, b1.h, b2.h, b3.h, p); v4 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x5 + i * 8u + 7u]; u5 += dots(b0.h, b1.h, b2.h, b3.h, p); v5 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x6 + i * 8u + 7u]; u6 += dots(b0.h, b1.h, b2.h, b3.h, p); v6 += dots(b4.h, b5.h, b6.h, b7.h, p);
    p = x[x7 + i * 8u + 7u]; u7 += dots(b0.h, b1.h, b2.h, b3.h, p); v7 += dots(b4.h, b5.h, b6.h, b7.h, p);
    s0 += u0; t0 += v0;
    s1 += u1; t1 += v1;
    s2 += u2; t2 += v2;
    s3 += u3; t3 += v3;
    s4 += u4; t4 += v4;
    s5 += u5; t5 += v5;
    s6 += u6; t6 += v6;
    s7 += u7; t7 += v7;
  }
  put(m + 0u, n, rows, s0); put(m + 0u, n + 4u, rows, t0);
  put(m + 1u, n, rows, s1); put(m + 1u, n + 4u, rows, t1);
  put(m + 2u, n, rows, s2); put(m + 2u, n + 4u, rows, t2);
  put(m + 3u, n, rows, s3); put(m + 3u, n + 4u, rows, t3);
  put(m + 4u, n, rows, s4); put(m + 4u, n + 4u, rows, t4);
  put(m + 5u, n, rows, s5); put(m + 5u, n + 4u, rows, t5);
  put(m + 6u, n, rows, s6); put(m + 6u, n + 4u, rows, t6);
  put(m + 7u, n, rows, s7); put(m + 7u, n + 4u, rows, t7);
}
