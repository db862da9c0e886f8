//! The stored record of a run. Records are append-only: a later [`Run`] record of the same id replaces an
//! earlier one in every list, and item results are never changed.

use serde::{Deserialize, Serialize};

use super::engine::{EngineInfo, Response, Sampling};
use super::item::{Item, Target};
use super::score::{Outcome, Score, Verdict};
use super::suite::Suite;

/// Number of the record layout.
pub const RUN_SCHEMA: u32 = 1;

/// How a task puts its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the log-likelihood of the options.
    Choose,
    /// By generating text and reading it.
    Generate,
}

/// How a conversation becomes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptFormat {
    /// The model file's own chat template.
    #[default]
    Chat,
    /// `Question: … Answer:` after worked examples, for base models that have no chat template.
    FewShot,
}

/// What a person chose for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How the question is put.
    pub method: Method,
    /// How tokens are drawn when generating.
    pub sampling: Sampling,
    /// Seed of every random choice.
    pub seed: u64,
    /// Most new tokens an answer may have.
    pub limit: u32,
    /// A system message before every item; empty for none.
    pub system: String,
    /// Run only the first so many items; `None` for all.
    pub n_items: Option<usize>,
    /// How a conversation becomes text.
    #[serde(default)]
    pub format: PromptFormat,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: Method::Choose,
            sampling: Sampling::GREEDY,
            seed: 1,
            limit: 48,
            system: String::new(),
            n_items: None,
            format: PromptFormat::Chat,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RunStatus {
    /// Going on, or interrupted by a closed page.
    Running,
    /// Every item has a result.
    Complete,
    /// Stopped by the person; can be resumed.
    Cancelled,
    /// Stopped by an error; can be resumed.
    Failed {
        /// What happened.
        detail: String,
    },
}

/// A part of a run's items: those whose place, divided by `of`, leaves `index - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Shard {
    /// Whether the item at this place belongs to it.
    pub fn has(&self, place: usize) -> bool {
        self.of > 0 && place % self.of + 1 == self.index
    }
}

impl std::str::FromStr for Shard {
    type Err = &'static str;

    /// Reads `2/5`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        parts
            .map(|(index, of)| Self { index, of })
            .filter(|shard| (1..=shard.of).contains(&shard.index))
            .ok_or("a shard is written as 2/5: the second of five")
    }
}

/// One run of one task by one engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Layout of this record.
    pub schema: u32,
    /// Random id.
    pub id: String,
    /// Task.
    pub task_id: String,
    /// Version of the task's prompts and scoring.
    pub task_version: u32,
    /// SHA-256 of the items file, lower-case hexadecimal.
    pub items_sha256: String,
    /// Items that this run covers.
    pub n_items: usize,
    /// What answered.
    pub engine: EngineInfo,
    /// What was chosen.
    pub settings: Settings,
    /// Version of this program.
    pub app_version: String,
    /// Milliseconds since 1970 (UTC).
    pub started_at: f64,
    /// Milliseconds since 1970 (UTC).
    pub finished_at: Option<f64>,
    /// How far it is.
    pub status: RunStatus,
    /// Made for demonstration; says so wherever it is shown.
    #[serde(default)]
    pub demo: bool,
    /// The suite that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Suite>,
    /// Which part of the items it has, where they were shared out over several runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// The result of one item in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// Layout of this record.
    pub schema: u32,
    /// The run.
    pub run_id: String,
    /// Place of the item in its file.
    pub index: usize,
    /// The item as it was asked.
    pub item: Item,
    /// Score.
    pub score: Score,
    /// Column of the honesty table.
    pub verdict: Verdict,
    /// The raw responses, so that a rule can be changed and applied again.
    pub responses: Vec<Response>,
    /// Wall time of the item in milliseconds.
    pub millis: f64,
}

impl ItemResult {
    /// Whether the item has a right answer; ratings and preferences have none.
    pub fn has_right_answer(&self) -> bool {
        self.item.target != Target::None
    }

    /// The verdict as it may be shown: `None` for an answer to an item that has no right one.
    pub fn shown_verdict(&self) -> Option<Verdict> {
        let answered = matches!(self.score.outcome, Outcome::Graded(_) | Outcome::Abstained);
        (self.has_right_answer() || !answered).then_some(self.verdict)
    }
}
