// out[m, n] = dot(w[n], x[m]). A lane computes sixteen rows of w times eight of x from registers: on a processor every
// load of a lane costs as much as eight of these products, unpacking a weight as much as two, and barriers more. The four
// lanes of a workgroup, one vector of SwiftShader's, take the same rows of x; a workgroup covers 64 rows of w and eight of
// x, as many as the pieces that are read on a slow adapter.
// The bound part of w has rows first to first + n of stride. With `added`, out is what the product is added to.
struct Params { blocks: u32, n: u32, first: u32, stride: u32, rows: u32, added: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
// First binding of the weights.
const W0 = 4u;

// Four values of each of sixteen rows of w.
struct Rows {
  a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
  i: vec4<f32>, j: vec4<f32>, k: vec4<f32>, l: vec4<f32>, m: vec4<f32>, n: vec4<f32>, o: vec4<f32>, p: vec4<f32>,
}

// One sum for each of sixteen rows.
struct Sums { s: vec4<f32>, t: vec4<f32>, u: vec4<f32>, v: vec4<f32> }

fn plus(a: Sums, b: Sums) -> Sums { return Sums(a.s + b.s, a.t + b.t, a.u + b.u, a.v + b.v); }

// `sums` and the products of four values of each row of w with the same four of a row of x.
fn more(sums: Sums, w: Rows, x: vec4<f32>) -> Sums {
  return Sums(sums.s + vec4<f32>(dot(w.a, x), dot(w.b, x), dot(w.c, x), dot(w.d, x)),
              sums.t + vec4<f32>(dot(w.e, x), dot(w.f, x), dot(w.g, x), dot(w.h, x)),
              sums.u + vec4<f32>(dot(w.i, x), dot(w.j, x), dot(w.k, x), dot(w.l, x)),
              sums.v + vec4<f32>(dot(w.m, x), dot(w.n, x), dot(w.o, x), dot(w.p, x)));
}

fn put4(m: u32, n: u32, rows: u32, value: vec4<f32>) {
  if (m >= rows || n >= params.n) { return; }
  let o = m * params.stride + params.first + n;
  for (var j = 0u; j < min(4u, params.n - n); j++) {
    var sum = value[j];
    if (params.added != 0u) { sum += out[o + j]; }
    out[o + j] = sum;
  }
}

fn put(m: u32, n: u32, rows: u32, sums: Sums) {
  put4(m, n, rows, sums.s);
  put4(m, n + 4u, rows, sums.t);
  put4(m, n + 8u, rows, sums.u);
  put4(m, n + 12u, rows, sums.v);
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = min(params.rows, state[1]);
  let m = group.y * 8u;
  let n = group.x * 64u + lane * 16u;
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
  let w8 = min(n + 8u, last_n) * params.blocks;
  let w9 = min(n + 9u, last_n) * params.blocks;
  let w10 = min(n + 10u, last_n) * params.blocks;
  let w11 = min(n + 11u, last_n) * params.blocks;
  let w12 = min(n + 12u, last_n) * params.blocks;
  let w13 = min(n + 13u, last_n) * params.blocks;
  let w14 = min(n + 14u, last_n) * params.blocks;
  let w15 = min(n + 15u, last_n) * params.blocks;
  let x0 = min(m + 0u, last_m) * params.blocks * 8u;
  let x1 = min(m + 1u, last_m) * params.blocks * 8u;
  let x2 = min(m + 2u, last_m) * params.blocks * 8u;
  let x3 = min(m + 3u, last_m) * params.blocks * 8u;
  let x4 = min(m + 4u, last_m) * params.blocks * 8u;
  let x5 = min(m + 5u, last_m) * params.blocks * 8u;
  let x6 = min(m + 6u, last_m) * params.blocks * 8u;
  let x7 = min(m + 7u, last_m) * params.blocks * 8u;
  var s0 = Sums();
  var s1 = Sums();
  var s2 = Sums();
  var s3 = Sums();
  var s4 = Sums();
  var s5 = Sums();
  var s6 = Sums();
  var s7 = Sums();
  for (var i = 0u; i < params.blocks; i++) {
    let b0 = weight_block(w0 + i);
    let b1 = weight_block(w1 + i);
    let b2 = weight_block(w2 + i);
    let b3 = weight_block(w3 + i);
    let b4 = weight_block(w4 + i);
    let b5 = weight_block(w5 + i);
    let b6 = weight_block(w6 + i);
    let b7 = weight_block(w7 + i);
    let b8 = weight_block(w8 + i);
    let b9 = weight_block(w9 + i);
    let b10 = weight_block(w10 + i);
    let b11 = weight_block(w11 + i);
    let b12 = weight_block(w12 + i);
    let b13 = weight_block(w13 + i);
    let b14 = weight_block(w14 + i);
    let b15 = weight_block(w15 + i);
    var w: Rows;
    // Sums of one block first: long sums of small terms lose digits.
    var u0 = Sums();
    var u1 = Sums();
    var u2 = Sums();
    var u3 = Sums();
    var u4 = Sums();
    var u5 = Sums();
    var u6 = Sums();
    var u7 = Sums();
    w = Rows(b0.a, b1.a, b2.a, b3.a, b4.a, b5.a, b6.a, b7.a,
             b8.a, b9.a, b10.a, b11.a, b12.a, b13.a, b14.a, b15.a);
    u0 = more(u0, w, x[x0 + i * 8u + 0u]); u1 = more(u1, w, x[x1 + i * 8u + 0u]);
    u2 = more(u2, w, x[x2 + i * 8u + 0u]); u3 = more(u3, w, x[x3 + i * 8u + 0u]);
    u4 = more(u4, w, x[x4 + i * 8u + 0u]); u5 = more(u5, w, x[x5 + i * 8u + 0u]);
    u6 = more(u6, w, x[x6 + i * 8u + 0u]); u7 = more(u7, w, x[x7 + i * 8u + 0u]);
    w = Rows(b0.b, b1.b, b2.b, b3.b, b4.b, b5.b, b6.b, b7.b,
             b8.b, b9.b, b10.b, b11.b, b12.b, b13.b, b14.b, b15.b);
    u0 = more(u0, w, x[x0 + i * 8u + 1u]); u1 = more(u1, w, x[x1 + i * 8u + 1u]);
    u2 = more(u2, w, x[x2 + i * 8u + 1u]); u3 = more(u3, w, x[x3 + i * 8u + 1u]);
    u4 = more(u4, w, x[x4 + i * 8u + 1u]); u5 = more(u5, w, x[x5 + i * 8u + 1u]);
    u6 = more(u6, w, x[x6 + i * 8u + 1u]); u7 = more(u7, w, x[x7 + i * 8u + 1u]);
    w = Rows(b0.c, b1.c, b2.c, b3.c, b4.c, b5.c, b6.c, b7.c,
             b8.c, b9.c, b10.c, b11.c, b12.c, b13.c, b14.c, b15.c);
    u0 = more(u0, w, x[x0 + i * 8u + 2u]); u1 = more(u1, w, x[x1 + i * 8u + 2u]);
    u2 = more(u2, w, x[x2 + i * 8u + 2u]); u3 = more(u3, w, x[x3 + i * 8u + 2u]);
    u4 = more(u4, w, x[x4 + i * 8u + 2u]); u5 = more(u5, w, x[x5 + i * 8u + 2u]);
    u6 = more(u6, w, x[x6 + i * 8u + 2u]); u7 = more(u7, w, x[x7 + i * 8u + 2u]);
    w = Rows(b0.d, b1.d, b2.d, b3.d, b4.d, b5.d, b6.d, b7.d,
             b8.d, b9.d, b10.d, b11.d, b12.d, b13.d, b14.d, b15.d);
    u0 = more(u0, w, x[x0 + i * 8u + 3u]); u1 = more(u1, w, x[x1 + i * 8u + 3u]);
    u2 = more(u2, w, x[x2 + i * 8u + 3u]); u3 = more(u3, w, x[x3 + i * 8u + 3u]);
    u4 = more(u4, w, x[x4 + i * 8u + 3u]); u5 = more(u5, w, x[x5 + i * 8u + 3u]);
    u6 = more(u6, w, x[x6 + i * 8u + 3u]); u7 = more(u7, w, x[x7 + i * 8u + 3u]);
    w = Rows(b0.e, b1.e, b2.e, b3.e, b4.e, b5.e, b6.e, b7.e,
             b8.e, b9.e, b10.e, b11.e, b12.e, b13.e, b14.e, b15.e);
    u0 = more(u0, w, x[x0 + i * 8u + 4u]); u1 = more(u1, w, x[x1 + i * 8u + 4u]);
    u2 = more(u2, w, x[x2 + i * 8u + 4u]); u3 = more(u3, w, x[x3 + i * 8u + 4u]);
    u4 = more(u4, w, x[x4 + i * 8u + 4u]); u5 = more(u5, w, x[x5 + i * 8u + 4u]);
    u6 = more(u6, w, x[x6 + i * 8u + 4u]); u7 = more(u7, w, x[x7 + i * 8u + 4u]);
    w = Rows(b0.f, b1.f, b2.f, b3.f, b4.f, b5.f, b6.f, b7.f,
             b8.f, b9.f, b10.f, b11.f, b12.f, b13.f, b14.f, b15.f);
    u0 = more(u0, w, x[x0 + i * 8u + 5u]); u1 = more(u1, w, x[x1 + i * 8u + 5u]);
    u2 = more(u2, w, x[x2 + i * 8u + 5u]); u3 = more(u3, w, x[x3 + i * 8u + 5u]);
    u4 = more(u4, w, x[x4 + i * 8u + 5u]); u5 = more(u5, w, x[x5 + i * 8u + 5u]);
    u6 = more(u6, w, x[x6 + i * 8u + 5u]); u7 = more(u7, w, x[x7 + i * 8u + 5u]);
    w = Rows(b0.g, b1.g, b2.g, b3.g, b4.g, b5.g, b6.g, b7.g,
             b8.g, b9.g, b10.g, b11.g, b12.g, b13.g, b14.g, b15.g);
    u0 = more(u0, w, x[x0 + i * 8u + 6u]); u1 = more(u1, w, x[x1 + i * 8u + 6u]);
    u2 = more(u2, w, x[x2 + i * 8u + 6u]); u3 = more(u3, w, x[x3 + i * 8u + 6u]);
    u4 = more(u4, w, x[x4 + i * 8u + 6u]); u5 = more(u5, w, x[x5 + i * 8u + 6u]);
    u6 = more(u6, w, x[x6 + i * 8u + 6u]); u7 = more(u7, w, x[x7 + i * 8u + 6u]);
    w = Rows(b0.h, b1.h, b2.h, b3.h, b4.h, b5.h, b6.h, b7.h,
             b8.h, b9.h, b10.h, b11.h, b12.h, b13.h, b14.h, b15.h);
    u0 = more(u0, w, x[x0 + i * 8u + 7u]); u1 = more(u1, w, x[x1 + i * 8u + 7u]);
    u2 = more(u2, w, x[x2 + i * 8u + 7u]); u3 = more(u3, w, x[x3 + i * 8u + 7u]);
    u4 = more(u4, w, x[x4 + i * 8u + 7u]); u5 = more(u5, w, x[x5 + i * 8u + 7u]);
    u6 = more(u6, w, x[x6 + i * 8u + 7u]); u7 = more(u7, w, x[x7 + i * 8u + 7u]);
    s0 = plus(s0, u0); s1 = plus(s1, u1); s2 = plus(s2, u2); s3 = plus(s3, u3);
    s4 = plus(s4, u4); s5 = plus(s5, u5); s6 = plus(s6, u6); s7 = plus(s7, u7);
  }
  put(m + 0u, n, rows, s0);
  put(m + 1u, n, rows, s1);
  put(m + 2u, n, rows, s2);
  put(m + 3u, n, rows, s3);
  put(m + 4u, n, rows, s4);
  put(m + 5u, n, rows, s5);
  put(m + 6u, n, rows, s6);
  put(m + 7u, n, rows, s7);
}
