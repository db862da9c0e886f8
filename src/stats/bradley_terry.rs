//! Strengths from comparisons of two: Bradley-Terry with ties, and how sure they are.
//!
//! `P(i beats j) = sigma(d)` with `d = theta_i - theta_j`. Ties: half a win each; Davidson (1970), a tie is as likely as
//! nu times the geometric mean of the two strengths; Rao and Kupper (1967), `P(i beats j) = sigma(d - eta)` and a tie
//! the rest. Strengths sum to 0; another anchor is a matter of taste. A verdict that both are bad says nothing about strength and does not belong here.

use std::collections::BTreeMap;

use super::StatError;
use super::bootstrap::{BootstrapInterval, percentile_of_draws};
use super::linalg::{Cholesky, components};
use super::proportion::normal_quantile;
use super::rng::Pcg32;

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The first won.
    First,
    /// The second won.
    Second,
    /// Neither.
    Tie,
}

/// One comparison of two items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// The item shown first (left).
    pub first: usize,
    /// The other.
    pub second: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Who judged; the unit of the bootstrap and of the sandwich.
    pub participant: usize,
}

/// What a tie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Half a win for each; shrinks strengths.
    Half,
    /// Davidson's model.
    Davidson,
    /// Rao and Kupper's model.
    RaoKupper,
    /// Ties are left out.
    Drop,
}

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Treatment of ties.
    pub ties: Ties,
    /// Standard deviation of a normal prior on each strength; `None` for maximum likelihood. 2 rescues items that
    /// always win.
    pub prior_sd: Option<f64>,
    /// Whether to fit an advantage of the first place.
    pub side: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ties: Ties::Half, prior_sd: None, side: false }
    }
}

/// Why there are no strengths.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BradleyTerryError {
    /// The items fall into groups between which wins go one way only or not at all, so that the distance between them
    /// is infinite or unknown. Each group holds item numbers.
    #[error("the comparisons do not connect the items: {} groups have no wins both ways between them", groups.len())]
    Disconnected {
        /// The groups, each with its items.
        groups: Vec<Vec<usize>>,
    },
    /// Everything else.
    #[error(transparent)]
    Stat(#[from] StatError),
}

/// Fitted strengths.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Log strengths, summing to 0.
    pub strengths: Vec<f64>,
    /// Standard errors from the information matrix; they take each vote as independent.
    pub standard_errors: Vec<f64>,
    /// Davidson's nu or Rao and Kupper's eta; `None` for the other treatments.
    pub tie_parameter: Option<f64>,
    /// Advantage of the first place on the log scale, if it was fitted, and its standard error.
    pub side: Option<(f64, f64)>,
    /// Log-likelihood of the outcomes without the prior. A half win counts half.
    pub log_likelihood: f64,
    /// Newton steps.
    pub steps: usize,
}

/// Log strength on the scale of chess ratings: 400 points are odds of 10 to 1, 1000 the mean.
pub fn elo_scale(theta: f64) -> f64 {
    1000.0 + 400.0 / std::f64::consts::LN_10 * theta
}

fn sigma(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

/// log sigma(x) without overflow.
fn log_sigma(x: f64) -> f64 {
    if x >= 0.0 { -libm::log1p(libm::exp(-x)) } else { x - libm::log1p(libm::exp(x)) }
}

/// Outcomes of one ordered pair (first place, second place).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cell {
    first: usize,
    second: usize,
    wins: f64,
    losses: f64,
    ties: f64,
}

/// Log-likelihood of a cell and its derivatives by the difference d of strengths and by the tie parameter t (log nu or
/// eta); second derivatives with their sign changed.
#[derive(Debug, Clone, Copy, Default)]
struct Terms {
    value: f64,
    by_d: f64,
    by_t: f64,
    dd: f64,
    dt: f64,
    tt: f64,
}

fn terms(cell: &Cell, ties: Ties, d: f64, t: f64) -> Terms {
    let Cell { wins, losses, ties: tied, .. } = *cell;
    match ties {
        Ties::Half | Ties::Drop => {
            let half = if ties == Ties::Half { 0.5 * tied } else { 0.0 };
            let (w, l, p) = (wins + half, losses + half, sigma(d));
            Terms {
                value: w * log_sigma(d) + l * log_sigma(-d),
                by_d: w * (1.0 - p) - l * p,
                dd: (w + l) * p * (1.0 - p),
                ..Terms::default()
            }
        }
        Ties::Davidson => {
            // Weights e^(d/2), e^(-d/2) and nu, scaled by their largest.
            let largest = (0.5 * d.abs()).max(t);
            let (a, b, c) = (libm::exp(0.5 * d - largest), libm::exp(-0.5 * d - largest), libm::exp(t - largest));
            let sum = a + b + c;
            let (p, q, r) = (a / sum, b / sum, c / sum);
            let n = wins + losses + tied;
            let mean = 0.5 * (p - q);
            Terms {
                value: 0.5 * d * (wins - losses) + t * tied - n * (libm::log(sum) + largest),
                by_d: 0.5 * (wins - losses) - n * mean,
                by_t: tied - n * r,
                dd: n * (0.25 * (p + q) - mean * mean),
                dt: -n * mean * r,
                tt: n * r * (1.0 - r),
            }
        }
        Ties::RaoKupper => {
            let (w, l) = (wins + tied, losses + tied);
            let (p, q) = (sigma(d - t), sigma(-d - t));
            let (a, b) = (w * p * (1.0 - p), l * q * (1.0 - q));
            // log(e^(2 eta) - 1) and its derivatives.
            let shrunk = -libm::expm1(-2.0 * t);
            Terms {
                value: w * log_sigma(d - t) + l * log_sigma(-d - t) + tied * (2.0 * t + libm::log(shrunk)),
                by_d: w * (1.0 - p) - l * (1.0 - q),
                by_t: tied * 2.0 / shrunk - w * (1.0 - p) - l * (1.0 - q),
                dd: a + b,
                dt: b - a,
                tt: a + b + tied * 4.0 * libm::exp(-2.0 * t) / (shrunk * shrunk),
            }
        }
    }
}

/// Sums votes by ordered pair, in the pairs' order. `weight` is how often each participant stands in a resample.
fn cells(n: usize, votes: &[Vote], weight: impl Fn(usize) -> f64) -> Result<Vec<Cell>, StatError> {
    let mut cells: BTreeMap<(usize, usize), Cell> = BTreeMap::new();
    for vote in votes {
        if vote.first >= n || vote.second >= n || vote.first == vote.second {
            return Err(StatError::Range { what: "an item of a comparison" });
        }
        let times = weight(vote.participant);
        if times == 0.0 {
            continue;
        }
        let cell = cells.entry((vote.first, vote.second)).or_insert(Cell {
            first: vote.first,
            second: vote.second,
            ..Cell::default()
        });
        match vote.outcome {
            Outcome::First => cell.wins += times,
            Outcome::Second => cell.losses += times,
            Outcome::Tie => cell.ties += times,
        }
    }
    Ok(cells.into_values().collect())
}

/// Groups of items that reach each other by wins (a tie goes both ways unless dropped), in the order of their first
/// item: the strongly connected components, found as sets of equal reach. One group means that the fit is finite.
pub fn win_groups(n: usize, votes: &[Vote], ties: Ties) -> Result<Vec<Vec<usize>>, StatError> {
    Ok(groups(n, &cells(n, votes, |_| 1.0)?, ties))
}

fn groups(n: usize, cells: &[Cell], ties: Ties) -> Vec<Vec<usize>> {
    let (mut beats, mut beaten) = (vec![Vec::new(); n], vec![Vec::new(); n]);
    for cell in cells {
        let tied = ties != Ties::Drop && cell.ties > 0.0;
        for (winner, loser, won) in [(cell.first, cell.second, cell.wins), (cell.second, cell.first, cell.losses)] {
            if won > 0.0 || tied {
                beats[winner].push(loser);
                beaten[loser].push(winner);
            }
        }
    }
    let reach = |from: usize, edges: &[Vec<usize>]| {
        let mut seen = vec![false; n];
        seen[from] = true;
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            for &next in &edges[node] {
                if !seen[next] {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
        seen
    };
    let mut grouped = vec![false; n];
    let mut groups = Vec::new();
    for item in 0..n {
        if grouped[item] {
            continue;
        }
        let (down, up) = (reach(item, &beats), reach(item, &beaten));
        let group: Vec<usize> = (0..n).filter(|&other| down[other] && up[other]).collect();
        for &other in &group {
            grouped[other] = true;
        }
        groups.push(group);
    }
    groups
}

/// The problem in the shape that Newton's method sees: strengths, then the side effect, then the tie parameter.
struct Problem<'a> {
    n: usize,
    cells: &'a [Cell],
    ties: Ties,
    precision: f64,
    side: bool,
    tie: bool,
}

impl Problem<'_> {
    fn size(&self) -> usize {
        self.n + usize::from(self.side) + usize::from(self.tie)
    }

    /// Difference of strengths that a cell sees, and the tie parameter.
    fn at(&self, cell: &Cell, x: &[f64]) -> (f64, f64) {
        let side = if self.side { x[self.n] } else { 0.0 };
        let tie = if self.tie { x[self.size() - 1] } else { self.fixed_tie() };
        (x[cell.first] - x[cell.second] + side, tie)
    }

    /// Without ties Davidson's nu and Rao and Kupper's eta are 0.
    fn fixed_tie(&self) -> f64 {
        if self.ties == Ties::Davidson { f64::NEG_INFINITY } else { 0.0 }
    }

    /// The treatment that is computed: without ties all are the same.
    fn treatment(&self) -> Ties {
        if self.tie || self.ties == Ties::Half { self.ties } else { Ties::Drop }
    }

    fn log_likelihood(&self, x: &[f64]) -> f64 {
        self.cells
            .iter()
            .map(|cell| {
                let (d, t) = self.at(cell, x);
                terms(cell, self.treatment(), d, t).value
            })
            .sum()
    }

    fn objective(&self, x: &[f64]) -> f64 {
        let tie_is_possible = !self.tie || self.ties == Ties::Davidson || x[self.size() - 1] > 0.0;
        if !tie_is_possible {
            return f64::NEG_INFINITY;
        }
        let prior: f64 = x[..self.n].iter().map(|theta| theta * theta).sum();
        self.log_likelihood(x) - 0.5 * self.precision * prior
    }

    /// The places of a cell's parameters with the sign of their share in d, and the place of the tie parameter.
    fn places(&self, cell: &Cell) -> ([(usize, f64); 3], usize) {
        let side = if self.side { (self.n, 1.0) } else { (cell.first, 0.0) };
        ([(cell.first, 1.0), (cell.second, -1.0), side], self.size() - 1)
    }

    fn score(&self, cell: &Cell, x: &[f64], gradient: &mut [f64]) {
        let (d, t) = self.at(cell, x);
        let found = terms(cell, self.treatment(), d, t);
        let (places, tie) = self.places(cell);
        for (place, sign) in places {
            gradient[place] += sign * found.by_d;
        }
        if self.tie {
            gradient[tie] += found.by_t;
        }
    }

    /// Gradient, and the information matrix with 1/n added among the strengths, which fixes their sum.
    fn derivatives(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let m = self.size();
        let (mut gradient, mut information) = (vec![0.0; m], vec![0.0; m * m]);
        for i in 0..self.n {
            gradient[i] = -self.precision * x[i];
            for j in 0..self.n {
                information[i * m + j] = 1.0 / self.n as f64;
            }
            information[i * m + i] += self.precision;
        }
        for cell in self.cells {
            self.score(cell, x, &mut gradient);
            let (d, t) = self.at(cell, x);
            let found = terms(cell, self.treatment(), d, t);
            let (places, tie) = self.places(cell);
            for (i, a) in places {
                for (j, b) in places {
                    information[i * m + j] += a * b * found.dd;
                }
                if self.tie {
                    information[i * m + tie] += a * found.dt;
                    information[tie * m + i] += a * found.dt;
                }
            }
            if self.tie {
                information[tie * m + tie] += found.tt;
            }
        }
        (gradient, information)
    }

    /// Newton's method with step halving from `x`; returns the optimum and the steps.
    fn solve(&self, mut x: Vec<f64>) -> Result<(Vec<f64>, usize), StatError> {
        let mut value = self.objective(&x);
        for step in 1..=200 {
            let (gradient, information) = self.derivatives(&x);
            let direction = Cholesky::new(&information, self.size())?.solve(&gradient);
            let gain: f64 = direction.iter().zip(&gradient).map(|(a, b)| a * b).sum();
            if gain < 1e-22 * (1.0 + value.abs()) {
                return Ok((x, step));
            }
            let mut length = 1.0;
            loop {
                let tried: Vec<f64> = x.iter().zip(&direction).map(|(a, b)| a + length * b).collect();
                let reached = self.objective(&tried);
                // At the optimum a step moves nothing but the last digits.
                if reached >= value - 1e-13 * value.abs() {
                    x = tried;
                    value = reached;
                    break;
                }
                length *= 0.5;
                if length < 1e-10 {
                    return Ok((x, step));
                }
            }
            // Quadratic convergence: after so small a step nothing is left.
            if length == 1.0 && direction.iter().all(|move_by| move_by.abs() < 1e-9) {
                return Ok((x, step));
            }
        }
        Err(StatError::NotConverged { steps: 200 })
    }
}

fn problem(n: usize, cells: &[Cell], settings: Settings) -> Result<Problem<'_>, BradleyTerryError> {
    let precision = match settings.prior_sd {
        None => 0.0,
        Some(sd) if sd > 0.0 && sd.is_finite() => 1.0 / (sd * sd),
        Some(_) => return Err(StatError::Range { what: "the prior's standard deviation" }.into()),
    };
    if n < 2 {
        return Err(StatError::TooFew { n, needed: 2 }.into());
    }
    if precision == 0.0 {
        let groups = groups(n, cells, settings.ties);
        if groups.len() > 1 {
            return Err(BradleyTerryError::Disconnected { groups });
        }
    }
    let has_ties = cells.iter().any(|cell| cell.ties > 0.0);
    let modeled = matches!(settings.ties, Ties::Davidson | Ties::RaoKupper);
    if modeled && has_ties && cells.iter().all(|cell| cell.wins + cell.losses == 0.0) {
        // Then the tie parameter is infinite.
        return Err(StatError::Constant.into());
    }
    if settings.side {
        let first_wins: f64 = cells.iter().map(|cell| cell.wins).sum();
        let first_losses: f64 = cells.iter().map(|cell| cell.losses).sum();
        let ties = if has_ties && settings.ties != Ties::Drop { 1.0 } else { 0.0 };
        if first_wins + ties == 0.0 || first_losses + ties == 0.0 {
            return Err(StatError::Constant.into());
        }
    }
    Ok(Problem { n, cells, ties: settings.ties, precision, side: settings.side, tie: modeled && has_ties })
}

fn start(problem: &Problem<'_>) -> Vec<f64> {
    let mut x = vec![0.0; problem.size()];
    if problem.tie && problem.ties == Ties::RaoKupper {
        x[problem.size() - 1] = 0.5;
    }
    x
}

/// Fits strengths of items 0 to n - 1. An item without any comparison makes the graph disconnected.
///
/// # Errors
/// `Disconnected` without a prior where wins do not go both ways between all groups; `Range` for an unknown item, an item
/// against itself or a bad prior; `Constant` where only ties (for the models of ties) or only one side (for a side
/// effect) occur; `Singular` where strengths and side effect cannot be told apart.
pub fn fit(n: usize, votes: &[Vote], settings: Settings) -> Result<Fit, BradleyTerryError> {
    fit_cells(n, &cells(n, votes, |_| 1.0)?, settings)
}

fn fit_cells(n: usize, cells: &[Cell], settings: Settings) -> Result<Fit, BradleyTerryError> {
    let problem = problem(n, cells, settings)?;
    let (mut x, steps) = problem.solve(start(&problem))?;
    let mean = x[..n].iter().sum::<f64>() / n as f64;
    x[..n].iter_mut().for_each(|theta| *theta -= mean);
    let covariance = covariance(&problem, &x)?;
    let m = problem.size();
    let standard_error = |place: usize| libm::sqrt(covariance[place * m + place].max(0.0));
    Ok(Fit {
        standard_errors: (0..n).map(standard_error).collect(),
        tie_parameter: match settings.ties {
            Ties::Half | Ties::Drop => None,
            _ if !problem.tie => Some(0.0),
            Ties::Davidson => Some(libm::exp(x[m - 1])),
            Ties::RaoKupper => Some(x[m - 1]),
        },
        side: settings.side.then(|| (x[n], standard_error(n))),
        log_likelihood: problem.log_likelihood(&x),
        strengths: x[..n].to_vec(),
        steps,
    })
}

/// Inverse information under the constraint that strengths sum to 0.
fn covariance(problem: &Problem<'_>, x: &[f64]) -> Result<Vec<f64>, StatError> {
    let m = problem.size();
    let mut inverse = Cholesky::new(&problem.derivatives(x).1, m)?.inverse();
    if problem.precision == 0.0 {
        // Takes the direction out again that was added to make the matrix invertible.
        for i in 0..problem.n {
            for j in 0..problem.n {
                inverse[i * m + j] -= 1.0 / problem.n as f64;
            }
        }
    }
    Ok(inverse)
}

/// Standard errors of the strengths that hold when one person's votes go together and the model is only roughly right:
/// H^-1 G H^-1 with the scores summed by participant (Huber 1967; Liang and Zeger 1986). Give every vote its own
/// participant for the form that takes votes as independent.
///
/// # Errors
/// As [`fit`].
pub fn sandwich(n: usize, votes: &[Vote], settings: Settings) -> Result<Vec<f64>, BradleyTerryError> {
    let cells = cells(n, votes, |_| 1.0)?;
    let problem = problem(n, &cells, settings)?;
    let (x, _) = problem.solve(start(&problem))?;
    let m = problem.size();
    let bread = covariance(&problem, &x)?;
    let mut scores: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for vote in votes {
        let mut cell = Cell { first: vote.first, second: vote.second, ..Cell::default() };
        match vote.outcome {
            Outcome::First => cell.wins = 1.0,
            Outcome::Second => cell.losses = 1.0,
            Outcome::Tie => cell.ties = 1.0,
        }
        problem.score(&cell, &x, scores.entry(vote.participant).or_insert_with(|| vec![0.0; m]));
    }
    let mut variances = vec![0.0; n];
    for score in scores.values() {
        for (i, variance) in variances.iter_mut().enumerate() {
            let pull: f64 = (0..m).map(|j| bread[i * m + j] * score[j]).sum();
            *variance += pull * pull;
        }
    }
    Ok(variances.into_iter().map(libm::sqrt).collect())
}

/// What resampling participants says.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// For each item, the percentile interval of its strength.
    pub intervals: Vec<BootstrapInterval>,
    /// For each item, its lowest and highest rank (1 is best) within the level.
    pub ranks: Vec<(usize, usize)>,
    /// n x n, row by row: the share of resamples in which the row's item is stronger than the column's (ties half).
    pub above: Vec<f64>,
    /// Resamples drawn.
    pub resamples: usize,
    /// Resamples whose comparisons did not connect the items; they are left out and must be told.
    pub disconnected: usize,
}

/// Bootstrap over participants: each resample draws people with all their votes.
///
/// # Errors
/// As [`fit`]; `TooFew` below two participants, `Range` for no resamples or a bad level, `Unstable` if more than half of
/// the resamples are disconnected.
pub fn participant_bootstrap(
    n: usize,
    votes: &[Vote],
    settings: Settings,
    resamples: usize,
    level: f64,
    rng: &mut Pcg32,
) -> Result<Ranking, BradleyTerryError> {
    fit(n, votes, settings)?;
    let mut people: Vec<usize> = votes.iter().map(|vote| vote.participant).collect();
    people.sort_unstable();
    people.dedup();
    if people.len() < 2 {
        return Err(StatError::TooFew { n: people.len(), needed: 2 }.into());
    }
    if resamples == 0 {
        return Err(StatError::Range { what: "the number of resamples" }.into());
    }
    let mut draws = vec![Vec::with_capacity(resamples); n];
    let mut ranks = vec![Vec::with_capacity(resamples); n];
    let mut above = vec![0.0; n * n];
    let mut disconnected = 0;
    let mut times = vec![0.0; people.len()];
    for _ in 0..resamples {
        times.fill(0.0);
        for _ in 0..people.len() {
            times[rng.below(people.len())] += 1.0;
        }
        let cells = cells(n, votes, |person| people.binary_search(&person).map_or(0.0, |place| times[place]))?;
        let Ok(found) = fit_cells(n, &cells, settings) else {
            disconnected += 1;
            continue;
        };
        for i in 0..n {
            draws[i].push(found.strengths[i]);
            let mut rank = 1;
            for j in (0..n).filter(|&j| j != i) {
                let stronger = found.strengths[i].total_cmp(&found.strengths[j]);
                above[i * n + j] += match stronger {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
                rank += usize::from(stronger.is_lt());
            }
            ranks[i].push(rank);
        }
    }
    let done = (resamples - disconnected).max(1);
    for share in &mut above {
        *share /= done as f64;
    }
    let intervals =
        draws.iter().map(|draws| percentile_of_draws(draws, disconnected, level)).collect::<Result<Vec<_>, _>>()?;
    let cut = |share: f64| (libm::floor(share * (done - 1) as f64 + 0.5) as usize).min(done - 1);
    let ranks = ranks
        .into_iter()
        .map(|mut ranks| {
            ranks.sort_unstable();
            (ranks[cut(0.5 * (1.0 - level))], ranks[cut(0.5 + 0.5 * level)])
        })
        .collect();
    Ok(Ranking { intervals, ranks, above, resamples, disconnected })
}

/// Minorization-maximization (Hunter 2004) with ties as half wins: a slow second way to the same strengths.
///
/// # Errors
/// As [`fit`]; `NotConverged` if `max_steps` do not bring the largest change below 1e-12.
pub fn fit_mm(n: usize, votes: &[Vote], max_steps: usize) -> Result<Vec<f64>, BradleyTerryError> {
    let cells = cells(n, votes, |_| 1.0)?;
    problem(n, &cells, Settings::default())?;
    let mut wins = vec![0.0; n];
    for cell in &cells {
        wins[cell.first] += cell.wins + 0.5 * cell.ties;
        wins[cell.second] += cell.losses + 0.5 * cell.ties;
    }
    let mut theta = vec![0.0_f64; n];
    for _ in 0..max_steps {
        let mut rates = vec![0.0; n];
        for cell in &cells {
            let (a, b) = (libm::exp(theta[cell.first]), libm::exp(theta[cell.second]));
            let rate = (cell.wins + cell.losses + cell.ties) / (a + b);
            rates[cell.first] += rate;
            rates[cell.second] += rate;
        }
        let mut next: Vec<f64> = wins.iter().zip(&rates).map(|(won, rate)| libm::log(won / rate)).collect();
        let mean = next.iter().sum::<f64>() / n as f64;
        for value in &mut next {
            *value -= mean;
        }
        let change = next.iter().zip(&theta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        theta = next;
        if change < 1e-12 {
            return Ok(theta);
        }
    }
    Err(StatError::NotConverged { steps: max_steps }.into())
}

/// Decisive votes needed to tell a share of wins from one half, two-sided at 5 % with this power.
///
/// # Errors
/// `Range` unless the share lies in (0, 1) and is not one half, and the power in (0, 1).
pub fn votes_needed(share: f64, power: f64) -> Result<u64, StatError> {
    if !(share > 0.0 && share < 1.0) || share == 0.5 {
        return Err(StatError::Range { what: "the share of wins" });
    }
    let gap = share - 0.5;
    let root = 0.5 * normal_quantile(0.975)? + normal_quantile(power)? * libm::sqrt(share * (1.0 - share));
    Ok(libm::ceil(root * root / (gap * gap)) as u64)
}

/// Items joined by any comparison at all, whoever won.
///
/// # Errors
/// `Range` for an unknown item.
pub fn compared_parts(n: usize, votes: &[Vote]) -> Result<usize, StatError> {
    Ok(components(n, cells(n, votes, |_| 1.0)?.iter().map(|cell| (cell.first, cell.second))).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(first: usize, second: usize, outcome: Outcome, participant: usize) -> Vote {
        Vote { first, second, outcome, participant }
    }

    /// Votes of people who follow the model with these strengths.
    fn simulated(strengths: &[f64], side: f64, eta: f64, count: usize, rng: &mut Pcg32) -> Vec<Vote> {
        (0..count)
            .map(|index| {
                let first = rng.below(strengths.len());
                let second = (first + 1 + rng.below(strengths.len() - 1)) % strengths.len();
                let d = strengths[first] - strengths[second] + side;
                let u = rng.unit();
                let outcome = if u < sigma(d - eta) {
                    Outcome::First
                } else if u < sigma(d - eta) + sigma(-d - eta) {
                    Outcome::Second
                } else {
                    Outcome::Tie
                };
                vote(first, second, outcome, index % 25)
            })
            .collect()
    }

    #[test]
    fn planted_strengths_side_and_ties_are_recovered() {
        let mut rng = Pcg32::new(12);
        let truth = [1.2, 0.4, 0.0, -0.5, -1.1];
        let votes = simulated(&truth, 0.3, 0.4, 6000, &mut rng);
        let settings = Settings { ties: Ties::RaoKupper, prior_sd: None, side: true };
        let found = fit(5, &votes, settings).unwrap();
        for ((theta, truth), se) in found.strengths.iter().zip(truth).zip(&found.standard_errors) {
            assert!((theta - truth).abs() < 4.0 * se, "{theta} {truth} {se}");
        }
        let (side, se) = found.side.unwrap();
        assert!((side - 0.3).abs() < 4.0 * se && (found.tie_parameter.unwrap() - 0.4).abs() < 0.06);
        let robust = sandwich(5, &votes, settings).unwrap();
        // 25 independent simulated people: both kinds of error agree roughly.
        for (a, b) in robust.iter().zip(&found.standard_errors) {
            assert!(a / b > 0.5 && a / b < 2.0, "{a} {b}");
        }
        let drawn = participant_bootstrap(5, &votes, settings, 300, 0.95, &mut rng).unwrap();
        assert_eq!((drawn.disconnected, drawn.ranks[0], drawn.ranks[4]), (0, (1, 1), (5, 5)));
        assert!(drawn.above[1] > 0.99 && drawn.above[5] < 0.01);
        for (interval, theta) in drawn.intervals.iter().zip(&found.strengths) {
            assert!(interval.low < *theta && *theta < interval.high);
        }
    }

    #[test]
    fn disconnected_items_are_named() {
        let votes = [
            vote(0, 1, Outcome::First, 0),
            vote(1, 0, Outcome::First, 0),
            vote(2, 3, Outcome::First, 0),
            vote(3, 2, Outcome::First, 0),
            vote(0, 2, Outcome::First, 0),
        ];
        let groups = vec![vec![0, 1], vec![2, 3]];
        assert_eq!(fit(4, &votes, Settings::default()), Err(BradleyTerryError::Disconnected { groups }));
        assert_eq!(compared_parts(4, &votes), Ok(1));
        // A tie is a way back, unless it is dropped.
        let mut tied = votes.to_vec();
        tied.push(vote(3, 1, Outcome::Tie, 0));
        assert!(fit(4, &tied, Settings::default()).is_ok());
        assert!(fit(4, &tied, Settings { ties: Ties::Drop, ..Settings::default() }).is_err());
        // A prior makes every graph finite.
        let rescued = fit(4, &votes, Settings { prior_sd: Some(2.0), ..Settings::default() }).unwrap();
        assert!(rescued.strengths[0] > rescued.strengths[2]);
        assert!(rescued.strengths.iter().sum::<f64>().abs() < 1e-9);
    }

    #[test]
    fn bad_votes_are_errors() {
        let own = [vote(1, 1, Outcome::First, 0)];
        assert!(fit(2, &own, Settings::default()).is_err());
        assert!(fit(2, &[vote(0, 7, Outcome::Tie, 0)], Settings::default()).is_err());
        let tie = [vote(0, 1, Outcome::Tie, 0)];
        assert!(fit(2, &tie, Settings { ties: Ties::Davidson, ..Settings::default() }).is_err());
        assert_eq!(fit(2, &tie, Settings::default()).unwrap().strengths, [0.0, 0.0]);
        assert!(fit(2, &tie, Settings { prior_sd: Some(-1.0), ..Settings::default() }).is_err());
    }

    #[test]
    fn rare_connections_are_counted() {
        let mut votes = Vec::new();
        for person in 0..6 {
            votes.push(vote(0, 1, Outcome::First, person));
        }
        votes.push(vote(0, 1, Outcome::Second, 6));
        votes.push(vote(0, 1, Outcome::Second, 7));
        let drawn = participant_bootstrap(2, &votes, Settings::default(), 400, 0.9, &mut Pcg32::new(1)).unwrap();
        assert!(drawn.disconnected > 0 && drawn.disconnected < 200, "{}", drawn.disconnected);
        assert_eq!(drawn.intervals[0].undefined, drawn.disconnected);
    }

    #[test]
    fn published_numbers_of_votes() {
        assert_eq!((votes_needed(0.6, 0.8), votes_needed(0.55, 0.8)), (Ok(194), Ok(783)));
        assert!(votes_needed(0.5, 0.8).is_err());
    }
}
