//! The next question by what it is expected to teach, and a stream of questions drawn at random ahead that never takes part
//! in it.
//!
//! A session is laid out by seed as any other ([`super::assign`]). A share of its main trials keeps the random questions
//! of that layout and is marked ([`TrialKind::HeldOut`]); at each of the others the question is chosen when it is reached,
//! among those not asked yet and not held out, by [`Committee`] from this participant's own answers to chosen questions.
//! Nothing but the study, the seed and the answers before it goes into a choice: a session that is resumed, undone or read
//! from its records comes to the same questions, and a record of another question is refused. Answers of the held-out
//! stream are not learned from, so that what is predicted of them is a fair test.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::design::{Design, MAX_TRIALS};
use super::judgment::{Judgment, question_key};
use super::study::{Stimulus, Study};
use super::trial::{Answer, Trial, TrialKind};
use super::{arrangement, pair_rating, triplet};
use crate::stats::committee::{Committee, Pairs, Told};
use crate::stats::rng::Pcg32;

/// Share of main trials that are held out where nothing is said, in percent.
pub const HOLDOUT_PERCENT: u8 = 20;
/// Triplets that are weighed against each other for one trial.
const CANDIDATES: usize = 150;
/// Streams of random numbers, apart from that of the layout.
const STREAM_HELD: u64 = 101;
const STREAM_MAPS: u64 = 102;
const STREAM_CHOICE: u64 = 1_000;

fn usual_share() -> u8 {
    HOLDOUT_PERCENT
}

/// How the next question is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// Main trials that are drawn at random ahead and never learned from, in percent.
    #[serde(default = "usual_share")]
    pub holdout_percent: u8,
    /// Pairs that a session rates, of all there are; only for ratings of pairs, where it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_pairs: Option<u32>,
}

impl Adaptive {
    /// Trials of the held-out stream among so many main trials: at least one.
    pub fn n_held(&self, n_main: usize) -> usize {
        ((n_main * usize::from(self.holdout_percent) + 50) / 100).clamp(1, n_main.max(1))
    }

    /// Checks what the types cannot say.
    pub(super) fn validate(&self, design: &Design, n_stimuli: usize) -> Result<(), StudyError> {
        if !(5..=50).contains(&self.holdout_percent) {
            let detail = format!("{} is not between 5 and 50", self.holdout_percent);
            return Err(StudyError::field("adaptive.holdout_percent", detail));
        }
        match (design, self.n_pairs) {
            (Design::PairRating { .. }, Some(n)) => {
                let all = pair_rating::n_pairs(n_stimuli);
                if n < 5 || n as usize >= all {
                    let detail =
                        format!("{n} of {all} pairs; 5 to {} leave something to choose", all.saturating_sub(1));
                    return Err(StudyError::field("adaptive.n_pairs", detail));
                }
                Ok(())
            }
            (Design::PairRating { .. }, None) => {
                Err(StudyError::field("adaptive.n_pairs", "it must say how many of the pairs a session rates"))
            }
            (Design::Triplet { .. } | Design::AnchoredTriplet { .. }, None) => Ok(()),
            (Design::Triplet { .. } | Design::AnchoredTriplet { .. }, Some(_)) => {
                Err(StudyError::field("adaptive.n_pairs", "design.n_trials says how many triplets there are"))
            }
            _ => Err(StudyError::field("adaptive", "only pairs that are rated and triplets can be chosen so")),
        }
    }
}

/// Whether a session of this study chooses questions by the answers before.
pub fn adapts(study: &Study) -> bool {
    study.adaptive.is_some() || matches!(study.design, Design::Arrangement { lift_the_weakest: true, .. })
}

/// The field of the trial at `index` of an arrangement that lifts the weakest, after the main judgments `before`; none for
/// the first, and for other studies.
pub(super) fn next_field(study: &Study, seed: u64, index: u32, before: &[&Judgment]) -> Option<Vec<Stimulus>> {
    let Design::Arrangement { n_shown, lift_the_weakest: true, .. } = study.design else { return None };
    let place = |id: &str| study.stimuli.iter().position(|it| it.id == id);
    let fields = arrangement::arranged(before, &place);
    if fields.is_empty() {
        return None;
    }
    let mut rng = Pcg32::with_stream(seed, STREAM_CHOICE + u64::from(index));
    let set = arrangement::weakest_set(study.stimuli.len(), n_shown as usize, &fields, &mut rng);
    Some(set.into_iter().filter_map(|place| study.stimuli.get(place).cloned()).collect())
}

/// Marks the held-out stream among laid-out trials.
pub(super) fn mark_held_out(trials: &mut [Trial], adaptive: Adaptive, seed: u64) {
    let mut mains: Vec<usize> =
        trials.iter().enumerate().filter(|(_, it)| it.kind == TrialKind::Main).map(|(place, _)| place).collect();
    let n = adaptive.n_held(mains.len());
    Pcg32::with_stream(seed, STREAM_HELD).shuffle(&mut mains);
    for place in mains.into_iter().take(n) {
        if let Some(trial) = trials.get_mut(place) {
            trial.kind = TrialKind::HeldOut;
        }
    }
}

/// The pairs among which an answer to this question chooses the closest: anchor and each of two, or each two of three.
fn pairs_of(design: &Design, places: &[usize]) -> Option<Pairs> {
    match (design, places) {
        (Design::Triplet { .. }, &[a, b, c]) => Some(vec![(b, c), (a, c), (a, b)]),
        (Design::AnchoredTriplet { .. }, &[anchor, a, b]) => Some(vec![(anchor, a), (anchor, b)]),
        _ => None,
    }
}

/// What an answer tells a committee.
pub fn told(study: &Study, stimuli: &[String], answer: &Answer) -> Option<Told> {
    let place = |id: &String| study.stimuli.iter().position(|it| it.id == *id);
    let places: Vec<usize> = stimuli.iter().map(place).collect::<Option<_>>()?;
    match (&study.design, answer, places.as_slice()) {
        (Design::PairRating { scale }, Answer::Rating { rating }, &[a, b]) => {
            let width = f64::from(scale.max - scale.min);
            Some(Told::Distance { pair: (a, b), distance: f64::from(scale.max.saturating_sub(*rating)) / width })
        }
        (design, Answer::OddOne { stimulus }, _) => {
            // The pair that stays is the one without the odd one.
            let chosen = stimuli.iter().position(|it| it == stimulus)?;
            Some(Told::Closest { pairs: pairs_of(design, &places)?, chosen })
        }
        (design, Answer::Closer { stimulus }, _) => {
            let chosen = stimuli.iter().skip(1).position(|it| it == stimulus)?;
            Some(Told::Closest { pairs: pairs_of(design, &places)?, chosen })
        }
        _ => None,
    }
}

/// A committee that knows nothing yet, of a session with this seed.
pub fn committee(study: &Study, seed: u64) -> Committee {
    Committee::new(study.stimuli.len(), &mut Pcg32::with_stream(seed, STREAM_MAPS))
}

fn ids_of(study: &Study, places: &[usize]) -> Vec<String> {
    places.iter().filter_map(|&place| study.stimuli.get(place)).map(|it| it.id.clone()).collect()
}

/// Every ordered triplet of different places.
fn every_triplet(n: usize) -> Vec<Vec<usize>> {
    let ordered = (0..n).flat_map(|a| (0..n).flat_map(move |b| (0..n).map(move |c| vec![a, b, c])));
    ordered.filter(|it| it[0] != it[1] && it[0] != it[2] && it[1] != it[2]).collect()
}

/// The question of the trial at `index` that teaches most, in the order shown; `taken` are the keys of questions that
/// were asked or are held out.
pub(super) fn choose(
    study: &Study,
    seed: u64,
    index: u32,
    committee: &Committee,
    taken: &BTreeSet<Vec<String>>,
) -> Option<Vec<Stimulus>> {
    let n = study.stimuli.len();
    let mut rng = Pcg32::with_stream(seed, STREAM_CHOICE + u64::from(index));
    let free = |places: &[usize]| !taken.contains(&question_key(&study.design, &ids_of(study, places)));
    let mut best: Option<(f64, Vec<usize>)> = None;
    let mut weigh = |value: f64, places: Vec<usize>| {
        if best.as_ref().is_none_or(|(most, _)| value > *most) {
            best = Some((value, places));
        }
    };
    if let Design::PairRating { .. } = study.design {
        let mut pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
        // Ties by chance.
        rng.shuffle(&mut pairs);
        for (a, b) in pairs {
            let places = if rng.below(2) == 0 { vec![a, b] } else { vec![b, a] };
            if free(&places) {
                weigh(committee.variance((a, b)), places);
            }
        }
    } else {
        let all = triplet::n_triplets(n) * if matches!(study.design, Design::AnchoredTriplet { .. }) { 3 } else { 1 };
        // Free questions may be rare among few stimuli and are plenty among many.
        let mut few: Vec<Vec<usize>> = if all <= MAX_TRIALS { every_triplet(n) } else { Vec::new() };
        rng.shuffle(&mut few);
        let mut found = 0;
        for drawn in 0..if few.is_empty() { 20 * CANDIDATES } else { few.len() } {
            let places = match few.get(drawn) {
                Some(places) => places.clone(),
                None => vec![rng.below(n), rng.below(n), rng.below(n)],
            };
            if places[0] == places[1] || places[0] == places[2] || places[1] == places[2] || !free(&places) {
                continue;
            }
            found += 1;
            if let Some(pairs) = pairs_of(&study.design, &places) {
                weigh(committee.doubt(&pairs), places);
            }
            if found == CANDIDATES {
                break;
            }
        }
    }
    let (_, places) = best?;
    Some(places.iter().filter_map(|&place| study.stimuli.get(place).cloned()).collect())
}
