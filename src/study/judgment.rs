//! What is stored of one answer, and what is read from many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arrangement;
use super::design::Design;
use super::study::Study;
use super::trial::{Answer, TrialKind};
use crate::stats::rdm::pair_index;

/// Version of the judgment record's shape.
pub const JUDGMENT_SCHEMA: u32 = 1;

/// How an answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A key.
    Keyboard,
    /// A mouse or touchpad.
    Mouse,
    /// A finger.
    Touch,
    /// A pen.
    Pen,
    /// Something that points and did not say what it is.
    Pointer,
}

/// Who judged. People and programs are never mixed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labeller {
    /// A person who agreed to take part.
    Participant,
    /// A program that follows a rule or chance.
    Simulation,
    /// A language model or a classifier that was asked the study's questions.
    Model,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// An answer.
    Answered {
        /// What was answered.
        answer: Answer,
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
    /// Ids of what was shown, from left to right.
    pub stimuli: Vec<String>,
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
    /// How often the page lost the focus or was hidden while the trial was shown.
    pub focus_losses: u32,
    /// How often this trial had been answered and taken back before.
    pub undo_count: u32,
    /// Who answered.
    pub labeller: Labeller,
    /// Whether a program made it up.
    pub simulated: bool,
    /// SHA-256 of the record before it ([`super::chain`]), lower-case hexadecimal.
    pub previous: String,
}

impl Judgment {
    /// The answer, unless the record takes one back.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.answer {
            Outcome::Answered { answer } => Some(answer),
            Outcome::Undone { .. } => None,
        }
    }

    /// The rating, if the answer is one to a trial with stimuli.
    pub fn rating(&self) -> Option<u8> {
        match self.answer() {
            Some(Answer::Rating { rating }) => Some(*rating),
            _ => None,
        }
    }

    /// Whether it counts towards what the study is about.
    pub fn is_main(&self) -> bool {
        self.trial.is_main()
    }
}

/// The judgments that count: answers that no later record takes back, in their order. A record that is there twice
/// (two imports) counts once.
pub fn effective(judgments: &[Judgment]) -> Vec<&Judgment> {
    let undone: std::collections::BTreeSet<&str> = judgments
        .iter()
        .filter_map(|judgment| match &judgment.answer {
            Outcome::Undone { uuid } => Some(uuid.as_str()),
            Outcome::Answered { .. } => None,
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    judgments
        .iter()
        .filter(|judgment| judgment.answer().is_some() && !undone.contains(judgment.uuid.as_str()))
        .filter(|judgment| seen.insert(judgment.uuid.as_str()))
        .collect()
}

/// Main judgments of this study and version that count.
pub fn main_judgments<'a>(study: &Study, judgments: &'a [Judgment]) -> Vec<&'a Judgment> {
    let mut main = effective(judgments);
    main.retain(|it| it.is_main() && it.study_id == study.id && it.study_version == study.version);
    main
}

/// What makes two trials the same question, whichever order their stimuli (ids, as shown) stand in.
pub fn question_key(design: &Design, stimuli: &[String]) -> Vec<String> {
    let mut key = stimuli.to_vec();
    key.sort_unstable();
    if let (Design::AnchoredTriplet { .. }, Some(anchor)) = (design, stimuli.first()) {
        // The same three with another anchor are another question.
        key.push(anchor.clone());
    }
    key
}

/// What one answer says about the similarity of pairs: the rating of its pair; or, of an odd one out, 1 for the pair
/// that stayed and 0 for the two others. `add` gets two stimulus ids and the value.
pub fn pair_values(answer: &Answer, stimuli: &[String], add: &mut dyn FnMut(&str, &str, f64)) {
    match (answer, stimuli) {
        (Answer::Rating { rating }, [left, right]) => add(left, right, f64::from(*rating)),
        (Answer::OddOne { stimulus: odd }, [a, b, c]) => {
            for (first, second) in [(a, b), (a, c), (b, c)] {
                add(first, second, if first == odd || second == odd { 0.0 } else { 1.0 });
            }
        }
        (Answer::Closer { stimulus: closer }, [anchor, left, right]) => {
            for it in [left, right] {
                add(anchor, it, if it == closer { 1.0 } else { 0.0 });
            }
        }
        _ => {}
    }
}

/// Similarity of each pair over the main trials of one or more sessions: labels in the study's order, and the square
/// symmetric matrix row by row (n × n). `None` on the diagonal and for pairs that were never judged.
///
/// Of a rating study it is the mean rating, in the unit of its scale. Of an odd-one-out study it is the share of the
/// triplets with both in which they stayed together, from 0 to 1 (how Hebart et al. 2020 measure similarity from
/// choices); by chance it is one third. Of anchored triplets it is the share in which one was closer to the other; by
/// chance one half. Of arrangements it is 1 minus the dissimilarity of inverse MDS ([`arrangement::inverse_mds`]), a mean
/// over sessions. Repeats, catch trials, practice and judgments of another study or version do
/// not count.
pub fn similarity_matrix(study: &Study, judgments: &[Judgment]) -> (Vec<String>, Vec<Option<f64>>) {
    let n = study.stimuli.len();
    let place: BTreeMap<&str, usize> =
        study.stimuli.iter().enumerate().map(|(index, stimulus)| (stimulus.id.as_str(), index)).collect();
    let mut sums = vec![(0.0, 0_u32); n * n];
    let mut add = |a: &str, b: &str, value: f64| {
        if let (Some(&i), Some(&j)) = (place.get(a), place.get(b))
            && i != j
        {
            for cell in [i * n + j, j * n + i] {
                if let Some((sum, count)) = sums.get_mut(cell) {
                    *sum += value;
                    *count += 1;
                }
            }
        }
    };
    let main = main_judgments(study, judgments);
    for judgment in &main {
        if let Some(answer) = judgment.answer() {
            pair_values(answer, &judgment.stimuli, &mut add);
        }
    }
    if matches!(study.design, Design::Arrangement { .. }) {
        let mut sessions: BTreeMap<&str, Vec<&Judgment>> = BTreeMap::new();
        for judgment in main {
            sessions.entry(&judgment.session_id).or_default().push(judgment);
        }
        for judgments in sessions.into_values() {
            let values = arrangement::of_judgments(n, &judgments, &|id| place.get(id).copied());
            for (i, a) in study.stimuli.iter().enumerate() {
                for (j, b) in study.stimuli.iter().enumerate().skip(i + 1) {
                    let value = values[pair_index(i, j, n)];
                    if !value.is_nan() {
                        add(&a.id, &b.id, 1.0 - value);
                    }
                }
            }
        }
    }
    let labels = study.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect();
    let values = sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    (labels, values)
}
