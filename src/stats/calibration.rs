//! Does confidence mean what it says? Brier score, expected calibration error, reliability bins, Murphy's split.
//!
//! Confidence is a probability in [0, 1] that an answer is right; `correct` says whether it was. The Brier score here
//! is the mean squared error for one event (0 to 1) and the sum over classes for several (0 to 2). An expected
//! calibration error means nothing without its kind and number of bins, so [`ece`] takes the bins.

use super::StatError;

/// How the range of confidence is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// Bins of equal width, open below and closed above; the first also holds 0.
    Width,
    /// Bins of equal numbers of answers (the lower bins get one more where the division leaves a rest).
    Mass,
}

/// The answers whose confidence falls into one bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Lowest confidence of the bin: its edge by width, its least member by mass.
    pub low: f64,
    /// Highest confidence of the bin.
    pub high: f64,
    /// Answers in it.
    pub n: usize,
    /// Their mean confidence; 0 where there is none.
    pub confidence: f64,
    /// The share that is right; 0 where there is none.
    pub accuracy: f64,
}

/// Murphy's (1973) split over the distinct confidences: Brier = reliability - resolution + uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Murphy {
    /// Mean squared distance of confidence from the share that is right at that confidence; 0 is best.
    pub reliability: f64,
    /// Mean squared distance of those shares from the share of all; more is better.
    pub resolution: f64,
    /// Variance of the outcomes; no forecast changes it.
    pub uncertainty: f64,
}

/// Equal lengths, not empty, every confidence in [0, 1].
pub(super) fn check(confidence: &[f64], correct: &[bool]) -> Result<(), StatError> {
    if confidence.len() != correct.len() {
        return Err(StatError::Lengths { left: confidence.len(), right: correct.len() });
    }
    if confidence.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    if confidence.iter().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    if confidence.iter().any(|value| !(0.0..=1.0).contains(value)) {
        return Err(StatError::Range { what: "a confidence" });
    }
    Ok(())
}

/// Mean squared distance of confidence from the outcome (Brier 1950), 0 to 1.
///
/// # Errors
/// Unequal lengths, no answers, a confidence outside of [0, 1].
pub fn brier(confidence: &[f64], correct: &[bool]) -> Result<f64, StatError> {
    check(confidence, correct)?;
    let sum: f64 =
        confidence.iter().zip(correct).map(|(p, right)| p - f64::from(u8::from(*right))).map(|d| d * d).sum();
    Ok(sum / confidence.len() as f64)
}

/// Brier score over several classes, summed over classes (0 to 2). `probabilities` holds one row an item, `class` the
/// index of the class that came true.
///
/// # Errors
/// Unequal lengths, no items, a class or probability out of range.
pub fn brier_multiclass(probabilities: &[Vec<f64>], class: &[usize]) -> Result<f64, StatError> {
    if probabilities.len() != class.len() {
        return Err(StatError::Lengths { left: probabilities.len(), right: class.len() });
    }
    if probabilities.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    let mut sum = 0.0;
    for (row, &truth) in probabilities.iter().zip(class) {
        if truth >= row.len() {
            return Err(StatError::Range { what: "a class" });
        }
        for (index, &p) in row.iter().enumerate() {
            if !(0.0..=1.0).contains(&p) {
                return Err(StatError::Range { what: "a probability" });
            }
            let distance = p - f64::from(u8::from(index == truth));
            sum += distance * distance;
        }
    }
    Ok(sum / class.len() as f64)
}

/// Mean negative log-likelihood of the outcomes in nats, probabilities clipped to [1e-15, 1 - 1e-15].
///
/// # Errors
/// As [`brier`].
pub fn log_loss(confidence: &[f64], correct: &[bool]) -> Result<f64, StatError> {
    check(confidence, correct)?;
    let sum: f64 = confidence
        .iter()
        .zip(correct)
        .map(|(p, right)| -libm::log((if *right { *p } else { 1.0 - *p }).clamp(1e-15, 1.0 - 1e-15)))
        .sum();
    Ok(sum / confidence.len() as f64)
}

/// Answers sorted by confidence (ascending), each with the share that is right among all answers of exactly its
/// confidence, so that nothing below depends on the order of a file.
pub(super) fn by_confidence(confidence: &[f64], correct: &[bool]) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> =
        confidence.iter().zip(correct).map(|(p, right)| (*p, f64::from(u8::from(*right)))).collect();
    pairs.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    for group in pairs.chunk_by_mut(|a, b| a.0 == b.0) {
        let share = group.iter().map(|pair| pair.1).sum::<f64>() / group.len() as f64;
        for pair in group {
            pair.1 = share;
        }
    }
    pairs
}

/// Cuts the answers into bins. Empty bins of equal width are kept with n = 0. Answers of equal confidence that an
/// equal-mass edge would part count in each bin with their common share of right answers.
///
/// # Errors
/// As [`brier`]; `Range` for no bins.
pub fn reliability_bins(
    confidence: &[f64],
    correct: &[bool],
    bins: usize,
    binning: Binning,
) -> Result<Vec<Bin>, StatError> {
    check(confidence, correct)?;
    if bins == 0 {
        return Err(StatError::Range { what: "the number of bins" });
    }
    let pairs = by_confidence(confidence, correct);
    let bin = |members: &[(f64, f64)], low, high| {
        let n = members.len();
        let mean = |part: fn(&(f64, f64)) -> f64| members.iter().map(part).sum::<f64>() / n.max(1) as f64;
        Bin { low, high, n, confidence: mean(|pair| pair.0), accuracy: mean(|pair| pair.1) }
    };
    let mut found = Vec::new();
    let mut start = 0;
    match binning {
        Binning::Width => {
            for index in 0..bins {
                let edge = |i: usize| i as f64 / bins as f64;
                let end = if index + 1 == bins {
                    pairs.len()
                } else {
                    start + pairs[start..].partition_point(|pair| pair.0 <= edge(index + 1))
                };
                found.push(bin(&pairs[start..end], edge(index), edge(index + 1)));
                start = end;
            }
        }
        Binning::Mass => {
            let bins = bins.min(pairs.len());
            for index in 0..bins {
                let end = start + pairs.len() / bins + usize::from(index < pairs.len() % bins);
                found.push(bin(&pairs[start..end], pairs[start].0, pairs[end - 1].0));
                start = end;
            }
        }
    }
    Ok(found)
}

/// Expected calibration error (Naeini et al. 2015): distance of accuracy from confidence, averaged over answers. Below
/// some 300 answers the bins are too thin for it to be a headline. 0 without answers.
pub fn ece(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    bins.iter().map(|bin| bin.n as f64 * (bin.accuracy - bin.confidence).abs()).sum::<f64>() / n.max(1) as f64
}

/// Largest distance of accuracy from confidence in any bin.
pub fn maximum_calibration_error(bins: &[Bin]) -> f64 {
    bins.iter().filter(|bin| bin.n > 0).map(|bin| (bin.accuracy - bin.confidence).abs()).fold(0.0, f64::max)
}

/// Murphy's split of the Brier score over the distinct confidences.
///
/// # Errors
/// As [`brier`].
pub fn murphy(confidence: &[f64], correct: &[bool]) -> Result<Murphy, StatError> {
    check(confidence, correct)?;
    let pairs = by_confidence(confidence, correct);
    let n = pairs.len() as f64;
    let base = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
    let mean_square =
        |distance: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(distance).map(|d| d * d).sum::<f64>() / n;
    Ok(Murphy {
        reliability: mean_square(&|pair| pair.0 - pair.1),
        resolution: mean_square(&|pair| pair.1 - base),
        uncertainty: base * (1.0 - base),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_an_error() {
        assert_eq!(brier(&[], &[]), Err(StatError::TooFew { n: 0, needed: 1 }));
        assert_eq!(brier(&[0.5], &[]), Err(StatError::Lengths { left: 1, right: 0 }));
        assert_eq!(log_loss(&[f64::NAN], &[true]), Err(StatError::NotFinite));
        assert_eq!(murphy(&[1.5], &[true]), Err(StatError::Range { what: "a confidence" }));
        assert!(reliability_bins(&[0.5], &[true], 0, Binning::Mass).is_err());
        assert!(brier_multiclass(&[vec![0.5, 0.5]], &[2]).is_err());
    }

    #[test]
    fn equal_confidences_cannot_be_told_apart_by_their_place() {
        let confidence = [0.5; 8];
        let sorted = [true, true, true, true, false, false, false, false];
        let mixed = [true, false, true, false, true, false, true, false];
        for binning in [Binning::Mass, Binning::Width] {
            for correct in [sorted, mixed] {
                assert_eq!(ece(&reliability_bins(&confidence, &correct, 4, binning).unwrap()), 0.0);
            }
        }
    }

    #[test]
    fn more_mass_bins_than_answers_give_one_bin_an_answer() {
        let bins = reliability_bins(&[0.2, 0.4, 1.0], &[false, true, true], 10, Binning::Mass).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), [1, 1, 1]);
        let bins = reliability_bins(&[0.0, 1.0], &[false, true], 10, Binning::Width).unwrap();
        assert_eq!((bins.len(), bins[0].n, bins[9].n), (10, 1, 1));
    }
}
