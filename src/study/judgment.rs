//! What is stored of one answer, and what is read from many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pair_rating::TrialKind;
use super::study::Study;

/// Version of the judgment record's shape.
pub const JUDGMENT_SCHEMA: u32 = 1;

/// How an answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A key.
    Keyboard,
    /// Mouse, pen or finger.
    Pointer,
}

/// Who judged. People and programs are never mixed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labeller {
    /// A person who agreed to take part.
    Participant,
    /// A program.
    Simulation,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// An answer.
    Rated {
        /// A whole number of the study's scale.
        rating: u8,
    },
    /// An earlier answer of the same session is taken back; its record stays.
    Undone {
        /// `uuid` of the record that no longer counts.
        uuid: String,
    },
}

/// One stored judgment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgment {
    /// [`JUDGMENT_SCHEMA`].
    pub schema: u32,
    /// Id of the record: session id and `seq`.
    pub uuid: String,
    /// Position among the records of its session, from 0.
    pub seq: u32,
    /// Session.
    pub session_id: String,
    /// Study.
    pub study_id: String,
    /// Version of the study.
    pub study_version: u32,
    /// Position of the trial in the session, from 0.
    pub trial_index: u32,
    /// What the trial was for.
    pub trial: TrialKind,
    /// Ids of what was shown: left, right.
    pub stimuli: [String; 2],
    /// The answer, or which answer is taken back.
    pub answer: Outcome,
    /// Milliseconds from first paint of the trial to the answer; of an undone record 0.
    pub rt_millis: f64,
    /// When the trial was first painted (UTC milliseconds since 1970).
    pub shown_at: f64,
    /// When it was answered (UTC milliseconds since 1970).
    pub at: f64,
    /// How it was answered.
    pub input: Input,
    /// How often this trial had been answered and taken back before.
    pub undo_count: u32,
    /// Who answered.
    pub labeller: Labeller,
    /// Whether a program made it up.
    pub simulated: bool,
}

impl Judgment {
    /// The rating, unless the record takes one back.
    pub fn rating(&self) -> Option<u8> {
        match self.answer {
            Outcome::Rated { rating } => Some(rating),
            Outcome::Undone { .. } => None,
        }
    }
}

/// The judgments that count: ratings that no later record takes back, in their order. A record that is there twice
/// (two imports) counts once.
pub fn effective(judgments: &[Judgment]) -> Vec<&Judgment> {
    let undone: std::collections::BTreeSet<&str> = judgments
        .iter()
        .filter_map(|judgment| match &judgment.answer {
            Outcome::Undone { uuid } => Some(uuid.as_str()),
            Outcome::Rated { .. } => None,
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    judgments
        .iter()
        .filter(|judgment| judgment.rating().is_some() && !undone.contains(judgment.uuid.as_str()))
        .filter(|judgment| seen.insert(judgment.uuid.as_str()))
        .collect()
}

/// Mean rating of each pair over the main trials of one or more sessions: labels in the study's order, and the
/// square symmetric matrix row by row (n × n, unit: the study's scale). `None` on the diagonal and for pairs without
/// a rating. Repeats, catch trials and judgments of another study or version do not count.
pub fn similarity_matrix(study: &Study, judgments: &[Judgment]) -> (Vec<String>, Vec<Option<f64>>) {
    let n = study.stimuli.len();
    let place: BTreeMap<&str, usize> =
        study.stimuli.iter().enumerate().map(|(index, stimulus)| (stimulus.id.as_str(), index)).collect();
    let mut sums = vec![(0.0, 0_u32); n * n];
    for judgment in effective(judgments) {
        let [left, right] = &judgment.stimuli;
        let (Some(rating), Some(&i), Some(&j)) =
            (judgment.rating(), place.get(left.as_str()), place.get(right.as_str()))
        else {
            continue;
        };
        let same_study = judgment.study_id == study.id && judgment.study_version == study.version;
        if judgment.trial != TrialKind::Main || !same_study || i == j {
            continue;
        }
        for cell in [i * n + j, j * n + i] {
            if let Some((sum, count)) = sums.get_mut(cell) {
                *sum += f64::from(rating);
                *count += 1;
            }
        }
    }
    let labels = study.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect();
    let values = sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    (labels, values)
}
