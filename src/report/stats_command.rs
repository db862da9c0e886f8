//! `headless stats NAME`: one JSON object in, one statistic out. Arrays hold numbers, an RDM is its upper triangle row by
//! row, `null` is missing. Unknown fields are errors, so that a misspelled option is never ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::eval::metrics::LEVEL;
use crate::stats::bootstrap::RESAMPLES;
use crate::stats::bradley_terry::{BradleyTerryError, Outcome, Settings, Ties, Vote, fit, sandwich};
use crate::stats::calibration::{Binning, brier, ece, log_loss, reliability_bins};
use crate::stats::cka::linear_cka;
use crate::stats::discretion::{arbitrariness, discrepancy, item_kind, priorities, supremacy};
use crate::stats::icc::icc;
use crate::stats::kappa::{Weighting, cohen};
use crate::stats::krippendorff::{Level, alpha};
use crate::stats::mantel::{Permutations, Tail, mantel};
use crate::stats::mcnemar::mcnemar;
use crate::stats::mds::{classical, smacof_from_classical};
use crate::stats::multiplicity::holm;
use crate::stats::noise_ceiling::noise_ceiling;
use crate::stats::proportion::{clopper_pearson, wilson};
use crate::stats::rank::{kendall_tau_a, kendall_tau_b, pearson, rho_a, spearman};
use crate::stats::rdm::Rdm;
use crate::stats::rdm_bootstrap::{Factor, bootstrap_evaluation};
use crate::stats::rdm_compare::{Measure, compare};
use crate::stats::reliability::split_half;
use crate::stats::rng::Pcg32;
use crate::stats::selective::{auroc, risk_areas};
use crate::stats::triplets::odd_one_out_accuracy;
use crate::stats::{StatError, cluster};

/// Why a statistic was not computed.
#[derive(Debug, thiserror::Error)]
pub enum StatsCommandError {
    /// No statistic of this name.
    #[error("no statistic is called {name:?}; there are {}", NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The object does not have the right fields.
    #[error("the input is not what {name} takes: {detail}")]
    Input {
        /// The statistic.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The items cannot be ranked against each other.
    #[error("the comparisons do not connect the items: no wins both ways between {groups}")]
    Disconnected {
        /// The groups of items, in words.
        groups: String,
    },
    /// The data do not define the statistic.
    #[error(transparent)]
    Stat(#[from] StatError),
}

/// Every statistic, in the order of the help text.
pub const NAMES: [&str; 29] = [
    "pearson",
    "spearman",
    "kendall-tau-a",
    "kendall-tau-b",
    "rho-a",
    "rdm-compare",
    "noise-ceiling",
    "mantel",
    "rdm-bootstrap",
    "cka",
    "mds",
    "smacof",
    "linkage",
    "bradley-terry",
    "krippendorff-alpha",
    "cohen-kappa",
    "icc",
    "split-half",
    "ece",
    "brier",
    "log-loss",
    "aurc",
    "auroc",
    "wilson",
    "clopper-pearson",
    "mcnemar",
    "holm",
    "triplet-accuracy",
    "discretion",
];

type Row = Vec<Option<f64>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    x: Vec<f64>,
    y: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscretionInput {
    /// Verdicts by annotator: 1, -1, or 0 for none.
    annotators: BTreeMap<String, Vec<i8>>,
    /// Verdicts by principle: 1, -1, or 0 where it says nothing.
    principles: BTreeMap<String, Vec<i8>>,
    #[serde(default = "one")]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwoRdms {
    a: Row,
    b: Row,
    method: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyRdms {
    rdms: Vec<Row>,
    method: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MantelInput {
    a: Row,
    b: Row,
    method: String,
    permutations: Value,
    #[serde(default = "one")]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BootstrapInput {
    models: Vec<Row>,
    rdms: Vec<Row>,
    method: String,
    factor: String,
    #[serde(default = "resamples")]
    resamples: usize,
    #[serde(default = "level")]
    level: f64,
    #[serde(default = "one")]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Features {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MdsInput {
    rdm: Row,
    dims: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RdmInput {
    rdm: Row,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BradleyTerryInput {
    items: Vec<String>,
    comparisons: Vec<ComparisonRow>,
    #[serde(default)]
    ties: Option<String>,
    #[serde(default)]
    prior_sd: Option<f64>,
    #[serde(default)]
    side: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComparisonRow {
    a: String,
    b: String,
    winner: String,
    #[serde(default)]
    participant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlphaInput {
    ratings: Vec<Row>,
    level: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KappaInput {
    a: Vec<usize>,
    b: Vec<usize>,
    #[serde(default)]
    weights: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IccInput {
    ratings: Vec<Vec<f64>>,
    #[serde(default = "level")]
    level: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitInput {
    ratings: Vec<Row>,
    #[serde(default = "splits")]
    splits: usize,
    #[serde(default = "one")]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    confidence: Vec<f64>,
    correct: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EceInput {
    confidence: Vec<f64>,
    correct: Vec<Value>,
    bins: usize,
    binning: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    k: u64,
    n: u64,
    #[serde(default = "level")]
    level: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct McNemarInput {
    only_first: u64,
    only_second: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolmInput {
    p: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TripletInput {
    similarity: Vec<Row>,
    triplets: Vec<TripletRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TripletRow {
    a: usize,
    b: usize,
    c: usize,
    odd: Value,
}

fn one() -> u64 {
    1
}

fn resamples() -> usize {
    crate::stats::bootstrap::RESAMPLES
}

fn splits() -> usize {
    1000
}

fn level() -> f64 {
    crate::eval::metrics::LEVEL
}

fn numbers(row: &[Option<f64>]) -> Vec<f64> {
    row.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

fn rdm(row: &[Option<f64>]) -> Result<Rdm, StatError> {
    Rdm::from_values(numbers(row))
}

fn rdms(rows: &[Row]) -> Result<Vec<Rdm>, StatError> {
    rows.iter().map(|row| rdm(row)).collect()
}

fn value(found: Result<f64, StatError>) -> Result<Value, StatsCommandError> {
    Ok(json!({ "value": found? }))
}

/// One call: the name is kept for messages.
struct Call<'a> {
    name: &'a str,
    input: &'a Value,
}

impl Call<'_> {
    fn bad(&self, detail: impl Into<String>) -> StatsCommandError {
        StatsCommandError::Input { name: self.name.to_owned(), detail: detail.into() }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, StatsCommandError> {
        T::deserialize(self.input).map_err(|error| self.bad(error.to_string()))
    }

    /// One of a list of words.
    fn word<T: Copy>(&self, what: &str, found: &str, words: &[(&str, T)]) -> Result<T, StatsCommandError> {
        words.iter().find(|(word, _)| *word == found).map(|(_, value)| *value).ok_or_else(|| {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.bad(format!("{what} is {found:?} and must be one of {}", list.join(", ")))
        })
    }

    fn method(&self, found: &str) -> Result<Measure, StatsCommandError> {
        self.word("method", found, &Measure::ALL.map(|measure| (measure.name(), measure)))
    }

    fn correct(&self, values: &[Value]) -> Result<Vec<bool>, StatsCommandError> {
        values
            .iter()
            .map(|value| match (value.as_bool(), value.as_f64()) {
                (Some(right), _) => Ok(right),
                (_, Some(number)) if number == 0.0 || number == 1.0 => Ok(number == 1.0),
                _ => Err(self.bad(format!("correct holds {value}, not true, false, 1 or 0"))),
            })
            .collect()
    }

    fn answers(&self) -> Result<(Vec<f64>, Vec<bool>), StatsCommandError> {
        let input: Answers = self.read()?;
        let correct = self.correct(&input.correct)?;
        Ok((input.confidence, correct))
    }

    fn lists(&self, statistic: fn(&[f64], &[f64]) -> Result<f64, StatError>) -> Result<Value, StatsCommandError> {
        let input: Lists = self.read()?;
        value(statistic(&input.x, &input.y))
    }

    fn mantel(&self) -> Result<Value, StatsCommandError> {
        let input: MantelInput = self.read()?;
        let mut rng = Pcg32::new(input.seed);
        let permutations = match (&input.permutations, input.permutations.as_u64()) {
            (Value::String(word), _) if word == "exact" => Permutations::Exact,
            (_, Some(count)) => Permutations::Sampled(count as usize, &mut rng),
            _ => return Err(self.bad("permutations must be a whole number or \"exact\"")),
        };
        let method = self.method(&input.method)?;
        let found = mantel(&rdm(&input.a)?, &rdm(&input.b)?, method, Tail::Greater, permutations)?;
        Ok(json!({ "r": found.r, "p": found.p, "permutations": found.permutations, "exact": found.exact }))
    }

    fn rdm_bootstrap(&self) -> Result<Value, StatsCommandError> {
        let input: BootstrapInput = self.read()?;
        let factor = self.word(
            "factor",
            &input.factor,
            &[("subjects", Factor::Subjects), ("conditions", Factor::Conditions), ("both", Factor::Both)],
        )?;
        let (models, people) = (rdms(&input.models)?, rdms(&input.rdms)?);
        let mut rng = Pcg32::new(input.seed);
        let method = self.method(&input.method)?;
        let found = bootstrap_evaluation(&models, &people, method, factor, input.resamples, &mut rng)?;
        let models = (0..models.len())
            .map(|model| {
                let percentile = found.percentile(model, input.level)?;
                let bca = found.bca(model, input.level).ok().map(|interval| [interval.low, interval.high]);
                Ok(json!({
                    "value": found.values[model],
                    "percentile": [percentile.low, percentile.high],
                    "bca": bca,
                }))
            })
            .collect::<Result<Vec<Value>, StatError>>()?;
        Ok(json!({ "models": models, "resamples": input.resamples, "undefined": found.undefined }))
    }

    fn bradley_terry(&self) -> Result<Value, StatsCommandError> {
        let input: BradleyTerryInput = self.read()?;
        let ties = self.word(
            "ties",
            input.ties.as_deref().unwrap_or("half"),
            &[
                ("half", Ties::Half),
                ("davidson", Ties::Davidson),
                ("rao-kupper", Ties::RaoKupper),
                ("drop", Ties::Drop),
            ],
        )?;
        let place = |name: &str| {
            let found = input.items.iter().position(|item| item == name);
            found.ok_or_else(|| self.bad(format!("{name:?} is compared and is not among the items")))
        };
        let mut people: Vec<&str> = Vec::new();
        let mut votes = Vec::with_capacity(input.comparisons.len());
        for (index, row) in input.comparisons.iter().enumerate() {
            let outcome = self.word(
                "winner",
                &row.winner,
                &[("a", Outcome::First), ("b", Outcome::Second), ("tie", Outcome::Tie)],
            )?;
            // A comparison without a participant is someone of its own.
            let participant = match row.participant.as_deref() {
                None => input.comparisons.len() + index,
                Some(name) => people.iter().position(|known| *known == name).unwrap_or_else(|| {
                    people.push(name);
                    people.len() - 1
                }),
            };
            votes.push(Vote { first: place(&row.a)?, second: place(&row.b)?, outcome, participant });
        }
        let settings = Settings { ties, prior_sd: input.prior_sd, side: input.side };
        let words = |error| match error {
            BradleyTerryError::Stat(error) => StatsCommandError::Stat(error),
            BradleyTerryError::Disconnected { groups } => {
                let names = |group: &Vec<usize>| {
                    let names: Vec<&str> = group.iter().map(|&item| input.items[item].as_str()).collect();
                    format!("[{}]", names.join(", "))
                };
                let groups: Vec<String> = groups.iter().map(names).collect();
                StatsCommandError::Disconnected { groups: groups.join(" and ") }
            }
        };
        let n = input.items.len();
        let found = fit(n, &votes, settings).map_err(words)?;
        let robust = sandwich(n, &votes, settings).map_err(words)?;
        let by_item = |values: &[f64]| -> Map<String, Value> {
            input.items.iter().zip(values).map(|(item, value)| (item.clone(), json!(value))).collect()
        };
        Ok(json!({
            "strengths": by_item(&found.strengths),
            "se": by_item(&found.standard_errors),
            "sandwich_se": by_item(&robust),
            "loglik": found.log_likelihood,
            "tie_parameter": found.tie_parameter,
            "side": found.side.map(|side| side.0),
        }))
    }

    fn split_half(&self) -> Result<Value, StatsCommandError> {
        let input: SplitInput = self.read()?;
        let ratings: Vec<Vec<f64>> = input.ratings.iter().map(|row| numbers(row)).collect();
        let found = split_half(&ratings, input.splits, &mut Pcg32::new(input.seed))?;
        Ok(json!({
            "r": found.r,
            "spearman_brown": found.spearman_brown,
            "splits": found.splits,
            "undefined": found.undefined,
            "exact": found.exact,
        }))
    }

    /// Verdicts of annotators (people or models) and of principles on the same items; see [`crate::stats::discretion`].
    fn discretion(&self) -> Result<Value, StatsCommandError> {
        let input: DiscretionInput = self.read()?;
        let names: Vec<&String> = input.principles.keys().collect();
        let principles: Vec<Vec<i8>> = input.principles.values().cloned().collect();
        let mut annotators = Map::new();
        let mut weights = Vec::new();
        for (name, verdicts) in &input.annotators {
            let found = arbitrariness(verdicts, &principles, (RESAMPLES, LEVEL), &mut Pcg32::new(input.seed));
            let counts = supremacy(verdicts, &principles)?;
            let shares: Vec<Vec<Option<f64>>> =
                (0..names.len()).map(|p| (0..names.len()).map(|q| counts.share(p, q)).collect()).collect();
            let own = priorities(&counts);
            // An infinite weight is a word in JSON, which has no such number.
            let shown = |weight: f64| if weight.is_finite() { json!(weight) } else { json!(weight.to_string()) };
            let priority = own.as_ref().map(|own| own.iter().map(|it| it.map(shown)).collect::<Vec<_>>());
            annotators.insert(
                name.clone(),
                json!({
                    "arbitrariness": found.as_ref().ok().map(|it| it.share),
                    "interval": found.as_ref().ok().and_then(|it| it.interval.as_ref().map(|it| [it.low, it.high])),
                    "n_consensus": found.as_ref().map_or(0, |it| it.n),
                    "supremacy": shares,
                    "conflicts": counts.n,
                    "priority": priority.as_ref().ok(),
                    "why_no_priority": priority.as_ref().err().map(ToString::to_string),
                }),
            );
            weights.push((name, own.ok()));
        }
        let mut discrepancies = Vec::new();
        for (place, (a, first)) in weights.iter().enumerate() {
            for (b, second) in &weights[place + 1..] {
                let found = match (first, second) {
                    (Some(first), Some(second)) => discrepancy(first, second).ok(),
                    _ => None,
                };
                let (value, n) = found.unzip();
                discrepancies.push(json!({ "a": a, "b": b, "discrepancy": value, "n_principles": n }));
            }
        }
        let kinds = (0..principles.first().map_or(0, Vec::len)).fold([0_u32; 3], |mut kinds, item| {
            kinds[item_kind(principles.iter().filter_map(|it| it.get(item).copied())) as usize] += 1;
            kinds
        });
        Ok(json!({
            "principles": names,
            "n_indifference": kinds[0], "n_consensus": kinds[1], "n_conflict": kinds[2],
            "annotators": annotators,
            "discrepancies": discrepancies,
        }))
    }

    fn ece(&self) -> Result<Value, StatsCommandError> {
        let input: EceInput = self.read()?;
        let binning = self.word("binning", &input.binning, &[("width", Binning::Width), ("mass", Binning::Mass)])?;
        let bins = reliability_bins(&input.confidence, &self.correct(&input.correct)?, input.bins, binning)?;
        let rows: Vec<Value> = bins
            .iter()
            .map(|bin| json!({ "n": bin.n, "confidence": bin.confidence, "accuracy": bin.accuracy }))
            .collect();
        Ok(json!({ "ece": ece(&bins), "bins": rows }))
    }

    fn triplet_accuracy(&self) -> Result<Value, StatsCommandError> {
        let input: TripletInput = self.read()?;
        let n = input.similarity.len();
        if let Some(row) = input.similarity.iter().find(|row| row.len() != n) {
            return Err(self.bad(format!("similarity has {n} rows and one of {} values", row.len())));
        }
        let mut answers = Vec::with_capacity(input.triplets.len());
        for row in &input.triplets {
            let items = [row.a, row.b, row.c];
            if items.iter().any(|&item| item >= n) {
                return Err(self.bad(format!("a triplet names an item beyond the {n} of similarity")));
            }
            // The odd one as an item, or as the letter of its place.
            let odd = match (&row.odd, row.odd.as_u64()) {
                (_, Some(item)) => items.iter().position(|known| *known as u64 == item),
                (Value::String(letter), _) => ["a", "b", "c"].iter().position(|known| known == letter),
                _ => None,
            };
            let odd = odd.ok_or_else(|| self.bad(format!("odd is {} and not one of its triplet", row.odd)))?;
            answers.push([items[(odd + 1) % 3], items[(odd + 2) % 3], items[odd]]);
        }
        // A half-filled matrix is read either way.
        let similarity = |i: usize, j: usize| input.similarity[i][j].or(input.similarity[j][i]);
        let found = odd_one_out_accuracy(&answers, similarity)?;
        Ok(json!({ "accuracy": found.accuracy, "n": found.n, "missing": found.missing }))
    }

    fn agreement(&self) -> Result<Value, StatsCommandError> {
        match self.name {
            "krippendorff-alpha" => {
                let input: AlphaInput = self.read()?;
                let levels = [
                    ("nominal", Level::Nominal),
                    ("ordinal", Level::Ordinal),
                    ("interval", Level::Interval),
                    ("ratio", Level::Ratio),
                ];
                let ratings: Vec<Vec<f64>> = input.ratings.iter().map(|row| numbers(row)).collect();
                let found = alpha(&ratings, self.word("level", &input.level, &levels)?)?;
                Ok(json!({ "alpha": found.alpha, "n_units": found.n_units, "no_variance": found.no_variance }))
            }
            "cohen-kappa" => {
                let input: KappaInput = self.read()?;
                let weights = [
                    ("none", Weighting::Unweighted),
                    ("linear", Weighting::Linear),
                    ("quadratic", Weighting::Quadratic),
                ];
                let weights = self.word("weights", input.weights.as_deref().unwrap_or("none"), &weights)?;
                value(cohen(&input.a, &input.b, weights))
            }
            _ => {
                let input: IccInput = self.read()?;
                let found = icc(&input.ratings, input.level)?;
                let row = |icc: crate::stats::icc::Icc| json!({ "value": icc.value, "low": icc.low, "high": icc.high, "f": icc.f, "p": icc.p });
                Ok(json!({
                    "icc1": row(found.icc1), "icc2": row(found.icc2), "icc3": row(found.icc3),
                    "icc1k": row(found.icc1k), "icc2k": row(found.icc2k), "icc3k": row(found.icc3k),
                    "sem": found.standard_error_of_measurement,
                }))
            }
        }
    }

    fn structure(&self) -> Result<Value, StatsCommandError> {
        if self.name == "linkage" {
            let input: RdmInput = self.read()?;
            let merges = cluster::average_linkage(&rdm(&input.rdm)?)?;
            let rows: Vec<Value> =
                merges.iter().map(|merge| json!([merge.first, merge.second, merge.height, merge.size])).collect();
            return Ok(json!({ "merges": rows, "leaves": cluster::leaf_order(&merges) }));
        }
        let input: MdsInput = self.read()?;
        let rdm = rdm(&input.rdm)?;
        let map = match self.name {
            "mds" => classical(&rdm, input.dims)?,
            _ => smacof_from_classical(&rdm, input.dims, 1000, 1e-9)?,
        };
        Ok(json!({ "points": map.points, "stress": map.stress }))
    }

    fn answer(&self) -> Result<Value, StatsCommandError> {
        match self.name {
            "pearson" => self.lists(pearson),
            "spearman" => self.lists(spearman),
            "kendall-tau-a" => self.lists(kendall_tau_a),
            "kendall-tau-b" => self.lists(kendall_tau_b),
            "rho-a" => self.lists(rho_a),
            "rdm-compare" => {
                let input: TwoRdms = self.read()?;
                let found = compare(&rdm(&input.a)?, &rdm(&input.b)?, self.method(&input.method)?)?;
                Ok(json!({ "value": found.value, "n_pairs": found.n_pairs }))
            }
            "noise-ceiling" => {
                let input: ManyRdms = self.read()?;
                let found = noise_ceiling(&rdms(&input.rdms)?, self.method(&input.method)?)?;
                Ok(json!({ "lower": found.lower, "upper": found.upper, "n": found.n_subjects }))
            }
            "mantel" => self.mantel(),
            "rdm-bootstrap" => self.rdm_bootstrap(),
            "cka" => {
                let input: Features = self.read()?;
                value(linear_cka(&input.x, &input.y))
            }
            "mds" | "smacof" | "linkage" => self.structure(),
            "bradley-terry" => self.bradley_terry(),
            "krippendorff-alpha" | "cohen-kappa" | "icc" => self.agreement(),
            "split-half" => self.split_half(),
            "ece" => self.ece(),
            "brier" => {
                let (confidence, correct) = self.answers()?;
                Ok(json!({ "brier": brier(&confidence, &correct)? }))
            }
            "log-loss" => {
                let (confidence, correct) = self.answers()?;
                Ok(json!({ "log_loss": log_loss(&confidence, &correct)? }))
            }
            "aurc" => {
                let (confidence, correct) = self.answers()?;
                let found = risk_areas(&confidence, &correct)?;
                Ok(json!({ "aurc": found.aurc, "augrc": found.augrc, "best": found.best }))
            }
            "auroc" => {
                let (confidence, correct) = self.answers()?;
                Ok(json!({ "auroc": auroc(&confidence, &correct)? }))
            }
            "wilson" | "clopper-pearson" => {
                let input: Count = self.read()?;
                let interval = if self.name == "wilson" { wilson } else { clopper_pearson };
                let (low, high) = interval(input.k, input.n, input.level)?;
                Ok(json!({ "low": low, "high": high }))
            }
            "mcnemar" => {
                let input: McNemarInput = self.read()?;
                let found = mcnemar(input.only_first, input.only_second)?;
                Ok(json!({ "p": found.exact, "chi2": found.chi2, "chi2_p": found.corrected }))
            }
            "holm" => {
                let input: HolmInput = self.read()?;
                Ok(json!({ "adjusted": holm(&input.p)? }))
            }
            "triplet-accuracy" => self.triplet_accuracy(),
            "discretion" => self.discretion(),
            _ => Err(StatsCommandError::Unknown { name: self.name.to_owned() }),
        }
    }
}

/// Computes the statistic `name` of one JSON object.
///
/// # Errors
/// `Unknown` names list the known ones; `Input` says which field is wrong; the rest says why the data define no value.
pub fn answer(name: &str, input: &Value) -> Result<Value, StatsCommandError> {
    Call { name, input }.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn number(name: &str, input: &Value, path: &str, expected: f64) {
        let found = answer(name, input).unwrap();
        let value = found.pointer(path).and_then(Value::as_f64).unwrap();
        assert!((value - expected).abs() < 1e-5, "{found}");
    }

    /// An input for every statistic, with a value that is known from elsewhere.
    #[test]
    fn every_statistic_answers() {
        let xy = json!({ "x": [1, 2, 2, 3, 4, 4], "y": [1, 3, 2, 2, 5, 4] });
        number("kendall-tau-a", &xy, "/value", 0.666_667);
        number("kendall-tau-b", &xy, "/value", 0.741_249);
        number("spearman", &xy, "/value", 0.850_841);
        number("rho-a", &xy, "/value", 0.814_286);
        number("pearson", &json!({ "x": [1, 2, 3], "y": [2, 4, 6] }), "/value", 1.0);
        let (a, b) = (json!([1, 4, 6, 7, 3, 5, 8, 2, 6, 3]), json!([2, 3, 7, 6, 4, 4, 9, 1, 5, 4]));
        let pair = json!({ "a": a, "b": b, "method": "pearson" });
        number("rdm-compare", &pair, "/value", 0.897_671);
        let test = json!({ "a": a, "b": b, "method": "pearson", "permutations": "exact", "seed": 1 });
        number("mantel", &test, "/p", 1.0 / 120.0);
        let four = json!([[1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5], [2, 1, 3, 5, 4, 6], [1, 2, 4, 3, 5, 6]]);
        number("noise-ceiling", &json!({ "rdms": four, "method": "cosine" }), "/lower", 0.976_653);
        let bootstrap = json!({
            "models": [[1, 1, 2, 2, 3, 3]], "rdms": four, "method": "kendall-tau-a", "factor": "subjects",
            "resamples": 200, "seed": 1,
        });
        number("rdm-bootstrap", &bootstrap, "/models/0/value", 0.733_333);
        let cross = json!({ "x": [[1, 0], [0, 1], [0, 0]], "y": [[2, 0], [0, 2], [0, 0]] });
        number("cka", &cross, "/value", 1.0);
        number("mds", &json!({ "rdm": [3, 4, 5], "dims": 2 }), "/stress", 0.0);
        number("smacof", &json!({ "rdm": [3, 4, null], "dims": 1 }), "/stress", 0.0);
        number("linkage", &json!({ "rdm": [1, 4, 6] }), "/merges/1/2", 5.0);
        let mut comparisons = Vec::new();
        for (a, b, wins, losses) in [("A", "B", 2, 3), ("A", "D", 1, 4), ("B", "C", 5, 3), ("C", "D", 1, 3)] {
            for (winner, count) in [("a", wins), ("b", losses)] {
                comparisons.extend((0..count).map(|_| json!({ "a": a, "b": b, "winner": winner })));
            }
        }
        let input = json!({
            "items": ["A", "B", "C", "D"], "comparisons": comparisons, "ties": "half", "prior_sd": null,
        });
        number("bradley-terry", &input, "/strengths/A", -0.446_545);
        number("bradley-terry", &input, "/se/D", 0.621_343);
        number("bradley-terry", &input, "/sandwich_se/D", 0.623_970);
        number("bradley-terry", &input, "/loglik", -13.428_450);
        let ratings = json!({ "ratings": [[1, 2, 3, null], [1, 2, 3, 4], [null, 2, 3, 4]], "level": "nominal" });
        number("krippendorff-alpha", &ratings, "/alpha", 1.0);
        number("cohen-kappa", &json!({ "a": [0, 1, 0, 1], "b": [0, 1, 1, 0] }), "/value", 0.0);
        // Shrout and Fleiss 1979, table 2.
        let table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]];
        number("icc", &json!({ "ratings": table }), "/icc2/value", 0.289_764);
        let halves = json!({ "ratings": [[1, 2, 3], [1, 2, 3], [1, 2, 3]], "splits": 50, "seed": 2 });
        number("split-half", &halves, "/spearman_brown", 1.0);
        let confidence = json!([0.95, 0.9, 0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5]);
        let correct = json!([1, 1, 0, 1, 1, 0, 1, 0, true, false]);
        let answers = json!({ "confidence": confidence, "correct": correct });
        number("brier", &answers, "/brier", 0.235);
        number("log-loss", &answers, "/log_loss", 0.681_210);
        number("aurc", &answers, "/best", 0.112_619);
        number("auroc", &json!({ "confidence": [0.1, 0.9], "correct": [false, true] }), "/auroc", 1.0);
        let bins = json!({ "confidence": confidence, "correct": correct, "bins": 10, "binning": "width" });
        number("ece", &bins, "/ece", 0.23);
        number("wilson", &json!({ "k": 14, "n": 20, "level": 0.95 }), "/low", 0.481_027);
        number("clopper-pearson", &json!({ "k": 14, "n": 20 }), "/high", 0.881_069);
        number("mcnemar", &json!({ "only_first": 8, "only_second": 2 }), "/p", 0.109_375);
        number("holm", &json!({ "p": [0.01, 0.04] }), "/adjusted/0", 0.02);
        let triplets = json!({
            "similarity": [[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]],
            "triplets": [{ "a": 0, "b": 1, "c": 2, "odd": 2 }, { "a": 2, "b": 1, "c": 0, "odd": "b" }],
        });
        number("triplet-accuracy", &triplets, "/accuracy", 0.5);
        let verdicts = json!({
            "annotators": { "a model": [1, 1, 1, -1, 1, 0], "people": [1, -1, 1, 1, 1, 1] },
            "principles": { "short": [1, -1, 1, 1, 0, 1], "true": [1, 0, -1, -1, 0, 0] },
        });
        number("discretion", &verdicts, "/annotators/a model/arbitrariness", 0.5);
        number("discretion", &verdicts, "/annotators/people/arbitrariness", 0.0);
        number("discretion", &verdicts, "/annotators/people/supremacy/0/1", 1.0);
    }

    #[test]
    fn every_name_is_known_and_bad_input_says_what_is_wrong() {
        for name in NAMES {
            let error = answer(name, &json!({ "nonsense": 1 })).unwrap_err();
            assert!(matches!(error, StatsCommandError::Input { .. }), "{name}: {error}");
        }
        let message = |name: &str, input: &Value| answer(name, input).unwrap_err().to_string();
        assert!(message("cosinus", &json!({})).starts_with("no statistic is called \"cosinus\"; there are pearson"));
        let wrong = json!({ "a": [1], "b": [2], "method": "euclid" });
        assert!(message("rdm-compare", &wrong).contains("\"euclid\" and must be one of cosine, pearson"));
        let input = json!({
            "items": ["x", "y", "z"], "comparisons": [
                { "a": "x", "b": "y", "winner": "a" }, { "a": "x", "b": "y", "winner": "b" },
            ],
        });
        let found = message("bradley-terry", &input);
        assert_eq!(found, "the comparisons do not connect the items: no wins both ways between [x, y] and [z]");
        let unknown = json!({ "items": ["x"], "comparisons": [{ "a": "x", "b": "q", "winner": "a" }] });
        assert!(message("bradley-terry", &unknown).contains("\"q\" is compared"));
    }
}
