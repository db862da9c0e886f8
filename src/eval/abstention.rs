//! When to decline: functions that say how much a picture is like the ten classes, what some of them are fitted on, and
//! the eleven-slot answer that follows.
//!
//! Every function is made so that larger means more like the classes. Held to the authors' code
//! (jiyounglee-0523/VisAlign at 12cd82b, `tests/golden/make/visalign_outputs.py`): the order of the classes, the scaling
//! over the test set, the eleven slots and the distance are theirs. Four things are not:
//!
//! - It takes one minus the scaled value for the abstention rate of any function. For distances (already negative) that
//!   is right; for entropies it makes the surest picture abstain. Ours are negative.
//! - The scaled value of the surest picture may come out above one by rounding to 32 bits, and then it abstains there.
//! - Its dropout takes a softmax of mean probabilities, which are no logits, before the entropy.
//! - Its TAPUDD subtracts single values of the first mean from whole vectors and uses the first precision only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sight::{ABSTAIN, Evidence, Labels, SLOTS, abstention_rate, eleven_slots, log_sum_exp, softmax};
use crate::stats::StatError;
use crate::stats::outlier::{Mahalanobis, Tapudd, kth_nearest, normalized};

/// How sure the model is that a picture shows one of the ten classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abstention {
    /// The probability that the 1000 classes give to the mapped ones together. Not in the paper: it needs a classifier
    /// that knows other things.
    Mass,
    /// The largest probability among the ten classes (Hendrycks and Gimpel 2017).
    Msp,
    /// Minus the entropy of the ten classes' probabilities in nats; the paper's "MSP" is this.
    Entropy,
    /// The largest logit of the ten classes (Hendrycks et al. 2022).
    MaxLogit,
    /// ln of the sum of e^logit over the ten classes: minus the energy at temperature 1 (Liu et al. 2020).
    Energy,
    /// The largest probability at temperature 1000 (Liang et al. 2018, ODIN), without its step on the input, which
    /// needs gradients. The authors' code takes the entropy of these probabilities.
    Odin,
    /// Minus the squared Mahalanobis distance of the features to the nearest class mean (Lee et al. 2018), with a shrunk
    /// covariance and without a step on the input.
    Mahalanobis,
    /// Minus the squared distance of the normalized features to the k-th nearest (Sun et al. 2022; the authors' index
    /// gives squares); k is a tenth of the pictures, 1 to 50, where the paper has 50 of some ten thousand.
    Nearest,
    /// Minus the mean Mahalanobis distance over partitions of the features (TAPUDD, Dua et al. 2023), by k-means and a
    /// shrunk covariance in place of Gaussian mixtures.
    Tapudd,
    /// Minus the entropy of the mean probabilities over the middle and the four corners of a picture. In place of the
    /// paper's five passes with dropout, which this network has not. As there, the classes' own probabilities stay those
    /// of the one plain pass.
    Crops,
}

/// ODIN's temperature.
const ODIN_TEMPERATURE: f64 = 1000.0;
/// From how many pictures a function fitted on features is not called weak.
const ENOUGH_PICTURES: usize = 100;
/// Parts that pictures of a larger bank are left out in.
const MAX_FOLDS: usize = 10;
/// Largest k of the k-th nearest, as in the paper.
const MAX_NEAREST: usize = 50;
/// Most groups of TAPUDD's partitions, as in the paper.
const MAX_GROUPS: usize = 10;
/// Pictures a group of a partition has on average at least.
const LEAST_GROUP: usize = 5;

/// Why a function cannot be used on what is there.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// Not enough clean pictures of the classes.
    #[error(
        "It is fitted on the features of clean pictures of the ten classes, and there are {n} of them, of which at \
         least 3 are needed. Run a set of pictures first."
    )]
    NoBank {
        /// Pictures there.
        n: usize,
    },
    /// The pictures were looked at as a whole only.
    #[error("It needs the corners of every picture. Run the set again with its corners.")]
    NoCrops,
    /// Nothing to scale by.
    #[error("Its scale is measured over a run. Run a set of pictures first.")]
    NoScale,
    /// The features could not be used.
    #[error("The features cannot be used: {0}.")]
    Features(#[from] StatError),
}

impl Abstention {
    /// All, the built-in choice first.
    pub const ALL: [Self; 10] = [
        Self::Mass,
        Self::Msp,
        Self::Entropy,
        Self::MaxLogit,
        Self::Energy,
        Self::Odin,
        Self::Mahalanobis,
        Self::Nearest,
        Self::Tapudd,
        Self::Crops,
    ];

    /// Stable id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Msp => "msp",
            Self::Entropy => "entropy",
            Self::MaxLogit => "max_logit",
            Self::Energy => "energy",
            Self::Odin => "odin",
            Self::Mahalanobis => "mahalanobis",
            Self::Nearest => "nearest",
            Self::Tapudd => "tapudd",
            Self::Crops => "crops",
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mass => "probability of the ten classes together",
            Self::Msp => "largest probability (MSP)",
            Self::Entropy => "entropy",
            Self::MaxLogit => "largest logit",
            Self::Energy => "energy",
            Self::Odin => "largest probability at temperature 1000 (after ODIN)",
            Self::Mahalanobis => "Mahalanobis distance of the features",
            Self::Nearest => "distance to the k-th nearest features (k-NN)",
            Self::Tapudd => "mean distance over partitions of the features (after TAPUDD)",
            Self::Crops => "entropy over five crops (for dropout)",
        }
    }

    /// The function of an id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.id() == id)
    }

    /// Whether it is fitted on features of clean pictures.
    pub fn is_fitted(self) -> bool {
        matches!(self, Self::Mahalanobis | Self::Nearest | Self::Tapudd)
    }

    /// Ends of the scale for one picture alone, where the paper scales by the least and the largest value of a test
    /// set. Probabilities and entropy have their own ends. For logits, energy and ODIN of `ImageNet`'s classes they are
    /// round values between those of the built-in pictures of none of the classes (largest logits 0.2 to 3.3) and those
    /// of the three classes that the model knows (10.1 to 13.3). `None` for distances, and for logits of prompts, whose
    /// size differs from model to model.
    pub fn scale(self, labels: Labels) -> Option<(f64, f64)> {
        let n = labels.n_known() as f64;
        match self {
            Self::MaxLogit | Self::Energy | Self::Odin if labels == Labels::Prompts => None,
            Self::Mass => Some((0.0, 1.0)),
            Self::Msp => Some((1.0 / n, 1.0)),
            Self::Entropy | Self::Crops => Some((-libm::log(n), 0.0)),
            Self::MaxLogit | Self::Energy => Some((2.0, 10.0)),
            Self::Odin => Some((1.0 / n + 0.0002, 1.0 / n + 0.0012)),
            Self::Mahalanobis | Self::Nearest | Self::Tapudd => None,
        }
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn negative_entropy(p: &[f64; 10]) -> f64 {
    p.iter().filter(|p| **p > 0.0).map(|p| p * libm::log(*p)).sum()
}

impl Evidence {
    /// The value of an abstention function that needs nothing but the picture, larger for pictures that are more like
    /// the classes; `None` for one that is fitted on others, and where its crops are missing.
    pub fn confidence(&self, function: Abstention) -> Option<f64> {
        let logits = self.class_logits();
        match function {
            Abstention::Mass => Some(libm::exp(log_sum_exp(&logits) - self.log_sum_exp).min(1.0)),
            Abstention::Msp => Some(largest(&softmax(&logits, 1.0))),
            Abstention::Entropy => Some(negative_entropy(&softmax(&logits, 1.0))),
            Abstention::MaxLogit => Some(largest(&logits)),
            Abstention::Energy => Some(log_sum_exp(&logits)),
            Abstention::Odin => Some(largest(&softmax(&logits, ODIN_TEMPERATURE))),
            Abstention::Mahalanobis | Abstention::Nearest | Abstention::Tapudd => None,
            Abstention::Crops => (!self.crops.is_empty()).then(|| negative_entropy(&self.mean_probabilities())),
        }
    }

    fn mean_probabilities(&self) -> [f64; 10] {
        let mut sum = self.class_probabilities();
        for crop in &self.crops {
            for (sum, p) in sum.iter_mut().zip(crop.class_probabilities()) {
                *sum += p;
            }
        }
        sum.map(|sum| sum / (1 + self.crops.len()) as f64)
    }
}

/// A picture of a run, as far as abstaining goes.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The file, which several pictures may show in different states.
    pub source: &'a str,
    /// Its class, if it is a clean picture of one of the ten.
    pub class: Option<usize>,
    /// What the model says of it.
    pub evidence: &'a Evidence,
}

/// A function fitted on features.
#[derive(Debug, Clone)]
enum Fitted {
    Mahalanobis(Mahalanobis),
    Nearest { rows: Vec<Vec<f64>>, k: usize },
    Tapudd(Tapudd),
}

impl Fitted {
    fn new(function: Abstention, bank: &[(usize, Vec<f64>)]) -> Result<Self, StatError> {
        let rows: Vec<Vec<f64>> = bank.iter().map(|(_, row)| row.clone()).collect();
        let n = rows.len();
        Ok(match function {
            Abstention::Nearest => {
                let rows: Result<Vec<Vec<f64>>, StatError> = rows.iter().map(|row| normalized(row)).collect();
                Self::Nearest { rows: rows?, k: (n / 10).clamp(1, MAX_NEAREST) }
            }
            Abstention::Tapudd => Self::Tapudd(Tapudd::new(&rows, (n / LEAST_GROUP).clamp(1, MAX_GROUPS))?),
            _ => {
                let mut names: Vec<usize> = bank.iter().map(|(class, _)| *class).collect();
                names.sort_unstable();
                names.dedup();
                // A class of one picture has no spread: then all pictures share one mean.
                let by_class = n >= 2 * names.len();
                let group = |class: &usize| if by_class { names.binary_search(class).unwrap_or(0) } else { 0 };
                let groups: Vec<usize> = bank.iter().map(|(class, _)| group(class)).collect();
                Self::Mahalanobis(Mahalanobis::new(&rows, &groups)?)
            }
        })
    }

    fn distance(&self, features: &[f64]) -> Result<f64, StatError> {
        match self {
            Self::Mahalanobis(fitted) => fitted.squared(features),
            Self::Nearest { rows, k } => {
                kth_nearest(rows, &normalized(features)?, *k).map(|distance| distance * distance)
            }
            Self::Tapudd(fitted) => fitted.squared(features),
        }
    }
}

/// Functions fitted on a bank of clean pictures, each without one part of it.
#[derive(Debug, Clone)]
struct Bank {
    whole: Fitted,
    parts: Vec<Fitted>,
    /// The part that a file is in.
    part_of: BTreeMap<String, usize>,
}

fn wide(features: &[f32]) -> Vec<f64> {
    features.iter().map(|value| f64::from(*value)).collect()
}

impl Bank {
    fn new(function: Abstention, rows: &BTreeMap<&str, (usize, Vec<f64>)>) -> Result<Self, StatError> {
        let n_parts = rows.len().min(MAX_FOLDS);
        let all: Vec<(usize, Vec<f64>)> = rows.values().cloned().collect();
        let without = |part: usize| -> Vec<(usize, Vec<f64>)> {
            all.iter().enumerate().filter(|(at, _)| at % n_parts != part).map(|(_, row)| row.clone()).collect()
        };
        let parts: Result<Vec<Fitted>, StatError> =
            (0..n_parts).map(|part| Fitted::new(function, &without(part))).collect();
        Ok(Self {
            whole: Fitted::new(function, &all)?,
            parts: parts?,
            part_of: rows.keys().enumerate().map(|(at, source)| ((*source).to_owned(), at % n_parts)).collect(),
        })
    }

    /// Minus the distance to pictures of other files.
    fn confidence(&self, source: &str, evidence: &Evidence) -> Option<f64> {
        let fitted = self.part_of.get(source).and_then(|part| self.parts.get(*part)).unwrap_or(&self.whole);
        fitted.distance(&wide(&evidence.features)).ok().map(|distance| -distance)
    }
}

/// An abstention function that is ready to judge pictures.
#[derive(Debug, Clone)]
pub struct Judge {
    /// The function.
    pub function: Abstention,
    /// What it was fitted on and scaled by, in words; empty where nothing had to be.
    pub basis: String,
    scale: (f64, f64),
    bank: Option<Bank>,
}

impl Judge {
    /// For a picture looked at alone, by a scale that needs no others.
    ///
    /// # Errors
    /// [`Unfit::NoBank`] or [`Unfit::NoScale`] for a function that needs a run.
    pub fn alone(function: Abstention, labels: Labels) -> Result<Self, Unfit> {
        if function.is_fitted() {
            return Err(Unfit::NoBank { n: 0 });
        }
        let scale = function.scale(labels).ok_or(Unfit::NoScale)?;
        Ok(Self { function, basis: String::new(), scale, bank: None })
    }

    /// Fits a function on a run's pictures and scales it by their least and largest value, as the authors' code does.
    /// The probability of the ten classes together, which is ours, keeps its own scale of 0 to 1. A picture of the bank
    /// is measured by those of the other files only, or it would be at no distance from itself.
    ///
    /// # Errors
    /// [`Unfit`] where the pictures do not give what it needs.
    pub fn new(function: Abstention, examples: &[Example<'_>]) -> Result<Self, Unfit> {
        if function == Abstention::Crops && examples.iter().any(|it| it.evidence.crops.is_empty()) {
            return Err(Unfit::NoCrops);
        }
        let labels = examples.first().map_or(Labels::ImageNet, |it| it.evidence.labels);
        if function == Abstention::Mass || (examples.is_empty() && !function.is_fitted()) {
            return Self::alone(function, labels);
        }
        if !function.is_fitted() {
            let judge = Self { function, basis: String::new(), scale: (0.0, 0.0), bank: None };
            return judge.scaled_by(examples, &format!("{}:", function.name()));
        }
        let mut rows: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
        for example in examples {
            if let Some(class) = example.class.filter(|_| !example.evidence.features.is_empty()) {
                rows.entry(example.source).or_insert_with(|| (class, wide(&example.evidence.features)));
            }
        }
        let n = rows.len();
        if n < 3 {
            return Err(Unfit::NoBank { n });
        }
        let mut classes: Vec<usize> = rows.values().map(|(class, _)| *class).collect();
        classes.sort_unstable();
        classes.dedup();
        let judge = Self { function, basis: String::new(), scale: (0.0, 0.0), bank: Some(Bank::new(function, &rows)?) };
        let mut judge = judge.scaled_by(
            examples,
            &format!(
                "{}: fitted on the features of {n} clean pictures of {} of the ten classes in this run; {} is measured \
                 without itself.",
                function.name(),
                classes.len(),
                if n <= MAX_FOLDS { "each of them" } else { "each tenth of them" },
            ),
        )?;
        if n < ENOUGH_PICTURES {
            judge.basis.push_str(" So few make it weak: read it as a demonstration.");
        }
        Ok(judge)
    }

    /// With the least and the largest value over these pictures as the ends of its scale.
    fn scaled_by(mut self, examples: &[Example<'_>], basis: &str) -> Result<Self, Unfit> {
        let values = examples.iter().filter_map(|it| self.confidence(it.source, it.evidence));
        self.scale = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
        if !(self.scale.0.is_finite() && self.scale.1.is_finite()) {
            return Err(Unfit::NoScale);
        }
        self.basis = format!("{basis} Scaled by the least and the largest value of the run, as in the paper.");
        Ok(self)
    }

    /// The value of the function; `None` where the picture lacks what it needs.
    pub fn confidence(&self, source: &str, evidence: &Evidence) -> Option<f64> {
        match &self.bank {
            Some(bank) => bank.confidence(source, evidence),
            None => evidence.confidence(self.function),
        }
    }

    /// The abstention rate; `None` as for [`Self::confidence`].
    pub fn rate(&self, source: &str, evidence: &Evidence) -> Option<f64> {
        self.confidence(source, evidence).map(|confidence| abstention_rate(confidence, self.scale))
    }

    /// Ends of its scale.
    pub fn scale(&self) -> (f64, f64) {
        self.scale
    }

    /// The eleven-slot answer: the paper's rule.
    pub fn answer(&self, evidence: &Evidence, rate: f64) -> [f64; SLOTS] {
        eleven_slots(&evidence.class_probabilities(), rate)
    }

    /// What is decided: a class, or to abstain where the abstention rate is at or above the threshold.
    pub fn decide(&self, evidence: &Evidence, rate: f64, threshold: f64) -> usize {
        if rate >= threshold { ABSTAIN } else { self.best_class(evidence) }
    }

    /// The class that is most probable.
    pub fn best_class(&self, evidence: &Evidence) -> usize {
        let p = evidence.class_probabilities();
        p.into_iter().enumerate().fold((0, 0.0), |best, it| if it.1 > best.1 { it } else { best }).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::sight::wanted_labels;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    fn of_logits(logits: Vec<f64>, log_sum_exp: f64) -> Evidence {
        Evidence { labels: Labels::ImageNet, logits, log_sum_exp, features: Vec::new(), crops: Vec::new() }
    }

    /// Logits with `value` at one label and 0 at the others.
    fn evidence(label: usize, value: f64, rest: f64) -> Evidence {
        let labels = wanted_labels();
        let logits: Vec<f64> = labels.iter().map(|it| if *it as usize == label { value } else { 0.0 }).collect();
        let total = log_sum_exp(&[log_sum_exp(&logits), rest]);
        of_logits(logits, total)
    }

    /// Features near the axis of a class, or far from all.
    fn with_features(class: usize, shift: f32) -> Evidence {
        let features = (0..6).map(|at| if at == class { 10.0 + shift } else { shift * at as f32 * 0.3 }).collect();
        Evidence { features, ..evidence(340, 5.0, 1.0) }
    }

    #[test]
    fn the_unsure_abstain_more_by_every_function() {
        let mut flat = of_logits(vec![0.0; wanted_labels().len()], 8.0);
        let mut sure = evidence(340, 14.0, 1.0);
        flat.crops = vec![flat.clone(); 4];
        sure.crops = vec![sure.clone(); 4];
        for function in Abstention::ALL.into_iter().filter(|it| !it.is_fitted()) {
            let judge = Judge::new(function, &[]).unwrap();
            let rate = |evidence: &Evidence| judge.rate("a", evidence).unwrap();
            assert!(rate(&flat) > rate(&sure), "{function:?}: {} {}", rate(&flat), rate(&sure));
        }
        // By features: four files of two classes near each other, and one far from them.
        let near: Vec<Evidence> =
            [(0, 0.1), (0, 0.3), (1, 0.2), (1, 0.4)].map(|(class, shift)| with_features(class, shift)).to_vec();
        let far = with_features(4, -7.0);
        let names = ["a", "b", "c", "d"];
        let mut examples: Vec<Example<'_>> = names
            .iter()
            .zip(&near)
            .enumerate()
            .map(|(at, (source, evidence))| Example { source, class: Some(at / 2), evidence })
            .collect();
        examples.push(Example { source: "e", class: None, evidence: &far });
        for function in Abstention::ALL.into_iter().filter(|it| it.is_fitted()) {
            let judge = Judge::new(function, &examples).unwrap();
            let rate = |source: &str, evidence: &Evidence| judge.rate(source, evidence).unwrap();
            assert!(close(rate("e", &far), 1.0), "{function:?}");
            for (source, evidence) in names.iter().zip(&near) {
                assert!(rate(source, evidence) < 0.5, "{function:?} {source}: {}", rate(source, evidence));
            }
            assert!(judge.basis.contains("4 clean pictures of 2 of the ten") && judge.basis.contains("weak"));
        }
    }

    #[test]
    fn a_file_is_measured_without_itself() {
        let near: Vec<Evidence> = [0.0, 1.0, 2.0].map(|shift| with_features(0, shift)).to_vec();
        let examples: Vec<Example<'_>> = ["a", "b", "c"]
            .into_iter()
            .zip(&near)
            .map(|(source, evidence)| Example { source, class: Some(0), evidence })
            .collect();
        let judge = Judge::new(Abstention::Nearest, &examples).unwrap();
        assert!(judge.confidence("a", &near[0]).unwrap() < 0.0);
        // The same features from a file that is not in the bank are at no distance.
        assert!(close(judge.confidence("another", &near[0]).unwrap(), 0.0));
    }

    #[test]
    fn what_is_missing_is_named() {
        let plain = evidence(340, 5.0, 1.0);
        let examples = [Example { source: "a", class: Some(1), evidence: &plain }];
        assert_eq!(Judge::new(Abstention::Crops, &examples).err(), Some(Unfit::NoCrops));
        assert_eq!(Judge::new(Abstention::Tapudd, &examples).err(), Some(Unfit::NoBank { n: 0 }));
        assert!(Judge::new(Abstention::Mass, &examples).is_ok());
    }

    #[test]
    fn confidences_by_hand() {
        // Zebra e^2, tiger, camel, gorilla 1 each, elephants 2, bears 4: 9 + e^2, beside a rest of e^3.
        let found = evidence(340, 2.0, 3.0);
        let zebra = libm::exp(2.0);
        let ten = 9.0 + zebra;
        let p = [1.0, zebra, 1.0, 0.0, 2.0, 0.0, 1.0, 4.0, 0.0, 0.0].map(|it| it / ten);
        assert!(found.class_probabilities().iter().zip(p).all(|(a, b)| close(*a, b)));
        let is = |function, expected| close(found.confidence(function).unwrap(), expected);
        assert!(is(Abstention::Mass, ten / (ten + libm::exp(3.0))));
        assert!(is(Abstention::Msp, zebra / ten));
        assert!(is(Abstention::MaxLogit, 2.0));
        assert!(is(Abstention::Energy, libm::log(ten)));
        let entropy: f64 = p.iter().filter(|p| **p > 0.0).map(|p| p * libm::log(*p)).sum();
        assert!(is(Abstention::Entropy, entropy));
        assert_eq!(Judge::new(Abstention::Mass, &[]).unwrap().best_class(&found), 1);
        // One corner says camel for sure: the mean of two distributions.
        let sure = of_logits(wanted_labels().iter().map(|it| if *it == 354 { 90.0 } else { 0.0 }).collect(), 90.0);
        let both = Evidence { crops: vec![sure], ..found.clone() };
        let mean: [f64; 10] = std::array::from_fn(|at| p[at].midpoint(f64::from(u8::from(at == 2))));
        let judge = Judge::alone(Abstention::Crops, Labels::ImageNet).unwrap();
        assert_eq!(judge.answer(&both, 0.25), judge.answer(&found, 0.25), "the answer is that of the plain pass");
        assert!(close(both.confidence(Abstention::Crops).unwrap(), negative_entropy(&mean)));
    }

    /// Eleven logits of prompts: one a class, then everything else.
    fn prompted(class: usize, value: f64) -> Evidence {
        let logits: Vec<f64> = (0..10).map(|at| if at == class { value } else { 0.0 }).collect();
        let all = log_sum_exp(&[log_sum_exp(&logits), 1.0]);
        Evidence { labels: Labels::Prompts, ..of_logits(logits, all) }
    }

    #[test]
    fn prompts_know_all_ten_classes_and_give_the_rest_to_everything_else() {
        // The giraffe, which ImageNet has not.
        let found = prompted(3, 2.0);
        let ten = 9.0 + libm::exp(2.0);
        let judge = Judge::alone(Abstention::Mass, Labels::Prompts).unwrap();
        assert!(close(judge.rate("a", &found).unwrap(), 1.0 - ten / (ten + libm::exp(1.0))));
        assert_eq!(judge.best_class(&found), 3);
        assert!(close(found.confidence(Abstention::Msp).unwrap(), libm::exp(2.0) / ten));
        assert_eq!((Labels::Prompts.n_known(), Labels::ImageNet.n_known()), (10, 6));
        // Logits of prompts have no scale of their own, but one over a run.
        assert_eq!(Judge::alone(Abstention::Energy, Labels::Prompts).err(), Some(Unfit::NoScale));
        let sure = prompted(1, 9.0);
        let examples = [&found, &sure].map(|evidence| Example { source: "a", class: None, evidence });
        let judge = Judge::new(Abstention::Energy, &examples).unwrap();
        assert!(close(judge.rate("a", &found).unwrap(), 1.0) && close(judge.rate("a", &sure).unwrap(), 0.0));
        assert!(judge.basis.contains("least and the largest value of the run"));
    }

    #[test]
    fn ids_are_found_again() {
        for function in Abstention::ALL {
            assert_eq!(Abstention::from_id(function.id()), Some(function));
            assert_eq!(serde_json::to_string(&function).unwrap(), format!("{:?}", function.id()));
        }
    }
}
