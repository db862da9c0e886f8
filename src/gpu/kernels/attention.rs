//! Causal attention over a key-value cache, with fewer key than query heads if wanted (GQA, Ainslie et al. 2023).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::heads::Heads;
use super::{check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "attention",
    sources: &[include_str!("attention.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 32,
};

/// `q: F32[M, n_heads * head_dim]` against the caches of keys and values `F32[max_pos, n_kv_heads * head_dim]`; row `m`
/// at position `state[0] + m` sees keys up to itself, or the last ones of its window. Gives the shape of `q`.
pub fn record(rec: &mut Recording, q: &Tensor, heads: &Heads, cache: (&Tensor, &Tensor), state: &Tensor) -> Tensor {
    let (m, n_heads, n_kv_heads, head_dim) = (q.rows(), heads.n_heads, heads.n_kv_heads, heads.head_dim);
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[q, cache.0, cache.1]);
    let ok = head_dim > 0
        && head_dim <= 256
        && head_dim.is_multiple_of(4)
        && n_kv_heads > 0
        && n_heads.is_multiple_of(n_kv_heads)
        && q.cols() == n_heads * head_dim
        && cache.0.cols() == n_kv_heads * head_dim
        && cache.0.shape() == cache.1.shape()
        && !q.is_empty();
    rec.check(ok, KERNEL.name, || format!("q {:?}, cache {:?}, {heads:?}", q.shape(), cache.0.shape()));
    let out = rec.scratch("attended", q.shape(), Layout::F32);
    let params = [
        n_heads as u32,
        n_kv_heads as u32,
        head_dim as u32,
        m as u32,
        cache.0.rows() as u32,
        heads.scale.to_bits(),
        heads.window as u32,
        0,
    ];
    let bindings = [(q, 0), (&out, 0), (state, 0), (cache.0, 0), (cache.1, 0)];
    rec.dispatch(&KERNEL, &params, &bindings, [n_heads as u32, m as u32, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::heads::Style;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference_at_any_length() {
        let gpu = gpu();
        for (heads, kv_heads, dim, m, pos, window) in [
            (1, 1, 4, 1, 0, 0),
            (9, 3, 64, 1, 63, 0),
            (9, 3, 64, 5, 62, 64),
            (4, 2, 12, 3, 130, 1),
            (2, 1, 256, 2, 700, 512),
            (2, 2, 80, 3, 1, 0),
        ] {
            let max_pos = pos + m + 3;
            let q: Vec<f32> = noise(m * heads * dim, 1).iter().map(|v| v * 4.0).collect();
            let (k, v) = (noise(max_pos * kv_heads * dim, 2), noise(max_pos * kv_heads * dim, 3));
            let (a, state) = (tensor(&gpu, &[m, heads * dim], &q), state(&gpu, pos, m));
            let (b, c) = (tensor(&gpu, &[max_pos, kv_heads * dim], &k), tensor(&gpu, &[max_pos, kv_heads * dim], &v));
            let layout = Heads {
                n_heads: heads,
                n_kv_heads: kv_heads,
                head_dim: dim,
                style: Style::Half,
                scale: 1.0 / (dim as f32).sqrt(),
                window,
                norm_eps: None,
                biased: false,
                vectors: tensor(&gpu, &[dim / 2], &noise(dim / 2, 4)),
            };
            let found = run(&gpu, |rec| record(rec, &a, &layout, (&b, &c), &state));
            let mut expected = Vec::new();
            for row in 0..m {
                for head in 0..heads {
                    let kv = |cache: &[f32], at: usize, d: usize| {
                        f64::from(cache[(at * kv_heads + head / (heads / kv_heads)) * dim + d])
                    };
                    let first = if window == 0 { 0 } else { (pos + row + 1).saturating_sub(window) };
                    let scores: Vec<f64> = (first..=pos + row)
                        .map(|at| {
                            let dot: f64 =
                                (0..dim).map(|d| f64::from(q[(row * heads + head) * dim + d]) * kv(&k, at, d)).sum();
                            dot / (dim as f64).sqrt()
                        })
                        .collect();
                    let top = scores.iter().copied().fold(f64::MIN, f64::max);
                    let exps: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
                    let sum: f64 = exps.iter().sum();
                    for d in 0..dim {
                        expected
                            .push(exps.iter().enumerate().map(|(at, e)| e * kv(&v, first + at, d)).sum::<f64>() / sum);
                    }
                }
            }
            close(&format!("{heads}/{kv_heads} heads of {dim}, {m} at {pos}"), &found, &expected, 1e-10);
        }
    }
}
