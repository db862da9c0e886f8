//! The greedy token.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "argmax",
    sources: &[include_str!("argmax.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// Index of the largest value of each row of `logits: F32[M, V]` (the first of equals) as `U32[M]`.
pub fn record(rec: &mut Recording, logits: &Tensor, state: &Tensor) -> Tensor {
    let (m, v) = (logits.rows(), logits.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[logits]);
    rec.check(!logits.is_empty(), KERNEL.name, || format!("{:?}", logits.shape()));
    let out = rec.scratch("argmax", &[m], Layout::U32);
    rec.dispatch(&KERNEL, &[v as u32, m as u32, 0, 0], &[(logits, 0), (&out, 0), (state, 0)], [m as u32, 1, 1]);
    out
}
