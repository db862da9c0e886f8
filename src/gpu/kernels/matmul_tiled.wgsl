// out[m, n] = dot(w[n], x[m]) by tiles of 64 rows of w and 32 of x, 32 values deep, that the workgroup shares. A lane
// computes four rows of w (16 apart, so that neighbors read neighbors) times eight of x.
// The bound part of w has rows first to first + n of stride. With `added`, out is what the product is added to.
struct Params { blocks: u32, n: u32, first: u32, stride: u32, rows: u32, added: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
// First binding of the weights.
const W0 = 4u;

// Value k of row n of w at [64 k + n]; values k of rows 4 j to 4 j + 3 of x at [8 k + j].
var<workgroup> ws: array<f32, 2048>;
var<workgroup> xs: array<vec4<f32>, 256>;
fn stage4(base: u32, lane: u32, v: vec4<f32>) {
  let o = base * 64u + lane;
  ws[o] = v.x; ws[o + 64u] = v.y; ws[o + 128u] = v.z; ws[o + 192u] = v.w;
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = min(params.rows, state[1]);
  if (group.y * 32u >= rows) { return; }
  let wrow = min(group.x * 64u + lane, params.n - 1u) * params.blocks;
  let ln = lane & 15u;
  let lm = lane >> 4u;
  // A lane stages one row of w, and half a block of one row of x.
  let xr = min(group.y * 32u + (lane & 31u), rows - 1u) * params.blocks * 8u + (lane >> 5u) * 4u;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  var b0 = vec4<f32>(); var b1 = vec4<f32>(); var b2 = vec4<f32>(); var b3 = vec4<f32>();
  for (var i = 0u; i < params.blocks; i++) {
    let w = weight_block(wrow + i);
    stage4(0u, lane, w.a); stage4(4u, lane, w.b); stage4(8u, lane, w.c); stage4(12u, lane, w.d);
    stage4(16u, lane, w.e); stage4(20u, lane, w.f); stage4(24u, lane, w.g); stage4(28u, lane, w.h);
    for (var j = 0u; j < 4u; j++) {
      let v = x[xr + i * 8u + j];
      let k = (lane >> 5u) * 16u + j * 4u;
      let o = k * 8u + ((lane & 31u) >> 2u);
      let c = lane & 3u;
      xs[o][c] = v.x; xs[o + 8u][c] = v.y; xs[o + 16u][c] = v.z; xs[o + 24u][c] = v.w;
    }
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let p = xs[k * 8u + lm * 2u];
      let q = xs[k * 8u + lm * 2u + 1u];
      let o = k * 64u + ln;
      let w0 = ws[o]; let w1 = ws[o + 16u]; let w2 = ws[o + 32u]; let w3 = ws[o + 48u];
      a0 += p * w0; a1 += p * w1; a2 += p * w2; a3 += p * w3;
      b0 += q * w0; b1 += q * w1; b2 += q * w2; b3 += q * w3;
    }
    workgroupBarrier();
  }
  for (var j = 0u; j < 8u; j++) {
    let m = group.y * 32u + lm * 8u + j;
    if (m >= rows) { break; }
    var v = vec4<f32>(a0[j & 3u], a1[j & 3u], a2[j & 3u], a3[j & 3u]);
    if (j >= 4u) { v = vec4<f32>(b0[j & 3u], b1[j & 3u], b2[j & 3u], b3[j & 3u]); }
    for (var c = 0u; c < 4u; c++) {
      let n = group.x * 64u + ln + c * 16u;
      if (n >= params.n) { break; }
      let o = m * params.stride + params.first + n;
      var sum = v[c];
      if (params.added != 0u) { sum += out[o]; }
      out[o] = sum;
    }
  }
}
