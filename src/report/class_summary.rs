//! What a class of participants says together. Everything is computed from the records, in the order of the session ids,
//! with fixed seeds: the page and `headless analyze` give the same numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class_groups::{GroupsFound, groups};
use super::figure::{Estimate, Matrix};
use super::held_out::{HeldOutFound, held_out};
use super::study_summary::{contestants, label_counts};
use crate::eval::metrics::LEVEL;
use crate::stats::StatError;
use crate::stats::bootstrap::{RESAMPLES, percentile_interval};
use crate::stats::bradley_terry::{Outcome, Settings, Ties, Vote, fit, participant_bootstrap, votes_needed};
use crate::stats::krippendorff::{Level, alpha, alpha_interval};
use crate::stats::mds::smacof_from_classical;
use crate::stats::noise_ceiling::noise_ceiling;
use crate::stats::proportion::wilson;
use crate::stats::rdm::{Rdm, pair_count, pair_index};
use crate::stats::rdm_compare::{Measure, compare, mean_pairwise};
use crate::stats::reliability::split_half;
use crate::stats::rng::Pcg32;
use crate::study::design::Design;
use crate::study::free_label::normalized;
use crate::study::gathering::Gathered;
use crate::study::judgment::{Judgment, main_judgments, question_key, similarity_matrix};
use crate::study::preference::contestant;
use crate::study::quality::{FlagName, Quality, of_session};
use crate::study::study::Study;
use crate::study::trial::{Answer, Preferred};

/// Seed of every resampling.
pub const SEED: u64 = 20_240_801;
/// Random splits of participants.
const SPLITS: usize = 1000;
/// Power of "about N more votes".
const POWER: f64 = 0.8;
/// Steps and precision of the map.
const MAP: (usize, f64) = (500, 1e-7);

/// A number with its interval, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Found<T> {
    /// The number.
    Value(T),
    /// Why there is none.
    Nothing {
        /// In words.
        why: String,
    },
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// 95 % percentile bootstrap of a mean over participants; none where all of them are alike, which says nothing of how sure
/// the mean is.
fn interval_of_mean(values: &[f64]) -> Option<(f64, f64)> {
    let found = percentile_interval(values.len(), RESAMPLES, LEVEL, &mut Pcg32::new(SEED), |indices| {
        Some(mean(&indices.iter().map(|&index| values[index]).collect::<Vec<f64>>()))
    });
    found.ok().filter(|it| it.low < it.high).map(|it| (it.low, it.high))
}

impl Found<Estimate> {
    /// The mean over participants with a 95 % bootstrap interval over them; without any, `why` there is none.
    pub(super) fn mean_over_participants(values: &[f64], why: &str) -> Self {
        if values.is_empty() {
            return Self::Nothing { why: why.to_owned() };
        }
        Self::Value(Estimate { value: mean(values), interval: interval_of_mean(values), n: values.len() as u64 })
    }
}

impl<T> Found<T> {
    pub(super) fn of<E: ToString>(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Nothing { why: error.to_string() },
        }
    }

    /// The number, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing { .. } => None,
        }
    }
}

/// Krippendorff's alpha.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlphaFound {
    /// 1 is perfect agreement, 0 chance.
    pub alpha: f64,
    /// 95 % bootstrap interval over units.
    pub interval: Option<(f64, f64)>,
    /// Level of measurement: nominal or interval.
    pub level: String,
    /// Units that two participants or more judged.
    pub n_units: usize,
    /// Judgments of those units.
    pub n_ratings: usize,
    /// Everybody said the same everywhere: alpha is 1 by convention.
    pub no_variance: bool,
}

/// Split-half reliability over random halves of the participants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitHalfFound {
    /// Mean correlation of the halves (as Fisher's z).
    pub r: f64,
    /// The same for all participants (Spearman and Brown).
    pub spearman_brown: f64,
    /// Splits that gave a correlation.
    pub splits: usize,
    /// Splits that gave none.
    pub undefined: usize,
}

/// How well a perfect model could agree with single participants (Spearman's rho).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CeilingFound {
    /// Mean agreement with the others.
    pub lower: Option<f64>,
    /// Mean agreement with all.
    pub upper: f64,
    /// Participants.
    pub n_subjects: usize,
    /// Fewest participants behind a pair that anybody judged.
    pub min_per_pair: usize,
}

/// The map of multidimensional scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapFound {
    /// Coordinates, one pair a stimulus; turn and mirror image are arbitrary.
    pub points: Vec<(f64, f64)>,
    /// Kruskal's stress-1.
    pub stress: f64,
}

/// Similarity studies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimilarityFound {
    /// Texts of the stimuli, in the study's order.
    pub labels: Vec<String>,
    /// Mean dissimilarity over participants, 0 to 1: upper triangle row by row; null where nobody judged the pair.
    pub rdm: Vec<Option<f64>>,
    /// Participants behind each pair, in the same order.
    pub n_per_pair: Vec<u32>,
    /// Agreement of halves.
    pub split_half: Found<SplitHalfFound>,
    /// Mean Spearman's rho of two participants.
    pub mean_pairwise: Found<f64>,
    /// Noise ceiling.
    pub ceiling: Found<CeilingFound>,
    /// The map.
    pub map: Found<MapFound>,
}

/// One contestant of a preference study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrengthFound {
    /// Its name.
    pub name: String,
    /// Log strength; they sum to 0.
    pub strength: f64,
    /// 95 % bootstrap interval over participants.
    pub interval: Option<(f64, f64)>,
    /// Lowest and highest rank within that interval.
    pub ranks: Option<(usize, usize)>,
}

/// Preference studies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreferenceFound {
    /// Contestants, by name.
    pub contestants: Vec<String>,
    /// n x n, row by row: decided comparisons that the row's contestant won against the column's.
    pub wins: Vec<u64>,
    /// n x n: ties.
    pub ties: Vec<u64>,
    /// Comparisons in which both were bad; they say nothing about strength.
    pub n_both_bad: u64,
    /// Decided comparisons that the left one won, of all decided: 1/2 without a side effect.
    pub left: Found<Estimate>,
    /// Bradley-Terry with ties as half wins.
    pub strengths: Found<Vec<StrengthFound>>,
    /// Resamples whose comparisons did not connect the contestants; left out of the intervals.
    pub n_disconnected: usize,
    /// Decided votes that would tell the two best apart at 80 % power if their share stayed as it is.
    pub votes_needed: Found<u64>,
}

/// Label studies: main answers with a known label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelFound {
    /// Right, wrong, could not tell rightly, could not tell wrongly.
    pub counts: [u64; 4],
}

/// Mean rating of a source on an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatingFound {
    /// The source.
    pub source: String,
    /// What was asked.
    pub axis: String,
    /// Mean of the participants' means, with a 95 % bootstrap interval over participants; n counts ratings.
    pub mean: Estimate,
    /// Participants.
    pub n_participants: usize,
}

/// What a stimulus was called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameFound {
    /// Text of the stimulus.
    pub stimulus: String,
    /// The most frequent name, the first in the alphabet among equals; none where nobody gave one.
    pub name: Option<String>,
    /// How many gave it, of all who answered: the modal share of naming studies.
    pub share: Found<Estimate>,
    /// Different names.
    pub n_names: usize,
    /// Participants who could not tell.
    pub n_abstained: u64,
}

/// One participant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParticipantFound {
    /// Random id of the session.
    pub session_id: String,
    /// Whether every trial has an answer.
    pub is_finished: bool,
    /// What the answers look like.
    pub quality: Quality,
}

/// Everything about a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Study.
    pub study_id: String,
    /// Its version.
    pub study_version: u32,
    /// Its hash.
    pub study_sha256: String,
    /// Whether a program answered.
    pub simulated: bool,
    /// Participants.
    pub n_participants: usize,
    /// Participants who answered every trial.
    pub n_finished: usize,
    /// Main answers that count.
    pub n_main: usize,
    /// Participants with a flag.
    pub n_flagged: usize,
    /// How many participants have which flag.
    pub flags: BTreeMap<FlagName, u32>,
    /// Repeats that got the same answer as the first time.
    pub retest: Found<Estimate>,
    /// Krippendorff's alpha over trials with the same stimuli.
    pub alpha: Found<AlphaFound>,
    /// Whether the participants fall into groups that judge differently.
    pub groups: Found<GroupsFound>,
    /// Of adaptive studies: what the held-out stream alone says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutFound>,
    /// Of similarity studies.
    pub similarity: Option<SimilarityFound>,
    /// Of preference studies.
    pub preference: Option<PreferenceFound>,
    /// Of label studies.
    pub label: Option<LabelFound>,
    /// Of studies that rate answers: one entry for each source and axis.
    pub ratings: Option<Vec<RatingFound>>,
    /// Of studies with free names: one entry for each stimulus.
    pub names: Option<Vec<NameFound>>,
    /// Every participant.
    pub participants: Vec<ParticipantFound>,
}

pub(super) fn share(k: u64, n: u64) -> Found<Estimate> {
    if n == 0 {
        return Found::Nothing { why: StatError::TooFew { n: 0, needed: 1 }.to_string() };
    }
    Found::Value(Estimate { value: k as f64 / n as f64, interval: wilson(k, n, LEVEL).ok(), n })
}

/// Dissimilarities of one participant or of many, 0 to 1, upper triangle; NaN where no pair was judged.
pub(super) fn dissimilarities(study: &Study, records: &[Judgment]) -> Vec<f64> {
    let n = study.stimuli.len();
    let (_, square) = similarity_matrix(study, records);
    let (low, high) = super::similarity::scale_of(study);
    let mut values = vec![f64::NAN; pair_count(n)];
    for i in 0..n {
        for j in i + 1..n {
            if let Some(value) = square.get(i * n + j).copied().flatten() {
                values[pair_index(i, j, n)] = (high - value) / (high - low);
            }
        }
    }
    values
}

/// Names of the stimuli, and the dissimilarities of every participant who judged a pair: session id, upper triangle row by
/// row, NaN where the pair was not judged.
pub fn group_rdms(gathered: &Gathered) -> (Vec<String>, Vec<(String, Vec<f64>)>) {
    let study = gathered.study();
    let rows = gathered
        .sessions()
        .map(|it| (it.record.id.clone(), dissimilarities(study, &it.records)))
        .filter(|(_, row)| row.iter().any(|value| !value.is_nan()))
        .collect();
    (study.stimuli.iter().map(|it| it.text.clone()).collect(), rows)
}

fn similarity(gathered: &Gathered) -> SimilarityFound {
    let (labels, rows) = group_rdms(gathered);
    let rows: Vec<Vec<f64>> = rows.into_iter().map(|(_, row)| row).collect();
    let pairs = pair_count(labels.len());
    let n_per_pair: Vec<u32> =
        (0..pairs).map(|pair| rows.iter().filter(|row| !row[pair].is_nan()).count() as u32).collect();
    // Each participant counts once, however many of the triplets held the pair.
    let mean: Vec<f64> = (0..pairs)
        .map(|pair| {
            let sum: f64 = rows.iter().map(|row| row[pair]).filter(|value| !value.is_nan()).sum();
            if n_per_pair[pair] == 0 { f64::NAN } else { sum / f64::from(n_per_pair[pair]) }
        })
        .collect();
    let rdms: Result<Vec<Rdm>, StatError> = rows.iter().map(|row| Rdm::new(labels.clone(), row.clone())).collect();
    let pairwise = rdms.clone().and_then(|rdms| mean_pairwise(&rdms, Measure::Spearman));
    let ceiling = rdms.and_then(|rdms| noise_ceiling(&rdms, Measure::Spearman)).map(|it| CeilingFound {
        lower: it.lower,
        upper: it.upper,
        n_subjects: it.n_subjects,
        min_per_pair: it.min_per_pair,
    });
    let split = split_half(&rows, SPLITS, &mut Pcg32::new(SEED)).map(|it| SplitHalfFound {
        r: it.r,
        spearman_brown: it.spearman_brown,
        splits: it.splits,
        undefined: it.undefined,
    });
    let map = Rdm::new(labels.clone(), mean.clone())
        .and_then(|rdm| smacof_from_classical(&rdm, 2.min(labels.len() - 1), MAP.0, MAP.1))
        .map(|map| MapFound {
            points: map
                .points
                .iter()
                .map(|point| (point.first().copied().unwrap_or(0.0), point.get(1).copied().unwrap_or(0.0)))
                .collect(),
            stress: map.stress,
        });
    SimilarityFound {
        labels,
        rdm: mean.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect(),
        n_per_pair,
        split_half: Found::of(split),
        mean_pairwise: Found::of(pairwise),
        ceiling: Found::of(ceiling),
        map: Found::of(map),
    }
}

fn preference(study: &Study, gathered: &Gathered) -> PreferenceFound {
    let mut names: Vec<String> = Vec::new();
    let mut cast = Vec::new();
    for (participant, session) in gathered.sessions().enumerate() {
        for judgment in main_judgments(study, &session.records) {
            let Some(Answer::Preference { preferred }) = judgment.answer() else { continue };
            let Some((left, right)) = contestants(study, judgment) else { continue };
            names.extend([left.to_owned(), right.to_owned()]);
            cast.push((participant, left.to_owned(), right.to_owned(), *preferred));
        }
    }
    names.sort_unstable();
    names.dedup();
    let n = names.len();
    let place = |name: &String| names.binary_search(name).unwrap_or(0);
    let (mut wins, mut ties) = (vec![0; n * n], vec![0; n * n]);
    let (mut n_both_bad, mut n_left, mut n_decided) = (0, 0, 0);
    let mut votes = Vec::new();
    for (participant, left, right, preferred) in &cast {
        let (first, second) = (place(left), place(right));
        let outcome = match preferred {
            Preferred::Left => {
                wins[first * n + second] += 1;
                (n_left, n_decided) = (n_left + 1, n_decided + 1);
                Outcome::First
            }
            Preferred::Right => {
                wins[second * n + first] += 1;
                n_decided += 1;
                Outcome::Second
            }
            Preferred::Tie => {
                ties[first * n + second] += 1;
                ties[second * n + first] += 1;
                Outcome::Tie
            }
            Preferred::BothBad => {
                n_both_bad += 1;
                continue;
            }
        };
        votes.push(Vote { first, second, outcome, participant: *participant });
    }
    let settings = Settings { ties: Ties::Half, prior_sd: None, side: false };
    let fitted = fit(n, &votes, settings);
    let ranking = participant_bootstrap(n, &votes, settings, RESAMPLES, LEVEL, &mut Pcg32::new(SEED)).ok();
    let strengths = fitted.map(|fit| {
        names
            .iter()
            .enumerate()
            .map(|(place, name)| StrengthFound {
                name: name.clone(),
                strength: fit.strengths[place],
                interval: ranking.as_ref().map(|it| (it.intervals[place].low, it.intervals[place].high)),
                ranks: ranking.as_ref().map(|it| it.ranks[place]),
            })
            .collect::<Vec<_>>()
    });
    // Between the two that are strongest.
    let needed = strengths.as_ref().map_err(ToString::to_string).and_then(|all| {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| all[b].strength.total_cmp(&all[a].strength));
        let [best, next, ..] = order.as_slice() else { return Err("one contestant only".to_owned()) };
        let (won, lost) = (wins[best * n + next], wins[next * n + best]);
        if won + lost == 0 {
            return Err("the two strongest were never told apart".to_owned());
        }
        votes_needed(won as f64 / (won + lost) as f64, POWER).map_err(|error| error.to_string())
    });
    PreferenceFound {
        contestants: names,
        wins,
        ties,
        n_both_bad,
        left: share(n_left, n_decided),
        strengths: Found::of(strengths),
        n_disconnected: ranking.map_or(0, |it| it.disconnected),
        votes_needed: Found::of(needed),
    }
}

/// Ratings for alpha: one row a participant, one column a set of stimuli that was judged.
fn ratings(study: &Study, gathered: &Gathered) -> (Vec<Vec<f64>>, Level) {
    let on_scale = matches!(study.design, Design::PairRating { .. } | Design::AnswerRating { .. });
    let level = if on_scale { Level::Interval } else { Level::Nominal };
    let mut units: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: Vec<Vec<(usize, f64)>> = Vec::new();
    for session in gathered.sessions() {
        let mut row = Vec::new();
        for judgment in main_judgments(study, &session.records) {
            let Some(answer) = judgment.answer() else { continue };
            let unit = question_key(&study.design, &judgment.stimuli);
            if let Answer::Ratings { ratings } = answer {
                // Every axis is a unit of its own.
                for (axis, rating) in ratings.iter().enumerate() {
                    let mut unit = unit.clone();
                    unit.push(axis.to_string());
                    let next = units.len();
                    row.push((*units.entry(unit).or_insert(next), f64::from(*rating)));
                }
                continue;
            }
            let next = units.len();
            let column = *units.entry(unit).or_insert(next);
            let value = match answer {
                Answer::Rating { rating } => f64::from(*rating),
                answer => {
                    let next = codes.len();
                    *codes.entry(answer.said(&judgment.stimuli)).or_insert(next) as f64
                }
            };
            row.push((column, value));
        }
        said.push(row);
    }
    let rows = said
        .into_iter()
        .map(|row| {
            let mut values = vec![f64::NAN; units.len()];
            for (column, value) in row {
                values[column] = value;
            }
            values
        })
        .collect();
    (rows, level)
}

/// Means by source and axis.
fn answer_ratings(study: &Study, gathered: &Gathered) -> Vec<RatingFound> {
    let Design::AnswerRating { axes, scale, .. } = &study.design else { return Vec::new() };
    // By source and axis: one list of ratings for each participant.
    let mut given: BTreeMap<(String, usize), Vec<Vec<f64>>> = BTreeMap::new();
    for session in gathered.sessions() {
        let mut own: BTreeMap<(String, usize), Vec<f64>> = BTreeMap::new();
        for judgment in main_judgments(study, &session.records) {
            let Some(Answer::Ratings { ratings }) = judgment.answer() else { continue };
            let Some(stimulus) = judgment.stimuli.first().and_then(|id| study.stimulus(id)) else { continue };
            for (axis, rating) in ratings.iter().enumerate() {
                own.entry((contestant(stimulus).to_owned(), axis)).or_default().push(f64::from(*rating));
            }
        }
        for (key, ratings) in own {
            given.entry(key).or_default().push(ratings);
        }
    }
    given
        .into_iter()
        .map(|((source, axis), people)| {
            let means: Vec<f64> = people.iter().map(|ratings| mean(ratings)).collect();
            RatingFound {
                source,
                axis: axes.get(axis).map(|it| it.text.clone()).unwrap_or_default(),
                mean: Estimate {
                    value: mean(&means).clamp(f64::from(scale.min), f64::from(scale.max)),
                    interval: interval_of_mean(&means),
                    n: people.iter().map(|ratings| ratings.len() as u64).sum(),
                },
                n_participants: means.len(),
            }
        })
        .collect()
}

/// Names by stimulus.
fn free_names(study: &Study, gathered: &Gathered) -> Vec<NameFound> {
    study
        .stimuli
        .iter()
        .map(|stimulus| {
            let mut names: BTreeMap<String, u64> = BTreeMap::new();
            let (mut n, mut n_abstained) = (0, 0);
            for session in gathered.sessions() {
                for judgment in main_judgments(study, &session.records) {
                    let Some(Answer::FreeLabel { text }) = judgment.answer() else { continue };
                    if judgment.stimuli.first() != Some(&stimulus.id) {
                        continue;
                    }
                    n += 1;
                    match text {
                        Some(text) => *names.entry(normalized(text)).or_default() += 1,
                        None => n_abstained += 1,
                    }
                }
            }
            // The first in the alphabet among equals.
            let most = names.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
            NameFound {
                stimulus: stimulus.text.clone(),
                name: most.map(|(name, _)| name.clone()),
                share: share(most.map_or(0, |(_, k)| *k), n),
                n_names: names.len(),
                n_abstained,
            }
        })
        .collect()
}

fn agreement(study: &Study, gathered: &Gathered) -> Found<AlphaFound> {
    if matches!(study.design, Design::Arrangement { .. }) {
        return Found::Nothing {
            why: "places on a field are not categories; see the reliability of the map".to_owned(),
        };
    }
    let (rows, level) = ratings(study, gathered);
    Found::of(alpha(&rows, level).map(|it| AlphaFound {
        alpha: it.alpha,
        interval:
            alpha_interval(&rows, level, RESAMPLES / 2, LEVEL, &mut Pcg32::new(SEED)).ok().map(|it| (it.low, it.high)),
        level: if level == Level::Interval { "interval" } else { "nominal" }.to_owned(),
        n_units: it.n_units,
        n_ratings: it.n_ratings,
        no_variance: it.no_variance,
    }))
}

/// Reads everything.
pub fn class_summary(gathered: &Gathered) -> ClassSummary {
    let study = gathered.study();
    let participants: Vec<ParticipantFound> = gathered
        .sessions()
        .map(|it| ParticipantFound {
            session_id: it.record.id.clone(),
            is_finished: it.is_finished,
            quality: of_session(study, &it.records),
        })
        .collect();
    let mut flags: BTreeMap<FlagName, u32> = BTreeMap::new();
    for flag in participants.iter().flat_map(|it| &it.quality.flags) {
        *flags.entry(flag.name).or_default() += 1;
    }
    let sum = |count: fn(&Quality) -> u32| participants.iter().map(|it| u64::from(count(&it.quality))).sum::<u64>();
    let all = || gathered.sessions().flat_map(|it| it.records.iter().cloned()).collect::<Vec<_>>();
    ClassSummary {
        study_id: study.id.clone(),
        study_version: study.version,
        study_sha256: study.hash(),
        simulated: gathered.sessions().any(|it| it.record.simulated),
        n_participants: gathered.len(),
        n_finished: participants.iter().filter(|it| it.is_finished).count(),
        n_main: sum(|quality| quality.n_main) as usize,
        n_flagged: participants.iter().filter(|it| !it.quality.flags.is_empty()).count(),
        flags,
        retest: share(sum(|quality| quality.n_repeats_same), sum(|quality| quality.n_repeats)),
        alpha: agreement(study, gathered),
        groups: groups(gathered),
        held_out: held_out(gathered),
        similarity: study.design.is_about_similarity().then(|| similarity(gathered)),
        preference: matches!(study.design, Design::Preference { .. }).then(|| preference(study, gathered)),
        label: matches!(study.design, Design::Label { .. }).then(|| LabelFound { counts: label_counts(study, &all()) }),
        ratings: matches!(study.design, Design::AnswerRating { .. }).then(|| answer_ratings(study, gathered)),
        names: matches!(study.design, Design::FreeLabel { .. }).then(|| free_names(study, gathered)),
        participants,
    }
}

/// How a model's similarities agree with a class: with the mean of all, and on average with single participants, which is
/// what the noise ceiling bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BesideModel {
    /// Spearman's rho with the class's mean.
    pub rho: f64,
    /// Pairs that both have.
    pub n_pairs: usize,
    /// Mean Spearman's rho with single participants.
    pub mean_rho: f64,
    /// Participants it could be compared with.
    pub n_participants: usize,
}

/// Compares a class with a model's square similarity matrix over the same stimuli.
///
/// # Errors
/// A [`StatError`] where there is nothing to compare.
pub fn beside_model(gathered: &Gathered, summary: &SimilarityFound, model: &Matrix) -> Result<BesideModel, StatError> {
    let n = summary.labels.len();
    let mut theirs = vec![f64::NAN; pair_count(n)];
    for i in 0..n {
        for j in i + 1..n {
            if let Some(value) = model.values.get(i * n + j).copied().flatten() {
                theirs[pair_index(i, j, n)] = -value;
            }
        }
    }
    let theirs = Rdm::new(summary.labels.clone(), theirs)?;
    let mean = summary.rdm.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    let whole = compare(&Rdm::new(summary.labels.clone(), mean)?, &theirs, Measure::Spearman)?;
    let single: Vec<f64> = gathered
        .sessions()
        .filter_map(|it| {
            let row = dissimilarities(gathered.study(), &it.records);
            compare(&Rdm::new(summary.labels.clone(), row).ok()?, &theirs, Measure::Spearman).ok()
        })
        .map(|it| it.value)
        .collect();
    if single.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    Ok(BesideModel {
        rho: whole.value,
        n_pairs: whole.n_pairs,
        mean_rho: single.iter().sum::<f64>() / single.len() as f64,
        n_participants: single.len(),
    })
}
