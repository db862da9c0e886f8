//! Root mean square normalization (Zhang and Sennrich 2019).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{REDUCE, check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "rms_norm",
    sources: &[REDUCE, include_str!("rms_norm.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader for adapters that compute on the processor.
pub static LANES: Kernel = Kernel { name: "rms_norm_lanes", sources: &[include_str!("rms_norm_lanes.wgsl")], ..KERNEL };

/// `x: F32[M, C]`, `w: F32[C]` gives `x / sqrt(mean(x^2) + eps) * w`, row by row, or adds it to `add_to: F32[M, C]`.
pub fn record(
    rec: &mut Recording,
    x: &Tensor,
    w: &Tensor,
    eps: f32,
    add_to: Option<&Tensor>,
    state: &Tensor,
) -> Tensor {
    let (m, c) = (x.rows(), x.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x, w]);
    let fits = |sum: &Tensor| sum.layout() == Layout::F32 && sum.shape() == x.shape();
    let ok = w.len() == c && !x.is_empty() && add_to.is_none_or(fits);
    rec.check(ok, KERNEL.name, || format!("x {:?}, w {:?}", x.shape(), w.shape()));
    let out = match add_to {
        Some(sum) => sum.clone(),
        None => rec.scratch("normed", x.shape(), Layout::F32),
    };
    let bindings = [(x, 0), (&out, 0), (state, 0), (w, 0)];
    let (rows, eps, added) = (m as u32, eps.to_bits(), u32::from(add_to.is_some()));
    if rec.is_software() && c.is_multiple_of(4) {
        rec.dispatch(&LANES, &[(c / 4) as u32, rows, eps, added], &bindings, [groups(m, 4), 1, 1]);
    } else {
        rec.dispatch(&KERNEL, &[c as u32, rows, eps, added], &bindings, [rows, 1, 1]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference() {
        let gpu = gpu();
        for (m, c) in [(1, 1), (1, 5), (3, 333), (2, 576), (5, 580), (1, 9001)] {
            let (x, w) = (noise(m * c, 1), noise(c, 2));
            let (a, b, state) = (tensor(&gpu, &[m, c], &x), tensor(&gpu, &[c], &w), state(&gpu, 0, m));
            let found = run(&gpu, |rec| record(rec, &a, &b, 1e-5, None, &state));
            let expected: Vec<f64> = x
                .chunks_exact(c)
                .flat_map(|row| {
                    let mean = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / c as f64;
                    row.iter().zip(&w).map(move |(&v, &w)| f64::from(v) / (mean + 1e-5).sqrt() * f64::from(w))
                })
                .collect();
            close(&format!("{m}x{c}"), &found, &expected, 1e-12);

            let before = noise(m * c, 3);
            let expected: Vec<f64> = expected.iter().zip(&before).map(|(e, &b)| e + f64::from(b)).collect();
            for mut rec in [Recording::new(), Recording::for_software()] {
                let sum = tensor(&gpu, &[m, c], &before);
                record(&mut rec, &a, &b, 1e-5, Some(&sum), &state);
                gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
                let found = pollster::block_on(gpu.read_f32(&sum, 0..m * c)).unwrap();
                close(&format!("{m}x{c} added"), &found, &expected, 1e-12);
            }
        }
    }
}
