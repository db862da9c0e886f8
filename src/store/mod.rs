//! Everything that outlives the page. Records are append-only JSON texts: what is exported is what is stored.

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
    /// What the person set; the newest record of an id counts.
    Settings,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 5] = [Self::Runs, Self::ItemResults, Self::Sessions, Self::Judgments, Self::Settings];
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
    /// Removes every record of a collection.
    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError>;
}
