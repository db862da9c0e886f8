//! Judgments out of the browser: one long table with its codebook, and the forms that other programs read.

use super::figure::{Cell, Table};
use super::study_summary::contestants;
use crate::study::judgment::{Judgment, effective, main_judgments};
use crate::study::study::Study;
use crate::study::trial::{Answer, Preferred, TrialKind};

/// Columns of [`session_table`]: name, type, meaning.
const CODEBOOK: [(&str, &str, &str); 30] = [
    ("study_id", "text", "Study"),
    ("study_version", "integer", "Version of the study"),
    ("session_id", "text", "Random id of the session; no name, no account"),
    ("seq", "integer", "Place among the records of the session, from 0"),
    ("trial_index", "integer", "Place of the trial in the session, from 0"),
    (
        "trial_kind",
        "text",
        "comprehension, practice, main, held_out (a main trial that nothing is learned from), repeat or catch; only main and held_out trials count in results",
    ),
    ("repeat_of", "integer", "trial_index of the trial that a repeat repeats"),
    ("stimulus_1", "text", "Id of what was shown first (left)"),
    ("stimulus_2", "text", "Id of what was shown second"),
    ("stimulus_3", "text", "Id of what was shown third"),
    ("stimuli", "text", "Ids of everything shown, as a JSON list, in order"),
    ("text_1", "text", "Text of stimulus_1; of a picture its description"),
    ("text_2", "text", "Text of stimulus_2"),
    ("text_3", "text", "Text of stimulus_3"),
    (
        "answer_kind",
        "text",
        "rating, odd_one, closer, preference, ratings, label, free_label, arrangement, option (comprehension) or undone",
    ),
    (
        "answer",
        "text",
        "Rating; ratings in the order of the study's axes; id of the odd or closer one; id of the preferred one, =tie or \
         =both_bad; label, name or =cannot_tell; id, x and y (0 to 1000) of each thing on the field; option; or the uuid \
         that is taken back",
    ),
    ("button", "text", "Which button was pressed, whatever stood behind it"),
    ("confidence", "integer", "How sure, where the study asks"),
    ("counts", "boolean", "Whether no later record takes the answer back"),
    ("passed", "boolean", "Catch trials: whether the answer was the expected one; comprehension: whether it was right"),
    (
        "rt_millis",
        "number",
        "Milliseconds from the first paint of the trial (all pictures loaded) to the answer; browsers \
      add some 10 to 40 ms",
    ),
    ("shown_at", "number", "First paint, UTC milliseconds since 1970"),
    ("at", "number", "Answer, UTC milliseconds since 1970"),
    ("input", "text", "keyboard, mouse, touch, pen or pointer"),
    ("focus_losses", "integer", "How often the page was left during the trial"),
    ("undo_count", "integer", "How often the trial had been answered and taken back before"),
    ("labeller", "text", "participant (a person) or simulation (a program)"),
    ("simulated", "boolean", "Whether a program made it up"),
    ("uuid", "text", "Id of the record"),
    ("previous", "text", "SHA-256 of the record before it"),
];

/// The codebook of [`session_table`] as a table: column, type, meaning.
pub fn codebook() -> Table {
    Table {
        columns: ["column", "type", "meaning"].map(str::to_owned).to_vec(),
        rows: CODEBOOK
            .iter()
            .map(|(name, kind, meaning)| [name, kind, meaning].map(|text| Cell::Text((*text).to_owned())).to_vec())
            .collect(),
    }
}

fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

fn whole(value: u32) -> Cell {
    Cell::Number(f64::from(value))
}

fn truth(value: bool) -> Cell {
    text(if value { "true" } else { "false" })
}

/// The word that JSON has for a value of a plain enum.
fn word(value: &impl serde::Serialize) -> Cell {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => text(word),
        _ => Cell::Missing,
    }
}

/// Every record of one or more sessions, one a row; [`codebook`] says what the columns mean.
pub fn session_table(study: &Study, records: &[Judgment]) -> Table {
    let counting: std::collections::BTreeSet<&str> =
        effective(records).into_iter().map(|judgment| judgment.uuid.as_str()).collect();
    let rows = records.iter().map(|record| row(study, record, counting.contains(record.uuid.as_str()))).collect();
    Table { columns: CODEBOOK.iter().map(|(name, _, _)| (*name).to_owned()).collect(), rows }
}

fn row(study: &Study, record: &Judgment, counts: bool) -> Vec<Cell> {
    let stimulus = |place: usize| record.stimuli.get(place).map_or(Cell::Missing, |id| text(id.clone()));
    let practice = || study.practice.iter().flatten();
    let shown = |place: usize| {
        let id = record.stimuli.get(place)?;
        study.stimulus(id).or_else(|| practice().find(|it| it.id == *id)).map(|it| text(it.text.clone()))
    };
    let (kind, repeat_of) = match &record.trial {
        TrialKind::Comprehension { .. } => ("comprehension", Cell::Missing),
        TrialKind::Practice => ("practice", Cell::Missing),
        TrialKind::Main => ("main", Cell::Missing),
        TrialKind::HeldOut => ("held_out", Cell::Missing),
        TrialKind::RepeatOf { trial } => ("repeat", whole(*trial)),
        TrialKind::Catch { .. } => ("catch", Cell::Missing),
    };
    let answer = record.answer();
    let passed = match (&record.trial, answer) {
        (TrialKind::Catch { expected, .. }, Some(answer)) => truth(expected.passes(answer, &record.stimuli)),
        (TrialKind::Comprehension { question }, Some(Answer::Option { option })) => study
            .comprehension
            .get(*question as usize)
            .map_or(Cell::Missing, |question| truth(question.right == *option)),
        _ => Cell::Missing,
    };
    let (answer_kind, said, button, confidence) = match answer {
        Some(answer) => {
            let (kind, confidence) = match answer {
                Answer::Rating { .. } => ("rating", None),
                Answer::OddOne { .. } => ("odd_one", None),
                Answer::Closer { .. } => ("closer", None),
                Answer::Ratings { .. } => ("ratings", None),
                Answer::FreeLabel { .. } => ("free_label", None),
                Answer::Arrangement { .. } => ("arrangement", None),
                Answer::Preference { .. } => ("preference", None),
                Answer::Label { confidence, .. } => ("label", *confidence),
                Answer::Option { .. } => ("option", None),
            };
            (kind, answer.said(&record.stimuli), text(answer.button(&record.stimuli)), confidence)
        }
        None => ("undone", undone(record), Cell::Missing, None),
    };
    vec![
        text(record.study_id.clone()),
        whole(record.study_version),
        text(record.session_id.clone()),
        whole(record.seq),
        whole(record.trial_index),
        text(kind),
        repeat_of,
        stimulus(0),
        stimulus(1),
        stimulus(2),
        text(serde_json::to_string(&record.stimuli).unwrap_or_default()),
        shown(0).unwrap_or(Cell::Missing),
        shown(1).unwrap_or(Cell::Missing),
        shown(2).unwrap_or(Cell::Missing),
        text(answer_kind),
        text(said),
        button,
        confidence.map_or(Cell::Missing, |sure| whole(u32::from(sure))),
        truth(counts),
        passed,
        Cell::Number(record.rt_millis),
        Cell::Number(record.shown_at),
        Cell::Number(record.at),
        word(&record.input),
        whole(record.focus_losses),
        whole(record.undo_count),
        word(&record.labeller),
        truth(record.simulated),
        text(record.uuid.clone()),
        text(record.previous.clone()),
    ]
}

fn undone(record: &Judgment) -> String {
    match &record.answer {
        crate::study::judgment::Outcome::Undone { uuid } => uuid.clone(),
        crate::study::judgment::Outcome::Answered { .. } => String::new(),
    }
}

/// An odd-one-out answer: who judged, the three in the order shown, the place of the odd one, milliseconds.
pub(super) fn odd_ones<'a>(study: &Study, judgments: &'a [Judgment]) -> Vec<(&'a Judgment, [&'a str; 3], usize)> {
    main_judgments(study, judgments)
        .into_iter()
        .filter_map(|judgment| {
            let Some(Answer::OddOne { stimulus }) = judgment.answer() else { return None };
            let [a, b, c] = judgment.stimuli.as_slice() else { return None };
            let place = judgment.stimuli.iter().position(|id| id == stimulus)?;
            Some((judgment, [a.as_str(), b.as_str(), c.as_str()], place))
        })
        .collect()
}

/// An anchored answer: the anchor, left and right, and the closer one.
pub(super) fn closer_ones<'a>(study: &Study, judgments: &'a [Judgment]) -> Vec<(&'a Judgment, [&'a str; 3], &'a str)> {
    main_judgments(study, judgments)
        .into_iter()
        .filter_map(|judgment| {
            let Some(Answer::Closer { stimulus }) = judgment.answer() else { return None };
            let [anchor, left, right] = judgment.stimuli.as_slice() else { return None };
            Some((judgment, [anchor.as_str(), left.as_str(), right.as_str()], stimulus.as_str()))
        })
        .collect()
}

/// Odd-one-out answers of main trials with named columns: three items as shown, the odd one, its place from 1.
pub fn triplet_table(study: &Study, judgments: &[Judgment]) -> Table {
    let columns = ["item_a", "item_b", "item_c", "odd", "chosen_pos", "rt_millis", "session_id", "simulated"];
    let rows = odd_ones(study, judgments)
        .into_iter()
        .map(|(judgment, [a, b, c], place)| {
            let odd = [a, b, c][place];
            vec![
                text(a),
                text(b),
                text(c),
                text(odd),
                Cell::Number(place as f64 + 1.0),
                Cell::Number(judgment.rt_millis),
                text(judgment.session_id.clone()),
                truth(judgment.simulated),
            ]
        })
        .collect();
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}

/// Triplets with the columns of Salmon's responses. An odd-one-out choice is two answers to "which is closer to the
/// head", which are not independent of each other.
pub fn salmon_table(study: &Study, judgments: &[Judgment]) -> Table {
    let columns =
        ["head", "left", "right", "winner", "loser", "puid", "response_time", "time_received", "sampler", "score"];
    let mut rows = Vec::new();
    for (judgment, [head, left, right], closer) in closer_ones(study, judgments) {
        rows.push(vec![
            text(head),
            text(left),
            text(right),
            text(closer),
            text(if closer == left { right } else { left }),
            text(judgment.session_id.clone()),
            Cell::Number(judgment.rt_millis / 1000.0),
            Cell::Number(judgment.at / 1000.0),
            text("random"),
            Cell::Missing,
        ]);
    }
    for (judgment, items, place) in odd_ones(study, judgments) {
        let odd = items[place];
        let kept: Vec<&str> = items.into_iter().filter(|id| *id != odd).collect();
        let [first, second] = kept.as_slice() else { continue };
        for (head, winner) in [(first, second), (second, first)] {
            // Left and right as they stood on the screen.
            let others: Vec<&str> = items.into_iter().filter(|id| id != head).collect();
            let [left, right] = others.as_slice() else { continue };
            rows.push(vec![
                text(*head),
                text(*left),
                text(*right),
                text(*winner),
                text(odd),
                text(judgment.session_id.clone()),
                Cell::Number(judgment.rt_millis / 1000.0),
                Cell::Number(judgment.at / 1000.0),
                text("random"),
                Cell::Missing,
            ]);
        }
    }
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}

pub(super) fn place_in(study: &Study, id: &str) -> Option<usize> {
    study.stimuli.iter().position(|stimulus| stimulus.id == id)
}

/// The same with the columns of the released THINGS odd-one-out data, tab separated: images count from 1 in the
/// study's order, `choice` is the place of the odd one from 1.
pub fn things_tsv(study: &Study, judgments: &[Judgment]) -> String {
    let mut lines = vec!["image1\timage2\timage3\tchoice\tRT\tsubject_id\ttrial_nr".to_owned()];
    for (judgment, [a, b, c], place) in odd_ones(study, judgments) {
        if let (Some(a), Some(b), Some(c)) = (place_in(study, a), place_in(study, b), place_in(study, c)) {
            lines.push(format!(
                "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                a + 1,
                b + 1,
                c + 1,
                place + 1,
                judgment.rt_millis,
                judgment.session_id,
                judgment.trial_index
            ));
        }
    }
    lines.join("\n") + "\n"
}

/// The same as VICE and `SPoSE` read it: three numbers a line from 0, first the two that stayed, then the odd one.
pub fn vice_text(study: &Study, judgments: &[Judgment]) -> String {
    let mut text = String::new();
    for (_, items, place) in odd_ones(study, judgments) {
        let mut order: Vec<&str> = items.to_vec();
        let odd = order.remove(place);
        order.push(odd);
        let places: Vec<String> =
            order.into_iter().filter_map(|id| place_in(study, id)).map(|place| place.to_string()).collect();
        if places.len() == 3 {
            text.push_str(&places.join(" "));
            text.push('\n');
        }
    }
    text
}

/// Preferences of main trials with the columns of arena battles: `winner` is `model_a`, `model_b`, `tie` or
/// `tie (bothbad)`.
pub fn battle_table(study: &Study, judgments: &[Judgment]) -> Table {
    let columns = ["question_id", "model_a", "model_b", "winner", "judge", "tstamp", "simulated"];
    let rows = main_judgments(study, judgments)
        .into_iter()
        .filter_map(|judgment| {
            let Some(Answer::Preference { preferred }) = judgment.answer() else { return None };
            let (left, right) = contestants(study, judgment)?;
            let group = judgment.stimuli.first().and_then(|id| study.stimulus(id))?.group.clone().unwrap_or_default();
            let winner = match preferred {
                Preferred::Left => "model_a",
                Preferred::Right => "model_b",
                Preferred::Tie => "tie",
                Preferred::BothBad => "tie (bothbad)",
            };
            Some(vec![
                text(group),
                text(left),
                text(right),
                text(winner),
                text(judgment.session_id.clone()),
                Cell::Number(judgment.at / 1000.0),
                truth(judgment.simulated),
            ])
        })
        .collect();
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}
