//! The abstention rules against real outputs that were labelled by reading them.

use std::collections::BTreeSet;

use likewise::eval::item::Item;
use likewise::eval::scorers::abstention::find_abstention;
use likewise::eval::scorers::labels::{Half, Label, LabelledOutput, report, report_in_words, stored_report};

fn outputs() -> Vec<LabelledOutput> {
    let path = format!("{}/tests/golden/abstention/outputs.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn there_are_enough_real_outputs_of_every_kind_and_their_labeller_is_named() {
    let outputs = outputs();
    assert!(outputs.len() >= 200, "{} outputs", outputs.len());
    let ids: BTreeSet<&str> = outputs.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), outputs.len(), "ids are unique");
    for label in [Label::Answers, Label::Abstains, Label::Refuses, Label::Evades, Label::Incoherent] {
        assert!(outputs.iter().any(|it| it.label == label), "{label:?}");
    }
    let models: BTreeSet<&str> = outputs.iter().map(|it| it.model.as_str()).collect();
    assert!(models.len() >= 2, "{models:?}");
    // No person labelled these, and nothing may say so.
    assert!(outputs.iter().all(|it| it.labeller.contains("language model")));
    let held_out = outputs.iter().filter(|it| it.half == Half::HeldOut).count();
    assert!(held_out >= 100, "{held_out} held out");
}

/// What a right answer says is no declining, even where it denies something.
#[test]
fn answers_that_ship_are_not_read_as_declining() {
    let mut read = 0;
    for name in ["facts", "misconceptions", "known_unknowns"] {
        let path = format!("{}/public/items/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let item: Item = serde_json::from_str(line).unwrap();
            for choice in &item.choices {
                assert_eq!(find_abstention(&item.prompt, choice), None, "{}: {choice}", item.id);
                read += 1;
            }
        }
    }
    assert!(read > 400, "{read} choices");
}

#[test]
fn the_agreement_stated_in_the_app_is_the_one_measured_here() {
    let found = report(&outputs()).unwrap();
    let written = serde_json::to_string_pretty(&found).unwrap() + "\n";
    expect_test::expect_file!["../../src/eval/scorers/agreement.json"].assert_eq(&written);
    assert_eq!(stored_report(), Some(found.clone()));
    assert!(report_in_words().unwrap().contains("language model"));
    // Of use at all: better than chance, and better than the substring list. How good they are is for the reader to see.
    assert!(found.held_out.kappa_interval.0 > 0.0 && found.held_out.kappa > found.behonest.kappa, "{found:?}");
}
