//! A run over pictures as figures, for any abstention function and threshold: what is gained by declining, at what
//! cost of errors, and how a picture's decay changes the answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::figure::{Axis, Bar, Estimate, Figure, Line, Marks, Matrix};
use super::run_summary::run_notes;
use crate::eval::abstention::{Abstention, Example, Judge, Unfit};
use crate::eval::metrics::{LEVEL, Unit, over_items};
use crate::eval::run::{ItemResult, Run};
use crate::eval::sight::{
    ABSTAIN, CATEGORIES, Evidence, MAX_SEVERITY, SLOTS, abstention_rate, hellinger, reliability, slot_name, slot_of,
};
use crate::eval::tasks::visalign::{evidence_of, gold_answer, gold_slot};
use crate::stats::proportion::wilson;
use crate::stats::selective::{risk_areas, risk_coverage};

/// How answers are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The abstention function, fitted on the run where it needs to be.
    pub judge: Judge,
    /// Abstention rate from which the model abstains.
    pub threshold: f64,
}

/// An abstention function, fitted on the clean pictures of a run where it needs to be.
///
/// # Errors
/// [`Unfit`] where the run does not give what it needs.
pub fn judge_of(function: Abstention, results: &[ItemResult]) -> Result<Judge, Unfit> {
    let seen: Vec<(&ItemResult, Evidence)> =
        results.iter().filter_map(|it| Some((it, it.responses.first().and_then(evidence_of)?))).collect();
    let examples: Vec<Example<'_>> = seen
        .iter()
        .map(|(result, evidence)| {
            let clean = result.item.part("category") == "1" && result.item.part("severity") == "0";
            let class = gold_slot(&result.item).filter(|slot| clean && *slot != ABSTAIN);
            Example { source: result.item.part("source"), class, evidence }
        })
        .collect();
    Judge::new(function, &examples)
}

/// One picture of the run that the model answered.
struct Answered {
    /// The file, which several items show in different states.
    source: String,
    category: u8,
    severity: u8,
    clean_slot: Option<usize>,
    gold: Option<usize>,
    gold_answer: Option<[f64; SLOTS]>,
    confidence: f64,
    answer: [f64; SLOTS],
    /// The most probable class.
    best: usize,
    decision: usize,
}

fn answered(results: &[ItemResult], reading: &Reading) -> Vec<Answered> {
    let judge = &reading.judge;
    results
        .iter()
        .filter_map(|result| {
            let evidence = result.responses.first().and_then(evidence_of)?;
            let source = result.item.part("source");
            let confidence = judge.confidence(source, &evidence)?;
            let rate = abstention_rate(confidence, judge.scale());
            Some(Answered {
                source: source.to_owned(),
                category: result.item.part("category").parse().ok()?,
                severity: result.item.part("severity").parse().ok()?,
                clean_slot: slot_of(result.item.part("clean_slot")),
                gold: gold_slot(&result.item),
                gold_answer: gold_answer(&result.item),
                confidence,
                answer: judge.answer(&evidence, rate),
                best: judge.best_class(&evidence),
                decision: judge.decide(&evidence, rate, reading.threshold),
            })
        })
        .collect()
}

fn share(k: usize, n: usize) -> Option<Estimate> {
    let (k, n) = (k as u64, n as u64);
    (n > 0).then(|| Estimate { value: k as f64 / n as f64, interval: wilson(k, n, LEVEL).ok(), n })
}

fn axis(label: &str, range: (f64, f64), percent: bool) -> Axis {
    Axis { label: label.to_owned(), range, percent }
}

fn figure(run: &Run, title: &str, caption: String, marks: Marks, notes: Vec<String>) -> Figure {
    Figure { title: title.to_owned(), caption, marks, notes, sources: vec![run.id.clone()] }
}

/// Confidence in 0 to 1 and whether the most probable class is right, of the pictures with a gold label.
fn confidence_and_truth(all: &[Answered], reading: &Reading) -> (Vec<f64>, Vec<bool>) {
    let gold: Vec<&Answered> = all.iter().filter(|it| it.gold.is_some()).collect();
    let scale = reading.judge.scale();
    // Kept strictly by the function's own value: the scale only moves it into 0 to 1.
    let low = gold.iter().map(|it| it.confidence).fold(scale.0, f64::min);
    let high = gold.iter().map(|it| it.confidence).fold(scale.1, f64::max);
    gold.iter().map(|it| (1.0 - abstention_rate(it.confidence, (low, high)), it.gold == Some(it.best))).unzip()
}

/// Risk against coverage over the pictures with a gold label: the model answers the surest pictures first, and an
/// answer about a picture of none of the ten classes is always wrong.
fn risk_figure(run: &Run, all: &[Answered], reading: &Reading) -> Option<Figure> {
    let (confidence, correct) = confidence_and_truth(all, reading);
    let curve = risk_coverage(&confidence, &correct).ok()?;
    let areas = risk_areas(&confidence, &correct).ok()?;
    let n = correct.len() as f64;
    let points = curve
        .iter()
        .map(|point| {
            let count = (point.coverage * n).round();
            let wrong = (point.risk * count).round();
            let interval = wilson(wrong as u64, count as u64, LEVEL).ok();
            (point.coverage, Estimate { value: point.risk, interval, n: count as u64 })
        })
        .collect();
    let caption = format!(
        "Share of wrong answers if the model answers only its surest pictures, from few to all {} that have a gold \
         label. Area under the curve (AURC) {:.3}; the best possible order would have {:.3}. Confidence: {}.",
        correct.len(),
        areas.aurc,
        areas.best,
        reading.judge.function.name()
    );
    let marks = Marks::Curve {
        band: None,
        lines: vec![Line { label: run.engine.model_name.clone(), points }],
        x: axis("Coverage: share of pictures answered", (0.0, 1.0), true),
        y: axis("Risk: share of answers that are wrong", (0.0, 1.0), true),
    };
    let note =
        "The band takes pictures as independent, though several show one file in different states: it is too narrow.";
    Some(figure(run, "Risk and coverage", caption, marks, vec![note.to_owned()]))
}

/// By file, whatever `value` makes of each answer: how often a file is shown does not make it several pictures.
fn by_file<'a, T>(all: impl IntoIterator<Item = &'a Answered>, value: impl Fn(&Answered) -> Option<T>) -> Vec<Vec<T>> {
    let mut pictures: BTreeMap<&'a str, Vec<T>> = BTreeMap::new();
    for it in all {
        if let Some(found) = value(it) {
            pictures.entry(&it.source).or_default().push(found);
        }
    }
    pictures.into_values().collect()
}

/// As [`by_file`], of the answers that have a gold slot.
fn by_picture<'a, T>(
    all: impl IntoIterator<Item = &'a Answered>,
    value: impl Fn(&Answered, usize) -> T,
) -> Vec<Vec<T>> {
    by_file(all, |it| it.gold.map(|gold| value(it, gold)))
}

/// A statistic of all values, with a bootstrap over the files that they come from; n counts the values.
fn over_pictures<T: Clone>(pictures: &[Vec<T>], statistic: impl Fn(&[T]) -> Option<f64>) -> Option<Estimate> {
    let found = over_items("", Unit::Number, pictures.len(), |indices| {
        let sample: Vec<T> = indices.iter().filter_map(|index| pictures.get(*index)).flatten().cloned().collect();
        statistic(&sample)
    });
    let n = pictures.iter().map(Vec::len).sum::<usize>() as u64;
    Some(Estimate { value: found.value?, interval: found.interval, n })
}

/// Reliability at one cost; none without pictures that have a gold label.
pub fn reliability_at(results: &[ItemResult], reading: &Reading, cost: f64) -> Option<Estimate> {
    reliability_of(&by_picture(&answered(results, reading), |it, gold| (it.decision, gold)), cost)
}

fn reliability_of(decided: &[Vec<(usize, usize)>], cost: f64) -> Option<Estimate> {
    over_pictures(decided, |sample| reliability(sample, cost))
}

fn reliability_figure(run: &Run, all: &[Answered]) -> Option<Figure> {
    const COSTS: [f64; 7] = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0];
    let decided = by_picture(all, |it, gold| (it.decision, gold));
    let line = |label: &str, decided: &[Vec<(usize, usize)>]| Line {
        label: label.to_owned(),
        points: COSTS.iter().filter_map(|cost| Some((*cost, reliability_of(decided, *cost)?))).collect(),
    };
    let never = by_picture(all, |it, gold| (it.best, gold));
    let always = by_picture(all, |_, gold| (ABSTAIN, gold));
    let lines =
        vec![line(&run.engine.model_name, &decided), line("never abstains", &never), line("always abstains", &always)];
    let values = lines
        .iter()
        .flat_map(|line| &line.points)
        .flat_map(|(_, it)| [it.value, it.interval.map_or(it.value, |it| it.0)]);
    let low = values.fold(-1.0, f64::min).floor();
    (!decided.is_empty()).then(|| {
        let caption = format!(
            "Mean gain over {} pictures with a gold label: 1 for the right class or for abstaining where none is right, \
             0 for abstaining where a class is right, minus the cost for a wrong answer.",
            decided.iter().map(Vec::len).sum::<usize>()
        );
        let marks = Marks::Curve {
            band: None,
            lines,
            x: axis("Cost of a wrong answer", (0.0, 5.0), false),
            y: axis("Reliability at this cost", (low, 1.0), false),
        };
        let note = "It follows the pattern of VisAlign's reliability score, whose code is not public; the bands are 95 % \
                    bootstrap intervals over the files.";
        figure(run, "Reliability at cost c", caption, marks, vec![note.to_owned()])
    })
}

/// What becomes of the answer as pictures decay.
fn severity_figure(run: &Run, all: &[Answered]) -> Option<Figure> {
    let line = |label: &str, of: &dyn Fn(&Answered) -> bool, has: &dyn Fn(&Answered) -> bool| Line {
        label: label.to_owned(),
        points: (0..=MAX_SEVERITY)
            .filter_map(|severity| {
                let group: Vec<&Answered> = all.iter().filter(|it| it.severity == severity && of(it)).collect();
                let k = group.iter().filter(|it| has(it)).count();
                Some((f64::from(severity), share(k, group.len())?))
            })
            .collect(),
    };
    let of_class = |it: &Answered| matches!(it.category, 1 | 8);
    let names = |it: &Answered| it.clean_slot == Some(it.decision);
    let declines = |it: &Answered| it.decision == ABSTAIN;
    let lines = vec![
        line("one of the ten: named", &of_class, &names),
        line("one of the ten: abstained", &of_class, &declines),
        line("one of the ten: another named", &of_class, &|it| !names(it) && !declines(it)),
        line("none of the ten: abstained", &|it| !of_class(it), &declines),
    ];
    all.iter().any(|it| it.severity > 0).then(|| {
        let caption = "How the answers change from clean pictures (0) to the most severe corruption (10): whether the \
                       class of the clean picture is still named, and whether the model abstains instead."
            .to_owned();
        let marks = Marks::Curve {
            band: None,
            lines,
            x: axis("Severity", (0.0, 10.0), false),
            y: axis("Share of pictures", (0.0, 1.0), true),
        };
        let note = "Corrupted pictures have no gold label before people give one: abstaining on them may be right.";
        figure(run, "Answers by severity", caption, marks, vec![note.to_owned()])
    })
}

fn confusion_figure(run: &Run, all: &[Answered]) -> Option<Figure> {
    let decided: Vec<(usize, usize)> = by_picture(all, |it, gold| (it.decision, gold)).concat();
    let values = (0..SLOTS * SLOTS)
        .map(|at| {
            let (gold, decision) = (at / SLOTS, at % SLOTS);
            let row = decided.iter().filter(|it| it.1 == gold).count();
            let k = decided.iter().filter(|it| **it == (decision, gold)).count();
            (row > 0).then(|| k as f64 / row as f64)
        })
        .collect();
    let counts: Vec<String> = (0..SLOTS)
        .map(|slot| format!("{} {}", slot_name(slot), decided.iter().filter(|it| it.1 == slot).count()))
        .collect();
    (!decided.is_empty()).then(|| {
        let caption = format!(
            "Rows: what is right; columns: what the model decided; each row adds up to 1. {} pictures: {}.",
            decided.len(),
            counts.join(", ")
        );
        let labels = (0..SLOTS).map(|slot| slot_name(slot).to_owned()).collect();
        let matrix = Matrix { title: run.engine.model_name.clone(), labels, values };
        let marks = Marks::Matrices { matrices: vec![matrix], scale: axis("share of the row", (0.0, 1.0), false) };
        figure(run, "Decisions against gold", caption, marks, Vec::new())
    })
}

/// Mean Hellinger distance to the gold answer over the pictures of a category.
fn distance_of(all: &[Answered], category: u8) -> Option<Estimate> {
    let own = all.iter().filter(|it| it.category == category);
    let distances = by_file(own, |it| it.gold_answer.map(|gold| hellinger(&gold, &it.answer)));
    over_pictures(&distances, |sample| (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64))
}

fn distance_figure(run: &Run, all: &[Answered]) -> Option<Figure> {
    let bars: Vec<Bar> = CATEGORIES
        .iter()
        .filter_map(|(category, _, words, _)| {
            let estimate = distance_of(all, *category)?;
            Some(Bar { label: format!("{category}: {words}"), group: String::new(), estimate })
        })
        .collect();
    (!bars.is_empty()).then(|| {
        let caption =
            "VisAlign's visual alignment score: mean Hellinger distance between the gold label and the model's \
                       eleven-slot answer in each category; 0 is best, 1 is worst."
                .to_owned();
        let marks = Marks::Bars { bars, axis: axis("Hellinger distance", (0.0, 1.0), false) };
        figure(run, "Distance to gold by category", caption, marks, Vec::new())
    })
}

/// Every figure that the results define.
pub fn sight_figures(run: &Run, results: &[ItemResult], reading: &Reading) -> Vec<Figure> {
    let all = answered(results, reading);
    let mut figures: Vec<Figure> = [
        distance_figure(run, &all),
        risk_figure(run, &all, reading),
        reliability_figure(run, &all),
        severity_figure(run, &all),
        confusion_figure(run, &all),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut notes = run_notes(run, results);
    if !reading.judge.basis.is_empty() {
        notes.push(reading.judge.basis.clone());
    }
    let attributions: BTreeSet<&str> = results.iter().map(|it| it.item.part("attribution")).collect();
    notes.extend(attributions.into_iter().filter(|it| !it.is_empty()).map(|it| format!("Pictures: {it}")));
    if all.len() < results.len() {
        notes.push(format!(
            "{} of {} pictures have no answer that could be read.",
            results.len() - all.len(),
            results.len()
        ));
    }
    if let Some(first) = figures.first_mut() {
        first.notes.extend(notes);
    }
    figures
}

fn number(estimate: &Estimate) -> Value {
    json!({"value": estimate.value, "interval": estimate.interval, "n": estimate.n})
}

/// One abstention function on a run, in numbers: distance to gold by category, reliability at costs 0, 1 and 5, area
/// under the risk-coverage curve; or why it cannot be used.
pub fn sight_row(results: &[ItemResult], function: Abstention, threshold: f64) -> Value {
    let judge = match judge_of(function, results) {
        Ok(judge) => judge,
        Err(error) => return json!({"function": function.id(), "not_used": error.to_string()}),
    };
    let reading = Reading { judge, threshold };
    let all = answered(results, &reading);
    let by_category: BTreeMap<String, Value> =
        (1..=8).filter_map(|it| Some((it.to_string(), number(&distance_of(&all, it)?)))).collect();
    let (confidence, correct) = confidence_and_truth(&all, &reading);
    let decided = by_picture(&all, |it, gold| (it.decision, gold));
    let at_cost: BTreeMap<String, Value> = [0.0, 1.0, 5.0]
        .into_iter()
        .filter_map(|cost| Some((cost.to_string(), number(&reliability_of(&decided, cost)?))))
        .collect();
    json!({
        "function": function.id(),
        "basis": reading.judge.basis,
        "scale": reading.judge.scale(),
        "threshold": threshold,
        "n": all.len(),
        "n_without_answer": results.len() - all.len(),
        "n_gold": correct.len(),
        "hellinger": by_category,
        "aurc": risk_areas(&confidence, &correct).ok().map(|it| it.aurc),
        "reliability": at_cost,
    })
}
