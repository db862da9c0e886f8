//! Weights times activations: the work of a model.

use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::matvec::{self, Folded};
use super::{WeightKernels, check_f32, check_state, groups, of_layout, planes, weight_kernels};

/// The shaders for several rows of activations, by tiles in shared memory.
pub static TILED: WeightKernels = weight_kernels!("matmul_tiled", include_str!("matmul_tiled.wgsl"), 32, Nothing);

/// The same from registers alone, for adapters whose shared memory is no faster than any other.
pub static WIDE: WeightKernels = weight_kernels!("matmul_wide", include_str!("matmul_wide.wgsl"), 32, Nothing);

/// `w: [N, K]` (any layout, K a multiple of 32) times `x: F32[M, K]` gives `F32[M, N]`, `out[m, n] = dot(w[n], x[m])`,
/// or adds the product to `add_to: F32[M, N]`. One dispatch a part of the weights.
pub fn record(rec: &mut Recording, w: &Tensor, x: &Tensor, add_to: Option<&Tensor>, state: &Tensor) -> Tensor {
    let (n, k, m) = (w.rows(), w.cols(), x.rows());
    if m == 1 {
        return matvec::record(rec, w, x, Folded { add_to, ..Folded::default() }, state);
    }
    let parts = w.parts();
    check_state(rec, "matmul", state);
    check_f32(rec, "matmul", &[x]);
    let ok = x.cols() == k
        && k.is_multiple_of(32)
        && !w.is_empty()
        && m > 0
        && add_to.is_none_or(|sum| sum.layout() == Layout::F32 && sum.shape() == [m, n])
        && parts.iter().all(|(_, part)| part.layout() != Layout::U32);
    rec.check(ok, "matmul", || format!("{} {:?} {:?} times {:?}", w.name(), w.layout(), w.shape(), x.shape()));
    let out = match add_to {
        Some(sum) => sum.clone(),
        None => rec.scratch("product", &[m, n], Layout::F32),
    };
    for (first, part) in parts {
        let mut bindings = vec![(x, 0), (&out, 0), (state, 0)];
        bindings.extend(planes(&part));
        let added = u32::from(add_to.is_some());
        let params = [(k / 32) as u32, part.rows() as u32, first as u32, n as u32, m as u32, added, 0, 0];
        let (kernels, tile) = if rec.is_software() { (&WIDE, [64, 8]) } else { (&TILED, [64, 32]) };
        let grid = [groups(part.rows(), tile[0]), groups(m, tile[1]), 1];
        rec.dispatch(of_layout(kernels, part.layout()), &params, &bindings, grid);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    fn reference(w: &[f32], x: &[f32], n: usize, k: usize) -> Vec<f64> {
        x.chunks_exact(k)
            .flat_map(|x| {
                (0..n).map(move |i| w[i * k..][..k].iter().zip(x).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum())
            })
            .collect()
    }

    #[test]
    fn equals_the_f64_reference_in_every_layout_and_shape() {
        let gpu = gpu();
        for (layout, _) in LAYOUTS {
            for (n, k) in [(1, 32), (7, 96), (33, 576), (65, 1536), (9, 256), (66, 1280)] {
                if k % layout.block_len() != 0 {
                    continue;
                }
                let (w, values) = weights(&gpu, layout, &[n, k], 3);
                for m in [1, 2, 9, 17] {
                    let x = noise(m * k, 5);
                    let x_tensor = tensor(&gpu, &[m, k], &x);
                    let state = state(&gpu, 0, m);
                    let found = run(&gpu, |rec| record(rec, &w, &x_tensor, None, &state));
                    close(&format!("{layout:?} {m}x{n}x{k}"), &found, &reference(&values, &x, n, k), 1e-11);
                }
            }
        }
    }

    #[test]
    fn a_table_in_parts_gives_the_same_product() {
        let gpu = gpu();
        let (n, k) = (203, 256);
        for (layout, _) in LAYOUTS {
            // About 70 rows a part, so that parts end inside a workgroup's rows.
            let row_bytes = layout.plane_bytes(1, k).into_iter().max().unwrap();
            let (w, values) = weights_within(&gpu, layout, &[n, k], 3, 70 * row_bytes + 5);
            assert_eq!(
                w.parts().iter().map(|(first, part)| (*first, part.rows())).collect::<Vec<_>>(),
                [(0, 70), (70, 70), (140, 63)]
            );
            for m in [1, 5] {
                let x = noise(m * k, 5);
                let (x_tensor, state) = (tensor(&gpu, &[m, k], &x), state(&gpu, 0, m));
                let found = run(&gpu, |rec| record(rec, &w, &x_tensor, None, &state));
                close(&format!("{layout:?} {m}"), &found, &reference(&values, &x, n, k), 1e-11);
            }
        }
    }

    /// 143 MB of halves: over WebGPU's default limit of 128 MiB a binding.
    #[test]
    fn a_table_over_the_binding_limit_is_multiplied() {
        let gpu = gpu();
        let (n, k) = (1 << 20, 64);
        let (w, values) = weights(&gpu, Layout::F16, &[n + (1 << 16), k], 3);
        assert_eq!(w.parts().len(), 2);
        let x = noise(k, 5);
        let (x_tensor, state) = (tensor(&gpu, &[1, k], &x), state(&gpu, 0, 1));
        let found = run(&gpu, |rec| record(rec, &w, &x_tensor, None, &state));
        close("head", &found, &reference(&values, &x, n + (1 << 16), k), 1e-11);
    }

    #[test]
    fn rows_not_in_use_stay_untouched() {
        let gpu = gpu();
        let (w, values) = weights(&gpu, Layout::Q4_1, &[5, 64], 3);
        let x = noise(9 * 64, 5);
        let (x_tensor, state) = (tensor(&gpu, &[9, 64], &x), state(&gpu, 0, 3));
        let found = run(&gpu, |rec| record(rec, &w, &x_tensor, None, &state));
        close("used rows", &found[..15], &reference(&values, &x[..3 * 64], 5, 64), 1e-11);
        assert!(found[15..].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn the_largest_vocabulary_fits_the_grid() {
        let gpu = gpu();
        let (n, k) = (262_144, 32);
        let (w, values) = weights(&gpu, Layout::Q4_1, &[n, k], 3);
        for m in [1, 2] {
            let x = noise(m * k, 5);
            let (x_tensor, state) = (tensor(&gpu, &[m, k], &x), state(&gpu, 0, m));
            let found = run(&gpu, |rec| record(rec, &w, &x_tensor, None, &state));
            close("vocabulary", &found, &reference(&values, &x, n, k), 1e-11);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_an_error() {
        let gpu = gpu();
        let (w, _) = weights(&gpu, Layout::F32, &[4, 64], 3);
        let (x, state) = (tensor(&gpu, &[1, 32], &noise(32, 1)), state(&gpu, 0, 1));
        let mut rec = Recording::new();
        record(&mut rec, &w, &x, None, &state);
        assert!(matches!(crate::gpu::prepare(&gpu, &rec), Err(crate::gpu::GpuError::Shape { .. })));
    }
}
