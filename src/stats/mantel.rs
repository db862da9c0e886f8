//! Is an agreement of two RDMs more than chance? The items of one are relabeled, rows and columns together (Mantel
//! 1967). Shuffling pairs one by one would ignore that pairs share items.

use super::StatError;
use super::rank::mid_ranks;
use super::rdm::{Rdm, pair_index};
use super::rdm_compare::{Measure, Prepared, compare, compare_values};
use super::rng::Pcg32;

/// Most items whose orders are all tried: 9! = 362,880.
pub const MAX_EXACT: usize = 9;

/// Which relabelings to try.
#[derive(Debug)]
pub enum Permutations<'a> {
    /// All n!, the observed one among them.
    Exact,
    /// A number of random ones.
    Sampled(usize, &'a mut Pcg32),
}

/// Which agreements count as extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// At least as large as the observed one.
    Greater,
    /// At least as far from 0.
    TwoSided,
}

/// A permutation test of two RDMs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mantel {
    /// The observed agreement.
    pub r: f64,
    /// Exact: the share of relabelings at least as extreme. Sampled: (1 + extreme) / (1 + permutations).
    pub p: f64,
    /// Relabelings tried, without the observed one where they were sampled.
    pub permutations: usize,
    /// Whether all were tried.
    pub exact: bool,
}

/// What is done once so that each relabeling is cheap.
enum Plan {
    /// The measure is a constant times a sum over pairs of one value from each matrix: a as a square, b as a triangle.
    Sum { a: Vec<f64>, b: Vec<f64>, scale: f64 },
    /// Kendall: dense ranks of a as a square.
    Kendall { rank_a: Vec<u32>, prepared: Box<Prepared>, scale: f64, triangle: Vec<u32> },
    /// Everything else is computed anew.
    General { a: Vec<f64>, b: Vec<f64>, measure: Measure, triangle: Vec<f64> },
}

fn square_of<T: Copy>(triangle: &[T], n: usize, diagonal: T) -> Vec<T> {
    let mut square = vec![diagonal; n * n];
    for i in 0..n {
        for j in i + 1..n {
            let value = triangle[pair_index(i, j, n)];
            square[i * n + j] = value;
            square[j * n + i] = value;
        }
    }
    square
}

impl Plan {
    fn new(a: &Rdm, b: &Rdm, measure: Measure, r: f64) -> Result<Self, StatError> {
        let n = a.n_items();
        if a.n_missing() + b.n_missing() > 0 || measure.is_whitened() {
            let (a, b) = (a.square(), b.values().to_vec());
            return Ok(Self::General { a, triangle: vec![0.0; b.len()], b, measure });
        }
        let centered = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|value| value - mean).collect::<Vec<f64>>()
        };
        let (x, y) = match measure {
            Measure::TauA | Measure::TauB => {
                let mut prepared = Box::new(Prepared::new(measure, a.values(), b.values())?);
                let rank = prepared.rank_x().to_vec();
                let observed = prepared.concordance_with(&rank) as f64;
                // Ties do not change under relabeling, so neither does the denominator.
                let m = a.values().len() as f64;
                let scale = match measure {
                    Measure::TauA => 2.0 / (m * (m - 1.0)),
                    _ if observed != 0.0 => r / observed,
                    _ => 1.0,
                };
                return Ok(Self::Kendall { rank_a: square_of(&rank, n, 0), prepared, scale, triangle: rank });
            }
            Measure::Cosine => (a.values().to_vec(), b.values().to_vec()),
            Measure::Pearson => (centered(a.values()), centered(b.values())),
            _ => (centered(&mid_ranks(a.values())), centered(&mid_ranks(b.values()))),
        };
        let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
        let m = x.len() as f64;
        let scale = match measure {
            Measure::RhoA => 12.0 / (m * m * m - m),
            _ => 1.0 / (libm::sqrt(squares(&x)) * libm::sqrt(squares(&y))),
        };
        Ok(Self::Sum { a: square_of(&x, n, 0.0), b: y, scale })
    }

    /// The agreement with item i of `a` standing in place `order[i]` of `b`; `None` where it has no value.
    fn value(&mut self, order: &[usize]) -> Option<f64> {
        let n = order.len();
        match self {
            Self::Sum { a, b, scale } => {
                let (mut sum, mut start) = (0.0, 0);
                for (place, &i) in order.iter().enumerate() {
                    let row = &a[i * n..(i + 1) * n];
                    let rest = &order[place + 1..];
                    sum += rest.iter().zip(&b[start..start + rest.len()]).map(|(&j, y)| row[j] * y).sum::<f64>();
                    start += rest.len();
                }
                Some(sum * *scale)
            }
            Self::Kendall { rank_a, prepared, scale, triangle } => {
                relabel(rank_a, order, triangle);
                Some(prepared.concordance_with(triangle) as f64 * *scale)
            }
            Self::General { a, b, measure, triangle } => {
                relabel(a, order, triangle);
                compare_values(triangle, b, *measure).ok().map(|found| found.value)
            }
        }
    }
}

/// The upper triangle of a square matrix with its items in this order.
fn relabel<T: Copy>(square: &[T], order: &[usize], triangle: &mut [T]) {
    let n = order.len();
    let mut pair = 0;
    for (place, &i) in order.iter().enumerate() {
        for &j in &order[place + 1..] {
            triangle[pair] = square[i * n + j];
            pair += 1;
        }
    }
}

/// Tests whether two RDMs over the same items agree more than they do with the items of `a` relabeled. A relabeling
/// under which the measure has no value (missing pairs) counts as extreme, which can only raise p.
///
/// # Errors
/// As [`compare`]; `Range` for exact tests above [`MAX_EXACT`] items or no permutations.
pub fn mantel(
    a: &Rdm,
    b: &Rdm,
    measure: Measure,
    tail: Tail,
    permutations: Permutations<'_>,
) -> Result<Mantel, StatError> {
    let r = compare(a, b, measure)?.value;
    let n = a.n_items();
    let mut plan = Plan::new(a, b, measure, r)?;
    // Sums in another order differ in the last digits.
    let slack = 1e-12;
    let mut is_extreme = |order: &[usize]| {
        plan.value(order).is_none_or(|value| match tail {
            Tail::Greater => value >= r - slack,
            Tail::TwoSided => value.abs() >= r.abs() - slack,
        })
    };
    let mut order: Vec<usize> = (0..n).collect();
    match permutations {
        Permutations::Exact => {
            if n > MAX_EXACT {
                return Err(StatError::Range { what: "the number of items for all permutations" });
            }
            let (mut extreme, mut tried) = (0_usize, 0_usize);
            loop {
                extreme += usize::from(is_extreme(&order));
                tried += 1;
                if !next_permutation(&mut order) {
                    break;
                }
            }
            Ok(Mantel { r, p: extreme as f64 / tried as f64, permutations: tried, exact: true })
        }
        Permutations::Sampled(count, rng) => {
            if count == 0 {
                return Err(StatError::Range { what: "the number of permutations" });
            }
            let mut extreme = 0_usize;
            for _ in 0..count {
                rng.shuffle(&mut order);
                extreme += usize::from(is_extreme(&order));
            }
            Ok(Mantel { r, p: (1 + extreme) as f64 / (1 + count) as f64, permutations: count, exact: false })
        }
    }
}

/// The next order in the dictionary's sense; false after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = (1..order.len()).rev().find(|&i| order[i - 1] < order[i]) else { return false };
    let Some(swap) = (pivot..order.len()).rev().find(|&i| order[i] > order[pivot - 1]) else { return false };
    order.swap(pivot - 1, swap);
    order[pivot..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_rdm(n: usize, levels: usize, rng: &mut Pcg32) -> Rdm {
        let values = (0..n * (n - 1) / 2).map(|_| rng.below(levels) as f64 + 1.0).collect();
        Rdm::from_values(values).unwrap()
    }

    #[test]
    fn every_order_is_tried_once() {
        let mut order = vec![0, 1, 2, 3];
        let mut seen = std::collections::BTreeSet::from([order.clone()]);
        while next_permutation(&mut order) {
            assert!(seen.insert(order.clone()));
        }
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn the_fast_paths_agree_with_comparing_anew() {
        let mut rng = Pcg32::new(5);
        let (a, b) = (random_rdm(7, 5, &mut rng), random_rdm(7, 9, &mut rng));
        for measure in Measure::ALL {
            let r = compare(&a, &b, measure).unwrap().value;
            let mut plan = Plan::new(&a, &b, measure, r).unwrap();
            let mut order: Vec<usize> = (0..7).collect();
            for _ in 0..20 {
                let expected = compare(&a.take(&order).unwrap(), &b, measure).unwrap().value;
                let found = plan.value(&order).unwrap();
                assert!((found - expected).abs() < 1e-12, "{measure:?} {found} {expected}");
                rng.shuffle(&mut order);
            }
        }
    }

    #[test]
    fn p_is_roughly_uniform_where_nothing_agrees() {
        let mut rng = Pcg32::new(8);
        let mut small = 0;
        for _ in 0..300 {
            let (a, b) = (random_rdm(8, 50, &mut rng), random_rdm(8, 50, &mut rng));
            let found = mantel(&a, &b, Measure::Spearman, Tail::Greater, Permutations::Sampled(99, &mut rng)).unwrap();
            small += usize::from(found.p <= 0.1);
        }
        // 30 expected with a standard deviation of 5.2: five of them on either side.
        assert!((4..=56).contains(&small), "{small}");
    }

    #[test]
    fn limits_are_errors() {
        let mut rng = Pcg32::new(1);
        let (a, b) = (random_rdm(10, 9, &mut rng), random_rdm(10, 9, &mut rng));
        assert!(mantel(&a, &b, Measure::Pearson, Tail::Greater, Permutations::Exact).is_err());
        assert!(mantel(&a, &b, Measure::Pearson, Tail::Greater, Permutations::Sampled(0, &mut rng)).is_err());
    }
}
