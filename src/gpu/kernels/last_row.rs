//! The last row in use: a prompt needs logits only there.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "last_row",
    sources: &[include_str!("last_row.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// Row `state[1] - 1` of `x: F32[M, C]` as `F32[1, C]`.
pub fn record(rec: &mut Recording, x: &Tensor, state: &Tensor) -> Tensor {
    let (m, c) = (x.rows(), x.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x]);
    let out = rec.scratch("last", &[1, c], Layout::F32);
    rec.dispatch(&KERNEL, &[c as u32, m as u32, 0, 0], &[(x, 0), (&out, 0), (state, 0)], [groups(c, 64), 1, 1]);
    out
}
