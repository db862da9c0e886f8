//! Lays out the trials of a session: order, sides, repeats and catch trials, all from one seed.

use super::pair_rating::{Trial, TrialKind};
use super::study::{CatchTrial, Stimulus, Study};
use crate::stats::rng::Pcg32;

/// Trials from an original to its repeat, at least.
pub const MIN_REPEAT_GAP: usize = 10;

/// What stands in one place before the final indices are known.
enum Slot {
    /// Left, right; both index the study's stimuli.
    Main(usize, usize),
    /// Left, right of the original.
    Repeat(usize, usize),
    Catch(usize),
}

/// All trials of a session, in order. The same study and seed give the same trials.
///
/// Every pair of different stimuli comes once, in random order. Each stimulus stands left as often as right, give or
/// take one. Repeats come at least [`MIN_REPEAT_GAP`] trials after their original with the sides exchanged. Catch
/// trials are spread over the session and are never its first trial. The study must be valid
/// ([`Study::validate`]); catch trials that name unknown stimuli are left out.
pub fn trials(study: &Study, seed: u64) -> Vec<Trial> {
    let mut rng = Pcg32::new(seed);
    let mut slots: Vec<Slot> = balanced_pairs(study.stimuli.len(), &mut rng)
        .into_iter()
        .map(|(left, right)| Slot::Main(left, right))
        .collect();
    insert_repeats(&mut slots, study.n_repeats as usize, &mut rng);
    insert_catch_trials(&mut slots, study.catch_trials.len(), &mut rng);
    let mut trials: Vec<Trial> = Vec::with_capacity(slots.len());
    for slot in slots {
        let index = trials.len() as u32;
        let trial = match slot {
            Slot::Main(left, right) => pair(study, index, left, right, TrialKind::Main),
            Slot::Repeat(left, right) => {
                let original = (study.stimuli.get(left), study.stimuli.get(right));
                trials
                    .iter()
                    .find(|trial| trial.kind == TrialKind::Main && (Some(&trial.left), Some(&trial.right)) == original)
                    .map(|trial| trial.index)
                    .and_then(|trial| pair(study, index, right, left, TrialKind::RepeatOf { trial }))
            }
            Slot::Catch(which) => {
                study.catch_trials.get(which).and_then(|catch| catch_trial(study, index, catch, &mut rng))
            }
        };
        trials.extend(trial);
    }
    trials
}

fn pair(study: &Study, index: u32, left: usize, right: usize, kind: TrialKind) -> Option<Trial> {
    Some(Trial { index, kind, left: study.stimuli.get(left)?.clone(), right: study.stimuli.get(right)?.clone() })
}

fn catch_trial(study: &Study, index: u32, catch: &CatchTrial, rng: &mut Pcg32) -> Option<Trial> {
    match catch {
        CatchTrial::Instructed { text, rating } => {
            // Two different words keep the screen like that of every other trial.
            let left = rng.below(study.stimuli.len());
            let right = (left + 1 + rng.below(study.stimuli.len().saturating_sub(1))) % study.stimuli.len().max(1);
            let kind = TrialKind::Catch { instruction: Some(text.clone()), lowest: *rating, highest: *rating };
            pair(study, index, left, right, kind)
        }
        CatchTrial::Identical { stimulus, at_least } => {
            let stimulus: &Stimulus = study.stimuli.iter().find(|candidate| candidate.id == *stimulus)?;
            let kind = TrialKind::Catch { instruction: None, lowest: *at_least, highest: study.scale.max };
            Some(Trial { index, kind, left: stimulus.clone(), right: stimulus.clone() })
        }
    }
}

/// Every pair once, as (left, right), shuffled. Stimuli sit on a circle in random order and each stands left of the
/// next half of it, which gives everyone as many lefts as rights (an odd one out at even `n`).
fn balanced_pairs(n: usize, rng: &mut Pcg32) -> Vec<(usize, usize)> {
    let mut circle: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut circle);
    let mut pairs = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for (i, &a) in circle.iter().enumerate() {
        for (j, &b) in circle.iter().enumerate().skip(i + 1) {
            let distance = j - i;
            let forward = match (2 * distance).cmp(&n) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal => rng.below(2) == 0,
            };
            pairs.push(if forward { (a, b) } else { (b, a) });
        }
    }
    rng.shuffle(&mut pairs);
    pairs
}

/// Later insertions can only widen a gap: they fall before both, between the two, or after both.
fn insert_repeats(slots: &mut Vec<Slot>, n_repeats: usize, rng: &mut Pcg32) {
    let mut originals: Vec<(usize, usize)> = slots
        .iter()
        .take(slots.len().saturating_sub(MIN_REPEAT_GAP))
        .filter_map(|slot| if let Slot::Main(left, right) = slot { Some((*left, *right)) } else { None })
        .collect();
    rng.shuffle(&mut originals);
    for (left, right) in originals.into_iter().take(n_repeats) {
        let Some(at) = slots.iter().position(|slot| matches!(slot, Slot::Main(l, r) if (*l, *r) == (left, right)))
        else {
            continue;
        };
        let earliest = at + MIN_REPEAT_GAP;
        let place = earliest + rng.below((slots.len() + 1).saturating_sub(earliest));
        slots.insert(place.min(slots.len()), Slot::Repeat(left, right));
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
