//! Kinds of question a study can ask. One file each; here the one place that tells them apart.

use serde::{Deserialize, Serialize};

use super::study::{Scale, Stimulus};
use super::trial::{Answer, Expected, Trial, TrialKind};
use super::{
    StudyError, anchored_triplet, answer_rating, arrangement, free_label, label, pair_rating, preference, triplet,
};
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
    /// Which of two is closer to a third ([`anchored_triplet`]).
    AnchoredTriplet {
        /// Questions of a session.
        n_trials: u32,
    },
    /// How an answer to a prompt is on several axes, not knowing where it comes from ([`answer_rating`]).
    AnswerRating {
        /// What was answered.
        prompts: Vec<Prompt>,
        /// What is rated; `text` is what is asked.
        axes: Vec<Label>,
        /// How it is rated.
        scale: Scale,
    },
    /// What is this, in one's own words, or "I can't tell" ([`free_label`]).
    FreeLabel {
        /// Longest name in characters.
        max_chars: u32,
    },
    /// What is alike is put close together on a field ([`arrangement`]).
    Arrangement {
        /// Things on the field at once.
        n_shown: u32,
        /// Fields of a session.
        n_trials: u32,
        /// Each field but the first shows what those before it say least about; otherwise all are laid out ahead.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lift_the_weakest: bool,
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
            Self::Label { .. } | Self::FreeLabel { .. } => "What is this?",
            Self::AnchoredTriplet { .. } => "Which of the two is closer to the one above?",
            Self::AnswerRating { .. } => "How is this answer?",
            Self::Arrangement { .. } => "Put what is alike close together.",
        }
    }

    /// Answers faster than this cannot be meant (milliseconds): two words, three words or a picture are seen in a
    /// third of a second, but nobody reads two answers in one.
    pub fn too_fast_millis(&self) -> f64 {
        match self {
            Self::Preference { .. } | Self::AnswerRating { .. } | Self::FreeLabel { .. } => 1000.0,
            // A second for each thing would be slow; a fifth is faster than anybody can put it down.
            Self::Arrangement { n_shown, .. } => 200.0 * f64::from(*n_shown),
            Self::PairRating { .. } | Self::Triplet { .. } | Self::Label { .. } | Self::AnchoredTriplet { .. } => 300.0,
        }
    }

    /// Stimuli of a trial.
    pub fn n_shown(&self) -> usize {
        match self {
            Self::PairRating { .. } | Self::Preference { .. } => 2,
            Self::Triplet { .. } | Self::AnchoredTriplet { .. } => 3,
            Self::Label { .. } | Self::AnswerRating { .. } | Self::FreeLabel { .. } => 1,
            Self::Arrangement { n_shown, .. } => *n_shown as usize,
        }
    }

    /// Main trials of a session over these stimuli.
    pub fn n_main(&self, stimuli: &[Stimulus]) -> usize {
        match self {
            Self::PairRating { .. } => pair_rating::n_pairs(stimuli.len()),
            Self::Triplet { n_trials } | Self::AnchoredTriplet { n_trials } | Self::Arrangement { n_trials, .. } => {
                *n_trials as usize
            }
            Self::Preference { .. } => preference::pairs(stimuli).len(),
            Self::Label { .. } | Self::AnswerRating { .. } | Self::FreeLabel { .. } => stimuli.len(),
        }
    }

    /// The main trials in order: places among the stimuli, from left to right.
    pub(super) fn main_trials(&self, stimuli: &[Stimulus], rng: &mut Pcg32) -> Vec<Vec<usize>> {
        match self {
            Self::PairRating { .. } => pair_rating::main_trials(stimuli.len(), rng),
            Self::Triplet { n_trials } => triplet::main_trials(stimuli.len(), *n_trials as usize, rng),
            Self::Preference { .. } => preference::main_trials(stimuli, rng),
            Self::Label { .. } | Self::FreeLabel { .. } => label::main_trials(stimuli.len(), rng),
            Self::AnchoredTriplet { n_trials } => anchored_triplet::main_trials(stimuli.len(), *n_trials as usize, rng),
            Self::AnswerRating { .. } => answer_rating::main_trials(stimuli.len(), rng),
            Self::Arrangement { n_shown, n_trials, .. } => {
                arrangement::main_trials(stimuli.len(), *n_shown as usize, *n_trials as usize, rng)
            }
        }
    }

    /// Another order of the same stimuli for a repeat; an anchor stays where it is.
    pub(super) fn reordered(&self, places: &mut [usize]) {
        match (self, places) {
            (_, []) => {}
            (Self::AnchoredTriplet { .. }, [_, rest @ ..]) => rest.rotate_left(1.min(rest.len())),
            (_, places) => places.rotate_left(1),
        }
    }

    /// Whether two stimuli that look the same could not be told apart in its results.
    pub(super) fn needs_different_texts(&self) -> bool {
        matches!(
            self,
            Self::PairRating { .. } | Self::Triplet { .. } | Self::AnchoredTriplet { .. } | Self::Arrangement { .. }
        )
    }

    /// Whether it says how alike stimuli are.
    pub fn is_about_similarity(&self) -> bool {
        self.needs_different_texts()
    }

    /// Prompts whose answers are judged.
    pub fn prompts(&self) -> &[Prompt] {
        match self {
            Self::Preference { prompts } | Self::AnswerRating { prompts, .. } => prompts,
            _ => &[],
        }
    }

    /// Checks the design's own parameters against the stimuli.
    pub(super) fn validate(&self, stimuli: &[Stimulus]) -> Result<(), StudyError> {
        match self {
            Self::PairRating { scale } => scale.validate("design.scale"),
            Self::Triplet { n_trials } => triplet::validate_design(*n_trials, stimuli.len()),
            Self::Preference { prompts } => preference::validate_design(prompts, stimuli),
            Self::Label { labels, confidence } => label::validate_design(labels, confidence.as_ref(), stimuli),
            Self::AnchoredTriplet { n_trials } => anchored_triplet::validate_design(*n_trials, stimuli.len()),
            Self::AnswerRating { prompts, axes, scale } => {
                answer_rating::validate_design(prompts, axes, scale, stimuli)
            }
            Self::FreeLabel { max_chars } => free_label::validate_design(*max_chars),
            Self::Arrangement { n_shown, n_trials, .. } => {
                arrangement::validate_design(*n_shown, *n_trials, stimuli.len())
            }
        }
    }

    /// Checks that this can be an expected answer for these stimuli.
    pub(super) fn validate_expected(&self, expected: &Expected, stimuli: &[&str]) -> Result<(), String> {
        match (self, expected) {
            (Self::PairRating { scale } | Self::AnswerRating { scale, .. }, Expected::Rating { lowest, highest }) => {
                if lowest <= highest && scale.contains(*lowest) && scale.contains(*highest) {
                    Ok(())
                } else {
                    Err(format!("{lowest} to {highest} is not on the scale"))
                }
            }
            (Self::AnchoredTriplet { .. }, Expected::Stimulus { id }) => {
                if stimuli.iter().skip(1).any(|it| it == id) {
                    Ok(())
                } else {
                    Err(format!("{id:?} is not one of the two"))
                }
            }
            (Self::Triplet { .. } | Self::Preference { .. }, Expected::Stimulus { id }) => {
                if stimuli.contains(&id.as_str()) { Ok(()) } else { Err(format!("{id:?} is not shown")) }
            }
            (Self::Label { labels, .. }, Expected::Label { label: Some(label) }) => {
                if labels.iter().any(|it| it.id == *label) { Ok(()) } else { Err(format!("no label is {label:?}")) }
            }
            (Self::Arrangement { .. }, Expected::Closest { ids }) => {
                let times = |id: &String| stimuli.iter().filter(|it| *it == id).count();
                if ids[0] != ids[1] && ids.iter().all(|id| times(id) == 1) {
                    Ok(())
                } else {
                    Err(format!("{:?} and {:?} are not two things that are shown once", ids[0], ids[1]))
                }
            }
            (Self::FreeLabel { .. }, Expected::Label { .. })
            | (Self::Label { .. }, Expected::Label { label: None }) => Ok(()),
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
            (Self::AnchoredTriplet { .. }, Answer::Closer { stimulus }) => anchored_triplet::validate(stimulus, trial),
            (Self::AnswerRating { axes, scale, .. }, Answer::Ratings { ratings }) => {
                answer_rating::validate(ratings, axes, scale)
            }
            (Self::FreeLabel { max_chars }, Answer::FreeLabel { text }) => {
                free_label::validate(text.as_deref(), *max_chars)
            }
            (Self::Arrangement { .. }, Answer::Arrangement { points }) => arrangement::validate(points, trial),
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
                (Self::AnswerRating { axes, .. }, Expected::Rating { lowest, .. }) => {
                    Answer::Ratings { ratings: vec![*lowest; axes.len()] }
                }
                (_, Expected::Rating { lowest, .. }) => Answer::Rating { rating: *lowest },
                (Self::AnchoredTriplet { .. }, Expected::Stimulus { id }) => Answer::Closer { stimulus: id.clone() },
                (Self::FreeLabel { .. }, Expected::Label { label }) => Answer::FreeLabel { text: label.clone() },
                (Self::Preference { .. }, Expected::Stimulus { id }) => {
                    let preferred = if side(id) == Some(0) {
                        super::trial::Preferred::Left
                    } else {
                        super::trial::Preferred::Right
                    };
                    Answer::Preference { preferred }
                }
                (_, Expected::Stimulus { id }) => Answer::OddOne { stimulus: id.clone() },
                (_, Expected::Closest { ids }) => arrangement::together(ids, &trial.ids()),
                (_, Expected::Label { label }) => Answer::Label { label: label.clone(), confidence },
            };
        }
        match self {
            Self::PairRating { scale } => pair_rating::simulate(uniform, participant, trial, scale),
            Self::Triplet { .. } => triplet::simulate(uniform, participant, trial),
            Self::Preference { .. } => preference::simulate(uniform, participant, trial),
            Self::Label { labels, .. } => label::simulate(uniform, participant, trial, labels, confidence),
            Self::AnchoredTriplet { .. } => anchored_triplet::simulate(uniform, participant, trial),
            Self::AnswerRating { axes, scale, .. } => answer_rating::simulate(uniform, participant, trial, axes, scale),
            Self::FreeLabel { .. } => free_label::simulate(uniform, participant, trial),
            Self::Arrangement { .. } => arrangement::simulate(uniform, participant, trial),
        }
    }
}
