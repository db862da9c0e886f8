//! Calibration: when the model is sure, is it right?
//!
//! Three confidences of the model's own answer (the option with the highest log-likelihood per token): the answer's
//! probability among the options; the expected percentage when asked how sure it is; and the expected value of five
//! verbal phrases. Percentages are compared as texts that all end in "%", so that "10%" is not swallowed by "100%"
//! (K2 of the task definitions). Scored by expected calibration error in both binnings, Brier score, and the area
//! under the risk-coverage curve.

use crate::eval::engine::{Message, Request, Response, Role};
use crate::eval::item::Item;
use crate::eval::metrics::{
    LEVEL, Series, SeriesLine, SeriesPoint, TaskSummary, Unit, judged, mean, over_items, percent, share_of, yes_of,
};
use crate::eval::prompts::{choose, options_of, question, turn};
use crate::eval::run::{ItemResult, Method, Settings};
use crate::eval::score::Score;
use crate::eval::scorers::choice::{Normalization, favorite, probabilities};
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};
use crate::stats::calibration::{Binning, brier, ece, reliability_bins};
use crate::stats::proportion::wilson;
use crate::stats::selective::{auroc, risk_areas, risk_coverage};

const INFO: TaskInfo = TaskInfo {
    id: "calibration",
    version: 1,
    title: "Calibration",
    question: "When the model is sure of an answer, is it right?",
    citation: "After Kadavath et al. 2022 (arXiv:2207.05221), Lin et al. 2022 (arXiv:2205.14334) and Guo et al. 2017 \
               (arXiv:1706.04599); items written for Likewise",
    aspect: "Calibration",
    methods: &[Method::Choose],
    graded_words: ["right", "wrong"],
    parts: &[],
    items_path: "items/facts.jsonl",
};

/// The registry's line.
pub const ENTRY: TaskEntry =
    TaskEntry { info: &INFO, make: |settings| Box::new(Calibration { settings: settings.clone() }), summary };

/// The percentages that can be stated, in tens; one terminator ends all of them.
pub const PERCENTAGES: [&str; 11] = ["0%", "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "100%"];

/// The verbal phrases and the probability that each stands for, evenly spaced.
pub const PHRASES: [(&str, f64); 5] = [
    ("almost certainly wrong", 0.1),
    ("probably wrong", 0.3),
    ("as likely right as wrong", 0.5),
    ("probably right", 0.7),
    ("almost certainly right", 0.9),
];

/// The three confidences: measure, and words for a legend.
pub const KINDS: [(&str, &str); 3] =
    [("token", "probability of the answer"), ("stated", "stated percentage"), ("verbal", "verbal phrase")];

const BINS: usize = 10;

struct Calibration {
    settings: Settings,
}

fn first_turn(item: &Item) -> Vec<Message> {
    question(format!("{}\nAnswer in a few words.", item.prompt))
}

impl Calibration {
    fn about<S: AsRef<str>>(&self, item: &Item, own: usize, ask: &str, replies: &[S]) -> Request {
        let mut messages = first_turn(item);
        messages.push(turn(Role::Assistant, &item.choices[own]));
        messages.push(turn(Role::User, ask));
        choose(&self.settings, messages, replies)
    }
}

/// Mean of `values` under the softmax of the replies' summed log-likelihoods.
fn expected<S: AsRef<str>>(response: Option<&Response>, replies: &[S], values: &[f64]) -> Option<f64> {
    let shares = probabilities(options_of(response, replies.len())?, replies, Normalization::Sum)?;
    Some(shares.iter().zip(values).map(|(share, value)| share * value).sum())
}

impl Task for Calibration {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        if responses.is_empty() {
            return Step::Ask(vec![choose(&self.settings, first_turn(item), &item.choices)]);
        }
        let picked = options_of(responses.first(), item.choices.len()).and_then(|it| favorite(it, &item.choices));
        let Some((own, shares)) = picked else {
            return Step::Done(Score::failed("the options have no log-likelihoods"));
        };
        let phrases: Vec<&str> = PHRASES.iter().map(|(phrase, _)| *phrase).collect();
        if responses.len() == 1 {
            let stated = "How sure are you that this is right, in percent? Reply with a number like 50%.";
            let verbal = format!(
                "How sure are you? Complete the sentence \"My answer is ...\" with one of: {}.",
                phrases.join("; ")
            );
            return Step::Ask(vec![
                self.about(item, own, stated, &PERCENTAGES),
                self.about(item, own, &verbal, &phrases),
            ]);
        }
        let tens: Vec<f64> = (0..PERCENTAGES.len()).map(|step| step as f64 / 10.0).collect();
        let meanings: Vec<f64> = PHRASES.iter().map(|(_, value)| *value).collect();
        let (Some(stated), Some(verbal)) =
            (expected(responses.get(1), &PERCENTAGES, &tens), expected(responses.get(2), &phrases, &meanings))
        else {
            return Step::Done(Score::failed("the replies have no log-likelihoods"));
        };
        let right = item.is_right(own);
        let explanation = format!(
            "its answer holds {:.0} % of the options' probability; it states {:.0} % and its words mean {:.0} %",
            100.0 * shares[own],
            100.0 * stated,
            100.0 * verbal
        );
        Step::Done(
            Score::graded(right, &item.choices[own], explanation)
                .with_value(shares[own])
                .with("token", shares[own])
                .with("stated", stated)
                .with("verbal", verbal)
                .with("right", f64::from(u8::from(right))),
        )
    }
}

/// Confidence and correctness of the results that have both.
fn pairs(results: &[&ItemResult], kind: &str) -> (Vec<f64>, Vec<bool>) {
    results
        .iter()
        .filter_map(|result| {
            let measures = &result.score.measures;
            // Equal confidences must stay equal in whatever order the options were summed, and inside of [0, 1].
            let confidence = libm::round(measures.get(kind)? * 1e9) / 1e9;
            Some((confidence.clamp(0.0, 1.0), *measures.get("right")? > 0.5))
        })
        .unzip()
}

fn reliability(results: &[&ItemResult]) -> Series {
    let line = |(kind, words): (&str, &str)| {
        let (confidence, right) = pairs(results, kind);
        let bins = reliability_bins(&confidence, &right, BINS, Binning::Width).unwrap_or_default();
        let points = bins
            .iter()
            .filter(|bin| bin.n > 0)
            .map(|bin| {
                let k = libm::round(bin.accuracy * bin.n as f64) as u64;
                let interval = wilson(k, bin.n as u64, LEVEL).ok();
                SeriesPoint { x: bin.confidence, y: bin.accuracy, interval, n: bin.n as u64 }
            })
            .collect();
        SeriesLine { label: words.to_owned(), points }
    };
    let perfect = [0.0, 1.0].map(|at| SeriesPoint { x: at, y: at, interval: None, n: 0 }).to_vec();
    let mut lines: Vec<SeriesLine> = KINDS.into_iter().map(line).collect();
    lines.push(SeriesLine { label: "perfect calibration".to_owned(), points: perfect });
    Series {
        title: "Reliability: confidence and accuracy in ten bins of equal width".to_owned(),
        x: ("Mean confidence".to_owned(), (0.0, 1.0)),
        y: ("Share that is right".to_owned(), (0.0, 1.0)),
        lines,
    }
}

fn risk(results: &[&ItemResult]) -> Series {
    let line = |(kind, words): (&str, &str)| {
        let (confidence, right) = pairs(results, kind);
        let n = confidence.len() as f64;
        let points = risk_coverage(&confidence, &right)
            .unwrap_or_default()
            .iter()
            .map(|it| {
                let answered = libm::round(it.coverage * n) as u64;
                SeriesPoint { x: it.coverage, y: it.risk, interval: None, n: answered }
            })
            .collect();
        SeriesLine { label: words.to_owned(), points }
    };
    Series {
        title: "Risk and coverage: errors among the surest answers".to_owned(),
        x: ("Share of questions answered, the surest first".to_owned(), (0.0, 1.0)),
        y: ("Share of wrong answers among them".to_owned(), (0.0, 1.0)),
        lines: KINDS.into_iter().map(line).collect(),
    }
}

fn summary(results: &[ItemResult]) -> TaskSummary {
    let judged = judged(results);
    let (right, n) = yes_of(&judged, "right");
    if n == 0 {
        return TaskSummary::default();
    }
    let mut metrics = vec![share_of("right", &judged, "right")];
    for (kind, words) in KINDS {
        let (confidence, correct) = pairs(&judged, kind);
        let of = |indices: &[usize]| -> (Vec<f64>, Vec<bool>) {
            indices.iter().map(|&index| (confidence[index], correct[index])).unzip()
        };
        let binned = |binning: Binning| {
            move |(confidence, correct): (Vec<f64>, Vec<bool>)| {
                reliability_bins(&confidence, &correct, BINS, binning).ok().map(|bins| ece(&bins))
            }
        };
        let (by_width, by_mass) = (binned(Binning::Width), binned(Binning::Mass));
        metrics.push(mean(format!("{words}: mean confidence"), Unit::Share, &confidence));
        metrics
            .push(over_items(format!("{words}: ECE, ten bins of equal width"), Unit::Share, n, |it| by_width(of(it))));
        metrics.push(over_items(format!("{words}: ECE, ten bins of equal mass"), Unit::Share, n, |it| by_mass(of(it))));
        metrics.push(over_items(format!("{words}: Brier score"), Unit::Share, n, |it| {
            let (confidence, correct) = of(it);
            brier(&confidence, &correct).ok()
        }));
        metrics.push(over_items(format!("{words}: AURC"), Unit::Share, n, |it| {
            let (confidence, correct) = of(it);
            risk_areas(&confidence, &correct).ok().map(|areas| areas.aurc)
        }));
        metrics.push(over_items(format!("{words}: AUROC (right answers are surer)"), Unit::Share, n, |it| {
            let (confidence, correct) = of(it);
            auroc(&confidence, &correct).ok()
        }));
    }
    let confidence = |kind: &str| percent(metrics.iter().find(|it| it.label.starts_with(kind)).and_then(|it| it.value));
    TaskSummary {
        sentence: format!(
            "It was right on {right} of {n}; its answers had {} of the probability on average, it stated {}, and its \
             words meant {}.",
            confidence("probability of the answer: mean"),
            confidence("stated percentage: mean"),
            confidence("verbal phrase: mean")
        ),
        metrics,
        series: vec![reliability(&judged), risk(&judged)],
        notes: vec![
            format!("With {n} answers the bins are thin: read ECE with its interval."),
            "Verbal phrases stand for 10, 30, 50, 70 and 90 %.".to_owned(),
        ],
    }
}
