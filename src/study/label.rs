//! Labelling with the right to say "I can't tell": one stimulus, labels on buttons of one size, and, where the study
//! asks, how sure. Gold labels (must-act and must-abstain items) never show before the end.

use std::collections::BTreeSet;

use super::StudyError;
use super::design::{Label, SimulatedParticipant};
use super::study::{Gold, Scale, Stimulus};
use super::trial::{Answer, Trial};
use crate::stats::rng::Pcg32;

/// The key of each label; 0 is "I can't tell".
pub const KEYS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c"];
/// Most labels: each has a key.
pub const MAX_LABELS: usize = KEYS.len();

pub(super) fn validate_design(
    labels: &[Label],
    confidence: Option<&Scale>,
    stimuli: &[Stimulus],
) -> Result<(), StudyError> {
    if !(2..=MAX_LABELS).contains(&labels.len()) {
        return Err(StudyError::field("design.labels", format!("{} labels, 2 to {MAX_LABELS} fit", labels.len())));
    }
    let mut ids = BTreeSet::new();
    for (index, label) in labels.iter().enumerate() {
        if label.id.is_empty() || label.text.trim().is_empty() {
            return Err(StudyError::field(&format!("design.labels[{index}]"), "its id or its text is empty"));
        }
        if !ids.insert(label.id.as_str()) {
            return Err(StudyError::field(
                &format!("design.labels[{index}].id"),
                format!("{:?} is there twice", label.id),
            ));
        }
    }
    for (index, stimulus) in stimuli.iter().enumerate() {
        if let Some(Gold::Label(label)) = &stimulus.gold
            && !ids.contains(label.as_str())
        {
            return Err(StudyError::field(&format!("stimuli[{index}].gold"), format!("no label is {label:?}")));
        }
    }
    confidence.map_or(Ok(()), |scale| scale.validate("design.confidence"))
}

/// Every stimulus once, in random order.
pub(super) fn main_trials(n: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut order);
    order.into_iter().map(|stimulus| vec![stimulus]).collect()
}

pub(super) fn validate(
    label: Option<&str>,
    given: Option<u8>,
    labels: &[Label],
    confidence: Option<&Scale>,
) -> Result<(), String> {
    if let Some(label) = label
        && !labels.iter().any(|it| it.id == label)
    {
        return Err(format!("no label is {label:?}"));
    }
    match (given, confidence) {
        (None, None) => Ok(()),
        (Some(given), Some(scale)) if scale.contains(given) => Ok(()),
        (Some(given), Some(scale)) => {
            Err(format!("the confidence {given} is not between {} and {}", scale.min, scale.max))
        }
        (None, Some(_)) => Err("the confidence is missing".to_owned()),
        (Some(_), None) => Err("this study asks for no confidence".to_owned()),
    }
}

/// The gold label, or with probability `noise` any of the labels or "I can't tell"; without gold "I can't tell".
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
    labels: &[Label],
    confidence: Option<u8>,
) -> Answer {
    let label = if uniform() < participant.noise {
        let place = (uniform() * (labels.len() + 1) as f64) as usize;
        labels.get(place).map(|label| label.id.clone())
    } else {
        match trial.stimuli.first().and_then(|stimulus| stimulus.gold.clone()) {
            Some(Gold::Label(label)) => Some(label),
            Some(Gold::Abstain) | None => None,
        }
    };
    Answer::Label { label, confidence }
}
