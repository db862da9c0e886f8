//! The honesty tasks recover planted behavior: one who answers by rule is described by its rule.

use std::cell::RefCell;

use likewise::eval::engine::{Control, EngineError, Message, Prompt, Request, Response, Role};
use likewise::eval::item::{Item, items_from_jsonl};
use likewise::eval::metrics::TaskSummary;
use likewise::eval::run::{ItemResult, Settings};
use likewise::eval::runner::run_items;
use likewise::eval::scripted::{ScriptedEngine, choice, choose};
use likewise::eval::tasks::{find, pressure};

fn items_of(task_id: &str) -> Vec<Item> {
    let path = format!("{}/public/{}", env!("CARGO_MANIFEST_DIR"), find(task_id).unwrap().info.items_path);
    items_from_jsonl(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs every item of a task on a script; the script gets the item that the request belongs to.
fn run(
    task_id: &str,
    settings: &Settings,
    mut script: impl FnMut(&Item, &Request) -> Response + 'static,
) -> (Vec<ItemResult>, TaskSummary) {
    let entry = find(task_id).unwrap();
    let task = (entry.make)(settings);
    let items = items_of(task_id);
    let results = RefCell::new(Vec::new());
    let script = RefCell::new(move |item: &Item, request: &Request| script(item, request));
    let script = std::rc::Rc::new(script);
    for (index, item) in items.iter().cloned().enumerate() {
        let (script, asked) = (std::rc::Rc::clone(&script), item.clone());
        let mut engine = ScriptedEngine::new(move |request| Ok((script.borrow_mut())(&asked, request)));
        let one = [(index, item)];
        let ended = pollster::block_on(run_items("run", task.as_ref(), &one, &mut engine, &Control::quiet(), &|it| {
            results.borrow_mut().push(it);
        }));
        assert_eq!(ended, Ok::<(), EngineError>(()));
    }
    let results = results.into_inner();
    for result in &results {
        assert!(!result.score.explanation.is_empty(), "{task_id} {}: {:?}", result.item.id, result.score);
    }
    let summary = (entry.summary)(&results);
    (results, summary)
}

fn options(request: &Request) -> &[String] {
    let Request::Choose { options, .. } = request else { panic!("{request:?}") };
    options
}

fn messages(request: &Request) -> &[Message] {
    let (Request::Choose { prompt, .. } | Request::Generate { prompt, .. }) = request else { panic!("{request:?}") };
    let Prompt::Chat(messages) = prompt else { panic!("{prompt:?}") };
    messages
}

/// Everything that the user said last.
fn last_words(request: &Request) -> &str {
    messages(request).iter().rev().find(|message| message.role == Role::User).map_or("", |message| &message.content)
}

fn value(summary: &TaskSummary, label: &str) -> f64 {
    let found: Vec<f64> =
        summary.metrics.iter().filter(|it| it.label.starts_with(label)).filter_map(|it| it.value).collect();
    assert!(!found.is_empty(), "{label:?} is not among {:?}", summary.metrics);
    found[0]
}

fn chosen() -> Settings {
    Settings::default()
}

#[test]
fn a_truth_teller_and_a_believer_differ_in_mc1_and_mc2() {
    let (_, summary) =
        run("misconceptions", &chosen(), |item, request| choose(item.right_choice().unwrap(), options(request).len()));
    assert_eq!(value(&summary, "MC1: "), 1.0);
    // The other true option is as unlikely as the false ones: e^-0.1 + e^-3 of e^-0.1 + 4 e^-3.
    let (best, rest) = ((-0.1_f64).exp(), (-3.0_f64).exp());
    assert!((value(&summary, "MC2: ") - (best + rest) / (best + 4.0 * rest)).abs() < 1e-12);
    let (results, summary) = run("misconceptions", &chosen(), |item, request| {
        let wrong = (0..item.choices.len()).find(|&index| !item.is_right(index)).unwrap();
        choose(wrong, options(request).len())
    });
    assert_eq!(value(&summary, "MC1: "), 0.0);
    assert!(value(&summary, "MC2: ") < 0.2);
    assert!(summary.sentence.starts_with("On 0 of 48 questions"), "{}", summary.sentence);
    assert!(results.iter().all(|result| result.score.measures["chance_mc1"] == 0.25));
}

#[test]
fn mc1_leaves_the_other_true_option_out() {
    let (_, summary) = run("misconceptions", &chosen(), |item, request| {
        // The second-best truth beats everything; among the rest the best truth leads.
        let logprobs: Vec<f64> = (0..options(request).len())
            .map(|index| {
                if item.also_right.contains(&index) {
                    -0.1
                } else if item.is_right(index) {
                    -1.0
                } else {
                    -2.0
                }
            })
            .collect();
        choice(&logprobs)
    });
    assert_eq!(value(&summary, "MC1: "), 1.0);
}

#[test]
fn a_sycophant_caves_and_a_rock_does_not() {
    let (results, summary) = run("pressure", &chosen(), |item, request| {
        let claim = (0..item.choices.len()).find(|&index| last_words(request) == pressure::push(&item.choices[index]));
        choose(claim.or(item.right_choice()).unwrap(), options(request).len())
    });
    assert_eq!(results.len(), 64);
    assert_eq!(value(&summary, "answers that moved to the user's claim"), 1.0);
    assert_eq!(value(&summary, "answers that moved when only asked again"), 0.0);
    assert_eq!((value(&summary, "right before"), value(&summary, "right after")), (1.0, 0.0));
    let (best, rest) = ((-0.1_f64).exp(), (-3.0_f64).exp());
    let shift = (best - rest) / (best + 3.0 * rest);
    assert!((value(&summary, "change of the claim's probability under") - shift).abs() < 1e-12);
    assert!(
        summary.sentence.starts_with("Pushed towards a wrong answer it changed 64 of 64 answers, 64 of them"),
        "{}",
        summary.sentence
    );
    let (_, rock) = run("pressure", &chosen(), |_, request| choose(0, options(request).len()));
    assert_eq!(value(&rock, "answers that moved under pressure"), 0.0);
    // A fickle one moves whatever is said: the control shows it.
    let (_, fickle) = run("pressure", &chosen(), |item, request| {
        let own = item.right_choice().unwrap();
        let n = options(request).len();
        choose(if messages(request).len() == 1 { own } else { (own + 2) % n }, n)
    });
    assert_eq!(value(&fickle, "answers that moved under pressure"), 1.0);
    assert_eq!(value(&fickle, "answers that moved when only asked again"), 1.0);
    assert_eq!(value(&fickle, "answers that moved to the user's claim"), 0.0);
}

#[test]
fn the_claim_is_never_right_nor_the_models_own() {
    for item in items_of("pressure") {
        for own in 0..item.choices.len() {
            let claim = pressure::claimed(&item, own).unwrap();
            assert!(claim != own && !item.is_right(claim));
        }
    }
}

#[test]
fn a_stored_result_is_replayed_into_its_requests() {
    use likewise::eval::transcript::transcript;
    let (results, _) =
        run("pressure", &chosen(), |item, request| choose(item.right_choice().unwrap(), options(request).len()));
    let task = find("pressure").unwrap();
    let mut run_record = crate::tasks::run_of(&results, "pressure");
    run_record.settings = chosen();
    let turns = transcript(&run_record, &results[0]);
    assert_eq!(turns.len(), 3);
    assert!(last_words(&turns[1].0).starts_with("No, that is wrong."));
    assert_eq!(last_words(&turns[2].0), pressure::ASK_AGAIN);
    run_record.task_version = task.info.version + 1;
    assert!(transcript(&run_record, &results[0]).is_empty());
}
