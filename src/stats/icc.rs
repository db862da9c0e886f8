//! Intraclass correlations of ratings on a scale (Shrout and Fleiss 1979; `McGraw` and Wong 1996).

use super::StatError;
use super::distributions::{f_quantile, f_survival};

/// One intraclass correlation with its F test and interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Icc {
    /// The coefficient.
    pub value: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// F statistic of the targets.
    pub f: f64,
    /// Its p-value.
    pub p: f64,
}

/// The six coefficients of a complete table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IccTable {
    /// ICC(1,1): every target has other raters.
    pub icc1: Icc,
    /// ICC(A,1), also ICC(2,1): absolute agreement of single raters drawn from many. For test-retest.
    pub icc2: Icc,
    /// ICC(C,1), also ICC(3,1): consistency of these very raters.
    pub icc3: Icc,
    /// ICC(1,k): as `icc1` for the mean of the k raters.
    pub icc1k: Icc,
    /// ICC(A,k).
    pub icc2k: Icc,
    /// ICC(C,k), which is Cronbach's alpha.
    pub icc3k: Icc,
    /// Root of the residual mean square: how far a single rating strays, in units of the scale.
    pub standard_error_of_measurement: f64,
}

/// The coefficients of `ratings`, one row a target, one column a rater, none missing.
///
/// # Errors
/// `TooFew` below two targets or raters, `Lengths` for ragged rows, `NotFinite`, `Constant` where targets or residuals
/// have no variance, `Range` for a bad level.
pub fn icc(ratings: &[Vec<f64>], level: f64) -> Result<IccTable, StatError> {
    let (n, k) = (ratings.len(), ratings.first().map_or(0, Vec::len));
    if n.min(k) < 2 {
        return Err(StatError::TooFew { n: n.min(k), needed: 2 });
    }
    if let Some(row) = ratings.iter().find(|row| row.len() != k) {
        return Err(StatError::Lengths { left: row.len(), right: k });
    }
    if ratings.iter().flatten().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(StatError::Range { what: "the level" });
    }
    let (n_real, k_real) = (n as f64, k as f64);
    let row_means: Vec<f64> = ratings.iter().map(|row| row.iter().sum::<f64>() / k_real).collect();
    let column_means: Vec<f64> =
        (0..k).map(|rater| ratings.iter().map(|row| row[rater]).sum::<f64>() / n_real).collect();
    let mean = row_means.iter().sum::<f64>() / n_real;
    let squares = |means: &[f64]| means.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    let (mut within, mut residual) = (0.0, 0.0);
    for (row, row_mean) in ratings.iter().zip(&row_means) {
        for (value, column_mean) in row.iter().zip(&column_means) {
            within += (value - row_mean) * (value - row_mean);
            let rest = value - row_mean - column_mean + mean;
            residual += rest * rest;
        }
    }
    let (df_rows, df_within, df_error) = (n_real - 1.0, n_real * (k_real - 1.0), (n_real - 1.0) * (k_real - 1.0));
    let rows = k_real * squares(&row_means) / df_rows;
    let columns = n_real * squares(&column_means) / (k_real - 1.0);
    let (within, error) = (within / df_within, residual / df_error);
    let scale = ratings.iter().flatten().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let nothing = 1e-24 * scale * scale;
    if rows <= nothing || within <= nothing || error <= nothing {
        return Err(StatError::Constant);
    }
    let p = 0.5 + 0.5 * level;
    // Coefficients that are a ratio of two mean squares, single and for the mean of k.
    let ratio = |noise: f64, df: f64| -> Result<(Icc, Icc), StatError> {
        let f = rows / noise;
        let (low, high) = (f / f_quantile(p, df_rows, df)?, f * f_quantile(p, df, df_rows)?);
        let p = f_survival(f, df_rows, df);
        let single = |f: f64| (f - 1.0) / (f + k_real - 1.0);
        let mean = |f: f64| 1.0 - 1.0 / f;
        Ok((
            Icc { value: single(f), low: single(low), high: single(high), f, p },
            Icc { value: mean(f), low: mean(low), high: mean(high), f, p },
        ))
    };
    let (icc1, icc1k) = ratio(within, df_within)?;
    let (icc3, icc3k) = ratio(error, df_error)?;
    let value = (rows - error) / (rows + (k_real - 1.0) * error + k_real * (columns - error) / n_real);
    // Satterthwaite's degrees of freedom.
    let (f_raters, spread) = (columns / error, n_real * (1.0 + (k_real - 1.0) * value) - k_real * value);
    let top = k_real * value * f_raters + spread;
    let bottom = df_rows * k_real * k_real * value * value * f_raters * f_raters + spread * spread;
    let df = df_error * top * top / bottom;
    let (upper, lower) = (f_quantile(p, df_rows, df)?, f_quantile(p, df, df_rows)?);
    let rest = k_real * columns + (k_real * n_real - k_real - n_real) * error;
    let low = n_real * (rows - upper * error) / (upper * rest + n_real * rows);
    let high = n_real * (lower * rows - error) / (rest + n_real * lower * rows);
    let of_mean = |icc: f64| icc * k_real / (1.0 + icc * (k_real - 1.0));
    let icc2 = Icc { value, low, high, ..icc3 };
    let value = (rows - error) / (rows + (columns - error) / n_real);
    let icc2k = Icc { value, low: of_mean(low), high: of_mean(high), ..icc3 };
    let standard_error_of_measurement = libm::sqrt(error);
    Ok(IccTable { icc1, icc2, icc3, icc1k, icc2k, icc3k, standard_error_of_measurement })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_without_variance_are_errors() {
        assert_eq!(icc(&[vec![3.0, 3.0], vec![3.0, 3.0]], 0.95), Err(StatError::Constant));
        assert_eq!(icc(&[vec![1.0, 1.0], vec![2.0, 2.0]], 0.95), Err(StatError::Constant));
        assert!(icc(&[vec![1.0, 2.0]], 0.95).is_err() && icc(&[vec![1.0, 2.0], vec![1.0]], 0.95).is_err());
    }
}
