// out[m, n] = dot(w[n], x[m]). A lane owns one row of w and eight rows of x: a block of w is unpacked once for
// eight products, and all lanes of a workgroup read the same x. No shared memory, no barrier.
struct Params { blocks: u32, n: u32, rows: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

fn x_block(i: u32) -> Block {
  let o = i * 8u;
  return Block(x[o], x[o + 1u], x[o + 2u], x[o + 3u], x[o + 4u], x[o + 5u], x[o + 6u], x[o + 7u]);
}

fn put(m: u32, n: u32, rows: u32, value: f32) {
  if (m < rows) { out[m * params.n + n] = value; }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = min(params.rows, state[1]);
  let m = group.y * 8u;
  if (m >= rows) { return; }
  let n = group.x * 64u + lane;
  let row = min(n, params.n - 1u) * params.blocks;
  let last = rows - 1u;
  let x0 = m * params.blocks;
  let x1 = min(m + 1u, last) * params.blocks;
  let x2 = min(m + 2u, last) * params.blocks;
  let x3 = min(m + 3u, last) * params.blocks;
  let x4 = min(m + 4u, last) * params.blocks;
  let x5 = min(m + 5u, last) * params.blocks;
  let x6 = min(m + 6u, last) * params.blocks;
  let x7 = min(m + 7u, last) * params.blocks;
  var lo = vec4<f32>();
  var hi = vec4<f32>();
  for (var i = 0u; i < params.blocks; i++) {
    let w = weight_block(row + i);
    lo += vec4<f32>(dot_block(w, x_block(x0 + i)), dot_block(w, x_block(x1 + i)),
                    dot_block(w, x_block(x2 + i)), dot_block(w, x_block(x3 + i)));
    hi += vec4<f32>(dot_block(w, x_block(x4 + i)), dot_block(w, x_block(x5 + i)),
                    dot_block(w, x_block(x6 + i)), dot_block(w, x_block(x7 + i)));
  }
  if (n < params.n) {
    put(m, n, rows, lo.x);
    put(m + 1u, n, rows, lo.y);
    put(m + 2u, n, rows, lo.z);
    put(m + 3u, n, rows, lo.w);
    put(m + 4u, n, rows, hi.x);
    put(m + 5u, n, rows, hi.y);
    put(m + 6u, n, rows, hi.z);
    put(m + 7u, n, rows, hi.w);
  }
}
