//! Discretion: how annotators choose where principles leave them the choice, and whether they choose as principles that
//! agree with each other demand (Buyl et al. 2025, "AI Alignment at Your Discretion", arXiv:2502.10441).
//!
//! An item has two answers. An annotator prefers the first (+1) or the second (-1), or gave no verdict (0). A principle prefers
//! the first (+1) or the second (-1), or says nothing (0). An item is one of *indifference* where no principle says anything,
//! of *conflict* where two contradict each other, and of *consensus* otherwise.

use super::StatError;
use super::bootstrap::{BootstrapInterval, percentile_interval};
use super::bradley_terry::{BradleyTerryError, Outcome, Settings, Ties, Vote, fit};
use super::rank::{kendall_tau_b, mid_ranks};
use super::rng::Pcg32;

/// What the principles leave to the annotator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// No principle says anything.
    Indifference,
    /// All that say something say the same.
    Consensus,
    /// Two contradict each other.
    Conflict,
}

/// Which kind an item is, by what each principle prefers.
pub fn item_kind(verdicts: impl IntoIterator<Item = i8>) -> ItemKind {
    let (mut first, mut second) = (false, false);
    for verdict in verdicts {
        first |= verdict > 0;
        second |= verdict < 0;
    }
    match (first, second) {
        (false, false) => ItemKind::Indifference,
        (true, true) => ItemKind::Conflict,
        _ => ItemKind::Consensus,
    }
}

/// Discretion arbitrariness.
#[derive(Debug, Clone, PartialEq)]
pub struct Arbitrariness {
    /// Share of verdicts on consensus items that go against the consensus.
    pub share: f64,
    /// Bootstrap interval over items.
    pub interval: Option<BootstrapInterval>,
    /// Verdicts on consensus items.
    pub n: usize,
    /// Items of indifference, consensus and conflict, whether or not there is a verdict.
    pub kinds: [usize; 3],
}

fn check(annotator: &[i8], principles: &[Vec<i8>]) -> Result<(), StatError> {
    for principle in principles {
        if principle.len() != annotator.len() {
            return Err(StatError::Lengths { left: annotator.len(), right: principle.len() });
        }
    }
    if annotator.iter().chain(principles.iter().flatten()).any(|it| !(-1..=1).contains(it)) {
        return Err(StatError::Range { what: "verdict" });
    }
    Ok(())
}

/// How often an annotator goes against principles that agree. `principles` has one list of verdicts each.
///
/// # Errors
/// `Lengths`, `Range` for a verdict other than -1, 0 and 1, `TooFew` without a verdict on a consensus item.
pub fn arbitrariness(
    annotator: &[i8],
    principles: &[Vec<i8>],
    (resamples, level): (usize, f64),
    rng: &mut Pcg32,
) -> Result<Arbitrariness, StatError> {
    check(annotator, principles)?;
    let mut kinds = [0; 3];
    let mut against = Vec::new();
    for (item, verdict) in annotator.iter().enumerate() {
        let kind = item_kind(principles.iter().map(|it| it[item]));
        kinds[kind as usize] += 1;
        if kind == ItemKind::Consensus && *verdict != 0 {
            let consensus = principles.iter().map(|it| it[item]).find(|it| *it != 0).unwrap_or(0);
            against.push(f64::from(u8::from(verdict * consensus < 0)));
        }
    }
    let n = against.len();
    if n == 0 {
        return Err(StatError::TooFew { n, needed: 1 });
    }
    let mean = |indices: &[usize]| Some(indices.iter().map(|it| against[*it]).sum::<f64>() / indices.len() as f64);
    let interval = percentile_interval(n, resamples, level, rng, mean).ok();
    Ok(Arbitrariness { share: against.iter().sum::<f64>() / n as f64, interval, n, kinds })
}

/// Principle supremacy: `wins[p][q]` of `n[p][q]` conflicts between p and q, the annotator sided with p.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supremacy {
    /// Conflicts decided for the row's principle.
    pub wins: Vec<Vec<u32>>,
    /// Conflicts with a verdict.
    pub n: Vec<Vec<u32>>,
}

impl Supremacy {
    /// Share of conflicts decided for `p`; none without a conflict.
    pub fn share(&self, p: usize, q: usize) -> Option<f64> {
        let n = *self.n.get(p)?.get(q)?;
        (n > 0).then(|| f64::from(self.wins[p][q]) / f64::from(n))
    }
}

/// Counts every conflict of two principles.
///
/// # Errors
/// As [`arbitrariness`].
pub fn supremacy(annotator: &[i8], principles: &[Vec<i8>]) -> Result<Supremacy, StatError> {
    check(annotator, principles)?;
    let size = principles.len();
    let (mut wins, mut n) = (vec![vec![0; size]; size], vec![vec![0; size]; size]);
    for p in 0..size {
        for q in 0..size {
            for ((verdict, a), b) in annotator.iter().zip(&principles[p]).zip(&principles[q]) {
                if *verdict != 0 && a * b < 0 {
                    n[p][q] += 1;
                    wins[p][q] += u32::from(a * verdict > 0);
                }
            }
        }
    }
    Ok(Supremacy { wins, n })
}

/// Principle priority: the weights of Bradley and Terry's model of the conflicts. A principle that always prevailed has an
/// infinite weight, one that never did a negatively infinite one, and one without a conflict none.
///
/// # Errors
/// `Disconnected` where the others cannot be placed against each other.
pub fn priorities(found: &Supremacy) -> Result<Vec<Option<f64>>, StatError> {
    let size = found.n.len();
    let mut weights = vec![None; size];
    let mut rest = Vec::new();
    for (p, weight) in weights.iter_mut().enumerate() {
        let (wins, n): (u32, u32) = (found.wins[p].iter().sum(), found.n[p].iter().sum());
        match (wins, n) {
            (_, 0) => {}
            (wins, n) if wins == n => *weight = Some(f64::INFINITY),
            (0, _) => *weight = Some(f64::NEG_INFINITY),
            _ => rest.push(p),
        }
    }
    let mut votes = Vec::new();
    for (first, &p) in rest.iter().enumerate() {
        for (second, &q) in rest.iter().enumerate() {
            let vote = Vote { first, second, outcome: Outcome::First, participant: 0 };
            votes.extend((0..found.wins[p][q]).map(|_| vote));
        }
    }
    match rest.as_slice() {
        [] => {}
        [only] => weights[*only] = Some(0.0),
        _ => {
            let settings = Settings { ties: Ties::Half, prior_sd: None, side: false };
            let fitted = fit(rest.len(), &votes, settings).map_err(|error| match error {
                BradleyTerryError::Disconnected { groups } => StatError::Disconnected { parts: groups.len() },
                BradleyTerryError::Stat(error) => error,
            })?;
            for (place, p) in rest.into_iter().enumerate() {
                weights[p] = Some(fitted.strengths[place]);
            }
        }
    }
    Ok(weights)
}

/// Discretion discrepancy of two annotators: 0 where they rank the principles alike, 1 where one ranks them in reverse. Only
/// principles that both have a weight for count; the second number is how many.
///
/// # Errors
/// As [`kendall_tau_b`].
pub fn discrepancy(a: &[Option<f64>], b: &[Option<f64>]) -> Result<(f64, usize), StatError> {
    if a.len() != b.len() {
        return Err(StatError::Lengths { left: a.len(), right: b.len() });
    }
    // Ranks, for infinite weights have an order but no difference.
    let ranks = |both: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| mid_ranks(&both.iter().map(of).collect::<Vec<f64>>());
    let both: Vec<(f64, f64)> = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    let tau = kendall_tau_b(&ranks(&both, |it| it.0), &ranks(&both, |it| it.1))?;
    Ok((f64::midpoint(1.0, -tau), both.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_of_items() {
        assert_eq!(item_kind([0, 0]), ItemKind::Indifference);
        assert_eq!(item_kind([0, 1, 1]), ItemKind::Consensus);
        assert_eq!(item_kind([-1, 0, 1]), ItemKind::Conflict);
    }

    #[test]
    fn worked_by_hand() {
        // Items: consensus for the first, consensus for the second, conflict, conflict, indifference, consensus.
        let principles = vec![vec![1, -1, 1, 1, 0, 1], vec![1, 0, -1, -1, 0, 0]];
        let annotator = [1, 1, 1, -1, 1, 0];
        let found = arbitrariness(&annotator, &principles, (200, 0.95), &mut Pcg32::new(1)).unwrap();
        assert_eq!((found.share, found.n, found.kinds), (0.5, 2, [1, 3, 2]));
        let counts = supremacy(&annotator, &principles).unwrap();
        assert_eq!((counts.share(0, 1), counts.share(1, 0), counts.share(0, 0)), (Some(0.5), Some(0.5), None));
        assert_eq!(priorities(&counts).unwrap(), [Some(0.0), Some(0.0)]);
        let always = supremacy(&[1, 1, 1, 1, 1, 1], &principles).unwrap();
        assert_eq!(priorities(&always).unwrap(), [Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
    }

    #[test]
    fn reversed_priorities_differ_wholly() {
        let of = |values: [f64; 3]| values.map(Some);
        assert_eq!(discrepancy(&of([3.0, 2.0, f64::NEG_INFINITY]), &of([1.0, 0.0, -1.0])), Ok((0.0, 3)));
        assert_eq!(discrepancy(&of([3.0, 2.0, 1.0]), &of([-3.0, 2.0, f64::INFINITY])), Ok((1.0, 3)));
        assert!(discrepancy(&[Some(1.0), None], &[Some(1.0), Some(2.0)]).is_err());
    }

    #[test]
    fn bad_verdicts_are_refused() {
        let mut rng = Pcg32::new(1);
        assert_eq!(
            arbitrariness(&[1], &[vec![1, 1]], (9, 0.95), &mut rng),
            Err(StatError::Lengths { left: 1, right: 2 })
        );
        assert_eq!(supremacy(&[2], &[vec![1]]), Err(StatError::Range { what: "verdict" }));
        assert_eq!(arbitrariness(&[1], &[vec![0]], (9, 0.95), &mut rng), Err(StatError::TooFew { n: 0, needed: 1 }));
    }
}
