//! What a decoder does to queries, keys and values between their projection and attention, for several rows at once
//! ([`split_heads`]) and folded into the attention of a single one ([`attend_one`]).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

const SHARED: &str = include_str!("prelude/head_vector.wgsl");
pub(super) const PLACE: &str = include_str!("prelude/place.wgsl");

/// The shader for several rows.
pub static SPLIT: Kernel = Kernel {
    name: "split_heads",
    sources: &[SHARED, PLACE, include_str!("split_heads.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Write, Access::Write, Access::Read, Access::Read],
    params_size: 48,
};

/// The shader for several rows on adapters that compute on the processor.
pub static SPLIT_LANES: Kernel =
    Kernel { name: "split_heads_lanes", sources: &[SHARED, PLACE, include_str!("split_heads_lanes.wgsl")], ..SPLIT };

/// The shader for one row.
pub static ATTEND_ONE: Kernel = Kernel {
    name: "attend_one",
    sources: &[SHARED, include_str!("attend_one.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Write, Access::Write, Access::Read],
    params_size: 48,
};

/// Which values of a head form a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// (2i, 2i + 1), as Llama in GGUF files.
    Interleaved,
    /// (i, i + `head_dim` / 2), as GPT-NeoX, Qwen, Gemma.
    Half,
}

/// The heads of one block.
#[derive(Debug, Clone)]
pub struct Heads {
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Values of a head; a multiple of 4 up to 256.
    pub head_dim: usize,
    /// Which values rotate together.
    pub style: Style,
    /// Factor of the products of queries and keys.
    pub scale: f32,
    /// Positions that a token sees, itself included; 0 for all.
    pub window: usize,
    /// Epsilon of the norms of queries and keys, if the model has them.
    pub norm_eps: Option<f32>,
    /// Whether the projections have biases.
    pub biased: bool,
    /// `F32`: rotary frequencies (`head_dim` / 2); weights of the query norm and of the key norm (`head_dim` each), if
    /// `norm_eps`; biases of queries, keys and values, if `biased`.
    pub vectors: Tensor,
}

impl Heads {
    /// Queries, keys and values of a row.
    pub fn width(&self) -> usize {
        (self.n_heads + 2 * self.n_kv_heads) * self.head_dim
    }

    /// Length that `vectors` must have.
    pub fn n_vectors(&self) -> usize {
        let norms = if self.norm_eps.is_some() { 2 * self.head_dim } else { 0 };
        self.head_dim / 2 + norms + if self.biased { self.width() } else { 0 }
    }

    fn flags(&self) -> u32 {
        u32::from(self.style == Style::Half) | u32::from(self.norm_eps.is_some()) << 1 | u32::from(self.biased) << 2
    }

    fn check(&self, rec: &mut Recording, name: &'static str, qkv: &Tensor, cache: (&Tensor, &Tensor), state: &Tensor) {
        check_state(rec, name, state);
        check_f32(rec, name, &[qkv, cache.0, cache.1, &self.vectors]);
        let ok = self.head_dim > 0
            && self.head_dim <= 256
            && self.head_dim.is_multiple_of(4)
            && self.n_kv_heads > 0
            && self.n_heads.is_multiple_of(self.n_kv_heads)
            && qkv.cols() == self.width()
            && cache.0.cols() == self.n_kv_heads * self.head_dim
            && cache.0.shape() == cache.1.shape()
            && self.vectors.len() == self.n_vectors()
            && !qkv.is_empty();
        rec.check(ok, name, || format!("{:?}, cache {:?}, {self:?}", qkv.shape(), cache.0.shape()));
    }
}

/// Whether `places` is `U32[M, 4]`: for each row, what it sees of the cache beside itself. Row `m` is written to slot
/// `state[0] + m`; it sees slots up to the first number (shared by all rows), from the second to the third (the trunk
/// of its branch), and from the fourth (the start of its branch) to its own. Its position is how many those are before
/// itself. All zero is a plain text.
pub(super) fn check_places(rec: &mut Recording, name: &'static str, places: &Tensor, m: usize) {
    let ok = places.layout() == Layout::U32 && places.shape() == [m, 4];
    rec.check(ok, name, || format!("places {:?} for {m} rows", places.shape()));
}

/// Splits `qkv: F32[M, width]`, whose rows stand where `places: U32[M, 4]` says: biased, normed and rotated queries as
/// `F32[M, n_heads * head_dim]`; keys likewise and values go into the caches `F32[max_pos, n_kv_heads * head_dim]`.
pub fn split_heads(
    rec: &mut Recording,
    qkv: &Tensor,
    heads: &Heads,
    cache: (&Tensor, &Tensor),
    places: &Tensor,
    state: &Tensor,
) -> Tensor {
    heads.check(rec, SPLIT.name, qkv, cache, state);
    let m = qkv.rows();
    check_places(rec, SPLIT.name, places, m);
    let out = rec.scratch("queries", &[m, heads.n_heads * heads.head_dim], Layout::F32);
    let params = [
        heads.n_heads as u32,
        heads.n_kv_heads as u32,
        heads.head_dim as u32,
        heads.width() as u32,
        cache.0.rows() as u32,
        heads.flags(),
        m as u32,
        0,
        heads.norm_eps.unwrap_or(0.0).to_bits(),
        0,
        0,
        0,
    ];
    let bindings = [(qkv, 0), (&out, 0), (state, 0), (cache.0, 0), (cache.1, 0), (&heads.vectors, 0), (places, 0)];
    let n_heads = heads.n_heads + 2 * heads.n_kv_heads;
    if rec.is_software() {
        rec.dispatch(&SPLIT_LANES, &params, &bindings, [groups(m * n_heads, 4), 1, 1]);
    } else {
        rec.dispatch(&SPLIT, &params, &bindings, [n_heads as u32, m as u32, 1]);
    }
    out
}

/// [`split_heads`] of one row and its causal attention (see [`super::attention`]) in one dispatch; gives
/// `F32[1, n_heads * head_dim]`.
pub fn attend_one(
    rec: &mut Recording,
    qkv: &Tensor,
    heads: &Heads,
    cache: (&Tensor, &Tensor),
    state: &Tensor,
) -> Tensor {
    heads.check(rec, ATTEND_ONE.name, qkv, cache, state);
    rec.check(qkv.rows() == 1, ATTEND_ONE.name, || format!("{} rows", qkv.rows()));
    let out = rec.scratch("attended", &[1, heads.n_heads * heads.head_dim], Layout::F32);
    let params = [
        heads.n_heads as u32,
        heads.n_kv_heads as u32,
        heads.head_dim as u32,
        heads.width() as u32,
        cache.0.rows() as u32,
        heads.flags(),
        heads.window as u32,
        heads.scale.to_bits(),
        heads.norm_eps.unwrap_or(0.0).to_bits(),
        0,
        0,
        0,
    ];
    let bindings = [(qkv, 0), (&out, 0), (state, 0), (cache.0, 0), (cache.1, 0), (&heads.vectors, 0)];
    rec.dispatch(&ATTEND_ONE, &params, &bindings, [heads.n_heads as u32, 1, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::attention;
    use crate::gpu::testing::*;

    /// Frequencies, then what the flags ask for, all made up.
    fn heads(
        gpu: &crate::gpu::Gpu,
        (n_heads, n_kv_heads, head_dim): (usize, usize, usize),
        style: Style,
        (normed, biased): (bool, bool),
    ) -> Heads {
        let mut vectors: Vec<f32> =
            (0..head_dim / 2).map(|i| 1e4_f64.powf(-2.0 * i as f64 / head_dim as f64) as f32).collect();
        let mut heads = Heads {
            n_heads,
            n_kv_heads,
            head_dim,
            style,
            scale: 0.3,
            window: 0,
            norm_eps: normed.then_some(1e-6),
            biased,
            vectors: tensor(gpu, &[vectors.len()], &vectors),
        };
        vectors.extend(noise(heads.n_vectors() - vectors.len(), 9));
        heads.vectors = tensor(gpu, &[vectors.len()], &vectors);
        heads
    }

    /// One head by definition: bias, norm, rotation.
    fn by_definition(raw: &[f32], vectors: &[f32], heads: &Heads, head: usize, pos: usize) -> Vec<f64> {
        let (dim, half) = (heads.head_dim, heads.head_dim / 2);
        let biases = half + if heads.norm_eps.is_some() { 2 * dim } else { 0 };
        let from = head * dim;
        let bias = |d: usize| if heads.biased { f64::from(vectors[biases + from + d]) } else { 0.0 };
        let mut x: Vec<f64> = (0..dim).map(|d| f64::from(raw[from + d]) + bias(d)).collect();
        if head >= heads.n_heads + heads.n_kv_heads {
            return x;
        }
        if let Some(eps) = heads.norm_eps {
            let gain = half + if head >= heads.n_heads { dim } else { 0 };
            let mean = x.iter().map(|v| v * v).sum::<f64>() / dim as f64;
            for (d, v) in x.iter_mut().enumerate() {
                *v *= f64::from(vectors[gain + d]) / (mean + f64::from(eps)).sqrt();
            }
        }
        let before = x.clone();
        for (i, &frequency) in vectors.iter().take(half).enumerate() {
            let (a, b) = if heads.style == Style::Half { (i, i + half) } else { (2 * i, 2 * i + 1) };
            let (s, c) = (pos as f64 * f64::from(frequency)).sin_cos();
            x[a] = before[a] * c - before[b] * s;
            x[b] = before[a] * s + before[b] * c;
        }
        x
    }

    #[test]
    fn heads_are_split_by_definition_and_one_row_attends_as_many_do() {
        let gpu = gpu();
        for (sizes, style, normed, biased, pos, window) in [
            ((1, 1, 4), Style::Interleaved, false, false, 0, 0),
            ((9, 3, 64), Style::Interleaved, false, false, 130, 0),
            ((4, 2, 12), Style::Half, true, false, 3, 2),
            ((2, 1, 256), Style::Half, true, true, 70, 65),
            ((6, 2, 80), Style::Half, false, true, 64, 1),
        ] {
            let mut heads = heads(&gpu, sizes, style, (normed, biased));
            heads.window = window;
            let (m, width, n_kv) = (3, heads.width(), heads.n_kv_heads * heads.head_dim);
            let vectors = pollster::block_on(gpu.read_f32(&heads.vectors, 0..heads.vectors.len())).unwrap();
            let max_pos = pos + m + 2;
            let (k, v) = (noise(max_pos * n_kv, 2), noise(max_pos * n_kv, 3));
            let raw = noise(m * width, 1);
            let qkv = tensor(&gpu, &[m, width], &raw);
            let (k_cache, v_cache) = (tensor(&gpu, &[max_pos, n_kv], &k), tensor(&gpu, &[max_pos, n_kv], &v));
            let many = state(&gpu, pos, m);
            let places = gpu.create("places", &[m, 4], Layout::U32).unwrap();

            let found = run(&gpu, |rec| split_heads(rec, &qkv, &heads, (&k_cache, &v_cache), &places, &many));
            let row = |m: usize| &raw[m * width..(m + 1) * width];
            let of = |from: usize, n: usize| -> Vec<f64> {
                (0..m)
                    .flat_map(|m| (from..from + n).map(move |head| (m, head)))
                    .flat_map(|(m, head)| by_definition(row(m), &vectors, &heads, head, pos + m))
                    .collect()
            };
            let (n_heads, n_kv_heads) = (heads.n_heads, heads.n_kv_heads);
            let name = format!("{sizes:?} {style:?} {normed} {biased}");
            close(&format!("{name}: queries"), &found, &of(0, n_heads), 1e-9);
            for (cache, from) in [(&k_cache, n_heads), (&v_cache, n_heads + n_kv_heads)] {
                let cached = pollster::block_on(gpu.read_f32(cache, pos * n_kv..(pos + m) * n_kv)).unwrap();
                close(&format!("{name}: cached"), &cached, &of(from, n_kv_heads), 1e-9);
            }

            // Attention of those rows together, then one by one into a cache that lacks them.
            let attended = run(&gpu, |rec| {
                let q = split_heads(rec, &qkv, &heads, (&k_cache, &v_cache), &places, &many);
                attention::record(rec, &q, &heads, (&k_cache, &v_cache), &places, &many)
            });
            let (k_fresh, v_fresh) = (tensor(&gpu, &[max_pos, n_kv], &k), tensor(&gpu, &[max_pos, n_kv], &v));
            for m in 0..m {
                let (one, at) = (tensor(&gpu, &[1, width], row(m)), state(&gpu, pos + m, 1));
                let found = run(&gpu, |rec| attend_one(rec, &one, &heads, (&k_fresh, &v_fresh), &at));
                let n_q = n_heads * heads.head_dim;
                let expected: Vec<f64> = attended[m * n_q..(m + 1) * n_q].iter().map(|&v| f64::from(v)).collect();
                close(&format!("{name}: row {m}"), &found, &expected, 1e-10);
            }
            for (one, many) in [(&k_fresh, &k_cache), (&v_fresh, &v_cache)] {
                let range = 0..(pos + m) * n_kv;
                let one = pollster::block_on(gpu.read_f32(one, range.clone())).unwrap();
                let many: Vec<f64> =
                    pollster::block_on(gpu.read_f32(many, range)).unwrap().iter().map(|&v| f64::from(v)).collect();
                close(&format!("{name}: caches"), &one, &many, 1e-12);
            }
        }
    }
}
