//! Agreement on categories beyond chance: Cohen's and Fleiss' kappa.

use super::StatError;

/// How much a disagreement between category i and j counts in Cohen's kappa.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// All alike.
    Unweighted,
    /// |i - j|, for ordered categories.
    Linear,
    /// (i - j)^2, for ordered categories.
    Quadratic,
}

/// Cohen's (1960) kappa of two raters; `a` and `b` hold category numbers from 0, one an item.
///
/// # Errors
/// `Lengths`, `TooFew` for no items, `Constant` if both raters used one and the same category throughout, `Range` above
/// 10,000 categories.
pub fn cohen(a: &[usize], b: &[usize], weighting: Weighting) -> Result<f64, StatError> {
    if a.len() != b.len() {
        return Err(StatError::Lengths { left: a.len(), right: b.len() });
    }
    let n = a.len();
    let k = a.iter().chain(b).max().ok_or(StatError::TooFew { n: 0, needed: 1 })? + 1;
    if k > 10_000 {
        return Err(StatError::Range { what: "the number of categories" });
    }
    let (mut count_a, mut count_b) = (vec![0.0; k], vec![0.0; k]);
    let cost = |i: usize, j: usize| {
        let gap = i.abs_diff(j) as f64;
        match weighting {
            Weighting::Unweighted => f64::from(u8::from(i != j)),
            Weighting::Linear => gap,
            Weighting::Quadratic => gap * gap,
        }
    };
    let mut observed = 0.0;
    for (&i, &j) in a.iter().zip(b) {
        count_a[i] += 1.0;
        count_b[j] += 1.0;
        observed += cost(i, j);
    }
    let mut expected = 0.0;
    for (i, in_a) in count_a.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        for (j, in_b) in count_b.iter().enumerate() {
            expected += cost(i, j) * in_a * in_b;
        }
    }
    expected /= n as f64;
    if expected == 0.0 { Err(StatError::Constant) } else { Ok(1.0 - observed / expected) }
}

/// Fleiss' (1971) kappa; one row an item, one count a category, the same number of ratings in every row.
///
/// # Errors
/// `TooFew` for no items or below two ratings an item, `Lengths` for ragged rows or other numbers of ratings,
/// `Constant` if only one category was used.
pub fn fleiss(counts: &[Vec<u32>]) -> Result<f64, StatError> {
    let first = counts.first().ok_or(StatError::TooFew { n: 0, needed: 1 })?;
    let ratings: u32 = first.iter().sum();
    if ratings < 2 {
        return Err(StatError::TooFew { n: ratings as usize, needed: 2 });
    }
    let mut totals = vec![0.0; first.len()];
    let mut agreement = 0.0;
    for row in counts {
        let sum: u32 = row.iter().sum();
        if row.len() != first.len() || sum != ratings {
            return Err(StatError::Lengths { left: sum as usize, right: ratings as usize });
        }
        for (total, &count) in totals.iter_mut().zip(row) {
            let count = f64::from(count);
            *total += count;
            agreement += count * (count - 1.0);
        }
    }
    let (items, ratings) = (counts.len() as f64, f64::from(ratings));
    let observed = agreement / (items * ratings * (ratings - 1.0));
    let expected: f64 = totals.iter().map(|total| total / (items * ratings)).map(|share| share * share).sum();
    if totals.iter().filter(|total| **total > 0.0).count() < 2 {
        return Err(StatError::Constant);
    }
    Ok((observed - expected) / (1.0 - expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variance_has_no_kappa() {
        assert_eq!(cohen(&[1, 1], &[1, 1], Weighting::Unweighted), Err(StatError::Constant));
        assert_eq!(fleiss(&[vec![3, 0], vec![3, 0]]), Err(StatError::Constant));
        assert!(fleiss(&[vec![3, 0], vec![2, 0]]).is_err() && fleiss(&[]).is_err());
        assert!(cohen(&[], &[], Weighting::Linear).is_err());
        assert!(cohen(&[usize::MAX - 1], &[0], Weighting::Linear).is_err());
    }
}
