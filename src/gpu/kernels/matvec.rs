//! Weights times one row of activations: the work of a decoded token, with the small steps around it folded in.

use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::gated::Activation;
use super::{WeightKernels, check_f32, check_state, groups, of_layout, planes, weight_kernels};

/// The shaders.
pub static KERNELS: WeightKernels =
    weight_kernels!("matvec", concat!(include_str!("prelude/row.wgsl"), include_str!("matvec.wgsl")), 32, Gain);

/// The same where the activations have yet to be settled.
pub static SETTLED: WeightKernels = weight_kernels!(
    "matvec_settled",
    concat!(include_str!("prelude/settled_row.wgsl"), include_str!("matvec.wgsl")),
    32,
    Settled
);

/// Lanes that share rows of weights on a GPU, where neighbors should read neighboring memory and there are more lanes
/// than rows. A processor has few lanes, and reads each block of activations once for all of them if none shares.
const SPLIT: usize = 8;

/// What is folded into the product; the default is the product alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folded<'a> {
    /// Normalizes the activations before: weights `F32[K]` and epsilon of [`super::rms_norm`].
    pub norm: Option<(&'a Tensor, f32)>,
    /// What the last layer adds to the activations before they are normalized.
    pub added: Option<Added<'a>>,
    /// Adds the product to this `F32[1, N]` instead of giving a new tensor.
    pub add_to: Option<&'a Tensor>,
    /// The weights are gate rows and then as many up rows, [`super::gated`] follows.
    pub gated: Option<Activation>,
}

/// A residual stream is settled on the way: what is multiplied is `x + y`, with the norm's epsilon also used for y.
#[derive(Debug, Clone, Copy)]
pub struct Added<'a> {
    /// `F32[1, K]`, normalized to be y.
    pub product: &'a Tensor,
    /// `F32[2, K]`: weights of the norm of `x + y`, then of y's. They stand in one tensor because a kernel of any
    /// device binds eight buffers.
    pub gains: &'a Tensor,
    /// Takes `x + y: F32[1, K]`.
    pub sum: &'a Tensor,
}

/// `w: [N, K]` (any layout, K a multiple of 32) times `x: F32[1, K]` gives `F32[1, N]`, or `F32[1, N / 2]` where it is
/// gated. One dispatch a part of the weights.
pub fn record(rec: &mut Recording, w: &Tensor, x: &Tensor, folded: Folded<'_>, state: &Tensor) -> Tensor {
    let (n_rows, k) = (w.rows(), w.cols());
    let n = if folded.gated.is_some() { n_rows / 2 } else { n_rows };
    let parts = w.parts();
    check_state(rec, "matvec", state);
    check_f32(rec, "matvec", &[x]);
    let fits = |t: &Tensor, len: usize| t.layout() == Layout::F32 && t.len() == len;
    let ok = x.len() == k
        && k.is_multiple_of(32)
        && n > 0
        && folded.norm.is_none_or(|(gain, _)| fits(gain, k))
        && folded.added.is_none_or(|added| {
            folded.norm.is_some() && fits(added.product, k) && fits(added.gains, 2 * k) && fits(added.sum, k)
        })
        && folded.add_to.is_none_or(|sum| fits(sum, n))
        && (folded.gated.is_none() || (parts.len() == 1 && n_rows.is_multiple_of(2)))
        && parts.iter().all(|(_, part)| part.layout() != Layout::U32);
    rec.check(ok, "matvec", || format!("{} {:?} {:?} times {:?}", w.name(), w.layout(), w.shape(), x.shape()));
    let out = match folded.add_to {
        Some(sum) => sum.clone(),
        None => rec.scratch("product", &[1, n], Layout::F32),
    };
    let (gain, eps) = folded.norm.unwrap_or((x, 0.0));
    let flags = u32::from(folded.norm.is_some())
        | u32::from(folded.add_to.is_some()) << 1
        | u32::from(folded.gated.is_some()) << 2
        | u32::from(folded.gated == Some(Activation::GeluTanh)) << 3;
    for (first, part) in parts {
        let part_n = if folded.gated.is_some() { n } else { part.rows() };
        // A grid has at most 65535 workgroups.
        let split = if rec.is_software() || part_n > 65535 * 128 / SPLIT { 1 } else { SPLIT };
        let (kernels, mut bindings) = match folded.added {
            Some(Added { product, gains, sum }) => {
                (&SETTLED, vec![(x, 0), (&out, 0), (state, 0), (gains, 0), (product, 0), (sum, 0)])
            }
            None => (&KERNELS, vec![(x, 0), (&out, 0), (state, 0), (gain, 0)]),
        };
        bindings.extend(planes(&part));
        let params = [(k / 32) as u32, part_n as u32, first as u32, flags, eps.to_bits(), n as u32, split as u32, 0];
        rec.dispatch(of_layout(kernels, part.layout()), &params, &bindings, [groups(part_n, 128 / split), 1, 1]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    fn product(w: &[f32], x: &[f64], n: usize) -> Vec<f64> {
        let k = x.len();
        (0..n).map(|i| w[i * k..][..k].iter().zip(x).map(|(&a, &b)| f64::from(a) * b).sum()).collect()
    }

    fn normed(x: &[f32], gain: &[f32], eps: f64) -> Vec<f64> {
        let mean = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / x.len() as f64;
        x.iter().zip(gain).map(|(&v, &g)| f64::from(v) / (mean + eps).sqrt() * f64::from(g)).collect()
    }

    fn product_of_normed(w: &[f32], x: &[f32], gain: &[f32], n: usize) -> Vec<f64> {
        product(w, &normed(x, gain, 1e-5), n)
    }

    #[test]
    fn every_folding_equals_the_f64_reference_in_every_layout() {
        let gpu = gpu();
        for (layout, _) in LAYOUTS {
            for (n, k) in [(18, 256), (34, 768), (66, 1536)] {
                let (w, values) = weights(&gpu, layout, &[n, k], 3);
                let (x, gain) = (noise(k, 5), noise(k, 6));
                let (x_tensor, gain_tensor, state) =
                    (tensor(&gpu, &[1, k], &x), tensor(&gpu, &[k], &gain), state(&gpu, 0, 1));
                let plain: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
                let name = format!("{layout:?} {n}x{k}");
                let run_folded = |folded: Folded<'_>| run(&gpu, |rec| record(rec, &w, &x_tensor, folded, &state));

                close(&name, &run_folded(Folded::default()), &product(&values, &plain, n), 1e-11);
                let norm = Some((&gain_tensor, 1e-5));
                let expected = product(&values, &normed(&x, &gain, 1e-5), n);
                close(&name, &run_folded(Folded { norm, ..Folded::default() }), &expected, 1e-11);
                let silu = |x: f64| x / (1.0 + (-x).exp());
                let gelu = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh());
                let gated = |activate: &dyn Fn(f64) -> f64| -> Vec<f64> {
                    (0..n / 2).map(|i| activate(expected[i]) * expected[i + n / 2]).collect()
                };
                let product = noise(k, 7);
                let gains: Vec<f32> = gain.iter().copied().chain(noise(k, 8)).collect();
                let (product_tensor, gains_tensor) = (tensor(&gpu, &[1, k], &product), tensor(&gpu, &[2, k], &gains));
                let sum = tensor(&gpu, &[1, k], &vec![0.0; k]);
                let added = Some(Added { product: &product_tensor, gains: &gains_tensor, sum: &sum });
                let settled: Vec<f64> =
                    normed(&product, &gains[k..], 1e-5).iter().zip(&plain).map(|(y, x)| x + y).collect();
                let settled_f32: Vec<f32> = settled.iter().map(|&v| v as f32).collect();
                let found = run_folded(Folded { norm, added, ..Folded::default() });
                close(&name, &found, &product_of_normed(&values, &settled_f32, &gain, n), 1e-11);
                let sums = pollster::block_on(gpu.read_f32(&sum, 0..k)).unwrap();
                close(&name, &sums, &settled, 1e-11);
                for (activation, gated) in [(Activation::Silu, gated(&silu)), (Activation::GeluTanh, gated(&gelu))] {
                    let found = run_folded(Folded { norm, gated: Some(activation), ..Folded::default() });
                    close(&name, &found, &gated, 1e-11);
                }
            }
        }
    }

    #[test]
    fn the_product_is_added_in_place() {
        let gpu = gpu();
        let (w, values) = weights(&gpu, Layout::Q4_1, &[33, 64], 3);
        let (x, before) = (noise(64, 5), noise(33, 6));
        let (x_tensor, state) = (tensor(&gpu, &[1, 64], &x), state(&gpu, 0, 1));
        let sum = tensor(&gpu, &[1, 33], &before);
        let mut rec = Recording::new();
        record(&mut rec, &w, &x_tensor, Folded { add_to: Some(&sum), ..Folded::default() }, &state);
        gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
        let found = pollster::block_on(gpu.read_f32(&sum, 0..33)).unwrap();
        let plain: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let expected: Vec<f64> =
            product(&values, &plain, 33).iter().zip(&before).map(|(p, &b)| p + f64::from(b)).collect();
        close("added", &found, &expected, 1e-11);
    }

    #[test]
    fn nothing_is_written_when_no_row_is_in_use() {
        let gpu = gpu();
        let (w, _) = weights(&gpu, Layout::Q4_1, &[33, 64], 3);
        let (x, state) = (tensor(&gpu, &[1, 64], &noise(64, 5)), state(&gpu, 0, 0));
        assert_eq!(run(&gpu, |rec| record(rec, &w, &x, Folded::default(), &state)), vec![0.0; 33]);
    }
}
