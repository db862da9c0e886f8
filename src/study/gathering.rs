//! Sessions of many participants of one study, each counted once.

use std::collections::BTreeMap;

use super::judgment::Judgment;
use super::packet::{Packet, PacketError};
use super::session::{Session, SessionRecord};
use super::study::Study;

/// What became of a session that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// It is a new one.
    New,
    /// It goes on from one that was there, and takes its place.
    Longer,
    /// It was there already, or as the beginning of a longer one.
    Duplicate,
    /// A session of this id with other answers is there; this one is kept out.
    Conflict,
    /// A program's answers among people's, or the other way round; kept out.
    OtherKind,
}

/// What became of everything that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Sessions that were not there.
    pub n_new: usize,
    /// Sessions that go on from one that was there.
    pub n_longer: usize,
    /// Sessions that were there already.
    pub n_duplicates: usize,
    /// What was kept out, and why, in words.
    pub refused: Vec<String>,
}

/// One participant's way through the study, as far as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Participation {
    /// The session.
    pub record: SessionRecord,
    /// Every record in the order written, those that were taken back included.
    pub records: Vec<Judgment>,
    /// Whether every trial has an answer.
    pub is_finished: bool,
}

/// Sessions by id.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    study: Study,
    sessions: BTreeMap<String, Participation>,
}

impl Gathered {
    /// Nothing yet.
    pub fn new(study: Study) -> Self {
        Self { study, sessions: BTreeMap::new() }
    }

    /// The study.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// Every session, in the order of their ids, so that results do not depend on who came first.
    pub fn sessions(&self) -> impl Iterator<Item = &Participation> {
        self.sessions.values()
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Takes in a session.
    pub fn add(&mut self, session: &Session) -> Merge {
        let (record, records) = (session.record(), session.records());
        if self.sessions.values().next().is_some_and(|there| there.record.simulated != record.simulated) {
            return Merge::OtherKind;
        }
        let merge = match self.sessions.get(&record.id) {
            None => Merge::New,
            Some(there) if there.record != *record => Merge::Conflict,
            Some(there) if there.records.starts_with(records) => Merge::Duplicate,
            Some(there) if records.starts_with(&there.records) => Merge::Longer,
            Some(_) => Merge::Conflict,
        };
        if matches!(merge, Merge::New | Merge::Longer) {
            // Without the trials, which hold every picture again.
            let taken =
                Participation { record: record.clone(), records: records.to_vec(), is_finished: session.is_finished() };
            self.sessions.insert(record.id.clone(), taken);
        }
        merge
    }

    /// Takes in a session, or says why not; `taken` gets each one that changed something.
    fn count(&mut self, merged: &mut Merged, session: Result<Session, String>, taken: &mut dyn FnMut(&Session)) {
        let session = match session {
            Ok(session) => session,
            Err(why) => return merged.refused.push(why),
        };
        let id: String = session.record().id.chars().take(8).collect();
        match self.add(&session) {
            Merge::New => {
                merged.n_new += 1;
                taken(&session);
            }
            Merge::Longer => {
                merged.n_longer += 1;
                taken(&session);
            }
            Merge::Duplicate => merged.n_duplicates += 1,
            Merge::Conflict => {
                merged.refused.push(format!("session {id}: a session of this id with other answers is here already"));
            }
            Merge::OtherKind => {
                merged.refused.push(format!("session {id}: simulated answers are not put together with people's"));
            }
        }
    }

    /// Takes in packets.
    pub fn add_packets(
        &mut self,
        packets: &[Result<Packet, PacketError>],
        merged: &mut Merged,
        taken: &mut dyn FnMut(&Session),
    ) {
        for packet in packets {
            let session = match packet {
                Ok(packet) => packet.session(&self.study).map_err(|error| {
                    let id: String = packet.session_id().chars().take(8).collect();
                    format!("session {id}: {error}")
                }),
                Err(error) => Err(error.to_string()),
            };
            self.count(merged, session, taken);
        }
    }

    /// Takes in stored records of one session.
    pub fn add_records(
        &mut self,
        record: SessionRecord,
        judgments: &[Judgment],
        merged: &mut Merged,
        taken: &mut dyn FnMut(&Session),
    ) {
        let id: String = record.id.chars().take(8).collect();
        let session = Session::resume(&self.study, record, judgments).map_err(|error| format!("session {id}: {error}"));
        self.count(merged, session, taken);
    }
}
