//! Blind preference: two answers to one prompt, A better, tie, both bad or B better. Where an answer comes from is
//! in the stimulus's `source` and is shown only after the last trial.

use std::collections::{BTreeMap, BTreeSet};

use super::StudyError;
use super::design::{Prompt, SimulatedParticipant};
use super::study::Stimulus;
use super::trial::{Answer, Preferred, Trial};
use crate::stats::rng::Pcg32;

/// Share of comparisons that a noisy simulated participant calls a tie.
const SIMULATED_TIES: f64 = 0.1;

/// What competes: the source of an answer, or the answer itself where none is given.
pub fn contestant(stimulus: &Stimulus) -> &str {
    stimulus.source.as_deref().unwrap_or(&stimulus.id)
}

/// Places of all pairs of answers to the same prompt by different contestants.
pub(super) fn pairs(stimuli: &[Stimulus]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (i, a) in stimuli.iter().enumerate() {
        for (j, b) in stimuli.iter().enumerate().skip(i + 1) {
            if a.group == b.group && contestant(a) != contestant(b) {
                pairs.push((i, j));
            }
        }
    }
    pairs
}

/// Checks that prompts differ and that every stimulus belongs to one.
pub(super) fn validate_prompts(prompts: &[Prompt], stimuli: &[Stimulus]) -> Result<(), StudyError> {
    let mut ids = BTreeSet::new();
    for (index, prompt) in prompts.iter().enumerate() {
        if prompt.id.is_empty() || prompt.text.trim().is_empty() {
            return Err(StudyError::field(&format!("design.prompts[{index}]"), "its id or its text is empty"));
        }
        if !ids.insert(prompt.id.as_str()) {
            return Err(StudyError::field(
                &format!("design.prompts[{index}].id"),
                format!("{:?} is there twice", prompt.id),
            ));
        }
    }
    for (index, stimulus) in stimuli.iter().enumerate() {
        let known = stimulus.group.as_deref().is_some_and(|group| ids.contains(group));
        if !known {
            let detail = format!("{:?} is no prompt of this study", stimulus.group.as_deref().unwrap_or_default());
            return Err(StudyError::field(&format!("stimuli[{index}].group"), detail));
        }
    }
    Ok(())
}

pub(super) fn validate_design(prompts: &[Prompt], stimuli: &[Stimulus]) -> Result<(), StudyError> {
    validate_prompts(prompts, stimuli)?;
    if pairs(stimuli).is_empty() {
        return Err(StudyError::field("stimuli", "no prompt has answers of two sources"));
    }
    Ok(())
}

/// Every pair once in random order. Of two contestants each stands left as often as right, give or take one; of more,
/// about as often.
pub(super) fn main_trials(stimuli: &[Stimulus], rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut order = pairs(stimuli);
    rng.shuffle(&mut order);
    // Lefts minus rights of each contestant.
    let mut balance: BTreeMap<&str, i64> = BTreeMap::new();
    let mut trials = Vec::with_capacity(order.len());
    for (a, b) in order {
        let (Some(first), Some(second)) = (stimuli.get(a), stimuli.get(b)) else { continue };
        let lean = |stimulus: &Stimulus| balance.get(contestant(stimulus)).copied().unwrap_or(0);
        let a_left = match lean(first).cmp(&lean(second)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => rng.below(2) == 0,
        };
        let (left, right) = if a_left { (first, second) } else { (second, first) };
        *balance.entry(contestant(left)).or_default() += 1;
        *balance.entry(contestant(right)).or_default() -= 1;
        trials.push(if a_left { vec![a, b] } else { vec![b, a] });
    }
    // Sides were evened out along the way; in a new order nobody can guess the next one from the last.
    rng.shuffle(&mut trials);
    trials
}

/// Bradley and Terry's chooser with strengths divided by `noise`; without noise the stronger always wins.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
) -> Answer {
    let [left, right] = trial.stimuli.as_slice() else { return Answer::Preference { preferred: Preferred::Tie } };
    let gap = (participant.strength)(&left.id) - (participant.strength)(&right.id);
    let preferred = if participant.noise <= 0.0 {
        match gap.total_cmp(&0.0) {
            std::cmp::Ordering::Greater => Preferred::Left,
            std::cmp::Ordering::Less => Preferred::Right,
            std::cmp::Ordering::Equal => Preferred::Tie,
        }
    } else if uniform() < SIMULATED_TIES {
        Preferred::Tie
    } else if uniform() < 1.0 / (1.0 + libm::exp(-gap / participant.noise)) {
        Preferred::Left
    } else {
        Preferred::Right
    };
    Answer::Preference { preferred }
}
