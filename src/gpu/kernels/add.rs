//! Residual and bias.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "add",
    sources: &[include_str!("add.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// `a + b` for `a: F32[M, C]` and `b` of the same shape, or of C values added to every row.
pub fn record(rec: &mut Recording, a: &Tensor, b: &Tensor, state: &Tensor) -> Tensor {
    let (m, c) = (a.rows(), a.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[a, b]);
    let ok = b.cols() == c && (b.rows() == m || b.rows() == 1) && !a.is_empty();
    rec.check(ok, KERNEL.name, || format!("{:?} and {:?}", a.shape(), b.shape()));
    let stride = if b.rows() == m { c } else { 0 };
    let out = rec.scratch("sum", a.shape(), Layout::F32);
    let params = [c as u32, m as u32, stride as u32, 0];
    rec.dispatch(&KERNEL, &params, &[(a, 0), (&out, 0), (state, 0), (b, 0)], [groups(c, 64), m as u32, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn adds_a_tensor_or_a_bias() {
        let gpu = gpu();
        for (m, c) in [(1, 1), (3, 65), (2, 1537)] {
            let (x, y) = (noise(m * c, 1), noise(m * c, 2));
            let (a, b, bias) = (tensor(&gpu, &[m, c], &x), tensor(&gpu, &[m, c], &y), tensor(&gpu, &[c], &y[..c]));
            let state = state(&gpu, 0, m);
            let both: Vec<f32> = x.iter().zip(&y).map(|(a, b)| a + b).collect();
            assert_eq!(run(&gpu, |rec| record(rec, &a, &b, &state)), both);
            let biased: Vec<f32> = x.iter().enumerate().map(|(i, a)| a + y[i % c]).collect();
            assert_eq!(run(&gpu, |rec| record(rec, &a, &bias, &state)), biased);
        }
    }
}
