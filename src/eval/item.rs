//! Items: what a task asks about. One JSON object a line, stable ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name of an item, unique in its file and stable over versions.
pub type ItemId = String;

/// What a good answer is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The option at this index.
    Choice(usize),
    /// Any of these texts, after the scorer's normalization.
    Text(Vec<String>),
    /// No answer can be known: the right act is to abstain.
    Abstain,
    /// There is no right answer (ratings, preferences).
    #[default]
    None,
}

/// One thing a task asks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Stable id.
    pub id: ItemId,
    /// The question, or whatever the task puts to the model.
    pub prompt: String,
    /// Options, where the task has them; without the abstention option, which the task adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What a good answer is.
    pub target: Target,
    /// Indices of other options that are right as well; the target is the best of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_right: Vec<usize>,
    /// Other texts that the task puts to the model, by name (who is speaking, what is at stake).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
    /// Topic, level and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Why the target is defensible, for readers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Item {
    /// Index of the best option, where there is one.
    pub fn right_choice(&self) -> Option<usize> {
        match self.target {
            Target::Choice(index) => Some(index),
            _ => None,
        }
    }

    /// Whether this option is right.
    pub fn is_right(&self, index: usize) -> bool {
        self.target == Target::Choice(index) || self.also_right.contains(&index)
    }

    /// Another text of the item; empty where it has none of this name.
    pub fn part(&self, name: &str) -> &str {
        self.parts.get(name).map_or("", String::as_str)
    }
}

/// Why an items file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// A line is not an item.
    #[error("line {line}: {source}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Two items share an id.
    #[error("line {line}: the id {id:?} was used before")]
    DuplicateId {
        /// Line number, from 1.
        line: usize,
        /// The id.
        id: ItemId,
    },
    /// An item points outside its options or has an empty prompt.
    #[error("line {line}: {detail}")]
    Invalid {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        detail: &'static str,
    },
    /// No items at all.
    #[error("the file has no items")]
    Empty,
}

/// Reads items from JSON lines; blank lines are skipped.
///
/// # Errors
/// The first line that is not a valid item, with its number.
pub fn items_from_jsonl(text: &str) -> Result<Vec<Item>, ItemError> {
    let mut items: Vec<Item> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        if raw.trim().is_empty() {
            continue;
        }
        let item: Item = serde_json::from_str(raw).map_err(|source| ItemError::Line { line, source })?;
        if item.prompt.trim().is_empty() || item.id.is_empty() {
            return Err(ItemError::Invalid { line, detail: "an item needs an id and a prompt" });
        }
        if let Target::Choice(index) = item.target
            && index >= item.choices.len()
        {
            return Err(ItemError::Invalid { line, detail: "the target is outside the choices" });
        }
        if item.also_right.iter().any(|&index| index >= item.choices.len() || item.target == Target::Choice(index)) {
            return Err(ItemError::Invalid { line, detail: "also_right must name other choices than the target" });
        }
        if !seen.insert(item.id.clone()) {
            return Err(ItemError::DuplicateId { line, id: item.id });
        }
        items.push(item);
    }
    if items.is_empty() { Err(ItemError::Empty) } else { Ok(items) }
}
