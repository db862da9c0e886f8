//! What a study will cost and what it can find, before anybody is asked: simulated participants go through it, some
//! answering at random, some after a planted structure with noise.
//!
//! Power is that of a one-sample t test over participants: each has one score (how far its answers agree with the planted
//! structure, 0 by chance), and a study finds something if their mean lies above 0 at 5 % two-sided. It is estimated by
//! drawing studies of n participants from a pool of simulated ones.

use super::figure::{Axis, Estimate, Figure, Line, Marks};
use crate::eval::metrics::LEVEL;
use crate::stats::StatError;
use crate::stats::distributions::t_quantile;
use crate::stats::proportion::wilson;
use crate::stats::rank::spearman;
use crate::stats::rdm::{pair_count, pair_index};
use crate::stats::reliability::split_half;
use crate::stats::rng::Pcg32;
use crate::study::StudyError;
use crate::study::adaptive::adapts;
use crate::study::arrangement::{FIELD, inverse_mds};
use crate::study::assign;
use crate::study::design::{Design, SimulatedParticipant};
use crate::study::free_label::normalized;
use crate::study::judgment::pair_values;
use crate::study::preference::contestant;
use crate::study::simulation::walk;
use crate::study::study::{Gold, Study};
use crate::study::trial::{Answer, Trial};

/// Simulated participants of each kind that studies are drawn from.
pub const POOL: usize = 200;
/// Studies drawn for each number of participants.
pub const STUDIES: usize = 400;
/// Numbers of participants that power is told for.
pub const SIZES: [usize; 6] = [3, 5, 10, 20, 30, 50];
/// Random splits for the reliability.
const SPLITS: usize = 200;
/// Words a minute that texts are read at (silent reading of plain English; Brysbaert 2019, doi:10.1016/j.jml.2019.104047,
/// finds 238).
const WORDS_A_MINUTE: f64 = 238.0;

/// How simulated participants answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Whatever: what a bot or somebody who does not read gives.
    Random,
    /// By the planted structure, with noise.
    Oracle,
}

impl Answering {
    /// What it is called in figures.
    pub fn label(self) -> &'static str {
        match self {
            Self::Random => "answering at random",
            Self::Oracle => "planted structure with noise",
        }
    }
}

/// Scores and answers of simulated participants of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// How they answered.
    pub answering: Answering,
    /// One score a participant; 0 by chance.
    pub scores: Vec<f64>,
    /// One row a participant, one value a unit (pair, stimulus or comparison); NaN where it did not come up.
    pub rows: Vec<Vec<f64>>,
}

/// The planted structure of a study: stimuli on a map at random places, contestants of rising strength, and the gold
/// labels that are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Planted {
    points: Vec<[f64; 2]>,
    widest: f64,
    seed: u64,
}

impl Planted {
    /// Places stimuli by chance on a square.
    pub fn new(study: &Study, seed: u64) -> Self {
        let mut rng = Pcg32::new(seed);
        let points: Vec<[f64; 2]> = study.stimuli.iter().map(|_| [rng.unit(), rng.unit()]).collect();
        let mut widest = f64::MIN_POSITIVE;
        for (i, a) in points.iter().enumerate() {
            for b in &points[i + 1..] {
                widest = widest.max(distance(a, b));
            }
        }
        Self { points, widest, seed }
    }

    fn place(study: &Study, id: &str) -> Option<usize> {
        study.stimuli.iter().position(|stimulus| stimulus.id == id)
    }

    /// Similarity of two stimuli, 0 to 1; of unknown ones one half.
    pub fn similarity(&self, study: &Study, a: &str, b: &str) -> f64 {
        match (Self::place(study, a), Self::place(study, b)) {
            (Some(a), Some(b)) => 1.0 - distance(&self.points[a], &self.points[b]) / self.widest,
            _ => 0.5,
        }
    }

    /// Spearman's rho of similarities (upper triangle, NaN where there is none) with the planted ones; everything alike
    /// says nothing: 0.
    fn agreement(&self, row: &[f64]) -> f64 {
        let n = self.points.len();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for i in 0..n {
            for j in i + 1..n {
                let value = row[pair_index(i, j, n)];
                if !value.is_nan() {
                    x.push(value);
                    y.push(1.0 - distance(&self.points[i], &self.points[j]) / self.widest);
                }
            }
        }
        spearman(&x, &y).unwrap_or(0.0)
    }

    /// Strength of a stimulus on the logit scale: contestants in the order of their names are 1 apart.
    pub fn strength(&self, study: &Study, id: &str) -> f64 {
        let mut names: Vec<&str> = study.stimuli.iter().map(contestant).collect();
        names.sort_unstable();
        names.dedup();
        let own = study.stimulus(id).map(contestant);
        names.iter().position(|name| Some(*name) == own).unwrap_or(0) as f64
    }
}

fn distance(a: &[f64; 2], b: &[f64; 2]) -> f64 {
    libm::hypot(a[0] - b[0], a[1] - b[1])
}

/// What one simulated participant answers to the main trials.
///
/// # Errors
/// Those of [`walk`].
pub fn answers_of(
    study: &Study,
    planted: &Planted,
    answering: Answering,
    noise: f64,
    number: u64,
) -> Result<Vec<(Trial, Answer)>, StudyError> {
    let seed = planted.seed.wrapping_mul(1009).wrapping_add(number);
    let mut rng = Pcg32::with_stream(seed, 7 + u64::from(answering == Answering::Random));
    let similarity = |a: &str, b: &str| planted.similarity(study, a, b);
    let strength = |id: &str| planted.strength(study, id);
    // Noise this large leaves nothing of the structure; ratings and labels are drawn evenly besides.
    let noise = if answering == Answering::Random { 1e9 } else { noise };
    let participant = SimulatedParticipant { similarity: &similarity, strength: &strength, noise, attentive: true };
    mains(study, seed, |trial| match (&study.design, answering) {
        (Design::PairRating { scale }, Answering::Random) => {
            Answer::Rating { rating: scale.min + rng.below(usize::from(scale.max - scale.min) + 1) as u8 }
        }
        (Design::AnswerRating { axes, scale, .. }, Answering::Random) => {
            let mut draw = || scale.min + rng.below(usize::from(scale.max - scale.min) + 1) as u8;
            Answer::Ratings { ratings: axes.iter().map(|_| draw()).collect() }
        }
        (Design::Arrangement { .. }, Answering::Random) => {
            let mut draw = || rng.below(usize::from(FIELD) + 1) as u16;
            Answer::Arrangement { points: trial.stimuli.iter().map(|_| (draw(), draw())).collect() }
        }
        _ => study.design.simulate(&mut || rng.unit(), &participant, trial),
    })
}

/// The main trials of a session and what is answered to them. Where the next question depends on the answers before, it is a
/// session that asks, as it asks people.
fn mains(
    study: &Study,
    seed: u64,
    mut answer: impl FnMut(&Trial) -> Answer,
) -> Result<Vec<(Trial, Answer)>, StudyError> {
    if !adapts(study) {
        let mains = assign::trials(study, seed).into_iter().filter(|trial| trial.kind.is_main());
        return Ok(mains.map(|trial| (trial.clone(), answer(&trial))).collect());
    }
    let walked = walk(study, seed, answer)?.into_iter().filter(|(trial, _)| trial.kind.is_main());
    Ok(walked.filter_map(|(trial, judgment)| Some((trial, judgment.answer()?.clone()))).collect())
}

/// A participant's values by unit, and its score.
fn scored(study: &Study, planted: &Planted, answers: &[(Trial, Answer)]) -> (Vec<f64>, f64) {
    let n = study.stimuli.len();
    match &study.design {
        Design::Arrangement { .. } => {
            let arrangements: Vec<_> = answers
                .iter()
                .filter_map(|(trial, answer)| match answer {
                    Answer::Arrangement { points } => {
                        let items: Vec<usize> =
                            trial.stimuli.iter().filter_map(|it| Planted::place(study, &it.id)).collect();
                        Some((items, points.clone()))
                    }
                    _ => None,
                })
                .collect();
            let row: Vec<f64> = inverse_mds(n, &arrangements).into_iter().map(|value| 1.0 - value).collect();
            let score = planted.agreement(&row);
            (row, score)
        }
        Design::AnswerRating { scale, .. } => {
            let (mut row, mut x, mut y) = (vec![f64::NAN; n], Vec::new(), Vec::new());
            for (trial, answer) in answers {
                let Answer::Ratings { ratings } = answer else { continue };
                let Some(stimulus) = trial.stimuli.first() else { continue };
                let mean = ratings.iter().map(|it| f64::from(*it)).sum::<f64>() / ratings.len().max(1) as f64;
                if let Some(place) = Planted::place(study, &stimulus.id) {
                    row[place] = mean / f64::from(scale.max);
                }
                x.push(mean);
                y.push(planted.strength(study, &stimulus.id));
            }
            (row, spearman(&x, &y).unwrap_or(0.0))
        }
        Design::FreeLabel { .. } => {
            // The share of names that are the true one; by chance nobody hits it.
            let mut right = 0.0;
            for (trial, answer) in answers {
                let Answer::FreeLabel { text } = answer else { continue };
                let Some(stimulus) = trial.stimuli.first() else { continue };
                let truth = match &stimulus.gold {
                    Some(Gold::Label(label)) => Some(normalized(label)),
                    Some(Gold::Abstain) => None,
                    None => Some(normalized(&stimulus.text)),
                };
                right += f64::from(u8::from(text.is_some() && text.as_deref().map(normalized) == truth));
            }
            (vec![f64::NAN; n], right / answers.len().max(1) as f64)
        }
        Design::PairRating { .. } | Design::Triplet { .. } | Design::AnchoredTriplet { .. } => {
            let mut sums = vec![(0.0, 0_u32); pair_count(n)];
            for (trial, answer) in answers {
                pair_values(answer, &trial.ids(), &mut |a, b, value| {
                    if let (Some(a), Some(b)) = (Planted::place(study, a), Planted::place(study, b)) {
                        let cell = &mut sums[pair_index(a, b, n)];
                        *cell = (cell.0 + value, cell.1 + 1);
                    }
                });
            }
            let row: Vec<f64> =
                sums.iter().map(|(sum, n)| if *n > 0 { sum / f64::from(*n) } else { f64::NAN }).collect();
            let score = planted.agreement(&row);
            (row, score)
        }
        Design::Preference { .. } => {
            let (mut sums, mut net) = (vec![(0.0, 0_u32); n], 0.0);
            for (trial, answer) in answers {
                let Answer::Preference { preferred } = answer else { continue };
                let ids = trial.ids();
                let [left, right] = ids.as_slice() else { continue };
                let won = match preferred.side() {
                    Some(0) => 1.0,
                    Some(_) => 0.0,
                    None => 0.5,
                };
                for (id, value) in [(left, won), (right, 1.0 - won)] {
                    if let Some(place) = Planted::place(study, id) {
                        sums[place] = (sums[place].0 + value, sums[place].1 + 1);
                    }
                }
                let gap = planted.strength(study, left) - planted.strength(study, right);
                net += (won - 0.5) * 2.0 * gap.signum();
            }
            let row = sums.iter().map(|(sum, n)| if *n > 0 { sum / f64::from(*n) } else { f64::NAN }).collect();
            (row, net / answers.len().max(1) as f64)
        }
        Design::Label { labels, .. } => {
            let chance = 1.0 / (labels.len() + 1) as f64;
            let (mut row, mut right, mut known) = (vec![f64::NAN; n], 0.0, 0_u32);
            for (trial, answer) in answers {
                let Answer::Label { label, .. } = answer else { continue };
                let Some(stimulus) = trial.stimuli.first() else { continue };
                if let Some(place) = Planted::place(study, &stimulus.id) {
                    let number = labels.iter().position(|it| Some(&it.id) == label.as_ref()).unwrap_or(labels.len());
                    row[place] = number as f64;
                }
                if let Some(gold) = &stimulus.gold {
                    known += 1;
                    let is_right = match gold {
                        Gold::Label(gold) => label.as_ref() == Some(gold),
                        Gold::Abstain => label.is_none(),
                    };
                    right += f64::from(u8::from(is_right));
                }
            }
            (row, if known == 0 { 0.0 } else { right / f64::from(known) - chance })
        }
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(answering: Answering) -> Self {
        Self { answering, scores: Vec::new(), rows: Vec::new() }
    }

    /// Sends one more participant through the study.
    ///
    /// # Errors
    /// As [`answers_of`]; then the pool is as it was.
    pub fn add(&mut self, study: &Study, planted: &Planted, noise: f64) -> Result<(), StudyError> {
        let answers = answers_of(study, planted, self.answering, noise, self.scores.len() as u64)?;
        let (row, score) = scored(study, planted, &answers);
        self.scores.push(score);
        self.rows.push(row);
        Ok(())
    }

    /// Share of studies with `n` participants that find the structure, with its interval.
    ///
    /// # Errors
    /// `TooFew` for fewer than two participants or an empty pool.
    pub fn power(&self, n: usize, seed: u64) -> Result<Estimate, StatError> {
        if n < 2 || self.scores.len() < 2 {
            return Err(StatError::TooFew { n: n.min(self.scores.len()), needed: 2 });
        }
        let limit = t_quantile(0.975, (n - 1) as f64)?;
        let mut rng = Pcg32::new(seed);
        let mut found = 0_u64;
        for _ in 0..STUDIES {
            let drawn: Vec<f64> = (0..n).map(|_| self.scores[rng.below(self.scores.len())]).collect();
            let mean = drawn.iter().sum::<f64>() / n as f64;
            let variance = drawn.iter().map(|it| (it - mean) * (it - mean)).sum::<f64>() / (n - 1) as f64;
            // Scores without any spread above 0 are found for certain.
            found += u64::from(mean > 0.0 && mean > limit * libm::sqrt(variance / n as f64));
        }
        let value = found as f64 / STUDIES as f64;
        Ok(Estimate { value, interval: wilson(found, STUDIES as u64, LEVEL).ok(), n: STUDIES as u64 })
    }

    /// Split-half reliability (Spearman-Brown) of the mean of the first `n` participants' values.
    ///
    /// # Errors
    /// As [`split_half`].
    pub fn reliability(&self, n: usize, seed: u64) -> Result<f64, StatError> {
        let rows = self.rows.get(..n.min(self.rows.len())).unwrap_or_default();
        Ok(split_half(rows, SPLITS, &mut Pcg32::new(seed))?.spearman_brown)
    }

    /// Mean score.
    pub fn mean_score(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len().max(1) as f64
    }
}

/// Seconds that one trial takes besides reading, an assumption that is shown with the result: two words or three are seen
/// and answered in 3 to 4 seconds, a name is typed in 6, a thing is put on the field in 5, a question about the instructions
/// takes 8.
fn seconds_a_trial(design: &Design) -> f64 {
    match design {
        Design::PairRating { .. } | Design::AnchoredTriplet { .. } => 3.0,
        Design::Triplet { .. } | Design::Preference { .. } => 4.0,
        Design::Label { confidence, .. } => 3.0 + if confidence.is_some() { 2.0 } else { 0.0 },
        Design::AnswerRating { axes, .. } => 3.0 * axes.len() as f64,
        Design::FreeLabel { .. } => 6.0,
        Design::Arrangement { n_shown, .. } => 5.0 * f64::from(*n_shown),
    }
}

/// Minutes that a participant needs: reading texts at 238 words a minute, and the seconds of each answer.
pub fn expected_minutes(study: &Study) -> f64 {
    let words = |text: &str| text.split_whitespace().count() as f64;
    let mut read = words(&study.consent.text) + words(&study.instructions);
    read += study.debrief.as_deref().map_or(0.0, words);
    let prompts = study.design.prompts();
    if !prompts.is_empty() {
        let mean = |total: f64, n: usize| total / n.max(1) as f64;
        let prompt = mean(prompts.iter().map(|it| words(&it.text)).sum(), prompts.len());
        let answer = mean(study.stimuli.iter().map(|it| words(&it.text)).sum(), study.stimuli.len());
        read +=
            (study.n_trials() - study.comprehension.len()) as f64 * (prompt + study.design.n_shown() as f64 * answer);
    }
    let answered = (study.n_trials() - study.comprehension.len()) as f64 * seconds_a_trial(&study.design)
        + study.comprehension.len() as f64 * 8.0;
    read / WORDS_A_MINUTE + answered / 60.0
}

/// What was expected of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Trials of a session.
    pub n_trials: usize,
    /// [`expected_minutes`].
    pub minutes: f64,
    /// Power against the number of participants, for both kinds.
    pub figure: Figure,
    /// Sentences with every number: reliability, mean agreement with the planted structure, what power means.
    pub sentences: Vec<String>,
}

/// Reads the pools. `n` is the number of participants that is planned.
pub fn plan(study: &Study, pools: &[Pool], n: usize, noise: f64, seed: u64) -> Plan {
    let mut sentences = Vec::new();
    let mut lines = Vec::new();
    for pool in pools {
        let points: Vec<(f64, Estimate)> =
            SIZES.iter().filter_map(|&size| Some((size as f64, pool.power(size, seed).ok()?))).collect();
        let who = pool.answering.label();
        let power = pool.power(n, seed).map_or_else(
            |error| format!("power unknown ({error})"),
            |found| {
                let (low, high) = found.interval.unwrap_or((found.value, found.value));
                format!(
                    "{:.0} of 100 studies find it (95 % interval {:.0} to {:.0}, {STUDIES} studies drawn)",
                    100.0 * found.value,
                    100.0 * low,
                    100.0 * high
                )
            },
        );
        let reliability = match (&study.design, pool.reliability(n, seed)) {
            (Design::Label { .. } | Design::FreeLabel { .. }, _) => {
                "split-half reliability is not defined for names".to_owned()
            }
            (_, Ok(r)) => format!("split-half reliability {r:.2} (Spearman-Brown, {SPLITS} splits)"),
            (_, Err(error)) => format!("no split-half reliability ({error})"),
        };
        let score = pool.mean_score();
        sentences.push(format!(
            "{n} simulated participants {who}: {power}; {reliability}; mean agreement of one participant with the planted \
             structure {score:.2} (0 is chance, {} participants).",
            pool.scores.len()
        ));
        lines.push(Line { label: format!("Simulated, {who}"), points });
    }
    let caption = format!(
        "Share of simulated studies in which the planted structure is found, by number of participants; noise {noise:.2}."
    );
    if adapts(study) {
        sentences.push(
            "But for the first and those held out, their questions were chosen by the answers before, with the same chooser as \
             in a session."
                .to_owned(),
        );
    }
    let figure = Figure {
        title: "Would this study find it?".to_owned(),
        caption,
        marks: Marks::Curve {
            lines,
            x: Axis { label: "Participants".to_owned(), range: (0.0, 50.0), percent: false },
            y: Axis { label: "Power".to_owned(), range: (0.0, 1.0), percent: true },
            band: None,
        },
        notes: vec![
            "Simulated: a program made these answers up; no person gave them, and none of them is stored.".to_owned(),
            "Power: one-sample t test over participants' agreement with the planted structure, 5 % two-sided. Answers at \
             random should be found in about 2.5 of 100 studies."
                .to_owned(),
        ],
        sources: Vec::new(),
    };
    Plan { n_trials: study.n_trials(), minutes: expected_minutes(study), figure, sentences }
}
