//! Records for the page: the browser's database, or this page's memory where the browser keeps nothing.

use std::cell::RefCell;

use crate::store::{Collection, Record, Store, StoreError};

/// Where records go.
pub(crate) enum Records {
    /// Until the page is closed.
    Memory(RefCell<Vec<Record>>),
}

impl Records {
    /// Opens the browser's database; the error says why records now live in memory only.
    pub(crate) async fn open() -> (Self, Option<StoreError>) {
        (Self::Memory(RefCell::default()), None)
    }
}

impl Store for Records {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        match self {
            Self::Memory(list) => list.borrow_mut().extend_from_slice(records),
        }
        Ok(())
    }

    async fn get(&self, collection: Collection, id: &str) -> Result<Option<Record>, StoreError> {
        match self {
            Self::Memory(list) => {
                Ok(list.borrow().iter().rev().find(|record| record.collection == collection && record.id == id).cloned())
            }
        }
    }

    async fn list(&self, collection: Collection, parent: Option<&str>) -> Result<Vec<Record>, StoreError> {
        let wanted = |record: &&Record| record.collection == collection && parent.is_none_or(|parent| record.parent == parent);
        match self {
            Self::Memory(list) => Ok(list.borrow().iter().filter(wanted).cloned().collect()),
        }
    }

    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError> {
        match self {
            Self::Memory(list) => list.borrow_mut().retain(|record| record.collection != collection),
        }
        Ok(())
    }
}
