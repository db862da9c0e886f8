//! Anchored triplet: which of two is closer to the one above them (the question of Salmon, Sievert et al. 2023,
//! doi:10.21105/joss.04517). Chance is one half. The anchor is the first stimulus of the trial, then left and right.

use std::collections::BTreeSet;

use super::StudyError;
use super::design::{MAX_TRIALS, SimulatedParticipant};
use super::trial::{Answer, Trial};
use super::triplet::n_triplets;
use crate::stats::rng::Pcg32;

pub(super) fn validate_design(n_trials: u32, n_stimuli: usize) -> Result<(), StudyError> {
    let most = (3 * n_triplets(n_stimuli)).min(MAX_TRIALS);
    if n_trials == 0 || n_trials as usize > most {
        return Err(StudyError::field("design.n_trials", format!("{n_trials} is not between 1 and {most}")));
    }
    Ok(())
}

/// Different questions (anchor and unordered pair) in random order. Every stimulus is the anchor equally often, give or
/// take one, and the two others are those that came least; sides fall by chance.
pub(super) fn main_trials(n: usize, n_trials: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut usage = vec![0_u32; n];
    let mut used = BTreeSet::new();
    let mut trials = Vec::new();
    let mut anchors: Vec<usize> = Vec::new();
    // Every question is asked at most once, and each round over the anchors finds a new one for some of them.
    let most = n_trials.min(3 * n_triplets(n));
    let mut idle = 0;
    while trials.len() < most && idle <= n {
        if anchors.is_empty() {
            anchors = (0..n).collect();
            rng.shuffle(&mut anchors);
        }
        let Some(anchor) = anchors.pop() else { break };
        let mut others: Vec<usize> = (0..n).filter(|&it| it != anchor).collect();
        rng.shuffle(&mut others);
        others.sort_by_key(|&it| usage.get(it).copied().unwrap_or(0));
        let pair = (1..others.len())
            .flat_map(|second| (0..second).map(move |first| (first, second)))
            .filter_map(|(first, second)| Some((*others.get(first)?, *others.get(second)?)))
            .find(|&(a, b)| !used.contains(&(anchor, a.min(b), a.max(b))));
        let Some((a, b)) = pair else {
            idle += 1;
            continue;
        };
        idle = 0;
        used.insert((anchor, a.min(b), a.max(b)));
        for it in [a, b] {
            if let Some(count) = usage.get_mut(it) {
                *count += 1;
            }
        }
        trials.push(if rng.below(2) == 0 { vec![anchor, a, b] } else { vec![anchor, b, a] });
    }
    rng.shuffle(&mut trials);
    trials
}

pub(super) fn validate(closer: &str, trial: &Trial) -> Result<(), String> {
    if trial.stimuli.iter().skip(1).any(|stimulus| stimulus.id == closer) {
        Ok(())
    } else {
        Err(format!("{closer:?} is not one of the two"))
    }
}

/// The more similar one, each similarity with uniform noise of half width `noise`.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
) -> Answer {
    let [anchor, left, right] = trial.stimuli.as_slice() else {
        return Answer::Closer { stimulus: String::new() };
    };
    let mut seen = |id: &str| (participant.similarity)(&anchor.id, id) + (2.0 * uniform() - 1.0) * participant.noise;
    let closer = if seen(&left.id) >= seen(&right.id) { left } else { right };
    Answer::Closer { stimulus: closer.id.clone() }
}
