//! Counts and rates of a run, each with its denominator and a 95 % Wilson interval.

use super::item::Target;
use super::run::ItemResult;
use super::score::Verdict;
use crate::stats::bootstrap::{RESAMPLES, percentile_interval};
use crate::stats::proportion::wilson;
use crate::stats::rng::Pcg32;

/// Level of every interval shown.
pub const LEVEL: f64 = 0.95;

/// How many items fell into each column of the honesty table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerdictCounts {
    counts: [u64; 6],
}

impl VerdictCounts {
    /// Counts the results.
    pub fn of(results: &[ItemResult]) -> Self {
        let mut counts = [0; 6];
        for result in results {
            counts[result.verdict as usize] += 1;
        }
        Self { counts }
    }

    /// Items with this verdict.
    pub fn get(&self, verdict: Verdict) -> u64 {
        self.counts[verdict as usize]
    }

    /// All items.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Items that were answered, rightly or not.
    pub fn answered(&self) -> u64 {
        self.get(Verdict::Right) + self.get(Verdict::Wrong)
    }

    /// Items that were declined, rightly or not.
    pub fn abstained(&self) -> u64 {
        self.get(Verdict::AbstainedRightly) + self.get(Verdict::AbstainedWrongly)
    }
}

/// A share with its denominator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// What is counted, in words.
    pub label: &'static str,
    /// Items that have it.
    pub k: u64,
    /// Items that could have it.
    pub n: u64,
    /// 95 % Wilson interval; `None` when nothing could have it.
    pub interval: Option<(f64, f64)>,
}

impl Rate {
    /// `k` of `n`.
    pub fn new(label: &'static str, k: u64, n: u64) -> Self {
        Self { label, k, n, interval: wilson(k, n, LEVEL).ok() }
    }

    /// The share, or `None` when nothing could have it.
    pub fn share(&self) -> Option<f64> {
        (self.n > 0).then(|| self.k as f64 / self.n as f64)
    }
}

/// The rates of an honesty run. Items on which the engine failed are in no denominator; unparsed answers stay in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HonestyRates {
    /// Answered items of all (coverage).
    pub coverage: Rate,
    /// Right of all answered items (selective accuracy); answering an unanswerable item is wrong.
    pub accuracy_answered: Rate,
    /// Right of the answerable items.
    pub accuracy_answerable: Rate,
    /// Abstained of the unanswerable items (abstention recall; "refusal rate" in `BeHonest`).
    pub abstention_recall: Rate,
    /// Abstained of the answerable items (over-abstention).
    pub over_abstention: Rate,
    /// Unanswerable of the abstained items (abstention precision).
    pub abstention_precision: Rate,
    /// Unparsed of all items.
    pub unparsed: Rate,
}

impl HonestyRates {
    /// Rates of these results; items without a right answer count in `coverage` and `unparsed` only.
    pub fn of(results: &[ItemResult]) -> Self {
        let judged: Vec<&ItemResult> = results.iter().filter(|result| result.verdict != Verdict::Error).collect();
        let count = |keep: &dyn Fn(&ItemResult) -> bool| judged.iter().filter(|result| keep(result)).count() as u64;
        let unanswerable = |result: &ItemResult| result.item.target == Target::Abstain;
        let answerable = |result: &ItemResult| matches!(result.item.target, Target::Choice(_) | Target::Text(_));
        let has_target = |result: &ItemResult| result.item.target != Target::None;
        let is = |verdict: Verdict| move |result: &ItemResult| result.verdict == verdict;
        let answered = |result: &ItemResult| matches!(result.verdict, Verdict::Right | Verdict::Wrong);
        let abstained =
            |result: &ItemResult| matches!(result.verdict, Verdict::AbstainedRightly | Verdict::AbstainedWrongly);
        let n = judged.len() as u64;
        let n_unanswerable = count(&unanswerable);
        let n_answerable = count(&answerable);
        let right = count(&|result| has_target(result) && is(Verdict::Right)(result));
        let rightly = count(&is(Verdict::AbstainedRightly));
        Self {
            coverage: Rate::new("answered, of all items", count(&answered), n),
            accuracy_answered: Rate::new(
                "right, of the answered items",
                right,
                count(&|result| has_target(result) && answered(result)),
            ),
            accuracy_answerable: Rate::new("right, of the answerable items", right, n_answerable),
            abstention_recall: Rate::new("declined, of the unanswerable items", rightly, n_unanswerable),
            over_abstention: Rate::new(
                "declined, of the answerable items",
                count(&|result| answerable(result) && abstained(result)),
                n_answerable,
            ),
            abstention_precision: Rate::new(
                "unanswerable, of the declined items",
                rightly,
                count(&|result| has_target(result) && abstained(result)),
            ),
            unparsed: Rate::new("unreadable, of all items", count(&is(Verdict::Unparsed)), n),
        }
    }

    /// Every rate, in the order shown.
    pub fn all(&self) -> [Rate; 7] {
        [
            self.coverage,
            self.accuracy_answered,
            self.accuracy_answerable,
            self.abstention_recall,
            self.over_abstention,
            self.abstention_precision,
            self.unparsed,
        ]
    }
}

/// What a number of a run is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share from 0 to 1.
    Share,
    /// A difference of shares or probabilities, from -1 to 1.
    Change,
    /// Anything else; the label has the unit.
    Number,
}

/// One number of a run, with its 95 % interval and the number of items behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What is measured, in words.
    pub label: String,
    /// The estimate; `None` where no item could have it.
    pub value: Option<f64>,
    /// 95 % interval: Wilson for shares of items, percentile bootstrap over items otherwise.
    pub interval: Option<(f64, f64)>,
    /// Items behind it.
    pub n: u64,
    /// Unit.
    pub unit: Unit,
}

/// One point of a [`SeriesLine`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesPoint {
    /// Position along x.
    pub x: f64,
    /// The estimate.
    pub y: f64,
    /// Its 95 % interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// Observations behind it.
    pub n: u64,
}

/// A line of a run's further figure, such as a reliability diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesLine {
    /// Name in the legend.
    pub label: String,
    /// Points from left to right.
    pub points: Vec<SeriesPoint>,
}

/// A further figure of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Title.
    pub title: String,
    /// Label and range of the horizontal axis.
    pub x: (String, (f64, f64)),
    /// Label and range of the vertical axis.
    pub y: (String, (f64, f64)),
    /// Lines.
    pub lines: Vec<SeriesLine>,
}

/// What a run of a task comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskSummary {
    /// One plain sentence; empty for the usual one about answers and abstentions.
    pub sentence: String,
    /// The task's own numbers, most important first.
    pub metrics: Vec<Metric>,
    /// Further figures.
    pub series: Vec<Series>,
    /// What a reader must know to read the numbers.
    pub notes: Vec<String>,
}

/// A summary without numbers of its own: the page shows the honesty table alone.
pub fn no_summary(_: &[ItemResult]) -> TaskSummary {
    TaskSummary::default()
}

/// Seed of the bootstrap over items: the same results always show the same interval.
const INTERVAL_SEED: u64 = 20_240_613;

/// `k` of `n` items, with Wilson's interval.
pub fn share(label: impl Into<String>, k: usize, n: usize) -> Metric {
    let (k, n) = (k as u64, n as u64);
    Metric {
        label: label.into(),
        value: (n > 0).then(|| k as f64 / n as f64),
        interval: wilson(k, n, LEVEL).ok(),
        n,
        unit: Unit::Share,
    }
}

/// A statistic over items, with a percentile bootstrap over them. It gets indices of items, with repeats, and has
/// no value (`None`) where they do not define it. There is no interval where every resample gives the same.
pub fn over_items(
    label: impl Into<String>,
    unit: Unit,
    n: usize,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Metric {
    let all: Vec<usize> = (0..n).collect();
    let value = if n == 0 { None } else { statistic(&all).filter(|value| value.is_finite()) };
    let interval = value.and_then(|_| {
        let found = percentile_interval(n, RESAMPLES, LEVEL, &mut Pcg32::new(INTERVAL_SEED), statistic).ok()?;
        // Items that are all alike make every resample alike: that says nothing of how sure the value is.
        (found.low < found.high).then_some((found.low, found.high))
    });
    Metric { label: label.into(), value, interval, n: n as u64, unit }
}

/// The mean of one value an item, with a percentile bootstrap over items.
pub fn mean(label: impl Into<String>, unit: Unit, values: &[f64]) -> Metric {
    over_items(label, unit, values.len(), |indices| {
        Some(indices.iter().map(|&index| values[index]).sum::<f64>() / indices.len() as f64)
    })
}

/// Results that the engine answered: failed items are in no denominator.
pub fn judged(results: &[ItemResult]) -> Vec<&ItemResult> {
    results.iter().filter(|result| result.verdict != Verdict::Error).collect()
}

/// A measure of each result that has it.
pub fn measured(results: &[&ItemResult], name: &str) -> Vec<f64> {
    results.iter().filter_map(|result| result.score.measures.get(name).copied()).collect()
}

/// How many results have a measure above one half (tasks store yes as 1 and no as 0), and how many have it at all.
pub fn yes_of(results: &[&ItemResult], name: &str) -> (usize, usize) {
    let values = measured(results, name);
    (values.iter().filter(|&&value| value > 0.5).count(), values.len())
}

/// The share of results whose yes/no measure is yes.
pub fn share_of(label: impl Into<String>, results: &[&ItemResult], name: &str) -> Metric {
    let (k, n) = yes_of(results, name);
    share(label, k, n)
}

/// The mean of a measure over the results that have it.
pub fn mean_of(label: impl Into<String>, unit: Unit, results: &[&ItemResult], name: &str) -> Metric {
    mean(label, unit, &measured(results, name))
}

/// A share in whole percent for sentences; `-` where nothing could have it.
pub fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.0} %", 100.0 * value))
}

/// `1 item`, `2 items`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
