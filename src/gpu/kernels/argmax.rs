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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn finds_the_first_of_the_largest() {
        let gpu = gpu();
        for (m, v) in [(1, 1), (3, 5), (2, 257), (1, 49152), (1, 262_144)] {
            let mut x = noise(m * v, 4);
            for row in x.chunks_exact_mut(v) {
                row[v / 3] = 7.0;
                row[v - 1] = 7.0;
            }
            let (a, state) = (tensor(&gpu, &[m, v], &x), state(&gpu, 0, m));
            let mut rec = Recording::new();
            let out = record(&mut rec, &a, &state);
            rec.keep(&out);
            gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
            let found = pollster::block_on(gpu.read_u32(&out, 0..m)).unwrap();
            assert_eq!(found, vec![(v / 3) as u32; m], "{m}x{v}");
        }
    }
}
