//! Pairwise similarity rating: two stimuli side by side, one whole number on a labelled scale.

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::study::{Scale, Stimulus};

/// What a trial is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TrialKind {
    /// A pair, for the first time.
    Main,
    /// A pair for the second time, sides exchanged.
    RepeatOf {
        /// Index of the trial that it repeats.
        trial: u32,
    },
    /// A question with a known answer.
    Catch {
        /// Shown in place of the question; `None` shows the pair as usual.
        instruction: Option<String>,
        /// Lowest rating that passes.
        lowest: u8,
        /// Highest rating that passes.
        highest: u8,
    },
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Position in the session, from 0.
    pub index: u32,
    /// What it is for; never shown.
    pub kind: TrialKind,
    /// Shown on the left.
    pub left: Stimulus,
    /// Shown on the right.
    pub right: Stimulus,
}

impl Trial {
    /// The instruction that takes the question's place, for catch trials that have one.
    pub fn instruction(&self) -> Option<&str> {
        match &self.kind {
            TrialKind::Catch { instruction, .. } => instruction.as_deref(),
            TrialKind::Main | TrialKind::RepeatOf { .. } => None,
        }
    }
}

/// A rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// A whole number of the study's scale.
    pub rating: u8,
}

/// Checks an answer against the scale.
///
/// # Errors
/// [`StudyError::OffScale`].
pub fn validate(answer: Answer, scale: &Scale) -> Result<(), StudyError> {
    if (scale.min..=scale.max).contains(&answer.rating) {
        Ok(())
    } else {
        Err(StudyError::OffScale { rating: answer.rating, min: scale.min, max: scale.max })
    }
}

/// A made-up participant, for tests and demonstrations. Its sessions are begun with
/// [`super::session::Session::begin_simulated`], so that no record of it passes for a person's.
pub struct SimulatedParticipant<'a> {
    /// True similarity of two stimulus ids, 0 (lowest rating) to 1 (highest).
    pub similarity: &'a dyn Fn(&str, &str) -> f64,
    /// Half width of the uniform noise on that similarity.
    pub noise: f64,
    /// Whether it reads catch trials.
    pub attentive: bool,
}

/// Answers a trial as this participant would; `uniform` draws from [0, 1).
pub fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
    scale: &Scale,
) -> Answer {
    let steps = f64::from(scale.max - scale.min);
    if let (TrialKind::Catch { lowest, .. }, true) = (&trial.kind, participant.attentive) {
        return Answer { rating: *lowest };
    }
    let noise = (2.0 * uniform() - 1.0) * participant.noise;
    let similarity = (participant.similarity)(&trial.left.id, &trial.right.id) + noise;
    Answer { rating: scale.min + (similarity.clamp(0.0, 1.0) * steps + 0.5) as u8 }
}
