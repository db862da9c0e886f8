//! A study: what is asked, about which stimuli, and what the participant agrees to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::assign::MIN_REPEAT_GAP;
use super::design::Design;

/// Version of the study file's shape.
pub const STUDY_SCHEMA: u32 = 1;
/// Most stimuli of a study; 64 make 2016 pairs, more than anybody rates.
pub const MAX_STIMULI: usize = 64;

/// One thing that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stimulus {
    /// Stable id.
    pub id: String,
    /// What is shown; always drawn as plain text.
    pub text: String,
}

/// What the participant agrees to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Version of the text.
    pub version: u32,
    /// The text, in plain words.
    pub text: String,
}

/// A rating scale of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Lowest rating.
    pub min: u8,
    /// Highest rating.
    pub max: u8,
    /// What the lowest means.
    pub low_label: String,
    /// What the highest means.
    pub high_label: String,
}

/// A question with a known answer, to see who is not reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CatchTrial {
    /// The question is replaced by an instruction.
    Instructed {
        /// The instruction, such as "choose 7 now".
        text: String,
        /// The rating that follows it.
        rating: u8,
    },
    /// One stimulus beside itself.
    Identical {
        /// The stimulus.
        stimulus: String,
        /// The lowest rating that passes.
        at_least: u8,
    },
}

/// A study, as stored in `public/studies`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// [`STUDY_SCHEMA`].
    pub schema: u32,
    /// Stable id.
    pub id: String,
    /// Version; any change to what participants see raises it.
    pub version: u32,
    /// Title for people.
    pub title: String,
    /// What to do, in plain words.
    pub instructions: String,
    /// What is agreed to before anything is recorded.
    pub consent: Consent,
    /// What is asked.
    pub design: Design,
    /// What is judged.
    pub stimuli: Vec<Stimulus>,
    /// How it is answered.
    pub scale: Scale,
    /// Trials that are shown a second time, unannounced.
    pub n_repeats: u32,
    /// Questions with a known answer.
    pub catch_trials: Vec<CatchTrial>,
}

impl Study {
    /// Reads and checks a study file.
    ///
    /// # Errors
    /// [`StudyError::Study`] says what is wrong with it.
    pub fn from_json(json: &str) -> Result<Self, StudyError> {
        let study: Self =
            serde_json::from_str(json).map_err(|error| StudyError::Study { detail: error.to_string() })?;
        study.validate()?;
        Ok(study)
    }

    /// Pairs of different stimuli.
    pub fn n_pairs(&self) -> usize {
        self.stimuli.len() * self.stimuli.len().saturating_sub(1) / 2
    }

    /// All trials of a session: pairs, repeats and catch trials.
    pub fn n_trials(&self) -> usize {
        self.n_pairs() + self.n_repeats as usize + self.catch_trials.len()
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`StudyError::Study`] names the first thing that is wrong.
    pub fn validate(&self) -> Result<(), StudyError> {
        let wrong = |detail: String| Err(StudyError::Study { detail });
        if self.schema != STUDY_SCHEMA {
            return wrong(format!("schema {} is not {STUDY_SCHEMA}", self.schema));
        }
        if self.id.is_empty() || self.title.trim().is_empty() || self.instructions.trim().is_empty() {
            return wrong("id, title or instructions are empty".into());
        }
        if self.consent.text.trim().is_empty() {
            return wrong("the consent text is empty".into());
        }
        if !(2..=MAX_STIMULI).contains(&self.stimuli.len()) {
            return wrong(format!("{} stimuli, 2 to {MAX_STIMULI} are possible", self.stimuli.len()));
        }
        let mut ids = BTreeSet::new();
        for stimulus in &self.stimuli {
            if stimulus.id.is_empty() || stimulus.text.trim().is_empty() {
                return wrong(format!("stimulus {:?} has no id or no text", stimulus.id));
            }
            if !ids.insert(stimulus.id.as_str()) {
                return wrong(format!("stimulus {:?} is there twice", stimulus.id));
            }
        }
        let scale = &self.scale;
        if scale.min >= scale.max {
            return wrong(format!("the scale goes from {} to {}", scale.min, scale.max));
        }
        // Each repeat needs an original at least the gap before the end of the main trials.
        if self.n_repeats as usize > self.n_pairs().saturating_sub(MIN_REPEAT_GAP) {
            return wrong(format!("{} repeats do not fit {} pairs", self.n_repeats, self.n_pairs()));
        }
        if self.catch_trials.len() > self.n_pairs() {
            return wrong(format!("{} catch trials for {} pairs", self.catch_trials.len(), self.n_pairs()));
        }
        for catch in &self.catch_trials {
            let rating = match catch {
                CatchTrial::Instructed { text, .. } if text.trim().is_empty() => {
                    return wrong("a catch trial has no instruction".into());
                }
                CatchTrial::Instructed { rating, .. } => *rating,
                CatchTrial::Identical { stimulus, .. } if !ids.contains(stimulus.as_str()) => {
                    return wrong(format!("a catch trial names the unknown stimulus {stimulus:?}"));
                }
                CatchTrial::Identical { at_least, .. } => *at_least,
            };
            if !(scale.min..=scale.max).contains(&rating) {
                return wrong(format!("a catch trial asks for {rating}, which is off the scale"));
            }
        }
        Ok(())
    }
}
