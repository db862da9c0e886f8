//! The registry: one line per task.

pub mod known_unknowns;
pub mod misconceptions;
pub mod pair_rating;
pub mod pressure;

use super::task::TaskEntry;

/// Every task, in the order shown.
pub const TASKS: &[TaskEntry] = &[known_unknowns::ENTRY, misconceptions::ENTRY, pressure::ENTRY, pair_rating::ENTRY];

/// The task of this id.
pub fn find(id: &str) -> Option<&'static TaskEntry> {
    TASKS.iter().find(|entry| entry.info.id == id)
}
