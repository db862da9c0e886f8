// silu(x) = x / (1 + exp(-x)); exp of at most 0 never overflows.
fn activate(x: vec4<f32>) -> vec4<f32> {
  let e = exp(-abs(x));
  return x * select(e, vec4<f32>(1.0), x >= vec4<f32>()) / (1.0 + e);
}
