// Two halves in one u32, the first in the low bits.
fn halves4(a: u32, b: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(a), unpack2x16float(b));
}
