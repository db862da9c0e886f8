//! Shares and their intervals.

use super::StatError;
use super::distributions::beta_quantile;

/// The point that a standard normal value stays below with probability `p`, found by bisection on `erfc`
/// (absolute error below 1e-14 for p between 1e-12 and 1 - 1e-12).
///
/// # Errors
/// `Range` unless 0 < p < 1.
pub fn normal_quantile(p: f64) -> Result<f64, StatError> {
    if !(p > 0.0 && p < 1.0) {
        return Err(StatError::Range { what: "the probability" });
    }
    // The lower tail keeps its digits where 1 - p would lose them.
    let tail = p.min(1.0 - p);
    let (mut low, mut high) = (-40.0_f64, 0.0_f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if normal_cdf(middle) < tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    let z = 0.5 * (low + high);
    Ok(if p < 0.5 { z } else { -z })
}

/// The share of a standard normal distribution below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Wilson's score interval for `k` of `n` (Wilson 1927) at a two-sided level such as 0.95.
///
/// # Errors
/// `TooFew` for n = 0, `Range` for k > n or a level outside of (0, 1).
pub fn wilson(k: u64, n: u64, level: f64) -> Result<(f64, f64), StatError> {
    if n == 0 {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    if k > n {
        return Err(StatError::Range { what: "the count" });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(StatError::Range { what: "the level" });
    }
    let z = normal_quantile(0.5 + 0.5 * level)?;
    let (k_real, n_real) = (k as f64, n as f64);
    let p = k_real / n_real;
    let z2 = z * z;
    let center = (p + z2 / (2.0 * n_real)) / (1.0 + z2 / n_real);
    let half = z * libm::sqrt(p * (1.0 - p) / n_real + z2 / (4.0 * n_real * n_real)) / (1.0 + z2 / n_real);
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if k == 0 { 0.0 } else { (center - half).max(0.0) };
    let high = if k == n { 1.0 } else { (center + half).min(1.0) };
    Ok((low, high))
}

/// Exact interval for `k` of `n` (Clopper and Pearson 1934): never too narrow, often too wide.
///
/// # Errors
/// As [`wilson`].
pub fn clopper_pearson(k: u64, n: u64, level: f64) -> Result<(f64, f64), StatError> {
    wilson(k, n, level)?;
    let (tail, k_real, n_real) = (0.5 * (1.0 - level), k as f64, n as f64);
    let low = if k == 0 { 0.0 } else { beta_quantile(tail, k_real, n_real - k_real + 1.0) };
    let high = if k == n { 1.0 } else { beta_quantile(1.0 - tail, k_real + 1.0, n_real - k_real) };
    Ok((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_observations_or_impossible_counts_are_errors() {
        assert_eq!(wilson(0, 0, 0.95), Err(StatError::TooFew { n: 0, needed: 1 }));
        assert!(wilson(3, 2, 0.95).is_err());
        assert!(wilson(1, 2, 1.0).is_err());
        assert!(wilson(1, 2, f64::NAN).is_err());
        assert!(normal_quantile(0.0).is_err());
    }

    #[test]
    fn the_interval_holds_the_share_and_shrinks_with_n() {
        for n in [1, 2, 7, 48, 1000] {
            for k in 0..=n.min(60) {
                let (low, high) = wilson(k, n, 0.95).unwrap();
                let share = k as f64 / n as f64;
                assert!(0.0 <= low && low <= share && share <= high && high <= 1.0, "{k} of {n}: {low} {high}");
            }
        }
        let width = |k, n| wilson(k, n, 0.95).map(|(low, high)| high - low).unwrap();
        assert!(width(50, 100) < width(5, 10));
    }
}
