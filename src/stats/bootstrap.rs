//! The percentile bootstrap (Efron and Tibshirani 1993, chapter 13).

use super::StatError;
use super::rng::Pcg32;

/// Resamples that pages use where they show an interval.
pub const RESAMPLES: usize = 2000;

/// An interval, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    if n < 2 {
        return Err(StatError::TooFew { n, needed: 2 });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(StatError::Range { what: "the level" });
    }
    if resamples == 0 {
        return Err(StatError::Range { what: "the number of resamples" });
    }
    let mut values = Vec::with_capacity(resamples);
    let mut indices = vec![0; n];
    for _ in 0..resamples {
        for index in &mut indices {
            *index = rng.below(n);
        }
        if let Some(value) = statistic(&indices)
            && value.is_finite()
        {
            values.push(value);
        }
    }
    let undefined = resamples - values.len();
    if undefined * 2 > resamples {
        return Err(StatError::Unstable { undefined, resamples });
    }
    values.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - level);
    Ok(BootstrapInterval { low: quantile(&values, tail)?, high: quantile(&values, 1.0 - tail)?, resamples, undefined })
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
