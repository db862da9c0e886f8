//! A person's verdict on an item, beside the automatic one. The automatic verdict is never changed: both are kept, both
//! are shown, and their agreement is reported.

use serde::{Deserialize, Serialize};

use super::run::ItemResult;
use super::score::Verdict;

/// Number of the record layout.
pub const OVERRULE_SCHEMA: u32 = 1;

/// One stored decision of a person; a later record of the same item counts instead of an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HumanVerdict {
    /// [`OVERRULE_SCHEMA`].
    pub schema: u32,
    /// The run.
    pub run_id: String,
    /// The item.
    pub item_id: String,
    /// The automatic verdict at that time.
    pub automatic: Verdict,
    /// What the person says; `None` takes an earlier verdict back.
    pub verdict: Option<Verdict>,
    /// Milliseconds since 1970 (UTC).
    pub at: f64,
}

impl HumanVerdict {
    /// Id of the record, one for each item of a run.
    pub fn id(&self) -> String {
        format!("{}/{}", self.run_id, self.item_id)
    }
}

/// How a person's verdicts and the automatic ones agree on the items that the person judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Items that the person judged.
    pub judged: usize,
    /// Items on which both verdicts are the same.
    pub same: usize,
}

/// The newest verdict of a person on each item; records of other runs do not count.
pub fn verdict_on<'a>(verdicts: &'a [HumanVerdict], result: &ItemResult) -> Option<&'a HumanVerdict> {
    verdicts
        .iter()
        .rev()
        .find(|it| it.run_id == result.run_id && it.item_id == result.item.id)
        .filter(|it| it.verdict.is_some())
}

/// Counts agreement over a run.
pub fn agreement(results: &[ItemResult], verdicts: &[HumanVerdict]) -> Agreement {
    let mut found = Agreement::default();
    for result in results {
        if let Some(verdict) = verdict_on(verdicts, result).and_then(|it| it.verdict) {
            found.judged += 1;
            found.same += usize::from(verdict == result.verdict);
        }
    }
    found
}

/// The results with the person's verdicts in place of the automatic ones, for counting again.
pub fn overruled(results: &[ItemResult], verdicts: &[HumanVerdict]) -> Vec<ItemResult> {
    results
        .iter()
        .map(|result| {
            let verdict = verdict_on(verdicts, result).and_then(|it| it.verdict).unwrap_or(result.verdict);
            ItemResult { verdict, ..result.clone() }
        })
        .collect()
}
