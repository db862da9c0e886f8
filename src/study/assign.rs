//! Lays out the trials of a session: order, sides, repeats and catch trials, all from one seed.

use super::adaptive::mark_held_out;
use super::design::Design;
use super::study::{CatchTrial, Stimulus, Study};
use super::trial::{Trial, TrialKind};
use crate::stats::rng::Pcg32;

/// Trials from an original to its repeat, at least.
pub const MIN_REPEAT_GAP: usize = 10;

/// What stands in one place before the final indices are known. Numbers index the study's stimuli.
enum Slot {
    Main(Vec<usize>),
    /// The places of the original.
    Repeat(Vec<usize>),
    Catch(usize),
}

/// All trials of a session, in order. The same study and seed give the same trials.
///
/// Comprehension questions and practice come first, as the study lists them. Main trials come in random order as
/// their design lays them out. Repeats come at least [`MIN_REPEAT_GAP`] trials after their original with every
/// stimulus in another place. Of an adaptive study these are the questions of the held-out stream; the others are
/// replaced when a session comes to them ([`super::adaptive`]). Catch trials are spread over the main trials and are never the first of them. The study
/// must be valid ([`Study::validate`]).
pub fn trials(study: &Study, seed: u64) -> Vec<Trial> {
    let mut rng = Pcg32::new(seed);
    let mains = study.design.main_trials(&study.stimuli, &mut rng).into_iter().take(study.n_main());
    let mut slots: Vec<Slot> = mains.map(Slot::Main).collect();
    insert_repeats(&mut slots, study.n_repeats as usize, &mut rng);
    insert_catch_trials(&mut slots, study.catch_trials.len(), &mut rng);
    let mut trials: Vec<Trial> = Vec::with_capacity(study.n_trials());
    let push = |trials: &mut Vec<Trial>, kind, stimuli| {
        trials.push(Trial { index: trials.len() as u32, kind, stimuli });
    };
    for question in 0..study.comprehension.len() {
        push(&mut trials, TrialKind::Comprehension { question: question as u32 }, Vec::new());
    }
    for stimuli in &study.practice {
        push(&mut trials, TrialKind::Practice, stimuli.clone());
    }
    for slot in slots {
        match slot {
            Slot::Main(places) => push(&mut trials, TrialKind::Main, shown(study, &places)),
            Slot::Repeat(mut places) => {
                let original = shown(study, &places);
                let found = trials.iter().find(|trial| trial.kind == TrialKind::Main && trial.stimuli == original);
                if let Some(trial) = found.map(|trial| trial.index) {
                    study.design.reordered(&mut places);
                    push(&mut trials, TrialKind::RepeatOf { trial }, shown(study, &places));
                }
            }
            Slot::Catch(which) => {
                if let Some(catch) = study.catch_trials.get(which) {
                    let kind =
                        TrialKind::Catch { instruction: catch.instruction.clone(), expected: catch.expected.clone() };
                    push(&mut trials, kind, catch_stimuli(study, catch, &mut rng));
                }
            }
        }
    }
    if let Some(adaptive) = study.adaptive {
        mark_held_out(&mut trials, adaptive, seed);
    }
    trials
}

fn shown(study: &Study, places: &[usize]) -> Vec<Stimulus> {
    places.iter().filter_map(|&place| study.stimuli.get(place).cloned()).collect()
}

/// The catch trial's own stimuli in random order, or different ones drawn by chance, which keeps the screen like that
/// of every other trial.
fn catch_stimuli(study: &Study, catch: &CatchTrial, rng: &mut Pcg32) -> Vec<Stimulus> {
    let mut places: Vec<usize> = if catch.stimuli.is_empty() {
        let mut all: Vec<usize> = (0..study.stimuli.len()).collect();
        rng.shuffle(&mut all);
        all.truncate(study.design.n_shown());
        all
    } else {
        catch.stimuli.iter().filter_map(|id| study.stimuli.iter().position(|it| it.id == *id)).collect()
    };
    // An anchor stays first.
    let anchors = usize::from(matches!(study.design, Design::AnchoredTriplet { .. })).min(places.len());
    rng.shuffle(&mut places[anchors..]);
    shown(study, &places)
}

/// Later insertions can only widen a gap: they fall before both, between the two, or after both.
fn insert_repeats(slots: &mut Vec<Slot>, n_repeats: usize, rng: &mut Pcg32) {
    let mut originals: Vec<Vec<usize>> = slots
        .iter()
        .take(slots.len().saturating_sub(MIN_REPEAT_GAP))
        .filter_map(|slot| if let Slot::Main(places) = slot { Some(places.clone()) } else { None })
        .collect();
    rng.shuffle(&mut originals);
    for places in originals.into_iter().take(n_repeats) {
        let Some(at) = slots.iter().position(|slot| matches!(slot, Slot::Main(it) if *it == places)) else {
            continue;
        };
        let earliest = at + MIN_REPEAT_GAP;
        let place = earliest + rng.below((slots.len() + 1).saturating_sub(earliest));
        slots.insert(place.min(slots.len()), Slot::Repeat(places));
    }
}

/// One catch trial in each of `n` equal stretches of the session.
fn insert_catch_trials(slots: &mut Vec<Slot>, n: usize, rng: &mut Pcg32) {
    let mut order: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut order);
    let length = slots.len();
    // From the back, so that places in front stay what they were.
    for (stretch, which) in order.into_iter().enumerate().rev() {
        let (start, end) = (length * stretch / n, length * (stretch + 1) / n);
        let place = (start + 1 + rng.below(end.saturating_sub(start + 1).max(1))).min(slots.len());
        slots.insert(place, Slot::Catch(which));
    }
}
