// out[first + n] = dot(w[n], x) for one row of activations, with what stands before and after it in a block folded in:
// the norm of x (root mean square, weights `gain`), the sum with what out holds, a gated pair of rows.
// `split` lanes share four rows and take their blocks in turn, so that a block of x is read once for four rows and
// neighbors read neighboring blocks; 128 / split rows a workgroup. The bound part of w has rows first to first + n; with a gate, row n + up of w multiplies row n's
// activation.
struct Params { blocks: u32, n: u32, first: u32, flags: u32, eps: f32, up: u32, split: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> gain: array<vec4<f32>>;

const NORMED = 1u;
const ADDED = 2u;
const GATED = 4u;
const GELU = 8u;

var<workgroup> partial: array<vec4<f32>, 32>;

// Of each lane's `squares`, the factor that makes their root mean square one; every lane must call it.
fn root_scale(lane: u32, squares: vec4<f32>) -> f32 {
  partial[lane] = squares;
  workgroupBarrier();
  var all = vec4<f32>();
  for (var i = 0u; i < 32u; i++) { all += partial[i]; }
  workgroupBarrier();
  let sum = (all.x + all.y) + (all.z + all.w);
  return 1.0 / sqrt(sum / f32(params.blocks * 32u) + params.eps);
}

fn x_normed(i: u32) -> vec4<f32> { return x_at(i) * gain[i]; }

fn x_block(i: u32) -> Block {
  let o = i * 8u;
  if ((params.flags & NORMED) == 0u) {
    return Block(x[o], x[o + 1u], x[o + 2u], x[o + 3u], x[o + 4u], x[o + 5u], x[o + 6u], x[o + 7u]);
  }
  return Block(x_normed(o), x_normed(o + 1u), x_normed(o + 2u), x_normed(o + 3u),
               x_normed(o + 4u), x_normed(o + 5u), x_normed(o + 6u), x_normed(o + 7u));
}

// Of the lanes that share the rows of `lane`; every lane must call it.
fn total(lane: u32, value: vec4<f32>) -> vec4<f32> {
  partial[lane] = value;
  workgroupBarrier();
  let first = lane - lane % params.split;
  var sum = partial[first];
  for (var i = 1u; i < params.split; i++) { sum += partial[first + i]; }
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  if (state[1] == 0u) { return; }
  var scale = 1.0;
  if ((params.flags & NORMED) != 0u) {
    settle(lane, group.x == 0u);
    var squares = vec4<f32>();
    for (var i = lane; i < params.blocks * 8u; i += 32u) {
      let v = x_at(i);
      squares += v * v;
    }
    scale = root_scale(lane, squares);
  }
  let n = group.x * (128u / params.split) + (lane / params.split) * 4u;
  let share = lane % params.split;
  let last = params.n - 1u;
  let gated = (params.flags & GATED) != 0u;
  let rows = min(vec4<u32>(n, n + 1u, n + 2u, n + 3u), vec4<u32>(last));
  let w = rows * params.blocks;
  var sum = vec4<f32>();
  var up = vec4<f32>();
  if (gated) {
    let u = (rows + params.up) * params.blocks;
    for (var i = share; i < params.blocks; i += params.split) {
      let p = x_block(i);
      sum += vec4<f32>(dot_block(weight_block(w.x + i), p), dot_block(weight_block(w.y + i), p),
                       dot_block(weight_block(w.z + i), p), dot_block(weight_block(w.w + i), p));
      up += vec4<f32>(dot_block(weight_block(u.x + i), p), dot_block(weight_block(u.y + i), p),
                      dot_block(weight_block(u.z + i), p), dot_block(weight_block(u.w + i), p));
    }
  } else {
    for (var i = share; i < params.blocks; i += params.split) {
      let p = x_block(i);
      sum += vec4<f32>(dot_block(weight_block(w.x + i), p), dot_block(weight_block(w.y + i), p),
                       dot_block(weight_block(w.z + i), p), dot_block(weight_block(w.w + i), p));
    }
  }
  if (params.split > 1u) { sum = total(lane, sum); }
  sum *= scale;
  if (gated) {
    if (params.split > 1u) { up = total(lane, up); }
    sum = activate(sum, (params.flags & GELU) != 0u) * (up * scale);
  }
  for (var j = share; j < 4u; j += params.split) {
    let row = n + j;
    if (row >= params.n) { return; }
    let o = params.first + row;
    var value = sum[j];
    if ((params.flags & ADDED) != 0u) { value += out[o]; }
    out[o] = value;
  }
}
