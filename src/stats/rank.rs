//! Agreement of two orders: Spearman's rho and Kendall's tau-b, both with ties.

use super::StatError;

fn check_pairs(x: &[f64], y: &[f64]) -> Result<(), StatError> {
    if x.len() != y.len() {
        return Err(StatError::Lengths { left: x.len(), right: y.len() });
    }
    if x.len() < 2 {
        return Err(StatError::TooFew { n: x.len(), needed: 2 });
    }
    if x.iter().chain(y).any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    Ok(())
}

/// Ranks from 1; equal values share the mean of their ranks. Values must be finite.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        // Ranks start+1 ..= end share their mean.
        let shared = (start + 1 + end) as f64 / 2.0;
        for &place in &order[start..end] {
            ranks[place] = shared;
        }
        start = end;
    }
    ranks
}

/// Pearson's correlation of paired values.
///
/// # Errors
/// Unequal lengths, fewer than two pairs, a value that is not finite, or a constant list.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (da, db) = (a - mean_x, b - mean_y);
        xx += da * da;
        yy += db * db;
        xy += da * db;
    }
    let constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if constant(x) || constant(y) || xx == 0.0 || yy == 0.0 {
        return Err(StatError::Constant);
    }
    // One root of the product is exact for perfect agreement of ranks; two roots keep very large and very small
    // values in range.
    let product = xx * yy;
    let scale = if product.is_normal() { libm::sqrt(product) } else { libm::sqrt(xx) * libm::sqrt(yy) };
    let value = xy / scale;
    if value.is_finite() { Ok(value.clamp(-1.0, 1.0)) } else { Err(StatError::NotFinite) }
}

/// Spearman's rho: Pearson's correlation of mid-ranks.
///
/// # Errors
/// As [`pearson`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    pearson(&mid_ranks(x), &mid_ranks(y))
}

/// Kendall's tau-b: concordant minus discordant pairs over the geometric mean of the pairs not tied in each list
/// (Kendall 1945). Quadratic in the number of values.
///
/// # Errors
/// As [`pearson`].
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    let (mut concordance, mut untied_x, mut untied_y) = (0_i64, 0_u64, 0_u64);
    for j in 1..x.len() {
        for i in 0..j {
            let by_x = x[i].partial_cmp(&x[j]).map_or(0, |order| order as i64);
            let by_y = y[i].partial_cmp(&y[j]).map_or(0, |order| order as i64);
            concordance += by_x * by_y;
            untied_x += by_x.unsigned_abs();
            untied_y += by_y.unsigned_abs();
        }
    }
    if untied_x == 0 || untied_y == 0 {
        return Err(StatError::Constant);
    }
    let value = concordance as f64 / libm::sqrt(untied_x as f64 * untied_y as f64);
    Ok(value.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Statistic = fn(&[f64], &[f64]) -> Result<f64, StatError>;
    const STATISTICS: [Statistic; 3] = [pearson, spearman, kendall_tau_b];

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(mid_ranks(&[1.0, 2.0, 2.0, 3.0, 4.0, 4.0]), [1.0, 2.5, 2.5, 4.0, 5.5, 5.5]);
        assert_eq!(mid_ranks(&[0.0, -0.0]), [1.5, 1.5]);
    }

    #[test]
    fn undefined_input_is_an_error_and_never_nan() {
        for statistic in STATISTICS {
            assert_eq!(statistic(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), Err(StatError::Constant));
            assert_eq!(statistic(&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]), Err(StatError::Constant));
            assert_eq!(statistic(&[], &[]), Err(StatError::TooFew { n: 0, needed: 2 }));
            assert_eq!(statistic(&[1.0, 2.0], &[1.0]), Err(StatError::Lengths { left: 2, right: 1 }));
            assert_eq!(statistic(&[1.0, f64::NAN], &[1.0, 2.0]), Err(StatError::NotFinite));
            assert_eq!(statistic(&[1.0, f64::INFINITY], &[1.0, 2.0]), Err(StatError::NotFinite));
        }
    }

    #[test]
    fn a_reversed_order_is_minus_one_and_swapping_changes_nothing() {
        let (x, y) = ([1.0, 2.0, 5.0, 9.0], [8.0, 6.0, 3.0, 1.0]);
        assert_eq!(spearman(&x, &y), Ok(-1.0));
        assert_eq!(kendall_tau_b(&x, &y), Ok(-1.0));
        let z = [2.0, 2.0, 1.0, 7.0];
        for statistic in STATISTICS {
            assert_eq!(statistic(&x, &z), statistic(&z, &x));
        }
    }
}
