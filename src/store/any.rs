//! The store of a page: the browser's database, or memory where there is none.

use super::indexed_db::IndexedDb;
use super::memory::MemoryStore;
use super::{Collection, Record, Store, StoreError};

/// Where this page keeps its records.
#[derive(Debug)]
pub enum AnyStore {
    /// Records outlive the page.
    IndexedDb(IndexedDb),
    /// Records are gone when the page is closed; people are told so.
    Memory(MemoryStore),
}

impl AnyStore {
    /// Opens the database, or falls back to memory and says why.
    pub async fn open() -> (Self, Option<StoreError>) {
        match IndexedDb::open().await {
            Ok(store) => (Self::IndexedDb(store), None),
            Err(error) => (Self::Memory(MemoryStore::default()), Some(error)),
        }
    }

    /// Whether records outlive the page.
    pub fn is_durable(&self) -> bool {
        matches!(self, Self::IndexedDb(_))
    }
}

impl Store for AnyStore {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        match self {
            Self::IndexedDb(store) => store.append(records).await,
            Self::Memory(store) => store.append(records).await,
        }
    }

    async fn get(&self, collection: Collection, id: &str) -> Result<Option<Record>, StoreError> {
        match self {
            Self::IndexedDb(store) => store.get(collection, id).await,
            Self::Memory(store) => store.get(collection, id).await,
        }
    }

    async fn list(&self, collection: Collection, parent: Option<&str>) -> Result<Vec<Record>, StoreError> {
        match self {
            Self::IndexedDb(store) => store.list(collection, parent).await,
            Self::Memory(store) => store.list(collection, parent).await,
        }
    }

    async fn withdraw(&self, withdrawal: &Record) -> Result<(), StoreError> {
        match self {
            Self::IndexedDb(store) => store.withdraw(withdrawal).await,
            Self::Memory(store) => store.withdraw(withdrawal).await,
        }
    }

    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError> {
        match self {
            Self::IndexedDb(store) => store.remove_all(collection).await,
            Self::Memory(store) => store.remove_all(collection).await,
        }
    }
}
