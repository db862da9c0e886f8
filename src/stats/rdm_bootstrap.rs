//! How much would the agreement of models with people move with other people and other items? Bootstrap over subjects,
//! conditions (items) or both, as in rsatoolbox (Schütt et al. 2023).
//!
//! The statistic is the mean over subjects of a measure. Models are evaluated on the same draws, so that the
//! difference of two models can be taken draw by draw. A pair of an item with its own copy is left out. That leaves
//! whitened measures fewer pairs to whiten with, which raises them: under drawn conditions their draws can all lie above
//! the value, `BCa` then is an error, and only differences of models or drawn subjects should be shown.

use super::StatError;
use super::bootstrap::{BootstrapInterval, bca_of_draws, percentile_of_draws};
use super::rdm::{Rdm, pair_count};
use super::rdm_compare::{Measure, Prepared, compare, compare_values};
use super::rng::Pcg32;

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// People: says how the result would move with other people and these items.
    Subjects,
    /// Items: with these people and other items.
    Conditions,
    /// Both.
    Both,
}

/// Agreement of models with subjects, and its bootstrap draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// For each model, the mean of the measure over subjects.
    pub values: Vec<f64>,
    /// For each model, its value in each resample in which all models have one.
    pub draws: Vec<Vec<f64>>,
    /// Resamples without a value; they are left out and must be told.
    pub undefined: usize,
    /// For each model, its value without each subject (if subjects were drawn) and without each condition (if they
    /// were).
    jackknife: Vec<Vec<Vec<f64>>>,
    /// Subjects.
    pub n_subjects: usize,
    /// Conditions.
    pub n_conditions: usize,
}

impl Evaluation {
    /// Percentile interval of a model.
    ///
    /// # Errors
    /// `Range` for an unknown model or a bad level, `Unstable` if most draws have no value.
    pub fn percentile(&self, model: usize, level: f64) -> Result<BootstrapInterval, StatError> {
        percentile_of_draws(self.of(model)?, self.undefined, level)
    }

    /// `BCa` interval of a model.
    ///
    /// # Errors
    /// As [`Self::percentile`]; `Constant` where all draws lie on one side of the value.
    pub fn bca(&self, model: usize, level: f64) -> Result<BootstrapInterval, StatError> {
        let draws = self.of(model)?;
        let jackknife: Vec<&[f64]> = self.jackknife[model].iter().map(Vec::as_slice).collect();
        bca_of_draws(draws, self.undefined, level, self.values[model], &jackknife)
    }

    /// Percentile interval of the first model's value minus the second's, draw by draw.
    ///
    /// # Errors
    /// As [`Self::percentile`].
    pub fn difference(&self, first: usize, second: usize, level: f64) -> Result<BootstrapInterval, StatError> {
        let draws: Vec<f64> = self.of(first)?.iter().zip(self.of(second)?).map(|(a, b)| a - b).collect();
        percentile_of_draws(&draws, self.undefined, level)
    }

    /// Variance over the draws of a model (divided by their number minus one).
    ///
    /// # Errors
    /// `Range` for an unknown model, `TooFew` below two draws.
    pub fn variance(&self, model: usize) -> Result<f64, StatError> {
        let draws = self.of(model)?;
        if draws.len() < 2 {
            return Err(StatError::TooFew { n: draws.len(), needed: 2 });
        }
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        Ok(draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / (n - 1.0))
    }

    fn of(&self, model: usize) -> Result<&[f64], StatError> {
        self.draws.get(model).map(Vec::as_slice).ok_or(StatError::Range { what: "the model" })
    }
}

/// Variance for new subjects and new conditions from three bootstraps. Drawing both factors counts the noise of single
/// measurements three times; this takes it off (Schütt et al. 2023, rsatoolbox's small-sample form).
pub fn dual_variance(both: f64, subjects: f64, conditions: f64, n_subjects: usize, n_conditions: usize) -> f64 {
    let share = |n: usize| n as f64 / (n as f64 - 1.0).max(1.0);
    let (s, c) = (share(n_subjects) * subjects, share(n_conditions) * conditions);
    let joint = share(n_subjects) * share(n_conditions) * (both - subjects - conditions);
    (s + c - joint).max(s).max(c).min(both)
}

/// One model against one subject: what is kept ready, and which pairs of the matrix both have.
struct Pairing {
    prepared: Option<Prepared>,
    pairs: Vec<usize>,
}

struct Setup<'a> {
    measure: Measure,
    models: &'a [Rdm],
    subjects: &'a [Rdm],
    pairings: Vec<Vec<Pairing>>,
    weights: Vec<u32>,
    scratch: Vec<u32>,
    n: usize,
}

impl<'a> Setup<'a> {
    fn new(models: &'a [Rdm], subjects: &'a [Rdm], measure: Measure) -> Result<Self, StatError> {
        let n = subjects.first().map_or(0, Rdm::n_items);
        let mut pairings = Vec::with_capacity(models.len());
        for model in models {
            let mut row = Vec::with_capacity(subjects.len());
            for subject in subjects {
                if subject.n_items() != n || model.n_items() != n {
                    return Err(StatError::Lengths { left: model.n_items(), right: subject.n_items() });
                }
                // Tells undefined comparisons before any draw.
                compare(model, subject, measure)?;
                let (a, b) = (model.values(), subject.values());
                let pairs: Vec<usize> = (0..a.len()).filter(|&k| !a[k].is_nan() && !b[k].is_nan()).collect();
                let take = |values: &[f64]| pairs.iter().map(|&k| values[k]).collect::<Vec<f64>>();
                let prepared =
                    if measure.is_whitened() { None } else { Some(Prepared::new(measure, &take(a), &take(b))?) };
                row.push(Pairing { prepared, pairs });
            }
            pairings.push(row);
        }
        let weights = vec![1; pair_count(n)];
        Ok(Self { measure, models, subjects, pairings, weights, scratch: Vec::new(), n })
    }

    /// The value of a model with subject `s` standing `subjects[s]` times and condition `c` `conditions[c]` times.
    fn value(&mut self, model: usize, subjects: &[u32], conditions: &[u32]) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0.0);
        let drawn: Option<Vec<usize>> = self.measure.is_whitened().then(|| {
            conditions.iter().enumerate().flat_map(|(c, times)| std::iter::repeat_n(c, *times as usize)).collect()
        });
        for (subject, &times) in subjects.iter().enumerate().filter(|(_, times)| **times > 0) {
            let pairing = &mut self.pairings[model][subject];
            let value = if let Some(prepared) = &mut pairing.prepared {
                let weights = if pairing.pairs.len() == self.weights.len() {
                    &self.weights
                } else {
                    self.scratch.clear();
                    self.scratch.extend(pairing.pairs.iter().map(|&pair| self.weights[pair]));
                    &self.scratch
                };
                prepared.weighted(weights)?
            } else {
                let drawn = drawn.as_deref()?;
                let a = self.models[model].take(drawn).ok()?;
                let b = self.subjects[subject].take(drawn).ok()?;
                compare_values(a.values(), b.values(), self.measure).ok()?.value
            };
            sum += f64::from(times) * value;
            count += f64::from(times);
        }
        (count > 0.0).then(|| sum / count)
    }

    fn set_conditions(&mut self, conditions: &[u32]) {
        let mut pair = 0;
        for i in 0..self.n {
            for j in i + 1..self.n {
                self.weights[pair] = conditions[i] * conditions[j];
                pair += 1;
            }
        }
    }

    fn values(&mut self, subjects: &[u32], conditions: &[u32]) -> Option<Vec<f64>> {
        self.set_conditions(conditions);
        (0..self.models.len()).map(|model| self.value(model, subjects, conditions)).collect()
    }
}

/// Draws `times` units out of `n` with replacement into counts.
fn draw_counts(counts: &mut [u32], rng: &mut Pcg32) {
    counts.fill(0);
    for _ in 0..counts.len() {
        counts[rng.below(counts.len())] += 1;
    }
}

/// Evaluates models on subjects' RDMs (all over the same items in the same order) with `resamples` bootstrap draws.
/// Below 20 conditions a caller should say that the result does not generalize to new items.
///
/// # Errors
/// `TooFew` for no models or for a drawn factor below two subjects or three conditions, `Lengths` for different sizes,
/// `Range` for no resamples, and where a model cannot be compared with a subject.
pub fn bootstrap_evaluation(
    models: &[Rdm],
    subjects: &[Rdm],
    measure: Measure,
    factor: Factor,
    resamples: usize,
    rng: &mut Pcg32,
) -> Result<Evaluation, StatError> {
    let (n_subjects, n_conditions) = (subjects.len(), subjects.first().map_or(0, Rdm::n_items));
    let (by_subjects, by_conditions) = (factor != Factor::Conditions, factor != Factor::Subjects);
    for (n, needed) in [
        (models.len(), 1),
        (n_subjects, if by_subjects { 2 } else { 1 }),
        (n_conditions, if by_conditions { 3 } else { 2 }),
    ] {
        if n < needed {
            return Err(StatError::TooFew { n, needed });
        }
    }
    if resamples == 0 {
        return Err(StatError::Range { what: "the number of resamples" });
    }
    let mut setup = Setup::new(models, subjects, measure)?;
    let (mut some_subjects, mut some_conditions) = (vec![1_u32; n_subjects], vec![1_u32; n_conditions]);
    let values = setup.values(&some_subjects, &some_conditions).ok_or(StatError::Constant)?;
    let mut jackknife = vec![Vec::new(); models.len()];
    let mut leave_out = |counts: &mut dyn FnMut(usize, u32) -> (Vec<u32>, Vec<u32>), n: usize| {
        let mut without = vec![Vec::with_capacity(n); models.len()];
        for unit in 0..n {
            let (s, c) = counts(unit, 0);
            let values = setup.values(&s, &c).unwrap_or_else(|| vec![f64::NAN; models.len()]);
            for (list, value) in without.iter_mut().zip(values) {
                list.push(value);
            }
        }
        for (model, list) in jackknife.iter_mut().zip(without) {
            model.push(list);
        }
    };
    let ones = |n: usize, unit: usize, count: u32| {
        let mut counts = vec![1; n];
        counts[unit] = count;
        counts
    };
    if by_subjects {
        leave_out(&mut |unit, count| (ones(n_subjects, unit, count), vec![1; n_conditions]), n_subjects);
    }
    if by_conditions {
        leave_out(&mut |unit, count| (vec![1; n_subjects], ones(n_conditions, unit, count)), n_conditions);
    }
    let mut draws = vec![Vec::with_capacity(resamples); models.len()];
    let mut undefined = 0;
    for _ in 0..resamples {
        if by_subjects {
            draw_counts(&mut some_subjects, rng);
        }
        if by_conditions {
            draw_counts(&mut some_conditions, rng);
        }
        match setup.values(&some_subjects, &some_conditions) {
            Some(found) => {
                for (list, value) in draws.iter_mut().zip(found) {
                    list.push(value);
                }
            }
            None => undefined += 1,
        }
    }
    Ok(Evaluation { values, draws, undefined, jackknife, n_subjects, n_conditions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(truth: &[f64], noise: f64, rng: &mut Pcg32) -> Rdm {
        Rdm::from_values(truth.iter().map(|value| value + noise * rng.normal()).collect()).unwrap()
    }

    fn planted(n: usize, subjects: usize, rng: &mut Pcg32) -> (Rdm, Vec<Rdm>) {
        let truth: Vec<f64> = (0..pair_count(n)).map(|_| 3.0 + rng.unit()).collect();
        let people = (0..subjects).map(|_| noisy(&truth, 0.3, rng)).collect();
        (Rdm::from_values(truth).unwrap(), people)
    }

    #[test]
    fn intervals_hold_the_value_and_both_factors_widen_them() {
        let mut rng = Pcg32::new(1);
        let (truth, people) = planted(12, 8, &mut rng);
        let models = [truth.clone(), noisy(truth.values(), 0.5, &mut rng)];
        for measure in Measure::ALL {
            let resamples = if measure.is_whitened() { 200 } else { 1000 };
            let width = |factor| {
                let found =
                    bootstrap_evaluation(&models, &people, measure, factor, resamples, &mut Pcg32::new(7)).unwrap();
                if !measure.is_whitened() {
                    let (p, b) = (found.percentile(0, 0.95).unwrap(), found.bca(0, 0.95).unwrap());
                    assert!(p.low < found.values[0] && found.values[0] < p.high, "{measure:?} {p:?}");
                    assert!(b.low < found.values[0] && found.values[0] < b.high, "{measure:?} {b:?}");
                }
                assert!(found.difference(0, 1, 0.95).unwrap().low > 0.0, "{measure:?}");
                (found.variance(0).unwrap(), found)
            };
            let (subjects, first) = width(Factor::Subjects);
            let (conditions, _) = width(Factor::Conditions);
            let (both, again) = width(Factor::Both);
            assert!(both > subjects && both > conditions, "{measure:?}");
            let corrected = dual_variance(both, subjects, conditions, 8, 12);
            assert!(corrected <= both && corrected >= subjects.min(both), "{measure:?}");
            assert_eq!(first.values, again.values);
        }
    }

    #[test]
    fn weights_give_what_a_drawn_matrix_gives() {
        let mut rng = Pcg32::new(2);
        let (truth, people) = planted(6, 3, &mut rng);
        let models = [noisy(truth.values(), 0.4, &mut rng)];
        let conditions = [2, 0, 1, 1, 2, 0];
        let drawn = [0, 0, 2, 3, 4, 4];
        for measure in Measure::ALL {
            let mut setup = Setup::new(&models, &people, measure).unwrap();
            let found = setup.values(&[1, 2, 0], &conditions).unwrap()[0];
            let single = |subject: usize| {
                let (a, b) = (models[0].take(&drawn).unwrap(), people[subject].take(&drawn).unwrap());
                compare(&a, &b, measure).unwrap().value
            };
            let expected = (single(0) + 2.0 * single(1)) / 3.0;
            assert!((found - expected).abs() < 1e-12, "{measure:?} {found} {expected}");
        }
    }

    #[test]
    fn too_little_data_is_an_error() {
        let mut rng = Pcg32::new(3);
        let (truth, people) = planted(5, 1, &mut rng);
        let models = [truth];
        let mut run = |factor| bootstrap_evaluation(&models, &people, Measure::Pearson, factor, 10, &mut rng);
        assert_eq!(run(Factor::Subjects), Err(StatError::TooFew { n: 1, needed: 2 }));
        assert!(run(Factor::Conditions).is_ok());
    }
}
