//! Suites: their order, what is left of them, what they come to; and shards of a run as one run.

use std::cell::RefCell;

use likewise::app::runs::{NextOfSuite, PlannedSuite, Runs};
use likewise::eval::engine::{Control, Request, SelfTest};
use likewise::eval::item::{Item, Target, items_from_jsonl};
use likewise::eval::run::{ItemResult, Run, RunStatus, Settings, Shard};
use likewise::eval::runner::run_items;
use likewise::eval::score::Verdict;
use likewise::eval::scripted::{ScriptedEngine, choose};
use likewise::eval::suite::{Suite, all_tasks};
use likewise::eval::tasks::find;
use likewise::formats::catalog::Catalog;
use likewise::protocol::Event;
use likewise::report::export::{RUN_FORMAT, RunFile, run_from_json, run_to_json};
use likewise::report::figure::{Cell, Marks};
use likewise::report::merge::{MergeError, merge_runs};
use likewise::report::suite_comparison::compare_suites;
use likewise::report::suite_summary::{suite_summary, suite_table};

fn items_of(task_id: &str) -> Vec<(usize, Item)> {
    let path = format!("{}/public/{}", env!("CARGO_MANIFEST_DIR"), find(task_id).unwrap().info.items_path);
    items_from_jsonl(&std::fs::read_to_string(path).unwrap()).unwrap().into_iter().enumerate().collect()
}

/// A run whose answers depend on the question alone, as those of a model do.
fn run_of(task_id: &str, items: &[(usize, Item)], shard: Option<Shard>) -> RunFile {
    let task = (find(task_id).unwrap().make)(&Settings::default());
    let mut engine = ScriptedEngine::new(|request| {
        let Request::Choose { options, .. } = request else { panic!("{request:?}") };
        let mixed: usize = format!("{request:?}").bytes().map(usize::from).sum();
        Ok(choose(mixed % options.len(), options.len()))
    });
    let kept: Vec<_> = items.iter().filter(|(at, _)| shard.is_none_or(|it| it.has(*at))).cloned().collect();
    let id = shard.map_or("whole".to_owned(), |it| format!("shard-{}", it.index));
    let results = RefCell::new(Vec::new());
    let ended = pollster::block_on(run_items(&id, task.as_ref(), &kept, &mut engine, &Control::quiet(), &|it| {
        results.borrow_mut().push(it);
    }));
    assert_eq!(ended, Ok(()));
    let results: Vec<ItemResult> = results.into_inner();
    let run = Run { id, n_items: kept.len(), shard, ..crate::tasks::run_of(&results, task_id) };
    RunFile { format: RUN_FORMAT.to_owned(), schema: 1, run, results }
}

fn shards(task_id: &str, of: usize) -> Vec<RunFile> {
    let items = items_of(task_id);
    (1..=of).map(|index| run_of(task_id, &items, Some(Shard { index, of }))).collect()
}

#[test]
fn merged_shards_are_the_run_that_was_never_shared_out() {
    let whole = run_of("known_unknowns", &items_of("known_unknowns"), None);
    let mut parts = shards("known_unknowns", 3);
    assert_eq!(parts.iter().map(|part| part.results.len()).sum::<usize>(), whole.results.len());
    parts.reverse();
    let merged = merge_runs(parts).unwrap();
    let named = |file: &RunFile| -> Vec<ItemResult> {
        file.results.iter().map(|it| ItemResult { run_id: String::new(), ..it.clone() }).collect()
    };
    assert_eq!(named(&merged), named(&whole));
    assert_eq!(merged.run, Run { id: merged.run.id.clone(), ..whole.run.clone() });
    let table = |file: &RunFile| suite_table(&[(file.run.clone(), file.results.clone())]);
    assert_eq!(table(&merged), table(&whole));
    // What was merged can be written and read like any other run.
    let read = run_from_json(&run_to_json(&merged.run, &merged.results).unwrap()).unwrap();
    assert_eq!(read, merged);
}

#[test]
fn shards_that_do_not_belong_together_are_refused_and_missing_ones_are_said() {
    assert_eq!(merge_runs(Vec::new()), Err(MergeError::Empty));
    let parts = shards("known_unknowns", 3);
    let twice = vec![parts[0].clone(), parts[0].clone()];
    assert!(matches!(merge_runs(twice), Err(MergeError::Twice { .. })));
    let merged = merge_runs(parts[..2].to_vec()).unwrap();
    assert_eq!(merged.run.status, RunStatus::Failed { detail: "2 of 3 shards".to_owned() });
    let unlike = |change: &dyn Fn(&mut Run)| {
        let mut other = parts[1].clone();
        change(&mut other.run);
        match merge_runs(vec![parts[0].clone(), other]) {
            Err(MergeError::Unlike { what, .. }) => what,
            found => panic!("{found:?}"),
        }
    };
    assert_eq!(unlike(&|run| run.items_sha256.push('0')), "items file");
    assert_eq!(unlike(&|run| run.settings.seed = 9), "settings");
    assert_eq!(unlike(&|run| run.engine.weights_sha256 = Some("0".to_owned())), "model");
    assert_eq!(unlike(&|run| run.engine.self_test = SelfTest::Passed { max_kl: 0.0 }), "self-test verdict");
    assert_eq!(unlike(&|run| run.shard = Some(Shard { index: 2, of: 4 })), "number of shards");
    assert_eq!("2/5".parse(), Ok(Shard { index: 2, of: 5 }));
    for wrong in ["0/5", "6/5", "2", "x/y", "1/0"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

fn suite() -> Suite {
    Suite { id: "s".to_owned(), tasks: ["known_unknowns", "pressure", "misconceptions"].map(str::to_owned).to_vec() }
}

fn started(id: u32, task: &str) -> Event {
    let run = Run { task_id: task.to_owned(), suite: Some(suite()), ..crate::tasks::run_of(&[], "known_unknowns") };
    Event::RunStarted { id, run }
}

fn ended(id: u32, status: RunStatus) -> Event {
    Event::RunEnded { id, run_id: "run-1".to_owned(), status }
}

/// The next task, whatever model is loaded.
fn next(runs: &mut Runs) -> Option<String> {
    match runs.next_of_suite(None)? {
        NextOfSuite::Task(_, _, task) => Some(task),
        NextOfSuite::Model(card) => panic!("{} is wanted", card.id),
    }
}

#[test]
fn a_suite_goes_from_task_to_task_and_stops_where_one_stops() {
    let mut runs = Runs::default();
    assert_eq!(next(&mut runs), None);
    runs.start_suite(suite(), Settings::default(), suite().tasks);
    assert_eq!(next(&mut runs).as_deref(), Some("known_unknowns"));
    runs.start(1, Vec::new());
    runs.apply(&started(1, "known_unknowns"));
    assert_eq!(next(&mut runs), None, "one at a time");
    runs.apply(&ended(1, RunStatus::Complete));
    assert_eq!(next(&mut runs).as_deref(), Some("pressure"));
    runs.start(2, Vec::new());
    runs.apply(&started(2, "pressure"));
    runs.apply(&ended(2, RunStatus::Cancelled));
    assert_eq!(next(&mut runs), None);
    assert_eq!(runs.suite, None);
    runs.start_suite(suite(), Settings::default(), vec!["misconceptions".to_owned()]);
    assert_eq!(next(&mut runs).as_deref(), Some("misconceptions"));
    runs.start(3, Vec::new());
    runs.apply(&ended(3, RunStatus::Complete));
    assert_eq!(next(&mut runs), None);
    assert_eq!(runs.suite, None, "the suite ends with its last task");
}

#[test]
fn a_suite_with_another_model_waits_for_that_model_and_is_dropped_with_a_stop() {
    let catalog =
        std::fs::read_to_string(format!("{}/public/models/catalog.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let card = serde_json::from_str::<Catalog>(&catalog).unwrap().models.remove(1);
    assert!(card.base, "{}", card.id);
    let other = Suite { id: "other".to_owned(), ..suite() };
    let planned = PlannedSuite { suite: other.clone(), settings: Settings::default(), card: card.clone() };
    let mut runs = Runs::default();
    runs.start_suite(suite(), Settings::default(), vec!["pressure".to_owned()]);
    runs.later.push_back(planned.clone());
    assert_eq!(next(&mut runs).as_deref(), Some("pressure"));
    runs.start(1, Vec::new());
    runs.apply(&ended(1, RunStatus::Complete));
    let wanted = Some(NextOfSuite::Model(Box::new(card.clone())));
    assert_eq!(runs.next_of_suite(Some("another")), wanted);
    assert_eq!(runs.next_of_suite(None), wanted, "still the same while it loads");
    let first = other.tasks[0].clone();
    assert_eq!(runs.next_of_suite(Some(&card.id)), Some(NextOfSuite::Task(other, Settings::default(), first)));
    assert!(runs.later.is_empty());
    runs.later.push_back(planned);
    runs.start(2, Vec::new());
    runs.apply(&ended(2, RunStatus::Cancelled));
    assert_eq!(runs.next_of_suite(Some(&card.id)), None, "a stop ends all of it");
}

/// A finished run of the first 30 items in which exactly those acted rightly that `rightly` names.
fn planted(task_id: &str, id: &str, rightly: impl Fn(usize) -> bool) -> (Run, Vec<ItemResult>) {
    let file = run_of(task_id, &items_of(task_id)[..30], None);
    let plant = |(at, it): (usize, ItemResult)| {
        let verdict = match (&it.item.target, rightly(at)) {
            (Target::Abstain, true) => Verdict::AbstainedRightly,
            (_, true) => Verdict::Right,
            (_, false) => Verdict::Wrong,
        };
        ItemResult { verdict, ..it }
    };
    let results = file.results.into_iter().enumerate().map(plant).collect();
    (Run { id: id.to_owned(), ..file.run }, results)
}

#[test]
fn two_suites_are_compared_on_the_items_that_both_have() {
    let first = [planted("known_unknowns", "a", |at| at < 20), planted("misconceptions", "b", |at| at % 2 == 0)];
    // 12 items fewer, and none the other way; then the same.
    let second = [planted("known_unknowns", "c", |at| at < 8), planted("misconceptions", "d", |at| at % 2 == 0)];
    let found = compare_suites(&first, &second).unwrap();
    assert_eq!(found.tasks.len(), 2);
    // Exact McNemar of 12 and 0: 2 / 2^12; one test only, since the other benchmark never differs.
    let p = 2.0 / 4096.0;
    let column = |name: &str| found.table.columns.iter().position(|it| it == name).unwrap();
    let number = |row: usize, name: &str| match &found.table.rows[row][column(name)] {
        Cell::Number(value) => Some(*value),
        _ => None,
    };
    assert!((number(0, "p (McNemar, Holm)").unwrap() - p).abs() < 1e-12);
    assert_eq!(number(1, "p (McNemar, Holm)"), None);
    assert_eq!(number(0, "right in the first only"), Some(12.0));
    assert_eq!(number(0, "second minus first"), Some(-12.0 / 30.0));
    assert!(found.sentence.contains("60 pairs of answers"), "{}", found.sentence);
    assert!(found.sentence.contains("in 1 they differ"), "{}", found.sentence);
    let Marks::Bars { bars, .. } = &found.figure.marks else { panic!("bars") };
    assert_eq!(bars.len(), 4, "two suites, two benchmarks");
    assert_eq!(found.figure.sources, ["a", "c", "b", "d"]);
    assert!(compare_suites(&first[..1], &second[1..]).is_none(), "nothing in common");
}

#[test]
fn what_is_left_of_a_suite_is_read_from_its_runs() {
    let run = |task: &str, status, started_at, suite| Run {
        task_id: task.to_owned(),
        status,
        started_at,
        suite,
        ..crate::tasks::run_of(&[], "known_unknowns")
    };
    let other = Some(Suite { id: "other".to_owned(), tasks: suite().tasks });
    let stored = [
        run("known_unknowns", RunStatus::Cancelled, 1.0, Some(suite())),
        run("known_unknowns", RunStatus::Complete, 2.0, Some(suite())),
        run("pressure", RunStatus::Running, 3.0, Some(suite())),
        run("misconceptions", RunStatus::Complete, 4.0, other),
        run("misconceptions", RunStatus::Complete, 5.0, None),
    ];
    assert_eq!(suite().left(&stored), ["pressure", "misconceptions"]);
    assert_eq!(suite().left(&[]), suite().tasks);
    assert!(all_tasks().len() >= 18 && !all_tasks().contains(&"pair_rating".to_owned()));
}

#[test]
fn a_suite_comes_to_a_figure_an_aspect_and_says_where_a_device_was_not_checked() {
    let files: Vec<RunFile> = suite().tasks.iter().map(|task| run_of(task, &items_of(task)[..10], None)).collect();
    let mut runs: Vec<(Run, Vec<ItemResult>)> = files.into_iter().map(|file| (file.run, file.results)).collect();
    runs[0].0.engine.self_test = SelfTest::Passed { max_kl: 1e-6 };
    runs[1].0.status = RunStatus::Cancelled;
    let found = suite_summary(&runs);
    let lines: Vec<_> = found.iter().flat_map(|aspect| &aspect.tasks).collect();
    assert_eq!(lines.len(), 3);
    for aspect in &found {
        let Marks::Bars { bars, .. } = &aspect.figure.marks else { panic!() };
        assert!(!bars.is_empty());
        for bar in bars {
            let (low, high) = bar.estimate.interval.unwrap();
            assert!(low <= bar.estimate.value && bar.estimate.value <= high && bar.estimate.n > 0, "{bar:?}");
        }
    }
    let line = |title: &str| lines.iter().find(|line| line.title == title).unwrap();
    let known = line("Known unknowns");
    assert!(known.unverified.is_none() && known.complete && known.sentence.contains("of 10 questions"), "{known:?}");
    assert!(known.counts.starts_with("n = 10: "), "{}", known.counts);
    assert!(line("Misconceptions").unverified.as_ref().is_some_and(|why| why.contains("not checked")));
    assert_eq!(lines.iter().filter(|line| !line.complete).count(), 1);
}
