//! Shards of one run as one run: by item id, with the same results as a run that was never shared out.

use std::collections::BTreeMap;

use super::export::{RUN_FORMAT, RunFile};
use crate::eval::run::{ItemResult, RUN_SCHEMA, Run, RunStatus};

/// Why runs cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing to merge.
    #[error("there is no run to merge")]
    Empty,
    /// Two runs differ in something that would change their answers.
    #[error("run {run_id} has another {what} than the first; only shards of one run can be merged")]
    Unlike {
        /// The run that differs.
        run_id: String,
        /// In what.
        what: &'static str,
    },
    /// An item is in two of them.
    #[error("the item {item_id:?} is in two of the runs; leave one of them out")]
    Twice {
        /// The item.
        item_id: String,
    },
}

/// In what two runs differ that must not differ between shards.
fn difference(first: &Run, other: &Run) -> Option<&'static str> {
    let (a, b) = (&first.engine, &other.engine);
    let same = [
        ("task", first.task_id == other.task_id),
        ("version of the task", first.task_version == other.task_version),
        ("items file", first.items_sha256 == other.items_sha256),
        ("settings", first.settings == other.settings),
        ("model", a.model_id == b.model_id && a.weights_sha256 == b.weights_sha256),
        ("arithmetic", a.backend == b.backend && a.quantization == b.quantization && a.adapter == b.adapter),
        ("self-test verdict", a.self_test == b.self_test),
        ("program version", first.app_version == other.app_version),
        ("number of shards", first.shard.map(|it| it.of) == other.shard.map(|it| it.of)),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// One run out of shards, in the order of the items. It is complete if every shard is there and complete; else it says
/// how many of its items are missing and can be merged again later.
///
/// # Errors
/// Runs that are no shards of one run, or an item in two of them.
pub fn merge_runs(files: Vec<RunFile>) -> Result<RunFile, MergeError> {
    let Some(first) = files.first().map(|file| file.run.clone()) else { return Err(MergeError::Empty) };
    let mut by_id: BTreeMap<String, ItemResult> = BTreeMap::new();
    let (mut n_items, mut complete) = (0, true);
    let mut finished_at: Option<f64> = None;
    let mut started_at = first.started_at;
    let n_files = files.len();
    for file in files {
        if let Some(what) = difference(&first, &file.run) {
            return Err(MergeError::Unlike { run_id: file.run.id, what });
        }
        n_items += file.run.n_items;
        complete &= file.run.status == RunStatus::Complete;
        started_at = started_at.min(file.run.started_at);
        finished_at = finished_at.into_iter().chain(file.run.finished_at).reduce(f64::max);
        for result in file.results {
            let result = ItemResult { run_id: first.id.clone(), ..result };
            if let Some(twice) = by_id.insert(result.item.id.clone(), result) {
                return Err(MergeError::Twice { item_id: twice.item.id });
            }
        }
    }
    let all = first.shard.is_none_or(|shard| shard.of == n_files);
    let mut results: Vec<ItemResult> = by_id.into_values().collect();
    results.sort_by_key(|result| result.index);
    let status = match (complete && all, first.shard) {
        (true, _) => RunStatus::Complete,
        (false, Some(shard)) if !all => RunStatus::Failed { detail: format!("{n_files} of {} shards", shard.of) },
        (false, _) => RunStatus::Failed { detail: "a shard is not finished".to_owned() },
    };
    let run = Run { n_items, started_at, finished_at, status, shard: None, ..first };
    Ok(RunFile { format: RUN_FORMAT.to_owned(), schema: RUN_SCHEMA, run, results })
}
