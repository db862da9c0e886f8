//! Raters between prototypes: the ideal-point view of PAL (Chen et al. 2024, arXiv:2406.08469, PAL-A), without a network.
//!
//! There every answer has a place x and every rater an ideal point a that is a convex mixture of K prototypes, and what lies
//! nearer to the ideal point is chosen. With squared distances, -|x - a|^2 is linear in a up to a term that all answers to a
//! question share, and the weights of a mixture add up to 1: a rater's utility of an answer is the same mixture of the
//! prototypes' utilities. Places need not be known, then: each prototype has a utility for every category of every question,
//! choices follow a softmax over the mixed utilities, and numbers are normal around the mixed means. A latent class
//! ([`super::latent_class`]) is the same model with all of a rater's weight on one prototype.

use super::StatError;
use super::latent_class::{Answers, Kind, LEAST, Mixture, Pool, normalized};
use super::minimize::minimize;

/// Spread of the prior on the logits of weights: at 2, weights of two prototypes lie between 0.02 and 0.98 nearly always.
const SPREAD: f64 = 2.0;
/// Least variance of numbers, as that of the mixture.
const LEAST_VARIANCE: f64 = 1e-4;
/// Most steps, and the slope that ends them.
const STEPS: usize = 60;
const SLOPE: f64 = 1e-3;

/// Raters between prototypes, fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct IdealPoints {
    /// Rater, prototype: weights that add up to 1.
    pub weights: Vec<Vec<f64>>,
    shape: Shape,
    x: Vec<f64>,
}

/// Where what lies among the parameters: utilities by prototype, question and category; logits of weights by rater and
/// prototype; the log of the variance.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    kind: Kind,
    prototypes: usize,
    raters: usize,
    /// Where the categories of a question begin, and their end after the last.
    starts: Vec<usize>,
}

impl Shape {
    fn cells(&self, prototype: usize, question: usize) -> std::ops::Range<usize> {
        let before = prototype * self.starts.last().copied().unwrap_or(0);
        before + self.starts[question]..before + self.starts[question + 1]
    }

    fn logits(&self, rater: usize) -> std::ops::Range<usize> {
        let before = self.prototypes * (self.starts.last().copied().unwrap_or(0)) + rater * self.prototypes;
        before..before + self.prototypes
    }

    fn log_variance(&self) -> usize {
        self.logits(self.raters).start
    }

    fn variance(&self, x: &[f64]) -> f64 {
        libm::exp(x[self.log_variance()].clamp(-30.0, 30.0)) + LEAST_VARIANCE
    }

    /// Mixed utilities of a question's categories, or the mixed mean alone.
    fn mixed(&self, x: &[f64], weights: &[f64], question: usize) -> Vec<f64> {
        let mut mixed = vec![0.0; self.starts[question + 1] - self.starts[question]];
        for (prototype, weight) in weights.iter().enumerate() {
            for (sum, utility) in mixed.iter_mut().zip(&x[self.cells(prototype, question)]) {
                *sum += weight * utility;
            }
        }
        mixed
    }

    /// Minus the logarithm of likelihood and priors, and its gradient, which is overwritten.
    fn loss(&self, answers: &Answers, pool: &Pool, smoothing: f64, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut loss = 0.0;
        let variance = self.variance(x);
        let mut by_variance = 0.0;
        for (rater, row) in answers.rows.iter().enumerate() {
            let logits = self.logits(rater);
            let weights = normalized(&x[logits.clone()]).0;
            let mut by_weight = vec![0.0; self.prototypes];
            for (question, value) in row {
                let mixed = self.mixed(x, &weights, *question);
                let slopes: Vec<f64> = match self.kind {
                    Kind::Category => {
                        let (mut shares, log_sum) = normalized(&mixed);
                        let said = *value as usize;
                        loss += log_sum - mixed[said];
                        shares[said] -= 1.0;
                        shares
                    }
                    Kind::Number => {
                        let gap = value - mixed[0];
                        loss += 0.5 * (libm::log(2.0 * std::f64::consts::PI * variance) + gap * gap / variance);
                        by_variance += 0.5 * (1.0 - gap * gap / variance) / variance;
                        vec![-gap / variance]
                    }
                };
                for (prototype, weight) in weights.iter().enumerate() {
                    let cells = self.cells(prototype, *question);
                    for ((place, utility), slope) in cells.clone().zip(&x[cells]).zip(&slopes) {
                        gradient[place] += weight * slope;
                        by_weight[prototype] += utility * slope;
                    }
                }
            }
            let mean: f64 = weights.iter().zip(&by_weight).map(|(weight, slope)| weight * slope).sum();
            for ((place, weight), slope) in logits.zip(&weights).zip(&by_weight) {
                loss += x[place] * x[place] / (2.0 * SPREAD * SPREAD);
                gradient[place] += weight * (slope - mean) + x[place] / (SPREAD * SPREAD);
            }
        }
        // Every prototype begins with a few answers of what everybody says, as a class does.
        for prototype in 0..self.prototypes {
            for (question, pooled) in pool.parameters.iter().enumerate() {
                let cells = self.cells(prototype, question);
                match self.kind {
                    Kind::Category => {
                        let (shares, log_sum) = normalized(&x[cells.clone()]);
                        for ((place, share), pooled) in cells.zip(&shares).zip(pooled) {
                            loss += smoothing * pooled * (log_sum - x[place]);
                            gradient[place] += smoothing * (share - pooled);
                        }
                    }
                    Kind::Number => {
                        let gap = pooled[0] - x[cells.start];
                        // A normal prior of precision smoothing / variance, with what of its scale depends on the variance.
                        if smoothing > 0.0 {
                            loss += 0.5 * libm::log(variance);
                            by_variance += 0.5 / variance;
                        }
                        loss += smoothing * 0.5 * gap * gap / variance;
                        gradient[cells.start] -= smoothing * gap / variance;
                        by_variance -= smoothing * 0.5 * gap * gap / (variance * variance);
                    }
                }
            }
        }
        if self.kind == Kind::Number {
            gradient[self.log_variance()] = by_variance * (variance - LEAST_VARIANCE);
        }
        loss
    }
}

impl IdealPoints {
    /// Log-likelihood of a rater's answers that the fit has not seen, in nats.
    pub fn log_likelihood(&self, rater: usize, row: &[(usize, f64)]) -> f64 {
        let Some(weights) = self.weights.get(rater) else { return 0.0 };
        row.iter()
            .map(|(question, value)| {
                let mixed = self.shape.mixed(&self.x, weights, *question);
                match self.shape.kind {
                    Kind::Category => {
                        let shares = normalized(&mixed).0;
                        libm::log(shares.get(*value as usize).copied().unwrap_or(0.0).max(LEAST))
                    }
                    Kind::Number => {
                        let (gap, variance) = (value - mixed[0], self.shape.variance(&self.x));
                        -0.5 * (libm::log(2.0 * std::f64::consts::PI * variance) + gap * gap / variance)
                    }
                }
            })
            .sum()
    }
}

/// Fits raters between as many prototypes as `classes` has classes, beginning with those classes: the most probable
/// parameters by L-BFGS. `smoothing` as in [`super::latent_class::Settings`].
///
/// # Errors
/// `NotFinite` if no finite parameters are found.
pub(super) fn fit(answers: &Answers, pool: &Pool, classes: &Mixture, smoothing: f64) -> Result<IdealPoints, StatError> {
    let mut starts = vec![0];
    for pooled in &pool.parameters {
        starts.push(starts.last().copied().unwrap_or(0) + pooled.len());
    }
    let shape = Shape { kind: answers.kind, prototypes: classes.weights.len(), raters: answers.rows.len(), starts };
    let mut x = Vec::with_capacity(shape.log_variance() + 1);
    for question in classes.parameters.iter().flatten() {
        match answers.kind {
            Kind::Category => x.extend(question.iter().map(|share| libm::log(share.max(LEAST)))),
            Kind::Number => x.extend(question),
        }
    }
    for row in &answers.rows {
        x.extend(classes.membership(row).into_iter().map(|share| libm::log(share.max(0.02))));
    }
    x.push(libm::log(classes.variance));
    let found = minimize(x, STEPS, SLOPE, |x, gradient| shape.loss(answers, pool, smoothing, x, gradient));
    if !found.value.is_finite() {
        return Err(StatError::NotFinite);
    }
    let weights = (0..shape.raters).map(|rater| normalized(&found.x[shape.logits(rater)]).0).collect();
    Ok(IdealPoints { weights, shape, x: found.x })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::latent_class::{Groups, Settings, find_groups};
    use crate::stats::rank::pearson;
    use crate::stats::rng::Pcg32;

    fn found(answers: &Answers, seed: u64) -> Groups {
        find_groups(answers, 2, Settings::default(), (500, 0.95), &mut Pcg32::new(seed)).unwrap()
    }

    /// Raters whose ideal points lie on the line between two prototypes in the plane, and who choose among three answers by
    /// squared distance; and how far along the line each of them is.
    fn on_a_line(raters: usize, questions: usize, seed: u64, place: impl Fn(usize) -> f64) -> (Answers, Vec<f64>) {
        let mut rng = Pcg32::new(seed);
        let answers: Vec<Vec<[f64; 2]>> =
            (0..questions).map(|_| (0..3).map(|_| [1.2 * rng.normal(), 1.2 * rng.normal()]).collect()).collect();
        let along: Vec<f64> = (0..raters).map(place).collect();
        let rows = along
            .iter()
            .map(|part| {
                let ideal = [3.0 * part - 1.5, 0.5];
                let say = |(question, places): (usize, &Vec<[f64; 2]>)| {
                    let utilities: Vec<f64> =
                        places.iter().map(|x| -(x[0] - ideal[0]).powi(2) - (x[1] - ideal[1]).powi(2)).collect();
                    let shares = normalized(&utilities).0;
                    let mut left = rng.unit();
                    let said = shares.iter().position(|share| {
                        left -= share;
                        left < 0.0
                    });
                    (question, said.unwrap_or(2) as f64)
                };
                answers.iter().enumerate().map(say).collect()
            })
            .collect();
        (Answers { kind: Kind::Category, n_questions: questions, rows }, along)
    }

    #[test]
    fn ideal_points_on_a_line_are_recovered_and_predict_better_than_groups() {
        let (answers, along) = on_a_line(40, 60, 3, |rater| rater as f64 / 39.0);
        let found = found(&answers, 1);
        let place: Vec<f64> = found.placement.iter().map(|it| it[0]).collect();
        let r = pearson(&along, &place).unwrap();
        assert!(r.abs() > 0.9, "{r}");
        let prototypes = &found.prototypes[0];
        assert_eq!(prototypes.groups, 2);
        assert!(prototypes.interval.unwrap().0 > 0.0, "{prototypes:?}");
        let (gain, interval) = found.over_groups;
        assert!(gain > 0.0 && interval.unwrap().0 > 0.0, "{gain} {interval:?}");
    }

    #[test]
    fn groups_are_no_line_and_one_mind_is_no_group() {
        // Two groups at the ends: weights lie at the ends as well, and the line predicts no better than they do.
        let (answers, along) = on_a_line(40, 60, 4, |rater| (rater % 2) as f64);
        let groups = found(&answers, 1);
        assert!(groups.over_groups.1.unwrap().0 < 0.0, "{:?}", groups.over_groups);
        let place: Vec<f64> = groups.placement.iter().map(|it| it[0]).collect();
        assert!(pearson(&along, &place).unwrap().abs() > 0.9);
        let more: Vec<u64> = (0..10)
            .filter(|seed| {
                let (answers, _) = on_a_line(20, 30, 50 + seed, |_| 0.5);
                found(&answers, *seed).prototypes[0].interval.unwrap().0 > 0.0
            })
            .collect();
        assert!(more.len() <= 1, "{more:?} of 10 studies of one mind");
    }

    #[test]
    fn numbers_between_two_prototypes_are_recovered_too() {
        let mut rng = Pcg32::new(8);
        let truth: Vec<[f64; 2]> = (0..30).map(|_| [rng.normal(), rng.normal()]).collect();
        let along: Vec<f64> = (0..24).map(|rater| f64::from(rater) / 23.0).collect();
        let mean = |part: f64, it: &[f64; 2]| part * it[0] + (1.0 - part) * it[1];
        let rows = along
            .iter()
            .map(|part| truth.iter().map(|it| mean(*part, it) + 0.4 * rng.normal()).enumerate().collect())
            .collect();
        let answers = Answers { kind: Kind::Number, n_questions: 30, rows };
        let found = found(&answers, 1);
        let place: Vec<f64> = found.placement.iter().map(|it| it[0]).collect();
        assert!(pearson(&along, &place).unwrap().abs() > 0.95, "{place:?}");
        assert!(found.over_groups.1.unwrap().0 > 0.0, "{:?}", found.over_groups);
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let mut rng = Pcg32::new(6);
        for kind in [Kind::Category, Kind::Number] {
            let mut value = || if kind == Kind::Category { rng.below(3) as f64 } else { rng.normal() };
            let rows = (0..4).map(|rater| (rater % 2..5).map(|question| (question, value())).collect()).collect();
            let answers = Answers { kind, n_questions: 5, rows };
            let pool = answers.pool(&answers.categories());
            let cells: usize = pool.parameters.iter().map(Vec::len).sum();
            let mut starts = vec![0];
            pool.parameters.iter().for_each(|it| starts.push(starts.last().unwrap() + it.len()));
            let shape = Shape { kind, prototypes: 2, raters: 4, starts };
            let x: Vec<f64> = (0..=2 * cells + 8).map(|_| 0.5 * rng.normal()).collect();
            let mut gradient = vec![0.0; x.len()];
            let mut scratch = gradient.clone();
            shape.loss(&answers, &pool, 0.7, &x, &mut gradient);
            for place in 0..x.len() {
                let mut at = |by: f64| {
                    let mut moved = x.clone();
                    moved[place] += by;
                    shape.loss(&answers, &pool, 0.7, &moved, &mut scratch)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - gradient[place]).abs() < 1e-6 * (1.0 + slope.abs()), "{kind:?} {place}");
            }
        }
    }
}
