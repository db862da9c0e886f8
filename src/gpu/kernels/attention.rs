//! Attention over a key-value cache, with fewer key than query heads if wanted (GQA, Ainslie et al. 2023).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::heads::{Heads, PLACE, check_places};
use super::{check_f32, check_state, groups};

/// The shader for adapters that compute on the processor.
pub static LANES: Kernel =
    Kernel { name: "attention_lanes", sources: &[PLACE, include_str!("attention_lanes.wgsl")], ..KERNEL };

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "attention",
    sources: &[PLACE, include_str!("attention.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read, Access::Read],
    params_size: 32,
};

/// llvmpipe ends all loops of a lane after so many turns together.
pub(super) const MAX_TURNS: usize = 65_535;

/// `q: F32[M, n_heads * head_dim]` against the caches of keys and values `F32[max_pos, n_kv_heads * head_dim]`; a
/// row sees what `places: U32[M, 4]` says (see [`super::split_heads`]), or the last of it within its window. Gives the
/// shape of `q`.
pub fn record(
    rec: &mut Recording,
    q: &Tensor,
    heads: &Heads,
    cache: (&Tensor, &Tensor),
    places: &Tensor,
    state: &Tensor,
) -> Tensor {
    let (m, n_heads, n_kv_heads, head_dim) = (q.rows(), heads.n_heads, heads.n_kv_heads, heads.head_dim);
    check_state(rec, KERNEL.name, state);
    check_places(rec, KERNEL.name, places, m);
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
    let bindings = [(q, 0), (&out, 0), (state, 0), (cache.0, 0), (cache.1, 0), (places, 0)];
    // Turns of all loops of a lane that sees the whole cache, in three ranges.
    let turns = (cache.0.rows().div_ceil(8) + 2) * (head_dim / 2 + 1) + head_dim / 4 + 3;
    if rec.is_software() && turns < MAX_TURNS {
        rec.dispatch(&LANES, &params, &bindings, [groups(m * n_heads, 4), 1, 1]);
    } else {
        rec.dispatch(&KERNEL, &params, &bindings, [n_heads as u32, m as u32, 1]);
    }
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
            let places = gpu.create("places", &[m, 4], Layout::U32).unwrap();
            let found = run(&gpu, |rec| record(rec, &a, &layout, (&b, &c), &places, &state));
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

    /// Rows of two branches of a trunk after a shared part see what they would see if their text stood alone.
    #[test]
    fn a_row_in_a_tree_sees_its_own_text_only() {
        let gpu = gpu();
        let (heads, dim, shared) = (2, 32, 70);
        for window in [0, 3, 80] {
            let layout = Heads {
                n_heads: heads,
                n_kv_heads: 1,
                head_dim: dim,
                style: Style::Half,
                scale: 0.2,
                window,
                norm_eps: None,
                biased: false,
                vectors: tensor(&gpu, &[dim / 2], &noise(dim / 2, 4)),
            };
            // Slots: 70 shared, a trunk of 5, a branch of 2, another of 3.
            let n = shared + 10;
            let (k, v, q) = (noise(n * dim, 1), noise(n * dim, 2), noise(10 * heads * dim, 3));
            let (s, t0, t1) = (shared as u32, shared as u32, shared as u32 + 5);
            let mut places = vec![[s, t0, t0, t0]; 5];
            places.extend([[s, t0, t1, t1]; 2]);
            places.extend([[s, t0, t1, t1 + 2]; 3]);
            let tree = gpu.create("places", &[10, 4], Layout::U32).unwrap();
            gpu.write_u32(&tree, 0, &places.concat()).unwrap();
            let cache = |values: &[f32]| tensor(&gpu, &[values.len() / dim, dim], values);
            let (keys, values) = (cache(&k), cache(&v));
            let (q_tensor, at) = (tensor(&gpu, &[10, heads * dim], &q), state(&gpu, shared, 10));
            let found = run(&gpu, |rec| record(rec, &q_tensor, &layout, (&keys, &values), &tree, &at));
            for (row, text) in
                [(4, (0..75).collect::<Vec<_>>()), (6, (0..77).collect()), (9, (0..75).chain(77..80).collect())]
            {
                let pick = |from: &[f32]| -> Vec<f32> {
                    text.iter().flat_map(|&slot: &usize| from[slot * dim..][..dim].to_vec()).collect()
                };
                let (keys, values) = (cache(&pick(&k)), cache(&pick(&v)));
                let one = tensor(&gpu, &[1, heads * dim], &q[row * heads * dim..][..heads * dim]);
                let (plain, at) = (gpu.create("places", &[1, 4], Layout::U32).unwrap(), state(&gpu, text.len() - 1, 1));
                let alone = run(&gpu, |rec| record(rec, &one, &layout, (&keys, &values), &plain, &at));
                let expected: Vec<f64> = alone.iter().map(|&v| f64::from(v)).collect();
                close(&format!("row {row}"), &found[row * heads * dim..][..heads * dim], &expected, 1e-11);
            }
        }
    }
}
