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
    let units = units(ratings)?;
    of_units(&units.iter().map(Vec::as_slice).collect::<Vec<_>>(), level)
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
    let units: Vec<Vec<f64>> = units(ratings)?.into_iter().filter(|unit| unit.len() > 1).collect();
    percentile_interval(units.len(), resamples, confidence, rng, |indices| {
        let drawn: Vec<&[f64]> = indices.iter().map(|&index| units[index].as_slice()).collect();
        of_units(&drawn, level).ok().filter(|found| !found.no_variance).map(|found| found.alpha)
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

fn of_units(units: &[&[f64]], level: Level) -> Result<Alpha, StatError> {
    let usable: Vec<&[f64]> = units.iter().copied().filter(|unit| unit.len() > 1).collect();
    let mut values: Vec<f64> = usable.iter().flat_map(|unit| unit.iter().map(|value| value + 0.0)).collect();
    let n_ratings = values.len();
    if n_ratings == 0 {
        return Err(StatError::TooFew { n: 0, needed: 2 });
    }
    if level == Level::Ratio && values.iter().any(|value| *value < 0.0) {
        return Err(StatError::Range { what: "a rating at ratio level" });
    }
    values.sort_by(f64::total_cmp);
    // Distinct values and how often each was given.
    let groups: Vec<(f64, f64)> = values.chunk_by(|a, b| a == b).map(|group| (group[0], group.len() as f64)).collect();
    let place = |value: f64| groups.partition_point(|group| group.0 < value);
    let mut below = 0.0;
    // Mid-ranks: their differences are Krippendorff's sums over the categories between.
    let ranks: Vec<f64> = groups
        .iter()
        .map(|group| {
            let rank = below + 0.5 * group.1;
            below += group.1;
            rank
        })
        .collect();
    let squared = |i: usize, j: usize| {
        let (c, k) = (groups[i].0, groups[j].0);
        let gap = match level {
            Level::Nominal => return f64::from(u8::from(i != j)),
            Level::Ordinal => ranks[i] - ranks[j],
            Level::Interval => c - k,
            Level::Ratio if c + k == 0.0 => 0.0,
            Level::Ratio => (c - k) / (c + k),
        };
        gap * gap
    };
    let mut observed = 0.0;
    for unit in &usable {
        let mut within = 0.0;
        for (a, x) in unit.iter().enumerate() {
            for y in &unit[..a] {
                within += 2.0 * squared(place(*x), place(*y));
            }
        }
        observed += within / (unit.len() - 1) as f64;
    }
    let mut expected = 0.0;
    for i in 0..groups.len() {
        for j in 0..i {
            expected += 2.0 * groups[i].1 * groups[j].1 * squared(i, j);
        }
    }
    let n = n_ratings as f64;
    let no_variance = groups.len() == 1;
    let alpha = if no_variance { 1.0 } else { 1.0 - observed * (n - 1.0) / expected };
    Ok(Alpha { alpha, n_units: usable.len(), n_ratings, no_variance })
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
