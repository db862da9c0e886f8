//! Distribution functions: incomplete beta, Student's t, F, binomial.

use super::StatError;
use super::proportion::normal_cdf;

/// The regularized incomplete beta function `I_x(a`, b) by its continued fraction (Numerical Recipes, section 6.4);
/// relative error about 1e-13. 0 for x <= 0, 1 for x >= 1; a and b must be positive.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side; the other is its mirror.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    let tiny = 1e-300;
    let guard = |value: f64| if value.abs() < tiny { tiny } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        for numerator in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / guard(1.0 + numerator * d);
            c = guard(1.0 + numerator / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    libm::exp(log_front) * fraction / a
}

/// P(F > f) for an F distribution with these degrees of freedom.
pub fn f_survival(f: f64, df1: f64, df2: f64) -> f64 {
    if f <= 0.0 { 1.0 } else { incomplete_beta(0.5 * df2, 0.5 * df1, df2 / (df2 + df1 * f)) }
}

/// The value that an F distribution stays below with probability `p`, by bisection.
///
/// # Errors
/// `Range` unless 0 < p < 1 and both degrees of freedom are positive.
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> Result<f64, StatError> {
    check(p, df1.min(df2))?;
    // f = df2 b / (df1 (1 - b)) with b from a beta distribution.
    let b = beta_quantile(p, 0.5 * df1, 0.5 * df2);
    Ok(df2 * b / (df1 * (1.0 - b)))
}

/// The value that a beta distribution stays below with probability `p` in (0, 1), by bisection.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..1100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete_beta(a, b, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// P(T > t) for Student's t with `df` degrees of freedom.
pub fn t_survival(t: f64, df: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(0.5 * df, 0.5, df / (df + t * t));
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The value that Student's t with `df` degrees of freedom stays below with probability `p`.
///
/// # Errors
/// `Range` unless 0 < p < 1 and df > 0.
pub fn t_quantile(p: f64, df: f64) -> Result<f64, StatError> {
    check(p, df)?;
    if p == 0.5 {
        return Ok(0.0);
    }
    let tail = p.min(1.0 - p);
    let b = beta_quantile(2.0 * tail, 0.5 * df, 0.5);
    let t = libm::sqrt(df * (1.0 - b) / b);
    Ok(if p < 0.5 { -t } else { t })
}

/// P(X > x) for chi-squared with one degree of freedom.
pub fn chi2_survival(x: f64) -> f64 {
    2.0 * normal_cdf(-libm::sqrt(x.max(0.0)))
}

/// P(K <= k) for k of n with probability 1/2 each.
pub fn binomial_half_cdf(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    incomplete_beta((n - k) as f64, k as f64 + 1.0, 0.5)
}

fn check(p: f64, df: f64) -> Result<(), StatError> {
    if !(p > 0.0 && p < 1.0) {
        return Err(StatError::Range { what: "the probability" });
    }
    if !(df > 0.0 && df.is_finite()) {
        return Err(StatError::Range { what: "the degrees of freedom" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_undo_distribution_functions() {
        for df in [1.0, 2.5, 14.0, 300.0] {
            for p in [0.001, 0.2, 0.5, 0.9, 0.999] {
                assert!((1.0 - t_survival(t_quantile(p, df).unwrap(), df) - p).abs() < 1e-12);
                assert!((1.0 - f_survival(f_quantile(p, df, 7.0).unwrap(), df, 7.0) - p).abs() < 1e-12);
            }
        }
        assert!(t_quantile(0.0, 3.0).is_err() && f_quantile(0.5, -1.0, 3.0).is_err());
    }

    #[test]
    fn coins_are_counted() {
        assert!((binomial_half_cdf(2, 10) - 56.0 / 1024.0).abs() < 1e-15);
        assert_eq!(binomial_half_cdf(3, 3), 1.0);
    }
}
