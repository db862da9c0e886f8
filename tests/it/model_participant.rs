//! A model takes whole studies as one participant: scripted engines that know the planted structure of simulated
//! participants, or nothing of it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use likewise::eval::engine::{Control, Finish, LabelScore, OptionScore, Prompt, Request, Response, Role};
use likewise::eval::item::Item;
use likewise::eval::run::{ItemResult, Settings};
use likewise::eval::runner::run_items;
use likewise::eval::score::{Outcome, Verdict};
use likewise::eval::scripted::ScriptedEngine;
use likewise::eval::sight::wanted_labels;
use likewise::eval::tasks::find;
use likewise::eval::tasks::study_participant::{ASK, ENTRY};
use likewise::report::class_summary::Found;
use likewise::report::model_participant::{
    BesidePeople, ModelTook, Taker, beside_people, figures, items, sentences, taker, took,
};
use likewise::report::study_plan::Planted;
use likewise::report::study_summary::study_figure;
use likewise::study::design::Design;
use likewise::study::gathering::Gathered;
use likewise::study::judgment::Labeller;
use likewise::study::session::{Session, SessionRecord};
use likewise::study::study::{Gold, Stimulus, Study};
use likewise::study::trial::Answer;

use crate::classes::{gathered, shipped};
use crate::tasks::run_of;

/// Seed of the items.
const SEED: u64 = 5;

fn asked(request: &Request) -> String {
    let (Request::Choose { prompt, .. } | Request::Generate { prompt, .. }) = request else { return String::new() };
    let Prompt::Chat(messages) = prompt else { panic!("{prompt:?}") };
    messages.iter().filter(|it| it.role == Role::User).map(|it| it.content.clone()).collect()
}

fn by_logs(logs: &[f64]) -> Response {
    let options = logs.iter().map(|logprob| OptionScore { logprob: *logprob, n_tokens: 1 }).collect();
    Response::Choice { options, n_prompt_tokens: 1, millis: 0.0 }
}

/// Answers by the planted structure of `study`; without `knows`, the first thing that is listed.
fn answer(study: &Study, item: &Item, request: &Request, knows: bool) -> Response {
    let planted = Planted::new(study, 3);
    let alike = |a: &str, b: &str| {
        let id =
            |text: &str| study.stimuli.iter().find(|it| it.text == text).map_or("", |it| it.id.as_str()).to_owned();
        planted.similarity(study, &id(a), &id(b))
    };
    match request {
        Request::Generate { .. } => {
            let stimulus = study.stimulus(&item.tags[2]).unwrap();
            let text = if knows { format!(" \"{}\".\nmore", stimulus.text) } else { String::new() };
            Response::Text { text, tokens: Vec::new(), finish: Finish::EndOfTurn, n_prompt_tokens: 1, millis: 0.0 }
        }
        Request::Classify { .. } => {
            let stimulus = study.stimulus(&item.tags[2]).unwrap();
            let wanted = wanted_labels();
            // A camel is a camel with certainty; of anything else nearly all probability lies elsewhere.
            let is_camel = stimulus.gold == Some(Gold::Label("camel".to_owned()));
            let logits: Vec<f64> = wanted.iter().map(|it| if *it == 354 && is_camel { 20.0 } else { 0.0 }).collect();
            let top = vec![LabelScore { label: 354, name: "camel".to_owned(), logit: 20.0, probability: 1.0 }];
            let log_sum_exp = if is_camel { 20.0 } else { 18.0 };
            Response::Classified {
                labels: likewise::eval::sight::Labels::ImageNet,
                top,
                logits,
                log_sum_exp,
                features: vec![1.0],
                crops: Vec::new(),
                millis: 0.0,
            }
        }
        Request::Choose { options, .. } => {
            let mut logs = vec![-5.0; options.len()];
            let text = asked(request);
            let place = match item.part(ASK) {
                _ if !knows => 0,
                "rating" => {
                    let shown: Vec<&Stimulus> = item.tags.iter().filter_map(|id| study.stimulus(id)).collect();
                    let value = match shown.as_slice() {
                        [a, b] => alike(&a.text, &b.text),
                        [one] => planted.strength(study, &one.id) / 3.0,
                        other => panic!("{other:?}"),
                    };
                    ((value * (options.len() - 1) as f64).round() as usize).min(options.len() - 1)
                }
                "one_of" if options.len() == 3 => (0..3)
                    .max_by(|a, b| {
                        let kept = |odd: usize| alike(&options[(odd + 1) % 3], &options[(odd + 2) % 3]);
                        kept(*a).total_cmp(&kept(*b))
                    })
                    .unwrap(),
                "one_of" => {
                    let anchor = study.stimulus(&item.tags[2]).unwrap();
                    assert!(text.contains(&format!("The one above is: {}.", anchor.text)), "{text}");
                    usize::from(alike(&anchor.text, &options[1]) > alike(&anchor.text, &options[0]))
                }
                "better" => {
                    let [a, b] = [&item.tags[2], &item.tags[3]].map(|id| study.stimulus(id).unwrap());
                    let first_is_a = text.find(&a.text).unwrap() < text.find(&b.text).unwrap();
                    let a_wins = planted.strength(study, &a.id) >= planted.strength(study, &b.id);
                    usize::from(a_wins != first_is_a)
                }
                _ => 0,
            };
            logs[place] = -0.01;
            by_logs(&logs)
        }
        other => panic!("{other:?}"),
    }
}

fn take(study: &Study, people: &Gathered, knows: bool) -> (Vec<ItemResult>, ModelTook) {
    let items = items(study, SEED, people).unwrap();
    let numbered: Vec<(usize, Item)> = items.into_iter().enumerate().collect();
    let task = (find(ENTRY.info.id).unwrap().make)(&Settings::default());
    let mut results: Vec<ItemResult> = Vec::new();
    for one in numbered {
        let (study, item) = (study.clone(), one.1.clone());
        let mut engine = ScriptedEngine::new(move |request| Ok(answer(&study, &item, request, knows)));
        let out = RefCell::new(Vec::new());
        pollster::block_on(run_items("run-1", task.as_ref(), &[one], &mut engine, &Control::quiet(), &|it| {
            out.borrow_mut().push(it);
        }))
        .unwrap();
        results.extend(out.into_inner());
    }
    let mut run = run_of(&results, ENTRY.info.id);
    run.settings.seed = SEED;
    let took = took(study, &run, &results).unwrap();
    (results, took)
}

fn compared(study: &Study, knows: bool) -> (ModelTook, Result<BesidePeople, String>) {
    let people = gathered(study, 8);
    let (_, took) = take(study, &people, knows);
    let beside = beside_people(&people, &took);
    (took, beside)
}

fn number(found: &Found<likewise::report::figure::Estimate>) -> f64 {
    found.value().unwrap().value
}

#[test]
fn a_model_that_knows_the_structure_agrees_with_people_in_every_design_and_one_that_does_not_less() {
    for id in ["everyday_words", "odd_one_out", "feelings", "kitchen", "blind_answers", "answer_quality"] {
        let study = shipped(id);
        assert_eq!(taker(&study), Ok(Taker::Text), "{id}");
        let (took, knows) = compared(&study, true);
        let knows = knows.unwrap();
        let good = number(&knows.model);
        // Who always gives the same number agrees with nobody by rank, which is said.
        match compared(&study, false).1 {
            Ok(not) => assert!(good > number(&not.model) + 0.15, "{id}: {good} {}", number(&not.model)),
            Err(why) => assert!(why.contains("too few questions in common"), "{id}: {why}"),
        }
        assert!(good > 0.5, "{id}: {good}");
        assert_eq!(knows.n_participants, 8, "{id}");
        assert_eq!(knows.n_not_asked, 0, "{id}");
        assert!(knows.people.value().unwrap().interval.is_some(), "{id}");
        // Never a person's.
        assert_eq!(took.kind, "model");
        assert!(took.judgments.iter().all(|it| it.labeller == Labeller::Model && it.simulated), "{id}");
        for judgment in &took.judgments {
            let shown: Vec<Stimulus> = judgment.stimuli.iter().map(|it| study.stimulus(it).unwrap().clone()).collect();
            let trial = likewise::study::trial::Trial { index: 0, kind: judgment.trial.clone(), stimuli: shown };
            study.design.validate_answer(judgment.answer().unwrap(), &trial).unwrap();
        }
        let figure = study_figure(&study, &took.judgments, "Some model").unwrap();
        assert!(figure.notes[0].contains("no person gave them"), "{id}: {:?}", figure.notes);
        assert!(!figure.notes.iter().any(|it| it.contains("Simulated")), "{id}");
        let said = sentences(&study, &took, Some(&knows)).join(" ");
        assert!(said.contains("8 participants") && said.contains("95 % interval"), "{said}");
        assert_eq!(figures(&study, &took, &knows, true).len(), 2, "{id}");
    }
}

#[test]
fn pairs_that_failed_are_missing_from_an_arrangement_and_are_counted() {
    let study = shipped("kitchen");
    let people = gathered(&study, 8);
    let (mut results, whole) = take(&study, &people, true);
    assert_eq!(whole.n_missing_pairs, 0);
    let mut run = run_of(&results, ENTRY.info.id);
    run.settings.seed = SEED;
    // The first thing's pairs fail but for one, and one pair more.
    let first = study.stimuli[0].id.clone();
    let with_first: Vec<usize> = (0..results.len()).filter(|it| results[*it].item.tags.contains(&first)).collect();
    let failed: Vec<usize> =
        with_first[1..].iter().copied().chain((0..results.len()).rev().find(|it| !with_first.contains(it))).collect();
    for place in &failed {
        results[*place].verdict = Verdict::Error;
        results[*place].score.value = None;
    }
    let part = took(&study, &run, &results).unwrap();
    assert_eq!((part.n_missing_pairs, part.n_errors), (failed.len(), failed.len()));
    assert_eq!(part.expected.len(), results.len() - failed.len());
    let is_missing = |a: &String, b: &String| {
        failed.iter().any(|it| [a, b].iter().all(|id| results[*it].item.tags.iter().skip(2).any(|tag| tag == *id)))
    };
    for judgment in &part.judgments {
        for (place, a) in judgment.stimuli.iter().enumerate() {
            assert!(judgment.stimuli[place + 1..].iter().all(|b| !is_missing(a, b)), "{:?}", judgment.stimuli);
        }
    }
    // The other pairs are what they were, and people are compared on those alone.
    assert!(part.expected.iter().all(|(key, value)| whole.expected[key].to_bits() == value.to_bits()));
    let beside = beside_people(&people, &part).unwrap();
    assert_eq!(beside.n_not_asked, failed.len());
    let said = sentences(&study, &part, Some(&beside)).join(" ");
    assert!(said.contains(&format!("{} pairs have no rating", failed.len())), "{said}");
}

#[test]
fn every_question_that_people_were_asked_is_asked_of_the_model() {
    let study = shipped("odd_one_out");
    let nobody = Gathered::new(study.clone());
    let alone = items(&study, SEED, &nobody).unwrap();
    // 40 triplets and the two attention checks of one session.
    assert_eq!(alone.len(), 42);
    let all = items(&study, SEED, &gathered(&study, 8)).unwrap();
    assert!(all.len() > 200, "{}", all.len());
    assert_eq!(alone[..], all[..42], "the model's own session comes first");
    let mut ids: Vec<&str> = all.iter().map(|it| it.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn a_model_that_always_says_the_first_is_found_out_by_the_orders() {
    let study = shipped("odd_one_out");
    let (_, took) = take(&study, &Gathered::new(study.clone()), false);
    assert_eq!(took.steady.0, 0, "{:?}", took.steady);
    assert_eq!(took.steady.1, 42);
    let (_, knows) = take(&study, &Gathered::new(study.clone()), true);
    assert!(knows.steady.0 > 35, "{:?}", knows.steady);
    assert_eq!(knows.catches.1, 2);
}

#[test]
fn one_participant_is_compared_directly_and_nobody_not_at_all() {
    let study = shipped("feelings");
    let one = gathered(&study, 1);
    let (_, took) = take(&study, &one, true);
    let beside = beside_people(&one, &took).unwrap();
    assert!(beside.people.value().is_none() && number(&beside.model) > 0.7);
    assert_eq!((beside.n_participants, beside.n_compared), (1, 40));
    assert_eq!(figures(&study, &took, &beside, true).len(), 1);
    assert!(beside_people(&Gathered::new(study), &took).is_err());
}

#[test]
fn the_classifier_names_what_it_knows_and_says_where_it_cannot_tell() {
    let study = shipped("animals");
    assert_eq!(taker(&study), Ok(Taker::Pictures));
    let nobody = Gathered::new(study.clone());
    let (results, took) = take(&study, &nobody, true);
    assert_eq!(results.len(), study.stimuli.len(), "no attention checks: it reads no instruction");
    for judgment in &took.judgments {
        let gold = study.stimulus(&judgment.stimuli[0]).unwrap().gold.clone();
        let Some(Answer::Label { label, .. }) = judgment.answer() else { panic!() };
        let is_camel = gold == Some(Gold::Label("camel".to_owned()));
        assert_eq!(label.as_deref(), is_camel.then_some("camel"), "{gold:?}");
    }
    assert_eq!((took.judgments.len(), took.n_abstained), (21, 20));
    // Pictures for a text model, drawings for the classifier: one sentence each.
    for id in ["drawings", "shapes", "name_it"] {
        let why = taker(&shipped(id)).unwrap_err();
        assert!(why.ends_with('.') && why.len() > 40, "{why}");
        assert_eq!(items(&shipped(id), SEED, &Gathered::new(shipped(id))).unwrap_err(), why);
    }
}

#[test]
fn names_are_read_and_what_was_not_said_is_counted() {
    let mut study = shipped("name_it");
    for stimulus in &mut study.stimuli {
        stimulus.image = None;
        stimulus.text = format!("Grows on trees, {}", stimulus.id);
    }
    for practice in study.practice.iter_mut().flatten() {
        practice.image = None;
    }
    let nobody = Gathered::new(study.clone());
    let (_, took) = take(&study, &nobody, true);
    let names: BTreeMap<String, Answer> =
        took.judgments.iter().map(|it| (it.stimuli[0].clone(), it.answer().unwrap().clone())).collect();
    assert_eq!(names["apple"], Answer::FreeLabel { text: Some("Grows on trees, apple".to_owned()) });
    let items = items(&study, SEED, &nobody).unwrap();
    assert_eq!(took.n_questions, items.len());
    // A model that says nothing has no answers to show.
    let task = (find(ENTRY.info.id).unwrap().make)(&Settings::default());
    let said = |text: &str| {
        let text = text.to_owned();
        let response =
            Response::Text { text, tokens: Vec::new(), finish: Finish::Limit, n_prompt_tokens: 1, millis: 0.0 };
        let likewise::eval::task::Step::Done(score) = task.next(&items[0], &[response]) else { panic!() };
        (score.outcome, score.answer)
    };
    assert!(matches!(said(" \n ").0, Outcome::Unparsed { .. }));
    assert_eq!(said("I can't tell."), (Outcome::Abstained, "I can't tell".to_owned()));
    assert_eq!(said("**Apple**\nIt is red").1, "Apple");
}

#[test]
fn a_run_of_another_study_or_another_version_is_refused() {
    let study = shipped("feelings");
    let (results, _) = take(&study, &Gathered::new(study.clone()), true);
    let run = run_of(&results, ENTRY.info.id);
    assert!(took(&Study { version: study.version + 1, ..study.clone() }, &run, &results).is_err());
    assert!(took(&study, &run_of(&results, "odd_one_out"), &results).is_err());
    assert!(took(&study, &run, &[]).is_err());
}

#[test]
fn a_model_cannot_pass_for_a_person_in_a_packet() {
    let study = shipped("feelings");
    let session = Session::begin_simulated(&study, 1, "a".to_owned(), 0.0).unwrap();
    let forged = SessionRecord { simulated: false, labeller: Labeller::Model, ..session.record().clone() };
    let refused = Session::resume(&study, forged, &[]).unwrap_err().to_string();
    assert!(refused.contains("both that a person and that a program answered"), "{refused}");
    assert!(matches!(study.design, Design::AnchoredTriplet { .. }));
}
