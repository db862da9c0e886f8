//! How much a model's similarity to people hangs on the wording of the question and on the temperature of its ratings.
//!
//! Both are read out of one run: the wordings were asked one after the other, and a temperature only divides the
//! log-likelihoods of the ratings before they become probabilities. Nothing is drawn anew.

use super::figure::{Figure, Line};
use super::representation::{
    PairMeans, RepresentationError, agreement_curve, agreement_point, measure_in_words, names_of,
};
use super::resampling::Agreement;
use crate::eval::run::{ItemResult, Run};
use crate::eval::tasks::pair_rating::{N_WORDINGS, RATINGS, expected_at, log_likelihoods};
use crate::stats::noise_ceiling::NoiseCeiling;
use crate::stats::rdm::Rdm;
use crate::stats::rdm_compare::Measure;

/// The temperatures of the sweep; at 1 the probabilities are the model's own.
pub const TEMPERATURES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Log-likelihoods of the ratings by wording, order of the words and rating.
type Wordings = Vec<Vec<Vec<f64>>>;

/// Log-likelihoods of the ratings of every pair in every wording.
#[derive(Debug, Clone, PartialEq)]
pub struct RatingSweep {
    /// The words, in the order asked.
    pub names: Vec<String>,
    /// Wordings that were asked, the usual one first.
    pub n_wordings: usize,
    /// For each item its two words and what was found.
    pairs: Vec<(usize, usize, Wordings)>,
}

/// One point of the sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPoint {
    /// The wording, 0 for the usual one; `None` for the mean over all of them.
    pub wording: Option<usize>,
    /// The temperature.
    pub temperature: f64,
    /// Agreement with the raters.
    pub agreement: Agreement,
}

impl RatingSweep {
    /// Reads a run of `pair_rating` by probabilities; `None` for any other run.
    pub fn of_run(run: &Run, results: &[ItemResult]) -> Option<Self> {
        if run.task_id != "pair_rating" {
            return None;
        }
        let (names, places) = names_of(results.iter().flat_map(|it| &it.item.tags).map(String::as_str));
        let mut pairs = Vec::new();
        for result in results {
            let logs = log_likelihoods(&result.item, &result.responses);
            if let ([a, b], false) = (result.item.tags.as_slice(), logs.is_empty()) {
                pairs.push((places[a], places[b], logs));
            }
        }
        let n_wordings = pairs.iter().map(|(.., logs)| logs.len()).min()?.min(N_WORDINGS);
        Some(Self { names, n_wordings, pairs })
    }

    /// What is swept: every wording, and their mean where there are several, at every temperature.
    pub fn settings(&self) -> Vec<(Option<usize>, f64)> {
        let wordings = (0..self.n_wordings).map(Some).chain((self.n_wordings > 1).then_some(None));
        wordings.flat_map(|wording| TEMPERATURES.map(|temperature| (wording, temperature))).collect()
    }

    /// Dissimilarities (7 minus the expected rating) of some of the words in one wording, or of the mean over all, at a
    /// temperature.
    ///
    /// # Errors
    /// A statistic without a value.
    pub fn rdm(&self, words: &[usize], wording: Option<usize>, temperature: f64) -> Result<Rdm, RepresentationError> {
        let mut means = PairMeans::new(self.names.len());
        for (a, b, logs) in &self.pairs {
            for (at, orders) in logs.iter().take(self.n_wordings).enumerate() {
                if wording.is_none_or(|wording| wording == at)
                    && let Some(value) = expected_at(orders, temperature)
                {
                    means.add(*a, *b, RATINGS.len() as f64 - value);
                }
            }
        }
        Ok(Rdm::new(self.names.clone(), means.values())?.take(words)?)
    }
}

fn wording_in_words(wording: Option<usize>) -> String {
    match wording {
        Some(0) => "usual wording".to_owned(),
        Some(other) => format!("wording {}", other + 1),
        None => "mean of the wordings".to_owned(),
    }
}

/// Agreement by temperature, one line a wording; `None` without points.
pub fn sweep_figure(
    title: &str,
    measure: Measure,
    points: &[SweepPoint],
    ceiling: Option<&NoiseCeiling>,
    notes: &[String],
    sources: &[String],
) -> Option<Figure> {
    let first = points.first()?;
    let mut lines: Vec<Line> = Vec::new();
    for point in points {
        let label = wording_in_words(point.wording);
        let at = (libm::log2(point.temperature), agreement_point(&point.agreement));
        match lines.iter_mut().find(|line| line.label == label) {
            Some(line) => line.points.push(at),
            None => lines.push(Line { label, points: vec![at] }),
        }
    }
    let range = |keep: &dyn Fn(&SweepPoint) -> bool| {
        let values = points.iter().filter(|it| keep(it)).map(|it| it.agreement.value);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)))
    };
    let (cold, hot) = range(&|it| it.wording == first.wording);
    let measured = measure_in_words(measure);
    let mut caption =
        format!("In the usual wording agreement ({measured}) is {cold:.2} to {hot:.2} over the temperatures 0.25 to 4");
    if lines.len() > 1 {
        let (low, high) = range(&|it| it.temperature == 1.0 && it.wording.is_some());
        caption = format!("{caption}; at temperature 1 it is {low:.2} to {high:.2} over {} wordings", lines.len() - 1);
    }
    caption.push_str(". The best of them is chosen after the fact.");
    let mut notes = notes.to_vec();
    notes.push(
        "A temperature divides the log-likelihoods of the seven ratings before the expectation is taken; nothing is asked \
         again. The horizontal axis is its logarithm to base 2: 0 is temperature 1."
            .to_owned(),
    );
    Some(Figure {
        title: title.to_owned(),
        caption,
        marks: agreement_curve(lines, "Temperature (log2)", (-2.0, 2.0), ceiling),
        notes,
        sources: sources.to_vec(),
    })
}
