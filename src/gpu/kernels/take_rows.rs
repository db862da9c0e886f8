//! Some rows of the residual stream: logits are needed at few places of a prompt.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "take_rows",
    sources: &[include_str!("take_rows.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// Rows `rows: U32[M]` of `x: F32[N, C]` as `F32[M, C]`; a row past the end reads the last one.
pub fn record(rec: &mut Recording, x: &Tensor, rows: &Tensor, state: &Tensor) -> Tensor {
    let (m, c) = (rows.len(), x.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x]);
    let ok = rows.layout() == Layout::U32 && m > 0 && !x.is_empty();
    rec.check(ok, KERNEL.name, || format!("{:?} rows of {:?}", rows.shape(), x.shape()));
    let out = rec.scratch("taken", &[m, c], Layout::F32);
    let bindings = [(x, 0), (&out, 0), (state, 0), (rows, 0)];
    rec.dispatch(&KERNEL, &[c as u32, x.rows() as u32, 0, 0], &bindings, [groups(c, 64), m as u32, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn takes_the_rows_in_any_order() {
        let gpu = gpu();
        let x = noise(5 * 577, 1);
        let (a, rows, state) = (tensor(&gpu, &[5, 577], &x), tensor_u32(&gpu, &[4, 0, 4, 9, 2]), state(&gpu, 9, 4));
        let mut expected: Vec<f32> = [4, 0, 4, 4].iter().flat_map(|row| x[row * 577..][..577].to_vec()).collect();
        // The fifth is not in use.
        expected.extend(vec![0.0; 577]);
        assert_eq!(run(&gpu, |rec| record(rec, &a, &rows, &state)), expected);
    }
}
