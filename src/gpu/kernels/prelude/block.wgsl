// 32 consecutive values.
struct Block {
  a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>,
  e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
}

fn dot_block(x: Block, y: Block) -> f32 {
  let p = x.a * y.a + x.b * y.b + x.c * y.c + x.d * y.d;
  let q = x.e * y.e + x.f * y.f + x.g * y.g + x.h * y.h;
  let s = p + q;
  return (s.x + s.y) + (s.z + s.w);
}
