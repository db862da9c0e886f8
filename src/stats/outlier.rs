//! How far a vector lies from a set of others: Mahalanobis distance with a shrunk covariance, the distance to the k-th
//! nearest, and the mean over partitions into more and more groups.
//!
//! Vectors are longer than the set is large (1280 features of some dozens of pictures), so that a plain covariance has no
//! inverse. It is shrunk toward a multiple of the identity (Ledoit and Wolf 2004), and everything is computed by the
//! n x n matrix of inner products.

use super::StatError;
use super::linalg::Cholesky;

/// Most rounds of k-means.
const MAX_ROUNDS: usize = 300;
/// Least weight of the identity, so that the covariance always has an inverse.
const LEAST_SHRINKAGE: f64 = 1e-6;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Number of values of each row, which must be the same and finite.
fn width(rows: &[Vec<f64>]) -> Result<usize, StatError> {
    let Some(first) = rows.first().filter(|row| !row.is_empty()) else {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    };
    for row in rows {
        if row.len() != first.len() {
            return Err(StatError::Lengths { left: first.len(), right: row.len() });
        }
        if row.iter().any(|value| !value.is_finite()) {
            return Err(StatError::NotFinite);
        }
    }
    Ok(first.len())
}

/// The weight of the identity and its factor mu = tr(S) / p for centered rows (Ledoit and Wolf 2004, as
/// scikit-learn's `ledoit_wolf` has it): the covariance is (1 - weight) S + weight mu I.
fn ledoit_wolf(gram: &[f64], n: usize, p: usize) -> (f64, f64) {
    let (n_f, p_f) = (n as f64, p as f64);
    let mu = (0..n).map(|i| gram[i * n + i]).sum::<f64>() / n_f / p_f;
    let fourth: f64 = (0..n).map(|i| gram[i * n + i] * gram[i * n + i]).sum();
    let squares = gram.iter().map(|value| value * value).sum::<f64>() / (n_f * n_f);
    let beta = (fourth / n_f - squares) / (p_f * n_f);
    let delta = (squares - mu * mu * p_f) / p_f;
    let beta = beta.min(delta);
    (if beta <= 0.0 || delta <= 0.0 { 0.0 } else { beta / delta }, mu)
}

/// Means of groups and one covariance that they share.
#[derive(Debug, Clone)]
pub struct Mahalanobis {
    means: Vec<Vec<f64>>,
    /// Rows minus their group's mean.
    residuals: Vec<Vec<f64>>,
    /// Weight of the identity in the covariance, times mu.
    identity: f64,
    /// Of (identity n / (1 - weight)) I + X X^T; none where the covariance is the identity alone.
    factor: Option<Cholesky>,
    /// Weight of the identity.
    shrinkage: f64,
}

impl Mahalanobis {
    /// From rows and the group of each, 0 to the number of groups minus one.
    ///
    /// # Errors
    /// No rows, rows of different length, values that are not finite, another number of groups, a group without rows.
    pub fn new(rows: &[Vec<f64>], groups: &[usize]) -> Result<Self, StatError> {
        let p = width(rows)?;
        let n = rows.len();
        if groups.len() != n {
            return Err(StatError::Lengths { left: n, right: groups.len() });
        }
        let n_groups = groups.iter().max().map_or(0, |most| most + 1);
        let mut means = vec![vec![0.0; p]; n_groups];
        let mut counts = vec![0_usize; n_groups];
        for (row, group) in rows.iter().zip(groups) {
            counts[*group] += 1;
            for (sum, value) in means[*group].iter_mut().zip(row) {
                *sum += value;
            }
        }
        if counts.contains(&0) {
            return Err(StatError::TooFew { n: 0, needed: 1 });
        }
        for (mean, count) in means.iter_mut().zip(&counts) {
            for value in mean {
                *value /= *count as f64;
            }
        }
        let residuals: Vec<Vec<f64>> = rows
            .iter()
            .zip(groups)
            .map(|(row, group)| row.iter().zip(&means[*group]).map(|(value, mean)| value - mean).collect())
            .collect();
        let mut gram = vec![0.0; n * n];
        for (i, a) in residuals.iter().enumerate() {
            for (j, b) in residuals.iter().enumerate().take(i + 1) {
                let product = dot(a, b);
                gram[i * n + j] = product;
                gram[j * n + i] = product;
            }
        }
        let (shrinkage, mu) = ledoit_wolf(&gram, n, p);
        if mu == 0.0 {
            // No row differs from its mean: plain distance.
            return Ok(Self { means, residuals, identity: 1.0, factor: None, shrinkage: 1.0 });
        }
        let shrinkage = shrinkage.max(LEAST_SHRINKAGE);
        let identity = shrinkage * mu;
        if shrinkage >= 1.0 {
            return Ok(Self { means, residuals, identity, factor: None, shrinkage });
        }
        for i in 0..n {
            gram[i * n + i] += identity * n as f64 / (1.0 - shrinkage);
        }
        let factor = Some(Cholesky::new(&gram, n)?);
        Ok(Self { means, residuals, identity, factor, shrinkage })
    }

    /// Weight of the identity in the covariance, 0 to 1: near 1, the distance is nearly the plain one.
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// The squared distance to the nearest group's mean.
    ///
    /// # Errors
    /// A vector of another length, values that are not finite.
    pub fn squared(&self, vector: &[f64]) -> Result<f64, StatError> {
        let p = self.means.first().map_or(0, Vec::len);
        if vector.len() != p {
            return Err(StatError::Lengths { left: p, right: vector.len() });
        }
        // A minimum would pass over what is not a number.
        if vector.iter().any(|value| !value.is_finite()) {
            return Err(StatError::NotFinite);
        }
        let mut least = f64::INFINITY;
        for mean in &self.means {
            let difference: Vec<f64> = vector.iter().zip(mean).map(|(value, mean)| value - mean).collect();
            let mut squared = dot(&difference, &difference);
            if let Some(factor) = &self.factor {
                // The Woodbury identity: a I + b X^T X has the inverse (I - X^T (a/b I + X X^T)^-1 X) / a.
                let products: Vec<f64> = self.residuals.iter().map(|row| dot(row, &difference)).collect();
                squared -= dot(&products, &factor.solve(&products));
            }
            least = least.min(squared.max(0.0) / self.identity);
        }
        if least.is_finite() { Ok(least) } else { Err(StatError::NotFinite) }
    }
}

/// A row of length one.
///
/// # Errors
/// A row of zeros or of values that are not finite.
pub fn normalized(row: &[f64]) -> Result<Vec<f64>, StatError> {
    let length = libm::sqrt(dot(row, row));
    if !length.is_finite() {
        return Err(StatError::NotFinite);
    }
    if length == 0.0 {
        return Err(StatError::Constant);
    }
    Ok(row.iter().map(|value| value / length).collect())
}

/// Euclidean distance to the k-th nearest row (k from 1), or to the farthest if there are fewer.
///
/// # Errors
/// No rows, rows of another length, values that are not finite.
pub fn kth_nearest(rows: &[Vec<f64>], vector: &[f64], k: usize) -> Result<f64, StatError> {
    let p = width(rows)?;
    if p != vector.len() {
        return Err(StatError::Lengths { left: p, right: vector.len() });
    }
    if vector.iter().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let mut squared: Vec<f64> = rows.iter().map(|row| squared_distance(row, vector)).collect();
    squared.sort_by(f64::total_cmp);
    Ok(libm::sqrt(squared[(k.max(1) - 1).min(rows.len() - 1)]))
}

fn nearest(centers: &[Vec<f64>], row: &[f64]) -> (usize, f64) {
    let distances = centers.iter().map(|center| squared_distance(center, row));
    distances.enumerate().fold((0, f64::INFINITY), |best, it| if it.1 < best.1 { it } else { best })
}

/// k-means by Lloyd's rounds until no row changes its group. No chance is in it: the first center is the row nearest
/// to the mean, each further one the row farthest from those before (Gonzalez 1985). Groups that lose every row are
/// dropped, so that there may be fewer than k.
///
/// # Errors
/// No rows, rows of different length, values that are not finite, k of zero.
pub fn k_means(rows: &[Vec<f64>], k: usize) -> Result<Vec<usize>, StatError> {
    let p = width(rows)?;
    if k == 0 {
        return Err(StatError::Range { what: "the number of groups" });
    }
    let mean = |of: &[&Vec<f64>]| -> Vec<f64> {
        (0..p).map(|at| of.iter().map(|row| row[at]).sum::<f64>() / of.len() as f64).collect()
    };
    let all: Vec<&Vec<f64>> = rows.iter().collect();
    let middle = mean(&all);
    let first = nearest(rows, &middle).0;
    let mut centers = vec![rows[first].clone()];
    while centers.len() < k.min(rows.len()) {
        let farthest = rows
            .iter()
            .map(|row| nearest(&centers, row).1)
            .enumerate()
            .fold((0, 0.0), |best, it| if it.1 > best.1 { it } else { best });
        if farthest.1 == 0.0 {
            break;
        }
        centers.push(rows[farthest.0].clone());
    }
    let mut groups: Vec<usize> = vec![usize::MAX; rows.len()];
    for _ in 0..MAX_ROUNDS {
        let found: Vec<usize> = rows.iter().map(|row| nearest(&centers, row).0).collect();
        if found == groups {
            break;
        }
        groups = found;
        for (group, center) in centers.iter_mut().enumerate() {
            let own: Vec<&Vec<f64>> =
                rows.iter().zip(&groups).filter(|(_, it)| **it == group).map(|(row, _)| row).collect();
            if !own.is_empty() {
                *center = mean(&own);
            }
        }
    }
    let mut names: Vec<usize> = groups.clone();
    names.sort_unstable();
    names.dedup();
    Ok(groups.iter().map(|group| names.binary_search(group).unwrap_or_default()).collect())
}

/// TAPUDD (Dua et al. 2023): the mean over partitions into 1, 2, ... groups of the squared Mahalanobis distance to the
/// nearest group.
#[derive(Debug, Clone)]
pub struct Tapudd {
    partitions: Vec<Mahalanobis>,
}

impl Tapudd {
    /// Partitions into 1 to `most` groups by [`k_means`]. The paper fits Gaussian mixtures, which need more rows than
    /// values.
    ///
    /// # Errors
    /// Those of [`k_means`] and [`Mahalanobis::new`].
    pub fn new(rows: &[Vec<f64>], most: usize) -> Result<Self, StatError> {
        let partitions: Result<Vec<Mahalanobis>, StatError> =
            (1..=most.max(1)).map(|k| Mahalanobis::new(rows, &k_means(rows, k)?)).collect();
        Ok(Self { partitions: partitions? })
    }

    /// The mean squared distance.
    ///
    /// # Errors
    /// Those of [`Mahalanobis::squared`].
    pub fn squared(&self, vector: &[f64]) -> Result<f64, StatError> {
        let mut sum = 0.0;
        for partition in &self.partitions {
            sum += partition.squared(vector)?;
        }
        Ok(sum / self.partitions.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_differ_have_plain_distances() {
        let rows = vec![vec![1.0, 2.0]; 3];
        let fitted = Mahalanobis::new(&rows, &[0, 0, 0]).unwrap();
        assert_eq!(fitted.squared(&[4.0, 6.0]).unwrap(), 25.0);
        assert_eq!(k_means(&rows, 2).unwrap(), [0, 0, 0]);
        assert_eq!(Tapudd::new(&rows, 3).unwrap().squared(&[4.0, 6.0]).unwrap(), 25.0);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert!(Mahalanobis::new(&[], &[]).is_err());
        assert!(Mahalanobis::new(&[vec![1.0], vec![2.0, 3.0]], &[0, 0]).is_err());
        assert!(Mahalanobis::new(&[vec![1.0], vec![2.0]], &[0, 2]).is_err());
        let fitted = Mahalanobis::new(&[vec![1.0, 0.0], vec![2.0, 1.0]], &[0, 0]).unwrap();
        assert!(fitted.squared(&[1.0]).is_err() && fitted.squared(&[f64::NAN, 0.0]).is_err());
        assert!(normalized(&[0.0, 0.0]).is_err() && k_means(&[vec![1.0]], 0).is_err());
        assert!(kth_nearest(&[vec![1.0]], &[1.0, 2.0], 1).is_err());
    }
}
