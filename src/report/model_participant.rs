//! A model as one more participant of a study: the study's questions as items of a task, its answers as judgments that say
//! whose they are, and how it agrees with people as they agree with each other.
//!
//! Agreement is with the others, leaving one out: each participant is held against the mean (ratings, similarities) or the
//! most frequent answer (choices) of all others, and the model against the same others on the same questions. That is how
//! the lower noise ceiling is made, and how the alternative annotator test sets a model in an annotator's place (Calderon,
//! Reichart and Dror 2025, arXiv:2501.10970).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::class_summary::{Found, dissimilarities};
use super::figure::{Axis, Bar, Estimate, Figure, Marks, Point, SIMULATED_NOTE};
use super::similarity::scale_of;
use crate::eval::item::{Item, Target};
use crate::eval::run::{ItemResult, Run};
use crate::eval::score::{Outcome, Verdict};
use crate::eval::sight::slot_of;
use crate::eval::tasks::study_participant::{ASK, Ask, CANNOT_TELL, ENTRY, NEITHER, SLOTS, SOURCE, TIE, TO};
use crate::stats::rank::spearman;
use crate::stats::rdm::{pair_count, pair_index};
use crate::study::arrangement::LEAST_SHOWN;
use crate::study::assign;
use crate::study::design::{Design, Label, SimulatedParticipant};
use crate::study::gathering::Gathered;
use crate::study::judgment::{
    Input, JUDGMENT_SCHEMA, Judgment, Labeller, Outcome as Recorded, main_judgments, question_key,
};
use crate::study::study::{Gold, Scale, Stimulus, Study};
use crate::study::trial::{Answer, Preferred, Trial, TrialKind};

/// Most questions that a model is asked; a class may have been asked more.
pub const MAX_QUESTIONS: usize = 1000;
/// Scale on which a model rates pairs that people put on a field.
const FIELD_SCALE: (u8, u8) = (1, 7);
/// What tags of an item of a catch trial say after the study's hash.
const CATCH: &str = "catch";
const MAIN: &str = "main";

/// Who can take a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// The loaded language model.
    Text,
    /// The classifier of pictures.
    Pictures,
}

/// Which model can take a study, or in one sentence why none can.
///
/// # Errors
/// The sentence.
pub fn taker(study: &Study) -> Result<Taker, String> {
    if study.stimuli.iter().all(|stimulus| stimulus.image.is_none()) {
        return Ok(Taker::Text);
    }
    match &study.design {
        Design::Label { labels, .. } if labels.iter().any(|label| slot_of_label(label).is_some()) => {
            let kinds = [".jpg", ".png", ".webp"];
            let on_site = |it: &Stimulus| {
                let image = it.image.as_deref().filter(|image| !image.starts_with("data:"));
                image.is_some_and(|image| kinds.iter().any(|end| image.ends_with(end)))
            };
            if study.stimuli.iter().all(on_site) {
                Ok(Taker::Pictures)
            } else {
                Err("The classifier of pictures reads photographs that come with this site, and this study has others."
                    .to_owned())
            }
        }
        Design::Label { .. } => {
            Err("The classifier of pictures knows ten classes (tiger, zebra, camel and so on), and \
             none of this study's labels is one of them."
                .to_owned())
        }
        _ => Err("Its things are pictures, which a text model cannot see; the classifier of pictures can only choose \
             between labels."
            .to_owned()),
    }
}

/// The classifier's slot for a label: by its id or its text, "rhinoceros" for "rhino".
fn slot_of_label(label: &Label) -> Option<usize> {
    let name = |text: &str| {
        let text = text.to_lowercase();
        slot_of(if text == "rhinoceros" { "rhino" } else { &text }).filter(|slot| *slot < crate::eval::sight::ABSTAIN)
    };
    name(&label.id).or_else(|| name(&label.text))
}

fn rating_words(question: &str, scale: &Scale) -> String {
    format!(
        "{question} Answer with one number from {} ({}) to {} ({}).",
        scale.min, scale.low_label, scale.max, scale.high_label
    )
}

fn numbers(low: u8, high: u8) -> Vec<String> {
    (low..=high).map(|number| number.to_string()).collect()
}

fn target_of(stimulus: &Stimulus, labels: &[Label]) -> Target {
    match &stimulus.gold {
        Some(Gold::Abstain) => Target::Abstain,
        Some(Gold::Label(label)) => labels.iter().position(|it| it.id == *label).map_or(Target::None, Target::Choice),
        None => Target::None,
    }
}

/// The questions of one trial, whatever shows `stimuli`; `question` is what is asked.
fn questions(study: &Study, question: &str, stimuli: &[Stimulus]) -> Vec<Item> {
    let texts: Vec<String> = stimuli.iter().map(|it| it.text.clone()).collect();
    let prompt_of = |stimulus: &Stimulus| {
        let found = study.design.prompts().iter().find(|it| Some(&it.id) == stimulus.group.as_ref());
        found.map_or_else(String::new, |it| it.text.clone())
    };
    let make = |ask: Ask, prompt: String, choices: Vec<String>, more: Vec<(&str, String)>| Item {
        prompt,
        choices,
        parts: std::iter::once((ASK, ask.id().to_owned()))
            .chain(more)
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        tags: stimuli.iter().map(|it| it.id.clone()).collect(),
        ..Item::default()
    };
    match (&study.design, stimuli) {
        (Design::PairRating { scale }, [first, second]) => {
            let text =
                format!("{}\nThe two are: \"{}\" and \"{}\".", rating_words(question, scale), first.text, second.text);
            vec![make(Ask::Rating, text, numbers(scale.min, scale.max), Vec::new())]
        }
        (Design::Triplet { .. }, [_, _, _]) => vec![make(Ask::OneOf, question.to_owned(), texts, Vec::new())],
        (Design::AnchoredTriplet { .. }, [anchor, _, _]) => {
            let text = format!("{question}\nThe one above is: {}.", anchor.text);
            vec![make(Ask::OneOf, text, texts[1..].to_vec(), Vec::new())]
        }
        (Design::Preference { .. }, [first, _]) => {
            vec![make(Ask::Better, question.to_owned(), texts, vec![(TO, prompt_of(first))])]
        }
        (Design::AnswerRating { axes, scale, .. }, [only]) => axes
            .iter()
            .enumerate()
            .map(|(axis, label)| {
                let text = format!(
                    "A person asked:\n{}\n\nThe answer:\n{}\n\n{}",
                    prompt_of(only),
                    only.text,
                    rating_words(&label.text, scale)
                );
                let mut item = make(Ask::Rating, text, numbers(scale.min, scale.max), Vec::new());
                item.tags.push(format!("axis {axis}"));
                item
            })
            .collect(),
        (Design::Label { labels, .. }, [only]) => {
            let choices: Vec<String> = labels.iter().map(|it| it.text.clone()).collect();
            let mut item = match &only.image {
                None => make(Ask::Label, format!("{question}\n{}", only.text), choices, Vec::new()),
                Some(image) => {
                    let slots: Vec<String> = labels
                        .iter()
                        .map(|it| slot_of_label(it).map_or_else(|| "-".to_owned(), |slot| slot.to_string()))
                        .collect();
                    make(
                        Ask::Picture,
                        question.to_owned(),
                        choices,
                        vec![(SOURCE, image.clone()), (SLOTS, slots.join(" "))],
                    )
                }
            };
            item.target = target_of(only, labels);
            vec![item]
        }
        (Design::FreeLabel { .. }, [only]) => {
            let text = format!("{question}\n{}\nReply with its name only, or with \"{CANNOT_TELL}\".", only.text);
            vec![make(Ask::Name, text, Vec::new(), Vec::new())]
        }
        _ => Vec::new(),
    }
}

/// What a model is asked: the main and catch trials of a session with this seed, then every other main question that
/// people were asked, up to [`MAX_QUESTIONS`]. An arrangement is asked as ratings of every pair, because a text model
/// cannot move things.
///
/// # Errors
/// In one sentence why the study cannot be taken.
pub fn items(study: &Study, seed: u64, people: &Gathered) -> Result<Vec<Item>, String> {
    let taker = taker(study)?;
    let hash = study.hash();
    let mut found: Vec<Item> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |kind: &str, question: &str, stimuli: &[Stimulus]| {
        let ids: Vec<String> = stimuli.iter().map(|it| it.id.clone()).collect();
        let mut key = question_key(&study.design, &ids);
        if kind == CATCH {
            key = vec![CATCH.to_owned(), question.to_owned()];
        }
        if found.len() >= MAX_QUESTIONS || !seen.insert(key) {
            return;
        }
        for mut item in questions(study, question, stimuli) {
            item.id = format!("{kind}-{:04}", found.len());
            item.tags.splice(0..0, [hash.clone(), kind.to_owned()]);
            found.push(item);
        }
    };
    if let Design::Arrangement { .. } = study.design {
        let scale = Scale {
            min: FIELD_SCALE.0,
            max: FIELD_SCALE.1,
            low_label: "nothing in common".to_owned(),
            high_label: "almost the same".to_owned(),
        };
        let pairs = Study { design: Design::PairRating { scale }, ..study.clone() };
        let mut found = Vec::new();
        for (place, first) in study.stimuli.iter().enumerate() {
            for second in &study.stimuli[place + 1..] {
                for mut item in questions(&pairs, "How similar are these two?", &[first.clone(), second.clone()]) {
                    item.id = format!("{MAIN}-{:04}", found.len());
                    item.tags.splice(0..0, [hash.clone(), MAIN.to_owned()]);
                    found.push(item);
                }
            }
        }
        if found.len() > MAX_QUESTIONS {
            return Err(format!("It would take {} ratings of pairs; {MAX_QUESTIONS} are possible.", found.len()));
        }
        return Ok(found);
    }
    let trials = assign::trials(study, seed);
    for trial in &trials {
        match &trial.kind {
            kind if kind.is_main() => add(MAIN, study.question(), &trial.stimuli),
            // A classifier reads no instruction.
            TrialKind::Catch { .. } if taker == Taker::Text => {
                add(CATCH, trial.instruction().unwrap_or_else(|| study.question()), &trial.stimuli);
            }
            _ => {}
        }
    }
    for session in people.sessions() {
        for judgment in main_judgments(study, &session.records) {
            let shown: Option<Vec<Stimulus>> = judgment.stimuli.iter().map(|id| study.stimulus(id).cloned()).collect();
            if let Some(shown) = shown {
                add(MAIN, study.question(), &shown);
            }
        }
    }
    Ok(found)
}

/// What a model answered to a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTook {
    /// Always `model`: never a person.
    pub kind: String,
    /// The run that holds every question, answer and probability.
    pub run_id: String,
    /// Catalog id, or `file:` and a name.
    pub model_id: String,
    /// Name for people.
    pub model_name: String,
    /// SHA-256 of the weights file, where known.
    pub weights_sha256: Option<String>,
    /// Version of the prompts: that of the task.
    pub prompt_version: u32,
    /// Seed of the session whose questions were asked.
    pub seed: u64,
    /// Questions asked.
    pub n_questions: usize,
    /// Answers that say that it cannot be told.
    pub n_abstained: usize,
    /// Answers that no rule could read.
    pub n_unparsed: usize,
    /// Questions at which the engine failed.
    pub n_errors: usize,
    /// Of arrangements: pairs without a rating that could be read. They are missing, never filled in.
    #[serde(default)]
    pub n_missing_pairs: usize,
    /// Catch trials passed, and asked.
    pub catches: (usize, usize),
    /// Questions that got the same answer in every order of what was listed, and those with more than one order.
    pub steady: (usize, usize),
    /// Its answers, one judgment a main question.
    pub judgments: Vec<Judgment>,
    /// Expected ratings by pair (sorted ids) or by stimulus and axis; what is rounded in the judgments.
    pub expected: BTreeMap<String, f64>,
}

fn key_of(ids: &[String]) -> String {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.join("|")
}

fn record(study: &Study, run: &Run, number: usize, stimuli: Vec<String>, answer: Answer) -> Judgment {
    Judgment {
        schema: JUDGMENT_SCHEMA,
        uuid: format!("{}-{number:05}", run.id),
        seq: number as u32,
        session_id: run.id.clone(),
        study_id: study.id.clone(),
        study_version: study.version,
        trial_index: number as u32,
        trial: TrialKind::Main,
        stimuli,
        answer: Recorded::Answered { answer },
        rt_millis: 0.0,
        shown_at: run.started_at,
        at: run.started_at,
        // No hand was involved; the labeller says so.
        input: Input::Pointer,
        focus_losses: 0,
        undo_count: 0,
        labeller: Labeller::Model,
        simulated: true,
        previous: String::new(),
    }
}

/// Nearest number of a scale.
fn rounded(value: f64, scale: &Scale) -> u8 {
    (libm::round(value) as u8).clamp(scale.min, scale.max)
}

fn answer_of(study: &Study, result: &ItemResult, ids: &[String]) -> Option<Answer> {
    let abstained = result.score.outcome == Outcome::Abstained;
    let place = result.score.value.map(|value| value as usize);
    match &study.design {
        Design::PairRating { scale } => Some(Answer::Rating { rating: rounded(result.score.value?, scale) }),
        Design::Triplet { .. } => Some(Answer::OddOne { stimulus: ids.get(place?)?.clone() }),
        Design::AnchoredTriplet { .. } => Some(Answer::Closer { stimulus: ids.get(place? + 1)?.clone() }),
        Design::Preference { .. } => {
            let preferred = match place? {
                0 => Preferred::Left,
                TIE => Preferred::Tie,
                NEITHER => Preferred::BothBad,
                _ => Preferred::Right,
            };
            Some(Answer::Preference { preferred })
        }
        Design::Label { labels, confidence } => {
            let label = if abstained { None } else { Some(labels.get(place?)?.id.clone()) };
            // How sure it is by its own probability, on the study's scale.
            let given = confidence.as_ref().map(|scale| {
                let share = result.score.measures.get("share").copied().unwrap_or(1.0);
                rounded(f64::from(scale.min) + share * f64::from(scale.max - scale.min), scale)
            });
            Some(Answer::Label { label, confidence: given })
        }
        Design::FreeLabel { max_chars } => {
            let name: String = result.score.answer.chars().take(*max_chars as usize).collect();
            Some(Answer::FreeLabel { text: (!abstained).then_some(name) })
        }
        Design::AnswerRating { .. } | Design::Arrangement { .. } => None,
    }
}

/// Leaves out the things with most missing pairs until every pair is known.
fn without_missing(shown: &mut Vec<Stimulus>, is_known: impl Fn(&str, &str) -> bool) {
    loop {
        let missing = |one: &Stimulus| shown.iter().filter(|it| it.id != one.id && !is_known(&one.id, &it.id)).count();
        let worst = shown.iter().map(missing).enumerate().max_by_key(|(place, n)| (*n, usize::MAX - place));
        match worst {
            Some((place, 1..)) => shown.remove(place),
            _ => return,
        };
    }
}

/// Reads a run of [`items`] as a participant's answers. Where the study is an arrangement, things of a field that miss a
/// rating of one of its pairs are left off that field.
///
/// # Errors
/// In one sentence why it is none.
pub fn took(study: &Study, run: &Run, results: &[ItemResult]) -> Result<ModelTook, String> {
    let hash = study.hash();
    if run.task_id != ENTRY.info.id || results.iter().any(|it| it.item.tags.first() != Some(&hash)) {
        return Err("This run is not of this version of the study.".to_owned());
    }
    let mut model = ModelTook {
        kind: "model".to_owned(),
        run_id: run.id.clone(),
        model_id: run.engine.model_id.clone(),
        model_name: run.engine.model_name.clone(),
        weights_sha256: run.engine.weights_sha256.clone(),
        prompt_version: run.task_version,
        seed: run.settings.seed,
        n_questions: results.len(),
        n_abstained: results.iter().filter(|it| it.score.outcome == Outcome::Abstained).count(),
        n_unparsed: results.iter().filter(|it| it.verdict == Verdict::Unparsed).count(),
        n_errors: results.iter().filter(|it| it.verdict == Verdict::Error).count(),
        n_missing_pairs: 0,
        catches: (0, 0),
        steady: (0, 0),
        judgments: Vec::new(),
        expected: BTreeMap::new(),
    };
    let mut axes: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    let n_axes = if let Design::AnswerRating { axes, .. } = &study.design { axes.len() } else { 0 };
    let catches: Vec<Trial> = assign::trials(study, run.settings.seed)
        .into_iter()
        .filter(|trial| matches!(trial.kind, TrialKind::Catch { .. }))
        .collect();
    for result in results.iter().filter(|it| !matches!(it.verdict, Verdict::Error | Verdict::Unparsed)) {
        if let Some(steady) = result.score.measures.get("same_in_every_order") {
            model.steady = (model.steady.0 + usize::from(*steady > 0.5), model.steady.1 + 1);
        }
        let is_catch = result.item.tags.get(1).is_some_and(|it| it == CATCH);
        let ids: Vec<String> =
            result.item.tags.iter().skip(2).filter(|it| study.stimulus(it).is_some()).cloned().collect();
        if is_catch {
            let said = answer_of(study, result, &ids).or_else(|| match (&study.design, result.score.value) {
                (Design::AnswerRating { scale, .. }, Some(value)) => {
                    Some(Answer::Ratings { ratings: vec![rounded(value, scale)] })
                }
                _ => None,
            });
            let expected = catches.iter().find(|trial| {
                let question = trial.instruction().unwrap_or_else(|| study.question());
                trial.ids() == ids && result.item.prompt.contains(question)
                    || matches!(study.design, Design::AnswerRating { .. }) && trial.ids() == ids
            });
            if let (Some(said), Some(Trial { kind: TrialKind::Catch { expected, .. }, .. })) = (said, expected) {
                let passed = expected.passes(&said, &ids);
                model.catches = (model.catches.0 + usize::from(passed), model.catches.1 + 1);
            }
            continue;
        }
        if let (Design::AnswerRating { .. }, Some(value), Some(id)) = (&study.design, result.score.value, ids.first()) {
            let axis = result.item.tags.last().and_then(|it| it.strip_prefix("axis ")?.parse::<usize>().ok());
            if let Some(place) =
                axis.and_then(|axis| axes.entry(id.clone()).or_insert_with(|| vec![None; n_axes]).get_mut(axis))
            {
                *place = Some(value);
            }
            continue;
        }
        if let (Design::PairRating { .. } | Design::Arrangement { .. }, Some(value)) =
            (&study.design, result.score.value)
        {
            model.expected.insert(key_of(&ids), value);
        }
        if let Some(answer) = answer_of(study, result, &ids) {
            let number = model.judgments.len();
            model.judgments.push(record(study, run, number, ids, answer));
        }
    }
    if let Design::AnswerRating { scale, .. } = &study.design {
        for (id, values) in axes {
            for (axis, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    model.expected.insert(format!("{id}|{axis}"), *value);
                }
            }
            // A judgment has every axis or is none.
            if let Some(values) = values.into_iter().collect::<Option<Vec<f64>>>() {
                let ratings = values.iter().map(|value| rounded(*value, scale)).collect();
                let number = model.judgments.len();
                model.judgments.push(record(study, run, number, vec![id], Answer::Ratings { ratings }));
            }
        }
    }
    if let Design::Arrangement { .. } = &study.design {
        model.n_missing_pairs = pair_count(study.stimuli.len()).saturating_sub(model.expected.len());
        let rated = |a: &str, b: &str| model.expected.get(&key_of(&[a.to_owned(), b.to_owned()])).copied();
        let (low, high) = (f64::from(FIELD_SCALE.0), f64::from(FIELD_SCALE.1));
        // Only pairs with a rating are put on a field.
        let similarity = |a: &str, b: &str| rated(a, b).map_or(f64::NAN, |value| (value - low) / (high - low));
        let participant =
            SimulatedParticipant { similarity: &similarity, strength: &|_| 0.0, noise: 0.0, attentive: true };
        let answers: Vec<(Vec<String>, Answer)> = assign::trials(study, run.settings.seed)
            .into_iter()
            .filter(|trial| trial.kind.is_main())
            .filter_map(|mut trial| {
                without_missing(&mut trial.stimuli, |a, b| rated(a, b).is_some());
                let shown = trial.stimuli.len() >= LEAST_SHOWN;
                shown.then(|| (trial.ids(), study.design.simulate(&mut || 0.5, &participant, &trial)))
            })
            .collect();
        for (ids, answer) in answers {
            let number = model.judgments.len();
            model.judgments.push(record(study, run, number, ids, answer));
        }
    }
    if model.judgments.is_empty() && model.expected.is_empty() {
        return Err("The model gave no answer that could be read.".to_owned());
    }
    Ok(model)
}

/// Answers as they are compared.
enum Said {
    /// Numbers by unit: ratings, dissimilarities.
    Numbers(BTreeMap<String, f64>),
    /// What was said by question.
    Words(BTreeMap<String, String>),
}

fn said_by(study: &Study, records: &[Judgment]) -> Said {
    match &study.design {
        Design::PairRating { .. } | Design::Arrangement { .. } => {
            let n = study.stimuli.len();
            let row = dissimilarities(study, records);
            let mut out = BTreeMap::new();
            for i in 0..n {
                for j in i + 1..n {
                    let value = row[pair_index(i, j, n)];
                    if !value.is_nan() {
                        out.insert(key_of(&[study.stimuli[i].id.clone(), study.stimuli[j].id.clone()]), value);
                    }
                }
            }
            debug_assert!(out.len() <= pair_count(n));
            Said::Numbers(out)
        }
        Design::AnswerRating { .. } => {
            let mut out = BTreeMap::new();
            for judgment in main_judgments(study, records) {
                let (Some(Answer::Ratings { ratings }), Some(id)) = (judgment.answer(), judgment.stimuli.first())
                else {
                    continue;
                };
                out.extend(
                    ratings.iter().enumerate().map(|(axis, rating)| (format!("{id}|{axis}"), f64::from(*rating))),
                );
            }
            Said::Numbers(out)
        }
        _ => {
            let of = |judgment: &&Judgment| {
                let said = judgment.answer()?.said(&judgment.stimuli);
                Some((question_key(&study.design, &judgment.stimuli).join("|"), said))
            };
            Said::Words(main_judgments(study, records).iter().filter_map(of).collect())
        }
    }
}

/// A model beside the participants of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BesidePeople {
    /// `rho` (Spearman's, of ratings or dissimilarities) or `share` (of equal choices).
    pub measure: String,
    /// Participants that could be compared.
    pub n_participants: usize,
    /// Questions or pairs behind the comparisons, over participants.
    pub n_compared: usize,
    /// Mean agreement of a participant with the others; nothing for one participant alone.
    pub people: Found<Estimate>,
    /// Mean agreement of the model with the same others on the same questions; of one participant alone, with that one.
    pub model: Found<Estimate>,
    /// Model minus participant, 95 % bootstrap interval over participants.
    pub difference: Found<Estimate>,
    /// Participants than whom the model agrees at least as well with the others.
    pub n_at_least: usize,
    /// Session, agreement of its participant with the others, agreement of the model with them.
    pub each: Vec<(String, f64, f64)>,
    /// Main questions that people were asked and the model was not, or could not be read at.
    pub n_not_asked: usize,
}

/// Share of the most frequent answers that an answer is: 1, 0, or a part where several are as frequent.
fn credit(counts: &BTreeMap<&String, u32>, answer: &String) -> Option<f64> {
    let most = counts.values().copied().max().filter(|most| *most > 0)?;
    let tied = counts.values().filter(|count| **count == most).count();
    Some(if counts.get(answer) == Some(&most) { 1.0 / tied as f64 } else { 0.0 })
}

/// Agreement of two rows on the keys that both have.
fn rho(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>, within: &BTreeMap<String, f64>) -> Option<(f64, usize)> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (key, value) in a {
        if let (Some(other), true) = (b.get(key), within.contains_key(key)) {
            x.push(*value);
            y.push(*other);
        }
    }
    spearman(&x, &y).ok().map(|value| (value, x.len()))
}

/// Sets a model beside people.
///
/// # Errors
/// In one sentence why they cannot be compared.
pub fn beside_people(gathered: &Gathered, model: &ModelTook) -> Result<BesidePeople, String> {
    let study = gathered.study();
    let mut theirs = said_by(study, &model.judgments);
    // Expectations say more than numbers of a scale; a map's distances less than the ratings that it was made of.
    if let Said::Numbers(values) = &mut theirs {
        let (low, high) = match &study.design {
            Design::Arrangement { .. } => (f64::from(FIELD_SCALE.0), f64::from(FIELD_SCALE.1)),
            _ => scale_of(study),
        };
        let is_rated = matches!(study.design, Design::AnswerRating { .. });
        *values = model
            .expected
            .iter()
            .map(|(key, value)| (key.clone(), if is_rated { *value } else { (high - value) / (high - low) }))
            .collect();
    }
    let people: Vec<(String, Said)> =
        gathered.sessions().map(|it| (it.record.id.clone(), said_by(study, &it.records))).collect();
    let mut each = Vec::new();
    let mut alone = Vec::new();
    let mut n_compared = 0;
    let mut not_asked = BTreeSet::new();
    for (place, (id, own)) in people.iter().enumerate() {
        let others = people.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, it)| &it.1);
        match (own, &theirs) {
            (Said::Numbers(own), Said::Numbers(theirs)) => {
                not_asked.extend(own.keys().filter(|key| !theirs.contains_key(*key)).cloned());
                let mut sums: BTreeMap<String, (f64, u32)> = BTreeMap::new();
                for other in others {
                    let Said::Numbers(other) = other else { continue };
                    for (key, value) in other {
                        let sum = sums.entry(key.clone()).or_default();
                        *sum = (sum.0 + value, sum.1 + 1);
                    }
                }
                let mean: BTreeMap<String, f64> =
                    sums.into_iter().map(|(key, (sum, n))| (key, sum / f64::from(n))).collect();
                if mean.is_empty() {
                    alone.extend(rho(theirs, own, own).map(|(value, n)| {
                        n_compared += n;
                        value
                    }));
                } else if let (Some((person, n)), Some((model, _))) = (rho(own, &mean, theirs), rho(theirs, &mean, own))
                {
                    n_compared += n;
                    each.push((id.clone(), person, model));
                }
            }
            (Said::Words(own), Said::Words(theirs)) => {
                not_asked.extend(own.keys().filter(|key| !theirs.contains_key(*key)).cloned());
                let mut counts: BTreeMap<&String, BTreeMap<&String, u32>> = BTreeMap::new();
                for other in others {
                    let Said::Words(other) = other else { continue };
                    for (key, value) in other {
                        *counts.entry(key).or_default().entry(value).or_default() += 1;
                    }
                }
                let (mut person, mut model, mut n) = (0.0, 0.0, 0_u32);
                let (mut same, mut asked) = (0_u32, 0_u32);
                for (key, answer) in own {
                    let Some(said) = theirs.get(key) else { continue };
                    asked += 1;
                    same += u32::from(said == answer);
                    if let Some(counts) = counts.get(key)
                        && let (Some(own), Some(of_model)) = (credit(counts, answer), credit(counts, said))
                    {
                        (person, model, n) = (person + own, model + of_model, n + 1);
                    }
                }
                if people.len() == 1 && asked > 0 {
                    n_compared += asked as usize;
                    alone.push(f64::from(same) / f64::from(asked));
                } else if n > 0 {
                    n_compared += n as usize;
                    each.push((id.clone(), person / f64::from(n), model / f64::from(n)));
                }
            }
            _ => {}
        }
    }
    if each.is_empty() && alone.is_empty() {
        return Err("The model and the participants have too few questions in common to be compared.".to_owned());
    }
    let of = |value: fn(&(String, f64, f64)) -> f64| each.iter().map(value).collect::<Vec<f64>>();
    let mean = |values: &[f64]| Found::mean_over_participants(values, "there is nobody to compare with");
    let model_values = if each.is_empty() { alone } else { of(|it| it.2) };
    Ok(BesidePeople {
        measure: if matches!(theirs, Said::Numbers(_)) { "rho" } else { "share" }.to_owned(),
        n_participants: model_values.len(),
        n_compared,
        people: mean(&of(|it| it.1)),
        model: mean(&model_values),
        difference: mean(&of(|it| it.2 - it.1)),
        n_at_least: each.iter().filter(|it| it.2 >= it.1).count(),
        n_not_asked: not_asked.len(),
        each,
    })
}

/// Chance of a choice that says nothing, where there is one.
fn chance(study: &Study) -> Option<f64> {
    match &study.design {
        Design::Triplet { .. } => Some(1.0 / 3.0),
        Design::AnchoredTriplet { .. } => Some(0.5),
        Design::Preference { .. } => Some(0.25),
        Design::Label { labels, .. } => Some(1.0 / (labels.len() + 1) as f64),
        _ => None,
    }
}

/// What came out, in sentences.
pub fn sentences(study: &Study, model: &ModelTook, beside: Option<&BesidePeople>) -> Vec<String> {
    let mut out = vec![format!(
        "{} was asked {} questions: {} \"I can't tell\", {} that could not be read, {} errors.",
        model.model_name, model.n_questions, model.n_abstained, model.n_unparsed, model.n_errors
    )];
    if model.steady.1 > 0 {
        out.push(format!(
            "At {} of {} questions every order of what was listed gave the same answer; answers are by the mean over the \
             orders.",
            model.steady.0, model.steady.1
        ));
    }
    if model.n_missing_pairs > 0 {
        out.push(format!(
            "{} pairs have no rating: they are missing from its similarities, and no field shows them.",
            model.n_missing_pairs
        ));
    }
    if model.catches.1 > 0 {
        out.push(format!("It passed {} of {} attention checks.", model.catches.0, model.catches.1));
    }
    let Some(beside) = beside else { return out };
    let is_rho = beside.measure == "rho";
    let number = |value: f64| if is_rho { format!("rho = {value:.2}") } else { format!("{:.0} %", 100.0 * value) };
    let range = |it: &Estimate| {
        it.interval.map_or_else(
            || "no interval".to_owned(),
            |(low, high)| format!("95 % interval {} to {}", number(low), number(high)),
        )
    };
    match (&beside.people, &beside.model) {
        (Found::Value(people), Found::Value(of_model)) => {
            out.push(format!(
                "A participant agrees with the others by {} ({}); the model with the same others on the same questions by {} \
                 ({}). {} participants, {} comparisons.",
                number(people.value),
                range(people),
                number(of_model.value),
                range(of_model),
                beside.n_participants,
                beside.n_compared
            ));
            if let Found::Value(difference) = &beside.difference {
                let (low, high) = difference.interval.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                let verdict = if high < 0.0 {
                    "The model agrees less with people than people do."
                } else if low > 0.0 {
                    "The model agrees more with people than a single participant does."
                } else {
                    "From these participants the two cannot be told apart."
                };
                out.push(format!(
                    "{verdict} Difference {:+.2} ({}); it is at least as close to the others as {} of {} participants are.",
                    difference.value,
                    difference.interval.map_or_else(
                        || "no interval".to_owned(),
                        |(low, high)| format!("95 % interval {low:+.2} to {high:+.2} over participants")
                    ),
                    beside.n_at_least,
                    beside.n_participants
                ));
            }
        }
        (_, Found::Value(of_model)) => out.push(format!(
            "It agrees with the one participant by {}, over {} questions or pairs.",
            number(of_model.value),
            beside.n_compared
        )),
        _ => {}
    }
    if let (Some(chance), false) = (chance(study), is_rho) {
        out.push(format!("Answering by chance would agree in about {:.0} %.", 100.0 * chance));
    }
    if beside.n_not_asked > 0 {
        out.push(format!("{} questions of participants were not asked or not answered.", beside.n_not_asked));
    }
    out
}

/// People and model on one axis, and every participant beside the model.
pub fn figures(study: &Study, model: &ModelTook, beside: &BesidePeople, simulated: bool) -> Vec<Figure> {
    let is_rho = beside.measure == "rho";
    let who = if simulated { "A simulated participant" } else { "A participant" };
    let label = match (is_rho, beside.each.is_empty()) {
        (true, true) => "Spearman's rho with the participant",
        (true, false) => "Spearman's rho with the others",
        (false, true) => "Share of answers like the participant's",
        (false, false) => "Share of answers like the others'",
    };
    let axis = |label: &str| Axis {
        label: label.to_owned(),
        range: if is_rho { (-1.0, 1.0) } else { (0.0, 1.0) },
        percent: !is_rho,
    };
    let mut bars = Vec::new();
    for (name, found) in [(who, &beside.people), (model.model_name.as_str(), &beside.model)] {
        if let Found::Value(estimate) = found {
            bars.push(Bar { label: name.to_owned(), group: String::new(), estimate: *estimate });
        }
    }
    let mut notes = vec![format!(
        "{}: a model's answers ({}, prompts version {}, seed {}); no person gave them.",
        model.model_name, model.model_id, model.prompt_version, model.seed
    )];
    if simulated {
        notes.push(SIMULATED_NOTE.to_owned());
    }
    let sources: Vec<String> =
        std::iter::once(model.run_id.clone()).chain(beside.each.iter().map(|it| it.0.clone())).collect();
    let figure = |title: &str, caption: String, marks: Marks| Figure {
        title: format!("{}: {title}", study.title),
        caption,
        marks,
        notes: notes.clone(),
        sources: sources.clone(),
    };
    let mut out = vec![figure(
        "people and the model on one axis",
        if beside.each.is_empty() {
            format!("Agreement with the one participant, over {} questions or pairs.", beside.n_compared)
        } else {
            format!(
                "Agreement with the other participants: mean over {} participants, 95 % bootstrap over participants; {} \
                 comparisons.",
                beside.n_participants, beside.n_compared
            )
        },
        Marks::Bars { bars, axis: axis(label) },
    )];
    if beside.each.len() > 1 {
        let points = beside
            .each
            .iter()
            .map(|(id, person, model)| Point {
                x: *person,
                y: *model,
                label: format!("session {}: {person:.2}, model {model:.2}", id.chars().take(8).collect::<String>()),
                picture: None,
            })
            .collect();
        out.push(figure(
            "each participant beside the model",
            "A point is one participant left out: how it agrees with the others, and how the model agrees with the same \
             others. Above the line the model is closer to them."
                .to_owned(),
            Marks::Scatter {
                points,
                x: axis("The participant with the others"),
                y: axis("The model with the others"),
                diagonal: true,
            },
        ));
    }
    out
}
