//! A thousand damaged files for every reader of what people hand over: none panics, none takes long, a backup that is
//! refused writes nothing, and what is taken can be written and read again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use likewise::eval::stimuli;
use likewise::platform::now_millis;
use likewise::stats::rng::Pcg32;
use likewise::store::Record;
use likewise::store::answers::{Answers, Saved};
use likewise::store::backup;
use likewise::store::memory::MemoryStore;
use likewise::study::gathering::{Gathered, Merged};
use likewise::study::judgment::Input;
use likewise::study::packet::Packet;
use likewise::study::session::{Act, Session};
use likewise::study::study::Study;
use likewise::study::trial::Answer;
use pollster::block_on;

const N: u64 = 1_000;
/// For one small file, on a busy machine and unoptimized.
const PATIENCE_MILLIS: f64 = 5_000.0;

/// Without what comes before the first rating.
fn study() -> Study {
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    Study { comprehension: Vec::new(), practice: Vec::new(), ..study }
}

fn session() -> Session {
    let mut session = Session::begin_simulated(&study(), 7, "hostile".into(), 1.7e12).unwrap();
    for rating in [1, 7, 3, 2, 5, 6] {
        let act = Act { rt_millis: 800.0, at: 1.7e12, input: Input::Touch, focus_losses: 1 };
        session.answer(Answer::Rating { rating }, act).unwrap();
    }
    session.undo(1.7e12, Input::Touch).unwrap();
    session
}

/// Words that readers of JSON, of numbers and of texts stumble over.
const POISON: [&str; 16] = [
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "NaN",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "{\"__proto__\":{}}",
    "\"\\ud800\"",
    "\u{0}",
    "\u{202e}",
    "<img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://x\")",
    "\"id\":\"dog\",\"id\":\"cat\",",
    "true",
    "\"\"",
    "4294967295",
];

/// One to four damages: bytes changed, stretches cut out, doubled or swapped for poison, the end cut off.
fn damaged(text: &str, seed: u64) -> String {
    let mut rng = Pcg32::new(seed);
    let mut below = |n: usize| (rng.unit() * n as f64) as usize;
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = below(bytes.len());
        let to = (at + 1 + below(24)).min(bytes.len());
        match below(6) {
            0 => bytes[at] = below(256) as u8,
            1 => drop(bytes.drain(at..to)),
            2 => {
                let twice = bytes[at..to].to_vec();
                bytes.splice(at..at, twice);
            }
            3 => drop(bytes.splice(at..to, POISON[below(POISON.len())].bytes())),
            4 => bytes.truncate(at),
            // A number becomes another one: still well formed, but no longer true.
            _ => {
                if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + below(10) as u8;
                }
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a thousand damaged copies; returns how many were taken all the same.
fn survive(name: &str, text: &str, read: impl Fn(&str) -> bool) -> u64 {
    assert!(read(text), "{name}: the undamaged file is read");
    let mut n_taken = 0;
    for seed in 0..N {
        let hostile = damaged(text, seed);
        let began = now_millis();
        match catch_unwind(AssertUnwindSafe(|| read(&hostile))) {
            Ok(taken) => n_taken += u64::from(taken),
            Err(why) => panic!("{name}, seed {seed}: {hostile}: {:?}", why.downcast_ref::<String>()),
        }
        let took = now_millis() - began;
        assert!(took < PATIENCE_MILLIS, "{name}, seed {seed} took {took} ms");
    }
    n_taken
}

#[test]
fn a_thousand_damaged_studies_are_refused_or_whole() {
    survive("study", include_str!("../../public/studies/odd_one_out.json"), |text| match Study::from_json(text) {
        // What is taken can be taken part in, and written and read again.
        Ok(study) => {
            let session = Session::begin_simulated(&study, 1, "s".into(), 0.0).unwrap();
            assert_eq!(session.trials().len(), study.n_trials());
            assert_eq!(Study::from_json(&serde_json::to_string(&study).unwrap()).unwrap(), study);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    });
}

#[test]
fn a_thousand_damaged_backups_are_refused_whole_or_taken_whole() {
    let session = session();
    let mut records = vec![Record::of_study(session.study()).unwrap(), Record::of_session(session.record()).unwrap()];
    records.extend(session.records().iter().map(|judgment| Record::of_judgment(judgment).unwrap()));
    let text = backup::to_jsonl(&records).unwrap();
    survive("backup", &text, |text| {
        let store = MemoryStore::default();
        let before = block_on(backup::export(&store, true)).unwrap();
        let outcome = block_on(backup::import(&store, text));
        let after = block_on(backup::export(&store, true)).unwrap();
        if let Ok(done) = outcome {
            assert!(backup::parse(&after).unwrap().len() == done.n_new);
            return true;
        }
        assert_eq!(after, before, "a refused file wrote something");
        false
    });
}

/// Sessions that a text of answers gives for the study.
fn merged(text: &str) -> usize {
    let Ok(answers) = Answers::read(text) else { return 0 };
    let mut gathered = Gathered::new(study());
    answers.merge(&mut gathered, &mut Merged::default(), &mut |_| {});
    gathered.len()
}

#[test]
fn a_thousand_damaged_packets_give_no_session_that_nobody_gave() {
    let text = Packet::of_session(&session()).text();
    let whole = session();
    let n_taken = survive("packet", &text, |text| {
        let sessions: Vec<Session> =
            Packet::all_in(text).into_iter().filter_map(|it| it.ok()?.session(&study()).ok()).collect();
        // The chain's end goes with it: what is read is what was given.
        for read in &sessions {
            assert_eq!(read.records(), whole.records());
        }
        merged(text) > 0
    });
    // Base64 of one letter more or less is another packet: nearly all are caught.
    assert!(n_taken < N / 10, "{n_taken} of {N} damaged packets were taken");
}

#[test]
fn a_thousand_damaged_files_of_answers_are_refused_or_follow_their_chain() {
    let session = session();
    let saved = Saved { session: session.record().clone(), judgments: session.records().to_vec(), recruitment: None };
    let text = serde_json::to_string_pretty(&saved).unwrap();
    survive("answers", &text, |text| merged(text) > 0);
}

#[test]
fn a_thousand_damaged_files_of_similarities_are_read_or_refused_in_words() {
    let table = "word1,word2,similarity\ncar,bus,8.5\ncar,tree,1.2\nbus,tree,1.0\n";
    for seed in 0..N {
        let hostile = damaged(table, seed);
        let outcome = catch_unwind(AssertUnwindSafe(|| stimuli::import(&hostile, "hostile", "hostile.csv")));
        match outcome {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => assert!(!error.to_string().is_empty()),
            Err(why) => panic!("seed {seed}: {hostile}: {:?}", why.downcast_ref::<String>()),
        }
    }
}
