//! Questions chosen by the answers before: the same ones after any reload, none of the held-out stream learned from, and
//! planted structures recovered, beside questions drawn at random.

use likewise::report::class_figures::sentences;
use likewise::report::class_summary::class_summary;
use likewise::report::held_out::held_out;
use likewise::report::study_plan::Planted;
use likewise::stats::rank::spearman;
use likewise::stats::rng::Pcg32;
use likewise::study::StudyError;
use likewise::study::adaptive::{Adaptive, committee, told};
use likewise::study::design::SimulatedParticipant;
use likewise::study::draft::{Draft, Kind};
use likewise::study::gathering::{Gathered, Merge};
use likewise::study::judgment::{Input, question_key};
use likewise::study::packet::Packet;
use likewise::study::session::{Act, Session};
use likewise::study::study::Study;
use likewise::study::trial::{Answer, Trial, TrialKind};

const KINDS: [Kind; 3] = [Kind::PairRating, Kind::Triplet, Kind::AnchoredTriplet];

fn study(kind: Kind, n_trials: u32) -> Study {
    let mut draft = Draft { n_trials, ..Draft::template(kind) };
    draft.set_adaptive(true);
    draft.study().unwrap()
}

const ACT: Act = Act { rt_millis: 900.5, at: 1e12, input: Input::Keyboard, focus_losses: 0 };

/// An answer by the planted map.
fn answer(session: &Session, planted: &Planted, noise: f64, rng: &mut Pcg32) -> Answer {
    let study = session.study();
    let similarity = |a: &str, b: &str| planted.similarity(study, a, b);
    let participant = SimulatedParticipant { similarity: &similarity, strength: &|_| 0.0, noise, attentive: true };
    study.design.simulate(&mut || rng.unit(), &participant, session.current().unwrap())
}

fn simulated(study: &Study, planted: &Planted, noise: f64, number: u64) -> Session {
    let mut session = Session::begin_simulated(study, number, format!("s{number:04}"), 1e12).unwrap();
    let mut rng = Pcg32::new(number + 77);
    while !session.is_finished() {
        let answer = answer(&session, planted, noise, &mut rng);
        session.answer(answer, ACT).unwrap();
    }
    session
}

#[test]
fn a_session_comes_to_the_same_questions_after_every_reload_and_after_taking_back() {
    for kind in KINDS {
        let study = study(kind, 30);
        let planted = Planted::new(&study, 3);
        let mut session = Session::begin_simulated(&study, 9, "s".to_owned(), 1e12).unwrap();
        let mut rng = Pcg32::new(1);
        while !session.is_finished() {
            let said = answer(&session, &planted, 0.2, &mut rng);
            let before = session.current().unwrap().clone();
            session.answer(said.clone(), ACT).unwrap();
            if session.progress().0 % 7 == 3 {
                let next = session.current().cloned();
                session.undo(1e12, Input::Keyboard).unwrap();
                assert_eq!(session.current(), Some(&before), "{kind:?}: the question comes back");
                session.answer(said, ACT).unwrap();
                assert_eq!(session.current().cloned(), next, "{kind:?}: and so does the one after it");
            }
            let again = Session::resume(&study, session.record().clone(), session.records()).unwrap();
            assert_eq!(again.current(), session.current(), "{kind:?}");
            assert_eq!(again.completion_code(), session.completion_code());
        }
        let text = Packet::of_session(&session).text();
        let read = Packet::all_in(&text).remove(0).unwrap().session(&study).unwrap();
        assert_eq!(read.records(), session.records(), "{kind:?}: a packet says the same");
    }
}

#[test]
fn no_question_comes_twice_and_repeats_repeat_what_was_chosen() {
    for kind in KINDS {
        let study = study(kind, 30);
        let session = simulated(&study, &Planted::new(&study, 3), 0.2, 4);
        let mut keys = std::collections::BTreeSet::new();
        let (mut n_held, mut n_repeats) = (0, 0);
        for trial in session.trials() {
            match &trial.kind {
                kind if kind.is_main() => {
                    n_held += usize::from(*kind == TrialKind::HeldOut);
                    assert!(keys.insert(question_key(&study.design, &trial.ids())), "{kind:?} {:?}", trial.ids());
                }
                TrialKind::RepeatOf { trial: of } => {
                    n_repeats += 1;
                    let original = session.trials()[*of as usize].ids();
                    assert_eq!(
                        question_key(&study.design, &original),
                        question_key(&study.design, &trial.ids()),
                        "{kind:?}"
                    );
                    assert_ne!(original, trial.ids(), "{kind:?}: in another order");
                }
                _ => {}
            }
        }
        assert_eq!((keys.len(), n_held), (30, 6), "{kind:?}: a fifth is held out");
        assert_eq!(n_repeats, study.n_repeats as usize);
    }
}

#[test]
fn the_held_out_stream_is_fixed_ahead_and_nothing_is_learned_from_it() {
    for kind in KINDS {
        let study = study(kind, 30);
        let planted = Planted::new(&study, 3);
        let held = |session: &Session| -> Vec<(u32, Vec<String>)> {
            let held = session.trials().iter().filter(|trial| trial.kind == TrialKind::HeldOut);
            held.map(|trial| (trial.index, trial.ids())).collect()
        };
        let chosen = |session: &Session| -> Vec<Vec<String>> {
            session.trials().iter().filter(|trial| trial.kind == TrialKind::Main).map(Trial::ids).collect()
        };
        // The same participant, who answers held-out questions at will.
        let other = |wild: bool| {
            let mut session = Session::begin_simulated(&study, 5, "s".to_owned(), 1e12).unwrap();
            let mut rng = Pcg32::new(2);
            while let Some(trial) = session.current().cloned() {
                let draw = answer(
                    &session,
                    &planted,
                    if wild && trial.kind == TrialKind::HeldOut { 50.0 } else { 0.0 },
                    &mut rng,
                );
                session.answer(draw, ACT).unwrap();
            }
            session
        };
        let (tame, wild) = (other(false), other(true));
        assert_eq!(held(&tame), held(&Session::begin_simulated(&study, 5, "s".to_owned(), 1e12).unwrap()), "{kind:?}");
        let said = |session: &Session| -> Vec<Answer> {
            let held = session.judgments().iter().filter(|it| it.trial == TrialKind::HeldOut);
            held.filter_map(|it| it.answer().cloned()).collect()
        };
        assert_ne!(said(&tame), said(&wild), "{kind:?}: the streams differ");
        assert_eq!(chosen(&tame), chosen(&wild), "{kind:?}: and no chosen question with them");
    }
}

/// Mean recovery (Spearman's rho of all distances with the planted ones) of 24 participants by their own answers.
fn recovered(study: &Study, noise: f64) -> f64 {
    let n = study.stimuli.len();
    let each: Vec<f64> = (0..24)
        .map(|number| {
            let planted = Planted::new(study, 500 + number);
            let session = simulated(study, &planted, noise, number);
            let mut members = committee(study, number);
            for judgment in session.judgments().iter().filter(|it| it.is_main()) {
                members.learn(told(study, &judgment.stimuli, judgment.answer().unwrap()).unwrap());
            }
            let (mut x, mut y) = (Vec::new(), Vec::new());
            for a in 0..n {
                for b in a + 1..n {
                    x.push(members.expects_distance((a, b)));
                    y.push(-planted.similarity(study, &study.stimuli[a].id, &study.stimuli[b].id));
                }
            }
            spearman(&x, &y).unwrap()
        })
        .collect();
    each.iter().sum::<f64>() / each.len() as f64
}

#[test]
fn planted_maps_are_recovered_at_least_as_well_as_by_random_questions() {
    for (kind, n_trials, least) in
        [(Kind::PairRating, 30, 0.8), (Kind::Triplet, 60, 0.75), (Kind::AnchoredTriplet, 60, 0.55)]
    {
        let adaptive = Study { n_repeats: 0, catch_trials: Vec::new(), ..study(kind, n_trials) };
        // As many questions at random: nearly all are held out ahead, the rest are drawn by a committee that is told nothing.
        let mut random = adaptive.clone();
        random.adaptive = Some(Adaptive { holdout_percent: 50, ..adaptive.adaptive.unwrap() });
        let few_chosen = recovered(&random, 0.05);
        let chosen = recovered(&adaptive, 0.05);
        assert!(chosen > least, "{kind:?}: {chosen}");
        assert!(chosen > few_chosen - 0.05, "{kind:?}: {chosen} {few_chosen}");
    }
}

#[test]
fn held_out_answers_are_predicted_from_the_chosen_ones_and_noise_is_not() {
    for kind in KINDS {
        let study = Study { n_repeats: 0, catch_trials: Vec::new(), ..study(kind, 50) };
        let class = |noise: f64| {
            let planted = Planted::new(&study, 3);
            let mut all = Gathered::new(study.clone());
            for number in 0..12 {
                assert_eq!(all.add(&simulated(&study, &planted, noise, number)), Merge::New);
            }
            all
        };
        let found = held_out(&class(0.02)).unwrap();
        assert_eq!((found.n_participants, found.n_held_out, found.n_learned), (12, 120, 480), "{kind:?}");
        let value = found.predicted.value().unwrap();
        let without = found.without.value().unwrap().value;
        let noise = held_out(&class(100.0)).unwrap();
        let (low, high) = noise.predicted.value().unwrap().interval.unwrap();
        let of_noise = noise.predicted.value().unwrap().value / noise.without.value().unwrap().value;
        if kind == Kind::PairRating {
            assert_eq!(found.measure, "error");
            assert!(value.value < 0.7 * without, "{value:?} {without}");
            assert!(of_noise > 0.85, "noise: {of_noise} of the error without, {low} to {high}");
            assert!(found.bits.value().is_none() || found.chance_bits.is_none());
        } else {
            assert!(value.value > without + 0.15, "{kind:?}: {value:?} {without}");
            assert!(found.bits.value().unwrap().value > found.chance_bits.unwrap(), "{kind:?}");
            assert!(low < noise.without.value().unwrap().value + 0.05, "{kind:?}: noise predicts {low} to {high}");
        }
        let said = sentences(&class_summary(&class(0.02))).join(" ");
        assert!(said.contains("Held-out stream") && said.contains("not spread evenly"), "{said}");
    }
    let plain = Draft::template(Kind::Triplet).study().unwrap();
    assert!(held_out(&Gathered::new(plain)).is_none());
}

#[test]
fn what_cannot_be_adaptive_is_refused_by_the_name_of_its_field() {
    let field = |study: &Study| match study.validate() {
        Err(StudyError::Study { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let with =
        |kind: Kind, adaptive: Adaptive| Study { adaptive: Some(adaptive), ..Draft::template(kind).study().unwrap() };
    let fifth = Adaptive { holdout_percent: 20, n_pairs: None };
    assert_eq!(field(&with(Kind::Triplet, Adaptive { holdout_percent: 60, ..fifth })), "adaptive.holdout_percent");
    assert_eq!(field(&with(Kind::Triplet, Adaptive { n_pairs: Some(9), ..fifth })), "adaptive.n_pairs");
    assert_eq!(field(&with(Kind::PairRating, fifth)), "adaptive.n_pairs");
    assert_eq!(field(&with(Kind::PairRating, Adaptive { n_pairs: Some(66), ..fifth })), "adaptive.n_pairs");
    assert_eq!(field(&with(Kind::Label, fifth)), "adaptive");
    let study = study(Kind::PairRating, 30);
    assert_eq!((study.n_main(), study.adaptive.unwrap().n_pairs), (30, Some(30)));
    assert_eq!(Draft::of_study(&study).study().unwrap(), study, "it comes back from its own form");
    let json = serde_json::to_string(&Draft::template(Kind::Triplet).study().unwrap()).unwrap();
    assert!(!json.contains("adaptive"), "a study without it stays as it was, and so does its hash");
}
