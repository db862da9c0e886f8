//! Would the same people, or other people, say the same again? Split halves and Spearman-Brown.

use super::StatError;
use super::permutation::{combinations, next_combination};
use super::rank::pearson;
use super::rdm::mean_values;
use super::rng::Pcg32;

/// Agreement of the mean ratings of two halves, over many splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitHalf {
    /// Mean correlation of the halves, averaged as Fisher's z.
    pub r: f64,
    /// The same brought to the full number of raters: 2r / (1 + r).
    pub spearman_brown: f64,
    /// Splits that gave a correlation.
    pub splits: usize,
    /// Splits that gave none; they are left out.
    pub undefined: usize,
    /// Whether every split was tried.
    pub exact: bool,
}

/// Reliability of a measure `k` times as long as one of reliability `r` (Spearman 1910, Brown 1910).
///
/// # Errors
/// `Range` unless -1 <= r <= 1 and k > 0, or where the formula has no value.
pub fn spearman_brown(r: f64, k: f64) -> Result<f64, StatError> {
    if !(-1.0..=1.0).contains(&r) {
        return Err(StatError::Range { what: "the reliability" });
    }
    let scale = 1.0 + (k - 1.0) * r;
    if !(k > 0.0 && k.is_finite()) || scale <= 0.0 {
        return Err(StatError::Range { what: "the length" });
    }
    Ok(k * r / scale)
}

/// Split-half reliability of `ratings`: one row a rater (or a repeat), one column an item, NaN where missing. The mean
/// ratings of half of the rows are correlated with those of the others, over items that both halves rated. Tries every
/// split where there are at most `splits` of them, else so many random ones.
///
/// # Errors
/// `TooFew` below two rows, `Lengths` for ragged rows, `NotFinite`, `Range` for no splits, `Unstable` if most splits
/// have no correlation.
pub fn split_half(ratings: &[Vec<f64>], splits: usize, rng: &mut Pcg32) -> Result<SplitHalf, StatError> {
    let n = ratings.len();
    if n < 2 {
        return Err(StatError::TooFew { n, needed: 2 });
    }
    if splits == 0 {
        return Err(StatError::Range { what: "the number of splits" });
    }
    if ratings.iter().flatten().any(|value| value.is_infinite()) {
        return Err(StatError::NotFinite);
    }
    let rows: Vec<&[f64]> = ratings.iter().map(Vec::as_slice).collect();
    mean_values(&rows)?;
    let (mut sum, mut found, mut undefined) = (0.0, 0_usize, 0_usize);
    let mut try_split = |first: &[usize]| {
        let mut in_first = vec![false; n];
        for &row in first {
            in_first[row] = true;
        }
        let half = |side: bool| {
            let part: Vec<&[f64]> =
                rows.iter().zip(&in_first).filter(|(_, first)| **first == side).map(|(row, _)| *row).collect();
            mean_values(&part).map(|found| found.0)
        };
        let r = half(true).and_then(|a| {
            let (x, y): (Vec<f64>, Vec<f64>) =
                a.into_iter().zip(half(false)?).filter(|(a, b)| !a.is_nan() && !b.is_nan()).unzip();
            pearson(&x, &y)
        });
        match r {
            Ok(r) => {
                // Perfect agreement has no finite z.
                sum += libm::atanh(r.clamp(-1.0 + 1e-12, 1.0 - 1e-12));
                found += 1;
            }
            Err(_) => undefined += 1,
        }
    };
    let every = combinations(n, n / 2).filter(|count| *count <= splits as u64);
    if every.is_some() {
        let mut first: Vec<usize> = (0..n / 2).collect();
        loop {
            try_split(&first);
            if !next_combination(&mut first, n) {
                break;
            }
        }
    } else {
        let mut order: Vec<usize> = (0..n).collect();
        for _ in 0..splits {
            rng.shuffle(&mut order);
            try_split(&order[..n / 2]);
        }
    }
    if undefined >= found {
        return Err(StatError::Unstable { undefined, resamples: undefined + found });
    }
    let r = libm::tanh(sum / found as f64);
    Ok(SplitHalf { r, spearman_brown: spearman_brown(r, 2.0)?, splits: found, undefined, exact: every.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_corrections() {
        assert!((spearman_brown(0.6, 2.0).unwrap() - 0.75).abs() < 1e-12);
        assert!((spearman_brown(0.3, 5.0).unwrap() - 0.681_818).abs() < 1e-6);
        assert!(spearman_brown(-1.0, 2.0).is_err() && spearman_brown(0.5, 0.0).is_err());
    }

    #[test]
    fn random_splits_come_close_to_all_splits() {
        let mut rng = Pcg32::new(9);
        let truth: Vec<f64> = (0..30).map(|_| rng.normal()).collect();
        let ratings: Vec<Vec<f64>> =
            (0..10).map(|_| truth.iter().map(|value| value + 1.5 * rng.normal()).collect()).collect();
        let all = split_half(&ratings, 1000, &mut rng).unwrap();
        let some = split_half(&ratings, 200, &mut rng).unwrap();
        assert!(all.exact && all.splits == 252 && !some.exact && some.splits == 200);
        assert!((all.r - some.r).abs() < 0.03, "{all:?} {some:?}");
        // Reliability of the mean of 10 raters with noise 1.5: 1 / (1 + 2.25 / 10) = 0.816.
        assert!((all.spearman_brown - 0.816).abs() < 0.12, "{all:?}");
    }

    #[test]
    fn raters_without_common_items_are_an_error() {
        let nan = f64::NAN;
        let ratings = [vec![1.0, nan, 2.0, nan], vec![nan, 1.0, nan, 2.0]];
        assert!(matches!(split_half(&ratings, 10, &mut Pcg32::new(1)), Err(StatError::Unstable { .. })));
    }
}
