//! Two models on the same items: do they fail on different ones? (`McNemar` 1947)

use super::StatError;
use super::distributions::{binomial_half_cdf, chi2_survival};

/// `McNemar`'s test on the items that only one of the two got right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Two-sided exact binomial p-value; the one to show.
    pub exact: f64,
    /// Chi-squared with Edwards' continuity correction.
    pub chi2: f64,
    /// Its p-value; for 25 and more discordant items.
    pub corrected: f64,
}

/// From the number of items that only the first got right and that only the second got right.
///
/// # Errors
/// `TooFew` if there are none.
pub fn mcnemar(only_first: u64, only_second: u64) -> Result<McNemar, StatError> {
    let n = only_first + only_second;
    if n == 0 {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    let exact = (2.0 * binomial_half_cdf(only_first.min(only_second), n)).min(1.0);
    let gap = only_first.abs_diff(only_second) as f64 - 1.0;
    let chi2 = gap * gap / n as f64;
    Ok(McNemar { exact, chi2, corrected: chi2_survival(chi2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_difference_is_no_evidence() {
        assert_eq!(mcnemar(0, 0), Err(StatError::TooFew { n: 0, needed: 1 }));
        assert_eq!(mcnemar(4, 4).map(|found| found.exact), Ok(1.0));
    }
}
