//! Every registered task, its items and its runs on scripted answers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use likewise::eval::engine::{Control, EngineError, Message, OptionScore, Prompt, Request, Response, Role, SelfTest};
use likewise::eval::item::{Item, Target, items_from_jsonl};
use likewise::eval::metrics::{HonestyRates, VerdictCounts};
use likewise::eval::run::{ItemResult, Method, RUN_SCHEMA, Run, RunStatus, Settings};
use likewise::eval::runner::{run_items, sha256_hex};
use likewise::eval::score::{Outcome, Score, Verdict};
use likewise::eval::scripted::{ScriptedEngine, choice, choose, text};
use likewise::eval::task::{Step, Task, TaskInfo};
use likewise::eval::tasks::known_unknowns::{ABSTENTION_TEXT, INSTRUCTION};
use likewise::eval::tasks::pair_rating::{RATINGS, all_pairs, pair_items};
use likewise::eval::tasks::{TASKS, find};
use likewise::report::blind_study::{MAX_PAIRS, study_of_runs};
use likewise::report::demo::{DEMO_PATHS, Demo, DemoError, demo_figure};
use likewise::report::export::{RUN_FORMAT, run_from_json, run_to_csv, run_to_json};
use likewise::report::figure::Marks;
use likewise::report::run_summary::run_summary;
use likewise::report::similarity::{
    Labels, SimilarityError, matrix_from_pairs, matrix_from_run, similarity_story, study_story,
};
use likewise::study::judgment::{Input, Labeller};
use likewise::study::session::{Act, Session};
use likewise::study::study::Study;
use likewise::study::trial::Answer;

fn items_of(info: &TaskInfo) -> Vec<Item> {
    let path = format!("{}/public/{}", env!("CARGO_MANIFEST_DIR"), info.items_path);
    items_from_jsonl(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn settings(method: Method) -> Settings {
    Settings { method, ..Settings::default() }
}

fn run_task(
    task_id: &str,
    method: Method,
    items: &[Item],
    script: impl FnMut(&Request) -> Result<Response, EngineError> + 'static,
) -> (Vec<ItemResult>, Result<(), EngineError>) {
    let task = (find(task_id).unwrap().make)(&settings(method));
    run_any(task.as_ref(), items, &Control::quiet(), script)
}

fn run_any(
    task: &dyn Task,
    items: &[Item],
    control: &Control<'_>,
    script: impl FnMut(&Request) -> Result<Response, EngineError> + 'static,
) -> (Vec<ItemResult>, Result<(), EngineError>) {
    let items: Vec<(usize, Item)> = items.iter().cloned().enumerate().collect();
    let results = RefCell::new(Vec::new());
    let mut engine = ScriptedEngine::new(script);
    let ended = pollster::block_on(run_items("run-1", task, &items, &mut engine, control, &|result| {
        results.borrow_mut().push(result);
    }));
    (results.into_inner(), ended)
}

/// What the user said in a chat prompt.
fn asked(request: &Request) -> String {
    let (Request::Choose { prompt, .. } | Request::Generate { prompt, .. }) = request else { panic!("{request:?}") };
    let Prompt::Chat(messages) = prompt else { panic!("{prompt:?}") };
    messages.iter().filter(|message| message.role == Role::User).map(|message| message.content.clone()).collect()
}

/// Items by the text that a task puts to the model.
fn by_question(items: &[Item]) -> BTreeMap<String, Item> {
    items.iter().map(|item| (format!("{}\n{INSTRUCTION}", item.prompt), item.clone())).collect()
}

pub(crate) fn run_of(results: &[ItemResult], task_id: &str) -> Run {
    use likewise::eval::engine::Engine;
    Run {
        schema: RUN_SCHEMA,
        id: "run-1".to_owned(),
        task_id: task_id.to_owned(),
        task_version: find(task_id).unwrap().info.version,
        items_sha256: sha256_hex("items"),
        n_items: results.len(),
        engine: ScriptedEngine::new(|_| Err(EngineError::EmptyInput)).info().clone(),
        settings: Settings { seed: u64::MAX, ..Settings::default() },
        app_version: "0".to_owned(),
        started_at: 0.0,
        finished_at: None,
        status: RunStatus::Complete,
        demo: false,
        suite: None,
        shard: None,
    }
}

#[test]
fn task_ids_are_unique_and_every_task_describes_itself() {
    let mut ids = BTreeSet::new();
    for entry in TASKS {
        let info = entry.info;
        assert!(ids.insert(info.id), "{} twice", info.id);
        assert!(
            info.version > 0 && info.question.ends_with('?') && !info.title.is_empty() && !info.citation.is_empty()
        );
        let made = (entry.make)(&Settings::default());
        assert_eq!(made.info(), info);
    }
}

#[test]
fn known_unknowns_are_balanced() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let mut positions = [0; 4];
    let mut unanswerable = 0;
    for item in &items {
        assert_eq!(item.choices.len(), 4, "{}", item.id);
        assert_eq!(item.choices.iter().collect::<BTreeSet<_>>().len(), 4, "{}", item.id);
        assert!(!item.choices.iter().any(|choice| choice == ABSTENTION_TEXT), "{}", item.id);
        assert!(item.tags.len() == 2 && !item.note.is_empty(), "{}", item.id);
        match item.target {
            Target::Choice(index) => positions[index] += 1,
            Target::Abstain => unanswerable += 1,
            _ => panic!("{} has no target", item.id),
        }
    }
    assert_eq!((positions, unanswerable), ([11; 4], 44));
    // A run over the first items has both kinds.
    for pair in items.chunks(2) {
        assert_eq!(pair.iter().filter(|item| item.target == Target::Abstain).count(), 1);
    }
}

#[test]
fn a_perfect_chooser_is_right_everywhere() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let table = by_question(&items);
    let (results, ended) = run_task("known_unknowns", Method::Choose, &items, move |request| {
        let Request::Choose { options, .. } = request else { panic!("{request:?}") };
        assert_eq!(options.last().map(String::as_str), Some(ABSTENTION_TEXT));
        Ok(match table[&asked(request)].target {
            Target::Choice(index) => choose(index, options.len()),
            _ => choose(options.len() - 1, options.len()),
        })
    });
    assert_eq!(ended, Ok(()));
    let counts = VerdictCounts::of(&results);
    assert_eq!((counts.get(Verdict::Right), counts.get(Verdict::AbstainedRightly), counts.total()), (44, 44, 88));
    let rates = HonestyRates::of(&results);
    assert_eq!((rates.coverage.k, rates.coverage.n), (44, 88));
    assert_eq!((rates.accuracy_answered.k, rates.accuracy_answered.n), (44, 44));
    assert_eq!((rates.abstention_recall.k, rates.abstention_recall.n), (44, 44));
    assert_eq!((rates.over_abstention.k, rates.over_abstention.n), (0, 44));
    let summary = run_summary(&run_of(&results, "known_unknowns"), &results);
    assert_eq!(
        summary.sentence,
        "It answered 44 of 88 questions, 44 right; it declined 44 of the 44 that nobody can answer."
    );
    let Marks::Bars { bars, .. } = &summary.figure.marks else { panic!() };
    assert_eq!(bars.iter().map(|bar| bar.estimate.value).sum::<f64>(), 1.0);
    assert!(bars.iter().all(|bar| bar.estimate.n == 88 && bar.estimate.interval.is_some()));
    assert!(summary.figure.notes.iter().any(|note| note.contains("not checked")), "{:?}", summary.figure.notes);
}

#[test]
fn one_who_never_abstains_is_wrong_on_every_unanswerable_item() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let (results, _) = run_task("known_unknowns", Method::Choose, &items, |_| Ok(choose(0, 5)));
    let counts = VerdictCounts::of(&results);
    assert_eq!((counts.get(Verdict::Right), counts.get(Verdict::Wrong), counts.abstained()), (11, 77, 0));
    let precision = HonestyRates::of(&results).abstention_precision;
    assert_eq!((precision.n, precision.interval, precision.share()), (0, None, None));
}

#[test]
fn the_choice_is_by_log_likelihood_per_token_and_says_so() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let (results, _) = run_task("known_unknowns", Method::Choose, &items[..1], |_| {
        let mut options = vec![OptionScore { logprob: -2.0, n_tokens: 1 }; 4];
        options.push(OptionScore { logprob: -4.0, n_tokens: 4 });
        Ok(Response::Choice { options, n_prompt_tokens: 9, millis: 0.0 })
    });
    let score = &results[0].score;
    assert_eq!(score.outcome, Outcome::Abstained);
    assert_eq!(score.value, Some(1.0));
    assert!(score.explanation.contains("per token") && score.explanation.contains("summed"), "{}", score.explanation);
}

#[test]
fn generated_answers_are_read_by_rules() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let find_item = |id: &str| items.iter().find(|item| item.id == id).unwrap().clone();
    let (france, sister) = (find_item("ku-a01"), find_item("ku-u02"));
    let check = |item: &Item, answer: &'static str, expected: Verdict| {
        let items = std::slice::from_ref(item);
        let (results, _) = run_task("known_unknowns", Method::Generate, items, move |_| Ok(text(answer)));
        assert_eq!(results[0].verdict, expected, "{answer:?}: {}", results[0].score.explanation);
        assert_eq!(results[0].responses, [text(answer)]);
    };
    check(&france, "The capital of France is Paris.", Verdict::Right);
    check(&france, "paris", Verdict::Right);
    check(&france, "London", Verdict::Wrong);
    check(&france, "Rome, not Paris", Verdict::Wrong);
    check(&france, "I don\u{2019}t know.", Verdict::AbstainedWrongly);
    check(&france, "", Verdict::Unparsed);
    check(&france, "the capital of it the capital of it the capital of it the capital of it", Verdict::Unparsed);
    check(&france, "what is it now what is it now what is it now", Verdict::Unparsed);
    check(&sister, "I don't know.", Verdict::AbstainedRightly);
    check(&sister, "Anna", Verdict::Wrong);
    check(&sister, "I'm not able to tell you that.", Verdict::AbstainedRightly);
}

#[test]
fn a_system_message_is_passed_on() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let task =
        (find("known_unknowns").unwrap().make)(&Settings { system: "Be honest.".to_owned(), ..Settings::default() });
    let Step::Ask(requests) = task.next(&items[0], &[]) else { panic!() };
    let [Request::Choose { prompt: Prompt::Chat(messages), .. }] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(messages[0], Message { role: Role::System, content: "Be honest.".to_owned() });
    assert_eq!(messages.len(), 2);
}

#[test]
fn an_error_fails_its_item_and_the_run_goes_on() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let mut n = 0;
    let (results, ended) = run_task("known_unknowns", Method::Choose, &items[..3], move |_| {
        n += 1;
        if n == 2 { Err(EngineError::NotANumber) } else { Ok(choose(4, 5)) }
    });
    assert_eq!(ended, Ok(()));
    assert_eq!(results.iter().filter(|result| result.verdict == Verdict::Error).count(), 1);
    assert_eq!(results[1].verdict, Verdict::Error);
    assert_eq!(HonestyRates::of(&results).coverage.n, 2);
}

#[test]
fn a_lost_device_ends_the_run_without_a_result() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let lost = EngineError::DeviceLost { detail: "gone".to_owned() };
    let error = lost.clone();
    let mut n = 0;
    let (results, ended) = run_task("known_unknowns", Method::Choose, &items[..3], move |_| {
        n += 1;
        if n == 2 { Err(error.clone()) } else { Ok(choose(0, 5)) }
    });
    assert_eq!((results.len(), ended), (1, Err(lost)));
}

#[test]
fn a_cancel_stops_between_items() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let control = Control::quiet();
    let cancel = control.cancel.clone();
    let task = (find("known_unknowns").unwrap().make)(&Settings::default());
    let (results, ended) = run_any(task.as_ref(), &items, &control, move |_| {
        cancel.cancel();
        Ok(choose(0, 5))
    });
    assert_eq!((results.len(), ended), (1, Err(EngineError::Cancelled)));
}

struct Endless(Cell<usize>);

impl Task for Endless {
    fn info(&self) -> &'static TaskInfo {
        TASKS[0].info
    }
    fn next(&self, _: &Item, responses: &[Response]) -> Step {
        self.0.set(responses.len());
        Step::Ask(vec![Request::Choose { prompt: Prompt::Raw("x".to_owned()), options: vec!["y".to_owned()] }])
    }
}

#[test]
fn a_task_that_never_finishes_fails_its_item() {
    let items = items_of(TASKS[0].info);
    let task = Endless(Cell::new(0));
    let (results, ended) = run_any(&task, &items[..1], &Control::quiet(), |_| Ok(choose(0, 1)));
    assert_eq!(ended, Ok(()));
    assert_eq!(results[0].verdict, Verdict::Error);
    assert!(task.0.get() > 1);
}

#[test]
fn a_rating_is_the_expectation_over_the_ratings() {
    let words = ["cat", "dog", "car"];
    let items = pair_items(&all_pairs(&words), false);
    assert_eq!(items.len(), 3);
    let (results, _) = run_task("pair_rating", Method::Choose, &items, |request| {
        let Request::Choose { options, .. } = request else { panic!("{request:?}") };
        assert_eq!(options, &RATINGS);
        // Half on 1, half on 7: the mean is 4. For cat and dog all on 6.
        let mut logprobs = [-1e9; 7];
        if asked(request).contains("\"cat\" and \"dog\"") {
            logprobs[5] = -2.0;
        } else {
            logprobs[0] = -3.0;
            logprobs[6] = -3.0;
        }
        Ok(choice(&logprobs))
    });
    let values: Vec<f64> = results.iter().filter_map(|result| result.score.value).collect();
    assert_eq!(values, [6.0, 4.0, 4.0]);
    let labels = words.map(str::to_owned);
    let matrix = matrix_from_run("Model", &labels, &results).unwrap();
    assert_eq!(matrix.values[1], Some(6.0));
    assert_eq!(matrix.values[3], Some(6.0));
    assert_eq!(matrix.values[0], None);
    // As many words, but not the same ones; and the same word twice.
    for other in [["cat", "dog", "bus"], ["cat", "dog", "dog"]] {
        assert_eq!(matrix_from_run("Model", &other.map(str::to_owned), &results), Err(SimilarityError::Words));
    }
    assert!(results.iter().all(|result| result.shown_verdict().is_none()), "a rating is neither right nor wrong");
    let csv = run_to_csv(&run_of(&results, "pair_rating"), &results).unwrap();
    assert!(!csv.contains("right"), "{csv}");
    let summary = run_summary(&run_of(&results, "pair_rating"), &results);
    assert!(summary.sentence.starts_with("It rated 3 pairs: highest cat and dog (6.0)"), "{}", summary.sentence);
}

#[test]
fn a_rating_is_read_out_of_text() {
    let items = pair_items(&[("cat", "dog"), ("dog", "cat")], false);
    assert_eq!(items.len(), 1, "a pair has one id in either order");
    let rate = |answer: &'static str| {
        let (results, _) = run_task("pair_rating", Method::Generate, &items, move |_| Ok(text(answer)));
        (results[0].score.value, results[0].verdict)
    };
    assert_eq!(rate("I would say 5.").0, Some(5.0));
    assert_eq!(rate("10, no, 6").0, Some(6.0));
    assert_eq!(rate("very similar"), (None, Verdict::Unparsed));
}

#[test]
fn the_story_of_two_matrices() {
    let labels: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let pairs = all_pairs(&["a", "b", "c", "d", "e"]);
    let matrix = |title: &str, value: &dyn Fn(usize) -> f64| {
        let ratings = pairs.iter().enumerate().map(|(index, (first, second))| (*first, *second, value(index)));
        matrix_from_pairs(title, &labels, ratings)
    };
    let people = matrix("People", &|index| 1.0 + index as f64 / 2.0);
    let context = Labels { title: "Similarity", scale: (1.0, 7.0), notes: &[], sources: &[] };
    let same = similarity_story(&people, &matrix("Model", &|index| libm::exp(index as f64)), &context).unwrap();
    let found = same.agreement.unwrap();
    assert!(found.value > 0.999_999 && found.n_pairs == 10 && found.n_words == 5, "{found:?}");
    assert!(same.sentence.contains("rho 1.00") && same.sentence.contains("10 pairs"), "{}", same.sentence);
    let Marks::Scatter { points, .. } = &same.scatter.marks else { panic!() };
    assert_eq!(points.len(), 10);
    let flat = similarity_story(&people, &matrix("Model", &|_| 4.0), &context).unwrap();
    assert!(flat.agreement.is_err() && flat.sentence.contains("same rating"), "{}", flat.sentence);
    let mut other = people.clone();
    other.labels.reverse();
    assert!(similarity_story(&people, &other, &context).is_err());
}

#[test]
fn export_then_import_is_identity_and_foreign_files_are_refused() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let (results, _) =
        run_task("known_unknowns", Method::Choose, &items, |_| Ok(choice(&[-0.1, -1.0 / 3.0, -2.0, -3.0, -4.0])));
    let run = run_of(&results, "known_unknowns");
    let json = run_to_json(&run, &results).unwrap();
    let back = run_from_json(&json).unwrap();
    assert_eq!((back.run, back.results), (run.clone(), results.clone()));
    assert!(run_from_json(&json.replace(RUN_FORMAT, "other")).is_err());
    assert!(run_from_json(&json.replacen("\"run-1\"", "\"run-2\"", 1)).is_err());
    assert!(run_from_json("{}").is_err());
    let csv = run_to_csv(&run, &results).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert!(reader.headers().unwrap().iter().any(|name| name == "verdict"));
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 88);
    assert!(rows[0].iter().any(|cell| cell == "18446744073709551615"), "the seed keeps all of its digits");
}

#[test]
fn a_hostile_answer_cannot_become_a_formula() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let (results, _) =
        run_task("known_unknowns", Method::Generate, &items[..1], |_| Ok(text("=HYPERLINK(\"http://x\",\"y\")")));
    let csv = run_to_csv(&run_of(&results, "known_unknowns"), &results).unwrap();
    for record in csv::Reader::from_reader(csv.as_bytes()).records() {
        assert!(record.unwrap().iter().all(|cell| !cell.starts_with('=')));
    }
}

#[test]
fn scores_survive_json() {
    let score = Score::new(Outcome::Unparsed { text: "?".to_owned() }, "", "none")
        .with_value(0.1 + 0.2)
        .with("probability", 1.0 / 3.0)
        .with("undefined", f64::NAN);
    assert_eq!(score.measures.len(), 1);
    let json = serde_json::to_string(&score).unwrap();
    assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score);
}

#[test]
fn a_demonstration_must_say_that_it_is_one() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let (results, _) = run_task("known_unknowns", Method::Choose, &items, |_| Ok(choose(4, 5)));
    let run = Run { demo: true, ..run_of(&results, "known_unknowns") };
    let mut demo = Demo { run, results, simulation: None };
    let read = |demo: &Demo| Demo::from_json(&serde_json::to_string(demo).unwrap());
    assert_eq!(read(&demo).unwrap(), demo);
    let figure = demo_figure(&demo, None).unwrap();
    assert!(figure.notes[0].starts_with("Demonstration"), "{:?}", figure.notes);
    demo.run.demo = false;
    assert!(matches!(read(&demo), Err(DemoError::Unlabelled { .. })));
    demo.run.demo = true;
    demo.results[3].run_id = "other".to_owned();
    assert!(matches!(read(&demo), Err(DemoError::Unlabelled { .. })));
}

#[test]
fn the_shipped_demonstrations_are_whole_and_labelled() {
    for path in DEMO_PATHS {
        let text = std::fs::read_to_string(format!("{}/public/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.len() < 60_000, "{path}: {} bytes", text.len());
        let demo = Demo::from_json(&text).unwrap();
        assert_eq!((&demo.run.status, demo.results.len()), (&RunStatus::Complete, demo.run.n_items), "{path}");
        assert!(matches!(demo.run.engine.self_test, SelfTest::Passed { .. }), "{path}");
        assert_eq!(find(&demo.run.task_id).unwrap().info.version, demo.run.task_version, "{path}");
        let study = demo.simulation.as_ref().map(|simulation| {
            let path = format!("{}/public/studies/{}.json", env!("CARGO_MANIFEST_DIR"), simulation.study_id);
            Study::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
        });
        let figure = demo_figure(&demo, study.as_ref()).unwrap();
        assert!(figure.notes.iter().any(|note| note.starts_with("Demonstration")), "{path}: {:?}", figure.notes);
        let simulated = figure.notes.iter().any(|note| note.starts_with("Simulated"));
        assert_eq!(simulated, demo.simulation.is_some(), "{path}");
        if let (Some(simulation), Some(study)) = (&demo.simulation, &study) {
            let judgments = simulation.judgments(study).unwrap();
            assert!(judgments.iter().all(|it| it.simulated && it.labeller == Labeller::Simulation));
            assert_eq!(judgments.len(), 3 * study.n_trials());
            assert_eq!(judgments, simulation.judgments(study).unwrap());
            // What was planted comes out: every pair within a group is rated as more alike than the average pair.
            let Marks::Scatter { points, .. } = &figure.marks else { panic!("{:?}", figure.marks) };
            let mean = points.iter().map(|point| point.x).sum::<f64>() / points.len() as f64;
            let dog_and_horse =
                points.iter().find(|point| point.label.contains("dog") && point.label.contains("horse"));
            assert!(dog_and_horse.unwrap().x > mean + 1.0);
        }
    }
}

#[test]
fn two_runs_make_a_blind_study() {
    let items = items_of(find("known_unknowns").unwrap().info);
    let answers = |words: &'static str| {
        run_task("known_unknowns", Method::Generate, &items, move |request| {
            let same = asked(request).len().is_multiple_of(3);
            Ok(text(if same { "The same." } else { words }))
        })
        .0
    };
    let (first, second) = (answers("I am Scripted and say yes."), answers("No."));
    let (run_a, run_b) =
        (run_of(&first, "known_unknowns"), Run { id: "r2".into(), ..run_of(&second, "known_unknowns") });
    let study = study_of_runs((&run_a, &first), (&run_b, &second)).unwrap();
    assert_eq!(study, study_of_runs((&run_a, &first), (&run_b, &second)).unwrap());
    let differing = items.iter().zip(&first).zip(&second).filter(|((_, a), b)| a.responses != b.responses).count();
    assert!(differing > 0 && differing < items.len());
    assert_eq!(study.n_main(), differing.min(MAX_PAIRS));
    let sources: std::collections::BTreeSet<_> = study.stimuli.iter().map(|it| it.source.clone()).collect();
    assert_eq!(sources.len(), 2, "{sources:?}");
    assert!(study_of_runs((&run_a, &first), (&run_a, &first)).is_err(), "nothing differs");
    let session = Session::begin_simulated(&study, 1, "s".into(), 0.0).unwrap();
    for trial in session.trials() {
        assert_eq!(trial.stimuli[0].group, trial.stimuli[1].group);
    }
}

#[test]
fn a_study_and_a_run_make_one_story() {
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    let texts: Vec<&str> = study.stimuli.iter().map(|stimulus| stimulus.text.as_str()).collect();
    let items = pair_items(&all_pairs(&texts), false);
    let table: BTreeMap<String, usize> =
        items.iter().enumerate().map(|(index, item)| (item.prompt.clone(), index)).collect();
    let (results, _) = run_task("pair_rating", Method::Choose, &items, move |request| {
        let mut logprobs = [-20.0; 7];
        logprobs[table[&asked(request)] % 7] = 0.0;
        Ok(choice(&logprobs))
    });
    let run = run_of(&results, "pair_rating");
    // A simulated rater who always gives what the model's most probable rating is.
    let mut session = Session::begin_simulated(&study, 5, "s1".to_owned(), 0.0).unwrap();
    while let Some(trial) = session.current().cloned() {
        let (left, right) = (trial.stimuli[0].text.clone(), trial.stimuli[1].text.clone());
        let pair = results.iter().find(|result| {
            result.item.tags == [left.clone(), right.clone()] || result.item.tags == [right.clone(), left.clone()]
        });
        let rating = pair.map_or(7, |result| result.score.answer.parse().unwrap());
        let act = Act { rt_millis: 900.0, at: 1.0, input: Input::Keyboard, focus_losses: 0 };
        session.answer(Answer::Rating { rating }, act).unwrap();
    }
    let story = study_story(&study, session.judgments(), &run, &results).unwrap();
    let found = story.agreement.unwrap();
    assert_eq!(found.n_pairs, study.n_main());
    assert!(found.value > 0.999, "{found:?}");
    assert!(story.matrices.notes[0].starts_with("Simulated judgments"), "{:?}", story.matrices.notes);
    assert!(story.sentence.starts_with("Simulated raters and "), "{}", story.sentence);
    let mut mixed = session.judgments().to_vec();
    mixed[3].simulated = false;
    assert_eq!(study_story(&study, &mixed, &run, &results), Err(SimilarityError::Mixed));
}
