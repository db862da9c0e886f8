//! Krippendorff's alpha: agreement of any number of raters with missing ratings (Krippendorff 2011).

use super::StatError;
use super::bootstrap::{BootstrapInterval, percentile_interval};
use super::rng::Pcg32;

/// What differences between ratings mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Equal or not.
    Nominal,
    /// Ranks.
    Ordinal,
    /// Differences.
    Interval,
    /// Ratios; values must not be negative.
    Ratio,
}

/// Alpha and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alpha {
    /// 1 is perfect agreement, 0 chance.
    pub alpha: f64,
    /// Units with at least two ratings.
    pub n_units: usize,
    /// Ratings in those units.
    pub n_ratings: usize,
    /// Every rating is the same: alpha is set to 1 by convention and must be shown with these words.
    pub no_variance: bool,
}

/// Alpha of `ratings`: one row a rater, one column a unit, NaN where a rater gave none.
///
/// # Errors
/// `Lengths` for ragged rows, `TooFew` if no unit has two ratings, `NotFinite`, `Range` for a negative value at ratio
/// level.
pub fn alpha(ratings: &[Vec<f64>], level: Level) -> Result<Alpha, StatError> {
    let counted = counted(&units(ratings)?, level)?;
    Ok(of_counts(&counted.values, &counted.units.iter().map(Vec::as_slice).collect::<Vec<_>>(), level))
}

/// Percentile interval of alpha over units. Resamples without a pairable unit are counted as undefined.
///
/// # Errors
/// As [`alpha`] and [`percentile_interval`].
pub fn alpha_interval(
    ratings: &[Vec<f64>],
    level: Level,
    resamples: usize,
    confidence: f64,
    rng: &mut Pcg32,
) -> Result<BootstrapInterval, StatError> {
    let Counted { values, units } = counted(&units(ratings)?, level)?;
    percentile_interval(units.len(), resamples, confidence, rng, |indices| {
        let drawn: Vec<&[f64]> = indices.iter().map(|&index| units[index].as_slice()).collect();
        Some(of_counts(&values, &drawn, level)).filter(|found| !found.no_variance).map(|found| found.alpha)
    })
}

/// The ratings of each unit.
fn units(ratings: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, StatError> {
    let width = ratings.first().map_or(0, Vec::len);
    if let Some(row) = ratings.iter().find(|row| row.len() != width) {
        return Err(StatError::Lengths { left: row.len(), right: width });
    }
    if ratings.iter().flatten().any(|value| value.is_infinite()) {
        return Err(StatError::NotFinite);
    }
    Ok((0..width).map(|unit| ratings.iter().map(|row| row[unit]).filter(|value| !value.is_nan()).collect()).collect())
}

/// Ratings as counts of each distinct value, for units with at least two ratings.
struct Counted {
    /// The distinct values, rising.
    values: Vec<f64>,
    /// How often each value was given, one list a unit.
    units: Vec<Vec<f64>>,
}

fn counted(units: &[Vec<f64>], level: Level) -> Result<Counted, StatError> {
    let usable: Vec<&Vec<f64>> = units.iter().filter(|unit| unit.len() > 1).collect();
    // Minus zero is zero.
    let mut values: Vec<f64> = usable.iter().flat_map(|unit| unit.iter().map(|value| value + 0.0)).collect();
    if values.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 2 });
    }
    if level == Level::Ratio && values.iter().any(|value| *value < 0.0) {
        return Err(StatError::Range { what: "a rating at ratio level" });
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    let units = usable
        .into_iter()
        .map(|unit| {
            let mut counts = vec![0.0; values.len()];
            for rating in unit {
                counts[values.partition_point(|value| value < rating)] += 1.0;
            }
            counts
        })
        .collect();
    Ok(Counted { values, units })
}

fn of_counts(values: &[f64], units: &[&[f64]], level: Level) -> Alpha {
    let mut totals = vec![0.0; values.len()];
    for unit in units {
        for (total, count) in totals.iter_mut().zip(*unit) {
            *total += count;
        }
    }
    let n: f64 = totals.iter().sum();
    let mut below = 0.0;
    // Mid-ranks: their differences are Krippendorff's sums over the categories between.
    let ranks: Vec<f64> = totals
        .iter()
        .map(|total| {
            let rank = below + 0.5 * total;
            below += total;
            rank
        })
        .collect();
    let squared = |i: usize, j: usize| {
        let (c, k) = (values[i], values[j]);
        let gap = match level {
            Level::Nominal => return f64::from(u8::from(i != j)),
            Level::Ordinal => ranks[i] - ranks[j],
            Level::Interval => c - k,
            Level::Ratio if c + k == 0.0 => 0.0,
            Level::Ratio => (c - k) / (c + k),
        };
        gap * gap
    };
    // Twice the sum over pairs of different values.
    let disagreement = |counts: &[f64]| {
        let there: Vec<usize> = (0..counts.len()).filter(|&value| counts[value] > 0.0).collect();
        let mut sum = 0.0;
        for (place, &i) in there.iter().enumerate() {
            for &j in &there[..place] {
                sum += 2.0 * counts[i] * counts[j] * squared(i, j);
            }
        }
        sum
    };
    let observed: f64 = units.iter().map(|unit| disagreement(unit) / (unit.iter().sum::<f64>() - 1.0)).sum();
    let no_variance = totals.iter().filter(|total| **total > 0.0).count() == 1;
    let alpha = if no_variance { 1.0 } else { 1.0 - observed * (n - 1.0) / disagreement(&totals) };
    Alpha { alpha, n_units: units.len(), n_ratings: n as usize, no_variance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identical_ratings_are_said_to_have_no_variance() {
        let found = alpha(&[vec![2.0, 2.0], vec![2.0, 2.0]], Level::Interval).unwrap();
        assert!(found.no_variance && found.alpha == 1.0);
        let nan = f64::NAN;
        assert_eq!(
            alpha(&[vec![1.0, nan], vec![nan, 2.0]], Level::Nominal),
            Err(StatError::TooFew { n: 0, needed: 2 })
        );
        assert!(alpha(&[vec![1.0], vec![]], Level::Nominal).is_err());
        assert!(alpha(&[vec![-1.0], vec![1.0]], Level::Ratio).is_err());
    }

    #[test]
    fn the_interval_holds_alpha() {
        let mut rng = Pcg32::new(3);
        let truth: Vec<f64> = (0..40).map(|_| rng.below(5) as f64).collect();
        let mut rater = || truth.iter().map(|value| value + rng.below(2) as f64).collect::<Vec<f64>>();
        let ratings = [rater(), rater(), rater()];
        let found = alpha(&ratings, Level::Interval).unwrap().alpha;
        let interval = alpha_interval(&ratings, Level::Interval, 1000, 0.95, &mut Pcg32::new(4)).unwrap();
        assert!(interval.low < found && found < interval.high && interval.undefined == 0, "{found} {interval:?}");
    }
}
