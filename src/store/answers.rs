//! Files of answers that a participant or a colleague hands over: packets, saved answers of one session, or a backup.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Collection, StoreError, backup};
use crate::study::gathering::{Gathered, Merged};
use crate::study::judgment::Judgment;
use crate::study::packet::{self, Packet, PacketError};
use crate::study::recruitment::Recruitment;
use crate::study::session::{Session, SessionRecord};
use crate::study::study::Study;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// Studies as they were shown.
    pub studies: Vec<Study>,
    /// Packets, and what only looks like one.
    pub packets: Vec<Result<Packet, PacketError>>,
    /// Sessions with their judgments in the order written.
    pub sessions: Vec<(SessionRecord, Vec<Judgment>)>,
}

/// What "Save my answers" writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The session.
    pub session: SessionRecord,
    /// Its records in the order written.
    pub judgments: Vec<Judgment>,
    /// Where its participant came from, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recruitment: Option<Recruitment>,
}

impl Answers {
    /// Reads a file or a pasted text of any of these kinds.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] for a text of none of them, and as [`backup::parse`].
    pub fn read(text: &str) -> Result<Self, StoreError> {
        if text.len() > backup::MAX_BYTES {
            return Err(StoreError::Foreign { detail: format!("{} bytes are too many", text.len()) });
        }
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.lines().next().is_some_and(|line| line.contains(backup::FORMAT)) {
            return Self::of_backup(text);
        }
        if !start.starts_with('{') && text.contains(packet::START.trim_end_matches(':')) {
            return Ok(Self { packets: Packet::all_in(text), ..Self::default() });
        }
        let wrong = |detail: String| StoreError::Foreign { detail };
        backup::check_text(start, backup::MAX_BYTES).map_err(wrong)?;
        let saved: Saved = serde_json::from_str(start)
            .map_err(|error| wrong(format!("these are no packets, no saved answers and no backup ({error})")))?;
        Ok(Self { sessions: vec![(saved.session, saved.judgments)], ..Self::default() })
    }

    fn of_backup(text: &str) -> Result<Self, StoreError> {
        let mut answers = Self::default();
        let mut sessions: BTreeMap<String, (SessionRecord, Vec<Judgment>)> = BTreeMap::new();
        let records = backup::parse(text)?;
        for record in &records {
            match record.collection {
                Collection::Studies => answers.studies.push(record.value()?),
                Collection::Packets => answers.packets.push(Ok(record.value()?)),
                Collection::Sessions => {
                    sessions.insert(record.id.clone(), (record.value()?, Vec::new()));
                }
                _ => {}
            }
        }
        for record in records.iter().filter(|record| record.collection == Collection::Judgments) {
            if let Some((_, judgments)) = sessions.get_mut(&record.parent) {
                judgments.push(record.value()?);
            }
        }
        answers.sessions = sessions.into_values().collect();
        Ok(answers)
    }

    /// Puts what is of the study into the sessions that are there; sessions of other studies in a backup are no concern of
    /// it. `taken` gets each session that changed something.
    pub fn merge(&self, into: &mut Gathered, merged: &mut Merged, taken: &mut dyn FnMut(&Session)) {
        into.add_packets(&self.packets, merged, taken);
        let hash = into.study().hash();
        for (record, judgments) in &self.sessions {
            if record.study_sha256 == hash {
                into.add_records(record.clone(), judgments, merged, taken);
            }
        }
    }
}
