// The activations of a matvec as they stand, and the first binding of its weights.
const W0 = 5u;

fn x_at(i: u32) -> vec4<f32> { return x[i]; }

fn settle(lane: u32, first: bool) {}

