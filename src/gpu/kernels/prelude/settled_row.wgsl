// The activations of a matvec: x and the norm of what is added to it, weighted by the second row of `gain`. Every
// workgroup works them out for itself; the first also writes them down.
@group(0) @binding(5) var<storage, read> added: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> settled: array<vec4<f32>>;

const W0 = 7u;

var<private> added_scale: f32;

fn x_at(i: u32) -> vec4<f32> { return x[i] + added[i] * added_scale * gain[params.blocks * 8u + i]; }

fn settle(lane: u32, first: bool) {
  var squares = vec4<f32>();
  for (var i = lane; i < params.blocks * 8u; i += 32u) { squares += added[i] * added[i]; }
  added_scale = root_scale(lane, squares);
  if (!first) { return; }
  for (var i = lane; i < params.blocks * 8u; i += 32u) { settled[i] = x_at(i); }
}

