//! Some rows of the residual stream: logits are needed at few places of a prompt.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "take_rows",
    sources: &[include_str!("take_rows.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// Rows `rows: U32[M]` of `x: F32[N, C]` into `out: F32[M, C]`, whose row stays as it is where `x` has no such row: rows
/// of several texts are collected so.
pub fn record(rec: &mut Recording, x: &Tensor, rows: &Tensor, out: &Tensor) {
    let (m, c) = (rows.len(), x.cols());
    check_f32(rec, KERNEL.name, &[x, out]);
    let ok = rows.layout() == Layout::U32 && m > 0 && !x.is_empty() && out.shape() == [m, c];
    rec.check(ok, KERNEL.name, || format!("{:?} rows of {:?} into {:?}", rows.shape(), x.shape(), out.shape()));
    let bindings = [(x, 0), (out, 0), (rows, 0)];
    rec.dispatch(&KERNEL, &[c as u32, x.rows() as u32, 0, 0], &bindings, [groups(c, 64), m as u32, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn takes_the_rows_in_any_order_and_leaves_others() {
        let gpu = gpu();
        let (x, before) = (noise(5 * 577, 1), noise(5 * 577, 2));
        let (a, out) = (tensor(&gpu, &[5, 577], &x), tensor(&gpu, &[5, 577], &before));
        let rows = tensor_u32(&gpu, &[4, 0, 4, u32::MAX, 5]);
        let mut rec = Recording::new();
        record(&mut rec, &a, &rows, &out);
        gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
        let found = pollster::block_on(gpu.read_f32(&out, 0..5 * 577)).unwrap();
        let mut expected: Vec<f32> = [4, 0, 4].iter().flat_map(|row| x[row * 577..][..577].to_vec()).collect();
        expected.extend(&before[3 * 577..]);
        assert_eq!(found, expected);
    }
}
