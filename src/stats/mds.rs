//! A map on which distances stand for dissimilarities: classical scaling and SMACOF.

use super::StatError;
use super::linalg::{Cholesky, components, symmetric_eigen};
use super::rdm::{Rdm, pair_index};

/// Points on a map and how well they fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// One point an item, all of the same number of coordinates; centered, signs and turn arbitrary.
    pub points: Vec<Vec<f64>>,
    /// Kruskal's stress-1: root of the squared misfits over the squared distances; 0 is perfect, 0.2 is poor.
    pub stress: f64,
    /// Steps taken; 0 for classical scaling.
    pub steps: usize,
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    libm::sqrt(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum())
}

/// Kruskal's (1964) stress-1 of points against the pairs that have a dissimilarity.
fn stress_1(rdm: &Rdm, points: &[Vec<f64>]) -> f64 {
    let (mut misfit, mut size) = (0.0, 0.0);
    for i in 0..points.len() {
        for j in i + 1..points.len() {
            if let Some(wanted) = rdm.get(i, j) {
                let d = distance(&points[i], &points[j]);
                misfit += (wanted - d) * (wanted - d);
                size += d * d;
            }
        }
    }
    if size > 0.0 { libm::sqrt(misfit / size) } else { 1.0 }
}

fn check_dims(rdm: &Rdm, dims: usize) -> Result<(), StatError> {
    if dims == 0 || dims >= rdm.n_items() {
        return Err(StatError::Range { what: "the number of dimensions" });
    }
    if rdm.values().iter().any(|value| *value < 0.0) {
        return Err(StatError::Range { what: "a dissimilarity" });
    }
    Ok(())
}

/// Classical scaling (Torgerson 1952): the leading eigenvectors of the doubly centered squared dissimilarities. Axes
/// beyond the positive eigenvalues are 0.
///
/// # Errors
/// `Missing` unless every pair has a value, `Range` for no dimensions, as many as items, or a negative dissimilarity.
pub fn classical(rdm: &Rdm, dims: usize) -> Result<Map, StatError> {
    check_dims(rdm, dims)?;
    rdm.complete()?;
    let n = rdm.n_items();
    let squares: Vec<f64> = rdm.square().iter().map(|value| value * value).collect();
    let means: Vec<f64> = (0..n).map(|i| squares[i * n..(i + 1) * n].iter().sum::<f64>() / n as f64).collect();
    let mean = means.iter().sum::<f64>() / n as f64;
    let gram: Vec<f64> = (0..n * n).map(|k| -0.5 * (squares[k] - means[k / n] - means[k % n] + mean)).collect();
    let (values, vectors) = symmetric_eigen(&gram, n)?;
    let points: Vec<Vec<f64>> = (0..n)
        .map(|item| (0..dims).map(|axis| vectors[axis][item] * libm::sqrt(values[axis].max(0.0))).collect())
        .collect();
    Ok(Map { stress: stress_1(rdm, &points), points, steps: 0 })
}

/// Metric scaling by majorization (SMACOF, De Leeuw 1977; Borg and Groenen 2005, chapter 8) from a start. Missing pairs
/// have no weight. Ends when a step lowers the stress by less than `epsilon` of the squared distances (as
/// scikit-learn), or after `max_steps`.
///
/// # Errors
/// `Lengths` for a start of another size, `Disconnected` if the pairs with a value leave the items in parts, and the
/// `Range` errors of [`classical`].
pub fn smacof(rdm: &Rdm, start: &[Vec<f64>], max_steps: usize, epsilon: f64) -> Result<Map, StatError> {
    let n = rdm.n_items();
    let dims = start.first().map_or(0, Vec::len);
    check_dims(rdm, dims)?;
    if start.len() != n || start.iter().any(|point| point.len() != dims) {
        return Err(StatError::Lengths { left: start.len(), right: n });
    }
    if start.iter().flatten().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let pairs: Vec<(usize, usize, f64)> = (0..n)
        .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
        .map(|(i, j)| (i, j, rdm.values()[pair_index(i, j, n)]))
        .filter(|pair| !pair.2.is_nan())
        .collect();
    let (parts, _) = components(n, pairs.iter().map(|&(i, j, _)| (i, j)));
    if parts > 1 {
        return Err(StatError::Disconnected { parts });
    }
    // The Moore-Penrose inverse of the weights' Laplacian, which is I / n when no pair is missing.
    let inverse = if pairs.len() == rdm.values().len() {
        None
    } else {
        let mut laplacian = vec![1.0 / n as f64; n * n];
        for &(i, j, _) in &pairs {
            laplacian[i * n + i] += 1.0;
            laplacian[j * n + j] += 1.0;
            laplacian[i * n + j] -= 1.0;
            laplacian[j * n + i] -= 1.0;
        }
        Some(Cholesky::new(&laplacian, n)?)
    };
    let mut points = start.to_vec();
    let mut old = f64::INFINITY;
    let mut steps = 0;
    while steps < max_steps {
        // The Guttman transform.
        let mut moved = vec![vec![0.0; dims]; n];
        for &(i, j, wanted) in &pairs {
            let d = distance(&points[i], &points[j]);
            let ratio = wanted / if d == 0.0 { 1e-5 } else { d };
            for axis in 0..dims {
                let pull = ratio * (points[i][axis] - points[j][axis]);
                moved[i][axis] += pull;
                moved[j][axis] -= pull;
            }
        }
        match &inverse {
            None => moved.iter_mut().flatten().for_each(|value| *value /= n as f64),
            Some(inverse) => {
                for axis in 0..dims {
                    let column: Vec<f64> = moved.iter().map(|point| point[axis]).collect();
                    for (point, value) in moved.iter_mut().zip(inverse.solve(&column)) {
                        point[axis] = value;
                    }
                }
            }
        }
        points = moved;
        steps += 1;
        let (mut stress, mut size) = (0.0, 0.0);
        for &(i, j, wanted) in &pairs {
            let d = distance(&points[i], &points[j]);
            stress += (wanted - d) * (wanted - d);
            size += d * d;
        }
        if (old - stress) / size < epsilon {
            break;
        }
        old = stress;
    }
    Ok(Map { stress: stress_1(rdm, &points), points, steps })
}

/// SMACOF from the classical solution; missing pairs start from the mean dissimilarity.
///
/// # Errors
/// As [`smacof`]; `TooFew` if every pair is missing.
pub fn smacof_from_classical(rdm: &Rdm, dims: usize, max_steps: usize, epsilon: f64) -> Result<Map, StatError> {
    check_dims(rdm, dims)?;
    let there: Vec<f64> = rdm.values().iter().copied().filter(|value| !value.is_nan()).collect();
    if there.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    let mean = there.iter().sum::<f64>() / there.len() as f64;
    let filled = rdm.values().iter().map(|value| if value.is_nan() { mean } else { *value }).collect();
    let start = classical(&Rdm::new(rdm.names().to_vec(), filled)?, dims)?;
    smacof(rdm, &start.points, max_steps, epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rng::Pcg32;

    fn planted(n: usize, rng: &mut Pcg32) -> (Vec<Vec<f64>>, Rdm) {
        let points: Vec<Vec<f64>> = (0..n).map(|_| vec![rng.normal(), rng.normal()]).collect();
        let mut values = Vec::new();
        for i in 0..n {
            values.extend((i + 1..n).map(|j| distance(&points[i], &points[j])));
        }
        (points, Rdm::from_values(values).unwrap())
    }

    #[test]
    fn flat_maps_are_recovered() {
        let (_, rdm) = planted(15, &mut Pcg32::new(1));
        let found = classical(&rdm, 2).unwrap();
        assert!(found.stress < 1e-12, "{}", found.stress);
    }

    #[test]
    fn missing_pairs_do_not_bend_the_map() {
        let mut rng = Pcg32::new(2);
        let (_, rdm) = planted(15, &mut rng);
        let values = rdm.values().iter().map(|value| if rng.below(4) == 0 { f64::NAN } else { *value }).collect();
        let partial = Rdm::from_values(values).unwrap();
        assert!(partial.n_missing() > 10);
        assert!(matches!(classical(&partial, 2), Err(StatError::Missing { .. })));
        let found = smacof_from_classical(&partial, 2, 5000, 1e-14).unwrap();
        assert!(stress_1(&rdm, &found.points) < 1e-3, "{} {}", found.steps, stress_1(&rdm, &found.points));
    }

    #[test]
    fn impossible_requests_are_errors() {
        let rdm = Rdm::from_values(vec![1.0, 2.0, 3.0]).unwrap();
        assert!(classical(&rdm, 0).is_err() && classical(&rdm, 3).is_err());
        let nan = f64::NAN;
        let parts = Rdm::from_values(vec![1.0, nan, nan, nan, nan, 1.0]).unwrap();
        assert_eq!(smacof_from_classical(&parts, 1, 10, 1e-6), Err(StatError::Disconnected { parts: 2 }));
        assert!(classical(&Rdm::from_values(vec![-1.0, 2.0, 3.0]).unwrap(), 1).is_err());
    }
}
