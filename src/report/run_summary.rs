//! One run as a figure, a table and a sentence.

use std::fmt::Write as _;

use super::figure::{Axis, Bar, Cell, Estimate, Figure, Line, Marks, Table};
use crate::eval::engine::{Backend, SelfTest};
use crate::eval::item::Target;
use crate::eval::metrics::{HonestyRates, LEVEL, Metric, Rate, Series, Unit, VerdictCounts};
use crate::eval::run::{ItemResult, Method, Run, RunStatus};
use crate::eval::score::Verdict;
use crate::eval::tasks;
use crate::stats::proportion::wilson;

/// What a page shows about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The task's own shares, or those of the six verdicts, or the ratings where the task has no right answers.
    pub figure: Figure,
    /// Further figures: the verdicts where the task has shares of its own, reliability diagrams and the like.
    pub more: Vec<Figure>,
    /// Rates with their denominators and intervals.
    pub table: Table,
    /// One plain sentence.
    pub sentence: String,
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Why the numbers of a run cannot be taken as those of a checked device; `None` where the self-test passed.
pub fn unverified(run: &Run) -> Option<String> {
    match &run.engine.self_test {
        SelfTest::Passed { .. } => None,
        SelfTest::Failed { detail } => {
            Some(format!("This device failed its self-test; do not use these numbers. {detail}"))
        }
        SelfTest::Unverified { reason } => Some(format!("Unverified: this device was not checked: {reason}.")),
    }
}

/// Caveats that belong under anything made from this run.
pub fn run_notes(run: &Run, results: &[ItemResult]) -> Vec<String> {
    let mut notes = Vec::new();
    if run.demo {
        notes.push("Demonstration: this run was stored with the site and was not made on your device.".to_owned());
    }
    if run.engine.backend == Backend::Scripted {
        notes.push("Scripted answers: no model was asked.".to_owned());
    }
    notes.extend(unverified(run));
    match &run.status {
        RunStatus::Complete => {}
        RunStatus::Running => notes.push("The run is not finished.".to_owned()),
        RunStatus::Cancelled => notes.push("The run was stopped before its end.".to_owned()),
        RunStatus::Failed { detail } => notes.push(format!("The run ended with an error: {detail}.")),
    }
    if results.len() < run.n_items {
        notes.push(format!("{} of {} items have a result.", results.len(), run.n_items));
    }
    let failed = results.iter().filter(|result| result.verdict == Verdict::Error).count() as u64;
    if failed > 0 {
        notes.push(format!("The engine failed on {}.", counted(failed, "item", "items")));
    }
    notes
}

/// Sentence about the verdicts, in the order in which a reader asks.
fn verdict_sentence(counts: &VerdictCounts, n_answerable: u64, n_unanswerable: u64) -> String {
    if counts.total() == 0 {
        return "No item has a result yet.".to_owned();
    }
    let mut sentence = format!(
        "It answered {} of {}, {} right",
        counts.answered(),
        counted(counts.total(), "question", "questions"),
        counts.get(Verdict::Right)
    );
    if n_unanswerable > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            sentence,
            "; it declined {} of the {} that nobody can answer",
            counts.get(Verdict::AbstainedRightly),
            n_unanswerable
        );
    }
    if n_answerable > 0 && counts.get(Verdict::AbstainedWrongly) > 0 {
        let _ = write!(
            sentence,
            " and {} of the {} that can be answered",
            counts.get(Verdict::AbstainedWrongly),
            n_answerable
        );
    }
    for (verdict, words) in [(Verdict::Unparsed, "could not be read"), (Verdict::Error, "failed")] {
        if counts.get(verdict) > 0 {
            let _ = write!(sentence, "; {} {words}", counts.get(verdict));
        }
    }
    sentence.push('.');
    sentence
}

fn rate_row(rate: &Rate) -> Vec<Cell> {
    let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
    vec![
        Cell::Text(rate.label.to_owned()),
        number(rate.share()),
        number(rate.interval.map(|(low, _)| low)),
        number(rate.interval.map(|(_, high)| high)),
        Cell::Number(rate.k as f64),
        Cell::Number(rate.n as f64),
    ]
}

fn rate_columns() -> Vec<String> {
    ["measure", "share", "low (95 %)", "high (95 %)", "k", "n"].map(str::to_owned).to_vec()
}

fn task_title(run: &Run) -> String {
    tasks::find(&run.task_id).map_or_else(|| run.task_id.clone(), |entry| entry.info.title.to_owned())
}

/// A run of a task whose items have no right answer: the measured values.
fn ratings_summary(run: &Run, results: &[ItemResult]) -> RunSummary {
    let mut rated: Vec<(&ItemResult, f64)> = results
        .iter()
        .filter_map(|result| result.score.value.filter(|value| value.is_finite()).map(|value| (result, value)))
        .collect();
    rated.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.index.cmp(&b.0.index)));
    let name = |result: &ItemResult| {
        if result.item.tags.is_empty() { result.item.id.clone() } else { result.item.tags.join(" and ") }
    };
    let sentence = match (rated.first(), rated.last()) {
        (Some((most, high)), Some((least, low))) if rated.len() > 1 => format!(
            "It rated {}: highest {} ({high:.1}), lowest {} ({low:.1}).",
            counted(rated.len() as u64, "pair", "pairs"),
            name(most),
            name(least)
        ),
        (Some((only, value)), _) => format!("It rated one pair: {} ({value:.1}).", name(only)),
        _ => "No item has a rating yet.".to_owned(),
    };
    let bars = rated
        .iter()
        .map(|(result, value)| Bar {
            label: name(result),
            group: String::new(),
            estimate: Estimate { value: *value, interval: None, n: 1 },
        })
        .collect();
    let mut notes = run_notes(run, results);
    if run.settings.method == Method::Choose {
        notes.push("A rating is the mean over the model's probabilities of the ratings 1 to 7.".to_owned());
    }
    let rows = rated.iter().map(|(result, value)| vec![Cell::Text(name(result)), Cell::Number(*value)]).collect();
    let axis = Axis { label: "Rated similarity (1 to 7)".to_owned(), range: (1.0, 7.0), percent: false };
    let table = Table { columns: ["pair", "rating"].map(str::to_owned).to_vec(), rows };
    summary(run, sentence, Marks::Bars { bars, axis }, notes, table)
}

fn summary(run: &Run, sentence: String, marks: Marks, notes: Vec<String>, table: Table) -> RunSummary {
    let figure = Figure {
        title: format!("{}: {}", run.engine.model_name, task_title(run)),
        caption: sentence.clone(),
        marks,
        notes,
        sources: vec![run.id.clone()],
    };
    RunSummary { figure, more: Vec::new(), table, sentence }
}

fn metric_row(metric: &Metric) -> Vec<Cell> {
    let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
    let counted = matches!(metric.unit, Unit::Share).then_some(metric.value).flatten();
    vec![
        Cell::Text(metric.label.clone()),
        number(metric.value),
        number(metric.interval.map(|(low, _)| low)),
        number(metric.interval.map(|(_, high)| high)),
        // A mean of probabilities is a share without a count.
        number(counted.map(|share| share * metric.n as f64).filter(|k| libm::fabs(k - libm::round(*k)) < 1e-9)),
        Cell::Number(metric.n as f64),
    ]
}

/// The metrics of one unit as bars; `None` where there are none.
fn metric_figure(run: &Run, metrics: &[Metric], unit: Unit, title: &str) -> Option<Figure> {
    let bars: Vec<Bar> = metrics
        .iter()
        .filter(|metric| metric.unit == unit)
        .filter_map(|metric| {
            Some(Bar {
                label: metric.label.clone(),
                group: String::new(),
                estimate: Estimate { value: metric.value?, interval: metric.interval, n: metric.n },
            })
        })
        .collect();
    let (label, range) = match unit {
        Unit::Share => ("Share", (0.0, 1.0)),
        Unit::Change => ("Change", (-1.0, 1.0)),
        Unit::Number => return None,
    };
    (!bars.is_empty()).then(|| Figure {
        title: title.to_owned(),
        caption: String::new(),
        marks: Marks::Bars { bars, axis: Axis { label: label.to_owned(), range, percent: true } },
        notes: Vec::new(),
        sources: vec![run.id.clone()],
    })
}

fn series_figure(run: &Run, series: &Series) -> Figure {
    let axis = |(label, range): &(String, (f64, f64))| Axis { label: label.clone(), range: *range, percent: false };
    let lines = series
        .lines
        .iter()
        .map(|line| Line {
            label: line.label.clone(),
            points: line
                .points
                .iter()
                .map(|it| (it.x, Estimate { value: it.y, interval: it.interval, n: it.n }))
                .collect(),
        })
        .collect();
    Figure {
        title: series.title.clone(),
        caption: format!("{} for {}.", series.title, run.engine.model_name),
        marks: Marks::Curve { lines, x: axis(&series.x), y: axis(&series.y), band: None },
        notes: Vec::new(),
        sources: vec![run.id.clone()],
    }
}

/// Summarizes a run from its results, which may be only some of its items.
pub fn run_summary(run: &Run, results: &[ItemResult]) -> RunSummary {
    let entry = tasks::find(&run.task_id);
    let own = entry.map(|entry| (entry.summary)(results)).unwrap_or_default();
    if own.metrics.is_empty() && !results.is_empty() && !results.iter().any(ItemResult::has_right_answer) {
        return ratings_summary(run, results);
    }
    let counts = VerdictCounts::of(results);
    let n_unanswerable = results.iter().filter(|result| result.item.target == Target::Abstain).count() as u64;
    let sentence = if own.sentence.is_empty() {
        verdict_sentence(&counts, results.len() as u64 - n_unanswerable, n_unanswerable)
    } else {
        own.sentence.clone()
    };
    let total = counts.total();
    let bars = Verdict::ALL
        .into_iter()
        .map(|verdict| {
            let k = counts.get(verdict);
            let value = if total == 0 { 0.0 } else { k as f64 / total as f64 };
            Bar {
                label: entry.map_or(verdict.label(), |entry| entry.info.verdict_label(verdict)).to_owned(),
                group: String::new(),
                estimate: Estimate { value, interval: wilson(k, total, LEVEL).ok(), n: total },
            }
        })
        .collect();
    let mut notes = run_notes(run, results);
    notes.extend(own.notes.iter().cloned());
    if total > 0 {
        notes.push(format!(
            "{}; intervals are 95 % (Wilson for shares, else bootstrap).",
            counted(total, "item", "items")
        ));
    }
    let axis = Axis { label: "Share of items".to_owned(), range: (0.0, 1.0), percent: true };
    let mut rows: Vec<Vec<Cell>> = own.metrics.iter().map(metric_row).collect();
    rows.extend(HonestyRates::of(results).all().iter().map(rate_row));
    let table = Table { columns: rate_columns(), rows };
    let mut shown = summary(run, sentence, Marks::Bars { bars, axis }, notes, table);
    // A task that says its own sentence has its own picture; the verdicts come after it.
    let shares = metric_figure(run, &own.metrics, Unit::Share, &shown.figure.title);
    if let Some(mut shares) = shares.filter(|_| !own.sentence.is_empty()) {
        shares.caption.clone_from(&shown.sentence);
        shares.notes = std::mem::take(&mut shown.figure.notes);
        let verdicts = std::mem::replace(&mut shown.figure, shares);
        if results.iter().any(ItemResult::has_right_answer) {
            shown.more.push(Figure { title: "Verdicts".to_owned(), ..verdicts });
        }
    }
    shown.more.extend(metric_figure(run, &own.metrics, Unit::Change, "Changes"));
    shown.more.extend(own.series.iter().map(|series| series_figure(run, series)));
    shown
}
