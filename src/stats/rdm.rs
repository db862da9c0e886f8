//! Representational dissimilarity matrices: the upper triangle, row by row, with missing pairs.

use super::StatError;

/// Number of pairs of `n` items.
pub fn pair_count(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Place of the pair (i, j) of `n` items in the upper triangle, row by row. `i` and `j` must differ and be below `n`.
pub fn pair_index(i: usize, j: usize, n: usize) -> usize {
    let (i, j) = if i < j { (i, j) } else { (j, i) };
    i * (2 * n - i - 1) / 2 + j - i - 1
}

/// Number of items of an upper triangle with this many pairs; `None` if there is none.
pub fn item_count(pairs: usize) -> Option<usize> {
    let n = libm::floor(f64::midpoint(1.0, libm::sqrt(1.0 + 8.0 * pairs as f64))) as usize;
    (pairs > 0 && pair_count(n) == pairs).then_some(n)
}

/// A dissimilarity for every pair of items; NaN where a pair has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Rdm {
    names: Vec<String>,
    values: Vec<f64>,
}

impl Rdm {
    /// From names and the upper triangle, row by row; NaN is a missing pair. Names need not be unique.
    ///
    /// # Errors
    /// `TooFew` below two items, `Lengths` unless there are n(n-1)/2 values, `NotFinite` for an infinite value.
    pub fn new(names: Vec<String>, values: Vec<f64>) -> Result<Self, StatError> {
        if names.len() < 2 {
            return Err(StatError::TooFew { n: names.len(), needed: 2 });
        }
        if values.len() != pair_count(names.len()) {
            return Err(StatError::Lengths { left: values.len(), right: pair_count(names.len()) });
        }
        if values.iter().any(|value| value.is_infinite()) {
            return Err(StatError::NotFinite);
        }
        Ok(Self { names, values })
    }

    /// From the upper triangle alone; the items are named 1, 2, ...
    ///
    /// # Errors
    /// `Range` if the length is not a number of pairs; else as [`Self::new`].
    pub fn from_values(values: Vec<f64>) -> Result<Self, StatError> {
        let n = item_count(values.len()).ok_or(StatError::Range { what: "the number of pairs" })?;
        Self::new((1..=n).map(|item| item.to_string()).collect(), values)
    }

    /// From a square matrix, row by row; the diagonal is not read. Where only one of two mirrored cells has a value it
    /// is taken, where both have one they are averaged.
    ///
    /// # Errors
    /// `Lengths` if the matrix is not square, else as [`Self::new`].
    pub fn from_square(names: Vec<String>, matrix: &[f64]) -> Result<Self, StatError> {
        let n = names.len();
        if matrix.len() != n * n {
            return Err(StatError::Lengths { left: matrix.len(), right: n * n });
        }
        let mut values = Vec::with_capacity(pair_count(n));
        for i in 0..n {
            for j in i + 1..n {
                let (upper, lower) = (matrix[i * n + j], matrix[j * n + i]);
                values.push(match (upper.is_nan(), lower.is_nan()) {
                    (false, false) => 0.5 * (upper + lower),
                    (false, true) => upper,
                    _ => lower,
                });
            }
        }
        Self::new(names, values)
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.names.len()
    }

    /// The items' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The upper triangle, row by row; NaN is missing.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The dissimilarity of two items: `None` if the pair has none, 0 on the diagonal.
    pub fn get(&self, i: usize, j: usize) -> Option<f64> {
        let n = self.n_items();
        if i >= n || j >= n {
            return None;
        }
        if i == j {
            return Some(0.0);
        }
        Some(self.values[pair_index(i, j, n)]).filter(|value| !value.is_nan())
    }

    /// Pairs without a value.
    pub fn n_missing(&self) -> usize {
        self.values.iter().filter(|value| value.is_nan()).count()
    }

    /// The values, if no pair is missing.
    ///
    /// # Errors
    /// `Missing` with their number.
    pub fn complete(&self) -> Result<&[f64], StatError> {
        match self.n_missing() {
            0 => Ok(&self.values),
            n => Err(StatError::Missing { n }),
        }
    }

    /// The square matrix, row by row, 0 on the diagonal, NaN where missing.
    pub fn square(&self) -> Vec<f64> {
        let n = self.n_items();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in i + 1..n {
                let value = self.values[pair_index(i, j, n)];
                matrix[i * n + j] = value;
                matrix[j * n + i] = value;
            }
        }
        matrix
    }

    /// These items in this order. An item may be taken more than once, as a bootstrap does; it has no value with its
    /// own copy.
    ///
    /// # Errors
    /// `Range` for an unknown item, `TooFew` below two.
    pub fn take(&self, items: &[usize]) -> Result<Self, StatError> {
        let n = self.n_items();
        if items.iter().any(|&item| item >= n) {
            return Err(StatError::Range { what: "an item" });
        }
        let mut values = Vec::with_capacity(pair_count(items.len()));
        for (place, &i) in items.iter().enumerate() {
            for &j in &items[place + 1..] {
                values.push(if i == j { f64::NAN } else { self.values[pair_index(i, j, n)] });
            }
        }
        Self::new(items.iter().map(|&item| self.names[item].clone()).collect(), values)
    }
}

/// Mean of several RDMs over the same items, each pair over those that have it, and how many did (0: missing).
///
/// # Errors
/// `TooFew` for no RDMs, `Lengths` if they differ in size.
pub fn mean_rdm(rdms: &[Rdm]) -> Result<(Rdm, Vec<usize>), StatError> {
    let first = rdms.first().ok_or(StatError::TooFew { n: 0, needed: 1 })?;
    let rows: Vec<&[f64]> = rdms.iter().map(Rdm::values).collect();
    let (values, counts) = mean_values(&rows)?;
    Ok((Rdm { names: first.names.clone(), values }, counts))
}

/// Mean of each column over the rows that have a value, and how many do.
pub(super) fn mean_values(rows: &[&[f64]]) -> Result<(Vec<f64>, Vec<usize>), StatError> {
    let first = rows.first().ok_or(StatError::TooFew { n: 0, needed: 1 })?;
    let mut sums = vec![0.0; first.len()];
    let mut counts = vec![0_usize; first.len()];
    for row in rows {
        if row.len() != first.len() {
            return Err(StatError::Lengths { left: row.len(), right: first.len() });
        }
        for ((sum, count), value) in sums.iter_mut().zip(&mut counts).zip(*row) {
            if !value.is_nan() {
                *sum += value;
                *count += 1;
            }
        }
    }
    for (sum, count) in sums.iter_mut().zip(&counts) {
        *sum = if *count > 0 { *sum / *count as f64 } else { f64::NAN };
    }
    Ok((sums, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_row_by_row() {
        let n = 5;
        let mut place = 0;
        for i in 0..n {
            for j in i + 1..n {
                assert_eq!((pair_index(i, j, n), pair_index(j, i, n)), (place, place));
                place += 1;
            }
        }
        assert_eq!(place, pair_count(n));
        assert_eq!((item_count(10), item_count(11), item_count(0), item_count(1)), (Some(5), None, None, Some(2)));
    }

    #[test]
    fn bad_shapes_are_errors() {
        assert!(Rdm::from_values(vec![1.0, 2.0]).is_err());
        assert!(Rdm::new(vec!["a".to_owned()], vec![]).is_err());
        assert_eq!(Rdm::from_values(vec![f64::INFINITY]), Err(StatError::NotFinite));
        assert!(Rdm::from_square(vec!["a".to_owned(), "b".to_owned()], &[0.0; 3]).is_err());
    }

    #[test]
    fn mirrored_cells_are_merged_and_copies_are_missing() {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let nan = f64::NAN;
        let rdm = Rdm::from_square(names, &[9.0, 1.0, nan, 3.0, 9.0, nan, 5.0, nan, 9.0]).unwrap();
        assert_eq!(
            (rdm.get(0, 1), rdm.get(2, 0), rdm.get(1, 2), rdm.get(1, 1)),
            (Some(2.0), Some(5.0), None, Some(0.0))
        );
        assert_eq!(rdm.n_missing(), 1);
        let taken = rdm.take(&[1, 1, 0]).unwrap();
        assert!(taken.values()[0].is_nan());
        assert_eq!(&taken.values()[1..], [2.0, 2.0]);
    }

    #[test]
    fn means_skip_what_is_missing() {
        let rdm = |values: [f64; 3]| Rdm::from_values(values.to_vec()).unwrap();
        let (mean, counts) = mean_rdm(&[rdm([1.0, f64::NAN, f64::NAN]), rdm([3.0, 4.0, f64::NAN])]).unwrap();
        assert_eq!(&mean.values()[..2], [2.0, 4.0]);
        assert!(mean.values()[2].is_nan());
        assert_eq!(counts, [2, 1, 0]);
    }
}
