//! The end of a decoded token: which one it is, and the step to the next.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{REDUCE, check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "draw",
    sources: &[REDUCE, include_str!("draw.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Write, Access::Write, Access::Read],
    params_size: 16,
};

/// Most alternatives that are reported for a token.
pub const MAX_TOP: usize = 10;
/// Most tokens that end an answer.
pub const MAX_STOP: usize = 14;
/// Words of `rule`, see [`rule_words`].
pub const RULE_LEN: usize = 8 + MAX_STOP;

/// How a token is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// Alternatives to report, at most [`MAX_TOP`].
    pub n_top: usize,
    /// 0 takes the most probable token.
    pub temperature: f32,
    /// Only so many of the most probable tokens; 0 for all.
    pub top_k: u32,
    /// Only the smallest set of the most probable tokens with at least this mass.
    pub top_p: f32,
    /// Only tokens at least this share as probable as the most probable one, after the temperature.
    pub min_p: f32,
    /// Together with the position it says what is drawn.
    pub seed: u64,
    /// Tokens that end the answer, at most [`MAX_STOP`].
    pub stop_ids: &'a [u32],
}

/// What the kernel reads of a rule.
pub fn rule_words(rule: &Rule<'_>) -> Vec<u32> {
    let [temperature, top_p, min_p] = [rule.temperature, rule.top_p, rule.min_p].map(f32::to_bits);
    let (low, high) = (rule.seed as u32, (rule.seed >> 32) as u32);
    let mut words =
        vec![rule.n_top as u32, rule.stop_ids.len() as u32, temperature, rule.top_k, top_p, min_p, low, high];
    words.extend_from_slice(rule.stop_ids);
    words.resize(RULE_LEN, 0);
    words
}
/// Words that a drawn token takes: id, number of logits that are not finite, log-probability, 0, then id and
/// log-probability of each alternative.
pub const DRAWN_LEN: usize = 4 + 2 * MAX_TOP;

/// The greedy token of `logits: F32[1, V]` (the first of equals), or one drawn as `rule` says, into row `state[2]` of `drawn: U32[N, DRAWN_LEN]` and
/// into `tokens: U32[1]`; then `state[0]` and `state[2]` move on by one, and a token that ends the answer sets
/// `state[1]`, the number of rows in use, to 0.
pub fn record(rec: &mut Recording, logits: &Tensor, drawn: &Tensor, tokens: &Tensor, rule: &Tensor, state: &Tensor) {
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[logits]);
    let words = |t: &Tensor| t.layout() == Layout::U32;
    let ok = logits.rows() == 1
        && !logits.is_empty()
        && words(drawn)
        && drawn.cols() == DRAWN_LEN
        && words(tokens)
        && words(rule)
        && rule.len() == RULE_LEN;
    rec.check(ok, KERNEL.name, || format!("{:?} into {:?}", logits.shape(), drawn.shape()));
    let params = [logits.cols() as u32, drawn.rows() as u32, DRAWN_LEN as u32, 0];
    let bindings = [(logits, 0), (drawn, 0), (state, 0), (tokens, 0), (rule, 0)];
    rec.dispatch(&KERNEL, &params, &bindings, [1, 1, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    const GREEDY: Rule<'_> =
        Rule { n_top: 0, temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0, stop_ids: &[] };

    /// Probabilities by definition: top-k, temperature, nucleus, min-p.
    fn by_definition(x: &[f32], rule: &Rule<'_>) -> Vec<f64> {
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
        order.truncate(if rule.top_k == 0 { x.len() } else { rule.top_k as usize });
        let weight = |i: usize| (f64::from(x[i] - x[order[0]]) / f64::from(rule.temperature)).exp();
        let all: f64 = order.iter().map(|&i| weight(i)).sum();
        let (mut kept, mut mass) = (vec![0.0; x.len()], 0.0);
        for &i in &order {
            if mass >= f64::from(rule.top_p) * all || weight(i) < f64::from(rule.min_p) {
                break;
            }
            kept[i] = weight(i);
            mass += weight(i);
        }
        kept.iter().map(|w| w / mass).collect()
    }

    #[test]
    fn tokens_are_drawn_as_often_as_their_probability_says() {
        let gpu = gpu();
        let x: Vec<f32> = noise(600, 4).iter().map(|x| x * 5.0).collect();
        let (n, logits, tokens) = (1536, tensor(&gpu, &[1, 600], &x), tensor_u32(&gpu, &[3]));
        let drawn = gpu.create("drawn", &[n, DRAWN_LEN], Layout::U32).unwrap();
        let lse = x.iter().map(|&l| f64::from(l).exp()).sum::<f64>().ln();
        for rule in [
            Rule { temperature: 1.0, seed: 1, ..GREEDY },
            Rule { temperature: 0.7, top_k: 7, seed: 2, ..GREEDY },
            Rule { temperature: 1.3, top_p: 0.8, seed: 3, ..GREEDY },
            Rule { temperature: 1.0, min_p: 0.2, seed: 1 << 40, ..GREEDY },
            Rule { temperature: 1.5, top_k: 300, top_p: 0.5, min_p: 0.05, seed: 5, ..GREEDY },
        ] {
            let words = tensor_u32(&gpu, &rule_words(&rule));
            let draw = || {
                let mut rec = Recording::new();
                record(&mut rec, &logits, &drawn, &tokens, &words, &state(&gpu, 100, 1));
                gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), n as u32).unwrap();
                pollster::block_on(gpu.read_u32(&drawn, 0..n * DRAWN_LEN)).unwrap()
            };
            let words = draw();
            let mut counts = vec![0.0; x.len()];
            for row in words.chunks_exact(DRAWN_LEN) {
                counts[row[0] as usize] += 1.0;
                let logprob = f64::from(f32::from_bits(row[2]));
                assert!((logprob - (f64::from(x[row[0] as usize]) - lse)).abs() < 2e-5, "before the temperature");
            }
            // Pearson's chi-square over tokens expected at least five times, the rest together.
            let expected: Vec<f64> = by_definition(&x, &rule).iter().map(|p| p * n as f64).collect();
            let impossible: f64 = counts.iter().zip(&expected).filter(|(_, e)| **e == 0.0).map(|(c, _)| c).sum();
            assert_eq!(impossible, 0.0, "{rule:?}");
            let (often, rare): (Vec<_>, Vec<_>) = counts.iter().zip(&expected).partition(|(_, e)| **e >= 5.0);
            let rest = rare.iter().fold((0.0, 0.0), |sum, (c, e)| (sum.0 + *c, sum.1 + *e));
            let cells = often.iter().map(|(c, e)| (**c, **e)).chain((rest.1 >= 5.0).then_some(rest));
            let (chi, cells) = cells.fold((0.0, 0), |(chi, n), (c, e)| (chi + (c - e).powi(2) / e, n + 1));
            // Six standard deviations over the mean of the distribution with n - 1 degrees of freedom.
            let freedom = f64::from(cells - 1);
            assert!(chi < freedom + 6.0 * (2.0 * freedom).sqrt(), "{rule:?}: {chi} of {freedom}");
            if rule.min_p > 0.1 {
                assert_eq!(draw(), words, "the same seed draws the same tokens");
            }
        }
    }

    #[test]
    fn draws_the_first_of_the_largest_with_alternatives_and_moves_on() {
        let gpu = gpu();
        for (v, offset) in [(5, 0.0), (257, -300.0), (49152, 30.0), (262_144, 0.0)] {
            let mut x: Vec<f32> = noise(v, 4).iter().map(|x| x * 8.0 + offset).collect();
            x[v / 3] = 9.0 + offset;
            x[v - 1] = 9.0 + offset;
            let logits = tensor(&gpu, &[1, v], &x);
            let (state, tokens) = (state(&gpu, 7, 1), tensor_u32(&gpu, &[3]));
            let drawn = gpu.create("drawn", &[2, DRAWN_LEN], Layout::U32).unwrap();
            let rule = tensor_u32(&gpu, &rule_words(&Rule { n_top: 4, stop_ids: &[v as u32 - 1], ..GREEDY }));
            let mut rec = Recording::new();
            record(&mut rec, &logits, &drawn, &tokens, &rule, &state);
            gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
            let found = pollster::block_on(gpu.read_u32(&drawn, 0..DRAWN_LEN)).unwrap();
            assert_eq!(pollster::block_on(gpu.read_u32(&state, 0..4)).unwrap(), [8, 1, 1, 0]);
            assert_eq!(pollster::block_on(gpu.read_u32(&tokens, 0..1)).unwrap(), [v as u32 / 3]);
            let mut order: Vec<usize> = (0..v).collect();
            order.sort_by(|&a, &b| x[b].total_cmp(&x[a]).then(a.cmp(&b)));
            let lse = x.iter().map(|&l| f64::from(l - x[order[0]]).exp()).sum::<f64>().ln() + f64::from(x[order[0]]);
            assert_eq!((found[0], found[1]), (order[0] as u32, 0));
            for (rank, &id) in order.iter().enumerate().take(4) {
                let logprob = f64::from(f32::from_bits(found[5 + 2 * rank]));
                assert_eq!(found[4 + 2 * rank], id as u32, "{v} rank {rank}");
                assert!((logprob - (f64::from(x[id]) - lse)).abs() < 2e-5, "{v}: {logprob}");
            }
            assert_eq!(found[2], found[5]);
        }
    }

    #[test]
    fn a_stop_token_ends_the_use_of_rows_and_a_nan_is_counted() {
        let gpu = gpu();
        let mut x = noise(300, 4);
        x[7] = 100.0;
        x[9] = f32::NAN;
        x[11] = f32::INFINITY;
        let (logits, state, tokens) = (tensor(&gpu, &[1, 300], &x), state(&gpu, 0, 1), tensor_u32(&gpu, &[3]));
        let drawn = gpu.create("drawn", &[2, DRAWN_LEN], Layout::U32).unwrap();
        let rule = tensor_u32(&gpu, &rule_words(&Rule { stop_ids: &[5, 7], ..GREEDY }));
        let mut rec = Recording::new();
        record(&mut rec, &logits, &drawn, &tokens, &rule, &state);
        let prepared = crate::gpu::prepare(&gpu, &rec).unwrap();
        gpu.submit(&prepared, 2).unwrap();
        // The second step finds no row in use and leaves everything as it is.
        assert_eq!(pollster::block_on(gpu.read_u32(&state, 0..4)).unwrap(), [1, 0, 1, 0]);
        let found = pollster::block_on(gpu.read_u32(&drawn, 0..2 * DRAWN_LEN)).unwrap();
        assert_eq!((found[0], found[1]), (7, 2));
        assert_eq!(found[DRAWN_LEN..], [0; DRAWN_LEN]);
    }
}
