//! Simulated participants go through the shipped studies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use likewise::report::export::table_to_csv;
use likewise::report::similarity::SimilarityError;
use likewise::report::study_export::{
    battle_table, codebook, salmon_table, session_table, things_tsv, triplet_table, vice_text,
};
use likewise::report::study_summary::{label_counts, study_figure, votes_needed, wins};
use likewise::study::StudyError;
use likewise::study::assign::{MIN_REPEAT_GAP, trials};
use likewise::study::chain;
use likewise::study::design::{Design, SimulatedParticipant};
use likewise::study::judgment::{Input, Judgment, Labeller, Outcome, effective, main_judgments, similarity_matrix};
use likewise::study::preference::contestant;
use likewise::study::quality::{FlagName, of_session};
use likewise::study::session::{Act, ConsentGiven, Session};
use likewise::study::study::{CatchTrial, Gold, Study};
use likewise::study::trial::{Answer, Expected, Preferred, Trial, TrialKind};

fn studies_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("public/studies")
}

fn shipped(id: &str) -> Study {
    Study::from_json(&fs::read_to_string(studies_folder().join(format!("{id}.json"))).unwrap()).unwrap()
}

fn shipped_ids() -> Vec<String> {
    serde_json::from_str(&fs::read_to_string(studies_folder().join("index.json")).unwrap()).unwrap()
}

fn all_shipped() -> Vec<Study> {
    shipped_ids().iter().map(|id| shipped(id)).collect()
}

/// Ratings of pairs of words.
fn study() -> Study {
    shipped("everyday_words")
}

/// Small linear congruential generator, so that these tests do not share code with what they test.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn place_of(study: &Study, id: &str) -> f64 {
    // Practice stimuli are not among those of the study; their place does not matter.
    study.stimuli.iter().position(|stimulus| stimulus.id == id).unwrap_or(0) as f64
}

/// Planted truth: distance on the line of the study's order.
fn planted(study: &Study) -> impl Fn(&str, &str) -> f64 + '_ {
    let last = (study.stimuli.len() - 1) as f64;
    move |a, b| 1.0 - (place_of(study, a) - place_of(study, b)).abs() / last
}

fn act(n: usize) -> Act {
    Act { rt_millis: 1500.0, at: 1e12 + 2e3 * n as f64, input: Input::Keyboard, focus_losses: 0 }
}

fn answer_of(
    session: &Session,
    trial: &Trial,
    participant: &SimulatedParticipant<'_>,
    draw: &mut dyn FnMut() -> f64,
) -> Answer {
    match session.question_of(&trial.kind) {
        Some(question) => Answer::Option { option: question.right },
        None => session.study().design.simulate(draw, participant, trial),
    }
}

/// Goes on with a session to its end; returns the records it adds.
fn finish(session: &mut Session, seed: u64, noise: f64, attentive: bool) -> Vec<Judgment> {
    let study = session.study().clone();
    let similarity = planted(&study);
    let strength = |id: &str| place_of(&study, id);
    let participant = SimulatedParticipant { similarity: &similarity, strength: &strength, noise, attentive };
    let mut draw = uniform(seed);
    let mut records = Vec::new();
    while let Some(trial) = session.current().cloned() {
        let answer = answer_of(session, &trial, &participant, &mut draw);
        records.push(session.answer(answer, act(session.records().len())).unwrap());
    }
    records
}

fn run_through(study: &Study, seed: u64, noise: f64, attentive: bool) -> (Session, Vec<Judgment>) {
    let mut session = Session::begin_simulated(study, seed, format!("s{seed}"), 1e12).unwrap();
    let records = finish(&mut session, seed, noise, attentive);
    (session, records)
}

fn sorted_ids(trial: &Trial) -> Vec<String> {
    let mut ids = trial.ids();
    ids.sort();
    ids
}

#[test]
fn the_index_lists_every_shipped_study() {
    let mut files: Vec<String> = fs::read_dir(studies_folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name != "index" && name != "study.schema")
        .collect();
    files.sort();
    let mut listed = shipped_ids();
    listed.sort();
    assert_eq!(files, listed);
    for study in all_shipped() {
        assert!(listed.contains(&study.id), "the file of {} has another name", study.id);
        for image in study.stimuli.iter().chain(study.practice.iter().flatten()).filter_map(|it| it.image.as_ref()) {
            assert!(studies_folder().join("..").join(image).is_file(), "{}: {image} is missing", study.id);
        }
    }
}

#[test]
fn every_shipped_study_is_finished() {
    let mut kinds = BTreeSet::new();
    for study in all_shipped() {
        let id = &study.id;
        study.validate().unwrap();
        assert!(study.debrief.is_some(), "{id} has no debrief");
        assert!(!study.practice.is_empty(), "{id} has no practice");
        // The first study opens without a choice and explains itself in two lines.
        assert!(id == "everyday_words" || !study.comprehension.is_empty(), "{id} checks nothing");
        assert!(!study.catch_trials.is_empty(), "{id} does not check who reads");
        let (session, records) = run_through(&study, 3, 0.1, true);
        assert!(session.is_finished() && session.completion_code().is_some(), "{id}");
        let quality = likewise::study::quality::of_session(&study, &records);
        assert_eq!(quality.n_catch_passed, quality.n_catch, "{id}");
        study_figure(&study, &records, "Nobody").unwrap_or_else(|error| panic!("{id}: {error}"));
        let minutes = likewise::report::study_plan::expected_minutes(&study);
        assert!((1.0..=10.0).contains(&minutes), "{id} takes {minutes} minutes");
        kinds.insert(serde_json::to_value(&study.design).unwrap()["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.len(), likewise::study::draft::Kind::ALL.len(), "one of every design: {kinds:?}");
}

#[test]
fn every_design_lays_out_repeats_and_catch_trials_in_their_places() {
    for study in all_shipped() {
        for seed in 0..100 {
            let list = trials(&study, seed);
            assert_eq!(list.len(), study.n_trials(), "{} seed {seed}", study.id);
            assert!(list.iter().enumerate().all(|(index, trial)| trial.index == index as u32));
            let mains: Vec<&Trial> = list.iter().filter(|trial| trial.kind == TrialKind::Main).collect();
            assert_eq!(mains.len(), study.n_main());
            // The same three with another anchor are another question, and two fields may hold the same things.
            let anchors = usize::from(matches!(study.design, Design::AnchoredTriplet { .. }));
            let is_field = matches!(study.design, Design::Arrangement { .. });
            let distinct: BTreeSet<_> =
                mains.iter().map(|trial| (trial.ids()[..anchors].to_vec(), sorted_ids(trial))).collect();
            assert!(is_field || distinct.len() == mains.len(), "{} seed {seed}: the same stimuli twice", study.id);
            let mut originals = BTreeSet::new();
            for trial in &list {
                if let TrialKind::RepeatOf { trial: of } = trial.kind {
                    let original = &list[of as usize];
                    assert_eq!(original.kind, TrialKind::Main);
                    assert_eq!(sorted_ids(original), sorted_ids(trial));
                    if trial.stimuli.len() > 1 {
                        assert!(
                            original.ids()[anchors..]
                                .iter()
                                .zip(&trial.ids()[anchors..])
                                .all(|(before, now)| before != now)
                        );
                    }
                    assert!((trial.index - of) as usize >= MIN_REPEAT_GAP, "seed {seed}");
                    assert!(originals.insert(of));
                }
            }
            assert_eq!(originals.len(), study.n_repeats as usize);
            let catches: Vec<_> = list.iter().filter(|it| matches!(it.kind, TrialKind::Catch { .. })).collect();
            assert_eq!(catches.len(), study.catch_trials.len());
            let first = study.n_before() as u32;
            assert!(catches.iter().all(|trial| trial.index > first));
            assert!(
                list[..first as usize]
                    .iter()
                    .all(|trial| matches!(trial.kind, TrialKind::Comprehension { .. } | TrialKind::Practice))
            );
        }
        assert_eq!(trials(&study, 7), trials(&study, 7));
        assert_ne!(trials(&study, 7), trials(&study, 8));
    }
}

#[test]
fn pairs_are_complete_and_their_sides_even() {
    let study = study();
    for seed in 0..100 {
        let list = trials(&study, seed);
        for stimulus in &study.stimuli {
            let lefts = list.iter().filter(|it| it.kind == TrialKind::Main && it.stimuli[0] == *stimulus).count();
            assert!(lefts == 5 || lefts == 6, "seed {seed}: {} is left {lefts} of 11 times", stimulus.id);
        }
    }
}

#[test]
fn triplets_use_every_stimulus_equally_in_every_place() {
    let study = shipped("odd_one_out");
    for seed in 0..100 {
        let mut usage: BTreeMap<String, [u32; 3]> = BTreeMap::new();
        for trial in trials(&study, seed).iter().filter(|trial| trial.kind == TrialKind::Main) {
            for (place, id) in trial.ids().into_iter().enumerate() {
                usage.entry(id).or_default()[place] += 1;
            }
        }
        let totals: Vec<u32> = usage.values().map(|places| places.iter().sum()).collect();
        // 40 triplets have 120 places for 15 words; the last ones may have to avoid a triplet that was used.
        assert!(totals.iter().all(|n| (7..=9).contains(n)), "seed {seed}: {totals:?}");
        for (id, places) in &usage {
            assert!(places.iter().all(|n| (1..=5).contains(n)), "seed {seed}: {id} {places:?}");
        }
    }
    let mut all = study;
    all.design = Design::Triplet { n_trials: 455 };
    all.validate().unwrap();
    assert_eq!(trials(&all, 1).iter().filter(|trial| trial.kind == TrialKind::Main).count(), 455);
    all.design = Design::Triplet { n_trials: 456 };
    assert!(all.validate().is_err());
}

#[test]
fn a_noiseless_participant_gives_back_the_planted_similarity() {
    let study = study();
    let (session, records) = run_through(&study, 3, 0.0, true);
    assert!(session.is_finished());
    assert_eq!(session.progress(), (76, 76));
    let (labels, values) = similarity_matrix(&study, &records);
    let similarity = planted(&study);
    for (i, a) in study.stimuli.iter().enumerate() {
        assert_eq!(labels[i], a.text);
        for (j, b) in study.stimuli.iter().enumerate() {
            let expected = (i != j).then(|| 1.0 + (similarity(&a.id, &b.id) * 6.0 + 0.5).floor());
            assert_eq!(values[i * 12 + j], expected, "{} {}", a.id, b.id);
        }
    }
    let quality = of_session(&study, &records);
    assert_eq!((quality.n_catch_passed, quality.n_catch, quality.n_main), (2, 2, 66));
    assert_eq!((quality.n_repeats, quality.n_repeats_same, quality.repeat_distance), (6, 6, Some(0.0)));
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
fn odd_one_out_choices_recover_the_planted_similarity() {
    let study = shipped("odd_one_out");
    let records: Vec<_> = (0..40).flat_map(|seed| run_through(&study, seed, 0.05, true).1).collect();
    let (_, values) = similarity_matrix(&study, &records);
    let similarity = planted(&study);
    let n = study.stimuli.len();
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for i in 0..n {
        for j in i + 1..n {
            let value = values[i * n + j].unwrap();
            assert!((0.0..=1.0).contains(&value));
            let truth = similarity(&study.stimuli[i].id, &study.stimuli[j].id);
            if truth > 0.9 {
                near.push(value);
            } else if truth < 0.3 {
                far.push(value);
            }
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&near) > 0.8 && mean(&far) < 0.1, "{} {}", mean(&near), mean(&far));
}

#[test]
fn every_design_resumes_after_every_trial() {
    for study in all_shipped() {
        let (whole, records) = run_through(&study, 11, 0.2, true);
        let json = serde_json::to_string(whole.record()).unwrap();
        for done in 0..=records.len() {
            let stored: Vec<Judgment> = records[..done]
                .iter()
                .map(|record| serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap())
                .collect();
            let mut session = Session::resume(&study, serde_json::from_str(&json).unwrap(), &stored).unwrap();
            assert_eq!(session.progress(), (done, study.n_trials()));
            assert_eq!(session.current(), whole.trials().get(done));
            if let Some(next) = records.get(done) {
                let act =
                    Act { rt_millis: next.rt_millis, at: next.at, input: next.input, focus_losses: next.focus_losses };
                assert_eq!(session.answer(next.answer().unwrap().clone(), act).as_ref(), Ok(next));
            } else {
                assert_eq!(session, whole);
            }
        }
        assert!(records.iter().all(|record| record.simulated && record.labeller == Labeller::Simulation));
    }
}

#[test]
fn every_design_takes_any_answer_back_and_survives_a_reload_after_it() {
    for study in all_shipped() {
        for stop in 0..study.n_trials() {
            let (mut session, mut records) = {
                let (whole, records) = run_through(&study, 4, 0.3, true);
                let records = records[..=stop].to_vec();
                (Session::resume(&study, whole.record().clone(), &records).unwrap(), records)
            };
            let before = session.progress().0;
            let in_comprehension = stop < study.comprehension.len();
            match session.undo(2e12, Input::Keyboard) {
                None => assert!(in_comprehension, "{} at {stop}", study.id),
                Some(tombstone) => {
                    assert!(!in_comprehension);
                    assert_eq!(session.progress().0, before - 1);
                    records.push(tombstone);
                }
            }
            let resumed = Session::resume(&study, session.record().clone(), &records).unwrap();
            assert_eq!(resumed, session);
            records.extend(finish(&mut session, 9, 0.0, true));
            assert!(session.is_finished());
            assert_eq!(effective(&records).len(), study.n_trials());
            assert_eq!(chain::verify(session.record(), &records), Ok(()));
            assert_eq!(Session::resume(&study, session.record().clone(), &records).unwrap(), session);
        }
    }
}

#[test]
fn undo_is_a_record() {
    let study = study();
    let consent = ConsentGiven { version: 1, at: 5.0 };
    let mut session = Session::begin(&study, 1, "me".into(), consent, 6.0).unwrap();
    assert_eq!(session.undo(7.0, Input::Keyboard), None);
    let act = |rt_millis, at, input| Act { rt_millis, at, input, focus_losses: 1 };
    let first = session.answer(Answer::Rating { rating: 2 }, act(900.0, 1000.0, Input::Keyboard)).unwrap();
    let wrong = session.answer(Answer::Rating { rating: 6 }, act(900.0, 2000.0, Input::Touch)).unwrap();
    let tombstone = session.undo(3000.0, Input::Keyboard).unwrap();
    assert_eq!(tombstone.answer, Outcome::Undone { uuid: wrong.uuid.clone() });
    assert_eq!(session.progress().0, 1);
    let right = session.answer(Answer::Rating { rating: 3 }, act(700.0, 4000.0, Input::Keyboard)).unwrap();
    assert_eq!((right.trial_index, right.undo_count, wrong.undo_count), (1, 1, 0));
    assert_eq!((right.shown_at, right.labeller, right.simulated), (3300.0, Labeller::Participant, false));
    assert_eq!((right.focus_losses, wrong.input), (1, Input::Touch));
    let records = [first.clone(), wrong, tombstone, right.clone()];
    let uuids: BTreeSet<_> = records.iter().map(|record| &record.uuid).collect();
    assert_eq!(uuids.len(), 4);
    assert_eq!(effective(&records), [&first, &right]);
    // The same records once more, as after a second import of one backup.
    let twice = [records.to_vec(), records.to_vec()].concat();
    assert_eq!(Session::resume(&study, session.record().clone(), &twice).unwrap(), session);
}

#[test]
fn the_chain_shows_every_change_and_every_gap() {
    let study = shipped("odd_one_out");
    let (session, records) = run_through(&study, 6, 0.2, true);
    assert_eq!(chain::verify(session.record(), &records), Ok(()));
    for at in 0..records.len() {
        let mut changed = records.clone();
        changed[at].rt_millis += 1.0;
        // A changed last record is followed by nothing; the completion code tells.
        if at + 1 < records.len() {
            assert_eq!(chain::verify(session.record(), &changed), Err(chain::Broken { seq: at as u32 + 1 }));
            let mut gap = records.clone();
            gap.remove(at);
            assert_eq!(chain::verify(session.record(), &gap), Err(chain::Broken { seq: at as u32 }));
            assert!(Session::resume(&study, session.record().clone(), &gap).is_err());
        }
        assert_ne!(
            Session::resume(&study, session.record().clone(), &changed).ok().and_then(|it| it.completion_code()),
            session.completion_code()
        );
    }
    let mut other = session.record().clone();
    other.seed += 1;
    assert_eq!(chain::verify(&other, &records), Err(chain::Broken { seq: 0 }));
}

#[test]
fn a_completion_code_follows_from_the_data_and_only_at_the_end() {
    let study = shipped("odd_one_out");
    let (session, records) = run_through(&study, 6, 0.2, true);
    let code = session.completion_code().unwrap();
    assert_eq!(code.len(), 10);
    assert!(code.chars().all(|c| c.is_ascii_uppercase() || ('2'..='9').contains(&c)));
    let resumed = Session::resume(&study, session.record().clone(), &records).unwrap();
    assert_eq!(resumed.completion_code(), Some(code.clone()));
    let unfinished = Session::resume(&study, session.record().clone(), &records[..records.len() - 1]).unwrap();
    assert_eq!(unfinished.completion_code(), None);
    assert_ne!(run_through(&study, 7, 0.2, true).0.completion_code(), Some(code));
}

#[test]
fn a_misunderstood_question_stays_until_it_is_answered_rightly() {
    let study = shipped("odd_one_out");
    let mut session = Session::begin_simulated(&study, 1, "s".into(), 0.0).unwrap();
    let right = study.comprehension[0].right;
    let mut records = Vec::new();
    for n in 0..3 {
        records.push(session.answer(Answer::Option { option: (right + 1) % 3 }, act(n)).unwrap());
        assert!(session.was_misunderstood());
        assert_eq!((session.progress().0, session.n_misunderstood()), (0, n as u32 + 1));
        assert_eq!(session.undo(1.0, Input::Keyboard), None);
    }
    assert!(session.answer(Answer::Option { option: 3 }, act(3)).is_err());
    assert!(session.answer(Answer::OddOne { stimulus: "dog".into() }, act(3)).is_err());
    records.push(session.answer(Answer::Option { option: right }, act(3)).unwrap());
    assert!(!session.was_misunderstood());
    assert_eq!(session.progress().0, 1);
    assert_eq!(session.current().unwrap().kind, TrialKind::Practice);
    assert_eq!(Session::resume(&study, session.record().clone(), &records).unwrap(), session);
    records.extend(finish(&mut session, 1, 0.0, true));
    let quality = of_session(&study, &records);
    assert_eq!((quality.n_misunderstood, quality.n_main), (3, 40));
    assert_eq!(quality.flags.iter().map(|flag| flag.name).collect::<Vec<_>>(), [FlagName::Misunderstood]);
    // Practice and questions never count.
    assert_eq!(main_judgments(&study, &records).len(), 40);
}

#[test]
fn breaks_come_after_full_blocks_of_main_trials() {
    let study = shipped("odd_one_out");
    let mut session = Session::begin_simulated(&study, 1, "s".into(), 0.0).unwrap();
    let mut breaks = Vec::new();
    let (_, records) = run_through(&study, 1, 0.0, true);
    for record in records {
        session.answer(record.answer().unwrap().clone(), act(0)).unwrap();
        if session.is_after_block() {
            breaks.push(session.progress().0 - study.n_before());
        }
    }
    assert_eq!(breaks, [20, 40]);
}

#[test]
fn records_that_do_not_fit_are_refused() {
    let study = study();
    let (session, records) = run_through(&study, 2, 0.0, true);
    let resume = |judgments: &[Judgment]| Session::resume(&study, session.record().clone(), judgments);
    let refused = |change: &dyn Fn(&mut Judgment)| {
        let mut record = records[0].clone();
        change(&mut record);
        let outcome = resume(&[record]);
        assert!(matches!(outcome, Err(StudyError::Record { .. })), "{outcome:?}");
    };
    assert!(resume(&[records[0].clone(), records[2].clone()]).is_err());
    refused(&|record| record.session_id = "other".into());
    refused(&|record| record.stimuli.reverse());
    refused(&|record| record.answer = Outcome::Answered { answer: Answer::Rating { rating: 9 } });
    refused(&|record| record.answer = Outcome::Answered { answer: Answer::OddOne { stimulus: "dog".into() } });
    refused(&|record| record.simulated = false);
    refused(&|record| record.labeller = Labeller::Participant);
    refused(&|record| record.previous = "0".repeat(64));
    let mut newer = study.clone();
    newer.version += 1;
    assert!(matches!(Session::resume(&newer, session.record().clone(), &records), Err(StudyError::Record { .. })));
}

#[test]
fn bad_answers_leave_the_session_where_it_is() {
    let study = study();
    let given = ConsentGiven { version: 9, at: 0.0 };
    let refused = Session::begin(&study, 1, "me".into(), given, 0.0);
    assert_eq!(refused, Err(StudyError::Consent { needed: 1, given: 9 }));
    let mut session = Session::begin(&study, 1, "me".into(), ConsentGiven { version: 1, at: 0.0 }, 0.0).unwrap();
    let act = |rt_millis| Act { rt_millis, at: 1.0, input: Input::Keyboard, focus_losses: 0 };
    let rating = |rating| Answer::Rating { rating };
    for bad in [rating(0), rating(8), Answer::OddOne { stimulus: "dog".into() }, Answer::Option { option: 0 }] {
        assert!(matches!(session.answer(bad, act(1.0)), Err(StudyError::Answer { .. })));
    }
    assert_eq!(session.answer(rating(4), act(f64::NAN)), Err(StudyError::ResponseTime));
    assert_eq!(session.answer(rating(4), act(-1.0)), Err(StudyError::ResponseTime));
    assert_eq!(session.progress(), (0, 76));
    let (mut finished, _) = run_through(&study, 4, 0.0, true);
    assert_eq!(finished.answer(rating(4), act(1.0)), Err(StudyError::Finished));
}

#[test]
fn careless_answering_is_flagged_and_kept() {
    let study = study();
    let mut session = Session::begin_simulated(&study, 5, "careless".into(), 0.0).unwrap();
    let mut records = Vec::new();
    while session.current().is_some() {
        let act = Act { rt_millis: 120.0, at: 0.0, input: Input::Mouse, focus_losses: 2 };
        records.push(session.answer(Answer::Rating { rating: 4 }, act).unwrap());
    }
    let quality = of_session(&study, &records);
    let names: Vec<_> = quality.flags.iter().map(|flag| flag.name).collect();
    assert_eq!(names, [FlagName::CatchFailed, FlagName::TooFast, FlagName::StraightLining, FlagName::FocusLost]);
    assert_eq!((quality.longest_run, quality.n_too_fast, quality.n_catch_passed), (66, 66, 0));
    let (_, values) = similarity_matrix(&study, &records);
    assert_eq!(values.iter().flatten().count(), 132);
}

#[test]
fn random_choices_are_flagged_as_unreliable_and_steady_ones_are_not() {
    let study = shipped("odd_one_out");
    let flagged = |noise: f64| {
        (0..60)
            .filter(|seed| {
                let (_, records) = run_through(&study, *seed, noise, true);
                of_session(&study, &records).flags.iter().any(|flag| flag.name == FlagName::Unreliable)
            })
            .count()
    };
    assert_eq!(flagged(0.0), 0);
    // By chance two thirds of four repeats change; three or four of them do with probability 16/27 = 0.59.
    let random = flagged(1e9);
    assert!((22..=50).contains(&random), "{random} of 60");
}

#[test]
fn a_bad_study_is_refused_by_the_name_of_its_field() {
    let check = |id: &str, field: &str, change: &dyn Fn(&mut Study)| {
        let mut study = shipped(id);
        change(&mut study);
        match study.validate() {
            Err(StudyError::Study { field: named, detail }) => {
                assert_eq!(named, field, "{detail}");
                assert!(!detail.is_empty());
            }
            other => panic!("{field}: {other:?}"),
        }
    };
    let words = "everyday_words";
    check(words, "schema", &|study| study.schema = 2);
    check(words, "id", &|study| study.id = "a/b".into());
    check(words, "title", &|study| study.title = " ".into());
    check(words, "stimuli", &|study| study.stimuli.truncate(1));
    check(words, "stimuli[1].id", &|study| study.stimuli[1].id = "dog".into());
    check(words, "stimuli[1].text", &|study| study.stimuli[1].text = "dog".into());
    check(words, "stimuli[1]", &|study| study.stimuli[1].text = " ".into());
    for image in [
        "https://example.org/a.png",
        "//a.png",
        "/a.png",
        "../a.png",
        "data:image/svg+xml;base64,AAAA",
        "data:image/png",
    ] {
        check(words, "stimuli[2].image", &|study| study.stimuli[2].image = Some(image.into()));
    }
    check(words, "design.scale", &|study| {
        if let Design::PairRating { scale } = &mut study.design {
            scale.min = 7;
        }
    });
    check(words, "n_repeats", &|study| study.n_repeats = 57);
    check(words, "consent.text", &|study| study.consent.text.clear());
    let catch = |stimuli: &[&str], lowest| CatchTrial {
        instruction: None,
        stimuli: stimuli.iter().map(|id| (*id).to_owned()).collect(),
        expected: Expected::Rating { lowest, highest: lowest },
    };
    check(words, "catch_trials[0]", &|study| study.catch_trials = vec![catch(&["cat", "dog"], 6)]);
    check(words, "catch_trials[0]", &|study| study.catch_trials = vec![catch(&["dog"], 6)]);
    check(words, "catch_trials[0]", &|study| study.catch_trials = vec![catch(&[], 6)]);
    check(words, "catch_trials[0].expected", &|study| study.catch_trials = vec![catch(&["dog", "dog"], 8)]);
    let odd = "odd_one_out";
    check(odd, "design.n_trials", &|study| study.design = Design::Triplet { n_trials: 0 });
    check(odd, "comprehension[0]", &|study| study.comprehension[0].right = 3);
    check(odd, "practice[1]", &|study| study.practice[1].truncate(2));
    check(odd, "practice[0]", &|study| study.practice[0][0].id = "dog".into());
    check("kitchen", "catch_trials[0].expected", &|study| {
        study.catch_trials[0].expected = Expected::Closest { ids: ["honey".into(), "chicken".into()] };
    });
    check("kitchen", "catch_trials[0].expected", &|study| {
        study.catch_trials[0].expected = Expected::Closest { ids: ["honey".into(), "honey".into()] };
    });
    check("kitchen", "catch_trials[0]", &|study| study.catch_trials[0].stimuli.clear());
    check(odd, "catch_trials[1].expected", &|study| {
        study.catch_trials[1].expected = Expected::Stimulus { id: "dog".into() };
    });
    let json = fs::read_to_string(studies_folder().join("everyday_words.json")).unwrap();
    let said = |json: &str| Study::from_json(json).unwrap_err().to_string();
    assert!(said("{").contains("file"));
    assert!(said(&json.replacen("\"title\"", "\"tittle\"", 1)).contains("`tittle`"));
    assert!(said(&json.replacen("\"n_repeats\": 6,", "", 1)).contains("`n_repeats`"));
    assert!(said(&" ".repeat(5 << 20)).contains("bytes"));
}

#[test]
fn repeats_fit_even_when_they_are_as_many_as_allowed() {
    let mut study = study();
    study.stimuli.truncate(6);
    study.n_repeats = 5;
    study.validate().unwrap();
    for seed in 0..100 {
        let list = trials(&study, seed);
        assert_eq!(list.len(), 2 + 15 + 5 + 2);
        for trial in &list {
            if let TrialKind::RepeatOf { trial: of } = trial.kind {
                assert!((trial.index - of) as usize >= MIN_REPEAT_GAP);
            }
        }
    }
}

#[test]
fn preference_sides_are_even_and_a_prompt_is_compared_once() {
    let study = shipped("blind_answers");
    let mut first_left = 0;
    for seed in 0..100 {
        let list = trials(&study, seed);
        let mains: Vec<&Trial> = list.iter().filter(|trial| trial.kind == TrialKind::Main).collect();
        assert_eq!(mains.len(), 12);
        assert!(mains.iter().all(|it| it.stimuli[0].group == it.stimuli[1].group));
        let greedy = |trial: &&&Trial| contestant(&trial.stimuli[0]).ends_with("greedy");
        assert_eq!(mains.iter().filter(greedy).count(), 6, "seed {seed}");
        first_left += usize::from(greedy(&&mains[0]));
    }
    // Binomial(100, 1/2): four standard deviations on either side.
    assert!((30..=70).contains(&first_left), "{first_left}");
}

#[test]
fn preferences_recover_the_planted_winner() {
    let study = shipped("blind_answers");
    // The planted strength is the place in the file, where the second source always follows the first.
    let records: Vec<_> = (0..30).flat_map(|seed| run_through(&study, seed, 0.5, true).1).collect();
    let counted = wins(&study, &records);
    let of = |end: &str| *counted.of.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
    let ((won, lost), (other_won, other_lost)) = (of("0.7"), of("greedy"));
    assert_eq!((won, lost), (other_lost, other_won));
    assert_eq!(won + lost + counted.n_ties + counted.n_both_bad, 30 * 12);
    // Bradley and Terry: a gap of 1 at noise 0.5 wins with 1 / (1 + exp(-2)) = 0.881.
    let share = won as f64 / (won + lost) as f64;
    assert!((share - 0.881).abs() < 0.06, "{share}");
    let figure = study_figure(&study, &records, "People").unwrap();
    assert!(figure.notes[0].starts_with("Simulated"), "{:?}", figure.notes);
    assert!(figure.caption.starts_with("Simulated raters preferred"), "{}", figure.caption);
    let mut mixed = records;
    mixed[0].simulated = false;
    assert_eq!(study_figure(&study, &mixed, "People"), Err(SimilarityError::Mixed));
}

#[test]
fn a_tie_and_both_bad_are_not_votes() {
    let study = shipped("blind_answers");
    let mut session = Session::begin_simulated(&study, 2, "s".into(), 0.0).unwrap();
    let mut records = Vec::new();
    while let Some(trial) = session.current().cloned() {
        let answer = match session.question_of(&trial.kind) {
            Some(question) => Answer::Option { option: question.right },
            None => Answer::Preference { preferred: Preferred::ALL[trial.index as usize % 4] },
        };
        records.push(session.answer(answer, act(records.len())).unwrap());
    }
    let counted = wins(&study, &records);
    let decided: u64 = counted.of.values().map(|(won, _)| won).sum();
    let main = main_judgments(&study, &records);
    let of = |wanted| main.iter().filter(|it| it.answer() == Some(&Answer::Preference { preferred: wanted })).count();
    assert_eq!(decided as usize, of(Preferred::Left) + of(Preferred::Right));
    assert_eq!((counted.n_ties as usize, counted.n_both_bad as usize), (of(Preferred::Tie), of(Preferred::BothBad)));
}

#[test]
fn the_votes_that_are_needed_are_those_of_the_textbook() {
    // Two-sided 5 %, power 80 %, one proportion against one half.
    assert_eq!((votes_needed(0.6), votes_needed(0.55), votes_needed(0.4)), (Some(194), Some(783), Some(194)));
    assert_eq!((votes_needed(0.5), votes_needed(f64::NAN), votes_needed(2.0)), (None, None, None));
}

#[test]
fn labels_are_counted_against_gold_and_not_knowing_can_be_right() {
    let study = Study { comprehension: Vec::new(), ..shipped("shapes") };
    let (session, records) = run_through(&study, 1, 0.0, true);
    assert_eq!(label_counts(&study, &records), [12, 0, 4, 0]);
    assert!(session.is_finished());
    let always = |label: Option<&str>| {
        let mut session = Session::begin_simulated(&study, 2, "s".into(), 0.0).unwrap();
        let mut records = Vec::new();
        while session.current().is_some() {
            let answer = Answer::Label { label: label.map(str::to_owned), confidence: Some(3) };
            records.push(session.answer(answer, act(records.len())).unwrap());
        }
        (label_counts(&study, &records), of_session(&study, &records).n_catch_passed)
    };
    assert_eq!(always(None), ([0, 0, 4, 12], 0));
    assert_eq!(always(Some("square")), ([3, 13, 0, 0], 1));
    let mut session = Session::begin_simulated(&study, 2, "s".into(), 0.0).unwrap();
    for (label, confidence) in [(Some("cat"), Some(3)), (Some("circle"), None), (None, None), (None, Some(6))] {
        let answer = Answer::Label { label: label.map(str::to_owned), confidence };
        assert!(matches!(session.answer(answer, act(0)), Err(StudyError::Answer { .. })), "{label:?} {confidence:?}");
    }
    let gold = study.stimuli.iter().filter(|it| it.gold == Some(Gold::Abstain)).count();
    assert_eq!(gold, 4);
}

#[test]
fn the_codebook_names_every_column_and_no_cell_is_a_formula() {
    let mut study = shipped("odd_one_out");
    study.stimuli[0].text = "=HYPERLINK(\"http://x\",\"y\")".into();
    let (_, mut records) = run_through(&study, 3, 0.1, true);
    records[4].session_id = "+1".into();
    let table = session_table(&study, &records);
    let named: Vec<String> = codebook()
        .rows
        .iter()
        .map(|row| match &row[0] {
            likewise::report::figure::Cell::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(table.columns, named);
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
    assert_eq!(table.rows.len(), records.len());
    let csv = table_to_csv(&table).unwrap();
    assert!(csv.contains("'=HYPERLINK"), "formulas are kept as text");
    assert!(csv.contains("'+1"));
    for line in csv.lines() {
        assert!(!line.split(',').any(|cell| cell.trim_matches('"').starts_with(['=', '@'])), "{line}");
    }
}

/// Three choices with known answers: practice and repeats must not show up in any export.
fn three_triplets() -> (Study, Vec<Judgment>) {
    let mut study = shipped("odd_one_out");
    study.design = Design::Triplet { n_trials: 3 };
    (study.n_repeats, study.comprehension, study.catch_trials) = (0, Vec::new(), Vec::new());
    let mut session = Session::begin_simulated(&study, 8, "s".into(), 0.0).unwrap();
    let mut records = Vec::new();
    while let Some(trial) = session.current().cloned() {
        let odd = trial.ids()[trial.index as usize % 3].clone();
        records.push(session.answer(Answer::OddOne { stimulus: odd }, act(records.len())).unwrap());
    }
    (study, records)
}

#[test]
fn triplets_mean_the_same_in_every_format() {
    let (study, records) = three_triplets();
    let main = main_judgments(&study, &records);
    assert_eq!(main.len(), 3);
    let place = |id: &str| study.stimuli.iter().position(|it| it.id == id).unwrap();
    let odd_of = |judgment: &Judgment| match judgment.answer() {
        Some(Answer::OddOne { stimulus }) => stimulus.clone(),
        other => panic!("{other:?}"),
    };
    let things = things_tsv(&study, &records);
    let things: Vec<Vec<&str>> = things.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let vice = vice_text(&study, &records);
    let vice: Vec<Vec<usize>> =
        vice.lines().map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect();
    let named = table_to_csv(&triplet_table(&study, &records)).unwrap();
    let named: Vec<Vec<&str>> = named.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let salmon = table_to_csv(&salmon_table(&study, &records)).unwrap();
    let salmon: Vec<Vec<&str>> = salmon.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!((things.len(), vice.len(), named.len(), salmon.len()), (3, 3, 3, 6));
    for (index, judgment) in main.iter().enumerate() {
        let odd = odd_of(judgment);
        let chosen = judgment.stimuli.iter().position(|id| *id == odd).unwrap();
        // THINGS: images from 1, choice is the place of the odd one from 1.
        for (column, id) in judgment.stimuli.iter().enumerate() {
            assert_eq!(things[index][column].parse::<usize>().unwrap(), place(id) + 1);
        }
        assert_eq!(things[index][3].parse::<usize>().unwrap(), chosen + 1);
        // VICE: from 0, the odd one last.
        assert_eq!(vice[index][2], place(&odd));
        let mut kept: Vec<usize> = judgment.stimuli.iter().filter(|id| **id != odd).map(|id| place(id)).collect();
        assert_eq!(vice[index][..2], kept[..]);
        assert_eq!((named[index][3], named[index][4]), (odd.as_str(), (chosen + 1).to_string().as_str()));
        // Salmon: each of the kept is once the head; the other kept one wins against the odd one.
        for row in &salmon[2 * index..2 * index + 2] {
            assert_eq!(row[4], odd);
            let mut pair = vec![place(row[0]), place(row[3])];
            pair.sort_unstable();
            kept.sort_unstable();
            assert_eq!(pair, kept);
            assert!((row[1] == row[3] && row[2] == row[4]) || (row[2] == row[3] && row[1] == row[4]));
        }
    }
}

#[test]
fn battles_name_who_stood_where() {
    let study = shipped("blind_answers");
    let (_, records) = run_through(&study, 5, 0.0, true);
    let csv = table_to_csv(&battle_table(&study, &records)).unwrap();
    assert!(csv.starts_with("question_id,model_a,model_b,winner,judge,tstamp,simulated\n"), "{csv}");
    assert_eq!(csv.lines().count(), 13);
    let main = main_judgments(&study, &records);
    // Without noise the one further down the file wins, which is the warm one of every prompt.
    for (line, judgment) in csv.lines().skip(1).zip(main) {
        let warm_is_left = judgment.stimuli[0].ends_with("_warm");
        assert!(line.contains(if warm_is_left { ",model_a," } else { ",model_b," }), "{line}");
        assert!(line.ends_with(",true"));
    }
}

/// Paths of all objects in a JSON value, with the names of their fields.
fn objects<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a serde_json::Map<String, serde_json::Value>>) {
    match value {
        serde_json::Value::Object(map) => {
            found.push(map);
            map.values().for_each(|value| objects(value, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

#[test]
fn the_schema_file_asks_for_what_the_program_asks_for() {
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(studies_folder().join(name)).unwrap()).unwrap()
    };
    let schema = read("study.schema.json");
    let names =
        |value: &serde_json::Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    let required: BTreeSet<String> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let properties = names(&schema["properties"]);
    let mut seen = BTreeSet::new();
    let mut studies: Vec<(String, serde_json::Value)> =
        shipped_ids().into_iter().map(|id| (id.clone(), read(&format!("{id}.json")))).collect();
    // No shipped study leads elsewhere.
    let mut elsewhere = studies[0].1.clone();
    elsewhere["resume"] = serde_json::json!({ "policy": "restart", "max_age_hours": 24 });
    elsewhere["completion"] = serde_json::json!({ "redirect": "https://a.example/{code}", "hosts": ["a.example"] });
    elsewhere["collect"] = serde_json::json!({
        "endpoint": "https://a.example/", "server": "datapipe", "experiment_id": "x", "max_bytes": 1_000_000, "recruitment": true
    });
    elsewhere["adaptive"] = serde_json::json!({ "holdout_percent": 20, "n_pairs": 30 });
    studies.push(("elsewhere".to_owned(), elsewhere));
    for (id, study) in studies {
        seen.extend(names(&study));
        for name in names(&study) {
            assert!(properties.contains(&name), "{id}: the schema does not know {name}");
            let mut without = study.clone();
            without.as_object_mut().unwrap().remove(&name);
            let outcome = serde_json::from_value::<Study>(without);
            assert_eq!(outcome.is_err(), required.contains(&name), "{id} without {name}: {outcome:?}");
        }
        let mut all = Vec::new();
        objects(&study, &mut all);
        let known: BTreeSet<String> = {
            let mut found = Vec::new();
            objects(&schema, &mut found);
            found.iter().filter_map(|map| map.get("properties")).flat_map(names).collect()
        };
        for map in all {
            assert!(map.keys().all(|key| known.contains(key)), "{id}: {:?}", map.keys().collect::<Vec<_>>());
        }
    }
    assert_eq!(seen, properties, "every field is used by a shipped study");
}
