//! Two runs of one task on the same items: who was right where, and could the difference be chance?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::figure::{Axis, Bar, Cell, Estimate, Figure, Marks, Table};
use super::run_summary::run_notes;
use crate::eval::metrics::{LEVEL, Metric, Unit, over_items, share};
use crate::eval::run::{ItemResult, Run};
use crate::eval::score::Verdict;
use crate::eval::transition::{Category, Transition};
use crate::stats::mcnemar::{McNemar, mcnemar};

/// From this many items on which the runs differ, the corrected chi-squared test is used instead of the exact one.
const EXACT_BELOW: u64 = 25;

/// Why two runs cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// Different tasks, or different versions of one.
    #[error("the runs are of different tasks or versions")]
    Task,
    /// No item was judged in both.
    #[error("the runs have no judged item in common")]
    NoItems,
}

/// One item in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPair {
    /// In the first run.
    pub first: ItemResult,
    /// In the second run.
    pub second: ItemResult,
}

impl ItemPair {
    /// Whether the verdicts differ.
    pub fn differs(&self) -> bool {
        self.first.verdict != self.second.verdict
    }
}

/// Two runs on the items that both judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Items in the order of the first run.
    pub pairs: Vec<ItemPair>,
    /// Acted rightly in both runs, only in the first, only in the second, in neither.
    pub counts: [u64; 4],
    /// The paired test; `None` where the runs never differ.
    pub test: Option<McNemar>,
    /// Shares and differences, first run then second run then what changed.
    pub metrics: Vec<Metric>,
    /// One plain sentence.
    pub sentence: String,
    /// The shares as bars.
    pub figure: Figure,
    /// Every item in which the verdicts differ.
    pub table: Table,
}

/// Whether the model did the right thing: a right answer, or declining where nothing can be known.
pub fn acted_rightly(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Right | Verdict::AbstainedRightly)
}

/// The p-value to report: exact where few items differ, corrected chi-squared above.
pub fn p_value(test: &McNemar, n_different: u64) -> f64 {
    if n_different < EXACT_BELOW { test.exact } else { test.corrected }
}

/// Compares two runs on the same items; an item counts as the same if id and text are.
///
/// # Errors
/// Other tasks or versions, or nothing in common.
pub fn compare_runs(
    (run_a, results_a): (&Run, &[ItemResult]),
    (run_b, results_b): (&Run, &[ItemResult]),
) -> Result<Comparison, ComparisonError> {
    if run_a.task_id != run_b.task_id || run_a.task_version != run_b.task_version {
        return Err(ComparisonError::Task);
    }
    let judged = |result: &&ItemResult| result.verdict != Verdict::Error;
    let by_id: BTreeMap<&str, &ItemResult> =
        results_b.iter().filter(judged).map(|result| (result.item.id.as_str(), result)).collect();
    let pairs: Vec<ItemPair> = results_a
        .iter()
        .filter(judged)
        .filter_map(|first| {
            let second = by_id.get(first.item.id.as_str()).filter(|second| second.item == first.item)?;
            Some(ItemPair { first: first.clone(), second: (*second).clone() })
        })
        .collect();
    if pairs.is_empty() {
        return Err(ComparisonError::NoItems);
    }
    let mut counts = [0; 4];
    for pair in &pairs {
        let place = match (acted_rightly(pair.first.verdict), acted_rightly(pair.second.verdict)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        counts[place] += 1;
    }
    let n = pairs.len();
    let [both, only_a, only_b, _] = counts;
    let test = mcnemar(only_a, only_b).ok();
    let rightly = |verdict: Verdict| f64::from(u8::from(acted_rightly(verdict)));
    let mut metrics = vec![
        share("acted rightly, first run", (both + only_a) as usize, n),
        share("acted rightly, second run", (both + only_b) as usize, n),
        over_items("difference, second minus first", Unit::Change, n, |indices| {
            let sum: f64 =
                indices.iter().map(|&it| rightly(pairs[it].second.verdict) - rightly(pairs[it].first.verdict)).sum();
            Some(sum / indices.len() as f64)
        }),
    ];
    let categories: Vec<(Category, Category)> =
        pairs.iter().map(|pair| (Category::of(&pair.first.score), Category::of(&pair.second.score))).collect();
    let transition = Transition::of(&categories);
    if transition.declined_before() + transition.declined_after() > 0 {
        metrics.extend(
            Transition::metrics(&categories).into_iter().map(|metric| Metric {
                label: format!("{}, first run before and second after", metric.label),
                ..metric
            }),
        );
    }
    let sentence = sentence(&metrics, counts, test.as_ref());
    let mut notes: Vec<String> = Vec::new();
    for (which, run, results) in [("First", run_a, results_a), ("Second", run_b, results_b)] {
        notes.extend(run_notes(run, results).into_iter().map(|note| format!("{which} run: {note}")));
    }
    notes.push(format!("{n} items were judged in both runs. Intervals are {:.0} %.", 100.0 * LEVEL));
    let figure = figure(run_a, run_b, &metrics, &sentence, notes);
    Ok(Comparison { counts, test, metrics, sentence, figure, table: table(&pairs), pairs })
}

fn sentence(metrics: &[Metric], [both, only_a, only_b, neither]: [u64; 4], test: Option<&McNemar>) -> String {
    let n = both + only_a + only_b + neither;
    let n_different = only_a + only_b;
    let shown = |metric: Option<&Metric>| metric.and_then(|it| it.value).unwrap_or(0.0) * 100.0;
    let mut text = format!("Of {n} items the first run got {} right and the second {}", both + only_a, both + only_b);
    match test {
        None => text.push_str("; they never differ in that."),
        Some(test) => {
            let p = p_value(test, n_different);
            let p = if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") };
            let kind = if n_different < EXACT_BELOW { "exact McNemar test" } else { "McNemar test with correction" };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "; {only_a} only the first, {only_b} only the second ({:+.0} points; {kind}, {p}).",
                shown(metrics.get(2))
            );
        }
    }
    text
}

fn figure(run_a: &Run, run_b: &Run, metrics: &[Metric], sentence: &str, notes: Vec<String>) -> Figure {
    let bars = metrics
        .iter()
        .filter(|metric| metric.unit == Unit::Share)
        .filter_map(|metric| {
            Some(Bar {
                label: metric.label.clone(),
                group: String::new(),
                estimate: Estimate { value: metric.value?, interval: metric.interval, n: metric.n },
            })
        })
        .collect();
    Figure {
        title: format!("{} and {}", run_a.engine.model_name, run_b.engine.model_name),
        caption: sentence.to_owned(),
        marks: Marks::Bars {
            bars,
            axis: Axis { label: "Share of items".to_owned(), range: (0.0, 1.0), percent: true },
        },
        notes,
        sources: vec![run_a.id.clone(), run_b.id.clone()],
    }
}

fn table(pairs: &[ItemPair]) -> Table {
    let rows = pairs
        .iter()
        .filter(|pair| pair.differs())
        .map(|pair| {
            let text = |text: &str| Cell::Text(text.to_owned());
            vec![
                text(&pair.first.item.id),
                text(&pair.first.item.prompt),
                text(&pair.first.score.answer),
                text(pair.first.verdict.label()),
                text(&pair.second.score.answer),
                text(pair.second.verdict.label()),
            ]
        })
        .collect();
    let columns = ["item", "question", "first answer", "first verdict", "second answer", "second verdict"];
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}
