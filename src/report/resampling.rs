//! How far a model's dissimilarities agree with raters', with an interval drawn in pieces; and the same as messages, so
//! that the worker of statistics can do it while the page lives on.

use serde::{Deserialize, Serialize};

use crate::eval::metrics::LEVEL;
use crate::stats::StatError;
use crate::stats::bootstrap::{BootstrapInterval, percentile_of_draws};
use crate::stats::rdm::Rdm;
use crate::stats::rdm_bootstrap::{Factor, bootstrap_evaluation};
use crate::stats::rdm_compare::{Measure, compare};
use crate::stats::rng::Pcg32;

/// Seed of every bootstrap: the same data always show the same interval.
pub const SEED: u64 = 20_240_613;
/// Comparisons of a model with one rater that are done at once: some milliseconds.
const A_PIECE: usize = 400;

/// A comparison whose interval is drawn in pieces, so that a page stays alive.
#[derive(Debug)]
pub struct Comparing {
    model: Rdm,
    raters: Vec<Rdm>,
    measure: Measure,
    rng: Pcg32,
    value: Option<f64>,
    draws: Vec<f64>,
    undefined: usize,
    /// Why there is no interval (fewer than three words with values).
    no_draws: bool,
}

/// How far a model agrees with the single raters of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Mean of the measure over raters.
    pub value: f64,
    /// Percentile interval over words (95 %), where it is defined.
    pub interval: Option<BootstrapInterval>,
    /// Pairs that the model and at least one rater have.
    pub n_pairs: usize,
    /// Words.
    pub n_words: usize,
    /// Raters.
    pub n_raters: usize,
}

impl Comparing {
    /// Begins; nothing is drawn yet.
    pub fn new(model: Rdm, raters: &[Rdm], measure: Measure) -> Self {
        let rng = Pcg32::new(SEED);
        Self {
            model,
            raters: raters.to_vec(),
            measure,
            rng,
            value: None,
            draws: Vec::new(),
            undefined: 0,
            no_draws: false,
        }
    }

    /// Draws some more resamples; the first call also finds the value.
    ///
    /// # Errors
    /// A [`StatError`] where model and raters cannot be compared.
    pub fn step(&mut self, resamples: usize) -> Result<(), StatError> {
        if self.no_draws || resamples == 0 {
            return Ok(());
        }
        let models = std::slice::from_ref(&self.model);
        let drawn =
            bootstrap_evaluation(models, &self.raters, self.measure, Factor::Conditions, resamples, &mut self.rng);
        match drawn {
            Ok(found) => {
                self.value = found.values.first().copied();
                self.draws.extend(found.draws.into_iter().next().unwrap_or_default());
                self.undefined += found.undefined;
                Ok(())
            }
            Err(error) => {
                self.no_draws = true;
                let values: Result<Vec<f64>, StatError> =
                    self.raters.iter().map(|it| compare(&self.model, it, self.measure).map(|it| it.value)).collect();
                let values = values?;
                if values.is_empty() {
                    return Err(error);
                }
                self.value = Some(values.iter().sum::<f64>() / values.len() as f64);
                Ok(())
            }
        }
    }

    /// Resamples so far.
    pub fn n_drawn(&self) -> usize {
        if self.no_draws { usize::MAX } else { self.draws.len() + self.undefined }
    }

    /// What was found; `None` before the first step.
    pub fn agreement(&self) -> Option<Agreement> {
        let known = |pair: usize| self.raters.iter().any(|it| !it.values()[pair].is_nan());
        let n_pairs =
            self.model.values().iter().enumerate().filter(|(pair, value)| !value.is_nan() && known(*pair)).count();
        Some(Agreement {
            value: self.value?,
            interval: percentile_of_draws(&sorted(&self.draws), self.undefined, LEVEL).ok(),
            n_pairs,
            n_words: self.model.n_items(),
            n_raters: self.raters.len(),
        })
    }
}

fn sorted(draws: &[f64]) -> Vec<f64> {
    let mut draws = draws.to_vec();
    draws.sort_by(f64::total_cmp);
    draws
}

/// The whole comparison at once; for programs that have time.
///
/// # Errors
/// As [`Comparing::step`].
pub fn agree(model: &Rdm, raters: &[Rdm], measure: Measure, resamples: usize) -> Result<Agreement, StatError> {
    let mut comparing = Comparing::new(model.clone(), raters, measure);
    comparing.step(resamples)?;
    comparing.agreement().ok_or(StatError::TooFew { n: 0, needed: 1 })
}

/// A comparison as a message: JSON knows no NaN, so a pair without a value is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    names: Vec<String>,
    model: Vec<Option<f64>>,
    raters: Vec<Vec<Option<f64>>>,
    measure: String,
    /// Resamples that are wanted.
    pub resamples: usize,
}

fn with_gaps(rdm: &Rdm) -> Vec<Option<f64>> {
    rdm.values().iter().map(|value| (!value.is_nan()).then_some(*value)).collect()
}

impl Job {
    /// Of these matrices, all over the same words.
    pub fn new(model: &Rdm, raters: &[Rdm], measure: Measure, resamples: usize) -> Self {
        Self {
            names: model.names().to_vec(),
            model: with_gaps(model),
            raters: raters.iter().map(with_gaps).collect(),
            measure: measure.name().to_owned(),
            resamples,
        }
    }

    /// Begins; nothing is drawn yet.
    ///
    /// # Errors
    /// A [`StatError`] for matrices of wrong size or an unknown measure.
    pub fn begin(&self) -> Result<Comparing, StatError> {
        let rdm = |values: &[Option<f64>]| {
            Rdm::new(self.names.clone(), values.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
        };
        let raters: Result<Vec<Rdm>, StatError> = self.raters.iter().map(|it| rdm(it)).collect();
        let measure = Measure::parse(&self.measure).ok_or(StatError::Range { what: "the measure" })?;
        Ok(Comparing::new(rdm(&self.model)?, &raters?, measure))
    }

    /// Resamples to draw before looking up: fewer with more raters.
    pub fn piece(&self) -> usize {
        (A_PIECE / self.raters.len().max(1)).max(5)
    }
}

/// What the worker of statistics is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Draw resamples.
    Resample {
        /// Names this question.
        id: u32,
        /// The comparison.
        job: Job,
    },
    /// Stop; what was drawn is told.
    Cancel {
        /// The question.
        id: u32,
    },
}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Tell {
    /// It listens.
    Ready,
    /// So many resamples are drawn.
    Drawn {
        /// The question.
        id: u32,
        /// Resamples.
        done: usize,
    },
    /// The end, or what there was when it was stopped.
    Found {
        /// The question.
        id: u32,
        /// What was found.
        found: Resampled,
    },
    /// It cannot be compared.
    Refused {
        /// The question.
        id: u32,
        /// Why.
        detail: String,
    },
}

/// An agreement, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resampled {
    /// The agreement.
    pub agreement: Agreement,
    /// Resamples that were wanted.
    pub wanted: usize,
    /// Wall time in the worker, in milliseconds.
    pub millis: f64,
}

impl Resampled {
    /// How the interval came about, in one sentence.
    pub fn in_words(&self) -> String {
        let Some(interval) = self.agreement.interval else {
            return "No interval: there are too few words, or too few resamples were drawn.".to_owned();
        };
        let stopped = if interval.resamples < self.wanted {
            format!("stopped after {} of {} resamples", interval.resamples, self.wanted)
        } else {
            format!("{} resamples", interval.resamples)
        };
        format!(
            "Interval: {stopped} of the {} words (seed {SEED}), {} pairs, {}, drawn in {:.2} s in a worker on this device.",
            self.agreement.n_words,
            self.agreement.n_pairs,
            if self.agreement.n_raters == 1 {
                "one rater".to_owned()
            } else {
                format!("{} raters", self.agreement.n_raters)
            },
            self.millis / 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rdm::pair_count;

    fn rdms(n: usize, raters: usize) -> (Rdm, Vec<Rdm>) {
        let mut rng = Pcg32::new(3);
        let truth: Vec<f64> = (0..pair_count(n)).map(|_| rng.unit()).collect();
        let mut noisy = |gap: bool| {
            let mut values: Vec<f64> = truth.iter().map(|it| it + 0.3 * rng.normal()).collect();
            if gap {
                values[1] = f64::NAN;
            }
            Rdm::from_values(values).unwrap()
        };
        (noisy(true), (0..raters).map(|at| noisy(at == 0)).collect())
    }

    #[test]
    fn a_job_sent_as_text_and_drawn_in_pieces_gives_what_one_call_gives() {
        let (model, raters) = rdms(12, 3);
        for measure in [Measure::Spearman, Measure::Pearson] {
            let text = serde_json::to_string(&Job::new(&model, &raters, measure, 250)).unwrap();
            let job: Job = serde_json::from_str(&text).unwrap();
            let mut comparing = job.begin().unwrap();
            while comparing.n_drawn() < job.resamples {
                comparing.step(job.piece().min(job.resamples - comparing.n_drawn())).unwrap();
            }
            let whole = agree(&model, &raters, measure, 250).unwrap();
            assert_eq!(comparing.agreement(), Some(whole));
            let again: Agreement = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
            assert_eq!(again, whole);
        }
    }

    #[test]
    fn what_was_stopped_says_how_many_there_are() {
        let (model, raters) = rdms(10, 1);
        let mut comparing = Comparing::new(model, &raters, Measure::Spearman);
        comparing.step(40).unwrap();
        let agreement = comparing.agreement().unwrap();
        let words = Resampled { agreement, wanted: 10_000, millis: 120.0 }.in_words();
        assert!(words.contains("stopped after 40 of 10000 resamples of the 10 words"), "{words}");
        assert!(words.contains("one rater, drawn in 0.12 s"), "{words}");
    }

    #[test]
    fn a_job_of_another_size_or_measure_is_refused() {
        let (model, raters) = rdms(6, 1);
        let job = Job::new(&model, &raters, Measure::Spearman, 10);
        assert!(Job { names: vec!["a".to_owned()], ..job.clone() }.begin().is_err());
        assert!(Job { measure: "likeness".to_owned(), ..job }.begin().is_err());
    }
}
