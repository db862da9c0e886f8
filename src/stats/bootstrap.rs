//! Bootstrap intervals: percentile and `BCa` (Efron and Tibshirani 1993, chapters 13 and 14).

use super::StatError;
use super::proportion::{normal_cdf, normal_quantile};
use super::rng::Pcg32;

/// Resamples that pages use where they show an interval.
pub const RESAMPLES: usize = 2000;

/// An interval, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BootstrapInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Resamples drawn.
    pub resamples: usize,
    /// Resamples in which the statistic had no value; they are left out of the interval and must be told.
    pub undefined: usize,
}

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, `NumPy`'s default).
/// `sorted` must be in ascending order.
///
/// # Errors
/// `TooFew` for an empty list, `Range` for q outside of [0, 1].
pub fn quantile(sorted: &[f64], q: f64) -> Result<f64, StatError> {
    if sorted.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    if !(0.0..=1.0).contains(&q) {
        return Err(StatError::Range { what: "the quantile" });
    }
    let place = q * (sorted.len() - 1) as f64;
    let below = libm::floor(place) as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = place - below as f64;
    Ok(sorted[below] + part * (sorted[above] - sorted[below]))
}

/// Percentile interval of a statistic over `n` units. `statistic` gets the indices of one resample (drawn with
/// replacement, `n` of them) and answers `None` where it has no value. The unit must be what was sampled: people
/// where one person gives many answers, items where items were sampled.
///
/// # Errors
/// `TooFew` below two units, `Range` for a bad level or no resamples, `Unstable` if the statistic had no value in
/// more than half of the resamples.
pub fn percentile_interval(
    n: usize,
    resamples: usize,
    level: f64,
    rng: &mut Pcg32,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Result<BootstrapInterval, StatError> {
    let (draws, undefined) = draw(n, resamples, rng, &mut statistic)?;
    percentile_of_draws(&draws, undefined, level)
}

/// Draws the statistic; those without a value are only counted.
fn draw(
    n: usize,
    resamples: usize,
    rng: &mut Pcg32,
    statistic: &mut impl FnMut(&[usize]) -> Option<f64>,
) -> Result<(Vec<f64>, usize), StatError> {
    if n < 2 {
        return Err(StatError::TooFew { n, needed: 2 });
    }
    if resamples == 0 {
        return Err(StatError::Range { what: "the number of resamples" });
    }
    let mut draws = Vec::with_capacity(resamples);
    let mut indices = vec![0; n];
    for _ in 0..resamples {
        for index in &mut indices {
            *index = rng.below(n);
        }
        draws.extend(statistic(&indices).filter(|value| value.is_finite()));
    }
    let undefined = resamples - draws.len();
    Ok((draws, undefined))
}

/// Interval ends of sorted draws at a two-sided level.
fn ends(sorted: &[f64], low: f64, high: f64) -> Result<(f64, f64), StatError> {
    Ok((quantile(sorted, low)?, quantile(sorted, high)?))
}

/// Percentile interval of draws that are already there, with as many undefined ones left out.
///
/// # Errors
/// `Range` for a bad level, `TooFew` for no draws, `Unstable` if more than half are undefined.
pub fn percentile_of_draws(draws: &[f64], undefined: usize, level: f64) -> Result<BootstrapInterval, StatError> {
    interval_of_draws(draws, undefined, level, None)
}

/// Bias-corrected and accelerated interval (`BCa`) of draws that are already there. `jackknife` holds, for each factor
/// that was resampled, the statistic with each of its units left out; several factors are joined as in `SciPy`'s
/// many-sample case.
///
/// # Errors
/// As [`percentile_of_draws`]; `Constant` where the draws all lie on one side of the estimate, `NotFinite` where the
/// statistic has no value without some unit.
pub fn bca_of_draws(
    draws: &[f64],
    undefined: usize,
    level: f64,
    estimate: f64,
    jackknife: &[&[f64]],
) -> Result<BootstrapInterval, StatError> {
    let below = draws.iter().filter(|draw| **draw < estimate).count();
    let not_above = draws.iter().filter(|draw| **draw <= estimate).count();
    let share = (below + not_above) as f64 / (2 * draws.len().max(1)) as f64;
    if share <= 0.0 || share >= 1.0 {
        return Err(StatError::Constant);
    }
    if jackknife.iter().any(|values| values.iter().any(|value| !value.is_finite())) {
        return Err(StatError::NotFinite);
    }
    let (mut cubes, mut squares) = (0.0, 0.0);
    for values in jackknife {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        for value in *values {
            // The influence of one unit, as a share of its factor.
            let influence = (n - 1.0) * (mean - value) / n;
            squares += influence * influence;
            cubes += influence * influence * influence;
        }
    }
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares * libm::sqrt(squares)) } else { 0.0 };
    interval_of_draws(draws, undefined, level, Some((normal_quantile(share)?, acceleration)))
}

fn interval_of_draws(
    draws: &[f64],
    undefined: usize,
    level: f64,
    bca: Option<(f64, f64)>,
) -> Result<BootstrapInterval, StatError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(StatError::Range { what: "the level" });
    }
    let resamples = draws.len() + undefined;
    if undefined * 2 > resamples {
        return Err(StatError::Unstable { undefined, resamples });
    }
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - level);
    let (low, high) = match bca {
        None => ends(&sorted, tail, 1.0 - tail)?,
        Some((bias, acceleration)) => {
            let adjusted = |p: f64| -> Result<f64, StatError> {
                let z = bias + normal_quantile(p)?;
                Ok(normal_cdf(bias + z / (1.0 - acceleration * z)))
            };
            ends(&sorted, adjusted(tail)?, adjusted(1.0 - tail)?)?
        }
    };
    Ok(BootstrapInterval { low, high, resamples, undefined })
}

/// `BCa` interval of a statistic over `n` units; arguments as for [`percentile_interval`].
///
/// # Errors
/// As [`percentile_interval`] and [`bca_of_draws`]; `Unstable` where the statistic has no value for all units or
/// without one of them.
pub fn bca_interval(
    n: usize,
    resamples: usize,
    level: f64,
    rng: &mut Pcg32,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Result<BootstrapInterval, StatError> {
    let (draws, undefined) = draw(n, resamples, rng, &mut statistic)?;
    let mut finite = |indices: &[usize]| statistic(indices).filter(|value| value.is_finite());
    let unstable = StatError::Unstable { undefined: 1, resamples: n };
    let all: Vec<usize> = (0..n).collect();
    let estimate = finite(&all).ok_or(unstable)?;
    let mut jackknife = Vec::with_capacity(n);
    for left_out in 0..n {
        let others: Vec<usize> = (0..n).filter(|unit| *unit != left_out).collect();
        jackknife.push(finite(&others).ok_or(unstable)?);
    }
    bca_of_draws(&draws, undefined, level, estimate, &[&jackknife])
}

/// A difference of two means over the same units, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// Mean of x minus mean of y.
    pub difference: f64,
    /// Percentile interval over units.
    pub interval: BootstrapInterval,
}

/// Paired bootstrap of the difference of two means: each resample draws units and takes both their values.
///
/// # Errors
/// `Lengths`, `NotFinite`, and as [`percentile_interval`].
pub fn paired_difference(
    x: &[f64],
    y: &[f64],
    resamples: usize,
    level: f64,
    rng: &mut Pcg32,
) -> Result<PairedDifference, StatError> {
    super::rank::check_pairs(x, y)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let mean = |indices: &[usize]| Some(indices.iter().map(|&index| differences[index]).sum::<f64>() / n);
    let interval = percentile_interval(differences.len(), resamples, level, rng, mean)?;
    Ok(PairedDifference { difference: differences.iter().sum::<f64>() / n, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_without_values_is_an_error() {
        let found = percentile_interval(5, 100, 0.95, &mut Pcg32::new(1), |_| None);
        assert_eq!(found, Err(StatError::Unstable { undefined: 100, resamples: 100 }));
    }

    #[test]
    fn undefined_resamples_are_counted() {
        // A third of the resamples start with the same unit twice.
        let found = percentile_interval(3, 900, 0.9, &mut Pcg32::new(2), |indices| {
            (indices[0] != indices[1]).then_some(indices[0] as f64)
        })
        .unwrap();
        // 300 expected with a standard deviation of 14: five of them on either side.
        assert!((230..=370).contains(&found.undefined), "{found:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let data = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        let run = |seed| {
            percentile_interval(data.len(), 500, 0.95, &mut Pcg32::new(seed), |indices| {
                Some(indices.iter().map(|&index| data[index]).sum::<f64>() / data.len() as f64)
            })
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
