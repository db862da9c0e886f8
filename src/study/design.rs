//! Kinds of question a study can ask. One file each; here the one place that tells them apart.

use serde::{Deserialize, Serialize};

use super::study::{Scale, Stimulus};
use super::trial::{Answer, Expected, Trial, TrialKind};
use super::{StudyError, label, pair_rating, preference, triplet};
use crate::stats::rng::Pcg32;

/// Most main trials of a session.
pub const MAX_TRIALS: usize = 2016;

/// A prompt that answers of a preference study were given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Stable id; stimuli name it as their `group`.
    pub id: String,
    /// The prompt; always drawn as plain text.
    pub text: String,
}

/// A label that participants choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Stable id.
    pub id: String,
    /// What the button says.
    pub text: String,
}

/// What a participant is asked on each trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Design {
    /// Every pair of stimuli is rated for similarity once ([`pair_rating`]).
    PairRating {
        /// How it is answered.
        scale: Scale,
    },
    /// Which of three is the odd one out ([`triplet`]).
    Triplet {
        /// Triplets of a session.
        n_trials: u32,
    },
    /// Which of two answers to a prompt is better, not knowing where they come from ([`preference`]).
    Preference {
        /// What was answered.
        prompts: Vec<Prompt>,
    },
    /// What is this, or "I can't tell" ([`label`]).
    Label {
        /// What can be chosen.
        labels: Vec<Label>,
        /// Asks how sure, if given.
        confidence: Option<Scale>,
    },
}

/// A made-up participant, for tests and previews. Its sessions are begun with
/// [`super::session::Session::begin_simulated`], so that no record of it passes for a person's.
pub struct SimulatedParticipant<'a> {
    /// True similarity of two stimulus ids, 0 to 1; used by pairs and triplets.
    pub similarity: &'a dyn Fn(&str, &str) -> f64,
    /// True quality of a stimulus id, on the logit scale; used by preferences.
    pub strength: &'a dyn Fn(&str) -> f64,
    /// 0 answers by the truth; larger is noisier. See each design for its meaning.
    pub noise: f64,
    /// Whether it reads catch trials and instructions.
    pub attentive: bool,
}

impl Design {
    /// What the page asks, where the study has no question of its own.
    pub fn question(&self) -> &'static str {
        match self {
            Self::PairRating { .. } => "How similar are these two?",
            Self::Triplet { .. } => "Which one is the odd one out?",
            Self::Preference { .. } => "Which answer is better?",
            Self::Label { .. } => "What is this?",
        }
    }

    /// Answers faster than this cannot be meant (milliseconds): two words, three words or a picture are seen in a
    /// third of a second, but nobody reads two answers in one.
    pub fn too_fast_millis(&self) -> f64 {
        match self {
            Self::Preference { .. } => 1000.0,
            Self::PairRating { .. } | Self::Triplet { .. } | Self::Label { .. } => 300.0,
        }
    }

    /// Stimuli of a trial.
    pub fn n_shown(&self) -> usize {
        match self {
            Self::PairRating { .. } | Self::Preference { .. } => 2,
            Self::Triplet { .. } => 3,
            Self::Label { .. } => 1,
        }
    }

    /// Main trials of a session over these stimuli.
    pub fn n_main(&self, stimuli: &[Stimulus]) -> usize {
        match self {
            Self::PairRating { .. } => pair_rating::n_pairs(stimuli.len()),
            Self::Triplet { n_trials } => *n_trials as usize,
            Self::Preference { .. } => preference::pairs(stimuli).len(),
            Self::Label { .. } => stimuli.len(),
        }
    }

    /// The main trials in order: places among the stimuli, from left to right.
    pub(super) fn main_trials(&self, stimuli: &[Stimulus], rng: &mut Pcg32) -> Vec<Vec<usize>> {
        match self {
            Self::PairRating { .. } => pair_rating::main_trials(stimuli.len(), rng),
            Self::Triplet { n_trials } => triplet::main_trials(stimuli.len(), *n_trials as usize, rng),
            Self::Preference { .. } => preference::main_trials(stimuli, rng),
            Self::Label { .. } => label::main_trials(stimuli.len(), rng),
        }
    }

    /// Checks the design's own parameters against the stimuli.
    pub(super) fn validate(&self, stimuli: &[Stimulus]) -> Result<(), StudyError> {
        match self {
            Self::PairRating { scale } => scale.validate("design.scale"),
            Self::Triplet { n_trials } => triplet::validate_design(*n_trials, stimuli.len()),
            Self::Preference { prompts } => preference::validate_design(prompts, stimuli),
            Self::Label { labels, confidence } => label::validate_design(labels, confidence.as_ref(), stimuli),
        }
    }

    /// Checks that this can be an expected answer for these stimuli.
    pub(super) fn validate_expected(&self, expected: &Expected, stimuli: &[&str]) -> Result<(), String> {
        match (self, expected) {
            (Self::PairRating { scale }, Expected::Rating { lowest, highest }) => {
                if lowest <= highest && scale.contains(*lowest) && scale.contains(*highest) {
                    Ok(())
                } else {
                    Err(format!("{lowest} to {highest} is not on the scale"))
                }
            }
            (Self::Triplet { .. } | Self::Preference { .. }, Expected::Stimulus { id }) => {
                if stimuli.contains(&id.as_str()) { Ok(()) } else { Err(format!("{id:?} is not shown")) }
            }
            (Self::Label { labels, .. }, Expected::Label { label: Some(label) }) => {
                if labels.iter().any(|it| it.id == *label) { Ok(()) } else { Err(format!("no label is {label:?}")) }
            }
            (Self::Label { .. }, Expected::Label { label: None }) => Ok(()),
            _ => Err("it is of another design".to_owned()),
        }
    }

    /// Checks an answer to a trial with stimuli.
    ///
    /// # Errors
    /// [`StudyError::Answer`] says what does not fit.
    pub fn validate_answer(&self, answer: &Answer, trial: &Trial) -> Result<(), StudyError> {
        let fits = match (self, answer) {
            (Self::PairRating { scale }, Answer::Rating { rating }) => pair_rating::validate(*rating, scale),
            (Self::Triplet { .. }, Answer::OddOne { stimulus }) => triplet::validate(stimulus, trial),
            (Self::Preference { .. }, Answer::Preference { .. }) => Ok(()),
            (Self::Label { labels, confidence }, Answer::Label { label, confidence: given }) => {
                label::validate(label.as_deref(), *given, labels, confidence.as_ref())
            }
            _ => Err("it is of another design".to_owned()),
        };
        fits.map_err(|detail| StudyError::Answer { detail })
    }

    /// Answers a trial with stimuli as this participant would; `uniform` draws from [0, 1).
    pub fn simulate(
        &self,
        uniform: &mut dyn FnMut() -> f64,
        participant: &SimulatedParticipant<'_>,
        trial: &Trial,
    ) -> Answer {
        let confidence = match self {
            Self::Label { confidence, .. } => confidence.as_ref().map(|scale| scale.max),
            _ => None,
        };
        if let (TrialKind::Catch { expected, .. }, true) = (&trial.kind, participant.attentive) {
            let side = |id: &str| trial.stimuli.iter().position(|stimulus| stimulus.id == id);
            return match (self, expected) {
                (_, Expected::Rating { lowest, .. }) => Answer::Rating { rating: *lowest },
                (Self::Preference { .. }, Expected::Stimulus { id }) => {
                    let preferred = if side(id) == Some(0) {
                        super::trial::Preferred::Left
                    } else {
                        super::trial::Preferred::Right
                    };
                    Answer::Preference { preferred }
                }
                (_, Expected::Stimulus { id }) => Answer::OddOne { stimulus: id.clone() },
                (_, Expected::Label { label }) => Answer::Label { label: label.clone(), confidence },
            };
        }
        match self {
            Self::PairRating { scale } => pair_rating::simulate(uniform, participant, trial, scale),
            Self::Triplet { .. } => triplet::simulate(uniform, participant, trial),
            Self::Preference { .. } => preference::simulate(uniform, participant, trial),
            Self::Label { labels, .. } => label::simulate(uniform, participant, trial, labels, confidence),
        }
    }
}
