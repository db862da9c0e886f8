//! Weights times activations: the work of a model.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{BLOCK, HALF, check_f32, check_state, groups, planes};

/// The shader.
pub static MATVEC_F32: Kernel = Kernel {
    name: "matvec_f32",
    sources: &[BLOCK, include_str!("prelude/f32.wgsl"), include_str!("matvec.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATVEC_F16: Kernel = Kernel {
    name: "matvec_f16",
    sources: &[HALF, BLOCK, include_str!("prelude/f16.wgsl"), include_str!("matvec.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATVEC_Q8_0: Kernel = Kernel {
    name: "matvec_q8_0",
    sources: &[BLOCK, include_str!("prelude/q8_0.wgsl"), include_str!("matvec.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATVEC_Q4_0: Kernel = Kernel {
    name: "matvec_q4_0",
    sources: &[BLOCK, include_str!("prelude/q4_0.wgsl"), include_str!("matvec.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATVEC_Q4_1: Kernel = Kernel {
    name: "matvec_q4_1",
    sources: &[BLOCK, include_str!("prelude/q4_1.wgsl"), include_str!("matvec.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATMUL_F32: Kernel = Kernel {
    name: "matmul_f32",
    sources: &[BLOCK, include_str!("prelude/f32.wgsl"), include_str!("matmul.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATMUL_F16: Kernel = Kernel {
    name: "matmul_f16",
    sources: &[HALF, BLOCK, include_str!("prelude/f16.wgsl"), include_str!("matmul.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATMUL_Q8_0: Kernel = Kernel {
    name: "matmul_q8_0",
    sources: &[BLOCK, include_str!("prelude/q8_0.wgsl"), include_str!("matmul.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATMUL_Q4_0: Kernel = Kernel {
    name: "matmul_q4_0",
    sources: &[BLOCK, include_str!("prelude/q4_0.wgsl"), include_str!("matmul.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static MATMUL_Q4_1: Kernel = Kernel {
    name: "matmul_q4_1",
    sources: &[BLOCK, include_str!("prelude/q4_1.wgsl"), include_str!("matmul.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// `w: [N, K]` (any layout, K a multiple of 32) times `x: F32[M, K]` gives `F32[M, N]`, `out[m, n] = dot(w[n], x[m])`.
pub fn record(rec: &mut Recording, w: &Tensor, x: &Tensor, state: &Tensor) -> Tensor {
    let (n, k, m) = (w.rows(), w.cols(), x.rows());
    let vector = m == 1;
    let kernel = match (w.layout(), vector) {
        (Layout::F16, true) => &MATVEC_F16,
        (Layout::Q8_0, true) => &MATVEC_Q8_0,
        (Layout::Q4_0, true) => &MATVEC_Q4_0,
        (Layout::Q4_1, true) => &MATVEC_Q4_1,
        (_, true) => &MATVEC_F32,
        (Layout::F16, false) => &MATMUL_F16,
        (Layout::Q8_0, false) => &MATMUL_Q8_0,
        (Layout::Q4_0, false) => &MATMUL_Q4_0,
        (Layout::Q4_1, false) => &MATMUL_Q4_1,
        (_, false) => &MATMUL_F32,
    };
    check_state(rec, "matmul", state);
    check_f32(rec, "matmul", &[x]);
    let ok = x.cols() == k && k % 32 == 0 && !w.is_empty() && m > 0 && w.layout() != Layout::U32;
    rec.check(ok, "matmul", || format!("{} {:?} {:?} times {:?}", w.name(), w.layout(), w.shape(), x.shape()));
    let out = rec.scratch("product", &[m, n], Layout::F32);
    let mut bindings = vec![(x, 0), (&out, 0), (state, 0)];
    bindings.extend(planes(w));
    let grid = if vector { [groups(n, 32), 1, 1] } else { [groups(n, 64), groups(m, 16), 1] };
    rec.dispatch(kernel, &[(k / 32) as u32, n as u32, m as u32, 0], &bindings, grid);
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
        for layout in [Layout::F32, Layout::F16, Layout::Q8_0, Layout::Q4_0, Layout::Q4_1] {
            for (n, k) in [(1, 32), (7, 96), (33, 576), (65, 1536)] {
                let (w, values) = weights(&gpu, layout, &[n, k], 3);
                for m in [1, 2, 9, 17] {
                    let x = noise(m * k, 5);
                    let x_tensor = tensor(&gpu, &[m, k], &x);
                    let state = state(&gpu, 0, m);
                    let found = run(&gpu, |rec| record(rec, &w, &x_tensor, &state));
                    close(&format!("{layout:?} {m}x{n}x{k}"), &found, &reference(&values, &x, n, k), 1e-11);
                }
            }
        }
    }

    #[test]
    fn rows_not_in_use_stay_untouched() {
        let gpu = gpu();
        let (w, values) = weights(&gpu, Layout::Q4_1, &[5, 64], 3);
        let x = noise(9 * 64, 5);
        let (x_tensor, state) = (tensor(&gpu, &[9, 64], &x), state(&gpu, 0, 3));
        let found = run(&gpu, |rec| record(rec, &w, &x_tensor, &state));
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
            let found = run(&gpu, |rec| record(rec, &w, &x_tensor, &state));
            close("vocabulary", &found, &reference(&values, &x, n, k), 1e-11);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_an_error() {
        let gpu = gpu();
        let (w, _) = weights(&gpu, Layout::F32, &[4, 64], 3);
        let (x, state) = (tensor(&gpu, &[1, 32], &noise(32, 1)), state(&gpu, 0, 1));
        let mut rec = Recording::new();
        record(&mut rec, &w, &x, &state);
        assert!(matches!(crate::gpu::prepare(&gpu, &rec), Err(crate::gpu::GpuError::Shape { .. })));
    }
}
