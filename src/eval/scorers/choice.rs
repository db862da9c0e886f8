//! Picking an option by its log-likelihood (K1 of the task definitions).

use crate::eval::engine::OptionScore;

/// How the log-likelihoods of options of different lengths are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalization {
    /// The plain sum: favors short options.
    Sum,
    /// Divided by the number of tokens (`acc_norm`-like): favors options whose later tokens follow from the first.
    PerToken,
    /// Divided by the number of UTF-8 bytes of the text: does not depend on the tokenizer.
    PerByte,
}

impl Normalization {
    /// Every normalization, the primary one of the built-in tasks first.
    pub const ALL: [Self; 3] = [Self::PerToken, Self::Sum, Self::PerByte];

    /// Words for explanations.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sum => "summed",
            Self::PerToken => "per token",
            Self::PerByte => "per byte",
        }
    }

    /// The normalized log-likelihood, in nats.
    pub fn value(self, option: &OptionScore, text: &str) -> f64 {
        match self {
            Self::Sum => option.logprob,
            Self::PerToken => option.logprob_per_token(),
            Self::PerByte => option.logprob / text.len().max(1) as f64,
        }
    }
}

/// Index and normalized log-likelihood of the best option; the first one on a tie. `None` when there is no option
/// or a log-likelihood is not a number.
pub fn pick<S: AsRef<str>>(options: &[OptionScore], texts: &[S], by: Normalization) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (index, (option, text)) in options.iter().zip(texts).enumerate() {
        let value = by.value(option, text.as_ref());
        if value.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, so_far)| value > so_far) {
            best = Some((index, value));
        }
    }
    best
}

/// Probability of each option among the options: the softmax of the normalized log-likelihoods.
pub fn probabilities<S: AsRef<str>>(options: &[OptionScore], texts: &[S], by: Normalization) -> Option<Vec<f64>> {
    let values: Vec<f64> = options.iter().zip(texts).map(|(option, text)| by.value(option, text.as_ref())).collect();
    softmax(&values)
}

/// The most probable option and its probability among the options, compared per token; the first one on a tie.
pub fn favorite<S: AsRef<str>>(options: &[OptionScore], texts: &[S]) -> Option<(usize, Vec<f64>)> {
    let shares = probabilities(options, texts, Normalization::PerToken)?;
    let (best, _) = pick(options, texts, Normalization::PerToken)?;
    Some((best, shares))
}

/// Probabilities in proportion to `exp` of each value; `None` for an empty list or one without a finite maximum.
pub fn softmax(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !max.is_finite() {
        return None;
    }
    let weights: Vec<f64> = values.iter().map(|value| libm::exp(value - max)).collect();
    let total: f64 = weights.iter().sum();
    Some(weights.into_iter().map(|weight| weight / total).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normalization_can_change_the_pick() {
        let options = [OptionScore { logprob: -2.0, n_tokens: 1 }, OptionScore { logprob: -4.0, n_tokens: 4 }];
        let texts = ["7", "I don't know"];
        assert_eq!(pick(&options, &texts, Normalization::Sum), Some((0, -2.0)));
        assert_eq!(pick(&options, &texts, Normalization::PerToken), Some((1, -1.0)));
        assert_eq!(pick(&options, &texts, Normalization::PerByte).map(|(index, _)| index), Some(1));
    }

    #[test]
    fn ties_go_to_the_first_and_nan_to_nobody() {
        let option = |logprob| OptionScore { logprob, n_tokens: 1 };
        assert_eq!(pick(&[option(-1.0), option(-1.0)], &["a", "b"], Normalization::Sum), Some((0, -1.0)));
        assert_eq!(pick(&[option(-1.0), option(f64::NAN)], &["a", "b"], Normalization::Sum), None);
        assert_eq!(pick::<&str>(&[], &[], Normalization::Sum), None);
    }

    #[test]
    fn softmax_sums_to_one_far_from_zero() {
        let found = softmax(&[-1000.0, -1000.0 + std::f64::consts::LN_2, -2000.0]).unwrap();
        assert!((found[0] - 1.0 / 3.0).abs() < 1e-12 && (found[1] - 2.0 / 3.0).abs() < 1e-12 && found[2] == 0.0);
        assert_eq!(softmax(&[]), None);
        assert_eq!(softmax(&[f64::NEG_INFINITY]), None);
        assert_eq!(softmax(&[f64::NAN, 0.0]), None);
    }
}
