//! Log-probability of given tokens without reading logits back.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{REDUCE, check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "target_logprobs",
    sources: &[REDUCE, include_str!("target_logprobs.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// For each row of `logits: F32[M, V]` and `targets: U32[M]`: natural log-probability of the target and
/// log-sum-exp of the row, `F32[M, 2]`.
pub fn record(rec: &mut Recording, logits: &Tensor, targets: &Tensor, state: &Tensor) -> Tensor {
    let (m, v) = (logits.rows(), logits.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[logits]);
    let ok = targets.layout() == Layout::U32 && targets.len() >= m && !logits.is_empty();
    rec.check(ok, KERNEL.name, || format!("logits {:?}, targets {:?}", logits.shape(), targets.shape()));
    let out = rec.scratch("logprobs", &[m, 2], Layout::F32);
    let bindings = [(logits, 0), (&out, 0), (state, 0), (targets, 0)];
    rec.dispatch(&KERNEL, &[v as u32, m as u32, 0, 0], &bindings, [m as u32, 1, 1]);
    out
}
