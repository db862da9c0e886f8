//! What was asked in a run, beside what was answered. Tasks are pure, so a stored result says by replay which
//! requests its responses belong to; nothing has to be stored twice.

use super::engine::{Request, Response};
use super::run::{ItemResult, Run};
use super::task::Step;
use super::tasks;

/// Every request of an item with its response, in order. Empty where this program's version of the task is another
/// one than the run's, or where the stored responses do not fit.
pub fn transcript(run: &Run, result: &ItemResult) -> Vec<(Request, Response)> {
    let Some(entry) = tasks::find(&run.task_id).filter(|entry| entry.info.version == run.task_version) else {
        return Vec::new();
    };
    let task = (entry.make)(&run.settings);
    let mut turns = Vec::new();
    while turns.len() < result.responses.len() {
        let Step::Ask(requests) = task.next(&result.item, &result.responses[..turns.len()]) else { break };
        // A round in which a request failed has fewer responses, and they cannot be told apart.
        let Some(responses) = result.responses.get(turns.len()..turns.len() + requests.len()) else { break };
        if requests.is_empty() {
            break;
        }
        turns.extend(requests.into_iter().zip(responses.iter().cloned()));
    }
    turns
}
