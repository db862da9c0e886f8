//! Log-probability of given tokens without reading logits back.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::attention::MAX_TURNS;
use super::{REDUCE, check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "target_logprobs",
    sources: &[REDUCE, include_str!("target_logprobs.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader for adapters that compute on the processor.
pub static LANES: Kernel =
    Kernel { name: "target_logprobs_lanes", sources: &[include_str!("target_logprobs_lanes.wgsl")], ..KERNEL };

/// For each of `pairs: U32[P, 2]` of a row of `logits: F32[M, V]` and a token: natural log-probability of the token and
/// log-sum-exp of the row, `F32[P, 2]`. Pairs of rows that are not in use are skipped.
pub fn record(rec: &mut Recording, logits: &Tensor, pairs: &Tensor, state: &Tensor) -> Tensor {
    let (m, v, n_pairs) = (logits.rows(), logits.cols(), pairs.rows());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[logits]);
    let ok = pairs.layout() == Layout::U32 && pairs.cols() == 2 && !logits.is_empty() && !pairs.is_empty();
    rec.check(ok, KERNEL.name, || format!("logits {:?}, pairs {:?}", logits.shape(), pairs.shape()));
    let out = rec.scratch("logprobs", &[n_pairs, 2], Layout::F32);
    let bindings = [(logits, 0), (&out, 0), (state, 0), (pairs, 0)];
    if rec.is_software() && v.is_multiple_of(16) && v / 8 + n_pairs < MAX_TURNS {
        rec.dispatch(&LANES, &[v as u32, m as u32, n_pairs as u32, 0], &bindings, [groups(m, 4), 1, 1]);
    } else {
        rec.dispatch(&KERNEL, &[v as u32, m as u32, 0, 0], &bindings, [n_pairs as u32, 1, 1]);
    }
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
            // Rows in another order, the first one twice.
            let mut pairs: Vec<u32> = (0..m).rev().flat_map(|i| [i as u32, (i * 31 % v) as u32]).collect();
            pairs.extend([0, v as u32 - 1]);
            let (a, state) = (tensor(&gpu, &[m, v], &x), state(&gpu, 0, m));
            let t = gpu.create("pairs", &[m + 1, 2], Layout::U32).unwrap();
            gpu.write_u32(&t, 0, &pairs).unwrap();
            let found = run(&gpu, |rec| record(rec, &a, &t, &state));
            for (row, pair) in pairs.chunks_exact(2).enumerate() {
                let (x, target) = (&x[pair[0] as usize * v..][..v], pair[1]);
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
