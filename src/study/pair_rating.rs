//! Pairwise similarity rating: two stimuli side by side, one whole number on a labelled scale.

use super::design::SimulatedParticipant;
use super::study::Scale;
use super::trial::{Answer, Trial};
use crate::stats::rng::Pcg32;

/// Pairs of different things among `n`.
pub fn n_pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Every pair once, as (left, right), shuffled. Stimuli sit on a circle in random order and each stands left of the
/// next half of it, which gives everyone as many lefts as rights (an odd one out at even `n`).
pub(super) fn main_trials(n: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut circle: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut circle);
    let mut pairs = Vec::with_capacity(n_pairs(n));
    for (i, &a) in circle.iter().enumerate() {
        for (j, &b) in circle.iter().enumerate().skip(i + 1) {
            let distance = j - i;
            let forward = match (2 * distance).cmp(&n) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal => rng.below(2) == 0,
            };
            pairs.push(if forward { vec![a, b] } else { vec![b, a] });
        }
    }
    rng.shuffle(&mut pairs);
    pairs
}

pub(super) fn validate(rating: u8, scale: &Scale) -> Result<(), String> {
    if scale.contains(rating) {
        Ok(())
    } else {
        Err(format!("the rating {rating} is not between {} and {}", scale.min, scale.max))
    }
}

/// The true similarity plus uniform noise of half width `noise`, rounded to the scale.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
    scale: &Scale,
) -> Answer {
    let noise = (2.0 * uniform() - 1.0) * participant.noise;
    let similarity = match trial.stimuli.as_slice() {
        [left, right] => (participant.similarity)(&left.id, &right.id) + noise,
        _ => noise,
    };
    let steps = f64::from(scale.max - scale.min);
    Answer::Rating { rating: scale.min + (similarity.clamp(0.0, 1.0) * steps + 0.5) as u8 }
}
