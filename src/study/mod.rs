//! Human judgments: designs, sessions, records. Pure.
//!
//! Life of one judgment: a [`study::Study`] is read from `public/studies`; after consent
//! [`session::Session::begin`] lays out its trials by seed ([`assign`]); the page draws
//! [`session::Session::current`] and hands the answer to [`session::Session::answer`], which checks it and yields
//! a [`judgment::Judgment`] to be stored before the next trial is shown. Nothing is ever rewritten: taking an answer
//! back is a record too. [`conduct`] says what happens around the trials, [`recruitment`] where somebody came from. [`chain`] ties the records of a session together. [`session::Session::resume`] rebuilds the
//! session from them after a reload, and [`quality`] and [`judgment::similarity_matrix`] read them afterwards.

pub mod adaptive;
pub mod anchored_triplet;
pub mod answer_rating;
pub mod arrangement;
pub mod assign;
pub mod chain;
pub mod conduct;
pub mod delivery;
pub mod design;
pub mod draft;
pub mod frames;
pub mod free_label;
pub mod gathering;
pub mod judgment;
pub mod label;
pub mod packet;
pub mod pair_rating;
pub mod preference;
pub mod quality;
pub mod recruitment;
pub mod session;
pub mod simulation;
#[expect(clippy::module_inception, reason = "the study is what this module is about")]
pub mod study;
pub mod trial;
pub mod triplet;

/// Why a study, a session or an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    /// A study file that cannot be true.
    #[error("the study cannot be used: {field}: {detail}")]
    Study {
        /// Where in the file, such as `stimuli[3].id`; `file` for what is not even JSON of this shape.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Nothing is recorded without consent to the text that was shown.
    #[error("consent to version {needed} is needed, version {given} was given")]
    Consent {
        /// Version of the study's consent text.
        needed: u32,
        /// Version that was agreed to.
        given: u32,
    },
    /// An answer that does not fit its trial.
    #[error("the answer does not fit: {detail}")]
    Answer {
        /// Why not.
        detail: String,
    },
    /// A response time that no clock gives.
    #[error("the response time is not a positive number of milliseconds")]
    ResponseTime,
    /// Every trial has an answer.
    #[error("the session is finished")]
    Finished,
    /// Stored records that do not fit this study and session.
    #[error("record {uuid} does not fit the session: {detail}")]
    Record {
        /// The record.
        uuid: String,
        /// Why not.
        detail: String,
    },
}

impl StudyError {
    fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::Study { field: field.to_owned(), detail: detail.into() }
    }
}
