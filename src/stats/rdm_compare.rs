//! How alike two RDMs are, by the measures of the field (Kriegeskorte et al. 2008, Nili et al. 2014, Diedrichsen et al.
//! 2021), on the pairs that both have. Definitions as in rsatoolbox.
//!
//! Entries of an RDM are not independent, so a p-value of these correlations over pairs would be far too small: see
//! `mantel` and `rdm_bootstrap` for inference.

use super::StatError;
use super::linalg::Cholesky;
use super::rank::{self, Ordering, concordance, dense_ranks};
use super::rdm::{Rdm, item_count, pair_count};

/// A measure of agreement; 1 is best for all but rho-a and tau-a, which ties keep below 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Cosine of the two lists of dissimilarities.
    Cosine,
    /// Pearson's correlation.
    Pearson,
    /// Spearman's rho.
    Spearman,
    /// Spearman's rho expected when ties are broken at random; for models that predict ties.
    RhoA,
    /// Kendall's tau-a; for models that predict ties.
    TauA,
    /// Kendall's tau-b.
    TauB,
    /// Cosine after whitening by the covariance that independent noise on the patterns gives the pairs.
    WhitenedCosine,
    /// The same after taking off the mean.
    WhitenedPearson,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 8] = [
        Self::Cosine,
        Self::Pearson,
        Self::Spearman,
        Self::RhoA,
        Self::TauA,
        Self::TauB,
        Self::WhitenedCosine,
        Self::WhitenedPearson,
    ];

    /// The name in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
            Self::RhoA => "rho-a",
            Self::TauA => "kendall-tau-a",
            Self::TauB => "kendall-tau-b",
            Self::WhitenedCosine => "whitened-cosine",
            Self::WhitenedPearson => "whitened-pearson",
        }
    }

    /// The measure of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// Whether the measure looks at pairs one by one, so that a pair that stands twice can be given a weight.
    pub(super) fn is_whitened(self) -> bool {
        matches!(self, Self::WhitenedCosine | Self::WhitenedPearson)
    }

    /// Whether only the order of the dissimilarities counts.
    pub(super) fn is_rank(self) -> bool {
        matches!(self, Self::Spearman | Self::RhoA | Self::TauA | Self::TauB)
    }
}

/// An agreement and the pairs it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// The measure's value.
    pub value: f64,
    /// Pairs that both RDMs have.
    pub n_pairs: usize,
}

/// Compares two RDMs over the same items in the same order, on the pairs that both have.
///
/// # Errors
/// `Lengths` for different sizes, `TooFew` below two shared pairs, `Constant` where the measure needs differences.
pub fn compare(a: &Rdm, b: &Rdm, measure: Measure) -> Result<Agreement, StatError> {
    compare_values(a.values(), b.values(), measure)
}

/// Mean agreement of all pairs of these RDMs. One minus this is how much people (or simulated participants) differ
/// among themselves.
///
/// # Errors
/// `TooFew` below two RDMs, and as [`compare`].
pub fn mean_pairwise(rdms: &[Rdm], measure: Measure) -> Result<f64, StatError> {
    if rdms.len() < 2 {
        return Err(StatError::TooFew { n: rdms.len(), needed: 2 });
    }
    let mut sum = 0.0;
    for (place, a) in rdms.iter().enumerate() {
        for b in &rdms[place + 1..] {
            sum += compare(a, b, measure)?.value;
        }
    }
    Ok(sum / pair_count(rdms.len()) as f64)
}

/// As [`compare`] on two upper triangles with NaN for missing pairs.
///
/// # Errors
/// As [`compare`]; whitened measures need the length of an upper triangle.
pub fn compare_values(a: &[f64], b: &[f64], measure: Measure) -> Result<Agreement, StatError> {
    if a.len() != b.len() {
        return Err(StatError::Lengths { left: a.len(), right: b.len() });
    }
    let shared: Vec<usize> = (0..a.len()).filter(|&pair| !a[pair].is_nan() && !b[pair].is_nan()).collect();
    let x: Vec<f64> = shared.iter().map(|&pair| a[pair]).collect();
    let y: Vec<f64> = shared.iter().map(|&pair| b[pair]).collect();
    let n_pairs = shared.len();
    let value = match measure {
        Measure::Cosine => cosine(&x, &y)?,
        Measure::Pearson => rank::pearson(&x, &y)?,
        Measure::Spearman => rank::spearman(&x, &y)?,
        Measure::RhoA => rank::rho_a(&x, &y)?,
        Measure::TauA => rank::kendall_tau_a(&x, &y)?,
        Measure::TauB => rank::kendall_tau_b(&x, &y)?,
        Measure::WhitenedCosine | Measure::WhitenedPearson => {
            let n = item_count(a.len()).ok_or(StatError::Range { what: "the number of pairs" })?;
            whitened(n, &shared, &x, &y, measure == Measure::WhitenedPearson)?
        }
    };
    Ok(Agreement { value, n_pairs })
}

/// Cosine of the angle between two lists.
///
/// # Errors
/// `Lengths`, `TooFew` below two values, `NotFinite`, `Constant` where a list is all zero.
pub fn cosine(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    rank::check_pairs(x, y)?;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
    ratio(dot(x, y), dot(x, x), dot(y, y))
}

/// xy / sqrt(xx yy), or `Constant` where that has no value.
fn ratio(xy: f64, xx: f64, yy: f64) -> Result<f64, StatError> {
    if !(xx > 0.0 && yy > 0.0) {
        return Err(StatError::Constant);
    }
    let value = xy / (libm::sqrt(xx) * libm::sqrt(yy));
    if value.is_finite() { Ok(value.clamp(-1.0, 1.0)) } else { Err(StatError::NotFinite) }
}

/// Whitened cosine x' V^-1 y / sqrt(x' V^-1 x y' V^-1 y) (Diedrichsen et al. 2021) for independent pattern noise of
/// equal variance. There V = 2 I + B B' up to scale, with B telling which two items a pair has, so V^-1 needs only an
/// n x n solve (Woodbury): V^-1 y = (y - B (2 I + B'B)^-1 B'y) / 2. Missing pairs are rows that B lacks.
fn whitened(n: usize, shared: &[usize], x: &[f64], y: &[f64], center: bool) -> Result<f64, StatError> {
    rank::check_pairs(x, y)?;
    let mut members = Vec::with_capacity(pair_count(n));
    for i in 0..n {
        members.extend((i + 1..n).map(|j| (i, j)));
    }
    let members: Vec<(usize, usize)> = shared.iter().map(|&pair| members[pair]).collect();
    let mut gram = vec![0.0; n * n];
    for i in 0..n {
        gram[i * n + i] = 2.0;
    }
    for &(i, j) in &members {
        gram[i * n + i] += 1.0;
        gram[j * n + j] += 1.0;
        gram[i * n + j] += 1.0;
        gram[j * n + i] += 1.0;
    }
    let factor = Cholesky::new(&gram, n)?;
    let centered = |values: &[f64]| {
        let mean = if center { values.iter().sum::<f64>() / values.len() as f64 } else { 0.0 };
        values.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let whiten = |values: &[f64]| {
        let mut sums = vec![0.0; n];
        for (&(i, j), value) in members.iter().zip(values) {
            sums[i] += value;
            sums[j] += value;
        }
        let item = factor.solve(&sums);
        members.iter().zip(values).map(|(&(i, j), value)| value - item[i] - item[j]).collect::<Vec<f64>>()
    };
    let (x, y) = (centered(x), centered(y));
    let white = whiten(&y);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
    if center && [&x, &y].iter().any(|list| list.iter().all(|value| *value == list[0])) {
        return Err(StatError::Constant);
    }
    ratio(dot(&x, &white), dot(&x, &whiten(&x)), dot(&y, &white))
}

/// Two lists made ready to be compared many times: with weights for a bootstrap, or with one side's labels permuted.
/// Not for whitened measures, which need whole matrices.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    measure: Measure,
    x: Vec<f64>,
    y: Vec<f64>,
    order_x: Ordering,
    order_y: Ordering,
    rank_x: Vec<u32>,
    scratch: Vec<i64>,
    ranks: (Vec<f64>, Vec<f64>),
}

impl Prepared {
    /// Of two lists of equal length without missing values.
    pub(super) fn new(measure: Measure, x: &[f64], y: &[f64]) -> Result<Self, StatError> {
        rank::check_pairs(x, y)?;
        Ok(Self {
            measure,
            order_x: Ordering::of(x),
            order_y: Ordering::of(y),
            rank_x: dense_ranks(x),
            x: x.to_vec(),
            y: y.to_vec(),
            scratch: Vec::new(),
            ranks: (vec![0.0; x.len()], vec![0.0; x.len()]),
        })
    }

    /// The measure with the k-th pair standing `weights[k]` times; `None` where that has no value.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> Option<f64> {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        if total < 2 {
            return None;
        }
        match self.measure {
            Measure::Cosine => {
                let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
                for ((a, b), weight) in self.x.iter().zip(&self.y).zip(weights) {
                    let weight = f64::from(*weight);
                    xx += weight * a * a;
                    yy += weight * b * b;
                    xy += weight * a * b;
                }
                ratio(xy, xx, yy).ok()
            }
            Measure::Pearson => weighted_pearson(&self.x, &self.y, weights, total as f64),
            Measure::Spearman | Measure::RhoA => {
                weighted_ranks(&self.order_x, weights, &mut self.ranks.0);
                weighted_ranks(&self.order_y, weights, &mut self.ranks.1);
                let n = total as f64;
                if self.measure == Measure::Spearman {
                    return weighted_pearson(&self.ranks.0, &self.ranks.1, weights, n);
                }
                let mean = 0.5 * (n + 1.0);
                let ranks = self.ranks.0.iter().zip(&self.ranks.1).zip(weights);
                let sum: f64 = ranks.map(|((a, b), weight)| f64::from(*weight) * (a - mean) * (b - mean)).sum();
                Some(12.0 * sum / (n * n * n - n))
            }
            Measure::TauA | Measure::TauB => {
                let weight = |place: usize| weights[place];
                let sum = concordance(&self.order_y, &self.rank_x, &weight, &mut self.scratch) as f64;
                let n = total as f64;
                if self.measure == Measure::TauA {
                    return Some(sum / (0.5 * n * (n - 1.0)));
                }
                let untied = self.order_x.untied(&weight) as f64 * self.order_y.untied(&weight) as f64;
                (untied > 0.0).then(|| sum / libm::sqrt(untied))
            }
            Measure::WhitenedCosine | Measure::WhitenedPearson => None,
        }
    }

    /// Dense ranks of x, to be permuted.
    pub(super) fn rank_x(&self) -> &[u32] {
        &self.rank_x
    }

    /// Concordant minus discordant pairs with other ranks of x.
    pub(super) fn concordance_with(&mut self, rank_x: &[u32]) -> i64 {
        concordance(&self.order_y, rank_x, &|_| 1, &mut self.scratch)
    }
}

/// Mid-ranks where each observation stands `weights` times.
fn weighted_ranks(order: &Ordering, weights: &[u32], ranks: &mut [f64]) {
    let mut before = 0_u64;
    for run in order.runs() {
        let mass: u64 = run.iter().map(|&place| u64::from(weights[place])).sum();
        let shared = before as f64 + f64::midpoint(mass as f64, 1.0);
        for &place in run {
            ranks[place] = shared;
        }
        before += mass;
    }
}

fn weighted_pearson(x: &[f64], y: &[f64], weights: &[u32], total: f64) -> Option<f64> {
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for ((a, b), weight) in x.iter().zip(y).zip(weights) {
        let weight = f64::from(*weight);
        sum_x += weight * a;
        sum_y += weight * b;
    }
    let (mean_x, mean_y) = (sum_x / total, sum_y / total);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for ((a, b), weight) in x.iter().zip(y).zip(weights) {
        let (weight, da, db) = (f64::from(*weight), a - mean_x, b - mean_y);
        xx += weight * da * da;
        yy += weight * db * db;
        xy += weight * da * db;
    }
    // A list that is constant over the drawn pairs has a sum of squares of rounding errors only.
    let (floor_x, floor_y) = (1e-24 * total * mean_x * mean_x, 1e-24 * total * mean_y * mean_y);
    if xx <= floor_x || yy <= floor_y { None } else { ratio(xy, xx, yy).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rng::Pcg32;

    #[test]
    fn names_are_read_back() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.name()), Some(measure));
        }
        assert_eq!(Measure::parse("euclid"), None);
    }

    #[test]
    fn a_weight_is_the_same_as_copies() {
        let mut rng = Pcg32::new(3);
        for _ in 0..20 {
            let x: Vec<f64> = (0..15).map(|_| rng.below(6) as f64).collect();
            let y: Vec<f64> = (0..15).map(|_| rng.below(9) as f64 + 0.5).collect();
            let weights: Vec<u32> = (0..15).map(|_| rng.below(4) as u32).collect();
            let copies = |values: &[f64]| {
                values
                    .iter()
                    .zip(&weights)
                    .flat_map(|(v, w)| std::iter::repeat_n(*v, *w as usize))
                    .collect::<Vec<f64>>()
            };
            for measure in Measure::ALL.into_iter().filter(|measure| !measure.is_whitened()) {
                let found = Prepared::new(measure, &x, &y).unwrap().weighted(&weights).unwrap();
                let expected = compare_values(&copies(&x), &copies(&y), measure).unwrap().value;
                assert!((found - expected).abs() < 1e-12, "{measure:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn missing_pairs_are_left_out_and_counted() {
        let a = [1.0, f64::NAN, 3.0, 4.0, 2.0, 6.0];
        let b = [2.0, 1.0, f64::NAN, 5.0, 2.0, 6.0];
        for measure in Measure::ALL {
            let found = compare_values(&a, &b, measure).unwrap();
            assert_eq!(found.n_pairs, 4);
            assert!(found.value.is_finite() && found.value > 0.0);
        }
        assert!(compare_values(&a[..2], &[f64::NAN, 1.0], Measure::Pearson).is_err());
    }

    #[test]
    fn equal_people_agree_and_one_has_no_other() {
        let rdm = |values: [f64; 3]| Rdm::from_values(values.to_vec()).unwrap();
        let (a, b) = (rdm([1.0, 2.0, 3.0]), rdm([3.0, 2.0, 1.0]));
        let found = mean_pairwise(&[a.clone(), a.clone(), b], Measure::Spearman).unwrap();
        assert!((found + 1.0 / 3.0).abs() < 1e-12);
        assert!(mean_pairwise(&[a], Measure::Spearman).is_err());
    }

    #[test]
    fn constant_lists_have_no_correlation() {
        let (flat, varied) = ([1.0; 6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        for measure in [Measure::Pearson, Measure::Spearman, Measure::TauB, Measure::WhitenedPearson] {
            assert_eq!(compare_values(&flat, &varied, measure), Err(StatError::Constant), "{measure:?}");
        }
        assert_eq!(compare_values(&[0.0; 6], &varied, Measure::Cosine), Err(StatError::Constant));
        assert_eq!(compare_values(&flat, &varied, Measure::TauA).map(|found| found.value), Ok(0.0));
    }
}
