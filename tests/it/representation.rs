//! Similarities of words: a planted structure is found again by every measure, exports are what other programs read.

use std::cell::RefCell;

use likewise::eval::engine::{Control, LayerState, Pool, Request, Response};
use likewise::eval::run::{ItemResult, Run, Settings};
use likewise::eval::runner::run_items;
use likewise::eval::scripted::{ScriptedEngine, choice};
use likewise::eval::stimuli::{Imported, REFERENCE_SCHEMA, Reference, Subject, import, sets_from_json};
use likewise::eval::tasks::find;
use likewise::eval::tasks::hidden_states::word_items;
use likewise::eval::tasks::odd_one_out::{random_triplets, triplet_item};
use likewise::eval::tasks::pair_rating::{N_WORDINGS, all_pairs, asked_in, expected_at, pair_items, with_wordings};
use likewise::report::figure::Marks;
use likewise::report::rating_sweep::{SweepPoint, TEMPERATURES, sweep_figure};
use likewise::report::representation::{
    LayerPoint, MEADOWS_FILE, ModelSide, Pairing, RepresentationError, StateDistance, cka_of, group_level, heat_figure,
    layer_figure, map_figure, meadows_tree, reference_of_study, rsatoolbox_dict, sentence, triplet_share,
};
use likewise::report::resampling::agree;
use likewise::report::run_summary::run_summary;
use likewise::stats::distance::Metric;
use likewise::stats::rdm::{Rdm, pair_count, pair_index};
use likewise::stats::rdm_compare::{Measure, compare};
use likewise::stats::rng::Pcg32;
use likewise::study::simulation::Simulation;
use likewise::study::study::Study;

use crate::tasks::run_of;

const WORDS: [&str; 8] = ["cat", "dog", "cow", "car", "bus", "van", "pear", "plum"];
const COSINE: StateDistance = StateDistance { metric: Metric::Cosine, center: true };

/// Three groups on a plane.
fn point(word: &str) -> [f64; 2] {
    let at = WORDS.iter().position(|it| *it == word).unwrap();
    let center = [[0.0, 0.0], [9.0, 1.0], [3.0, 8.0]][if at < 3 {
        0
    } else if at < 6 {
        1
    } else {
        2
    }];
    [center[0] + 0.9 * (at % 3) as f64, center[1] + 0.4 * (at % 2) as f64]
}

fn distance(a: &str, b: &str) -> f64 {
    let ([x, y], [u, v]) = (point(a), point(b));
    (x - u).hypot(y - v)
}

/// Raters who see the planted distances through noise.
fn reference(n_raters: usize, noise: f64) -> Reference {
    let mut rng = Pcg32::new(3);
    let subjects = (0..n_raters).map(|rater| {
        let values =
            all_pairs(&WORDS).into_iter().map(|(a, b)| Some(distance(a, b) + noise * (2.0 * rng.unit() - 1.0)));
        Subject { name: rater.to_string(), values: values.collect() }
    });
    Reference {
        schema: REFERENCE_SCHEMA,
        id: "planted".to_owned(),
        title: "Planted raters".to_owned(),
        // Another order and other letters: words are matched, not places.
        names: WORDS.map(str::to_uppercase).to_vec(),
        subjects: subjects.collect(),
        triplets: vec![[0, 1, 3], [3, 4, 6], [6, 7, 0], [0, 3, 1]],
        notes: Vec::new(),
    }
}

fn answer(request: &Request) -> Response {
    match request {
        // A rating that falls with the distance, in either order of the words.
        Request::Choose { options, .. } if options.len() == 7 => {
            let text = format!("{request:?}").replace('\\', "");
            let mut words = WORDS.iter().filter(|word| text.contains(&format!("\"{word}\"")));
            let far = distance(words.next().unwrap(), words.next().unwrap());
            let rating = 7.0 - 6.0 * far / 12.0;
            choice(&(1..=7).map(|it| -(f64::from(it) - rating).powi(2)).collect::<Vec<f64>>())
        }
        // The odd one is far from both.
        Request::Choose { options, .. } => {
            let far = |odd: &String| options.iter().map(|it| distance(odd, it)).sum::<f64>();
            choice(&options.iter().map(far).collect::<Vec<f64>>())
        }
        // Layer 0 knows nothing, layer 1 all.
        Request::Features { text, .. } => {
            let [x, y] = point(text.trim());
            let noise = text.bytes().map(f32::from).enumerate().map(|(at, it)| it * (at as f32 + 1.0).sin());
            let vector = vec![noise.clone().sum(), noise.map(f32::cos).sum(), 1.0];
            let states =
                vec![LayerState { layer: 0, vector }, LayerState { layer: 1, vector: vec![x as f32, y as f32, 0.0] }];
            Response::Features { n_tokens: 1, states, millis: 0.0 }
        }
        other => panic!("{other:?}"),
    }
}

fn run(task_id: &str, items: Vec<likewise::eval::item::Item>) -> (Run, Vec<ItemResult>) {
    let items: Vec<_> = items.into_iter().enumerate().collect();
    let made = (find(task_id).unwrap().make)(&Settings::default());
    let mut engine = ScriptedEngine::new(|request| Ok(answer(request)));
    let results: RefCell<Vec<ItemResult>> = RefCell::default();
    pollster::block_on(run_items("run-1", made.as_ref(), &items, &mut engine, &Control::quiet(), &|result| {
        results.borrow_mut().push(result);
    }))
    .unwrap();
    let results = results.into_inner();
    // Through the store and back.
    let results: Vec<ItemResult> = serde_json::from_str(&serde_json::to_string(&results).unwrap()).unwrap();
    (run_of(&results, task_id), results)
}

fn side(task_id: &str, items: Vec<likewise::eval::item::Item>) -> ModelSide {
    let (run, results) = run(task_id, items);
    ModelSide::of_run(&run, &results).unwrap()
}

fn agreement(side: &ModelSide, layer: u32, distance: StateDistance) -> f64 {
    let reference = reference(4, 2.0);
    let pairing = Pairing::new(side, &reference).unwrap();
    assert_eq!((pairing.names.len(), pairing.raters.len(), pairing.n_dropped), (8, 4, 0));
    let model = side.rdm(&pairing.model_places, layer, distance).unwrap();
    let found = agree(&model, &pairing.raters, Measure::Spearman, 200).unwrap();
    assert_eq!((found.n_pairs, found.n_words, found.n_raters), (28, 8, 4));
    let direct: f64 =
        pairing.raters.iter().map(|rater| compare(&model, rater, Measure::Spearman).unwrap().value).sum::<f64>() / 4.0;
    assert!((found.value - direct).abs() < 1e-12);
    let interval = found.interval.unwrap();
    assert!(
        interval.low <= found.value && found.value <= interval.high + 0.05 && interval.resamples == 200,
        "{found:?}"
    );
    found.value
}

#[test]
fn a_planted_structure_is_found_by_every_measure() {
    let ceiling = Pairing::new(&side("pair_rating", pair_items(&all_pairs(&WORDS), true)), &reference(4, 2.0))
        .unwrap()
        .ceiling(Measure::Spearman)
        .unwrap();
    assert!(ceiling.lower.unwrap() > 0.7 && ceiling.n_subjects == 4, "{ceiling:?}");
    let euclidean = StateDistance { metric: Metric::Euclidean, center: false };
    for items in [pair_items(&all_pairs(&WORDS), false), pair_items(&all_pairs(&WORDS), true)] {
        let value = agreement(&side("pair_rating", items), 0, COSINE);
        assert!(value > 0.75, "{value}");
    }
    let states = side("hidden_states", word_items(&WORDS, Pool::Mean));
    assert_eq!(states.layers(), [0, 1]);
    let (knows_nothing, knows) = (agreement(&states, 0, euclidean), agreement(&states, 1, euclidean));
    assert!(knows > 0.75 && knows_nothing < knows - 0.3, "{knows_nothing} {knows}");
    let triplets = random_triplets(WORDS.len(), 1000, 1);
    assert_eq!(triplets.len(), 56, "all of them");
    let items = triplets.iter().map(|it| triplet_item(it.map(|at| WORDS[at]), None)).collect();
    let value = agreement(&side("odd_one_out", items), 0, COSINE);
    assert!(value > 0.6, "{value}");
}

#[test]
fn the_odd_one_is_scored_against_people_and_foretold_by_layers() {
    // People left out "car" beside cat and dog, and (which nothing explains) "dog" beside cat and car.
    let items = vec![triplet_item(["cat", "dog", "car"], Some(2)), triplet_item(["bus", "cow", "cat"], Some(1))];
    let (record, results) = run("odd_one_out", items);
    assert_eq!(results[0].responses.len(), 6, "six orders");
    assert_eq!((results[0].score.answer.as_str(), results[1].score.answer.as_str()), ("car", "bus"));
    let shares: f64 =
        ["share_first", "share_second", "share_third"].iter().map(|it| results[0].score.measures[*it]).sum();
    assert!((shares - 1.0).abs() < 1e-12);
    let summary = run_summary(&record, &results);
    assert!(
        summary.sentence.starts_with("It left out the same one as people in 50 % of 2 triplets"),
        "{}",
        summary.sentence
    );
    let states = side("hidden_states", word_items(&WORDS, Pool::Mean));
    let pairing = Pairing::new(&states, &reference(2, 0.1)).unwrap();
    let rdm = states.rdm(&pairing.model_places, 1, COSINE).unwrap();
    let (right, n) = triplet_share(&rdm, &pairing.triplets).unwrap();
    assert_eq!((right, n), (3.0, 4), "the fourth answer contradicts the structure");
}

#[test]
fn figures_say_what_they_show() {
    let states = side("hidden_states", word_items(&WORDS, Pool::Last));
    let reference = reference(3, 1.0);
    let pairing = Pairing::new(&states, &reference).unwrap();
    let ceiling = pairing.ceiling(Measure::Spearman);
    let points: Vec<LayerPoint> = [0, 1]
        .into_iter()
        .map(|layer| {
            let model = states.rdm(&pairing.model_places, layer, COSINE).unwrap();
            let rows = states.rows(&pairing.model_places, layer).unwrap();
            LayerPoint {
                layer,
                agreement: agree(&model, &pairing.raters, Measure::Spearman, 50).unwrap(),
                cka: cka_of(&rows, &rows),
                triplets: None,
            }
        })
        .collect();
    let figure = layer_figure("t", Measure::Spearman, &points, ceiling.as_ref(), &[], &[]).unwrap();
    let Marks::Curve { lines, band, .. } = &figure.marks else { panic!() };
    assert_eq!(lines.len(), 2);
    assert!((lines[1].points[0].1.value - 1.0).abs() < 1e-9, "a set is like itself");
    assert!(band.as_ref().is_some_and(|band| band.low < band.high), "{band:?}");
    assert!(figure.caption.starts_with("Agreement is highest at layer 1"), "{}", figure.caption);
    let rdm = states.rdm(&pairing.model_places, 1, StateDistance { metric: Metric::Euclidean, center: false }).unwrap();
    let Marks::Matrices { matrices, .. } = heat_figure("t", "c", &[("a", &rdm)], &[], &[]).unwrap().marks else {
        panic!()
    };
    // The three groups stand together, whatever their order.
    let place = |word: &str| matrices[0].labels.iter().position(|it| it.eq_ignore_ascii_case(word)).unwrap();
    for group in [&WORDS[..3], &WORDS[3..6], &WORDS[6..]] {
        let places: Vec<usize> = group.iter().map(|word| place(word)).collect();
        assert!(
            places.iter().max().unwrap() - places.iter().min().unwrap() == group.len() - 1,
            "{:?}",
            matrices[0].labels
        );
    }
    let map = map_figure("t", &rdm, &[], &[]).unwrap();
    let Marks::Map { points } = &map.marks else { panic!() };
    assert_eq!(points.len(), 8);
    assert!(map.notes[0].contains("stress-1 0.0"), "planar distances fit a plane: {:?}", map.notes);
    let found = points[0].x.hypot(points[0].y);
    assert!(found.is_finite());
    let said = sentence("M", "People", Measure::Spearman, &points_of(&pairing, &states), ceiling.as_ref());
    assert!(said.contains("28 pairs of 8 words, mean over 3 raters") && said.contains("Noise ceiling: 0."), "{said}");
    let level = group_level(&rdm, &pairing.raters, Measure::Spearman).unwrap();
    assert!(level.with_mean > 0.9 && level.between_raters.unwrap() < level.with_mean, "{level:?}");
}

fn points_of(pairing: &Pairing, states: &ModelSide) -> likewise::report::resampling::Agreement {
    let model = states.rdm(&pairing.model_places, 1, COSINE).unwrap();
    agree(&model, &pairing.raters, Measure::Spearman, 50).unwrap()
}

#[test]
fn what_cannot_be_compared_says_why() {
    let states = side("hidden_states", word_items(&WORDS, Pool::Mean));
    let mut other = reference(2, 1.0);
    other.names = (0..8).map(|it| format!("word {it}")).collect();
    assert_eq!(Pairing::new(&states, &other), Err(RepresentationError::FewWords { n: 0 }));
    let (mut record, results) = run("hidden_states", word_items(&WORDS, Pool::Mean));
    record.task_id = "known_unknowns".to_owned();
    assert_eq!(ModelSide::of_run(&record, &results), Err(RepresentationError::NoSimilarities));
    // A rater without two different values is left out and counted.
    let mut flat = reference(3, 1.0);
    flat.subjects[1].values = vec![Some(2.0); 28];
    let pairing = Pairing::new(&states, &flat).unwrap();
    assert_eq!((pairing.raters.len(), pairing.n_dropped), (2, 1));
}

#[test]
fn a_run_over_a_pair_file_is_compared_on_its_pairs() {
    let Imported::Reference(file) =
        import("cat\tdog\t8\ncar\tbus\t9\ncat\tcar\t2\npear\tplum\t7\ndog\tbus\t1\n", "x", "pairs.txt").unwrap()
    else {
        panic!()
    };
    let set = file.stimuli();
    assert_eq!(set.pairs().len(), 5);
    let side = side("pair_rating", pair_items(&set.pairs(), false));
    let pairing = Pairing::new(&side, &file).unwrap();
    let model = side.rdm(&pairing.model_places, 0, COSINE).unwrap();
    let found = agree(&model, &pairing.raters, Measure::Spearman, 100).unwrap();
    assert_eq!((found.n_pairs, found.n_words), (5, 6));
    // Two of the planted distances are ties.
    assert!(found.value > 0.75, "{found:?}");
}

#[test]
fn sessions_become_raters_and_people_are_not_mixed_with_programs() {
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    let simulation = Simulation {
        study_id: study.id.clone(),
        seed: 1,
        n_participants: 3,
        noise: 0.2,
        groups: [
            &["dog", "horse", "eagle"][..],
            &["apple", "carrot", "bread"],
            &["car", "bicycle", "boat", "hammer", "spoon", "chair"],
        ]
        .map(|group| group.iter().map(|it| (*it).to_owned()).collect())
        .to_vec(),
    };
    let judgments = simulation.judgments(&study).unwrap();
    let mut sessions: Vec<Vec<likewise::study::judgment::Judgment>> = Vec::new();
    for judgment in judgments {
        match sessions.last_mut() {
            Some(last) if last[0].session_id == judgment.session_id => last.push(judgment),
            _ => sessions.push(vec![judgment]),
        }
    }
    let found = reference_of_study(&study, &sessions).unwrap();
    assert_eq!((found.subjects.len(), found.names.len()), (3, 12));
    assert!(found.title.starts_with("Simulated raters") && found.notes[0].starts_with("Simulated judgments"));
    let n = found.names.len();
    let place = |word: &str| found.names.iter().position(|it| it == word).unwrap();
    let value =
        |a: &str, b: &str| found.subjects[0].values[pair_index(place(a).min(place(b)), place(a).max(place(b)), n)];
    assert!(value("dog", "horse") < value("dog", "boat"));
    sessions[0][0].simulated = false;
    assert_eq!(reference_of_study(&study, &sessions), None);
}

#[test]
fn the_sites_own_sets_are_words_in_the_promised_numbers() {
    let sets = sets_from_json(include_str!("../../public/stimuli/words.json")).unwrap();
    assert_eq!(sets.len(), 4);
    for set in sets {
        assert!((20..=30).contains(&set.words.len()), "{}", set.id);
        assert_eq!(set.pairs().len(), pair_count(set.words.len()));
    }
}

/// `tests/golden/make/open_rdms.py` opens these files with rsatoolbox itself.
#[test]
fn exports_are_the_files_that_rsatoolbox_opened() {
    let names: Vec<String> = ["dog", "cat", "parking lot", "thé"].map(str::to_owned).to_vec();
    let rdm = |values: [f64; 6]| Rdm::new(names.clone(), values.to_vec()).unwrap();
    let rdms = vec![
        ("People".to_owned(), rdm([1.0, 2.5, 3.0, 0.125, 4.0, 5.0])),
        ("Model, layer 3".to_owned(), rdm([0.5, 0.25, 1.0, 2.0, 0.75, 1.5])),
        ("With a gap".to_owned(), rdm([1.0, f64::NAN, 1.0, 2.0, 0.75, 1.5])),
    ];
    let found = serde_json::to_string_pretty(&rsatoolbox_dict(&rdms, "see names")).unwrap() + "\n";
    expect_test::expect_file!["../golden/exports/rdms_rsatoolbox.json"].assert_eq(&found);
    let found = serde_json::to_string_pretty(&meadows_tree(&rdms)).unwrap() + "\n";
    // The name by which the loader knows such a file.
    assert_eq!(MEADOWS_FILE, "Meadows_likewise_v_v1_likewise-mole_tree.json");
    expect_test::expect_file!["../golden/exports/Meadows_likewise_v_v1_likewise-mole_tree.json"].assert_eq(&found);
    // And back by our own importer.
    let Imported::Reference(back) = import(&found, "id", "t").unwrap() else { panic!() };
    assert_eq!((back.names, back.subjects.len()), (names, 2));
}

#[test]
fn ratings_are_swept_over_wordings_and_temperatures_without_asking_again() {
    // Weighed by hand: shares of exp(-d / t) for log-likelihoods 0 and -ln 9 at ratings 1 and 2, all else impossible.
    let logs = [0.0, -9.0_f64.ln(), -1e9, -1e9, -1e9, -1e9, -1e9];
    for (temperature, second) in [(1.0, 0.1), (0.5, 1.0 / 82.0), (2.0, 0.25)] {
        let found = expected_at(&[logs.to_vec()], temperature).unwrap();
        assert!((found - (1.0 + second)).abs() < 1e-12, "{temperature}: {found}");
    }
    let asked = |wording| asked_in(wording, "cat", "dog");
    let distinct: std::collections::BTreeSet<String> = (0..N_WORDINGS).map(asked).collect();
    assert_eq!(distinct.len(), N_WORDINGS);
    assert!(
        distinct.iter().all(|it| it.contains("\"cat\"") && it.contains("\"dog\"") && it.contains('7')),
        "{distinct:?}"
    );

    for both_orders in [false, true] {
        let plain = side("pair_rating", pair_items(&all_pairs(&WORDS), both_orders));
        let side = side("pair_rating", with_wordings(pair_items(&all_pairs(&WORDS), both_orders)));
        let all: Vec<usize> = (0..WORDS.len()).collect();
        assert_eq!(
            side.rdm(&all, 0, COSINE).unwrap(),
            plain.rdm(&all, 0, COSINE).unwrap(),
            "the rating stays the usual one"
        );
        assert_eq!(plain.sweep.as_ref().map(|it| it.n_wordings), Some(1));
        let sweep = side.sweep.as_ref().unwrap();
        assert_eq!(sweep.settings().len(), (N_WORDINGS + 1) * TEMPERATURES.len());
        let usual = sweep.rdm(&all, Some(0), 1.0).unwrap();
        for (ours, theirs) in usual.values().iter().zip(side.rdm(&all, 0, COSINE).unwrap().values()) {
            assert!((ours - theirs).abs() < 1e-12);
        }
        // The scripted engine hears only the words, so that every wording says the same as the mean of them.
        let mean = sweep.rdm(&all, None, 2.0).unwrap();
        for (ours, theirs) in mean.values().iter().zip(sweep.rdm(&all, Some(3), 2.0).unwrap().values()) {
            assert!((ours - theirs).abs() < 1e-12);
        }
        let reference = reference(4, 2.0);
        let pairing = Pairing::new(&side, &reference).unwrap();
        let points: Vec<SweepPoint> = sweep
            .settings()
            .into_iter()
            .map(|(wording, temperature)| {
                let rdm = sweep.rdm(&pairing.model_places, wording, temperature).unwrap();
                let agreement = agree(&rdm, &pairing.raters, Measure::Spearman, 50).unwrap();
                assert!(agreement.value > 0.7, "{wording:?} {temperature}: {agreement:?}");
                SweepPoint { wording, temperature, agreement }
            })
            .collect();
        let figure = sweep_figure("t", Measure::Spearman, &points, None, &[], &[]).unwrap();
        let Marks::Curve { lines, .. } = &figure.marks else { panic!("{figure:?}") };
        let ends = |line: &likewise::report::figure::Line| (line.points[0].0, line.points[4].0);
        assert!(
            lines.len() == N_WORDINGS + 1 && lines.iter().all(|it| it.points.len() == 5 && ends(it) == (-2.0, 2.0))
        );
        assert!(
            figure.caption.contains("over 4 wordings") && figure.caption.contains("after the fact"),
            "{}",
            figure.caption
        );
    }
    let triplets =
        random_triplets(WORDS.len(), 10, 1).iter().map(|it| triplet_item(it.map(|at| WORDS[at]), None)).collect();
    assert_eq!(side("odd_one_out", triplets).sweep, None);
}
