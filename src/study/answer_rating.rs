//! One answer to a prompt, rated on several axes, each on the same scale. Where the answer comes from is in the stimulus's
//! `source` and is shown only after the last trial.

use std::collections::BTreeSet;

use super::StudyError;
use super::design::{Label, Prompt, SimulatedParticipant};
use super::preference::validate_prompts;
use super::study::{Scale, Stimulus};
use super::trial::{Answer, Trial};
use crate::stats::rng::Pcg32;

/// Most axes of an answer.
pub const MAX_AXES: usize = 8;
/// Distance of two contestants that are one apart on the logit scale, as a share of the rating scale.
const SPREAD: f64 = 0.2;

pub(super) fn validate_design(
    prompts: &[Prompt],
    axes: &[Label],
    scale: &Scale,
    stimuli: &[Stimulus],
) -> Result<(), StudyError> {
    validate_prompts(prompts, stimuli)?;
    if !(1..=MAX_AXES).contains(&axes.len()) {
        return Err(StudyError::field("design.axes", format!("{} axes, 1 to {MAX_AXES} fit", axes.len())));
    }
    let mut ids = BTreeSet::new();
    for (index, axis) in axes.iter().enumerate() {
        if axis.id.is_empty() || axis.text.trim().is_empty() || !ids.insert(axis.id.as_str()) {
            let detail = "its id or its text is empty, or its id is there twice";
            return Err(StudyError::field(&format!("design.axes[{index}]"), detail));
        }
    }
    scale.validate("design.scale")
}

/// Every answer once, in random order.
pub(super) fn main_trials(n: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    super::label::main_trials(n, rng)
}

pub(super) fn validate(ratings: &[u8], axes: &[Label], scale: &Scale) -> Result<(), String> {
    if ratings.len() != axes.len() {
        return Err(format!("{} ratings for {} axes", ratings.len(), axes.len()));
    }
    match ratings.iter().find(|rating| !scale.contains(**rating)) {
        Some(rating) => Err(format!("the rating {rating} is not between {} and {}", scale.min, scale.max)),
        None => Ok(()),
    }
}

/// The answer's strength around the middle of the scale, with uniform noise of half width `noise` on each axis.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
    axes: &[Label],
    scale: &Scale,
) -> Answer {
    let strength = trial.stimuli.first().map_or(0.0, |stimulus| (participant.strength)(&stimulus.id));
    let steps = f64::from(scale.max - scale.min);
    let ratings = axes
        .iter()
        .map(|_| {
            let place = 0.5 + SPREAD * (strength - 0.5) + (2.0 * uniform() - 1.0) * participant.noise;
            scale.min + (place.clamp(0.0, 1.0) * steps + 0.5) as u8
        })
        .collect();
    Answer::Ratings { ratings }
}
