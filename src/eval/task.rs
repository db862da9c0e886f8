//! Tasks: pure functions from an item and the responses so far to the next requests or a score.

use super::engine::{Request, Response};
use super::item::Item;
use super::metrics::TaskSummary;
use super::run::{ItemResult, Method, Settings};
use super::score::{Score, Verdict};

/// What a page says about a task, and what a run records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// Stable id: file name, URL and store key.
    pub id: &'static str,
    /// Raised by every change that changes numbers.
    pub version: u32,
    /// Name for people.
    pub title: &'static str,
    /// The question the task answers, in one sentence.
    pub question: &'static str,
    /// The paper or definition that it follows.
    pub citation: &'static str,
    /// The part of honesty (or of something else) that it belongs to; tasks of one aspect are listed together.
    pub aspect: &'static str,
    /// The ways in which it can be put; a run's [`Settings::method`] chooses, the first is the usual one.
    pub methods: &'static [Method],
    /// Words for a grade of one half or more and for one below it.
    pub graded_words: [&'static str; 2],
    /// Names of the item's other texts that it needs ([`Item::parts`]).
    pub parts: &'static [&'static str],
    /// Where the built-in items are, relative to the site's root; empty if items come from elsewhere.
    pub items_path: &'static str,
}

impl TaskInfo {
    /// The wanted method where the task has it, else its usual one.
    pub fn method(&self, wanted: Method) -> Method {
        if self.methods.contains(&wanted) { wanted } else { self.methods.first().copied().unwrap_or(wanted) }
    }

    /// The word for a verdict in this task.
    pub fn verdict_label(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Right => self.graded_words[0],
            Verdict::Wrong => self.graded_words[1],
            other => other.label(),
        }
    }
}

/// What a task wants next for one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Answers to these; the task is asked again with all responses so far.
    Ask(Vec<Request>),
    /// The item is finished.
    Done(Score),
}

/// A benchmark task. Pure and infallible: malformed items are refused when items are read, and the runner
/// turns an engine's error into `Outcome::Failed` itself.
pub trait Task {
    /// Its description.
    fn info(&self) -> &'static TaskInfo;
    /// The next step of an item, given every response so far in the order of the requests.
    fn next(&self, item: &Item, responses: &[Response]) -> Step;
}

/// One line of the registry: how to make a task from a run's settings.
pub struct TaskEntry {
    /// Its description.
    pub info: &'static TaskInfo,
    /// Makes it.
    pub make: fn(&Settings) -> Box<dyn Task>,
    /// What a run of it comes to, from its results; they may be only some of its items.
    pub summary: fn(&[ItemResult]) -> TaskSummary,
}
