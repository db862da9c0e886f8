//! What is worth asking next: a committee of maps, each of which explains the answers so far from another random start, and
//! the question about whose answer it is least sure.
//!
//! The response model of choices is that of the adaptive crowd kernel (Tamuz et al. 2011, arXiv:1105.1033): the smaller a
//! squared distance, the likelier the option, p proportional to 1 / (mu + d^2). The criterion is uncertainty sampling (Lewis
//! and Gale 1994, arXiv:cmp-lg/9407020): the entropy of the members' mean prediction. The information that an answer gives
//! about which member is right (Houlsby et al. 2011, arXiv:1112.5745) was tried and recovered planted maps worse, for odd
//! ones out worse than questions drawn at random; `docs/decisions` has the numbers. Of numbers the criterion is the variance of
//! the members' predictions. Members are fitted by gradient steps over all answers after each one, so that a session can be
//! repeated from its records in milliseconds.

use super::rng::Pcg32;

/// Members.
pub const MEMBERS: usize = 6;
/// Dimensions of the maps.
pub const DIMS: usize = 2;
/// Added to squared distances.
const MU: f64 = 0.05;
/// Passes over all answers after each one, and their step.
const PASSES: usize = 3;
const STEP: f64 = 0.05;
/// Farthest that a coordinate moves in one step, and that it may lie from the middle.
const MOST_STEP: f64 = 0.2;
const REACH: f64 = 3.0;

/// A question: pairs of things of which one is chosen as the closest, or one pair whose distance is told.
pub type Pairs = Vec<(usize, usize)>;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Which of the pairs is the closest.
    Closest {
        /// The pairs that could have been chosen.
        pairs: Pairs,
        /// Which was.
        chosen: usize,
    },
    /// How far apart a pair is, 0 to 1.
    Distance {
        /// The pair.
        pair: (usize, usize),
        /// How far.
        distance: f64,
    },
}

/// The committee, and what it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Committee {
    /// One map a member: coordinates of all things, (n, [`DIMS`]).
    maps: Vec<Vec<[f64; DIMS]>>,
    told: Vec<Told>,
}

fn squared(map: &[[f64; DIMS]], (a, b): (usize, usize)) -> f64 {
    match (map.get(a), map.get(b)) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum(),
        _ => 0.0,
    }
}

fn shares(map: &[[f64; DIMS]], pairs: &[(usize, usize)]) -> Vec<f64> {
    let close: Vec<f64> = pairs.iter().map(|pair| 1.0 / (MU + squared(map, *pair))).collect();
    let sum: f64 = close.iter().sum();
    close.into_iter().map(|it| it / sum).collect()
}

fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|p| **p > 0.0).map(|p| -p * libm::log(*p)).sum()
}

/// Moves a pair so that its squared distance changes along `slope`.
fn pull(map: &mut [[f64; DIMS]], (a, b): (usize, usize), slope: f64) {
    for axis in 0..DIMS {
        let (Some(at_a), Some(at_b)) = (map.get(a).map(|it| it[axis]), map.get(b).map(|it| it[axis])) else { return };
        let step = (STEP * slope * 2.0 * (at_a - at_b)).clamp(-MOST_STEP, MOST_STEP);
        if let Some(point) = map.get_mut(a) {
            point[axis] = (point[axis] + step).clamp(-REACH, REACH);
        }
        if let Some(point) = map.get_mut(b) {
            point[axis] = (point[axis] - step).clamp(-REACH, REACH);
        }
    }
}

impl Committee {
    /// Members at random places, which agree on nothing.
    pub fn new(n: usize, rng: &mut Pcg32) -> Self {
        let maps =
            (0..MEMBERS).map(|_| (0..n).map(|_| std::array::from_fn(|_| 0.5 * rng.normal())).collect()).collect();
        Self { maps, told: Vec::new() }
    }

    /// Takes in an answer.
    pub fn learn(&mut self, told: Told) {
        self.told.push(told);
        for map in &mut self.maps {
            for _ in 0..PASSES {
                for told in &self.told {
                    match told {
                        Told::Closest { pairs, chosen } => {
                            let shares = shares(map, pairs);
                            for (place, (pair, share)) in pairs.iter().zip(&shares).enumerate() {
                                // Slope of the log-likelihood by the squared distance.
                                let wanted = f64::from(u8::from(place == *chosen));
                                let slope = (share - wanted) / (MU + squared(map, *pair));
                                pull(map, *pair, slope);
                            }
                        }
                        Told::Distance { pair, distance } => {
                            let now = libm::sqrt(squared(map, *pair)).max(1e-6);
                            pull(map, *pair, 4.0 * (distance - now) / now);
                        }
                    }
                }
            }
        }
    }

    /// The mean prediction of a choice: one share for each pair.
    pub fn expects(&self, pairs: &[(usize, usize)]) -> Vec<f64> {
        let mut mean = vec![0.0; pairs.len()];
        for map in &self.maps {
            for (sum, share) in mean.iter_mut().zip(shares(map, pairs)) {
                *sum += share / MEMBERS as f64;
            }
        }
        mean
    }

    /// The mean predicted distance of a pair.
    pub fn expects_distance(&self, pair: (usize, usize)) -> f64 {
        self.maps.iter().map(|map| libm::sqrt(squared(map, pair))).sum::<f64>() / MEMBERS as f64
    }

    /// How unsure the committee is about the choice among these pairs: entropy in nats.
    pub fn doubt(&self, pairs: &[(usize, usize)]) -> f64 {
        entropy(&self.expects(pairs))
    }

    /// Variance of the members' distances of a pair.
    pub fn variance(&self, pair: (usize, usize)) -> f64 {
        let mean = self.expects_distance(pair);
        let off = |map: &Vec<[f64; DIMS]>| {
            let off = libm::sqrt(squared(map, pair)) - mean;
            off * off
        };
        self.maps.iter().map(off).sum::<f64>() / MEMBERS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committee_learns_what_it_is_told() {
        let mut committee = Committee::new(4, &mut Pcg32::new(1));
        let pairs: Pairs = vec![(0, 1), (0, 2)];
        for _ in 0..30 {
            committee.learn(Told::Closest { pairs: pairs.clone(), chosen: 0 });
            committee.learn(Told::Distance { pair: (2, 3), distance: 0.7 });
        }
        assert!(committee.expects(&pairs)[0] > 0.8, "{:?}", committee.expects(&pairs));
        assert!((committee.expects_distance((2, 3)) - 0.7).abs() < 0.05);
        // What was told often is no news any more.
        assert!(committee.variance((2, 3)) < 0.2 * committee.variance((1, 3)));
    }

    #[test]
    fn doubt_is_the_entropy_of_the_mean_prediction() {
        let at = |x: f64| [x, 0.0];
        let even = Committee { maps: vec![vec![at(0.0), at(1.0), at(-1.0)]; MEMBERS], told: Vec::new() };
        let pairs = [(0, 1), (0, 2)];
        assert!((even.doubt(&pairs) - 2.0_f64.ln()).abs() < 1e-12);
        let mut sure = even.clone();
        for map in &mut sure.maps {
            map[1] = at(0.1);
        }
        // Squared distances 0.01 and 1: shares 0.9459 and 0.0541.
        let p: f64 = (1.0 / 0.06) / (1.0 / 0.06 + 1.0 / 1.05);
        assert!((sure.expects(&pairs)[0] - p).abs() < 1e-12);
        assert!((sure.doubt(&pairs) + p * p.ln() + (1.0 - p) * (1.0 - p).ln()).abs() < 1e-12);
        // Half of the members sure of one, half of the other: as unsure as not knowing.
        let mut split = sure.clone();
        for map in split.maps.iter_mut().take(MEMBERS / 2) {
            *map = vec![at(0.0), at(1.0), at(0.1)];
        }
        assert!((split.doubt(&pairs) - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_step_follows_the_slope_of_the_log_likelihood() {
        let start = Committee::new(5, &mut Pcg32::new(4));
        let pairs: Pairs = vec![(0, 1), (1, 2), (0, 2)];
        for chosen in 0..3 {
            let mut after = start.clone();
            after.learn(Told::Closest { pairs: pairs.clone(), chosen });
            for (before, after) in start.maps.iter().zip(&after.maps) {
                let log = |map: &[[f64; DIMS]]| shares(map, &pairs)[chosen].ln();
                assert!(log(after) > log(before), "{} {}", log(after), log(before));
                assert_eq!(after[3..], before[3..], "what was not shown stays where it is");
            }
        }
    }
}
