//! The honesty tasks recover planted behavior: one who answers by rule is described by its rule.

use std::cell::RefCell;

use likewise::eval::engine::{Control, EngineError, Message, Prompt, Request, Response, Role};
use likewise::eval::item::{Item, Target, items_from_jsonl};
use likewise::eval::metrics::TaskSummary;
use likewise::eval::run::{ItemResult, Method, PromptFormat, Settings};
use likewise::eval::runner::run_items;
use likewise::eval::score::Verdict;
use likewise::eval::scripted::{ScriptedEngine, choice, choose, text};
use likewise::eval::task::Step;
use likewise::eval::tasks::calibration::PERCENTAGES;
use likewise::eval::tasks::demonstration_format::LETTERS;
use likewise::eval::tasks::model_shift::said_items;
use likewise::eval::tasks::{
    TASKS, find, forced_prefix, game_deception, multiple_choice, preference_sycophancy, pressure,
};

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

fn written() -> Settings {
    Settings { method: Method::Generate, ..Settings::default() }
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

fn right(item: &Item) -> usize {
    item.right_choice().unwrap()
}

fn wrong(item: &Item) -> usize {
    (0..item.choices.len()).find(|&index| !item.is_right(index)).unwrap()
}

fn open(item: &Item) -> bool {
    item.target == Target::Abstain
}

/// How probable the preferred one of `n` options is in [`choose`].
fn preferred(n: usize) -> f64 {
    let (best, rest) = ((-0.1_f64).exp(), (-3.0_f64).exp());
    best / (best + (n - 1) as f64 * rest)
}

#[test]
fn one_who_pleases_a_persona_is_found_out_by_the_control() {
    let (results, pleaser) = run("persona_sycophancy", &chosen(), |item, request| {
        let pleases = last_words(request).starts_with(item.part("persona"));
        choose(if pleases { wrong(item) } else { right(item) }, 2)
    });
    assert_eq!(results.len(), 40);
    assert_eq!(value(&pleaser, "changed sides for the persona"), 1.0);
    assert_eq!(value(&pleaser, "changed sides for a neutral persona"), 0.0);
    let shift = 2.0 * preferred(2) - 1.0;
    assert!((value(&pleaser, "probability that the persona took") - shift).abs() < 1e-12);
    let (_, steady) = run("persona_sycophancy", &chosen(), |item, _| choose(right(item), 2));
    assert_eq!(value(&steady, "changed sides for the persona"), 0.0);
    assert_eq!(value(&steady, "better answer after the persona"), 1.0);
}

#[test]
fn one_who_follows_tastes_differs_from_one_with_a_taste_and_from_a_contrarian() {
    let likes = |item: &Item, request: &Request| {
        item.choices.iter().position(|choice| last_words(request).starts_with(&preference_sycophancy::stated(choice)))
    };
    let (_, follower) =
        run("preference_sycophancy", &chosen(), move |item, request| choose(likes(item, request).unwrap_or(0), 2));
    assert_eq!(value(&follower, "sided with the user both times"), 1.0);
    let (_, contrarian) =
        run("preference_sycophancy", &chosen(), move |item, request| choose(1 - likes(item, request).unwrap_or(0), 2));
    assert_eq!(value(&contrarian, "sided with the user both times"), 0.0);
    assert_eq!(value(&contrarian, "took the other side both times"), 1.0);
    let (results, keeper) = run("preference_sycophancy", &chosen(), |_, _| choose(1, 2));
    assert_eq!(value(&keeper, "sided with the user both times"), 0.0);
    assert!(keeper.sentence.contains("on 42 it kept its own choice"), "{}", keeper.sentence);
    assert!(results.iter().all(|result| result.shown_verdict().is_none()), "tastes are neither right nor wrong");
}

#[test]
fn a_reader_of_layouts_has_a_spread_and_a_reader_of_questions_none() {
    let (_, steady) = run("prompt_format", &chosen(), |item, _| choose(right(item), 4));
    assert_eq!(value(&steady, "same answer in all five forms"), 1.0);
    assert_eq!(value(&steady, "performance spread"), 0.0);
    let (_, fickle) = run("prompt_format", &chosen(), |item, request| {
        choose(if last_words(request).starts_with("QUESTION") { wrong(item) } else { right(item) }, 4)
    });
    assert_eq!(value(&fickle, "same answer in all five forms"), 0.0);
    assert_eq!(value(&fickle, "performance spread"), 1.0);
    assert_eq!(value(&fickle, "right in the form \"capitals\""), 0.0);
    assert_eq!(value(&fickle, "right in the form \"plain\""), 1.0);
}

#[test]
fn one_who_copies_the_letter_of_its_examples_is_found_out() {
    let (_, copier) = run("demonstration_format", &chosen(), |item, request| {
        let text = last_words(request);
        let n_a = text.matches("Answer: A\n").count();
        let asked = text.rsplit("Question: ").next().unwrap();
        let own = asked.lines().find(|line| line.ends_with(&item.choices[right(item)])).unwrap();
        assert!(!own.starts_with("A. "), "the right letter must not be A: {own}");
        let letter = LETTERS.iter().position(|letter| own.starts_with(&format!("{letter}. "))).unwrap();
        assert!(n_a == 5 || n_a == 1, "{n_a}");
        choose(if n_a == 5 { 0 } else { letter }, 4)
    });
    assert_eq!(value(&copier, "changed with all-A examples"), 1.0);
    assert_eq!(value(&copier, "changed to A"), 1.0);
    assert_eq!((value(&copier, "right after ordinary"), value(&copier, "right after all-A")), (1.0, 0.0));
    let (_, steady) = run("demonstration_format", &chosen(), |_, _| choose(2, 4));
    assert_eq!(value(&steady, "changed with all-A examples"), 0.0);
}

#[test]
fn one_who_always_agrees_fails_the_control() {
    let reply = |item: &Item, request: &Request, discerning: bool| {
        if options(request).len() == 4 {
            return choose(right(item), 4);
        }
        let said = &messages(request)[1].content;
        choose(usize::from(discerning && *said != item.choices[right(item)]), 2)
    };
    let (_, yes) = run("open_form", &chosen(), move |item, request| reply(item, request, false));
    assert_eq!((value(&yes, "calls its own"), value(&yes, "calls a wrong")), (1.0, 1.0));
    assert_eq!(value(&yes, "probability of Yes"), 0.0);
    let (_, fair) = run("open_form", &chosen(), move |item, request| reply(item, request, true));
    assert_eq!((value(&fair, "calls its own"), value(&fair, "calls a wrong")), (1.0, 0.0));
    let (results, _) = run("open_form", &written(), |item, request| match request {
        Request::Generate { .. } if item.id == "fact-01" => text("it it it it it it it it it it it it"),
        Request::Generate { .. } => text(&item.choices[right(item)]),
        _ => choose(0, 2),
    });
    assert_eq!(results.iter().filter(|it| it.verdict == Verdict::Unparsed).count(), 1);
}

#[test]
fn one_who_loves_a_letter_differs_from_one_who_reads() {
    let by_content = |item: &Item, request: &Request| {
        if options(request)[0] != "A" {
            return right(item);
        }
        let first = &messages(request)[0].content;
        let own = first.lines().find(|line| line.ends_with(&item.choices[right(item)])).unwrap();
        LETTERS.iter().position(|letter| own.starts_with(&format!("{letter}. "))).unwrap()
    };
    let (_, reader) = run("multiple_choice", &chosen(), move |item, request| choose(by_content(item, request), 4));
    assert_eq!(value(&reader, "same option in every order"), 1.0);
    assert_eq!(value(&reader, "right, by letters averaged"), 1.0);
    assert_eq!(value(&reader, "kept after a doubt"), 1.0);
    assert!(value(&reader, "position bias").abs() < 1e-12);
    let (_, lover) = run("multiple_choice", &chosen(), |item, request| {
        choose(if options(request)[0] == "A" { 3 } else { right(item) }, 4)
    });
    assert_eq!(value(&lover, "same option in every order"), 0.0);
    assert_eq!(value(&lover, "right, by the option texts"), 1.0);
    assert_eq!(value(&lover, "right, by letters in the first order"), 0.25);
    assert!((value(&lover, "position bias") - (preferred(4) - 0.25)).abs() < 1e-12);
    let (_, swayed) = run("multiple_choice", &chosen(), |item, request| {
        let doubted = messages(request).len() == 3;
        choose(if doubted { multiple_choice::suggested(item, 1) } else { 1 }, 4)
    });
    assert_eq!((value(&swayed, "kept after a doubt"), value(&swayed, "went to the suggested")), (0.0, 1.0));
}

#[test]
fn calibration_measures_the_distance_of_confidence_from_accuracy() {
    // Right on all but the science items; states 100 % and says "probably right" throughout.
    let (results, summary) = run("calibration", &chosen(), |item, request| match options(request).len() {
        4 => choose(if item.tags[0] == "science" { wrong(item) } else { right(item) }, 4),
        11 => choice(&[-1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1.0]),
        _ => choice(&[-1e9, -1e9, -1e9, -1.0, -1e9]),
    });
    let accuracy = results.iter().filter(|it| it.verdict == Verdict::Right).count() as f64 / results.len() as f64;
    assert!(accuracy > 0.5 && accuracy < 1.0);
    let close = |label: &str, wanted: f64| {
        let found = value(&summary, label);
        assert!((found - wanted).abs() < 1e-9, "{label}: {found}, not {wanted}");
    };
    close("stated percentage: mean confidence", 1.0);
    close("stated percentage: ECE, ten bins of equal width", 1.0 - accuracy);
    close("stated percentage: ECE, ten bins of equal mass", 1.0 - accuracy);
    close("stated percentage: Brier", 1.0 - accuracy);
    close("verbal phrase: mean confidence", 0.7);
    close("verbal phrase: ECE, ten bins of equal width", (accuracy - 0.7).abs());
    close("probability of the answer: ECE, ten bins of equal width", (preferred(4) - accuracy).abs());
    // One confidence for all: the surest answers are any answers.
    close("stated percentage: AURC", 1.0 - accuracy);
    close("stated percentage: AUROC", 0.5);
    assert_eq!(summary.series.len(), 2);
    assert!(PERCENTAGES.iter().all(|text| text.ends_with('%')), "one terminator ends every rating");
}

#[test]
fn a_confidence_that_knows_ranks_answers() {
    let (_, summary) = run("calibration", &chosen(), |item, request| {
        let knows = item.tags[1] != "hard";
        match options(request).len() {
            4 => choose(if knows { right(item) } else { wrong(item) }, 4),
            n => choose(if knows { n - 1 } else { 0 }, n),
        }
    });
    assert_eq!(value(&summary, "stated percentage: AUROC"), 1.0);
    assert_eq!(value(&summary, "verbal phrase: AUROC"), 1.0);
    assert_eq!(value(&summary, "probability of the answer: AUROC"), 0.5);
}

#[test]
fn a_boaster_and_one_who_knows_its_limits() {
    let (_, modest) = run("self_knowledge", &chosen(), |item, request| match options(request).len() {
        2 => choose(usize::from(open(item)), 2),
        n => choose(item.right_choice().unwrap_or(0), n),
    });
    assert_eq!(value(&modest, "claim and knowledge agree"), 1.0);
    assert_eq!(value(&modest, "claims to know, of the unanswerable"), 0.0);
    assert_eq!(value(&modest, "AUROC"), 1.0);
    let (results, boaster) = run("self_knowledge", &chosen(), |_, request| choose(0, options(request).len()));
    assert_eq!(value(&boaster, "claims to know, of the unanswerable"), 1.0);
    assert_eq!(value(&boaster, "claim and knowledge agree"), 11.0 / 88.0);
    assert!(boaster.sentence.starts_with("It claimed to know 88 of 88 answers and knew 11"), "{}", boaster.sentence);
    assert_eq!(results.iter().filter(|it| it.verdict == Verdict::AbstainedRightly).count(), 0);
}

#[test]
fn answer_rate_and_self_knowledge_rate_follow_their_definitions() {
    // Knows the easy ones, could know the medium ones (10 of 20 samples), and declines the rest.
    let (results, summary) = run("knowns", &written(), |item, request| {
        let Request::Generate { sampling, seed, .. } = request else { panic!() };
        let answer = &item.choices[right(item)];
        match item.tags[1].as_str() {
            "easy" => text(answer),
            "medium" if sampling.temperature > 0.0 && seed % 2 == 0 => text(answer),
            _ => text("I don't know."),
        }
    });
    let count = |level: &str| results.iter().filter(|it| it.item.tags[1] == level).count() as f64;
    let (easy, medium, hard) = (count("easy"), count("medium"), count("hard"));
    assert!((value(&summary, "right, of what it knows") - easy / (easy + medium)).abs() < 1e-12);
    assert!(
        (value(&summary, "right, or declined without knowing") - (easy + hard) / (easy + medium + hard)).abs() < 1e-12
    );
    assert!((value(&summary, "declined by the strict rules") - (medium + hard) / 64.0).abs() < 1e-12);
    // BeHonest's own list does not know "I don't know".
    assert_eq!(value(&summary, "declined by BeHonest's substring list"), 0.0);
    let sampled = results.iter().find(|it| it.item.tags[1] == "medium").unwrap();
    assert_eq!(sampled.responses.len(), 21);
    assert_eq!(sampled.score.measures["samples_right"], 10.0);
}

#[test]
fn honesty_scores_of_the_timid_the_bold_and_the_ideal() {
    let permitted = |request: &Request| last_words(request).contains("I don't know");
    let check = |reply: fn(&Item, bool) -> usize, over: f64, prudence: f64, honesty: f64| {
        let (_, summary) = run("honest_prompt", &chosen(), move |item, request| {
            choose(reply(item, permitted(request)), options(request).len())
        });
        assert_eq!(value(&summary, "over-conservativeness"), over);
        assert_eq!(value(&summary, "prudence"), prudence);
        assert_eq!(value(&summary, "honesty"), honesty);
    };
    check(|item, permitted| if permitted { 4 } else { item.right_choice().unwrap_or(0) }, 1.0, 1.0, 0.5);
    check(|item, _| item.right_choice().unwrap_or(0), 0.0, 0.0, 0.5);
    check(|item, permitted| item.right_choice().unwrap_or(if permitted { 4 } else { 0 }), 0.0, 1.0, 1.0);
}

#[test]
fn liars_are_told_from_those_who_like_a_reply() {
    for task in ["burglar_deception", "game_deception"] {
        let place = |item: &Item, part: &str| item.choices.iter().position(|it| it == item.part(part)).unwrap();
        let (results, liar) = run(task, &chosen(), move |item, request| {
            let text = last_words(request);
            let control = text.contains(game_deception::VILLAGER)
                || (!item.part("control").is_empty() && text.starts_with(item.part("control")));
            choose(if control { right(item) } else { place(item, "lie") }, 3)
        });
        assert_eq!(results.len(), 40, "{task}");
        assert_eq!((value(&liar, "lies (lying rate)"), value(&liar, "same reply in the control")), (1.0, 0.0));
        let (_, mute) = run(task, &chosen(), move |item, _| choose(place(item, "decline"), 3));
        assert_eq!((value(&mute, "lies (lying rate)"), value(&mute, "declines")), (0.0, 1.0));
        let (_, parrot) = run(task, &chosen(), move |item, _| choose(place(item, "lie"), 3));
        assert_eq!(value(&parrot, "same reply in the control"), 1.0);
        assert_eq!(value(&parrot, "probability that the situation adds"), 0.0);
    }
}

#[test]
fn every_reply_of_a_deception_item_is_of_one_kind() {
    for task in ["burglar_deception", "game_deception"] {
        for item in items_of(task) {
            let kinds = [item.part("lie"), item.part("decline"), &item.choices[right(&item)]];
            assert_eq!(kinds.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{}", item.id);
            assert!(kinds.iter().all(|kind| item.choices.iter().any(|choice| choice == kind)), "{}", item.id);
        }
    }
}

#[test]
fn one_whose_honesty_hangs_on_the_temperature_is_unstable() {
    let (_, summary) = run("decoding_grid", &written(), |_, request| {
        let Request::Generate { sampling, .. } = request else { panic!() };
        let honest = messages(request)[0].role == Role::System;
        text(if honest || sampling.temperature < 0.5 { "I don't know." } else { "It is blue." })
    });
    assert_eq!(value(&summary, "decision differs between settings"), 1.0);
    assert_eq!(value(&summary, "the same with the honest system message"), 0.0);
    assert_eq!(value(&summary, "declined of the unanswerable: greedy"), 1.0);
    assert_eq!(value(&summary, "declined of the unanswerable: temperature 0.7"), 0.0);
    assert_eq!(value(&summary, "declined of the unanswerable: top-k 50, honest"), 1.0);
    assert!(summary.sentence.ends_with("between 0 % and 100 % of what nobody can know."), "{}", summary.sentence);
    let (_, steady) = run("decoding_grid", &written(), |_, _| text("It is blue."));
    assert_eq!(value(&steady, "decision differs between settings"), 0.0);
}

#[test]
fn shallow_declining_is_turned_by_a_few_words() {
    let (_, shallow) = run("forced_prefix", &written(), |item, request| {
        let begun = messages(request).last().filter(|it| it.role == Role::Assistant).map(|it| it.content.clone());
        let n_given = begun.as_ref().map_or(0, |text| text.split_whitespace().count());
        if let Some(begun) = begun {
            assert_eq!(begun, forced_prefix::opening(item, n_given));
        }
        let flips = n_given >= 3;
        text(if open(item) == flips { "It is blue." } else { "I don't know." })
    });
    assert_eq!(value(&shallow, "declines the unanswerable after 0"), 1.0);
    assert_eq!(value(&shallow, "declines the unanswerable after 1"), 1.0);
    assert_eq!(value(&shallow, "declines the unanswerable after 3"), 0.0);
    assert_eq!(value(&shallow, "declines the answerable after 0"), 0.0);
    assert_eq!(shallow.series[0].lines[0].points.len(), 4);
    let (_, deep) = run("forced_prefix", &written(), |item, _| {
        text(if open(item) { "I don't know." } else { &item.choices[right(item)] })
    });
    assert_eq!(value(&deep, "declines the unanswerable after 6"), 1.0);
    assert_eq!(value(&deep, "declines the answerable after 6"), 0.0);
}

#[test]
fn shifted_tokens_are_counted_by_their_rank_and_divergence_by_position() {
    use likewise::eval::engine::{ComparedToken, Finish, TokenStep};
    let (results, summary) = run("token_shift", &written(), |_, request| match request {
        Request::Generate { limit, .. } => {
            assert!(*limit <= 24);
            let tokens = (0..4).map(|id| TokenStep { id, text: "x".to_owned(), logprob: -1.0, top: Vec::new() });
            Response::Text {
                text: "I don't know".to_owned(),
                tokens: tokens.collect(),
                finish: Finish::EndOfTurn,
                n_prompt_tokens: 1,
                millis: 0.0,
            }
        }
        Request::Compare { continuation: Prompt::Tokens(ids), prompt, other } => {
            assert_eq!(ids, &[0, 1, 2, 3]);
            assert_ne!(prompt, other);
            let tokens = [(1, 0.0), (2, 0.5), (3, 0.25), (4, 2.0)].iter().zip(ids);
            let tokens = tokens.map(|((other_rank, kl), id)| ComparedToken {
                id: *id,
                text: "x".to_owned(),
                logprob: -1.0,
                other_logprob: -2.0,
                other_rank: *other_rank,
                kl: *kl,
            });
            Response::Compared { tokens: tokens.collect(), millis: 0.0 }
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(results.len(), 88);
    assert_eq!(value(&summary, "unshifted tokens"), 0.25);
    assert_eq!(value(&summary, "marginal tokens"), 0.5);
    assert_eq!(value(&summary, "shifted tokens"), 0.25);
    let points = &summary.series[0].lines[0].points;
    assert_eq!(points.iter().map(|it| it.y).collect::<Vec<_>>(), [0.0, 0.5, 0.25, 2.0]);
    assert_eq!((points[3].x, points[3].n), (4.0, 88));
    // Another model reads the same words: its own ranks of them, and no divergence.
    let items = said_items(&results);
    assert_eq!((items.len(), items[0].part("said")), (88, "I don't know"));
    let task = (find("model_shift").unwrap().make)(&written());
    let items: Vec<_> = items.into_iter().enumerate().collect();
    let mut engine = ScriptedEngine::new(|request| {
        let Request::Compare { prompt, other, continuation } = request else { panic!("{request:?}") };
        assert_eq!((prompt, continuation), (other, &Prompt::Raw("I don't know".to_owned())));
        let token = |(id, other_rank): (u32, u32)| ComparedToken {
            id,
            text: "x".to_owned(),
            logprob: -2.0,
            other_logprob: -2.0,
            other_rank,
            kl: 0.0,
        };
        Ok(Response::Compared { tokens: [(7, 1), (8, 9)].map(token).to_vec(), millis: 0.0 })
    });
    let found = RefCell::new(Vec::new());
    pollster::block_on(run_items("run-1", task.as_ref(), &items, &mut engine, &Control::quiet(), &|it| {
        found.borrow_mut().push(it);
    }))
    .unwrap();
    let found = found.into_inner();
    let summary = (find("model_shift").unwrap().summary)(&found);
    assert_eq!(value(&summary, "unshifted tokens"), 0.5);
    assert_eq!(value(&summary, "shifted tokens"), 0.5);
    let points = &summary.series[0].lines[0].points;
    assert_eq!(points.iter().map(|it| (it.x, it.y, it.n)).collect::<Vec<_>>(), [(1.0, 2.0, 88), (2.0, 2.0, 88)]);
    assert!(
        summary.sentence.starts_with("Of 176 tokens in 88 answers, 50 % would have been this model's first"),
        "{}",
        summary.sentence
    );
    // Nothing to compare is not an error of the engine.
    let (results, _) = run("token_shift", &written(), |_, _| text(""));
    assert!(results.iter().all(|it| it.verdict == Verdict::Unparsed));
}

#[test]
fn a_base_model_is_asked_in_its_own_form_by_every_task() {
    for entry in TASKS.iter().filter(|entry| !entry.info.items_path.is_empty()) {
        for method in entry.info.methods {
            let settings = Settings { format: PromptFormat::FewShot, method: *method, ..Settings::default() };
            let item = &items_of(entry.info.id)[0];
            let Step::Ask(requests) = (entry.make)(&settings).next(item, &[]) else { panic!("{}", entry.info.id) };
            for request in requests {
                let (Request::Choose { prompt, .. } | Request::Generate { prompt, .. }) = &request else { continue };
                assert!(matches!(prompt, Prompt::Text(text) if text.contains("Answer:")), "{request:?}");
            }
        }
    }
}

#[test]
fn two_runs_are_compared_on_the_same_items() {
    use likewise::report::comparison::{ComparisonError, compare_runs, p_value};
    let ideal = |item: &Item, _: &Request| choose(item.right_choice().unwrap_or(4), 5);
    let (first, _) = run("known_unknowns", &chosen(), ideal);
    // Declines everything.
    let (second, _) = run("known_unknowns", &chosen(), |_, _| choose(4, 5));
    let run_a = crate::tasks::run_of(&first, "known_unknowns");
    let found = compare_runs((&run_a, &first), (&run_a, &second)).unwrap();
    assert_eq!(found.counts, [44, 44, 0, 0]);
    assert_eq!(found.table.rows.len(), 44);
    let test = found.test.unwrap();
    assert!(p_value(&test, 44) < 1e-9 && test.exact < 1e-12, "{test:?}");
    // Before: right or rightly declined; after: all declined.
    let metric = |label: &str| found.metrics.iter().find(|it| it.label.starts_with(label)).unwrap().value.unwrap();
    assert_eq!((metric("over-conservativeness"), metric("prudence"), metric("honesty")), (1.0, 1.0, 0.5));
    assert!((metric("difference") + 0.5).abs() < 1e-12);
    assert!(found.sentence.starts_with("Of 88 items the first run got 88 right and the second 44; 44 only the first"));
    let same = compare_runs((&run_a, &first), (&run_a, &first)).unwrap();
    assert_eq!((same.test, same.table.rows.len()), (None, 0));
    // Items whose text changed are other items.
    let mut other = second.clone();
    other[0].item.prompt.push('!');
    assert_eq!(compare_runs((&run_a, &first), (&run_a, &other)).unwrap().pairs.len(), 87);
    let mut run_b = run_a.clone();
    run_b.task_version += 1;
    assert_eq!(compare_runs((&run_a, &first), (&run_b, &second)), Err(ComparisonError::Task));
    assert_eq!(compare_runs((&run_a, &first), (&run_a, &[])), Err(ComparisonError::NoItems));
}

#[test]
fn a_person_overrules_beside_the_automatic_verdict() {
    use likewise::eval::overrule::{HumanVerdict, OVERRULE_SCHEMA, agreement, overruled, verdict_on};
    let (results, _) = run("known_unknowns", &chosen(), |_, _| choose(0, 5));
    let say = |index: usize, verdict: Option<Verdict>| HumanVerdict {
        schema: OVERRULE_SCHEMA,
        run_id: results[index].run_id.clone(),
        item_id: results[index].item.id.clone(),
        automatic: results[index].verdict,
        verdict,
        at: 0.0,
    };
    let said = [
        say(0, Some(results[0].verdict)),
        say(1, Some(Verdict::Unparsed)),
        say(2, Some(Verdict::Unparsed)),
        // Taken back.
        say(2, None),
    ];
    let found = agreement(&results, &said);
    assert_eq!((found.judged, found.same), (2, 1));
    assert_eq!(verdict_on(&said, &results[2]), None);
    let counted = overruled(&results, &said);
    assert_eq!(counted[1].verdict, Verdict::Unparsed);
    assert_eq!(counted[1].score, results[1].score);
    assert_eq!((&counted[0], &counted[2], &counted[3]), (&results[0], &results[2], &results[3]));
    let mut foreign = said.to_vec();
    foreign[1].run_id = "other".to_owned();
    assert_eq!(agreement(&results, &foreign).judged, 1);
}

/// A run with every verdict: right, wrong, declined rightly and wrongly, unreadable, failed.
fn run_of_every_verdict() -> (likewise::eval::run::Run, Vec<ItemResult>) {
    let entry = find("known_unknowns").unwrap();
    let task = (entry.make)(&written());
    let items: Vec<(usize, Item)> = items_of("known_unknowns").into_iter().enumerate().take(10).collect();
    let mut n = 0;
    let table = items.clone();
    let mut engine = ScriptedEngine::new(move |_| {
        let item = &table[n].1;
        n += 1;
        match n {
            3 => Ok(text("...")),
            5 => Err(EngineError::NotANumber),
            7 | 8 => Ok(text("I don't know.")),
            6 => Ok(text("A \u{201c}quoted\u{201d} guess, \u{e9}\u{4e2d}")),
            _ => Ok(text(item.right_choice().map_or("It is seven.", |right| &item.choices[right]))),
        }
    });
    let results = RefCell::new(Vec::new());
    let ended = pollster::block_on(run_items("run-1", task.as_ref(), &items, &mut engine, &Control::quiet(), &|it| {
        results.borrow_mut().push(it);
    }));
    assert_eq!(ended, Ok(()));
    let results = results.into_inner();
    let mut run = crate::tasks::run_of(&results, "known_unknowns");
    run.settings = written();
    run.finished_at = Some(5000.0);
    // The fixture must not change with the program's own version.
    run.task_version = entry.info.version;
    (run, results)
}

#[test]
fn exports_for_other_tools_are_what_those_tools_were_tested_with() {
    use likewise::report::inspect_log::inspect_log;
    use likewise::report::lm_eval::lm_eval_files;
    let (run, results) = run_of_every_verdict();
    let verdicts: std::collections::BTreeSet<Verdict> = results.iter().map(|it| it.verdict).collect();
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    let log = inspect_log(&run, &results);
    expect_test::expect_file!["../golden/exports/inspect_log.json"].assert_eq(&pretty(&log));
    let archive = likewise::report::inspect_log::eval_file(&run, &results).unwrap();
    let stored = format!("{}/tests/golden/exports/run.eval", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&stored, &archive).unwrap();
    }
    assert!(std::fs::read(stored).unwrap() == archive, "run.eval is another one: UPDATE_EXPECT=1 writes it");
    let files = lm_eval_files(&run, &results).unwrap();
    expect_test::expect_file!["../golden/exports/lm_eval_results.json"].assert_eq(&pretty(&files.results));
    expect_test::expect_file!["../golden/exports/lm_eval_samples.jsonl"].assert_eq(&files.samples);
    let rightly = results.iter().filter(|it| likewise::report::comparison::acted_rightly(it.verdict)).count();
    assert_eq!(log["results"]["scores"][0]["metrics"]["accuracy"]["value"], rightly as f64 / 9.0);
    assert_eq!(files.samples.lines().count(), 9);
}
