//! Representational similarity: a model's ratings, hidden states or odd-one-out choices of words beside what people, a
//! file or another model made of the same words.
//!
//! Agreement is the mean of a measure over the single raters of the reference, so that it can be set against their noise
//! ceiling (Nili et al. 2014); its interval is a bootstrap over words, because words are what was sampled (Schütt et al.
//! 2023). There are no p-values: pairs that share a word are not independent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::figure::{Axis, Band, Estimate, Figure, Line, Marks, Matrix, Point, SIMULATED_NOTE};
use super::rating_sweep::RatingSweep;
use super::resampling::Agreement;
use super::run_summary::run_notes;
use crate::eval::engine::{ENCODER_FAMILY, LayerState, Response};
use crate::eval::metrics::LEVEL;
use crate::eval::run::{ItemResult, Run};
use crate::eval::stimuli::{REFERENCE_SCHEMA, Reference, Subject};
use crate::eval::tasks::odd_one_out::SHARES;
use crate::eval::tasks::pair_rating::RATINGS;
use crate::stats::StatError;
use crate::stats::cka::linear_cka;
use crate::stats::cluster::{average_linkage, leaf_order};
use crate::stats::distance::{Metric, rdm_from_features};
use crate::stats::mds::smacof_from_classical;
use crate::stats::noise_ceiling::{NoiseCeiling, noise_ceiling};
use crate::stats::proportion::wilson;
use crate::stats::rdm::{Rdm, mean_rdm, pair_count, pair_index};
use crate::stats::rdm_compare::{Measure, compare, mean_pairwise};
use crate::stats::triplets::odd_one_out_accuracy;
use crate::study::judgment::{Judgment, main_judgments, similarity_matrix};
use crate::study::study::Study;
use crate::study::trial::Answer;

/// Words below which an interval over words says little about new words (Schütt et al. 2023).
pub const FEW_WORDS: usize = 20;
/// Most words that are drawn as a heat map, a map or a scatter.
pub const MOST_DRAWN: usize = 80;
/// Most points of a scatter.
const MOST_POINTS: usize = 3000;

/// Why two sides cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepresentationError {
    /// The run was made by another task, or has nothing to compare.
    #[error("this run has no similarities of words")]
    NoSimilarities,
    /// Too few words that both sides know.
    #[error("the two sides share {n} words; at least 3 are needed")]
    FewWords {
        /// How many they share.
        n: usize,
    },
    /// A statistic has no value.
    #[error(transparent)]
    Stat(#[from] StatError),
    /// The worker of statistics could not do it.
    #[error("{detail}")]
    Worker {
        /// Its own words.
        detail: String,
    },
}

/// How hidden states become dissimilarities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDistance {
    /// The distance.
    pub metric: Metric,
    /// Whether the mean vector is taken off first.
    pub center: bool,
}

/// What a run says about words.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSide {
    /// Name of the model.
    pub title: String,
    /// The words, in the order asked.
    pub names: Vec<String>,
    /// Caveats of the run.
    pub notes: Vec<String>,
    /// Id of the run.
    pub run_id: String,
    /// The states are those of a sentence encoder, whose last layer is the embedding.
    pub is_encoder: bool,
    /// Ratings under other wordings and temperatures, where they were given by probabilities.
    pub sweep: Option<RatingSweep>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    /// Dissimilarities.
    Rdm(Rdm),
    /// Layers, each with one vector a word.
    States(Vec<(u32, Vec<Vec<f64>>)>),
}

/// Places of names in order of first appearance.
pub(super) fn names_of<'a>(words: impl Iterator<Item = &'a str>) -> (Vec<String>, BTreeMap<String, usize>) {
    let (mut names, mut places) = (Vec::new(), BTreeMap::new());
    for word in words {
        places.entry(word.to_owned()).or_insert_with(|| {
            names.push(word.to_owned());
            names.len() - 1
        });
    }
    (names, places)
}

/// Mean of what was said about each pair; NaN where nothing was.
pub(super) struct PairMeans {
    n: usize,
    sums: Vec<(f64, u32)>,
}

impl PairMeans {
    pub(super) fn new(n: usize) -> Self {
        Self { n, sums: vec![(0.0, 0); pair_count(n)] }
    }

    pub(super) fn add(&mut self, a: usize, b: usize, value: f64) {
        if a != b && value.is_finite() {
            let cell = &mut self.sums[pair_index(a.min(b), a.max(b), self.n)];
            cell.0 += value;
            cell.1 += 1;
        }
    }

    pub(super) fn values(&self) -> Vec<f64> {
        self.sums.iter().map(|(sum, count)| if *count > 0 { sum / f64::from(*count) } else { f64::NAN }).collect()
    }
}

impl ModelSide {
    /// Reads a run of `pair_rating`, `hidden_states` or `odd_one_out`. Items without a result are missing pairs or words.
    ///
    /// # Errors
    /// [`RepresentationError::NoSimilarities`] for runs of other tasks or without results.
    pub fn of_run(run: &Run, results: &[ItemResult]) -> Result<Self, RepresentationError> {
        let side = |names, content, mut notes: Vec<String>| {
            notes.extend(run_notes(run, results));
            let title = run.engine.model_name.clone();
            let is_encoder = run.engine.family == ENCODER_FAMILY;
            Ok(Self {
                is_encoder,
                title,
                names,
                notes,
                run_id: run.id.clone(),
                sweep: RatingSweep::of_run(run, results),
                content,
            })
        };
        match run.task_id.as_str() {
            "pair_rating" => {
                let (names, places) = names_of(results.iter().flat_map(|it| &it.item.tags).map(String::as_str));
                let mut pairs = PairMeans::new(names.len());
                let top = RATINGS.len() as f64;
                for result in results {
                    if let ([a, b], Some(value)) = (result.item.tags.as_slice(), result.score.value) {
                        pairs.add(places[a], places[b], top - value);
                    }
                }
                let rdm = Rdm::new(names.clone(), pairs.values())?;
                side(names, Content::Rdm(rdm), vec!["Dissimilarity is 7 minus the expected rating.".to_owned()])
            }
            "odd_one_out" => {
                let (names, places) = names_of(results.iter().flat_map(|it| &it.item.tags).map(String::as_str));
                let mut pairs = PairMeans::new(names.len());
                for result in results {
                    let [a, b, c] = result.item.tags.as_slice() else { continue };
                    let (a, b, c) = (places[a], places[b], places[c]);
                    // The pair that stays is the one without the odd one.
                    for (name, (first, second)) in SHARES.iter().zip([(b, c), (a, c), (a, b)]) {
                        if let Some(share) = result.score.measures.get(*name) {
                            pairs.add(first, second, 1.0 - share);
                        }
                    }
                }
                let rdm = Rdm::new(names.clone(), pairs.values())?;
                let note =
                    "Dissimilarity of a pair is 1 minus the mean share with which it stays together in a triplet.";
                side(names, Content::Rdm(rdm), vec![note.to_owned()])
            }
            "hidden_states" => {
                let states: Vec<(&str, &[LayerState])> = results
                    .iter()
                    .filter_map(|result| match result.responses.first() {
                        Some(Response::Features { states, .. }) => {
                            Some((result.item.prompt.as_str(), states.as_slice()))
                        }
                        _ => None,
                    })
                    .collect();
                let depth = states.first().map_or(0, |(_, states)| states.len());
                if depth == 0 || states.iter().any(|(_, states)| states.len() != depth) {
                    return Err(RepresentationError::NoSimilarities);
                }
                let layers = (0..depth)
                    .map(|index| {
                        let rows = states.iter().map(|(_, states)| {
                            states[index].vector.iter().copied().map(f64::from).collect::<Vec<f64>>()
                        });
                        (states[0].1[index].layer, rows.collect())
                    })
                    .collect();
                let names = states.iter().map(|(word, _)| (*word).to_owned()).collect();
                let note = if run.engine.family == ENCODER_FAMILY {
                    "States are those of a sentence encoder after each block, each word alone, averaged over its tokens; \
                     the last layer is the embedding."
                } else {
                    "States are the residual stream after each block, averaged over a word's own tokens after \"the\"."
                };
                side(names, Content::States(layers), vec![note.to_owned()])
            }
            _ => Err(RepresentationError::NoSimilarities),
        }
    }

    /// Vectors of words from elsewhere (an encoder's embeddings), as the only layer.
    pub fn of_vectors(title: &str, names: Vec<String>, rows: Vec<Vec<f64>>, note: &str) -> Self {
        Self {
            title: title.to_owned(),
            names,
            notes: vec![note.to_owned()],
            run_id: title.to_owned(),
            is_encoder: true,
            sweep: None,
            content: Content::States(vec![(0, rows)]),
        }
    }

    /// The layer that is shown unless another is chosen: an encoder's last, and else at two thirds of the depth, before
    /// the states turn to the next token.
    pub fn usual_layer(&self) -> u32 {
        let last = self.layers().last().copied().unwrap_or(0);
        if self.is_encoder { last } else { last * 2 / 3 }
    }

    /// Layers of hidden states; empty for ratings and choices.
    pub fn layers(&self) -> Vec<u32> {
        match &self.content {
            Content::Rdm(_) => Vec::new(),
            Content::States(layers) => layers.iter().map(|(layer, _)| *layer).collect(),
        }
    }

    /// Dissimilarities of some of the words (places in [`Self::names`]) at a layer; the layer of ratings is ignored.
    ///
    /// # Errors
    /// A [`StatError`] where the states have no direction, [`RepresentationError::NoSimilarities`] without the layer.
    pub fn rdm(&self, words: &[usize], layer: u32, distance: StateDistance) -> Result<Rdm, RepresentationError> {
        match &self.content {
            Content::Rdm(rdm) => Ok(rdm.take(words)?),
            Content::States(_) => {
                let names = words.iter().map(|&word| self.names[word].clone()).collect();
                let rows = self.rows(words, layer).ok_or(RepresentationError::NoSimilarities)?;
                Ok(rdm_from_features(names, &rows, distance.metric, distance.center)?)
            }
        }
    }

    /// Vectors of some of the words at a layer.
    pub fn rows(&self, words: &[usize], layer: u32) -> Option<Vec<Vec<f64>>> {
        let Content::States(layers) = &self.content else { return None };
        let (_, rows) = layers.iter().find(|(it, _)| *it == layer)?;
        words.iter().map(|&word| rows.get(word).cloned()).collect()
    }

    /// A run as a reference for another one, at a layer.
    ///
    /// # Errors
    /// As [`Self::rdm`].
    pub fn as_reference(&self, layer: u32, distance: StateDistance) -> Result<Reference, RepresentationError> {
        let all: Vec<usize> = (0..self.names.len()).collect();
        let rdm = self.rdm(&all, layer, distance)?;
        let mut notes = self.notes.clone();
        if !self.layers().is_empty() {
            notes.insert(0, format!("Layer {layer} of {}.", self.title));
        }
        Ok(Reference {
            schema: REFERENCE_SCHEMA,
            id: self.run_id.clone(),
            title: self.title.clone(),
            names: self.names.clone(),
            subjects: vec![Subject { name: self.title.clone(), values: optional(rdm.values()) }],
            triplets: Vec::new(),
            notes,
        })
    }
}

fn optional(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.is_finite().then_some(*value)).collect()
}

/// People's judgments of a study as a reference: one rater a session. `None` without judgments that count. Simulated
/// sessions and people's are never put together: callers hand over one kind, and the title says which.
pub fn reference_of_study(study: &Study, sessions: &[Vec<Judgment>]) -> Option<Reference> {
    let n = study.stimuli.len();
    let place: BTreeMap<&str, usize> =
        study.stimuli.iter().enumerate().map(|(index, stimulus)| (stimulus.id.as_str(), index)).collect();
    let (mut subjects, mut triplets) = (Vec::new(), Vec::new());
    let simulated = sessions.iter().flatten().any(|judgment| judgment.simulated);
    if simulated && sessions.iter().flatten().any(|judgment| !judgment.simulated) {
        return None;
    }
    for judgments in sessions {
        let (_, matrix) = similarity_matrix(study, judgments);
        let top = matrix.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let cell = |a: usize, b: usize| matrix.get(a * n + b).copied().flatten().map(|value| top - value);
        let values: Vec<Option<f64>> = (0..n).flat_map(|a| (a + 1..n).map(move |b| cell(a, b))).collect();
        if values.iter().any(Option::is_some) {
            subjects.push(Subject { name: (subjects.len() + 1).to_string(), values });
        }
        for judgment in main_judgments(study, judgments) {
            let Some(Answer::OddOne { stimulus: odd }) = judgment.answer() else { continue };
            let [a, b, c] = judgment.stimuli.as_slice() else { continue };
            let (kept, odd): (Vec<_>, Vec<_>) = [a, b, c].into_iter().partition(|it| *it != odd);
            let places: Vec<usize> =
                kept.into_iter().chain(odd).filter_map(|id| place.get(id.as_str()).copied()).collect();
            if let [a, b, odd] = places.as_slice() {
                triplets.push([*a, *b, *odd]);
            }
        }
    }
    if subjects.is_empty() {
        return None;
    }
    let who = if simulated { "Simulated raters" } else { "People" };
    let mut notes = vec![format!("{who}: {} of the study \"{}\".", sessions_in_words(subjects.len()), study.title)];
    if simulated {
        notes.insert(0, SIMULATED_NOTE.to_owned());
    }
    Some(Reference {
        schema: REFERENCE_SCHEMA,
        id: format!("{}:{}", if simulated { "simulated" } else { "people" }, study.hash()),
        title: format!("{who}, {}", study.title),
        names: study.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect(),
        subjects,
        triplets,
        notes,
    })
}

fn sessions_in_words(n: usize) -> String {
    format!("{n} {}", if n == 1 { "session" } else { "sessions" })
}

/// A model beside a reference, over the words that both know (in the reference's order; upper and lower case alike).
#[derive(Debug, Clone, PartialEq)]
pub struct Pairing {
    /// The words.
    pub names: Vec<String>,
    /// Each word's place on the model's side.
    pub model_places: Vec<usize>,
    /// Raters' dissimilarities of these words, without raters that say nothing about them.
    pub raters: Vec<Rdm>,
    /// Odd-one-out answers about these words, the odd one last.
    pub triplets: Vec<[usize; 3]>,
    /// Raters of the reference that were left out: no two different values over these words.
    pub n_dropped: usize,
}

impl Pairing {
    /// Matches words.
    ///
    /// # Errors
    /// [`RepresentationError::FewWords`] below three words in common.
    pub fn new(model: &ModelSide, reference: &Reference) -> Result<Self, RepresentationError> {
        let key = |word: &str| word.trim().to_lowercase();
        let place: BTreeMap<String, usize> =
            model.names.iter().enumerate().map(|(index, name)| (key(name), index)).collect();
        let shared: Vec<(usize, usize)> = reference
            .names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some((index, *place.get(&key(name))?)))
            .collect();
        if shared.len() < 3 {
            return Err(RepresentationError::FewWords { n: shared.len() });
        }
        let (reference_places, model_places): (Vec<usize>, Vec<usize>) = shared.into_iter().unzip();
        let names: Vec<String> = reference_places.iter().map(|&it| reference.names[it].clone()).collect();
        let mut raters = Vec::new();
        for subject in &reference.subjects {
            let values = subject.values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let rdm = Rdm::new(reference.names.clone(), values)?.take(&reference_places)?;
            let distinct: BTreeSet<u64> =
                rdm.values().iter().filter(|it| !it.is_nan()).map(|it| it.to_bits()).collect();
            if distinct.len() > 1 {
                raters.push(rdm);
            }
        }
        let back: BTreeMap<usize, usize> = reference_places.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let moved = |triplet: &[usize; 3]| {
            let [a, b, c] = triplet.map(|old| back.get(&old).copied());
            Some([a?, b?, c?])
        };
        let triplets = reference.triplets.iter().filter_map(moved).collect();
        let n_dropped = reference.subjects.len() - raters.len();
        Ok(Self { names, model_places, raters, triplets, n_dropped })
    }

    /// The noise ceiling, where there are several raters.
    pub fn ceiling(&self, measure: Measure) -> Option<NoiseCeiling> {
        if self.raters.len() < 2 { None } else { noise_ceiling(&self.raters, measure).ok() }
    }
}

/// The mean of the raters: what a group agrees on.
///
/// # Errors
/// `TooFew` without raters.
pub fn group(raters: &[Rdm]) -> Result<Rdm, StatError> {
    mean_rdm(raters).map(|(rdm, _)| rdm)
}

/// Words and figures need the measure's name as people say it.
pub fn measure_in_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Cosine => "cosine",
        Measure::Pearson => "Pearson's r",
        Measure::Spearman => "Spearman's rho",
        Measure::RhoA => "rho-a",
        Measure::TauA => "Kendall's tau-a",
        Measure::TauB => "Kendall's tau-b",
        Measure::WhitenedCosine => "whitened cosine",
        Measure::WhitenedPearson => "whitened correlation",
    }
}

/// How single raters agree, on average: each with the mean of the others, any two, and a model with the group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupLevel {
    /// The model with the mean of the raters.
    pub with_mean: f64,
    /// Mean agreement of two raters; `None` for one rater.
    pub between_raters: Option<f64>,
}

/// The group level of the analysis.
///
/// # Errors
/// As [`compare`].
pub fn group_level(model: &Rdm, raters: &[Rdm], measure: Measure) -> Result<GroupLevel, StatError> {
    let with_mean = compare(model, &group(raters)?, measure)?.value;
    Ok(GroupLevel { with_mean, between_raters: mean_pairwise(raters, measure).ok() })
}

/// One plain sentence on the agreement.
pub fn sentence(
    model: &str,
    reference: &str,
    measure: Measure,
    found: &Agreement,
    ceiling: Option<&NoiseCeiling>,
) -> String {
    let interval = found.interval.map_or_else(
        || ", no interval".to_owned(),
        |interval| format!(", 95 % interval over words {:.2} to {:.2}", interval.low, interval.high),
    );
    let words = match found.value {
        value if value >= 0.7 => "put the pairs in much the same order",
        value if value >= 0.3 => "put the pairs in a partly similar order",
        value if value > -0.3 => "do not put the pairs in a similar order",
        _ => "put the pairs in opposite orders",
    };
    let raters = match found.n_raters {
        1 => String::new(),
        n => format!(", mean over {n} raters"),
    };
    let ceiling = ceiling.map_or_else(String::new, |it| {
        let lower = it.lower.map_or_else(|| "–".to_owned(), |lower| format!("{lower:.2}"));
        format!(" Noise ceiling: {lower} (a rater with the mean of the others) to {:.2}.", it.upper)
    });
    format!(
        "{model} and {reference} {words} ({} {:.2}{interval}, {} pairs of {} words{raters}).{ceiling}",
        measure_in_words(measure),
        found.value,
        found.n_pairs,
        found.n_words
    )
}

/// Notes on an agreement that belong under its figures. `n_dropped` raters were left out.
pub fn agreement_notes(found: &Agreement, n_dropped: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(interval) = found.interval {
        notes.push(format!("Intervals are percentile bootstraps over words ({} resamples).", interval.resamples));
        if interval.undefined > 0 {
            notes.push(format!("{} resamples had no value and are left out.", interval.undefined));
        }
    }
    if found.n_words < FEW_WORDS {
        notes.push(format!("{} words are too few to say much about new words.", found.n_words));
    }
    if n_dropped > 0 {
        notes.push(format!("{n_dropped} raters with fewer than two different values are left out."));
    }
    notes
}

/// Order of the words in a heat map: leaves of an average-linkage tree, or as they are where pairs are missing.
pub fn cluster_order(rdm: &Rdm) -> Vec<usize> {
    average_linkage(rdm).map_or_else(|_| (0..rdm.n_items()).collect(), |merges| leaf_order(&merges))
}

fn scaled(rdm: &Rdm) -> Vec<f64> {
    let known = || rdm.values().iter().copied().filter(|value| value.is_finite());
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let span = if high > low { high - low } else { 1.0 };
    rdm.values().iter().map(|value| (value - low) / span).collect()
}

fn heat_matrix(title: &str, rdm: &Rdm, order: &[usize]) -> Matrix {
    let values = scaled(rdm);
    let n = rdm.n_items();
    let cell = |a: usize, b: usize| {
        (a != b).then(|| values[pair_index(a.min(b), a.max(b), n)]).filter(|value| value.is_finite())
    };
    Matrix {
        title: title.to_owned(),
        labels: order.iter().map(|&it| rdm.names()[it].clone()).collect(),
        values: order.iter().flat_map(|&a| order.iter().map(move |&b| cell(a, b))).collect(),
    }
}

/// Heat maps of both sides, each scaled from its least to its most dissimilar pair, in the order of a tree of the first.
pub fn heat_figure(
    title: &str,
    caption: &str,
    sides: &[(&str, &Rdm)],
    notes: &[String],
    sources: &[String],
) -> Option<Figure> {
    let (_, first) = sides.first()?;
    if first.n_items() > MOST_DRAWN {
        return None;
    }
    let order = cluster_order(first);
    let mut notes = notes.to_vec();
    notes.push(
        "Each matrix runs from its most similar to its most dissimilar pair; words are ordered by average linkage."
            .to_owned(),
    );
    Some(Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        marks: Marks::Matrices {
            matrices: sides.iter().map(|(title, rdm)| heat_matrix(title, rdm, &order)).collect(),
            scale: Axis { label: "Dissimilarity, from least to most".to_owned(), range: (0.0, 1.0), percent: false },
        },
        notes,
        sources: sources.to_vec(),
    })
}

/// A map on which similar words lie close together (metric scaling by SMACOF); `None` for too many words, or where
/// missing pairs leave them in parts.
pub fn map_figure(title: &str, rdm: &Rdm, notes: &[String], sources: &[String]) -> Option<Figure> {
    if rdm.n_items() > MOST_DRAWN {
        return None;
    }
    let map = smacof_from_classical(rdm, 2, 300, 1e-6).ok()?;
    let points: Vec<Point> = map
        .points
        .iter()
        .zip(rdm.names())
        .filter_map(|(point, name)| {
            let [x, y] = point.as_slice() else { return None };
            Some(Point { x: *x, y: *y, label: name.clone(), picture: None })
        })
        .collect();
    let mut notes = notes.to_vec();
    notes.push(format!(
        "Two dimensions cannot show every distance: stress-1 {:.2} (0 is perfect). Axes have no meaning of their own.",
        map.stress
    ));
    Some(Figure {
        title: title.to_owned(),
        caption: "Words that lie close together are similar.".to_owned(),
        marks: Marks::Map { points },
        notes,
        sources: sources.to_vec(),
    })
}

fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
    if low < high { (low, high) } else { (low - 0.5, low + 0.5) }
}

/// One point a pair: the reference across, the model up. `None` without pairs in common.
pub fn scatter_figure(
    title: &str,
    caption: &str,
    (reference_title, reference): (&str, &Rdm),
    (model_title, model): (&str, &Rdm),
    notes: &[String],
    sources: &[String],
) -> Option<Figure> {
    let n = reference.n_items();
    let mut points = Vec::new();
    for a in 0..n {
        for b in a + 1..n {
            let pair = pair_index(a, b, n);
            let (x, y) = (reference.values()[pair], model.values()[pair]);
            if x.is_finite() && y.is_finite() {
                let label = format!("{} and {}", reference.names()[a], reference.names()[b]);
                points.push(Point { x, y, label, picture: None });
            }
        }
    }
    if points.is_empty() {
        return None;
    }
    let mut notes = notes.to_vec();
    if points.len() > MOST_POINTS {
        notes.push(format!("The first {MOST_POINTS} of {} pairs are drawn.", points.len()));
        points.truncate(MOST_POINTS);
    }
    let axis = |title: &str, range| Axis { label: format!("{title}: dissimilarity"), range, percent: false };
    let (x, y) = (around(points.iter().map(|it| it.x)), around(points.iter().map(|it| it.y)));
    Some(Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        marks: Marks::Scatter { points, x: axis(reference_title, x), y: axis(model_title, y), diagonal: false },
        notes,
        sources: sources.to_vec(),
    })
}

/// What one layer comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPoint {
    /// The layer.
    pub layer: u32,
    /// Agreement with the raters.
    pub agreement: Agreement,
    /// Linear CKA with another model's states of the same words.
    pub cka: Option<f64>,
    /// Odd-one-out answers that the layer's similarities foretell, and out of how many.
    pub triplets: Option<(f64, u64)>,
}

/// Linear CKA of two sets of vectors of the same words.
pub fn cka_of(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> Option<f64> {
    linear_cka(ours, theirs).ok()
}

/// How many odd-one-out answers an RDM foretells (ties count their share), and out of how many.
pub fn triplet_share(rdm: &Rdm, triplets: &[[usize; 3]]) -> Option<(f64, u64)> {
    let found = odd_one_out_accuracy(triplets, |a, b| rdm.get(a, b).map(|value| -value)).ok()?;
    Some((found.accuracy * found.n as f64, found.n as u64))
}

/// An estimate of agreement as a point of a curve.
pub(super) fn agreement_point(found: &Agreement) -> Estimate {
    Estimate { value: found.value, interval: found.interval.map(|it| (it.low, it.high)), n: found.n_pairs as u64 }
}

/// Curves of agreement on one axis, with the noise ceiling as a band.
pub(super) fn agreement_curve(lines: Vec<Line>, x: &str, range: (f64, f64), ceiling: Option<&NoiseCeiling>) -> Marks {
    let all = lines.iter().flat_map(|line| &line.points).flat_map(|(_, it)| {
        let (low, high) = it.interval.unwrap_or((it.value, it.value));
        [low, high]
    });
    let (low, high) = around(all.chain(ceiling.map(|it| it.upper)));
    Marks::Curve {
        lines,
        x: Axis { label: x.to_owned(), range, percent: false },
        y: Axis { label: "Agreement".to_owned(), range: (low.min(0.0), high.max(0.2)), percent: false },
        band: ceiling.map(|it| Band {
            label: "noise ceiling".to_owned(),
            low: it.lower.unwrap_or(it.upper),
            high: it.upper,
        }),
    }
}

/// Agreement by layer with the noise ceiling as a band.
pub fn layer_figure(
    title: &str,
    measure: Measure,
    points: &[LayerPoint],
    ceiling: Option<&NoiseCeiling>,
    notes: &[String],
    sources: &[String],
) -> Option<Figure> {
    let best = points.iter().max_by(|a, b| a.agreement.value.total_cmp(&b.agreement.value))?;
    let main = |it: &LayerPoint| (f64::from(it.layer), agreement_point(&it.agreement));
    let mut lines =
        vec![Line { label: measure_in_words(measure).to_owned(), points: points.iter().map(main).collect() }];
    let cka: Vec<(f64, Estimate)> = points
        .iter()
        .filter_map(|it| {
            let estimate = Estimate { value: it.cka?, interval: None, n: it.agreement.n_words as u64 };
            Some((f64::from(it.layer), estimate))
        })
        .collect();
    if !cka.is_empty() {
        lines.push(Line { label: "linear CKA".to_owned(), points: cka });
    }
    let last = points.iter().map(|it| it.layer).max().unwrap_or(1);
    let mut notes = notes.to_vec();
    notes.push("Layer 0 is the embeddings; layer k the residual stream after k blocks.".to_owned());
    if points.iter().any(|it| it.cka.is_some()) {
        notes.push("CKA is biased upwards where there are more features than words.".to_owned());
    }
    Some(Figure {
        title: title.to_owned(),
        caption: format!(
            "Agreement is highest at layer {} ({} {:.2}). The best of {} layers is chosen after the fact.",
            best.layer,
            measure_in_words(measure),
            best.agreement.value,
            points.len()
        ),
        marks: agreement_curve(lines, "Layer", (0.0, f64::from(last.max(1))), ceiling),
        notes,
        sources: sources.to_vec(),
    })
}

/// Share of people's odd-one-out answers that each layer foretells, with Wilson intervals.
pub fn triplet_figure(
    title: &str,
    shares: &[(u32, Option<(f64, u64)>)],
    notes: &[String],
    sources: &[String],
) -> Option<Figure> {
    let found: Vec<(f64, Estimate)> = shares
        .iter()
        .filter_map(|(layer, share)| {
            let (right, n) = (*share)?;
            // Ties count their share; Wilson's interval needs whole answers.
            let interval = wilson(libm::round(right) as u64, n, LEVEL).ok();
            Some((f64::from(*layer), Estimate { value: right / n as f64, interval, n }))
        })
        .collect();
    let best = found.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value))?;
    let mut notes = notes.to_vec();
    notes.push("Chance is one third. Intervals are Wilson's over answers.".to_owned());
    Some(Figure {
        title: title.to_owned(),
        caption: format!(
            "At its best layer ({:.0}) the model's similarities foretell {:.0} % of {} answers; chance is 33 %.",
            best.0,
            100.0 * best.1.value,
            best.1.n
        ),
        marks: Marks::Curve {
            x: Axis {
                label: "Layer".to_owned(),
                range: (0.0, found.iter().map(|it| it.0).fold(1.0, f64::max)),
                percent: false,
            },
            y: Axis { label: "Odd one as people chose".to_owned(), range: (0.0, 1.0), percent: true },
            band: Some(Band { label: "chance".to_owned(), low: 1.0 / 3.0, high: 1.0 / 3.0 }),
            lines: vec![Line { label: "accuracy".to_owned(), points: found }],
        },
        notes,
        sources: sources.to_vec(),
    })
}

/// RDMs as rsatoolbox's `RDMs.to_dict()`, as JSON: `rsatoolbox.rdm.rdms_from_dict` reads it once its
/// `dissimilarities` are an array. Missing pairs are null.
pub fn rsatoolbox_dict(rdms: &[(String, Rdm)], measure: &str) -> Value {
    let names = rdms.first().map(|(_, rdm)| rdm.names().to_vec()).unwrap_or_default();
    let index: Vec<usize> = (0..names.len()).collect();
    let titles: Vec<&str> = rdms.iter().map(|(title, _)| title.as_str()).collect();
    let order: Vec<usize> = (0..rdms.len()).collect();
    json!({
        "dissimilarities": rdms.iter().map(|(_, rdm)| optional(rdm.values())).collect::<Vec<_>>(),
        "descriptors": {"made_by": format!("Likewise {}", env!("CARGO_PKG_VERSION"))},
        "rdm_descriptors": {"name": titles, "index": order},
        "pattern_descriptors": {"conds": names, "index": index},
        "dissimilarity_measure": measure,
    })
}

/// File name by which rsatoolbox's Meadows loader knows a "tree" file: experiment, version, and a participant whose
/// name the loader takes for one.
pub const MEADOWS_FILE: &str = "Meadows_likewise_v_v1_likewise-mole_tree.json";

/// RDMs as a Meadows "tree" file, one finished arrangement task each. The loader cuts names at a full stop, and has no
/// place for missing pairs: an RDM with some is left out.
pub fn meadows_tree(rdms: &[(String, Rdm)]) -> Value {
    let complete = rdms.iter().filter(|(_, rdm)| rdm.n_missing() == 0);
    let tasks: Vec<Value> = complete
        .map(|(title, rdm)| {
            let stimuli: Vec<Value> = rdm
                .names()
                .iter()
                .enumerate()
                .map(|(index, name)| json!({"id": index.to_string(), "name": name, "type": "text"}))
                .collect();
            json!({
                "status": "finished",
                "task": {"name": title, "task_type": "multiarrange"},
                "stimuli": stimuli,
                "rdm": rdm.values(),
                "trials": [],
            })
        })
        .collect();
    json!({"token": null, "tasks": tasks})
}
