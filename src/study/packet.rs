//! A session as one short text, for whoever collects the answers of a class: what was answered, and the end of the hash
//! chain. The rest follows from study and seed, so that reading a packet makes every record anew and the chain shows
//! whether anything was changed since. It says nothing about who answered.
//!
//! `likewise1:` + base64url of the JSON + `.`; blanks and line breaks that a mail program puts in are left out, and any
//! number of packets may stand in one text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::StudyError;
use super::judgment::{Input, Outcome};
use super::session::{Act, Session, SessionRecord};
use super::study::Study;
use super::trial::Answer;

/// What every packet begins with.
pub const START: &str = "likewise1:";
/// Longest packet that is read, in bytes.
const MAX_BYTES: usize = 2 << 20;
/// Most records of a session that are read.
const MAX_ACTS: usize = 20_000;

/// Why a packet is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Cut short, or of another program.
    #[error("this is not a whole packet: {detail}")]
    Damaged {
        /// What is wrong.
        detail: String,
    },
    /// Of another study or of another version of it.
    #[error("it is of another study: {study_id}, version {version}")]
    OtherStudy {
        /// Its id.
        study_id: String,
        /// Its version.
        version: u32,
    },
    /// Answers that do not fit the study.
    #[error("its answers do not fit the study: {0}")]
    Session(#[from] StudyError),
    /// The records made from it are not those that it was made from.
    #[error("it was changed after it was made")]
    Changed,
}

/// One record: the answer (none where one was taken back), response time, moment, input, focus losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PacketAct(Option<Answer>, f64, f64, Input, u32);

/// What a packet holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packet {
    session: SessionRecord,
    acts: Vec<PacketAct>,
    /// Hash of the last record.
    head: String,
}

impl Packet {
    /// The packet of a session, finished or not.
    pub fn of_session(session: &Session) -> Self {
        let acts = session
            .records()
            .iter()
            .map(|record| {
                let answer = match &record.answer {
                    Outcome::Answered { answer } => Some(answer.clone()),
                    Outcome::Undone { .. } => None,
                };
                PacketAct(answer, record.rt_millis, record.at, record.input, record.focus_losses)
            })
            .collect();
        Self { session: session.record().clone(), acts, head: session.head().to_owned() }
    }

    /// The text to hand on.
    pub fn text(&self) -> String {
        // Plain structs of texts and finite numbers, which JSON can always write.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{START}{}.", URL_SAFE_NO_PAD.encode(json))
    }

    /// Every packet of a text. What stands around them is left out.
    pub fn all_in(text: &str) -> Vec<Result<Self, PacketError>> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        text.split(START).skip(1).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, PacketError> {
        let damaged = |detail: &str| PacketError::Damaged { detail: detail.to_owned() };
        let (data, _) = text.split_once('.').ok_or_else(|| damaged("its end is missing"))?;
        if data.len() > MAX_BYTES {
            return Err(damaged("it is too long"));
        }
        let json = URL_SAFE_NO_PAD.decode(data).map_err(|error| damaged(&error.to_string()))?;
        let packet: Self = serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))?;
        if packet.acts.len() > MAX_ACTS {
            return Err(damaged("it has too many records"));
        }
        Ok(packet)
    }

    /// The session's id.
    pub fn session_id(&self) -> &str {
        &self.session.id
    }

    /// [`Study::hash`] of its study.
    pub fn study_sha256(&self) -> &str {
        &self.session.study_sha256
    }

    /// The session with all its records.
    ///
    /// # Errors
    /// [`PacketError::OtherStudy`], [`PacketError::Session`] for answers that do not fit, [`PacketError::Changed`] where
    /// the chain ends in another hash.
    pub fn session(&self, study: &Study) -> Result<Session, PacketError> {
        if self.session.study_sha256 != study.hash() {
            return Err(PacketError::OtherStudy {
                study_id: self.session.study_id.clone(),
                version: self.session.study_version,
            });
        }
        let mut session = Session::of_record(study, self.session.clone())?;
        for PacketAct(answer, rt_millis, at, input, focus_losses) in &self.acts {
            match answer {
                Some(answer) => {
                    let act = Act { rt_millis: *rt_millis, at: *at, input: *input, focus_losses: *focus_losses };
                    session.answer(answer.clone(), act)?;
                }
                None => {
                    session.undo(*at, *input).ok_or(PacketError::Changed)?;
                }
            }
        }
        if session.head() == self.head { Ok(session) } else { Err(PacketError::Changed) }
    }
}
