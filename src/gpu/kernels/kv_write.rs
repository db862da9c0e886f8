//! New keys or values into the cache.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "kv_write",
    sources: &[include_str!("kv_write.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// Writes `x: F32[M, C]` into rows `state[0]..` of `cache: F32[max_pos, C]`; rows past its end are dropped.
pub fn record(rec: &mut Recording, x: &Tensor, cache: &Tensor, state: &Tensor) {
    let (m, c) = (x.rows(), x.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x, cache]);
    let ok = cache.cols() == c && !x.is_empty() && x.layout() == Layout::F32;
    rec.check(ok, KERNEL.name, || format!("x {:?}, cache {:?}", x.shape(), cache.shape()));
    let params = [c as u32, m as u32, cache.rows() as u32, 0];
    rec.dispatch(&KERNEL, &params, &[(x, 0), (cache, 0), (state, 0)], [groups(c, 64), m as u32, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn writes_the_rows_in_use_and_nothing_past_the_end() {
        let gpu = gpu();
        let c = 6;
        let x = noise(4 * c, 1);
        for (pos, n, expected_rows) in [(0, 4, 4), (3, 2, 2), (6, 4, 2)] {
            let (a, state) = (tensor(&gpu, &[4, c], &x), state(&gpu, pos, n));
            let cache = gpu.create("cache", &[8, c], Layout::F32).unwrap();
            let mut rec = Recording::new();
            record(&mut rec, &a, &cache, &state);
            gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
            let found = pollster::block_on(gpu.read_f32(&cache, 0..8 * c)).unwrap();
            let mut expected = vec![0.0; 8 * c];
            expected[pos * c..][..expected_rows * c].copy_from_slice(&x[..expected_rows * c]);
            assert_eq!(found, expected);
        }
    }
}
