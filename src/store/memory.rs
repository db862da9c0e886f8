//! Records in memory: for tests, for the command line, and where the browser keeps nothing.

use std::cell::RefCell;

use super::{Collection, Record, Store, StoreError};

/// Records that are gone when the page is.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: RefCell<Vec<Record>>,
}

impl Store for MemoryStore {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.records.borrow_mut().extend_from_slice(records);
        Ok(())
    }

    async fn get(&self, collection: Collection, id: &str) -> Result<Option<Record>, StoreError> {
        let records = self.records.borrow();
        Ok(records.iter().rev().find(|record| record.collection == collection && record.id == id).cloned())
    }

    async fn list(&self, collection: Collection, parent: Option<&str>) -> Result<Vec<Record>, StoreError> {
        let wanted =
            |record: &&Record| record.collection == collection && parent.is_none_or(|parent| record.parent == parent);
        Ok(self.records.borrow().iter().filter(wanted).cloned().collect())
    }

    async fn withdraw(&self, withdrawal: &Record) -> Result<(), StoreError> {
        let mut records = self.records.borrow_mut();
        records.retain(|record| record.session_id() != Some(&withdrawal.id));
        records.push(withdrawal.clone());
        Ok(())
    }

    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError> {
        self.records.borrow_mut().retain(|record| record.collection != collection);
        Ok(())
    }
}
