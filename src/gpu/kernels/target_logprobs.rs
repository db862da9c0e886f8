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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference_with_large_logits() {
        let gpu = gpu();
        for (m, v, offset) in [(1, 1, 0.0), (3, 5, 10.0), (2, 257, -300.0), (3, 49152, 30.0), (1, 262_144, 0.0)] {
            let x: Vec<f32> = noise(m * v, 4).iter().map(|x| x * 8.0 + offset).collect();
            let targets: Vec<u32> = (0..m).map(|i| (i * 31 % v) as u32).collect();
            let (a, t, state) = (tensor(&gpu, &[m, v], &x), tensor_u32(&gpu, &targets), state(&gpu, 0, m));
            let found = run(&gpu, |rec| record(rec, &a, &t, &state));
            for (row, (x, &target)) in x.chunks_exact(v).zip(&targets).enumerate() {
                let top = x.iter().copied().fold(f32::MIN, f32::max);
                let lse = x.iter().map(|&v| f64::from(v - top).exp()).sum::<f64>().ln() + f64::from(top);
                let logprob = f64::from(x[target as usize]) - lse;
                assert!(
                    (f64::from(found[2 * row]) - logprob).abs() < 2e-5,
                    "{m}x{v}: {} for {logprob}",
                    found[2 * row]
                );
                assert!(
                    (f64::from(found[2 * row + 1]) - lse).abs() < 5e-5,
                    "{m}x{v}: {} for {lse}",
                    found[2 * row + 1]
                );
            }
        }
    }
}
