//! Simulated participants go through the shipped study.

use likewise::study::StudyError;
use likewise::study::assign::{MIN_REPEAT_GAP, trials};
use likewise::study::judgment::{Input, Judgment, Labeller, Outcome, effective, similarity_matrix};
use likewise::study::pair_rating::{Answer, SimulatedParticipant, Trial, TrialKind, simulate};
use likewise::study::quality::{FlagName, of_session};
use likewise::study::session::{ConsentGiven, Session};
use likewise::study::study::{CatchTrial, Study};

fn study() -> Study {
    Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap()
}

/// Small linear congruential generator, so that these tests do not share code with what they test.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Planted truth: distance on the line of the study's order.
fn planted(study: &Study) -> impl Fn(&str, &str) -> f64 + '_ {
    let place = |id: &str| study.stimuli.iter().position(|stimulus| stimulus.id == id).unwrap() as f64;
    let last = (study.stimuli.len() - 1) as f64;
    move |a, b| 1.0 - (place(a) - place(b)).abs() / last
}

fn run_through(study: &Study, seed: u64, noise: f64, attentive: bool) -> (Session, Vec<Judgment>) {
    let similarity = planted(study);
    let participant = SimulatedParticipant { similarity: &similarity, noise, attentive };
    let mut session = Session::begin_simulated(study, seed, format!("s{seed}"), 1e12).unwrap();
    let mut draw = uniform(seed);
    let mut records = Vec::new();
    while let Some(trial) = session.current().cloned() {
        let answer = simulate(&mut draw, &participant, &trial, &study.scale);
        records.push(session.answer(answer, 1500.0, 1e12 + 2e3 * records.len() as f64, Input::Keyboard).unwrap());
    }
    (session, records)
}

#[test]
fn every_session_has_all_pairs_repeats_and_catch_trials_in_their_places() {
    let study = study();
    for seed in 0..200 {
        let list = trials(&study, seed);
        assert_eq!(list.len(), 66 + 6 + 2);
        assert_eq!(list.len(), study.n_trials());
        assert!(list.iter().enumerate().all(|(index, trial)| trial.index == index as u32));
        let key = |trial: &Trial| {
            let mut ids = [trial.left.id.clone(), trial.right.id.clone()];
            ids.sort();
            ids
        };
        let mut pairs: Vec<_> = list.iter().filter(|trial| trial.kind == TrialKind::Main).map(key).collect();
        pairs.sort();
        pairs.dedup();
        assert_eq!(pairs.len(), 66, "seed {seed}");
        assert!(pairs.iter().all(|[a, b]| a != b));
        for stimulus in &study.stimuli {
            let lefts = list.iter().filter(|trial| trial.kind == TrialKind::Main && trial.left == *stimulus).count();
            assert!(lefts == 5 || lefts == 6, "seed {seed}: {} is left {lefts} of 11 times", stimulus.id);
        }
        let mut originals = Vec::new();
        for trial in &list {
            if let TrialKind::RepeatOf { trial: of } = trial.kind {
                let original = &list[of as usize];
                assert_eq!(original.kind, TrialKind::Main);
                assert_eq!((&original.left, &original.right), (&trial.right, &trial.left));
                assert!((trial.index - of) as usize >= MIN_REPEAT_GAP, "seed {seed}");
                originals.push(of);
            }
        }
        originals.sort_unstable();
        originals.dedup();
        assert_eq!(originals.len(), 6);
        let catches: Vec<_> = list.iter().filter(|trial| matches!(trial.kind, TrialKind::Catch { .. })).collect();
        assert_eq!(catches.len(), 2);
        assert_eq!(catches.iter().filter(|trial| trial.instruction().is_some()).count(), 1);
        assert!(
            catches.iter().all(|trial| trial.index > 0 && (trial.instruction().is_some() || trial.left == trial.right))
        );
    }
    assert_eq!(trials(&study, 7), trials(&study, 7));
    assert_ne!(trials(&study, 7), trials(&study, 8));
}

#[test]
fn a_noiseless_participant_gives_back_the_planted_similarity() {
    let study = study();
    let (session, records) = run_through(&study, 3, 0.0, true);
    assert!(session.is_finished());
    assert_eq!(session.progress(), (74, 74));
    let (labels, values) = similarity_matrix(&study, &records);
    let similarity = planted(&study);
    for (i, a) in study.stimuli.iter().enumerate() {
        assert_eq!(labels[i], a.text);
        for (j, b) in study.stimuli.iter().enumerate() {
            let expected = (i != j).then(|| 1.0 + (similarity(&a.id, &b.id) * 6.0 + 0.5).floor());
            assert_eq!(values[i * 12 + j], expected, "{} {}", a.id, b.id);
        }
    }
    let quality = of_session(&records, 6);
    assert_eq!((quality.n_catch_passed, quality.n_catch, quality.n_main), (2, 2, 66));
    assert_eq!((quality.repeats.len(), quality.repeat_distance), (6, Some(0.0)));
    assert_eq!(quality.median_rt_millis, Some(1500.0));
    assert_eq!(quality.flags, []);
}

#[test]
fn noisy_participants_recover_the_planted_similarity_on_average() {
    let study = study();
    let records: Vec<_> = (0..20).flat_map(|seed| run_through(&study, seed, 0.3, true).1).collect();
    let (_, values) = similarity_matrix(&study, &records);
    let similarity = planted(&study);
    let mut squares = Vec::new();
    for (i, a) in study.stimuli.iter().enumerate() {
        for (j, b) in study.stimuli.iter().enumerate().skip(i + 1) {
            assert_eq!(values[i * 12 + j], values[j * 12 + i]);
            squares.push((values[i * 12 + j].unwrap() - 1.0 - 6.0 * similarity(&a.id, &b.id)).powi(2));
        }
    }
    // One rating's noise has a standard deviation of 0.3 × 6 / √3 = 1.04 steps; over 20 sessions 0.23, plus rounding
    // and the ends of the scale.
    let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!(rms < 0.5, "{rms}");
}

#[test]
fn a_session_resumes_after_every_trial() {
    let study = study();
    let (whole, records) = run_through(&study, 11, 0.2, true);
    let json = serde_json::to_string(whole.record()).unwrap();
    for done in 0..=records.len() {
        let stored: Vec<Judgment> = records[..done]
            .iter()
            .map(|record| serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap())
            .collect();
        let mut session = Session::resume(&study, serde_json::from_str(&json).unwrap(), &stored).unwrap();
        assert_eq!(session.progress(), (done, 74));
        assert_eq!(session.current(), whole.trials().get(done));
        if let Some(next) = records.get(done) {
            let answer = Answer { rating: next.rating().unwrap() };
            assert_eq!(session.answer(answer, next.rt_millis, next.at, next.input).as_ref(), Ok(next));
        } else {
            assert_eq!(session, whole);
        }
    }
}

#[test]
fn undo_is_a_record_and_survives_a_reload() {
    let study = study();
    let consent = ConsentGiven { version: 1, at: 5.0 };
    let mut session = Session::begin(&study, 1, "me".into(), consent, 6.0).unwrap();
    assert_eq!(session.undo(7.0, Input::Keyboard), None);
    let first = session.answer(Answer { rating: 2 }, 900.0, 1000.0, Input::Keyboard).unwrap();
    let wrong = session.answer(Answer { rating: 6 }, 900.0, 2000.0, Input::Pointer).unwrap();
    let tombstone = session.undo(3000.0, Input::Keyboard).unwrap();
    assert_eq!(tombstone.answer, Outcome::Undone { uuid: wrong.uuid.clone() });
    assert_eq!(session.progress().0, 1);
    let right = session.answer(Answer { rating: 3 }, 700.0, 4000.0, Input::Keyboard).unwrap();
    assert_eq!((right.trial_index, right.undo_count, wrong.undo_count), (1, 1, 0));
    assert_eq!((right.shown_at, right.labeller, right.simulated), (3300.0, Labeller::Participant, false));
    let records = [first.clone(), wrong, tombstone, right.clone()];
    let uuids: std::collections::BTreeSet<_> = records.iter().map(|record| &record.uuid).collect();
    assert_eq!(uuids.len(), 4);
    assert_eq!(effective(&records), [&first, &right]);
    let resumed = Session::resume(&study, session.record().clone(), &records).unwrap();
    assert_eq!(resumed, session);
    // The same records once more, as after a second import of one backup.
    let twice = [records.to_vec(), records.to_vec()].concat();
    assert_eq!(Session::resume(&study, session.record().clone(), &twice).unwrap(), session);
}

#[test]
fn records_that_do_not_fit_are_refused() {
    let study = study();
    let (session, records) = run_through(&study, 2, 0.0, true);
    let resume = |judgments: &[Judgment]| Session::resume(&study, session.record().clone(), judgments);
    let missing = resume(&[records[0].clone(), records[2].clone()]);
    assert!(matches!(missing, Err(StudyError::Record { .. })), "{missing:?}");
    let mut foreign = records[0].clone();
    foreign.session_id = "other".into();
    assert!(matches!(resume(&[foreign]), Err(StudyError::Record { .. })));
    let mut swapped = records[0].clone();
    swapped.stimuli.reverse();
    assert!(matches!(resume(&[swapped]), Err(StudyError::Record { .. })));
    let mut off = records[0].clone();
    off.answer = Outcome::Rated { rating: 9 };
    assert!(matches!(resume(&[off]), Err(StudyError::Record { .. })));
    let mut newer = study.clone();
    newer.version = 2;
    assert!(matches!(Session::resume(&newer, session.record().clone(), &records), Err(StudyError::Record { .. })));
}

#[test]
fn bad_answers_leave_the_session_where_it_is() {
    let study = study();
    let given = ConsentGiven { version: 9, at: 0.0 };
    let refused = Session::begin(&study, 1, "me".into(), given, 0.0);
    assert_eq!(refused, Err(StudyError::Consent { needed: 1, given: 9 }));
    let mut session = Session::begin(&study, 1, "me".into(), ConsentGiven { version: 1, at: 0.0 }, 0.0).unwrap();
    let answer = |session: &mut Session, rating, rt| session.answer(Answer { rating }, rt, 1.0, Input::Keyboard);
    assert_eq!(answer(&mut session, 0, 1.0), Err(StudyError::OffScale { rating: 0, min: 1, max: 7 }));
    assert_eq!(answer(&mut session, 8, 1.0), Err(StudyError::OffScale { rating: 8, min: 1, max: 7 }));
    assert_eq!(answer(&mut session, 4, f64::NAN), Err(StudyError::ResponseTime));
    assert_eq!(answer(&mut session, 4, -1.0), Err(StudyError::ResponseTime));
    assert_eq!(session.progress(), (0, 74));
    let (mut finished, _) = run_through(&study, 4, 0.0, true);
    assert_eq!(answer(&mut finished, 4, 1.0), Err(StudyError::Finished));
}

#[test]
fn careless_answering_is_flagged_and_kept() {
    let study = study();
    let mut session = Session::begin_simulated(&study, 5, "careless".into(), 0.0).unwrap();
    let mut records = Vec::new();
    while session.current().is_some() {
        records.push(session.answer(Answer { rating: 4 }, 120.0, 0.0, Input::Pointer).unwrap());
    }
    let quality = of_session(&records, 6);
    let names: Vec<_> = quality.flags.iter().map(|flag| flag.name).collect();
    assert_eq!(names, [FlagName::CatchFailed, FlagName::TooFast, FlagName::StraightLining]);
    assert_eq!((quality.longest_run, quality.n_too_fast, quality.n_catch_passed), (66, 66, 0));
    let (_, values) = similarity_matrix(&study, &records);
    assert_eq!(values.iter().flatten().count(), 132);
    assert!(records.iter().all(|record| record.simulated && record.labeller == Labeller::Simulation));
}

#[test]
fn damaged_studies_are_refused() {
    let check = |change: &dyn Fn(&mut Study)| {
        let mut study = study();
        change(&mut study);
        assert!(matches!(study.validate(), Err(StudyError::Study { .. })), "{study:?}");
    };
    check(&|study| study.schema = 2);
    check(&|study| study.stimuli.truncate(1));
    check(&|study| study.stimuli[1].id = "dog".into());
    check(&|study| study.stimuli[1].text = " ".into());
    check(&|study| study.scale.min = 7);
    check(&|study| study.n_repeats = 57);
    check(&|study| study.consent.text.clear());
    check(&|study| study.catch_trials = vec![CatchTrial::Identical { stimulus: "cat".into(), at_least: 6 }]);
    check(&|study| study.catch_trials = vec![CatchTrial::Instructed { text: "choose 8".into(), rating: 8 }]);
    assert!(Study::from_json("{").is_err());
    assert!(
        Study::from_json(&include_str!("../../public/studies/everyday_words.json").replacen("\"id\"", "\"idd\"", 1))
            .is_err()
    );
}

#[test]
fn repeats_fit_even_when_they_are_as_many_as_allowed() {
    let mut study = study();
    study.stimuli.truncate(6);
    study.n_repeats = 5;
    study.validate().unwrap();
    for seed in 0..100 {
        let list = trials(&study, seed);
        assert_eq!(list.len(), 15 + 5 + 2);
        for trial in &list {
            if let TrialKind::RepeatOf { trial: of } = trial.kind {
                assert!((trial.index - of) as usize >= MIN_REPEAT_GAP);
            }
        }
    }
}
