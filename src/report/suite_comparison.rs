//! Two suites on the same items: every benchmark that both ran, with a paired test that counts how many were tried.

use std::collections::BTreeMap;

use super::comparison::{compare_runs, p_value};
use super::figure::{Axis, Bar, Cell, Estimate, Figure, Marks, Table};
use super::run_summary::run_notes;
use super::suite_summary::counts_in_words;
use crate::eval::metrics::{LEVEL, Metric};
use crate::eval::run::{ItemResult, Run};
use crate::eval::tasks;
use crate::stats::multiplicity::holm;

/// One benchmark in both suites.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedTask {
    /// Its runs, in the first and in the second suite.
    pub run_ids: (String, String),
    /// The task's name.
    pub title: &'static str,
    /// Shares, difference, test and counts in words.
    pub sentence: String,
}

/// Two suites side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteComparison {
    /// What the tests say, in one sentence.
    pub sentence: String,
    /// Every benchmark that both ran on at least one common item, in the order of the registry.
    pub tasks: Vec<ComparedTask>,
    /// The share of items on which each acted rightly.
    pub figure: Figure,
    /// The same as a table.
    pub table: Table,
}

/// What the two suites are called where they stand side by side: by model, and by what else differs.
fn names(first: &Run, second: &Run) -> [String; 2] {
    let (a, b) = (&first.engine, &second.engine);
    let differing = |run: &Run| {
        let mut name = run.engine.model_name.clone();
        if a.model_name == b.model_name {
            for (differs, words) in [
                (a.quantization != b.quantization, run.engine.quantization.clone()),
                (a.adapter != b.adapter, run.engine.adapter.clone()),
                (first.settings.seed != second.settings.seed, format!("seed {}", run.settings.seed)),
            ] {
                if differs {
                    name = format!("{name}, {words}");
                }
            }
        }
        name
    };
    let mut names = [differing(first), differing(second)];
    if names[0] == names[1] {
        names = [format!("{}, first", names[0]), format!("{}, second", names[1])];
    }
    names
}

/// Compares two suites; `None` if they have no judged item in common. Every p-value is that of `stats::mcnemar` on the items that
/// both judged, adjusted by Holm's method for the number of benchmarks in which the suites differ at all.
pub fn compare_suites(first: &[(Run, Vec<ItemResult>)], second: &[(Run, Vec<ItemResult>)]) -> Option<SuiteComparison> {
    let of_task: BTreeMap<&str, &(Run, Vec<ItemResult>)> =
        second.iter().map(|it| (it.0.task_id.as_str(), it)).collect();
    let mut found = Vec::new();
    for entry in tasks::TASKS {
        let Some(a) = first.iter().find(|(run, _)| run.task_id == entry.info.id) else { continue };
        let Some(b) = of_task.get(entry.info.id) else { continue };
        if let Ok(comparison) = compare_runs((&a.0, &a.1), (&b.0, &b.1)) {
            found.push((entry.info, a, *b, comparison));
        }
    }
    let (_, a, b, _) = found.first()?;
    let names = names(&a.0, &b.0);
    let raw: Vec<Option<f64>> =
        found.iter().map(|(.., it)| it.test.as_ref().map(|test| p_value(test, it.counts[1] + it.counts[2]))).collect();
    let tested: Vec<f64> = raw.iter().flatten().copied().collect();
    let mut adjusted = holm(&tested).ok()?.into_iter();
    let adjusted: Vec<Option<f64>> = raw.iter().map(|p| p.and_then(|_| adjusted.next())).collect();
    let mut bars = Vec::new();
    let mut compared = Vec::new();
    let mut rows = Vec::new();
    let (mut notes, mut sources) = (Vec::new(), Vec::new());
    for ((info, a, b, it), p) in found.iter().zip(&adjusted) {
        let shares = &it.metrics[..it.metrics.len().min(3)];
        for (metric, name) in shares.iter().zip(&names) {
            let Some(value) = metric.value else { continue };
            bars.push(Bar {
                label: info.title.to_owned(),
                group: name.clone(),
                estimate: Estimate { value, interval: metric.interval, n: metric.n },
            });
        }
        let adjusted = p.map_or_else(String::new, |p| format!(" Adjusted for {} tests: p = {p:.3}.", tested.len()));
        compared.push(ComparedTask {
            run_ids: (a.0.id.clone(), b.0.id.clone()),
            title: info.title,
            sentence: format!(
                "{}{adjusted} First: {}. Second: {}.",
                it.sentence,
                counts_in_words(&a.1),
                counts_in_words(&b.1)
            ),
        });
        rows.push(row(info.id, shares, it.counts, *p));
        for (which, run, results) in [("first", &a.0, &a.1), ("second", &b.0, &b.1)] {
            notes.extend(run_notes(run, results).into_iter().map(|note| format!("{}, {which}: {note}", info.title)));
            sources.push(run.id.clone());
        }
    }
    let n_different = adjusted.iter().flatten().filter(|p| **p < 1.0 - LEVEL).count();
    let n_items: usize = found.iter().map(|(.., it)| it.pairs.len()).sum();
    let sentence = format!(
        "{} and {}, {} benchmarks, {n_items} pairs of answers to the same item: in {n_different} they differ by more than \
         chance would explain at 5 % (McNemar's test, Holm's adjustment for {} tests).",
        names[0],
        names[1],
        found.len(),
        tested.len()
    );
    notes.push(
        "Acting rightly: a right answer, or declining where nothing can be known. Intervals are 95 % (Wilson); those of \
         two suites are of the same items, so that the paired test says more than whether they overlap."
            .to_owned(),
    );
    let axis = Axis { label: "Share of items on which it acted rightly".to_owned(), range: (0.0, 1.0), percent: true };
    let figure = Figure {
        title: format!("{} and {}", names[0], names[1]),
        caption: sentence.clone(),
        marks: Marks::Bars { bars, axis },
        notes,
        sources,
    };
    Some(SuiteComparison { sentence, tasks: compared, figure, table: table(rows) })
}

fn row(task: &str, shares: &[Metric], [both, only_a, only_b, neither]: [u64; 4], p: Option<f64>) -> Vec<Cell> {
    let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
    let mut cells = vec![Cell::Text(task.to_owned()), Cell::Number((both + only_a + only_b + neither) as f64)];
    for metric in shares {
        cells.push(number(metric.value));
        cells.push(number(metric.interval.map(|(low, _)| low)));
        cells.push(number(metric.interval.map(|(_, high)| high)));
    }
    cells.extend([both, only_a, only_b, neither].map(|count| Cell::Number(count as f64)));
    cells.push(number(p));
    cells
}

fn table(rows: Vec<Vec<Cell>>) -> Table {
    let columns = [
        "task",
        "items in both",
        "first",
        "first low (95 %)",
        "first high (95 %)",
        "second",
        "second low (95 %)",
        "second high (95 %)",
        "second minus first",
        "difference low (95 %)",
        "difference high (95 %)",
        "right in both",
        "right in the first only",
        "right in the second only",
        "right in neither",
        "p (McNemar, Holm)",
    ];
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}
