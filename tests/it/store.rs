//! The contract of a store on its memory form, and backups.

use likewise::store::backup::{self, FORMAT, Imported, MAX_DEPTH, MAX_LINE_BYTES};
use likewise::store::memory::MemoryStore;
use likewise::store::{Collection, Record, Store, StoreError};
use likewise::study::judgment::{Input, Judgment};
use likewise::study::session::{Act, Session, SessionRecord};
use likewise::study::study::Study;
use likewise::study::trial::Answer;
use pollster::block_on;

fn setting(id: &str, json: &str) -> Record {
    Record { collection: Collection::Settings, id: id.into(), parent: String::new(), json: json.into() }
}

/// A session with five judgments and one taken back, and two settings of one id.
fn records() -> Vec<Record> {
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    let mut session = Session::begin_simulated(&study, 1, "session".into(), 1.7e12).unwrap();
    let mut records = vec![Record::of_session(session.record()).unwrap()];
    for rating in 1..=5 {
        let act = Act { rt_millis: 812.3, at: 1.7e12 + 1.5, input: Input::Keyboard, focus_losses: 0 };
        let judgment = session.answer(Answer::Rating { rating }, act).unwrap();
        records.push(Record::of_judgment(&judgment).unwrap());
    }
    records.push(Record::of_judgment(&session.undo(1.7e12, Input::Pointer).unwrap()).unwrap());
    records.push(setting("theme", r#""dark \" ünïcode \n""#));
    records.push(setting("theme", "\"light\""));
    records
}

fn all(store: &MemoryStore) -> Vec<Record> {
    Collection::ALL.into_iter().flat_map(|collection| block_on(store.list(collection, None)).unwrap()).collect()
}

fn filled() -> MemoryStore {
    let store = MemoryStore::default();
    block_on(store.append(&records())).unwrap();
    store
}

#[test]
fn a_store_keeps_order_and_gives_the_newest_of_an_id() {
    let store = filled();
    let newest = block_on(store.get(Collection::Settings, "theme")).unwrap().unwrap();
    assert_eq!(newest.json, "\"light\"");
    assert_eq!(block_on(store.get(Collection::Runs, "theme")).unwrap(), None);
    assert_eq!(block_on(store.list(Collection::Settings, None)).unwrap().len(), 2);
    let judgments = block_on(store.list(Collection::Judgments, Some("session"))).unwrap();
    let seqs: Vec<u32> = judgments.iter().map(|record| record.value::<Judgment>().unwrap().seq).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4, 5]);
    assert_eq!(block_on(store.list(Collection::Judgments, Some("other"))).unwrap(), []);
    block_on(store.remove_all(Collection::Judgments)).unwrap();
    assert_eq!(block_on(store.list(Collection::Judgments, None)).unwrap(), []);
    assert_eq!(block_on(store.list(Collection::Sessions, None)).unwrap().len(), 1);
}

#[test]
fn a_session_comes_back_from_its_records() {
    let store = filled();
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    let record: SessionRecord = block_on(store.get(Collection::Sessions, "session")).unwrap().unwrap().value().unwrap();
    let judgments = block_on(store.list(Collection::Judgments, Some("session"))).unwrap();
    let judgments: Vec<Judgment> = judgments.iter().map(|record| record.value().unwrap()).collect();
    assert_eq!(Session::resume(&study, record, &judgments).unwrap().progress(), (4, 76));
}

#[test]
fn a_withdrawn_session_is_gone_and_does_not_come_back() {
    let store = filled();
    let text = block_on(backup::export(&store, true)).unwrap();
    let study = Study::from_json(include_str!("../../public/studies/everyday_words.json")).unwrap();
    let record: SessionRecord = block_on(store.get(Collection::Sessions, "session")).unwrap().unwrap().value().unwrap();
    let judgments = block_on(store.list(Collection::Judgments, Some("session"))).unwrap();
    let judgments: Vec<Judgment> = judgments.iter().map(|record| record.value().unwrap()).collect();
    let session = Session::resume(&study, record, &judgments).unwrap();
    let withdrawal = session.withdrawal(1.8e12);
    assert_eq!((withdrawal.n_records, withdrawal.simulated), (6, true));
    block_on(store.withdraw(&Record::of_withdrawal(&withdrawal).unwrap())).unwrap();
    let left: Vec<Collection> = all(&store).iter().map(|record| record.collection).collect();
    assert_eq!(left, [Collection::Settings, Collection::Settings, Collection::Withdrawals]);
    // An older backup brings nothing of it back.
    let again = block_on(backup::import(&store, &text)).unwrap();
    assert_eq!(again, Imported { n_new: 0, n_present: 2, n_withdrawn: 7 });
    assert_eq!(block_on(store.list(Collection::Judgments, None)).unwrap(), []);
    // Where the session still is, the withdrawal deletes it.
    let elsewhere = filled();
    let newer = block_on(backup::export(&store, true)).unwrap();
    let done = block_on(backup::import(&elsewhere, &newer)).unwrap();
    assert_eq!(done, Imported { n_new: 1, n_present: 2, n_withdrawn: 0 });
    assert_eq!(all(&elsewhere), all(&store));
    assert_eq!(block_on(backup::import(&elsewhere, &newer)).unwrap().n_new, 0);
}

#[test]
fn a_record_that_cannot_be_read_is_named() {
    let wrong = setting("theme", "{").value::<String>();
    assert!(matches!(wrong, Err(StoreError::Corrupt { id, .. }) if id == "theme"));
}

#[test]
fn export_erase_import_gives_the_same_records_and_twice_adds_nothing() {
    let store = filled();
    // The same record twice, as a write that was repeated after a lost connection leaves it.
    block_on(store.append(&[setting("theme", "\"light\"")])).unwrap();
    let before = all(&store);
    let text = block_on(backup::export(&store, true)).unwrap();
    assert_eq!(text.lines().count(), before.len() + 1);
    let again = block_on(backup::import(&store, &text)).unwrap();
    assert_eq!(again, Imported { n_new: 0, n_present: before.len(), n_withdrawn: 0 });
    for collection in Collection::ALL {
        block_on(store.remove_all(collection)).unwrap();
    }
    assert_eq!(all(&store), []);
    let restored = block_on(backup::import(&store, &text)).unwrap();
    assert_eq!(restored, Imported { n_new: before.len(), n_present: 0, n_withdrawn: 0 });
    assert_eq!(all(&store), before);
    block_on(backup::import(&store, &text)).unwrap();
    assert_eq!(all(&store), before);
    assert_eq!(block_on(backup::export(&store, true)).unwrap(), text);
}

#[test]
fn an_import_adds_only_what_is_missing() {
    let store = MemoryStore::default();
    block_on(store.append(&records()[..3])).unwrap();
    let text = backup::to_jsonl(&records()).unwrap();
    let imported = block_on(backup::import(&store, &text)).unwrap();
    assert_eq!(imported, Imported { n_new: records().len() - 3, n_present: 3, n_withdrawn: 0 });
}

#[test]
fn a_file_cut_anywhere_is_refused_and_changes_nothing() {
    let text = backup::to_jsonl(&records()).unwrap();
    let store = MemoryStore::default();
    // Without its last line end the file is still whole.
    for end in (0..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
        let result = block_on(backup::import(&store, &text[..end]));
        assert!(matches!(result, Err(StoreError::Import { .. })), "cut at {end}: {result:?}");
    }
    assert_eq!(all(&store), []);
    let half: String = text.split_inclusive('\n').take(4).collect();
    assert_eq!(
        backup::parse(&half),
        Err(StoreError::Import { line: 4, detail: "the file is cut short: 3 of 9 records are there".into() })
    );
}

#[test]
fn hostile_files_are_refused_with_their_line() {
    let header = |n: u64| format!("{{\"format\":\"{FORMAT}\",\"version\":1,\"app_version\":\"0\",\"n\":{n}}}\n");
    let line = |record: &Record| serde_json::to_string(record).unwrap();
    let refuse = |text: &str, expected_line: u64, words: &str| match backup::parse(text) {
        Err(StoreError::Import { line, detail }) => {
            assert_eq!(line, expected_line, "{detail}");
            assert!(detail.contains(words), "{detail}");
        }
        other => panic!("{other:?}"),
    };
    refuse("", 1, "not a backup");
    refuse("<html>", 1, "not a backup");
    refuse(&header(0).replace(FORMAT, "other"), 1, "not a backup");
    refuse(&header(0).replace("\"version\":1", "\"version\":2"), 1, "version 2");
    refuse(&header(u64::MAX), 1, "at most");
    refuse(&header(0).replace("\"n\"", "\"m\":1,\"n\""), 1, "not a backup");
    let good = line(&setting("a", "1"));
    refuse(&format!("{}{good}\n{good}\n", header(1)), 3, "more than");
    refuse(&format!("{}{}\n", header(1), good.replace("\"id\"", "\"__proto__\":{},\"id\"")), 2, "unknown field");
    refuse(&format!("{}{}\n", header(1), good.replace("settings", "secrets")), 2, "unknown variant");
    refuse(&format!("{}{}\n", header(1), line(&setting("", "1"))), 2, "no id");
    refuse(&format!("{}{}\n", header(1), line(&setting("a", "{"))), 2, "not of its kind");
    let deep = |n: usize| setting("a", &format!("{}{}", "[".repeat(n), "]".repeat(n)));
    refuse(&format!("{}{}\n", header(1), line(&deep(MAX_DEPTH as usize + 1))), 2, "nested");
    assert!(backup::parse(&format!("{}{}\n", header(1), line(&deep(MAX_DEPTH as usize)))).is_ok());
    refuse(&format!("{}{}\n", header(1), "[".repeat(100_000)), 2, "nested");
    refuse(&format!("{}{}\n", header(1), line(&setting("a", &" ".repeat(MAX_LINE_BYTES)))), 2, "at most");
    let mut judgment = records()[1].clone();
    judgment.json = judgment.json.replace("\"seq\"", "\"extra\":1,\"seq\"");
    refuse(&format!("{}{}\n", header(1), line(&judgment)), 2, "unknown field");
    judgment.collection = Collection::Sessions;
    refuse(&format!("{}{}\n", header(1), line(&judgment)), 2, "not of its kind");
}
