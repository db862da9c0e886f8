//! People and a model side by side: two similarity matrices, and how far they put pairs in the same order.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{Axis, Figure, Marks, Matrix, Point, SIMULATED_NOTE};
use super::representation;
use super::resampling::{Agreement, agree};
use super::run_summary::run_notes;
use crate::eval::run::{ItemResult, Run};
use crate::stats::StatError;
use crate::stats::bootstrap::RESAMPLES;
use crate::stats::rdm::Rdm;
use crate::stats::rdm_compare::Measure;
use crate::study::design::Design;
use crate::study::judgment::{Judgment, similarity_matrix};
use crate::study::study::Study;

/// Why two matrices cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimilarityError {
    /// The labels differ, or a matrix is not square.
    #[error("the matrices are not about the same things")]
    Labels,
    /// A run asked about other words than the study.
    #[error("the run and the study are not about the same words")]
    Words,
    /// People's and simulated judgments are never shown as one.
    #[error("some of these judgments are a person's and some are simulated")]
    Mixed,
}

/// Everything that a page shows about one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityStory {
    /// The two matrices on one color scale.
    pub matrices: Figure,
    /// One point a pair: people across, the model up.
    pub scatter: Figure,
    /// Agreement, or why there is none.
    pub agreement: Result<Agreement, StatError>,
    /// One plain sentence.
    pub sentence: String,
}

/// What the figures need to know besides the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels<'a> {
    /// Title of the figures ("Similarity of animals").
    pub title: &'a str,
    /// Scale of both matrices, such as 1 to 7.
    pub scale: (f64, f64),
    /// Caveats: simulated data, unverified device.
    pub notes: &'a [String],
    /// Ids of runs and sessions.
    pub sources: &'a [String],
}

/// A symmetric matrix from ratings of pairs, averaged where a pair was rated more than once. The diagonal stays
/// empty (nothing is rated against itself); pairs of unknown names are left out.
pub fn matrix_from_pairs<'a>(
    title: &str,
    labels: &[String],
    ratings: impl IntoIterator<Item = (&'a str, &'a str, f64)>,
) -> Matrix {
    let place: BTreeMap<&str, usize> =
        labels.iter().enumerate().map(|(index, label)| (label.as_str(), index)).collect();
    let n = labels.len();
    let mut sums = vec![(0.0, 0_u32); n * n];
    for (first, second, rating) in ratings {
        let (Some(&row), Some(&column)) = (place.get(first), place.get(second)) else { continue };
        if row == column || !rating.is_finite() {
            continue;
        }
        for cell in [row * n + column, column * n + row] {
            sums[cell].0 += rating;
            sums[cell].1 += 1;
        }
    }
    let values = sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect();
    Matrix { title: title.to_owned(), labels: labels.to_vec(), values }
}

/// The matrix of a `pair_rating` run, from `Score::value` and the two words in the item's tags.
///
/// # Errors
/// [`SimilarityError::Words`] unless the items so far are about these labels and no other; a run over all pairs of a
/// study's words passes, one over another study's words never does.
pub fn matrix_from_run(title: &str, labels: &[String], results: &[ItemResult]) -> Result<Matrix, SimilarityError> {
    let known: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    let mut rated = BTreeSet::new();
    let mut ratings = Vec::new();
    for result in results {
        let [first, second] = result.item.tags.as_slice() else { return Err(SimilarityError::Words) };
        rated.extend([first.as_str(), second.as_str()]);
        ratings.extend(result.score.value.map(|value| (first.as_str(), second.as_str(), value)));
    }
    if known.len() != labels.len() || rated != known {
        return Err(SimilarityError::Words);
    }
    Ok(matrix_from_pairs(title, labels, ratings))
}

/// Pairs (row below column) that both matrices have: indices and the two values.
fn shared_pairs(people: &Matrix, model: &Matrix) -> Vec<(usize, usize, f64, f64)> {
    let n = people.labels.len();
    let mut pairs = Vec::new();
    for row in 0..n {
        for column in row + 1..n {
            let cell = row * n + column;
            if let (Some(x), Some(y)) = (people.values[cell], model.values[cell])
                && x.is_finite()
                && y.is_finite()
            {
                pairs.push((row, column, x, y));
            }
        }
    }
    pairs
}

/// A matrix of similarities as dissimilarities.
fn dissimilarities(matrix: &Matrix) -> Result<Rdm, StatError> {
    let n = matrix.labels.len();
    let cells: Vec<f64> = matrix.values.iter().map(|value| value.map_or(f64::NAN, |value| -value)).collect();
    debug_assert_eq!(cells.len(), n * n);
    Rdm::from_square(matrix.labels.clone(), &cells)
}

/// Sets people's and a model's matrix side by side. Both must have the same labels in the same order.
///
/// # Errors
/// `Labels` if they have not.
pub fn similarity_story(
    people: &Matrix,
    model: &Matrix,
    labels: &Labels<'_>,
) -> Result<SimilarityStory, SimilarityError> {
    let n = people.labels.len();
    if people.labels != model.labels || people.values.len() != n * n || model.values.len() != n * n {
        return Err(SimilarityError::Labels);
    }
    let pairs = shared_pairs(people, model);
    let agreement = dissimilarities(people)
        .and_then(|people| agree(&dissimilarities(model)?, &[people], Measure::Spearman, RESAMPLES));
    let mut notes = labels.notes.to_vec();
    let sentence = match &agreement {
        Ok(found) => representation::sentence(&people.title, &model.title, Measure::Spearman, found, None),
        Err(StatError::Constant) => {
            "No agreement can be computed: one side gave every pair the same rating.".to_owned()
        }
        Err(_) => format!("No agreement can be computed from {} shared pairs.", pairs.len()),
    };
    if let Ok(found) = &agreement {
        notes.extend(representation::agreement_notes(found, 0));
    }
    let possible = n * n.saturating_sub(1) / 2;
    if pairs.len() < possible {
        notes.push(format!("{} of {possible} pairs were rated on both sides.", pairs.len()));
    }
    let axis = |label: String| Axis { label, range: labels.scale, percent: false };
    let figure = |marks| Figure {
        title: labels.title.to_owned(),
        caption: sentence.clone(),
        marks,
        notes: notes.clone(),
        sources: labels.sources.to_vec(),
    };
    let points = pairs
        .iter()
        .map(|&(row, column, x, y)| Point {
            x,
            y,
            label: format!("{} and {}", people.labels[row], people.labels[column]),
            picture: None,
        })
        .collect();
    Ok(SimilarityStory {
        matrices: figure(Marks::Matrices {
            matrices: vec![people.clone(), model.clone()],
            scale: axis("Rated similarity".to_owned()),
        }),
        scatter: figure(Marks::Scatter {
            points,
            x: axis(format!("{}: rated similarity", people.title)),
            y: axis(format!("{}: rated similarity", model.title)),
            diagonal: true,
        }),
        agreement,
        sentence,
    })
}

/// Whether a program made these judgments up.
///
/// # Errors
/// [`SimilarityError::Mixed`] if only some of them.
pub fn are_simulated(judgments: &[Judgment]) -> Result<bool, SimilarityError> {
    let n = judgments.iter().filter(|judgment| judgment.simulated).count();
    if n > 0 && n < judgments.len() { Err(SimilarityError::Mixed) } else { Ok(n > 0) }
}

/// Ends of a study's similarity: of its rating scale, or 0 to 1 for shares of choices.
pub fn scale_of(study: &Study) -> (f64, f64) {
    match &study.design {
        Design::PairRating { scale } => (f64::from(scale.min), f64::from(scale.max)),
        _ => (0.0, 1.0),
    }
}

/// People's judgments of a study beside a model's `pair_rating` run over the same words. Simulated judgments say so in
/// the title of their matrix and in the notes.
///
/// # Errors
/// As [`similarity_story`] and [`matrix_from_run`]; [`SimilarityError::Mixed`] for judgments of people and of programs
/// together.
pub fn study_story(
    study: &Study,
    judgments: &[Judgment],
    run: &Run,
    results: &[ItemResult],
) -> Result<SimilarityStory, SimilarityError> {
    let (_, values) = similarity_matrix(study, judgments);
    let labels: Vec<String> = study.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect();
    let sessions: BTreeSet<&str> = judgments
        .iter()
        .filter(|judgment| judgment.study_id == study.id)
        .map(|judgment| judgment.session_id.as_str())
        .collect();
    let simulated = are_simulated(judgments)?;
    let mut notes = run_notes(run, results);
    if simulated {
        notes.insert(0, SIMULATED_NOTE.to_owned());
    }
    let who = if simulated { "Simulated raters" } else { "People" };
    let many = if sessions.len() == 1 { "session" } else { "sessions" };
    notes.push(format!("{who}: {} {many}; ratings of a pair are averaged.", sessions.len()));
    let people = Matrix { title: who.to_owned(), labels: labels.clone(), values };
    let model = matrix_from_run(&run.engine.model_name, &labels, results)?;
    let sources: Vec<String> = std::iter::once(run.id.clone()).chain(sessions.into_iter().map(str::to_owned)).collect();
    similarity_story(
        &people,
        &model,
        &Labels { title: &study.title, scale: scale_of(study), notes: &notes, sources: &sources },
    )
}
