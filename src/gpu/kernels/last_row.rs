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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn takes_the_last_row_in_use() {
        let gpu = gpu();
        let x = noise(5 * 577, 1);
        let a = tensor(&gpu, &[5, 577], &x);
        for n in [1, 3, 5] {
            let state = state(&gpu, 9, n);
            assert_eq!(run(&gpu, |rec| record(rec, &a, &state)), x[(n - 1) * 577..n * 577]);
        }
    }
}
