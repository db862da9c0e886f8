// out[m] = index of the largest of x[m], the first of equals; one workgroup a row.
struct Params { cols: u32, rows: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;

var<workgroup> values: array<f32, 256>;
var<workgroup> indices: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let m = group.x;
  if (m >= min(params.rows, state[1])) { return; }
  let start = m * params.cols;
  var best = -3.4028234e38;
  var at = min(lane, params.cols - 1u);
  for (var i = lane; i < params.cols; i += 256u) {
    let v = x[start + i];
    if (v > best) { best = v; at = i; }
  }
  values[lane] = best;
  indices[lane] = at;
  workgroupBarrier();
  for (var width = 128u; width > 0u; width >>= 1u) {
    if (lane < width) {
      let v = values[lane + width];
      let i = indices[lane + width];
      if (v > values[lane] || (v == values[lane] && i < indices[lane])) {
        values[lane] = v;
        indices[lane] = i;
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { out[m] = indices[0]; }
}
