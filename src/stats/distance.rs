//! From feature vectors to an RDM.

use super::StatError;
use super::rdm::{Rdm, pair_count};

/// How far apart two feature vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// 1 - cosine of the angle.
    Cosine,
    /// 1 - Pearson's correlation over features.
    Correlation,
    /// Euclidean distance.
    Euclidean,
}

/// Distances of all pairs of rows, one row of features an item. With `center`, the mean vector is taken off first:
/// hidden states of small models share one dominant direction.
///
/// # Errors
/// `Lengths` for ragged rows or names, `NotFinite`, `Constant` for a row without direction under a metric that needs
/// one, `TooFew` below two rows.
pub fn rdm_from_features(
    names: Vec<String>,
    rows: &[Vec<f64>],
    metric: Metric,
    center: bool,
) -> Result<Rdm, StatError> {
    if names.len() != rows.len() {
        return Err(StatError::Lengths { left: names.len(), right: rows.len() });
    }
    let width = rows.first().map_or(0, Vec::len);
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        return Err(StatError::Lengths { left: row.len(), right: width });
    }
    if rows.iter().flatten().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let mut rows = rows.to_vec();
    if center {
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..width).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / n).collect();
        for row in &mut rows {
            for (value, mean) in row.iter_mut().zip(&mean) {
                *value -= mean;
            }
        }
    }
    if metric == Metric::Correlation {
        for row in &mut rows {
            let mean = row.iter().sum::<f64>() / width as f64;
            if row.iter().all(|value| *value == row[0]) {
                return Err(StatError::Constant);
            }
            for value in row {
                *value -= mean;
            }
        }
    }
    if metric != Metric::Euclidean {
        for row in &mut rows {
            let norm = libm::sqrt(row.iter().map(|value| value * value).sum());
            if norm == 0.0 {
                return Err(StatError::Constant);
            }
            for value in row {
                *value /= norm;
            }
        }
    }
    let mut values = Vec::with_capacity(pair_count(rows.len()));
    for (i, a) in rows.iter().enumerate() {
        for b in &rows[i + 1..] {
            values.push(if metric == Metric::Euclidean {
                libm::sqrt(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum())
            } else {
                (1.0 - a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>()).max(0.0)
            });
        }
    }
    Rdm::new(names, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_directions_are_errors() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let rows = [vec![0.0, 0.0], vec![1.0, 2.0]];
        assert_eq!(rdm_from_features(names(), &rows, Metric::Cosine, false), Err(StatError::Constant));
        assert_eq!(rdm_from_features(names(), &rows, Metric::Correlation, false), Err(StatError::Constant));
        assert!(rdm_from_features(names(), &rows, Metric::Euclidean, false).is_ok());
        assert!(rdm_from_features(names(), &[vec![1.0], vec![1.0, 2.0]], Metric::Euclidean, false).is_err());
    }
}
