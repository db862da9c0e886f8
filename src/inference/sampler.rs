//! How the next token is drawn from logits, and log-probabilities of logits. Written once, so both backends
//! draw the same tokens from the same logits.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::eval::engine::{EngineError, Sampling};

/// Natural logarithm of the sum of exponentials of `logits`, in f64 with the maximum taken out.
///
/// # Errors
/// [`EngineError::NotANumber`] if any logit is NaN or infinite: such a device must not be believed.
pub fn log_sum_exp(logits: &[f32]) -> Result<f64, EngineError> {
    if logits.is_empty() || logits.iter().any(|l| !l.is_finite()) {
        return Err(EngineError::NotANumber);
    }
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&l| libm::exp(f64::from(l) - max)).sum();
    Ok(max + libm::log(sum))
}

/// The `n` largest logits, best first, as id and logit; the lowest id wins a tie.
pub fn top(logits: &[f32], n: usize) -> Vec<(u32, f32)> {
    let mut ranked: Vec<(u32, f32)> = logits.iter().enumerate().map(|(id, &l)| (id as u32, l)).collect();
    let n = n.min(ranked.len());
    if n == 0 {
        return Vec::new();
    }
    if n < ranked.len() {
        ranked.select_nth_unstable_by(n - 1, |a, b| by_logit(*a, *b));
        ranked.truncate(n);
    }
    ranked.sort_unstable_by(|a, b| by_logit(*a, *b));
    ranked
}

fn by_logit(a: (u32, f32), b: (u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Logits after the repetition penalty.
fn penalized<'a>(logits: &'a [f32], penalty: f32, seen: &[u32]) -> Cow<'a, [f32]> {
    if penalty == 1.0 || !penalty.is_finite() || penalty <= 0.0 {
        return Cow::Borrowed(logits);
    }
    let mut changed = logits.to_vec();
    for id in seen.iter().collect::<BTreeSet<_>>() {
        if let Some(logit) = changed.get_mut(*id as usize) {
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
    }
    Cow::Owned(changed)
}

/// Draws tokens; the same seed and the same logits give the same tokens on every machine.
#[derive(Debug, Clone)]
pub struct Sampler {
    state: u64,
}

impl Sampler {
    /// A sampler that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next uniform number in [0, 1), by `SplitMix64` (Steele, Lea and Flood 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Draws one token id from `logits`: (`n_vocab`), finite and not empty; among `allowed` alone where given. First
    /// the repetition penalty for the tokens in `seen` (Keskar et al. 2019, as transformers applies it), then top-k,
    /// then temperature, then the nucleus (the smallest set of the most probable tokens whose mass reaches `top_p`)
    /// and of it the tokens that are at least `min_p` times as probable as the best.
    pub fn pick(&mut self, logits: &[f32], sampling: Sampling, seen: &[u32], allowed: Option<&[u32]>) -> u32 {
        let logits = penalized(logits, sampling.repetition_penalty, seen);
        let greedy = sampling.temperature <= 0.0 || !sampling.temperature.is_finite();
        let keep = match sampling.top_k {
            _ if greedy => 1,
            0 => logits.len(),
            k => k as usize,
        };
        let candidates = match allowed {
            None => top(&logits, keep),
            Some(allowed) => {
                let mut ranked: Vec<(u32, f32)> =
                    allowed.iter().filter_map(|&id| Some((id, *logits.get(id as usize)?))).collect();
                ranked.sort_unstable_by(|a, b| by_logit(*a, *b));
                ranked.truncate(keep);
                ranked
            }
        };
        let Some(&(best, max)) = candidates.first() else { return 0 };
        if greedy {
            return best;
        }
        let temperature = f64::from(sampling.temperature);
        let weights: Vec<f64> =
            candidates.iter().map(|&(_, l)| libm::exp((f64::from(l) - f64::from(max)) / temperature)).collect();
        let total: f64 = weights.iter().sum();
        let wanted = f64::from(sampling.top_p).clamp(0.0, 1.0) * total;
        let mut mass = 0.0;
        let mut n_nucleus = 0;
        for weight in &weights {
            // The best one weighs 1.
            if n_nucleus > 0 && *weight < f64::from(sampling.min_p) {
                break;
            }
            mass += weight;
            n_nucleus += 1;
            if mass >= wanted {
                break;
            }
        }
        let mut left = self.uniform() * mass;
        for (&(id, _), weight) in candidates.iter().zip(&weights).take(n_nucleus) {
            left -= weight;
            if left < 0.0 {
                return id;
            }
        }
        // Rounding can leave a last sliver; it belongs to the last token of the nucleus.
        candidates.get(n_nucleus - 1).map_or(best, |&(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f32, top_p: f32, top_k: u32) -> Sampling {
        Sampling { temperature, top_p, top_k, ..Sampling::GREEDY }
    }

    #[test]
    fn log_sum_exp_of_equal_logits_is_log_n_above_them() {
        let value = log_sum_exp(&[1000.0; 8]).unwrap();
        assert!((value - (1000.0 + 8f64.ln())).abs() < 1e-9, "{value}");
        assert_eq!(log_sum_exp(&[0.0, f32::NAN]), Err(EngineError::NotANumber));
        assert_eq!(log_sum_exp(&[f32::INFINITY]), Err(EngineError::NotANumber));
    }

    #[test]
    fn top_breaks_ties_by_lowest_id() {
        assert_eq!(top(&[1.0, 3.0, 3.0, 2.0], 3), vec![(1, 3.0), (2, 3.0), (3, 2.0)]);
        assert_eq!(Sampler::new(0).pick(&[1.0, 3.0, 3.0], Sampling::GREEDY, &[], None), 1);
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()];
        let rule = sampling(1.0, 1.0, 0);
        let mut sampler = Sampler::new(7);
        let mut counts = [0u32; 3];
        for _ in 0..20_000 {
            counts[sampler.pick(&logits, rule, &[], None) as usize] += 1;
        }
        // Three standard errors of a share of one half over 20 000 draws are 0.0106.
        for (count, p) in counts.iter().zip([0.5, 0.3, 0.2]) {
            assert!((f64::from(*count) / 20_000.0 - p).abs() < 0.0106, "{counts:?}");
        }
    }

    #[test]
    fn nucleus_and_top_k_cut_the_tail() {
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()];
        let mut sampler = Sampler::new(3);
        for _ in 0..500 {
            assert_ne!(sampler.pick(&logits, sampling(1.0, 0.7, 0), &[], None), 2);
            assert_eq!(sampler.pick(&logits, sampling(2.0, 1.0, 1), &[], None), 0);
            assert_eq!(sampler.pick(&logits, sampling(2.0, 0.4, 0), &[], None), 0);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        let logits: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin()).collect();
        let rule = sampling(0.8, 0.95, 20);
        let draw = |seed| {
            let mut sampler = Sampler::new(seed);
            (0..32).map(|_| sampler.pick(&logits, rule, &[], None)).collect::<Vec<_>>()
        };
        assert_eq!(draw(11), draw(11));
        assert_ne!(draw(11), draw(12));
    }

    /// Shares of 1, 0.6 and 0.4 of the best: a floor of one half leaves the first two, in their proportion.
    #[test]
    fn min_p_drops_what_is_far_below_the_best() {
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()];
        let rule = Sampling { min_p: 0.5, ..sampling(1.0, 1.0, 0) };
        let mut sampler = Sampler::new(5);
        let mut counts = [0u32; 3];
        for _ in 0..20_000 {
            counts[sampler.pick(&logits, rule, &[], None) as usize] += 1;
        }
        assert_eq!(counts[2], 0);
        assert!((f64::from(counts[0]) / 20_000.0 - 0.625).abs() < 0.0103, "{counts:?}");
        // A floor above the best still leaves the best.
        let rule = Sampling { min_p: 2.0, ..rule };
        assert!((0..100).all(|_| sampler.pick(&logits, rule, &[], None) == 0));
    }

    #[test]
    fn repetition_is_penalized_on_either_side_of_zero() {
        let rule = Sampling { repetition_penalty: 2.0, ..Sampling::GREEDY };
        let mut sampler = Sampler::new(0);
        assert_eq!(sampler.pick(&[3.0, 2.0, 1.0], rule, &[0, 0, 99], None), 1);
        assert_eq!(sampler.pick(&[3.0, 1.4, 1.0], rule, &[0], None), 0);
        assert_eq!(sampler.pick(&[-1.0, -1.5, -3.0], rule, &[0], None), 1);
        assert_eq!(sampler.pick(&[-1.0, -2.5, -3.0], rule, &[0], None), 0);
    }

    #[test]
    fn only_allowed_tokens_are_drawn() {
        let logits = [5.0, 0.0, 4.0, 1.0, 9.0];
        let mut sampler = Sampler::new(2);
        assert_eq!(sampler.pick(&logits, Sampling::GREEDY, &[], Some(&[1, 3])), 3);
        let drawn: BTreeSet<u32> =
            (0..500).map(|_| sampler.pick(&logits, sampling(2.0, 1.0, 0), &[], Some(&[3, 1]))).collect();
        assert_eq!(drawn, BTreeSet::from([1, 3]));
        assert_eq!(sampler.pick(&logits, sampling(2.0, 1.0, 1), &[], Some(&[3, 1])), 3);
    }
}
