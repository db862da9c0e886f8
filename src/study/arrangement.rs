//! Arrangement: several things are put on a field so that what is alike lies close together, several times with other
//! things (Kriegeskorte and Mur 2012, doi:10.3389/fpsyg.2012.00245). The sets are laid out by seed before the session,
//! covering pairs evenly, or all but the first lift the weakest pairs of the answers before ([`weakest_set`]).

use super::StudyError;
use super::design::{MAX_TRIALS, SimulatedParticipant};
use super::judgment::Judgment;
use super::trial::{Answer, Trial};
use crate::stats::mds::classical;
use crate::stats::rdm::{Rdm, pair_count, pair_index};
use crate::stats::rng::Pcg32;

/// Width and height of the field.
pub const FIELD: u16 = 1000;
/// Fewest things on the field.
pub const LEAST_SHOWN: usize = 3;
/// Most things on the field.
pub const MAX_SHOWN: u32 = 20;
/// Rounds of rescaling in [`inverse_mds`], and the change at which they end.
const ROUNDS: usize = 200;
const PRECISION: f64 = 1e-10;

pub(super) fn validate_design(n_shown: u32, n_trials: u32, n_stimuli: usize) -> Result<(), StudyError> {
    let most = (MAX_SHOWN as usize).min(n_stimuli);
    if (n_shown as usize) < LEAST_SHOWN || n_shown as usize > most {
        return Err(StudyError::field("design.n_shown", format!("{n_shown} is not between {LEAST_SHOWN} and {most}")));
    }
    if n_trials == 0 || n_trials as usize > MAX_TRIALS {
        return Err(StudyError::field("design.n_trials", format!("{n_trials} is not between 1 and {MAX_TRIALS}")));
    }
    Ok(())
}

/// Sets that cover pairs evenly: each begins with the pair that was together least and grows by whoever adds the pairs
/// that were together least; ties by chance.
pub(super) fn main_trials(n: usize, n_shown: usize, n_trials: usize, rng: &mut Pcg32) -> Vec<Vec<usize>> {
    let mut together = vec![0_u32; pair_count(n)];
    let mut trials = Vec::with_capacity(n_trials);
    for _ in 0..n_trials {
        let mut order: Vec<usize> = (0..n).collect();
        rng.shuffle(&mut order);
        let count = |a: usize, b: usize| together.get(pair_index(a, b, n)).copied().unwrap_or(0);
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (place, &a) in order.iter().enumerate() {
            pairs.extend(order.iter().skip(place + 1).map(|&b| (a, b)));
        }
        let Some(&(a, b)) = pairs.iter().min_by_key(|&&(a, b)| count(a, b)) else { break };
        let mut set = vec![a, b];
        while set.len() < n_shown.min(n) {
            let next = order
                .iter()
                .copied()
                .filter(|it| !set.contains(it))
                .min_by_key(|&it| set.iter().map(|&there| count(it, there)).sum::<u32>());
            let Some(next) = next else { break };
            set.push(next);
        }
        for (place, &a) in set.iter().enumerate() {
            for &b in set.iter().skip(place + 1) {
                if let Some(times) = together.get_mut(pair_index(a, b, n)) {
                    *times += 1;
                }
            }
        }
        rng.shuffle(&mut set);
        trials.push(set);
    }
    trials
}

pub(super) fn validate(points: &[(u16, u16)], trial: &Trial) -> Result<(), String> {
    if points.len() != trial.stimuli.len() {
        return Err(format!("{} places for {} things", points.len(), trial.stimuli.len()));
    }
    if points.iter().any(|&(x, y)| x > FIELD || y > FIELD) {
        return Err("a place is not on the field".to_owned());
    }
    if points.iter().all(|point| Some(point) == points.first()) {
        return Err("everything lies on one spot".to_owned());
    }
    Ok(())
}

/// Whether two things lie closer together than any other two of those shown.
pub(super) fn is_closest(ids: &[String; 2], shown: &[String], points: &[(u16, u16)]) -> bool {
    let is_wanted = |a: usize, b: usize| {
        [shown.get(a), shown.get(b)].iter().all(|it| it.is_some_and(|id| ids.contains(id)))
            && shown.get(a) != shown.get(b)
    };
    let (mut wanted, mut others) = (f64::INFINITY, f64::INFINITY);
    let mut found = distances(points).into_iter();
    for a in 0..points.len() {
        for b in a + 1..points.len() {
            let distance = found.next().unwrap_or(f64::INFINITY);
            let nearest = if is_wanted(a, b) { &mut wanted } else { &mut others };
            *nearest = nearest.min(distance);
        }
    }
    wanted < others
}

/// Everything in rows, and two things side by side: what an attentive participant answers to a catch trial.
pub(super) fn together(ids: &[String; 2], shown: &[String]) -> Answer {
    let cell = |place: usize| (100 + 200 * (place % 5) as u16, 100 + 200 * (place / 5) as u16);
    let mut points: Vec<(u16, u16)> = (0..shown.len()).map(cell).collect();
    let place = |id: &String| shown.iter().position(|it| it == id);
    if let (Some(first), Some(second)) = (place(&ids[0]), place(&ids[1])) {
        points[second] = (points[first].0 + 20, points[first].1);
    }
    Answer::Arrangement { points }
}

/// Things on a field, by their place among the stimuli, and where they lay.
pub type Arranged = (Vec<usize>, Vec<(u16, u16)>);

/// How fast evidence about a pair saturates: its utility is 1 - exp(-10 w), as in the paper.
const SATURATION: f64 = 10.0;

/// What the next field shows after `before`: "lift the weakest" (Kriegeskorte and Mur 2012). A pair's evidence is the sum of
/// its squared distances on the fields so far, in sides of the field: what lay close together was told least about. The set
/// begins with the pair of least evidence and takes whatever thing adds most utility of evidence, if the estimate so far is
/// spread over the whole field, until `n_shown` are there (the paper stops by a cost of time; here every field is as full).
/// Ties by chance. There are `n` stimuli.
pub(super) fn weakest_set(n: usize, n_shown: usize, before: &[Arranged], rng: &mut Pcg32) -> Vec<usize> {
    let mut evidence = vec![0.0; pair_count(n)];
    for (items, points) in before {
        let mut found = distances(points).into_iter();
        for (place, &a) in items.iter().enumerate() {
            for &b in items.iter().skip(place + 1) {
                let distance = found.next().unwrap_or(0.0) / f64::from(FIELD);
                if let (true, Some(sum)) = (a != b, evidence.get_mut(pair_index(a, b, n))) {
                    *sum += distance * distance;
                }
            }
        }
    }
    let known = inverse_mds(n, before);
    let told: Vec<f64> = known.iter().copied().filter(|it| it.is_finite()).collect();
    // Of a pair that never lay on one field nothing is known but what pairs are like.
    let mean = if told.is_empty() { 0.5 } else { told.iter().sum::<f64>() / told.len() as f64 };
    let of = |list: &[f64], a: usize, b: usize| list.get(pair_index(a, b, n)).copied().filter(|it| it.is_finite());
    let utility = |weight: f64| 1.0 - libm::exp(-SATURATION * weight);
    let gain = |set: &[usize]| {
        let pairs = set.iter().enumerate().flat_map(|(place, &a)| set[place + 1..].iter().map(move |&b| (a, b)));
        let all: Vec<(f64, f64)> =
            pairs.map(|(a, b)| (of(&evidence, a, b).unwrap_or(0.0), of(&known, a, b).unwrap_or(mean))).collect();
        let widest = all.iter().map(|it| it.1).fold(f64::MIN_POSITIVE, f64::max);
        all.iter().map(|(had, far)| utility(had + (far / widest) * (far / widest)) - utility(*had)).sum::<f64>()
    };
    let mut order: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut order);
    let mut set: Vec<usize> = Vec::with_capacity(n_shown);
    let pairs = order.iter().enumerate().flat_map(|(place, &a)| order[place + 1..].iter().map(move |&b| (a, b)));
    let weight = |&(a, b): &(usize, usize)| of(&evidence, a, b).unwrap_or(0.0);
    if let Some((a, b)) = pairs.min_by(|x, y| weight(x).total_cmp(&weight(y))) {
        set.extend([a, b]);
    }
    while set.len() < n_shown.min(n) {
        let with = |it: usize| {
            let mut larger = set.clone();
            larger.push(it);
            gain(&larger)
        };
        let free = order.iter().copied().filter(|it| !set.contains(it)).map(|it| (it, with(it)));
        let Some((next, _)) = free.max_by(|x, y| x.1.total_cmp(&y.1)) else { break };
        set.push(next);
    }
    rng.shuffle(&mut set);
    set
}

/// Distances on the field, pair by pair.
fn distances(points: &[(u16, u16)]) -> Vec<f64> {
    let mut out = Vec::with_capacity(pair_count(points.len()));
    for (place, a) in points.iter().enumerate() {
        for b in points.iter().skip(place + 1) {
            out.push(libm::hypot(f64::from(a.0) - f64::from(b.0), f64::from(a.1) - f64::from(b.1)));
        }
    }
    out
}

/// One participant's dissimilarities from several arrangements, upper triangle row by row, the largest 1, NaN for pairs
/// that never lay on one field (inverse MDS, Kriegeskorte and Mur 2012): each arrangement is scaled to fit the current
/// estimate and the estimate is the mean of all, weighted by the squared distance on the field, until nothing changes.
/// There are `n` stimuli.
pub fn inverse_mds(n: usize, arrangements: &[Arranged]) -> Vec<f64> {
    // Pairs of each arrangement with their distance.
    let seen: Vec<Vec<(usize, f64)>> = arrangements
        .iter()
        .map(|(items, points)| {
            let mut pairs = Vec::new();
            let mut found = distances(points).into_iter();
            for (place, &a) in items.iter().enumerate() {
                for &b in items.iter().skip(place + 1) {
                    if let Some(distance) = found.next()
                        && a != b
                    {
                        pairs.push((pair_index(a, b, n), distance));
                    }
                }
            }
            let rms = libm::sqrt(pairs.iter().map(|(_, d)| d * d).sum::<f64>() / pairs.len().max(1) as f64);
            pairs.into_iter().map(|(pair, distance)| (pair, distance / rms.max(f64::MIN_POSITIVE))).collect()
        })
        .collect();
    let mut scales = vec![1.0; seen.len()];
    let estimate = |scales: &[f64]| {
        let mut sums = vec![(0.0, 0.0); pair_count(n)];
        for (pairs, scale) in seen.iter().zip(scales) {
            for &(pair, distance) in pairs {
                // A pair that was put on one spot still says that it is close.
                let weight = distance * distance + 1e-9;
                if let Some(sum) = sums.get_mut(pair) {
                    *sum = (sum.0 + weight * scale * distance, sum.1 + weight);
                }
            }
        }
        sums.into_iter().map(|(sum, weight)| if weight > 0.0 { sum / weight } else { f64::NAN }).collect::<Vec<f64>>()
    };
    let mut current = estimate(&scales);
    for _ in 0..ROUNDS {
        for (pairs, scale) in seen.iter().zip(&mut scales) {
            let of = |pair: usize| current.get(pair).copied().unwrap_or(0.0);
            let (mut ours, mut theirs) = (0.0, 0.0);
            for &(pair, distance) in pairs {
                ours += of(pair) * of(pair);
                theirs += distance * distance;
            }
            *scale = libm::sqrt(ours / theirs.max(f64::MIN_POSITIVE));
        }
        let mean = scales.iter().sum::<f64>() / scales.len().max(1) as f64;
        for scale in &mut scales {
            *scale /= mean.max(f64::MIN_POSITIVE);
        }
        let next = estimate(&scales);
        let moved =
            current.iter().zip(&next).filter(|(a, _)| !a.is_nan()).map(|(a, b)| libm::fabs(a - b)).fold(0.0, f64::max);
        current = next;
        if moved < PRECISION {
            break;
        }
    }
    let widest = current.iter().copied().filter(|value| !value.is_nan()).fold(0.0, f64::max);
    if widest > 0.0 { current.into_iter().map(|value| value / widest).collect() } else { current }
}

/// The fields of these judgments; `place` gives the place of a stimulus.
pub(super) fn arranged(judgments: &[&Judgment], place: &dyn Fn(&str) -> Option<usize>) -> Vec<Arranged> {
    judgments
        .iter()
        .filter_map(|judgment| match judgment.answer() {
            Some(Answer::Arrangement { points }) => {
                let items: Option<Vec<usize>> = judgment.stimuli.iter().map(|id| place(id)).collect();
                Some((items?, points.clone()))
            }
            _ => None,
        })
        .collect()
}

/// [`inverse_mds`] of the main judgments of one session; `place` gives the place of a stimulus.
pub(super) fn of_judgments(n: usize, judgments: &[&Judgment], place: &dyn Fn(&str) -> Option<usize>) -> Vec<f64> {
    inverse_mds(n, &arranged(judgments, place))
}

/// The true map of what is shown, as well as two dimensions can, with uniform noise of half width `noise` (of half the
/// field) on every coordinate.
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
) -> Answer {
    let ids = trial.ids();
    let n = ids.len();
    let mut values = vec![0.0; pair_count(n)];
    for i in 0..n {
        for j in i + 1..n {
            values[pair_index(i, j, n)] = (1.0 - (participant.similarity)(&ids[i], &ids[j])).max(0.0);
        }
    }
    let map = Rdm::new(ids, values).and_then(|rdm| classical(&rdm, 2)).map(|map| map.points).unwrap_or_default();
    let reach = map.iter().flatten().fold(1e-9_f64, |reach, value| reach.max(libm::fabs(*value)));
    let mut coordinate = |value: f64| {
        let noisy = 0.9 * value / reach + (2.0 * uniform() - 1.0) * participant.noise.min(2.0);
        ((noisy.clamp(-1.0, 1.0) + 1.0) * 0.5 * f64::from(FIELD) + 0.5) as u16
    };
    let points = (0..n)
        .map(|item| {
            let point = map.get(item);
            let at = |axis: usize| point.and_then(|point| point.get(axis)).copied().unwrap_or(0.0);
            (coordinate(at(0)), coordinate(at(1)))
        })
        .collect::<Vec<_>>();
    let one_spot = points.iter().all(|point| Some(point) == points.first());
    let points = if one_spot { (0..n).map(|item| (item as u16, 0)).collect() } else { points };
    Answer::Arrangement { points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrangements_of_parts_at_different_scales_give_one_map() {
        let truth = [(0_u16, 0_u16), (100, 0), (0, 100), (100, 100), (50, 30)];
        let scaled = |items: &[usize], by: u16| {
            (items.to_vec(), items.iter().map(|&it| (truth[it].0 * by, truth[it].1 * by)).collect())
        };
        let found = inverse_mds(
            5,
            &[scaled(&[0, 1, 2, 3], 10), scaled(&[1, 2, 4], 3), scaled(&[0, 3, 4], 7), scaled(&[0, 1, 4], 1)],
        );
        let mut expected: Vec<f64> = distances(&truth);
        let widest = expected.iter().copied().fold(0.0, f64::max);
        for it in &mut expected {
            *it /= widest;
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn the_next_field_lifts_the_weakest_pairs() {
        // Four lay in a heap and two far away: nothing is known yet of what is within the heap.
        let points = vec![(0, 0), (10, 0), (0, 10), (10, 10), (1000, 1000), (1000, 0)];
        let seen = vec![((0..6).collect::<Vec<usize>>(), points)];
        for seed in 0..20 {
            let mut next = weakest_set(6, 4, &seen, &mut Pcg32::new(seed));
            next.sort_unstable();
            assert_eq!(next, [0, 1, 2, 3], "seed {seed}");
        }
        // Who never lay on a field comes next.
        let part = vec![(vec![0, 1, 2], vec![(0, 0), (1000, 0), (500, 900)])];
        let next = weakest_set(6, 3, &part, &mut Pcg32::new(1));
        assert!(next.iter().filter(|it| **it > 2).count() >= 1, "{next:?}");
        let all = weakest_set(4, 20, &[], &mut Pcg32::new(1));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn two_things_are_the_closest_only_if_no_others_are_as_close() {
        let shown = ["a", "b", "c"].map(str::to_owned);
        let wanted = ["c", "a"].map(str::to_owned);
        assert!(is_closest(&wanted, &shown, &[(0, 0), (500, 0), (100, 0)]));
        assert!(!is_closest(&wanted, &shown, &[(0, 0), (200, 0), (100, 0)]), "b is as close to c");
        assert!(!is_closest(&wanted, &shown, &[(0, 0), (50, 0), (100, 0)]));
        for n in 3..=MAX_SHOWN as usize {
            let shown: Vec<String> = (0..n).map(|it| it.to_string()).collect();
            let wanted = ["1".to_owned(), (n - 1).to_string()];
            let Answer::Arrangement { points } = together(&wanted, &shown) else { panic!() };
            assert!(is_closest(&wanted, &shown, &points) && points.iter().all(|it| it.0 <= FIELD && it.1 <= FIELD));
        }
    }

    #[test]
    fn sets_cover_pairs_evenly() {
        let trials = main_trials(10, 5, 9, &mut Pcg32::new(3));
        let mut together = vec![0; pair_count(10)];
        for set in &trials {
            assert_eq!(set.len(), 5);
            for (place, &a) in set.iter().enumerate() {
                for &b in &set[place + 1..] {
                    together[pair_index(a, b, 10)] += 1;
                }
            }
        }
        // 9 sets of 10 pairs for 45 pairs: 2 each on average.
        assert!(together.iter().all(|times| (1..=4).contains(times)), "{together:?}");
    }
}
