//! What a decoder computes between its matrices, on rows of plain `f32`.

use super::lanes::F32x8;

/// Sums that are kept side by side; the order of addition is the same everywhere.
const LANES: usize = 8;

/// Largest argument for which [`exp`] is finite, and the one below which it is nothing.
const EXP_RANGE: (f32, f32) = (-87.0, 88.0);

/// e^x to a relative error below 2e-7 (Cephes `expf`: x = n ln 2 + r, polynomial in r), without a branch, so that
/// loops over it become SIMD; arguments outside of −87 to 88 count as these.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// 1.5 · 2^23: adding it rounds to an integer that then stands in the low bits.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts, of which the first has few bits: n times it is exact.
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let x = x.clamp(EXP_RANGE.0, EXP_RANGE.1);
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = x - n * LN_2.0 - n * LN_2.1;
    let mut poly = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        poly = poly * r + coefficient;
    }
    let two_to_n = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (poly * r * r + r + 1.0) * two_to_n
}

#[inline(always)]
fn eight(values: &[f32]) -> F32x8 {
    F32x8::new([values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]])
}

fn sum_of(x: &[f32], y: &[f32]) -> f32 {
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f32 = x_chunks.remainder().iter().zip(y_chunks.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = F32x8::splat(0.0);
    for (a, b) in x_chunks.zip(y_chunks) {
        sums = sums.plus(eight(a).times(eight(b)));
    }
    sums.lanes().iter().sum::<f32>() + rest
}

/// x / sqrt(mean(x²) + eps) · weight for each row of `x`: (T, n) into `out`: (T, n) (Zhang and Sennrich 2019).
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        let scale = 1.0 / (sum_of(x, x) / x.len() as f32 + eps).sqrt();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * scale * weight;
        }
    }
}

/// `x` += `y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `gate` becomes silu(`gate`) · `up`, where silu(x) = x / (1 + e^−x).
pub fn silu_gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// `gate` becomes gelu(`gate`) · `up`, by the tanh approximation (Hendrycks and Gimpel 2016), which is x times the
/// logistic function of 2 √(2/π) (x + 0.044715 x³).
pub fn gelu_gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        let x = *gate;
        *gate = x / (1.0 + exp(-1.595_769 * (x + 0.044_715 * x * x * x))) * up;
    }
}

/// Cosines and sines of rotary angles, each (T, `head_dim` / 2).
#[derive(Debug, Clone, Default)]
pub struct Rotation {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotation {
    /// For `n_tokens` positions from `pos` on; `freqs` are radians a position.
    pub fn new(freqs: &[f32], pos: usize, n_tokens: usize) -> Self {
        let angles = || (pos..pos + n_tokens).flat_map(|p| freqs.iter().map(move |&freq| p as f64 * f64::from(freq)));
        Self {
            half: freqs.len(),
            cos: angles().map(|angle| libm::cos(angle) as f32).collect(),
            sin: angles().map(|angle| libm::sin(angle) as f32).collect(),
        }
    }

    /// Rotates each head of `x`: (T, heads · `head_dim`): value i · `step` with the value `distance` after it
    /// (Su et al. 2021). Step 2, distance 1 rotates neighbors; step 1, distance `head_dim` / 2 rotates halves.
    pub fn apply(&self, x: &mut [f32], step: usize, distance: usize) {
        let n_tokens = self.cos.len() / self.half;
        let angles = self.cos.chunks_exact(self.half).zip(self.sin.chunks_exact(self.half));
        for (row, (cos, sin)) in x.chunks_exact_mut(x.len() / n_tokens).zip(angles) {
            for head in row.chunks_exact_mut(2 * self.half) {
                for (i, (cos, sin)) in cos.iter().zip(sin).enumerate() {
                    let (a, b) = (head[i * step], head[i * step + distance]);
                    head[i * step] = a * cos - b * sin;
                    head[i * step + distance] = a * sin + b * cos;
                }
            }
        }
    }
}

/// Sizes of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads, each shared by consecutive query heads.
    pub n_kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// Positions that a token sees, itself included; `None` for all.
    pub window: Option<usize>,
}

/// Weights e^(s − max s) / sum for scores s, in place.
fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
    }
    let total: f32 = scores.iter().sum();
    for score in scores {
        *score /= total;
    }
}

/// `weights`: (P) times the columns `at..at + out.len()` of `values`: (P, `width`), into `out`.
fn mix(weights: &[f32], values: &[f32], width: usize, at: usize, out: &mut [f32]) {
    for (c, out) in out.chunks_mut(LANES).enumerate() {
        let at = at + c * LANES;
        let rows = values.chunks_exact(width).zip(weights);
        if out.len() == LANES {
            let mut sums = F32x8::splat(0.0);
            for (row, &weight) in rows {
                sums = sums.plus(eight(&row[at..at + LANES]).times(F32x8::splat(weight)));
            }
            out.copy_from_slice(&sums.lanes());
        } else {
            out.fill(0.0);
            for (row, weight) in rows {
                for (out, value) in out.iter_mut().zip(&row[at..]) {
                    *out += weight * value;
                }
            }
        }
    }
}

/// Causal attention of `q`: (T, heads · `head_dim`) at positions `pos..pos + T` over `keys` and `values`: (at least
/// pos + T, key heads · `head_dim`), into `out`: (T, heads · `head_dim`).
pub fn attention(q: &[f32], keys: &[f32], values: &[f32], pos: usize, heads: Heads, out: &mut [f32]) {
    let Heads { n_heads, n_kv_heads, head_dim, window } = heads;
    let width = n_kv_heads * head_dim;
    let scale = 1.0 / (head_dim as f32).sqrt();
    let mut scores = Vec::new();
    let rows = q.chunks_exact(n_heads * head_dim).zip(out.chunks_exact_mut(n_heads * head_dim));
    for (t, (q, out)) in rows.enumerate() {
        let n_seen = pos + t + 1;
        let first = n_seen.saturating_sub(window.unwrap_or(n_seen));
        let seen = first * width..n_seen * width;
        let (keys, values) = (&keys[seen.clone()], &values[seen]);
        for (head, (q, out)) in q.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim)).enumerate() {
            let at = head / (n_heads / n_kv_heads) * head_dim;
            scores.clear();
            scores.extend(keys.chunks_exact(width).map(|key| sum_of(q, &key[at..at + head_dim]) * scale));
            softmax(&mut scores);
            mix(&scores, values, width, at, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin() * 2.0).collect()
    }

    #[test]
    fn exp_agrees_with_libm_over_its_whole_range() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let (ours, theirs) = (f64::from(exp(x)), libm::exp(f64::from(x)));
            assert!((ours / theirs - 1.0).abs() < 2e-7, "{x}: {ours} {theirs}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e30) < 2e-38 && exp(1e30).is_finite());
    }

    #[test]
    fn a_norm_has_mean_square_one() {
        let x = wave(2 * 37, 0.3);
        let mut out = vec![0.0; x.len()];
        rms_norm(&x, &[1.0; 37], 0.0, &mut out);
        for row in out.chunks_exact(37) {
            assert!((row.iter().map(|v| v * v).sum::<f32>() / 37.0 - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn rotation_turns_pairs_by_position_times_frequency() {
        let mut x = vec![1.0, 0.0, 0.0, 1.0];
        Rotation::new(&[0.5, 0.25], 2, 1).apply(&mut x, 2, 1);
        for (ours, expected) in x.iter().zip([1.0_f32.cos(), 1.0_f32.sin(), -(0.5_f32.sin()), 0.5_f32.cos()]) {
            assert!((ours - expected).abs() < 1e-6);
        }
        let mut x = vec![1.0, 0.0, 0.0, 1.0];
        Rotation::new(&[0.5, 0.25], 2, 1).apply(&mut x, 1, 2);
        for (ours, expected) in x.iter().zip([1.0_f32.cos(), -(0.5_f32.sin()), 1.0_f32.sin(), 0.5_f32.cos()]) {
            assert!((ours - expected).abs() < 1e-6);
        }
    }

    /// Against the definition in f64, with heads that share keys, widths that are no multiple of a vector, and more
    /// keys than may be seen.
    #[test]
    fn attention_is_causal_and_follows_the_definition() {
        for (head_dim, window) in [(4, None), (20, Some(2)), (64, Some(1)), (64, Some(99))] {
            let heads = Heads { n_heads: 4, n_kv_heads: 2, head_dim, window };
            let (pos, n_tokens, width) = (3, 2, 2 * head_dim);
            let (q, keys, values) = (wave(2 * 4 * head_dim, 0.21), wave(9 * width, 0.17), wave(9 * width, 0.13));
            let mut out = vec![0.0; q.len()];
            attention(&q, &keys, &values, pos, heads, &mut out);
            for t in 0..n_tokens {
                for head in 0..4 {
                    let q = &q[(t * 4 + head) * head_dim..][..head_dim];
                    let at = |p: usize, d: usize| p * width + head / 2 * head_dim + d;
                    let first = (pos + t + 1).saturating_sub(window.unwrap_or(99));
                    let weights: Vec<f64> = (first..=pos + t)
                        .map(|p| (0..head_dim).map(|d| f64::from(q[d]) * f64::from(keys[at(p, d)])).sum::<f64>())
                        .map(|score| (score / (head_dim as f64).sqrt()).exp())
                        .collect();
                    for d in 0..head_dim {
                        let mixed: f64 =
                            weights.iter().enumerate().map(|(p, w)| w * f64::from(values[at(first + p, d)])).sum();
                        let expected = mixed / weights.iter().sum::<f64>();
                        let ours = f64::from(out[(t * 4 + head) * head_dim + d]);
                        assert!((ours - expected).abs() < 1e-5, "{ours} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn gates_follow_the_definition() {
        let (mut gate, up) = (wave(19, 0.7), wave(19, 0.4));
        let expected: Vec<f32> = gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
        let mut gelu = gate.clone();
        silu_gate(&mut gate, &up);
        for (ours, expected) in gate.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-6);
        }
        let raw = gelu.clone();
        gelu_gate(&mut gelu, &up);
        for ((ours, x), up) in gelu.iter().zip(raw).zip(up) {
            let x = f64::from(x);
            let tanh = (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh();
            assert!((f64::from(*ours) - 0.5 * x * (1.0 + tanh) * f64::from(up)).abs() < 1e-6);
        }
    }
}
