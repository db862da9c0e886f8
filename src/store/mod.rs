//! Everything that outlives the page. Records are append-only JSON texts: what is exported is what is stored.

use crate::study::delivery::Delivery;
use crate::study::judgment::Judgment;
use crate::study::packet::Packet;
use crate::study::recruitment::Recruitment;
use crate::study::session::{SessionRecord, Withdrawal};
use crate::study::study::Study;

pub mod answers;
#[cfg(target_arch = "wasm32")]
pub mod any;
#[cfg(target_arch = "wasm32")]
pub mod assets;
pub mod backup;
pub mod chunks;
#[cfg(target_arch = "wasm32")]
pub mod collector;
#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
pub mod memory;
pub mod schema;
#[cfg(target_arch = "wasm32")]
mod web_file;
#[cfg(target_arch = "wasm32")]
pub mod weights;

/// Kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// [`crate::eval::run::Run`]; the newest record of an id counts.
    Runs,
    /// [`crate::eval::run::ItemResult`]; parent = run id.
    ItemResults,
    /// Study sessions; the newest record of an id counts.
    Sessions,
    /// Human judgments; parent = session id.
    Judgments,
    /// What the person set, and what checks found on this device ([`crate::eval::engine::DeviceCheck`]); the newest record
    /// of an id counts.
    Settings,
    /// [`crate::eval::overrule::HumanVerdict`]; parent = run id; the newest record of an id counts.
    Verdicts,
    /// Studies that somebody took part in, exactly as they were shown; id = their hash.
    Studies,
    /// [`Withdrawal`]: sessions that were deleted by who gave them; id = session id.
    Withdrawals,
    /// [`crate::eval::stimuli::Reference`]: similarities from a person's file; id = its hash.
    References,
    /// [`Packet`]: sessions of other people, collected from them; id = session id, parent = hash of the study; the newest
    /// record of an id counts.
    Packets,
    /// [`Recruitment`]: hashed ids of recruitment platforms; id = session id, parent = hash of the study. In no export
    /// that does not ask for them.
    Recruitments,
    /// [`Delivery`]: sessions that are sent to a server; id = session id; the newest record of an id counts.
    Deliveries,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 12] = [
        Self::Runs,
        Self::ItemResults,
        Self::Sessions,
        Self::Judgments,
        Self::Settings,
        Self::Verdicts,
        Self::Studies,
        Self::Withdrawals,
        Self::References,
        Self::Packets,
        Self::Recruitments,
        Self::Deliveries,
    ];
}

/// One stored record.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its kind.
    pub collection: Collection,
    /// Its id.
    pub id: String,
    /// Id of what it belongs to; empty for none.
    pub parent: String,
    /// The value as JSON text, written once and never rewritten.
    pub json: String,
}

impl Record {
    /// Makes a record of a value.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the value has no JSON form.
    pub fn new<T: serde::Serialize>(
        collection: Collection,
        id: impl Into<String>,
        parent: impl Into<String>,
        value: &T,
    ) -> Result<Self, StoreError> {
        let id = id.into();
        match serde_json::to_string(value) {
            Ok(json) => Ok(Self { collection, id, parent: parent.into(), json }),
            Err(error) => Err(StoreError::Corrupt { id, detail: error.to_string() }),
        }
    }

    /// The record of a session.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_session(session: &SessionRecord) -> Result<Self, StoreError> {
        Self::new(Collection::Sessions, &session.id, "", session)
    }

    /// The record of a judgment; its parent is the session.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_judgment(judgment: &Judgment) -> Result<Self, StoreError> {
        Self::new(Collection::Judgments, &judgment.uuid, &judgment.session_id, judgment)
    }

    /// The record of a study.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_study(study: &Study) -> Result<Self, StoreError> {
        Self::new(Collection::Studies, study.hash(), "", study)
    }

    /// The record of a session of somebody else.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_packet(packet: &Packet) -> Result<Self, StoreError> {
        Self::new(Collection::Packets, packet.session_id(), packet.study_sha256(), packet)
    }

    /// The record of where a session's participant came from.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_recruitment(recruitment: &Recruitment) -> Result<Self, StoreError> {
        Self::new(Collection::Recruitments, &recruitment.session_id, &recruitment.study_sha256, recruitment)
    }

    /// The record of a delivery.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_delivery(delivery: &Delivery) -> Result<Self, StoreError> {
        Self::new(Collection::Deliveries, &delivery.session_id, "", delivery)
    }

    /// The record of a withdrawal.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_withdrawal(withdrawal: &Withdrawal) -> Result<Self, StoreError> {
        Self::new(Collection::Withdrawals, &withdrawal.session_id, "", withdrawal)
    }

    /// The session that the record belongs to, if it is of one.
    fn session_id(&self) -> Option<&str> {
        match self.collection {
            Collection::Sessions | Collection::Packets | Collection::Recruitments | Collection::Deliveries => {
                Some(&self.id)
            }
            Collection::Judgments => Some(&self.parent),
            _ => None,
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the record and what the parser said.
    pub fn value<T: serde::de::DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.json)
            .map_err(|error| StoreError::Corrupt { id: self.id.clone(), detail: error.to_string() })
    }
}

/// Why a record could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The browser's storage is full.
    #[error("the browser's storage is full")]
    Quota,
    /// The browser gives no storage here.
    #[error("the browser gives no storage: {detail}")]
    Unavailable {
        /// What it said.
        detail: String,
    },
    /// Another tab holds an older or newer version open.
    #[error("another tab has the data open in another version")]
    Blocked,
    /// A record is not what its collection says.
    #[error("record {id:?} cannot be read: {detail}")]
    Corrupt {
        /// Its id.
        id: String,
        /// What the parser said.
        detail: String,
    },
    /// A backup file that is not what its header says; nothing of it was imported.
    #[error("the backup cannot be imported: line {line}: {detail}")]
    Import {
        /// Line, from 1; the header is line 1.
        line: u64,
        /// What is wrong there.
        detail: String,
    },
    /// A file of answers that is none.
    #[error("{detail}")]
    Foreign {
        /// What it is not.
        detail: String,
    },
    /// Anything else.
    #[error("storage failed: {detail}")]
    Backend {
        /// What it said.
        detail: String,
    },
}

/// A place for records.
#[expect(async_fn_in_trait, reason = "used on one thread only")]
pub trait Store {
    /// Writes records in one transaction; resolves when they are on disk.
    async fn append(&self, records: &[Record]) -> Result<(), StoreError>;
    /// The newest record of this id.
    async fn get(&self, collection: Collection, id: &str) -> Result<Option<Record>, StoreError>;
    /// Records in the order they were written, of one parent or all. Older records of an id are included.
    async fn list(&self, collection: Collection, parent: Option<&str>) -> Result<Vec<Record>, StoreError>;
    /// Removes everything of the session that this withdrawal is of and writes the withdrawal, in one transaction.
    async fn withdraw(&self, withdrawal: &Record) -> Result<(), StoreError>;
    /// Removes every record of a collection.
    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError>;
}
