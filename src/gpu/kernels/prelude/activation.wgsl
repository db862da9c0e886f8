// silu(x) = x logistic(x), or gelu(x) by its tanh approximation, which is x logistic(2 sqrt(2 / pi) (x + 0.044715 x^3)).
// exp of at most 0 never overflows.
fn activate(x: vec4<f32>, gelu: bool) -> vec4<f32> {
  let z = select(x, 1.5957691216 * (x + 0.044715 * x * x * x), vec4<bool>(gelu));
  let e = exp(-abs(z));
  return x * select(e, vec4<f32>(1.0), z >= vec4<f32>()) / (1.0 + e);
}
