//! Weighted sums of the rows of the residual stream: one vector for a text, by its last token or the mean of several, or
//! one for each token.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::Tensor;

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "pool_rows",
    sources: &[include_str!("pool_rows.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// Writes `weights: F32[P, M]` times `x: F32[M, C]` to rows `row` to `row + P` of `out: F32[N, C]`.
pub fn record(rec: &mut Recording, x: &Tensor, weights: &Tensor, out: &Tensor, row: usize, state: &Tensor) {
    let c = x.cols();
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x, weights, out]);
    let (p, m) = (weights.rows(), weights.cols());
    let ok = m == x.rows() && out.cols() == c && p > 0 && row + p <= out.rows() && !x.is_empty();
    rec.check(ok, KERNEL.name, || {
        format!("{:?} by {:?} to row {row} of {:?}", x.shape(), weights.shape(), out.shape())
    });
    let bindings = [(x, 0), (out, 0), (state, 0), (weights, 0)];
    rec.dispatch(&KERNEL, &[c as u32, row as u32, m as u32, 0], &bindings, [groups(c, 64), p as u32, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Layout;
    use crate::gpu::testing::*;

    #[test]
    fn sums_the_rows_in_use_by_their_weights() {
        let gpu = gpu();
        let (m, c) = (5, 577);
        let (x, w) = (noise(m * c, 1), [0.25, 0.0, 0.5, 0.25, 9.0, 0.0, 1.0, 0.0, 0.0, 9.0]);
        // The fifth is not in use.
        let (a, b, state) = (tensor(&gpu, &[m, c], &x), tensor(&gpu, &[2, m], &w), state(&gpu, 9, 4));
        let out = gpu.create("out", &[4, c], Layout::F32).unwrap();
        let mut rec = Recording::new();
        record(&mut rec, &a, &b, &out, 1, &state);
        gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
        let found = pollster::block_on(gpu.read_f32(&out, 0..4 * c)).unwrap();
        let sum = |column: usize| (0..4).map(|row| f64::from(w[row]) * f64::from(x[row * c + column])).sum::<f64>();
        let expected: Vec<f64> = (0..c).map(sum).collect();
        close("pooled", &found[c..2 * c], &expected, 1e-12);
        assert_eq!(found[2 * c..3 * c], x[c..2 * c], "a weight of one takes a row as it is");
        assert!(found[..c].iter().chain(&found[3 * c..]).all(|value| *value == 0.0), "other rows stay");
    }
}
