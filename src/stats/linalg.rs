//! The linear algebra that the statistics need: small dense symmetric matrices, row by row.

use super::StatError;

/// Eigenvalues in descending order and their unit eigenvectors, by cyclic Jacobi rotations (Golub and Van Loan,
/// section 8.5). `matrix` is `n` x `n`, symmetric, row by row. Each vector's entry of largest magnitude is positive,
/// so that the signs do not depend on the path.
///
/// # Errors
/// `Lengths` if the matrix is not n x n, `NotFinite`, `NotConverged` after 100 sweeps.
pub fn symmetric_eigen(matrix: &[f64], n: usize) -> Result<(Vec<f64>, Vec<Vec<f64>>), StatError> {
    if matrix.len() != n * n {
        return Err(StatError::Lengths { left: matrix.len(), right: n * n });
    }
    if matrix.iter().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let mut a = matrix.to_vec();
    // Row i of `v` becomes eigenvector i.
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
    }
    let total: f64 = a.iter().map(|value| value * value).sum();
    let mut sweeps = 0;
    loop {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j] * a[i * n + j]).sum();
        // What is left is rounding noise: n^2 entries of 1e-16 of the matrix's size.
        if off <= total * 1e-32 * (n * n) as f64 {
            break;
        }
        if sweeps == 100 {
            return Err(StatError::NotConverged { steps: sweeps });
        }
        sweeps += 1;
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    let vectors = order
        .iter()
        .map(|&i| {
            let row = &v[i * n..(i + 1) * n];
            let largest =
                row.iter().fold(0.0_f64, |best, x| if x.abs() > best.abs() * (1.0 + 1e-9) { *x } else { best });
            row.iter().map(|x| if largest < 0.0 { -x } else { *x }).collect()
        })
        .collect();
    Ok((values, vectors))
}

/// One Jacobi rotation that zeroes entry (p, q).
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = 1.0_f64.copysign(theta) / (theta.abs() + libm::sqrt(theta * theta + 1.0));
    let c = 1.0 / libm::sqrt(t * t + 1.0);
    let s = t * c;
    for k in 0..n {
        let (akp, akq) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * akp - s * akq;
        a[k * n + q] = s * akp + c * akq;
    }
    for k in 0..n {
        let (apk, aqk) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * apk - s * aqk;
        a[q * n + k] = s * apk + c * aqk;
        let (vpk, vqk) = (v[p * n + k], v[q * n + k]);
        v[p * n + k] = c * vpk - s * vqk;
        v[q * n + k] = s * vpk + c * vqk;
    }
    a[p * n + q] = 0.0;
    a[q * n + p] = 0.0;
}

/// The Cholesky factor of a symmetric positive definite matrix.
#[derive(Debug, Clone)]
pub struct Cholesky {
    n: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors an `n` x `n` matrix; only its lower triangle is read.
    ///
    /// # Errors
    /// `Lengths` if the matrix is not n x n, `Singular` if it is not positive definite.
    pub fn new(matrix: &[f64], n: usize) -> Result<Self, StatError> {
        if matrix.len() != n * n {
            return Err(StatError::Lengths { left: matrix.len(), right: n * n });
        }
        let mut lower = matrix.to_vec();
        for j in 0..n {
            for i in j..n {
                let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
                let rest = lower[i * n + j] - dot;
                if i == j {
                    let scale = matrix[j * n + j].abs();
                    // Written so that NaN is an error too.
                    if !(rest > scale * 1e-14 && rest.is_finite()) {
                        return Err(StatError::Singular);
                    }
                    lower[j * n + j] = libm::sqrt(rest);
                } else {
                    lower[i * n + j] = rest / lower[j * n + j];
                }
            }
        }
        Ok(Self { n, lower })
    }

    /// Solves A x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, l) = (self.n, &self.lower);
        let mut x = b.to_vec();
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
            x[i] = (x[i] - dot) / l[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / l[i * n + i];
        }
        x
    }

    /// The inverse, row by row.
    pub fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let mut inverse = vec![0.0; n * n];
        for column in 0..n {
            let mut unit = vec![0.0; n];
            unit[column] = 1.0;
            for (row, value) in self.solve(&unit).into_iter().enumerate() {
                inverse[row * n + column] = value;
            }
        }
        inverse
    }
}

/// The first node of a node's part; shortens the way there.
fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// Number of connected parts of `n` nodes joined by `edges`, and the part of each node (parts count from 0 in the order
/// of their first node).
pub fn components(n: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> (usize, Vec<usize>) {
    let mut parent: Vec<usize> = (0..n).collect();
    for (a, b) in edges {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    }
    let mut part = vec![usize::MAX; n];
    let mut parts = 0;
    for node in 0..n {
        let top = root(&mut parent, node);
        if part[top] == usize::MAX {
            part[top] = parts;
            parts += 1;
        }
        part[node] = part[top];
    }
    (parts, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let n = 5;
        let matrix: Vec<f64> = (0..n * n).map(|k| 1.0 / (1.0 + (k / n + k % n) as f64)).collect();
        let (values, vectors) = symmetric_eigen(&matrix, n).unwrap();
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
        for i in 0..n {
            for j in 0..n {
                let rebuilt: f64 = (0..n).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum();
                assert!((rebuilt - matrix[i * n + j]).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn cholesky_inverts_and_refuses() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let inverse = Cholesky::new(&matrix, 3).unwrap().inverse();
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| matrix[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        assert_eq!(Cholesky::new(&[1.0, 1.0, 1.0, 1.0], 2).err(), Some(StatError::Singular));
        assert_eq!(Cholesky::new(&[f64::NAN], 1).err(), Some(StatError::Singular));
    }

    #[test]
    fn components_are_numbered_by_their_first_node() {
        assert_eq!(components(5, [(4, 1), (2, 4)]), (3, vec![0, 1, 1, 2, 1]));
    }
}
