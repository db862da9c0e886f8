//! Two sets of features of the same items: linear CKA and Procrustes R squared.

use super::StatError;
use super::linalg::symmetric_eigen;

/// Inner products of the centered rows, n x n.
fn centered_gram(rows: &[Vec<f64>]) -> Result<Vec<f64>, StatError> {
    let n = rows.len();
    let width = rows.first().map_or(0, Vec::len);
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        return Err(StatError::Lengths { left: row.len(), right: width });
    }
    if rows.iter().flatten().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let means: Vec<f64> = (0..width).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / n as f64).collect();
    let centered: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&means).map(|(value, mean)| value - mean).collect()).collect();
    let mut gram = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let product: f64 = centered[i].iter().zip(&centered[j]).map(|(x, y)| x * y).sum();
            gram[i * n + j] = product;
            gram[j * n + i] = product;
        }
    }
    Ok(gram)
}

fn check(x: &[Vec<f64>], y: &[Vec<f64>]) -> Result<(), StatError> {
    if x.len() != y.len() {
        return Err(StatError::Lengths { left: x.len(), right: y.len() });
    }
    if x.len() < 2 {
        return Err(StatError::TooFew { n: x.len(), needed: 2 });
    }
    Ok(())
}

/// Linear centered kernel alignment (Kornblith et al. 2019): 0 to 1, unchanged by turning and scaling either set. With
/// more features than items it is high even for noise, so a random-weights control belongs beside it.
///
/// # Errors
/// `Lengths` for other numbers of items or ragged rows, `TooFew` below two, `NotFinite`, `Constant` if all rows of a
/// set are equal.
pub fn linear_cka(x: &[Vec<f64>], y: &[Vec<f64>]) -> Result<f64, StatError> {
    check(x, y)?;
    let (k, l) = (centered_gram(x)?, centered_gram(y)?);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
    let scale = libm::sqrt(dot(&k, &k)) * libm::sqrt(dot(&l, &l));
    if scale > 0.0 { Ok((dot(&k, &l) / scale).clamp(0.0, 1.0)) } else { Err(StatError::Constant) }
}

/// Share of variance that the best turn and scale of one set explains in the other: both centered and scaled to unit
/// size, then the squared sum of the singular values of X'Y.
///
/// # Errors
/// As [`linear_cka`].
pub fn procrustes_r2(x: &[Vec<f64>], y: &[Vec<f64>]) -> Result<f64, StatError> {
    check(x, y)?;
    let n = x.len();
    let (k, l) = (centered_gram(x)?, centered_gram(y)?);
    let trace = |gram: &[f64]| (0..n).map(|i| gram[i * n + i]).sum::<f64>();
    let size = trace(&k) * trace(&l);
    if size <= 0.0 {
        return Err(StatError::Constant);
    }
    // The singular values of X'Y are the roots of the eigenvalues of K^(1/2) L K^(1/2).
    let (values, vectors) = symmetric_eigen(&k, n)?;
    let mut root = vec![0.0; n * n];
    for (value, vector) in values.iter().zip(&vectors) {
        let value = libm::sqrt(value.max(0.0));
        for i in 0..n {
            for j in 0..n {
                root[i * n + j] += value * vector[i] * vector[j];
            }
        }
    }
    let multiply = |a: &[f64], b: &[f64]| {
        (0..n * n).map(|c| (0..n).map(|i| a[c / n * n + i] * b[i * n + c % n]).sum()).collect::<Vec<f64>>()
    };
    let (values, _) = symmetric_eigen(&multiply(&multiply(&root, &l), &root), n)?;
    // Eigenvalues that are 0 but for rounding would count by their roots.
    let floor = values.first().copied().unwrap_or(0.0) * 1e-13;
    let sum: f64 = values.iter().filter(|value| **value > floor).map(|value| libm::sqrt(*value)).sum();
    Ok((sum * sum / size).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_and_scaling_change_nothing() {
        let x = vec![vec![1.0, 2.0], vec![0.5, -1.0], vec![3.0, 0.0], vec![-2.0, 1.0]];
        let y: Vec<Vec<f64>> = x.iter().map(|row| vec![5.0 - 3.0 * row[1], 3.0 * row[0]]).collect();
        assert!((linear_cka(&x, &y).unwrap() - 1.0).abs() < 1e-12);
        assert!((procrustes_r2(&x, &y).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn features_without_variance_are_errors() {
        let x = vec![vec![1.0], vec![2.0]];
        assert_eq!(linear_cka(&x, &[vec![3.0], vec![3.0]]), Err(StatError::Constant));
        assert!(linear_cka(&x, &x[..1]).is_err() && procrustes_r2(&x, &[vec![1.0], vec![]]).is_err());
    }
}
