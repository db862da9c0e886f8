//! Agreement of two lists: Pearson's r, Spearman's rho, rho-a, Kendall's tau-a and tau-b, all with ties.
//!
//! Rho-a and tau-a do not reward tied predictions; use them where a model predicts ties (Nili et al. 2014).

use super::StatError;

pub(super) fn check_pairs(x: &[f64], y: &[f64]) -> Result<(), StatError> {
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
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for run in Ordering::of(values).runs() {
        // Ranks start+1 ..= start+len share their mean.
        let shared = start as f64 + (run.len() + 1) as f64 / 2.0;
        for &place in run {
            ranks[place] = shared;
        }
        start += run.len();
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

/// Rho-a: Spearman's rho expected when ties are broken at random (Schütt et al. 2023).
///
/// # Errors
/// As [`pearson`], but constant lists give 0.
pub fn rho_a(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    let n = x.len() as f64;
    let mean = 0.5 * (n + 1.0);
    let product: f64 = mid_ranks(x).iter().zip(mid_ranks(y)).map(|(a, b)| (a - mean) * (b - mean)).sum();
    Ok(12.0 * product / (n * n * n - n))
}

/// Kendall's tau-a: concordant minus discordant pairs over all pairs; ties count as neither (Kendall 1938).
///
/// # Errors
/// As [`pearson`], but constant lists give 0.
pub fn kendall_tau_a(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    let mut scratch = Vec::new();
    let sum = concordance(&Ordering::of(y), &dense_ranks(x), &|_| 1, &mut scratch);
    let n = x.len() as f64;
    Ok(sum as f64 / (0.5 * n * (n - 1.0)))
}

/// Kendall's tau-b: concordant minus discordant pairs over the geometric mean of the pairs not tied in each list
/// (Kendall 1945).
///
/// # Errors
/// As [`pearson`].
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    check_pairs(x, y)?;
    let (order_x, order_y) = (Ordering::of(x), Ordering::of(y));
    let (untied_x, untied_y) = (order_x.untied(&|_| 1), order_y.untied(&|_| 1));
    if untied_x == 0 || untied_y == 0 {
        return Err(StatError::Constant);
    }
    let mut scratch = Vec::new();
    let sum = concordance(&order_y, &order_x.dense_ranks(), &|_| 1, &mut scratch);
    let value = sum as f64 / libm::sqrt(untied_x as f64 * untied_y as f64);
    Ok(value.clamp(-1.0, 1.0))
}

/// The places of a list in ascending order, and where runs of equal values end.
#[derive(Debug, Clone)]
pub(super) struct Ordering {
    /// Places, by ascending value.
    pub(super) order: Vec<usize>,
    /// End of each run of equal values in `order`.
    pub(super) ends: Vec<usize>,
}

impl Ordering {
    /// Of finite values.
    pub(super) fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        // `total_cmp` parts 0 and -0, which are equal.
        order.sort_by(|&a, &b| (values[a] + 0.0).total_cmp(&(values[b] + 0.0)));
        let mut ends = Vec::new();
        for (place, &index) in order.iter().enumerate().skip(1) {
            if values[index] != values[order[place - 1]] {
                ends.push(place);
            }
        }
        if !order.is_empty() {
            ends.push(order.len());
        }
        Self { order, ends }
    }

    /// Runs of equal values, ascending.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[usize]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let run = &self.order[start..end];
            start = end;
            run
        })
    }

    /// Ranks from 0 without gaps; equal values share one.
    fn dense_ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.order.len()];
        for (rank, run) in self.runs().enumerate() {
            for &place in run {
                ranks[place] = rank as u32;
            }
        }
        ranks
    }

    /// Pairs of observations with different values, each observation standing `weight` times.
    pub(super) fn untied(&self, weight: &dyn Fn(usize) -> u32) -> i64 {
        let (mut before, mut untied) = (0_i64, 0_i64);
        for run in self.runs() {
            let mass: i64 = run.iter().map(|&place| i64::from(weight(place))).sum();
            untied += before * mass;
            before += mass;
        }
        untied
    }
}

/// Ranks from 0 without gaps; equal values share one. Values must be finite.
pub(super) fn dense_ranks(values: &[f64]) -> Vec<u32> {
    Ordering::of(values).dense_ranks()
}

/// Concordant minus discordant pairs of observations, each standing `weight` times, in O(n log n): runs of y in
/// ascending order, and a Fenwick tree over the dense ranks of x that holds what came before (Knight's 1966 idea).
/// `scratch` is working memory that may be kept between calls.
pub(super) fn concordance(
    by_y: &Ordering,
    rank_x: &[u32],
    weight: &impl Fn(usize) -> u32,
    scratch: &mut Vec<i64>,
) -> i64 {
    scratch.clear();
    scratch.resize(rank_x.len() + 1, 0);
    let below = |tree: &[i64], rank: usize| {
        let (mut place, mut sum) = (rank, 0);
        while place > 0 {
            sum += tree[place];
            place &= place - 1;
        }
        sum
    };
    let (mut total, mut concordance) = (0_i64, 0_i64);
    for run in by_y.runs() {
        for &place in run {
            let mass = i64::from(weight(place));
            if mass > 0 {
                let rank = rank_x[place] as usize;
                let lower = below(scratch, rank);
                let higher = total - below(scratch, rank + 1);
                concordance += mass * (lower - higher);
            }
        }
        for &place in run {
            let mass = i64::from(weight(place));
            if mass > 0 {
                total += mass;
                let mut node = rank_x[place] as usize + 1;
                while node < scratch.len() {
                    scratch[node] += mass;
                    node += node & node.wrapping_neg();
                }
            }
        }
    }
    concordance
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
