//! The agreement that a perfect model could reach with people who differ (Nili et al. 2014).

use super::StatError;
use super::rank::mid_ranks;
use super::rdm::{Rdm, mean_values};
use super::rdm_compare::{Measure, compare_values};

/// Bounds on the mean agreement of a perfect model with single subjects. For tau-a and tau-b the pool is the mean of
/// ranks, which is not their true optimum, so their upper bound is approximate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseCeiling {
    /// Mean agreement of each subject with the pool of the others; `None` with one subject.
    pub lower: Option<f64>,
    /// Mean agreement of each subject with the pool of all.
    pub upper: f64,
    /// Subjects.
    pub n_subjects: usize,
    /// Fewest subjects behind any pair that someone rated.
    pub min_per_pair: usize,
}

/// An RDM brought to the scale on which its measure averages subjects: root mean square 1 for cosines, z-scores for
/// correlations, ranks for rank measures (stretched to the range of a complete RDM where pairs are missing).
fn standardized(values: &[f64], measure: Measure) -> Result<Vec<f64>, StatError> {
    let there: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let n = there.len() as f64;
    if there.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    if measure.is_rank() {
        let mut ranks = mid_ranks(&there).into_iter();
        // Whole and half ranks add up without rounding, so that pools of complete RDMs keep their ties.
        let scale = if there.len() == values.len() { 1.0 } else { (values.len() + 1) as f64 / (n + 1.0) };
        let rank = |value: &f64| if value.is_nan() { f64::NAN } else { ranks.next().unwrap_or(f64::NAN) * scale };
        return Ok(values.iter().map(rank).collect());
    }
    let center = matches!(measure, Measure::Pearson | Measure::WhitenedPearson);
    let mean = if center { there.iter().sum::<f64>() / n } else { 0.0 };
    let scale = libm::sqrt(there.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n);
    if scale == 0.0 || (center && there.iter().all(|value| *value == there[0])) {
        return Err(StatError::Constant);
    }
    Ok(values.iter().map(|value| (value - mean) / scale).collect())
}

/// The RDM that agrees best with all of these on average, as the measure sees it. Each pair is averaged over the
/// subjects who have it; the numbers say how many.
///
/// # Errors
/// `TooFew` for no RDMs, `Lengths` for different sizes, `Constant` for an RDM without scale.
pub fn pool(rdms: &[Rdm], measure: Measure) -> Result<(Rdm, Vec<usize>), StatError> {
    let first = rdms.first().ok_or(StatError::TooFew { n: 0, needed: 1 })?;
    let rows = rdms.iter().map(|rdm| standardized(rdm.values(), measure)).collect::<Result<Vec<_>, _>>()?;
    let (values, counts) = mean_values(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    Ok((Rdm::new(first.names().to_vec(), values)?, counts))
}

/// Upper and lower noise ceiling of these subjects' RDMs.
///
/// # Errors
/// As [`pool`], and where a subject cannot be compared with a pool.
pub fn noise_ceiling(rdms: &[Rdm], measure: Measure) -> Result<NoiseCeiling, StatError> {
    let rows = rdms.iter().map(|rdm| standardized(rdm.values(), measure)).collect::<Result<Vec<_>, _>>()?;
    let all: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let (pooled, counts) = mean_values(&all)?;
    let n = rdms.len();
    let (mut upper, mut lower) = (0.0, 0.0);
    for (left_out, rdm) in rdms.iter().enumerate() {
        upper += compare_values(&pooled, rdm.values(), measure)?.value;
        if n > 1 {
            let others: Vec<&[f64]> =
                all.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, row)| *row).collect();
            lower += compare_values(&mean_values(&others)?.0, rdm.values(), measure)?.value;
        }
    }
    Ok(NoiseCeiling {
        lower: (n > 1).then(|| lower / n as f64),
        upper: upper / n as f64,
        n_subjects: n,
        min_per_pair: counts.into_iter().filter(|count| *count > 0).min().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subject_has_no_lower_bound() {
        let rdm = Rdm::from_values(vec![1.0, 2.0, 4.0]).unwrap();
        let found = noise_ceiling(&[rdm], Measure::Spearman).unwrap();
        assert_eq!((found.lower, found.upper, found.n_subjects), (None, 1.0, 1));
        assert!(noise_ceiling(&[], Measure::Spearman).is_err());
    }

    #[test]
    fn subjects_may_miss_different_pairs() {
        let rdm = |values: [f64; 6]| Rdm::from_values(values.to_vec()).unwrap();
        let nan = f64::NAN;
        let subjects = [
            rdm([1.0, 2.0, 3.0, 4.0, 5.0, nan]),
            rdm([nan, 2.0, 3.0, 4.0, 6.0, 5.0]),
            rdm([1.0, 3.0, 2.0, 4.0, 5.0, 6.0]),
        ];
        for measure in Measure::ALL {
            let found = noise_ceiling(&subjects, measure).unwrap();
            assert_eq!(found.min_per_pair, 2);
            assert!(found.lower.unwrap() <= found.upper + 1e-12, "{measure:?} {found:?}");
        }
    }
}
