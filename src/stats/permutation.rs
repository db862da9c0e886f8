//! Permutation tests of means: sign flips for paired values, regrouping for two samples.

use super::StatError;
use super::rng::Pcg32;

/// Up to this many rearrangements all are tried; above, random ones are drawn.
const MAX_EXACT: u64 = 1 << 20;

/// A two-sided permutation test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// Mean of x minus mean of y.
    pub difference: f64,
    /// Exact: the share of rearrangements at least as far from 0. Sampled: (1 + extreme) / (1 + permutations).
    pub p: f64,
    /// Rearrangements tried.
    pub permutations: u64,
    /// Whether all were tried.
    pub exact: bool,
}

/// Tests whether paired values have the same mean: under the null the sign of each difference is a coin. All 2^n sign
/// patterns are tried up to 20 pairs, else `permutations` random ones.
///
/// # Errors
/// `Lengths`, `TooFew` below two pairs, `NotFinite`, `Range` for no permutations.
pub fn paired(x: &[f64], y: &[f64], permutations: u32, rng: &mut Pcg32) -> Result<PermutationTest, StatError> {
    super::rank::check_pairs(x, y)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(a, b)| a - b).collect();
    let n = differences.len();
    let observed = differences.iter().sum::<f64>();
    let slack = 1e-12 * differences.iter().map(|value| value.abs()).sum::<f64>();
    let difference = observed / n as f64;
    if n <= 20 {
        let total = 1_u64 << n;
        let extreme = (0..total)
            .filter(|signs| {
                let sum: f64 =
                    differences.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d }).sum();
                sum.abs() >= observed.abs() - slack
            })
            .count();
        return Ok(PermutationTest { difference, p: extreme as f64 / total as f64, permutations: total, exact: true });
    }
    sampled(difference, permutations, || {
        let sum: f64 = differences.iter().map(|d| if rng.next_u32() & 1 == 1 { -d } else { *d }).sum();
        sum.abs() >= observed.abs() - slack
    })
}

/// Tests whether two groups have the same mean: under the null the groups are drawn from one urn. All groupings are
/// tried where there are at most a million, else `permutations` random ones.
///
/// # Errors
/// `TooFew` for an empty group or below three values in all, `NotFinite`, `Range` for no permutations.
pub fn two_sample(x: &[f64], y: &[f64], permutations: u32, rng: &mut Pcg32) -> Result<PermutationTest, StatError> {
    let n = x.len() + y.len();
    if x.is_empty() || y.is_empty() || n < 3 {
        return Err(StatError::TooFew { n, needed: 3 });
    }
    let mut all: Vec<f64> = x.iter().chain(y).copied().collect();
    if all.iter().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let total: f64 = all.iter().sum();
    let (m, rest) = (x.len() as f64, y.len() as f64);
    // Given the sum of the first group.
    let gap = |sum: f64| sum / m - (total - sum) / rest;
    let difference = gap(x.iter().sum());
    let slack = 1e-12 * all.iter().map(|value| value.abs()).sum::<f64>() / m.min(rest);
    let extreme = |sum: f64| gap(sum).abs() >= difference.abs() - slack;
    if let Some(groupings) = combinations(n, x.len()) {
        let mut chosen: Vec<usize> = (0..x.len()).collect();
        let mut count = 0_u64;
        loop {
            count += u64::from(extreme(chosen.iter().map(|&i| all[i]).sum()));
            if !next_combination(&mut chosen, n) {
                break;
            }
        }
        let p = count as f64 / groupings as f64;
        return Ok(PermutationTest { difference, p, permutations: groupings, exact: true });
    }
    sampled(difference, permutations, || {
        rng.shuffle(&mut all);
        extreme(all[..x.len()].iter().sum())
    })
}

fn sampled(
    difference: f64,
    permutations: u32,
    mut extreme: impl FnMut() -> bool,
) -> Result<PermutationTest, StatError> {
    if permutations == 0 {
        return Err(StatError::Range { what: "the number of permutations" });
    }
    let count = (0..permutations).filter(|_| extreme()).count();
    let p = (1 + count) as f64 / (1.0 + f64::from(permutations));
    Ok(PermutationTest { difference, p, permutations: u64::from(permutations), exact: false })
}

/// Ways to choose k of n, if there are at most a million.
pub(super) fn combinations(n: usize, k: usize) -> Option<u64> {
    let mut ways = 1_u64;
    for i in 0..k.min(n - k) {
        ways = ways * (n - i) as u64 / (i + 1) as u64;
        if ways > MAX_EXACT {
            return None;
        }
    }
    Some(ways)
}

/// The next ascending choice out of 0..n in the dictionary's sense; false after the last.
pub(super) fn next_combination(chosen: &mut [usize], n: usize) -> bool {
    let k = chosen.len();
    let Some(place) = (0..k).rev().find(|&i| chosen[i] < n - k + i) else { return false };
    chosen[place] += 1;
    for i in place + 1..k {
        chosen[i] = chosen[i - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_all_visited() {
        let mut chosen = vec![0, 1, 2];
        let mut count = 1;
        while next_combination(&mut chosen, 6) {
            count += 1;
        }
        assert_eq!((count, combinations(6, 3), chosen), (20, Some(20), vec![3, 4, 5]));
        assert_eq!(combinations(60, 30), None);
    }

    #[test]
    fn sampled_and_exact_tests_agree() {
        let mut rng = Pcg32::new(4);
        let x: Vec<f64> = (0..18).map(|_| rng.normal() + 0.6).collect();
        let y: Vec<f64> = (0..18).map(|_| rng.normal()).collect();
        let exact = paired(&x, &y, 1, &mut rng).unwrap();
        // The same pairs three times would be too many to try all; here the sampled path is called by hand.
        let differences: Vec<f64> = x.iter().zip(&y).map(|(a, b)| a - b).collect();
        let observed = differences.iter().sum::<f64>().abs();
        let found = sampled(exact.difference, 20_000, || {
            differences.iter().map(|d| if rng.next_u32() & 1 == 1 { -d } else { *d }).sum::<f64>().abs() >= observed
        })
        .unwrap();
        assert!(exact.exact && !found.exact && (found.p - exact.p).abs() < 0.02, "{exact:?} {found:?}");
    }

    #[test]
    fn larger_samples_are_drawn() {
        let mut rng = Pcg32::new(4);
        let x: Vec<f64> = (0..30).map(|_| rng.normal() + 2.0).collect();
        let y: Vec<f64> = (0..30).map(|_| rng.normal()).collect();
        assert_eq!(paired(&x, &y, 999, &mut rng).unwrap().p, 0.001);
        assert_eq!(two_sample(&x, &y, 999, &mut rng).unwrap().p, 0.001);
        assert!(two_sample(&x, &y, 0, &mut rng).is_err() && two_sample(&x, &[], 9, &mut rng).is_err());
    }
}
