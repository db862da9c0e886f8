//! Do the participants of a class fall into groups that judge differently, or lie between prototypes? A mixture over
//! participants ([`crate::stats::latent_class`]) and ideal points ([`crate::stats::ideal_point`]), both held to the same
//! answers, which they were not fitted to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class_summary::{Found, SEED, group_rdms};
use super::figure::{Cell, Table};
use crate::eval::metrics::LEVEL;
use crate::stats::StatError;
use crate::stats::bootstrap::RESAMPLES;
use crate::stats::latent_class::{Answers, Candidate, Groups, Kind, Settings, find_groups};
use crate::stats::rdm::pair_index;
use crate::stats::rng::Pcg32;
use crate::study::design::Design;
use crate::study::gathering::Gathered;
use crate::study::judgment::{main_judgments, question_key};
use crate::study::preference::contestant;
use crate::study::study::Study;
use crate::study::trial::Answer;

/// Most groups that are looked for.
const MOST: usize = 3;
/// Questions that are shown as those on which groups differ most.
const SHOWN: usize = 6;

/// How a number of groups fares on held-out answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupCandidate {
    /// Groups.
    pub groups: usize,
    /// Mean log-likelihood of a held-out answer, in bits.
    pub bits: f64,
    /// Bits an answer better than one group.
    pub gain: f64,
    /// 95 % bootstrap interval of the gain, over participants.
    pub interval: Option<(f64, f64)>,
}

/// A question on which the groups differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupDifference {
    /// What was asked about.
    pub question: String,
    /// What each group typically says.
    pub says: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupsFound {
    /// How many groups the held-out answers ask for.
    pub groups: usize,
    /// Participants.
    pub n_participants: usize,
    /// Answers, or values of pairs.
    pub n_answers: usize,
    /// Each number of groups that was tried.
    pub candidates: Vec<GroupCandidate>,
    /// Participants whose most probable group it is.
    pub sizes: Vec<usize>,
    /// Most probable group of each participant, by session id, from 0.
    pub members: BTreeMap<String, usize>,
    /// The questions on which the two largest groups differ most.
    pub differences: Vec<GroupDifference>,
    /// Participants between two, three, … prototypes instead (ideal points, after PAL); the gain is against one prototype.
    pub prototypes: Vec<GroupCandidate>,
    /// Bits an answer by which the best of these predicts better than the best number of groups.
    pub prototypes_over_groups: f64,
    /// 95 % bootstrap interval of that, over participants.
    pub prototypes_over_groups_interval: Option<(f64, f64)>,
    /// Weights of each participant on the best number of prototypes, by session id; they add up to 1.
    pub placement: BTreeMap<String, Vec<f64>>,
}

impl GroupsFound {
    /// The number of prototypes that predicts held-out answers best, if it does better than one group.
    pub fn between(&self) -> Option<&GroupCandidate> {
        let best = self.prototypes.iter().rev().max_by(|a, b| a.bits.total_cmp(&b.bits))?;
        best.interval.filter(|(low, _)| *low > 0.0).map(|_| best)
    }
}

/// Answers in a form that groups can be looked for in.
struct Read {
    ids: Vec<String>,
    answers: Answers,
    questions: Vec<String>,
    /// Question, category: what was said.
    said: Vec<Vec<String>>,
}

/// A stimulus by its text, or by its id where several have the same text.
fn name_of(study: &Study, id: &str) -> String {
    let Some(stimulus) = study.stimulus(id) else { return id.to_owned() };
    let same = study.stimuli.iter().filter(|it| it.text == stimulus.text).count();
    if same > 1 { id.to_owned() } else { stimulus.text.clone() }
}

/// Takes a participant's own mean and spread out, which say how a scale is used and not what is thought. They are those of
/// all answers, held-out ones too, for every view alike.
fn standardized(row: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let n = row.len().max(1) as f64;
    let mean = row.iter().map(|it| it.1).sum::<f64>() / n;
    let variance = row.iter().map(|it| (it.1 - mean) * (it.1 - mean)).sum::<f64>() / n;
    let spread = if variance > 0.0 { libm::sqrt(variance) } else { 1.0 };
    row.iter().map(|(question, value)| (*question, (value - mean) / spread)).collect()
}

fn similarities(gathered: &Gathered) -> Read {
    let (names, rows) = group_rdms(gathered);
    let n = names.len();
    let mut questions = vec![String::new(); n * n.saturating_sub(1) / 2];
    for i in 0..n {
        for j in i + 1..n {
            questions[pair_index(i, j, n)] = format!("{} and {}", names[i], names[j]);
        }
    }
    let values = |row: &[f64]| -> Vec<(usize, f64)> {
        // Alike is more.
        row.iter().enumerate().filter(|(_, it)| !it.is_nan()).map(|(place, it)| (place, 1.0 - it)).collect()
    };
    let answers = Answers {
        kind: Kind::Number,
        n_questions: questions.len(),
        rows: rows.iter().map(|(_, row)| standardized(&values(row))).collect(),
    };
    Read {
        ids: rows.into_iter().map(|(id, _)| id).collect(),
        answers,
        said: vec![Vec::new(); questions.len()],
        questions,
    }
}

fn ratings(gathered: &Gathered) -> Read {
    let study = gathered.study();
    let axes = match &study.design {
        Design::AnswerRating { axes, .. } => axes.as_slice(),
        _ => &[],
    };
    let mut questions = Vec::new();
    for stimulus in &study.stimuli {
        let prompt = study.design.prompts().iter().find(|it| Some(&it.id) == stimulus.group.as_ref());
        let prompt = prompt.map_or("", |it| it.text.as_str());
        questions.extend(axes.iter().map(|axis| format!("{prompt} ({}): {}", contestant(stimulus), axis.text)));
    }
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    for session in gathered.sessions() {
        let mut row = Vec::new();
        for judgment in main_judgments(study, &session.records) {
            let Some(Answer::Ratings { ratings }) = judgment.answer() else { continue };
            let place = judgment.stimuli.first().and_then(|id| study.stimuli.iter().position(|it| it.id == *id));
            let Some(place) = place else { continue };
            let values = ratings.iter().take(axes.len()).enumerate();
            row.extend(values.map(|(axis, rating)| (place * axes.len() + axis, f64::from(*rating))));
        }
        ids.push(session.record.id.clone());
        rows.push(standardized(&row));
    }
    let answers = Answers { kind: Kind::Number, n_questions: questions.len(), rows };
    Read { ids, answers, said: vec![Vec::new(); questions.len()], questions }
}

fn categories(gathered: &Gathered) -> Read {
    let study = gathered.study();
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let (mut questions, mut said): (Vec<String>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    for session in gathered.sessions() {
        let mut row = Vec::new();
        for judgment in main_judgments(study, &session.records) {
            let Some(answer) = judgment.answer() else { continue };
            let key = question_key(&study.design, &judgment.stimuli);
            let next = places.len();
            let place = *places.entry(key).or_insert(next);
            if place == questions.len() {
                let prompt =
                    judgment.stimuli.first().and_then(|id| study.stimulus(id)).and_then(|it| it.group.as_ref());
                let prompt = study.design.prompts().iter().find(|it| Some(&it.id) == prompt);
                questions.push(prompt.map_or_else(
                    || judgment.stimuli.iter().map(|id| name_of(study, id)).collect::<Vec<_>>().join(", "),
                    |it| it.text.clone(),
                ));
                said.push(Vec::new());
            }
            let what = answer.said(&judgment.stimuli);
            let code = said[place].iter().position(|it| *it == what).unwrap_or_else(|| {
                said[place].push(what);
                said[place].len() - 1
            });
            row.push((place, code as f64));
        }
        ids.push(session.record.id.clone());
        rows.push(row);
    }
    let label = |what: String| match (&study.design, what.as_str()) {
        (_, "=cannot_tell") => "can't tell".to_owned(),
        (_, "=tie") => "a tie".to_owned(),
        (_, "=both_bad") => "both bad".to_owned(),
        (Design::Preference { .. }, id) => {
            study.stimulus(id).map_or_else(|| what.clone(), |it| contestant(it).to_owned())
        }
        (Design::Label { labels, .. }, id) => {
            labels.iter().find(|it| it.id == id).map_or_else(|| what.clone(), |it| it.text.clone())
        }
        _ => what,
    };
    let said = said.into_iter().map(|all| all.into_iter().map(label).collect()).collect();
    let answers = Answers { kind: Kind::Category, n_questions: questions.len(), rows };
    Read { ids, answers, questions, said }
}

fn says(found: &Groups, read: &Read, group: usize, question: usize) -> String {
    let Some(value) = found.mixture.typical(group, question) else { return String::new() };
    match read.answers.kind {
        Kind::Category => read.said[question].get(value as usize).cloned().unwrap_or_default(),
        Kind::Number => format!("{value:+.1}"),
    }
}

fn read_candidates(all: &[Candidate]) -> Vec<GroupCandidate> {
    let read =
        |it: &Candidate| GroupCandidate { groups: it.groups, bits: it.bits, gain: it.gain, interval: it.interval };
    all.iter().map(read).collect()
}

/// Looks for groups.
pub fn groups(gathered: &Gathered) -> Found<GroupsFound> {
    let design = &gathered.study().design;
    let read = match design {
        Design::AnswerRating { .. } => ratings(gathered),
        Design::Arrangement { .. } => {
            return Found::Nothing {
                why: "places on a field are judged together, so that none can be held out".to_owned(),
            };
        }
        design if design.is_about_similarity() => similarities(gathered),
        _ => categories(gathered),
    };
    let settings = Settings::default();
    let resamples = (RESAMPLES, LEVEL);
    let found: Result<Groups, StatError> = find_groups(&read.answers, MOST, settings, resamples, &mut Pcg32::new(SEED));
    Found::of(found.map(|found| {
        let own: Vec<usize> = found
            .membership
            .iter()
            .map(|row| (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0))
            .collect();
        let mut order: Vec<usize> = if found.groups > 1 { (0..read.questions.len()).collect() } else { Vec::new() };
        let apart = |question: usize| found.mixture.difference(0, 1, question);
        order.sort_by(|a, b| apart(*b).total_cmp(&apart(*a)).then(a.cmp(b)));
        GroupsFound {
            groups: found.groups,
            n_participants: found.n_raters,
            n_answers: found.n_answers,
            candidates: read_candidates(&found.candidates),
            prototypes: read_candidates(&found.prototypes),
            prototypes_over_groups: found.over_groups.0,
            prototypes_over_groups_interval: found.over_groups.1,
            placement: read.ids.iter().cloned().zip(found.placement.iter().cloned()).collect(),
            sizes: (0..found.groups).map(|group| own.iter().filter(|it| **it == group).count()).collect(),
            members: read.ids.iter().cloned().zip(own.iter().copied()).collect(),
            differences: order
                .into_iter()
                .take(SHOWN)
                .map(|question| GroupDifference {
                    question: read.questions[question].clone(),
                    says: (0..found.groups).map(|group| says(&found, &read, group, question)).collect(),
                })
                .collect(),
        }
    }))
}

fn interval_words(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(
        || "no interval".to_owned(),
        |(low, high)| format!("95 % interval {low:.3} to {high:.3} over participants"),
    )
}

/// The finding in a sentence.
pub fn group_sentence(found: &Found<GroupsFound>) -> String {
    let found = match found {
        Found::Value(found) => found,
        Found::Nothing { why } => return format!("Whether participants fall into groups cannot be said: {why}."),
    };
    let shown = found.candidates.iter().find(|it| it.groups == found.groups.max(2));
    let gain = shown.map_or_else(String::new, |it| {
        format!("{:+.3} bits an answer against one group ({})", it.gain, interval_words(it.interval))
    });
    let n =
        format!("{} participants, {} answers, each predicted while held out", found.n_participants, found.n_answers);
    if found.groups == 1 {
        return format!("One group is enough: two groups predict held-out answers by {gain}; {n}.");
    }
    let sizes: Vec<String> = found.sizes.iter().map(ToString::to_string).collect();
    format!(
        "Participants fall into {} groups of {} that judge differently: {gain}; {n}.",
        found.groups,
        sizes.join(" and ")
    )
}

/// How ideal points fare beside groups, in a sentence; none where nothing was looked for.
pub fn prototype_sentence(found: &Found<GroupsFound>) -> Option<String> {
    let found = found.value()?;
    let best = found.prototypes.iter().rev().max_by(|a, b| a.bits.total_cmp(&b.bits))?;
    let verdict = match found.prototypes_over_groups_interval {
        Some((low, _)) if low > 0.0 => "degrees predict these answers better than groups",
        Some((_, high)) if high < 0.0 => "groups, or one mind, predict these answers better than degrees",
        _ => "these answers cannot tell the two views apart",
    };
    Some(format!(
        "Each participant placed between {} prototypes instead (ideal points, after PAL): {:+.3} bits an answer against one \
         prototype ({}), {:+.3} more than the best number of groups gains against one ({}); {verdict}. \
         This is exploratory: a simulated class of one mind has shown degrees too.",
        best.groups,
        best.gain,
        interval_words(best.interval),
        found.prototypes_over_groups,
        interval_words(found.prototypes_over_groups_interval)
    ))
}

/// Every view that was tried, and how well it predicts answers that were held out.
pub fn view_table(found: &Found<GroupsFound>) -> Option<Table> {
    let found = found.value()?;
    let groups = found.candidates.iter().map(|it| match it.groups {
        1 => ("one group".to_owned(), it),
        n => (format!("{n} groups"), it),
    });
    let between = found.prototypes.iter().map(|it| (format!("between {} prototypes", it.groups), it));
    let rounded = |value: f64| Cell::Number((value * 1e4).round() / 1e4);
    let rows = groups
        .chain(between)
        .map(|(name, it)| {
            let (low, high) =
                it.interval.map_or((Cell::Missing, Cell::Missing), |(low, high)| (rounded(low), rounded(high)));
            let n = Cell::Number(found.n_answers as f64);
            vec![Cell::Text(name), n, rounded(it.bits), rounded(it.gain), low, high]
        })
        .collect();
    let columns =
        ["View", "Held-out answers", "Bits an answer", "Against one group", "95 % interval from", "95 % interval to"];
    Some(Table { columns: columns.map(str::to_owned).to_vec(), rows })
}

/// Where the groups differ most; none where there is one group.
pub fn group_table(found: &Found<GroupsFound>) -> Option<Table> {
    let found = found.value().filter(|it| it.groups > 1)?;
    let mut columns = vec!["Question".to_owned()];
    columns.extend(found.sizes.iter().enumerate().map(|(group, n)| format!("Group {} ({n} participants)", group + 1)));
    let rows = found
        .differences
        .iter()
        .map(|it| std::iter::once(&it.question).chain(&it.says).map(|text| Cell::Text(text.clone())).collect())
        .collect();
    Some(Table { columns, rows })
}
