//! One question of a session and what can be answered to it, whatever the design.

use serde::{Deserialize, Serialize};

use super::study::Stimulus;

/// What an attentive participant answers to a question with a known answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// A rating in this range.
    Rating {
        /// Lowest rating that passes.
        lowest: u8,
        /// Highest rating that passes.
        highest: u8,
    },
    /// This stimulus, as the odd one out or as the better answer.
    Stimulus {
        /// Its id.
        id: String,
    },
    /// These two lie closer together than any other two.
    Closest {
        /// Their ids.
        ids: [String; 2],
    },
    /// This label; `None` for "I can't tell".
    Label {
        /// Its id.
        label: Option<String>,
    },
}

impl Expected {
    /// Whether an answer to these stimuli (ids in the order shown) is the expected one.
    pub fn passes(&self, answer: &Answer, stimuli: &[String]) -> bool {
        match (self, answer) {
            (Self::Rating { lowest, highest }, Answer::Rating { rating }) => (lowest..=highest).contains(&rating),
            (Self::Stimulus { id }, Answer::OddOne { stimulus } | Answer::Closer { stimulus }) => id == stimulus,
            (Self::Rating { lowest, highest }, Answer::Ratings { ratings }) => {
                ratings.iter().all(|rating| (lowest..=highest).contains(&rating))
            }
            (Self::Label { label }, Answer::FreeLabel { text }) => {
                let name = |text: &String| super::free_label::normalized(text);
                label.as_ref().map(name) == text.as_ref().map(name)
            }
            (Self::Stimulus { id }, Answer::Preference { preferred }) => {
                preferred.side().and_then(|side| stimuli.get(side)) == Some(id)
            }
            (Self::Label { label }, Answer::Label { label: given, .. }) => label == given,
            (Self::Closest { ids }, Answer::Arrangement { points }) => {
                super::arrangement::is_closest(ids, stimuli, points)
            }
            _ => false,
        }
    }
}

/// What a trial is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TrialKind {
    /// A question about the instructions; it stays until it is answered rightly.
    Comprehension {
        /// Which of the study's questions, from 0.
        question: u32,
    },
    /// For getting used to the task; never counted.
    Practice,
    /// What the study is about, for the first time.
    Main,
    /// As a main trial, but drawn at random ahead in a study whose other questions are chosen by the answers before
    /// ([`super::adaptive`]): nothing is learned from it.
    HeldOut,
    /// The same stimuli for the second time, in another order.
    RepeatOf {
        /// Index of the trial that it repeats.
        trial: u32,
    },
    /// A question with a known answer.
    Catch {
        /// Shown in place of the question; `None` looks like any other trial.
        instruction: Option<String>,
        /// What passes.
        expected: Expected,
    },
}

impl TrialKind {
    /// Whether it is what the study is about, for the first time.
    pub fn is_main(&self) -> bool {
        matches!(self, Self::Main | Self::HeldOut)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Position in the session, from 0.
    pub index: u32,
    /// What it is for; never shown.
    pub kind: TrialKind,
    /// What is shown, from left to right.
    pub stimuli: Vec<Stimulus>,
}

impl Trial {
    /// The instruction that takes the question's place, for catch trials that have one.
    pub fn instruction(&self) -> Option<&str> {
        match &self.kind {
            TrialKind::Catch { instruction, .. } => instruction.as_deref(),
            _ => None,
        }
    }

    /// Ids of what is shown, from left to right.
    pub fn ids(&self) -> Vec<String> {
        self.stimuli.iter().map(|stimulus| stimulus.id.clone()).collect()
    }
}

/// Which of two is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preferred {
    /// The left one.
    Left,
    /// Both are equally good.
    Tie,
    /// Neither is any good; no statement about which is better.
    BothBad,
    /// The right one.
    Right,
}

impl Preferred {
    /// Every verdict, in the order of its buttons.
    pub const ALL: [Self; 4] = [Self::Left, Self::Tie, Self::BothBad, Self::Right];

    /// Place of the preferred one among the two shown.
    pub fn side(self) -> Option<usize> {
        match self {
            Self::Left => Some(0),
            Self::Right => Some(1),
            Self::Tie | Self::BothBad => None,
        }
    }
}

/// What a participant answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// How similar two are.
    Rating {
        /// A whole number of the study's scale.
        rating: u8,
    },
    /// Which of three is the odd one out.
    OddOne {
        /// Its id.
        stimulus: String,
    },
    /// Which of two is better.
    Preference {
        /// The verdict, by side.
        preferred: Preferred,
    },
    /// What something is.
    Label {
        /// Id of the label; `None` is the answer "I can't tell", which is not a skipped trial.
        label: Option<String>,
        /// How sure, where the study asks.
        confidence: Option<u8>,
    },
    /// Which of two is closer to a third.
    Closer {
        /// Its id.
        stimulus: String,
    },
    /// How an answer is on each of the study's axes, in their order.
    Ratings {
        /// Whole numbers of the study's scale.
        ratings: Vec<u8>,
    },
    /// What something is, in one's own words.
    FreeLabel {
        /// The name; `None` is the answer "I can't tell".
        text: Option<String>,
    },
    /// Where things were put on a field, in the order shown.
    Arrangement {
        /// Left to right and top to bottom, 0 to [`super::arrangement::FIELD`].
        points: Vec<(u16, u16)>,
    },
    /// An option of a question about the instructions.
    Option {
        /// Which, from 0.
        option: u8,
    },
}

impl Answer {
    /// What was said about the stimuli, whichever order they were shown in. `stimuli` are ids in that order.
    pub fn said(&self, stimuli: &[String]) -> String {
        match self {
            Self::Rating { rating } => rating.to_string(),
            Self::OddOne { stimulus } | Self::Closer { stimulus } => stimulus.clone(),
            Self::Ratings { ratings } => ratings.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
            Self::FreeLabel { text } => {
                text.as_deref().map_or_else(|| "=cannot_tell".to_owned(), super::free_label::normalized)
            }
            Self::Arrangement { points } => {
                // By stimulus, so that it does not depend on the order shown.
                let mut places: Vec<String> =
                    stimuli.iter().zip(points).map(|(id, (x, y))| format!("{id} {x} {y}")).collect();
                places.sort_unstable();
                places.join("; ")
            }
            Self::Preference { preferred } => match preferred.side().and_then(|side| stimuli.get(side)) {
                Some(id) => id.clone(),
                None if *preferred == Preferred::Tie => "=tie".to_owned(),
                None => "=both_bad".to_owned(),
            },
            Self::Label { label, .. } => label.clone().unwrap_or_else(|| "=cannot_tell".to_owned()),
            Self::Option { option } => option.to_string(),
        }
    }

    /// Which button was pressed, counted from 0, whatever stood behind it: for signs of straight-lining.
    pub fn button(&self, stimuli: &[String]) -> String {
        match self {
            Self::OddOne { stimulus } | Self::Closer { stimulus } => {
                stimuli.iter().position(|id| id == stimulus).map_or_else(String::new, |place| place.to_string())
            }
            Self::Preference { preferred } => {
                Preferred::ALL.iter().position(|it| it == preferred).unwrap_or_default().to_string()
            }
            _ => self.said(stimuli),
        }
    }
}
