//! What is gained by answering only when sure: risk-coverage curve, AURC, AUGRC, AUROC of confidence.
//!
//! Answers of equal confidence cannot be ordered, so every number here is the mean over all orders of tied answers.

use super::StatError;
use super::calibration::{by_confidence, check};

/// One point of a risk-coverage curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskPoint {
    /// The least confidence that is answered.
    pub threshold: f64,
    /// Share of the items answered.
    pub coverage: f64,
    /// Share of the answered items that are wrong (selective risk).
    pub risk: f64,
}

/// Areas under the risk-coverage curve, on [0, 1] (fd-shifts prints them times 1000).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskAreas {
    /// Mean over k of the share of errors among the k surest answers (Geifman and El-Yaniv 2017); less is better.
    pub aurc: f64,
    /// AURC of the best possible order: every right answer surer than every wrong one.
    pub best: f64,
    /// Mean over k of the errors among the k surest, as a share of all answers (AUGRC, Traub et al. 2024).
    pub augrc: f64,
}

/// Errors among the k surest answers for k = 1, 2, ... n, averaged over orders of ties.
fn errors_among_surest(confidence: &[f64], correct: &[bool]) -> Vec<f64> {
    by_confidence(confidence, correct)
        .iter()
        .rev()
        .scan(0.0, |errors, pair| {
            *errors += 1.0 - pair.1;
            Some(*errors)
        })
        .collect()
}

/// The curve, one point a distinct confidence, from the surest answers to all.
///
/// # Errors
/// Unequal lengths, no answers, a confidence outside of [0, 1].
pub fn risk_coverage(confidence: &[f64], correct: &[bool]) -> Result<Vec<RiskPoint>, StatError> {
    check(confidence, correct)?;
    let pairs = by_confidence(confidence, correct);
    let n = pairs.len();
    let mut points = Vec::new();
    let (mut answered, mut errors) = (0_usize, 0.0);
    for group in pairs.chunk_by(|a, b| a.0 == b.0).rev() {
        answered += group.len();
        errors += group.iter().map(|pair| 1.0 - pair.1).sum::<f64>();
        points.push(RiskPoint {
            threshold: group[0].0,
            coverage: answered as f64 / n as f64,
            risk: errors / answered as f64,
        });
    }
    Ok(points)
}

/// AURC, its best possible value and AUGRC.
///
/// # Errors
/// As [`risk_coverage`].
pub fn risk_areas(confidence: &[f64], correct: &[bool]) -> Result<RiskAreas, StatError> {
    check(confidence, correct)?;
    let n = correct.len();
    let aurc = |errors: &[f64]| {
        errors.iter().enumerate().map(|(k, errors)| errors / (k + 1) as f64).sum::<f64>() / errors.len() as f64
    };
    let errors = errors_among_surest(confidence, correct);
    let right = correct.iter().filter(|right| **right).count();
    let best: Vec<f64> = (1..=n).map(|k| k.saturating_sub(right) as f64).collect();
    Ok(RiskAreas { aurc: aurc(&errors), best: aurc(&best), augrc: errors.iter().sum::<f64>() / (n as f64 * n as f64) })
}

/// The chance that a right answer is surer than a wrong one, ties counting half (area under the ROC curve).
///
/// # Errors
/// As [`risk_coverage`]; `Constant` if all answers are right or all are wrong.
pub fn auroc(confidence: &[f64], correct: &[bool]) -> Result<f64, StatError> {
    check(confidence, correct)?;
    let ranks = super::rank::mid_ranks(confidence);
    let right = correct.iter().filter(|right| **right).count() as f64;
    let wrong = correct.len() as f64 - right;
    if right == 0.0 || wrong == 0.0 {
        return Err(StatError::Constant);
    }
    let sum: f64 = ranks.iter().zip(correct).filter(|(_, right)| **right).map(|(rank, _)| rank).sum();
    Ok((sum - right * (right + 1.0) / 2.0) / (right * wrong))
}

/// (right - cost x wrong) / n: the effective reliability of Whitehead et al. (2022). Declining costs nothing.
///
/// # Errors
/// `TooFew` for n = 0, `Range` for more answers than items or a cost that is negative or not finite.
pub fn effective_reliability(right: u64, wrong: u64, n: u64, cost: f64) -> Result<f64, StatError> {
    if n == 0 {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    if right.checked_add(wrong).is_none_or(|answered| answered > n) {
        return Err(StatError::Range { what: "the count" });
    }
    if !(cost.is_finite() && cost >= 0.0) {
        return Err(StatError::Range { what: "the cost" });
    }
    Ok((right as f64 - cost * wrong as f64) / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_confidence_gains_nothing() {
        let correct = [true, false, true, false];
        let reversed = [false, true, false, true];
        let areas = risk_areas(&[0.7; 4], &correct).unwrap();
        assert!((areas.aurc - 0.5).abs() < 1e-12 && areas.best < 0.3, "{areas:?}");
        assert_eq!(Ok(areas), risk_areas(&[0.7; 4], &reversed));
        assert_eq!(auroc(&[0.7; 4], &correct), Ok(0.5));
        let curve = risk_coverage(&[0.7; 4], &correct).unwrap();
        assert_eq!(curve, [RiskPoint { threshold: 0.7, coverage: 1.0, risk: 0.5 }]);
    }

    #[test]
    fn the_curve_ends_at_full_coverage_and_the_error_rate() {
        let curve = risk_coverage(&[0.9, 0.2, 0.9, 0.6], &[true, false, false, true]).unwrap();
        assert_eq!(curve.iter().map(|point| point.coverage).collect::<Vec<_>>(), [0.5, 0.75, 1.0]);
        assert_eq!(curve.last().map(|point| (point.threshold, point.risk)), Some((0.2, 0.5)));
    }

    #[test]
    fn bad_input_is_an_error() {
        assert!(risk_coverage(&[], &[]).is_err());
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), Err(StatError::Constant));
        assert!(effective_reliability(3, 3, 5, 1.0).is_err());
        assert!(effective_reliability(3, 1, 5, -1.0).is_err());
    }

    #[test]
    fn effective_reliability_takes_the_cost_of_wrong_answers_off() {
        let found = effective_reliability(50, 20, 100, 1.0).unwrap();
        assert!((found - 0.3).abs() < 1e-12);
    }
}
