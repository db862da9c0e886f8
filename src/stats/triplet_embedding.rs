//! Points whose distances explain answers of the kind "a is more like b than c": STE and t-STE (van der Maaten and
//! Weinberger 2012), CKL (Tamuz et al. 2011) and SOE (Terada and von Luxburg 2014), with log-likelihood on held-out
//! answers.

use super::StatError;
use super::minimize::minimize;
use super::rng::Pcg32;

/// "`anchor` is more like `near` than `far`."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triplet {
    /// The item compared with.
    pub anchor: usize,
    /// The one judged more like it.
    pub near: usize,
    /// The other.
    pub far: usize,
}

impl Triplet {
    /// The two anchored answers that an odd-one-out answer implies: each kept item is nearer to the other than to the
    /// odd one. They are not independent.
    pub fn from_odd_one_out(kept: [usize; 2], odd: usize) -> [Self; 2] {
        let [a, b] = kept;
        [Self { anchor: a, near: b, far: odd }, Self { anchor: b, near: a, far: odd }]
    }
}

/// How distances make answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TripletModel {
    /// Gaussian similarities: P = sigma(D far - D near), with D the squared distance.
    Ste,
    /// Similarities of Student's t with this many degrees of freedom; 1 less than the dimensions is usual.
    TSte {
        /// Degrees of freedom.
        alpha: f64,
    },
    /// Crowd kernel: P = (mu + D far) / (2 mu + D near + D far).
    Ckl {
        /// Keeps probabilities from 0 and 1.
        mu: f64,
    },
}

impl TripletModel {
    /// Probability of the answer given the squared distances to the nearer and the farther item.
    pub fn probability(self, near: f64, far: f64) -> f64 {
        libm::exp(self.log_probability(near, far).0)
    }

    /// Log-probability and its derivatives by the two squared distances.
    fn log_probability(self, near: f64, far: f64) -> (f64, f64, f64) {
        // STE and t-STE: log sigma(g(near) - g(far)) with g the log of the similarity.
        let logistic = |margin: f64, slope_near: f64, slope_far: f64| {
            let (value, rest) = if margin >= 0.0 {
                let e = libm::exp(-margin);
                (-libm::log1p(e), e / (1.0 + e))
            } else {
                let e = libm::exp(margin);
                (margin - libm::log1p(e), 1.0 / (1.0 + e))
            };
            (value, rest * slope_near, -rest * slope_far)
        };
        match self {
            Self::Ste => logistic(far - near, -1.0, -1.0),
            Self::TSte { alpha } => {
                let power = -0.5 * (alpha + 1.0);
                let log_similarity = |d: f64| power * libm::log1p(d / alpha);
                let slope = |d: f64| power / (alpha + d);
                logistic(log_similarity(near) - log_similarity(far), slope(near), slope(far))
            }
            Self::Ckl { mu } => {
                let (top, bottom) = (mu + far, 2.0 * mu + near + far);
                (libm::log(top) - libm::log(bottom), -1.0 / bottom, 1.0 / top - 1.0 / bottom)
            }
        }
    }

    fn check(self) -> Result<(), StatError> {
        let parameter = match self {
            Self::Ste => 1.0,
            Self::TSte { alpha } => alpha,
            Self::Ckl { mu } => mu,
        };
        if parameter > 0.0 && parameter.is_finite() {
            Ok(())
        } else {
            Err(StatError::Range { what: "the model's parameter" })
        }
    }
}

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Likelihood under a model.
    Likelihood(TripletModel),
    /// Soft ordinal embedding: squared shortfalls of the farther distance behind the nearer one plus this margin.
    /// Scale-free up to the margin, no probabilities.
    Soe {
        /// The margin; 0.1 is usual.
        margin: f64,
    },
}

/// Points found from triplets.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// One point an item; turn and signs arbitrary.
    pub points: Vec<Vec<f64>>,
    /// The loss of the best start: negative log-likelihood or SOE's stress, both summed over triplets.
    pub loss: f64,
    /// Steps of the best start.
    pub steps: usize,
}

fn squared_distance(points: &[f64], dims: usize, i: usize, j: usize) -> f64 {
    let row = |item: usize| &points[item * dims..(item + 1) * dims];
    row(i).iter().zip(row(j)).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Adds `slope` times the gradient of the squared distance of i and j.
fn pull(points: &[f64], gradient: &mut [f64], dims: usize, i: usize, j: usize, slope: f64) {
    for axis in 0..dims {
        let move_by = 2.0 * slope * (points[i * dims + axis] - points[j * dims + axis]);
        gradient[i * dims + axis] += move_by;
        gradient[j * dims + axis] -= move_by;
    }
}

/// Loss of points (row by row) and its gradient, which is overwritten.
fn loss(points: &[f64], dims: usize, triplets: &[Triplet], objective: Objective, gradient: &mut [f64]) -> f64 {
    gradient.fill(0.0);
    let mut sum = 0.0;
    for &Triplet { anchor, near, far } in triplets {
        let (d_near, d_far) =
            (squared_distance(points, dims, anchor, near), squared_distance(points, dims, anchor, far));
        let (value, by_near, by_far) = match objective {
            Objective::Likelihood(model) => {
                let (value, by_near, by_far) = model.log_probability(d_near, d_far);
                (-value, -by_near, -by_far)
            }
            Objective::Soe { margin } => {
                let (near, far) = (libm::sqrt(d_near), libm::sqrt(d_far));
                let short = near + margin - far;
                if short <= 0.0 {
                    continue;
                }
                // The derivative of a distance by its square is 1 / (2 d); coinciding points have none.
                (short * short, short / near.max(1e-7), -short / far.max(1e-7))
            }
        };
        sum += value;
        pull(points, gradient, dims, anchor, near, by_near);
        pull(points, gradient, dims, anchor, far, by_far);
    }
    sum
}

fn check(n: usize, triplets: &[Triplet]) -> Result<(), StatError> {
    if triplets.is_empty() {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    let bad = |t: &Triplet| {
        t.anchor >= n || t.near >= n || t.far >= n || t.anchor == t.near || t.anchor == t.far || t.near == t.far
    };
    if triplets.iter().any(bad) {
        return Err(StatError::Range { what: "an item of a triplet" });
    }
    Ok(())
}

fn flat(points: &[Vec<f64>]) -> Result<(Vec<f64>, usize), StatError> {
    let dims = points.first().map_or(0, Vec::len);
    if let Some(point) = points.iter().find(|point| point.len() != dims) {
        return Err(StatError::Lengths { left: point.len(), right: dims });
    }
    if points.iter().flatten().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    Ok((points.concat(), dims))
}

/// The loss of given points and its gradient, point by point.
///
/// # Errors
/// `TooFew` for no triplets, `Range` for an unknown or repeated item or a bad parameter, `Lengths` for ragged points.
pub fn loss_and_gradient(
    points: &[Vec<f64>],
    triplets: &[Triplet],
    objective: Objective,
) -> Result<(f64, Vec<Vec<f64>>), StatError> {
    check(points.len(), triplets)?;
    check_objective(objective)?;
    let (flat, dims) = flat(points)?;
    let mut gradient = vec![0.0; flat.len()];
    let value = loss(&flat, dims, triplets, objective, &mut gradient);
    Ok((value, gradient.chunks(dims.max(1)).map(<[f64]>::to_vec).collect()))
}

fn check_objective(objective: Objective) -> Result<(), StatError> {
    match objective {
        Objective::Likelihood(model) => model.check(),
        Objective::Soe { margin } if margin > 0.0 && margin.is_finite() => Ok(()),
        Objective::Soe { .. } => Err(StatError::Range { what: "the margin" }),
    }
}

/// Mean log-likelihood a triplet, in nats; -0.693 is guessing. Use it on answers that the fit has not seen, chosen at
/// random and not by an adaptive sampler.
///
/// # Errors
/// As [`loss_and_gradient`].
pub fn log_likelihood(points: &[Vec<f64>], triplets: &[Triplet], model: TripletModel) -> Result<f64, StatError> {
    let (value, _) = loss_and_gradient(points, triplets, Objective::Likelihood(model))?;
    Ok(-value / triplets.len() as f64)
}

/// Share of triplets whose nearer item is nearer among the points; ties count half. Chance is 1/2.
///
/// # Errors
/// As [`loss_and_gradient`].
pub fn accuracy(points: &[Vec<f64>], triplets: &[Triplet]) -> Result<f64, StatError> {
    check(points.len(), triplets)?;
    let (flat, dims) = flat(points)?;
    let right: f64 = triplets
        .iter()
        .map(|t| {
            let near = squared_distance(&flat, dims, t.anchor, t.near);
            let far = squared_distance(&flat, dims, t.anchor, t.far);
            if near < far {
                1.0
            } else if near > far {
                0.0
            } else {
                0.5
            }
        })
        .sum();
    Ok(right / triplets.len() as f64)
}

/// Fits `n` points in `dims` dimensions from `starts` random starts and keeps the best. Items without triplets stay
/// where they started.
///
/// # Errors
/// `TooFew` for no triplets, `Range` for an unknown or repeated item, no dimensions, no starts, or a bad parameter.
pub fn embed(
    n: usize,
    dims: usize,
    triplets: &[Triplet],
    objective: Objective,
    starts: usize,
    max_steps: usize,
    rng: &mut Pcg32,
) -> Result<Embedding, StatError> {
    check(n, triplets)?;
    check_objective(objective)?;
    if dims == 0 {
        return Err(StatError::Range { what: "the number of dimensions" });
    }
    let mut best: Option<super::minimize::Minimum> = None;
    for _ in 0..starts {
        let start: Vec<f64> = (0..n * dims).map(|_| rng.normal()).collect();
        let found =
            minimize(start, max_steps, 1e-6, |points, gradient| loss(points, dims, triplets, objective, gradient));
        if best.as_ref().is_none_or(|best| found.value < best.value) {
            best = Some(found);
        }
    }
    let best = best.ok_or(StatError::Range { what: "the number of starts" })?;
    Ok(Embedding { points: best.x.chunks(dims).map(<[f64]>::to_vec).collect(), loss: best.value, steps: best.steps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::cka::procrustes_r2;

    /// Random answers of an observer who sees these points through STE.
    fn simulated(points: &[Vec<f64>], count: usize, rng: &mut Pcg32) -> Vec<Triplet> {
        let (flat, dims) = flat(points).unwrap();
        let n = points.len();
        (0..count)
            .map(|_| {
                let mut items: Vec<usize> = (0..n).collect();
                rng.shuffle(&mut items);
                let [anchor, a, b] = [items[0], items[1], items[2]];
                let (near, far) = (squared_distance(&flat, dims, anchor, a), squared_distance(&flat, dims, anchor, b));
                let a_is_near = rng.unit() < TripletModel::Ste.probability(near, far);
                if a_is_near { Triplet { anchor, near: a, far: b } } else { Triplet { anchor, near: b, far: a } }
            })
            .collect()
    }

    #[test]
    fn planted_points_are_recovered_and_predict_held_out_answers() {
        let mut rng = Pcg32::new(21);
        let truth: Vec<Vec<f64>> = (0..15).map(|_| vec![1.5 * rng.normal(), 1.5 * rng.normal()]).collect();
        let (train, held_out) = (simulated(&truth, 3000, &mut rng), simulated(&truth, 1000, &mut rng));
        let best = log_likelihood(&truth, &held_out, TripletModel::Ste).unwrap();
        for objective in [
            Objective::Likelihood(TripletModel::Ste),
            Objective::Likelihood(TripletModel::TSte { alpha: 1.0 }),
            Objective::Likelihood(TripletModel::Ckl { mu: 0.05 }),
            Objective::Soe { margin: 0.1 },
        ] {
            let found = embed(15, 2, &train, objective, 3, 500, &mut Pcg32::new(5)).unwrap();
            let r2 = procrustes_r2(&found.points, &truth).unwrap();
            assert!(r2 > 0.9, "{objective:?} {r2}");
            let gap = accuracy(&truth, &held_out).unwrap() - accuracy(&found.points, &held_out).unwrap();
            assert!(gap < 0.03, "{objective:?} {gap}");
            if objective == Objective::Likelihood(TripletModel::Ste) {
                let found = log_likelihood(&found.points, &held_out, TripletModel::Ste).unwrap();
                assert!(found > best - 0.03 && best > -0.5, "{found} {best}");
            }
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let mut rng = Pcg32::new(2);
        let points: Vec<Vec<f64>> = (0..5).map(|_| vec![rng.normal(), rng.normal(), rng.normal()]).collect();
        let triplets = simulated(&points, 30, &mut rng);
        for objective in [
            Objective::Likelihood(TripletModel::Ste),
            Objective::Likelihood(TripletModel::TSte { alpha: 2.0 }),
            Objective::Likelihood(TripletModel::Ckl { mu: 0.1 }),
            Objective::Soe { margin: 0.3 },
        ] {
            let (_, gradient) = loss_and_gradient(&points, &triplets, objective).unwrap();
            for (item, axis) in [(0, 0), (2, 1), (4, 2)] {
                let at = |move_by: f64| {
                    let mut moved = points.clone();
                    moved[item][axis] += move_by;
                    loss_and_gradient(&moved, &triplets, objective).unwrap().0
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - gradient[item][axis]).abs() < 1e-6 * (1.0 + slope.abs()), "{objective:?}");
            }
        }
    }

    #[test]
    fn published_probabilities() {
        assert!((TripletModel::Ste.probability(0.5, 2.0) - 0.817_574).abs() < 1e-6);
        assert!((TripletModel::TSte { alpha: 1.0 }.probability(0.5, 2.0) - 0.666_667).abs() < 1e-6);
        assert!((TripletModel::Ckl { mu: 0.05 }.probability(0.5, 2.0) - 0.788_462).abs() < 1e-6);
    }

    #[test]
    fn bad_triplets_are_errors() {
        let odd = Triplet::from_odd_one_out([0, 1], 2);
        assert_eq!(odd[1], Triplet { anchor: 1, near: 0, far: 2 });
        let objective = Objective::Likelihood(TripletModel::Ste);
        let run = |n, dims, triplets: &[Triplet], starts| {
            embed(n, dims, triplets, objective, starts, 10, &mut Pcg32::new(1)).is_err()
        };
        assert!(run(3, 2, &[], 1) && run(2, 2, &odd, 1) && run(3, 0, &odd, 1) && run(3, 2, &odd, 0));
        assert!(!run(3, 2, &odd, 1));
        assert!(embed(3, 2, &odd, Objective::Soe { margin: 0.0 }, 1, 10, &mut Pcg32::new(1)).is_err());
    }
}
