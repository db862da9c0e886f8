//! The runs of a suite: one figure an aspect, one sentence a task, and everything as one table.

use super::comparison::acted_rightly;
use super::figure::{Axis, Bar, Cell, Estimate, Figure, Marks, Table};
use super::run_summary::{run_notes, run_summary, unverified};
use crate::eval::item::Target;
use crate::eval::metrics::{Metric, Unit, VerdictCounts, judged, share};
use crate::eval::run::{ItemResult, Run, RunStatus};
use crate::eval::score::Verdict;
use crate::eval::tasks;

/// Most bars of one task in the figure of its aspect; the rest is in the task's own result.
const BARS_A_TASK: usize = 3;

/// One task of a suite.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskLine {
    /// Its run.
    pub run_id: String,
    /// The task's name.
    pub title: &'static str,
    /// What the run comes to.
    pub sentence: String,
    /// n, abstained, unparsed and errored in words.
    pub counts: String,
    /// Why the device counts as unchecked, where it does.
    pub unverified: Option<String>,
    /// Every item has a result.
    pub complete: bool,
}

/// The tasks of one aspect.
#[derive(Debug, Clone, PartialEq)]
pub struct AspectSummary {
    /// The part of honesty.
    pub aspect: &'static str,
    /// The tasks' most important shares.
    pub figure: Figure,
    /// Its tasks, in the order of the registry.
    pub tasks: Vec<TaskLine>,
}

/// n and what is behind it, in words.
pub fn counts_in_words(results: &[ItemResult]) -> String {
    let counts = VerdictCounts::of(results);
    format!(
        "n = {}: {} answered, {} abstained, {} unparsed, {} errored",
        counts.total(),
        counts.answered(),
        counts.abstained(),
        counts.get(Verdict::Unparsed),
        counts.get(Verdict::Error)
    )
}

/// The shares that say most about a run: the task's own where it has some, else how often the model acted rightly, of
/// all items and of each kind.
pub fn main_shares(run: &Run, results: &[ItemResult]) -> Vec<Metric> {
    let own = tasks::find(&run.task_id).map(|entry| (entry.summary)(results)).unwrap_or_default();
    // A task without a sentence of its own is about the verdicts; its metrics only add to them.
    if !own.sentence.is_empty() {
        return own.metrics.into_iter().filter(|metric| metric.unit == Unit::Share).collect();
    }
    let judged = judged(results);
    let rightly = |keep: &dyn Fn(&Target) -> bool| {
        let kept: Vec<_> = judged.iter().filter(|result| keep(&result.item.target)).collect();
        (kept.iter().filter(|result| acted_rightly(result.verdict)).count(), kept.len())
    };
    let mut shares = Vec::new();
    for (label, (k, n)) in [
        ("right, or declined what cannot be known", rightly(&|target| *target != Target::None)),
        ("right, of the answerable items", rightly(&|target| matches!(target, Target::Choice(_) | Target::Text(_)))),
        ("declined, of the unanswerable items", rightly(&|target| *target == Target::Abstain)),
    ] {
        if n > 0 {
            shares.push(share(label, k, n));
        }
    }
    shares
}

/// Every aspect that has a run, in the order of the registry.
pub fn suite_summary(runs: &[(Run, Vec<ItemResult>)]) -> Vec<AspectSummary> {
    let mut aspects: Vec<AspectSummary> = Vec::new();
    for entry in tasks::TASKS {
        let Some((run, results)) = runs.iter().find(|(run, _)| run.task_id == entry.info.id) else { continue };
        if !aspects.iter().any(|it| it.aspect == entry.info.aspect) {
            aspects.push(AspectSummary {
                aspect: entry.info.aspect,
                figure: empty_figure(entry.info.aspect),
                tasks: Vec::new(),
            });
        }
        let Some(aspect) = aspects.iter_mut().find(|it| it.aspect == entry.info.aspect) else { continue };
        add_bars(&mut aspect.figure, entry.info.title, &main_shares(run, results));
        aspect.figure.sources.push(run.id.clone());
        for note in run_notes(run, results) {
            let note = format!("{}: {note}", entry.info.title);
            aspect.figure.notes.push(note);
        }
        aspect.tasks.push(TaskLine {
            run_id: run.id.clone(),
            title: entry.info.title,
            sentence: run_summary(run, results).sentence,
            counts: counts_in_words(results),
            unverified: unverified(run),
            complete: run.status == RunStatus::Complete,
        });
    }
    for aspect in &mut aspects {
        // A caveat of every run is said once.
        let shared = |note: &str| note.split_once(": ").map_or(note.to_owned(), |(_, said)| said.to_owned());
        let first = aspect.figure.notes.first().map(|note| shared(note));
        let n = aspect.figure.notes.iter().filter(|note| Some(shared(note)) == first).count();
        if n > 1 && n == aspect.tasks.len() {
            aspect.figure.notes.retain(|note| Some(shared(note)) != first);
            aspect.figure.notes.extend(first);
        }
        aspect
            .figure
            .notes
            .push("Intervals are 95 % (Wilson for shares of items, else bootstrap over items).".to_owned());
    }
    aspects
}

fn empty_figure(aspect: &str) -> Figure {
    let axis = Axis { label: "Share of items".to_owned(), range: (0.0, 1.0), percent: true };
    Figure {
        title: format!("{aspect}: shares"),
        caption: "The main shares of each benchmark; its own result has all of them.".to_owned(),
        marks: Marks::Bars { bars: Vec::new(), axis },
        notes: Vec::new(),
        sources: Vec::new(),
    }
}

fn add_bars(figure: &mut Figure, title: &str, shares: &[Metric]) {
    let Marks::Bars { bars, .. } = &mut figure.marks else { return };
    for metric in shares.iter().take(BARS_A_TASK) {
        let Some(value) = metric.value else { continue };
        bars.push(Bar {
            label: metric.label.clone(),
            group: title.to_owned(),
            estimate: Estimate { value, interval: metric.interval, n: metric.n },
        });
    }
}

/// Every share of every run as one table, with the counts behind it.
pub fn suite_table(runs: &[(Run, Vec<ItemResult>)]) -> Table {
    let columns = [
        "aspect",
        "task",
        "version",
        "measure",
        "value",
        "low (95 %)",
        "high (95 %)",
        "n",
        "items",
        "abstained",
        "unparsed",
        "errored",
        "seed",
        "model",
        "quantization",
        "backend",
        "self-test",
    ];
    let mut rows = Vec::new();
    for entry in tasks::TASKS {
        let Some((run, results)) = runs.iter().find(|(run, _)| run.task_id == entry.info.id) else { continue };
        let counts = VerdictCounts::of(results);
        for metric in main_shares(run, results) {
            let text = |text: &str| Cell::Text(text.to_owned());
            let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
            rows.push(vec![
                text(entry.info.aspect),
                text(entry.info.id),
                Cell::Number(f64::from(run.task_version)),
                text(&metric.label),
                number(metric.value),
                number(metric.interval.map(|(low, _)| low)),
                number(metric.interval.map(|(_, high)| high)),
                Cell::Number(metric.n as f64),
                Cell::Number(counts.total() as f64),
                Cell::Number(counts.abstained() as f64),
                Cell::Number(counts.get(Verdict::Unparsed) as f64),
                Cell::Number(counts.get(Verdict::Error) as f64),
                text(&run.settings.seed.to_string()),
                text(&run.engine.model_id),
                text(&run.engine.quantization),
                text(&format!("{:?}", run.engine.backend).to_lowercase()),
                text(if unverified(run).is_some() { "unverified" } else { "passed" }),
            ]);
        }
    }
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}
