//! Odd one out of three (Hebart et al. 2020, doi:10.1038/s41562-020-00951-3): the two that stay are the more similar
//! pair. Works for words and pictures; chance is one third.

use std::collections::BTreeSet;

use super::StudyError;
use super::design::{MAX_TRIALS, SimulatedParticipant};
use super::trial::{Answer, Trial};
use crate::stats::rng::Pcg32;

/// Triplets of different things among `n`.
pub fn n_triplets(n: usize) -> usize {
    n * n.saturating_sub(1) * n.saturating_sub(2) / 6
}

pub(super) fn validate_design(n_trials: u32, n_stimuli: usize) -> Result<(), StudyError> {
    let most = n_triplets(n_stimuli).min(MAX_TRIALS);
    if n_trials == 0 || n_trials as usize > most {
        return Err(StudyError::field("design.n_trials", format!("{n_trials} is not between 1 and {most}")));
    }
    Ok(())
}

/// Different triplets in random order, always of the least used stimuli that give a new one: every stimulus comes
/// about equally often, and stands about equally often in each of the three places.
pub(super) fn main_trials(n: usize, n_trials: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut usage = vec![0_u32; n];
    let mut used = BTreeSet::new();
    while used.len() < n_trials.min(n_triplets(n)) {
        let mut order: Vec<usize> = (0..n).collect();
        rng.shuffle(&mut order);
        order.sort_by_key(|&stimulus| usage.get(stimulus).copied().unwrap_or(0));
        let Some(triplet) = first_unused(&order, &used) else { break };
        for &stimulus in &triplet {
            if let Some(count) = usage.get_mut(stimulus) {
                *count += 1;
            }
        }
        used.insert(triplet);
    }
    let mut triplets: Vec<[usize; 3]> = used.into_iter().collect();
    rng.shuffle(&mut triplets);
    let mut places = vec![[0_u32; 3]; n];
    triplets.into_iter().map(|triplet| placed(triplet, &mut places, rng)).collect()
}

/// The first triplet (sorted) of the least used stimuli that is new.
fn first_unused(order: &[usize], used: &BTreeSet<[usize; 3]>) -> Option<[usize; 3]> {
    for (third, &c) in order.iter().enumerate().skip(2) {
        for (second, &b) in order.iter().enumerate().take(third).skip(1) {
            for &a in order.iter().take(second) {
                let mut triplet = [a, b, c];
                triplet.sort_unstable();
                if !used.contains(&triplet) {
                    return Some(triplet);
                }
            }
        }
    }
    None
}

/// The order of the three that evens out how often each stood where; ties by chance.
fn placed(triplet: [usize; 3], places: &mut [[u32; 3]], rng: &mut Pcg32) -> Vec<usize> {
    let [a, b, c] = triplet;
    let mut orders = [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]];
    rng.shuffle(&mut orders);
    let crowding = |order: &[usize; 3]| -> u32 {
        order.iter().enumerate().filter_map(|(place, &stimulus)| places.get(stimulus)?.get(place)).map(|n| n * n).sum()
    };
    let best = orders.into_iter().min_by_key(crowding).unwrap_or(triplet);
    for (place, &stimulus) in best.iter().enumerate() {
        if let Some(count) = places.get_mut(stimulus).and_then(|counts| counts.get_mut(place)) {
            *count += 1;
        }
    }
    best.to_vec()
}

pub(super) fn validate(odd: &str, trial: &Trial) -> Result<(), String> {
    if trial.stimuli.iter().any(|stimulus| stimulus.id == odd) {
        Ok(())
    } else {
        Err(format!("{odd:?} is not one of the three"))
    }
}

/// Leaves out the one outside of the most similar pair, each similarity with uniform noise of half width `noise`.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
) -> Answer {
    let mut best = (f64::NEG_INFINITY, String::new());
    for (place, odd) in trial.stimuli.iter().enumerate() {
        let rest: Vec<&str> =
            trial.stimuli.iter().enumerate().filter(|(it, _)| *it != place).map(|(_, it)| it.id.as_str()).collect();
        if let [a, b] = rest.as_slice() {
            let kept = (participant.similarity)(a, b) + (2.0 * uniform() - 1.0) * participant.noise;
            if kept > best.0 {
                best = (kept, odd.id.clone());
            }
        }
    }
    Answer::OddOne { stimulus: best.1 }
}
