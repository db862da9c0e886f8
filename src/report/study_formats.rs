//! Judgments of one participant or many in the forms that other programs read, by name. Everything that a program made
//! up says so in a column or a field; recruitment ids are in none of them.

use serde_json::{Value, json};

use super::class_summary::group_rdms;
use super::export::{ExportError, table_to_csv};
use super::figure::{Cell, Table};
use super::study_export::{
    battle_table, closer_ones, codebook, odd_ones, place_in, salmon_table, session_table, things_tsv, triplet_table,
    vice_text,
};
use super::study_summary::contestants;
use crate::study::design::Design;
use crate::study::gathering::{Gathered, Participation};
use crate::study::judgment::{Judgment, main_judgments};
use crate::study::study::{Gold, Study};
use crate::study::trial::{Answer, Preferred, TrialKind};

/// A file to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Path, with `/` between folders.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// A form that other programs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One row a record, and the codebook.
    Csv,
    /// A folder that the Psych-DS validator reads.
    PsychDs,
    /// Trials as jsPsych's CSV has them.
    JsPsych,
    /// Scores by sample for `precomputed_scores` of `inspect_ai`.
    InspectScores,
    /// Odd-one-out answers with named columns.
    Triplets,
    /// Triplets with the columns of Salmon's responses.
    Salmon,
    /// Triplets with the columns of the THINGS release.
    Things,
    /// Triplets as VICE and `SPoSE` read them.
    Vice,
    /// Triplets in cblearn's list order: (i, j, k), i closer to j than to k.
    Cblearn,
    /// Comparisons with the columns of arena battles.
    Arena,
    /// Preference pairs for training: prompt, chosen, rejected.
    Dpo,
    /// The dictionary of rsatoolbox's `RDMs`, one RDM a participant.
    Rsatoolbox,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 12] = [
        Self::Csv,
        Self::PsychDs,
        Self::JsPsych,
        Self::InspectScores,
        Self::Triplets,
        Self::Salmon,
        Self::Things,
        Self::Vice,
        Self::Cblearn,
        Self::Arena,
        Self::Dpo,
        Self::Rsatoolbox,
    ];

    /// Name for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::PsychDs => "psych-ds",
            Self::JsPsych => "jspsych",
            Self::InspectScores => "inspect-scores",
            Self::Triplets => "triplets",
            Self::Salmon => "salmon",
            Self::Things => "things",
            Self::Vice => "vice",
            Self::Cblearn => "cblearn",
            Self::Arena => "arena",
            Self::Dpo => "dpo",
            Self::Rsatoolbox => "rsatoolbox",
        }
    }

    /// What it is called on a page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Csv => "Spreadsheet (CSV) with codebook",
            Self::PsychDs => "Psych-DS project",
            Self::JsPsych => "jsPsych rows (CSV)",
            Self::InspectScores => "Scores for inspect_ai (JSON lines)",
            Self::Triplets => "Triplets with named columns (CSV)",
            Self::Salmon => "Triplets for Salmon (CSV)",
            Self::Things => "Triplets as in THINGS (TSV)",
            Self::Vice => "Triplets for VICE and SPoSE (text)",
            Self::Cblearn => "Triplets for cblearn (CSV)",
            Self::Arena => "Arena battles (CSV)",
            Self::Dpo => "Preference pairs for training (JSON lines)",
            Self::Rsatoolbox => "RDMs for rsatoolbox (JSON)",
        }
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether judgments of this design have this form.
    pub fn fits(self, study: &Study) -> bool {
        match self {
            Self::Csv | Self::PsychDs | Self::JsPsych => true,
            Self::InspectScores => matches!(study.design, Design::Label { .. } | Design::Preference { .. }),
            Self::Triplets | Self::Things | Self::Vice => matches!(study.design, Design::Triplet { .. }),
            Self::Salmon | Self::Cblearn => {
                matches!(study.design, Design::Triplet { .. } | Design::AnchoredTriplet { .. })
            }
            Self::Arena | Self::Dpo => matches!(study.design, Design::Preference { .. }),
            Self::Rsatoolbox => study.design.is_about_similarity(),
        }
    }
}

/// Every file of a format.
///
/// # Errors
/// [`ExportError`] if a text cannot be made.
pub fn export(gathered: &Gathered, format: Format) -> Result<Vec<TextFile>, ExportError> {
    let study = gathered.study();
    let records: Vec<Judgment> = gathered.sessions().flat_map(|it| it.records.iter().cloned()).collect();
    let one = |path: &str, text: String| Ok(vec![TextFile { path: path.to_owned(), text }]);
    let lines = |rows: Vec<Value>| {
        let mut lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        // An end to the last line too.
        lines.push(String::new());
        lines.join("\n")
    };
    match format {
        Format::Csv => Ok(vec![
            TextFile { path: "judgments.csv".to_owned(), text: table_to_csv(&session_table(study, &records))? },
            TextFile { path: "codebook.csv".to_owned(), text: table_to_csv(&codebook())? },
        ]),
        Format::PsychDs => psych_ds(gathered),
        Format::JsPsych => one("jspsych.csv", quoted_csv(&jspsych_table(gathered))),
        Format::InspectScores => one("scores.jsonl", lines(inspect_scores(study, &records))),
        Format::Triplets => one("triplets.csv", table_to_csv(&triplet_table(study, &records))?),
        Format::Salmon => one("salmon.csv", table_to_csv(&salmon_table(study, &records))?),
        Format::Things => one("things.tsv", things_tsv(study, &records)),
        Format::Vice => one("vice.txt", vice_text(study, &records)),
        Format::Cblearn => one("cblearn.csv", cblearn_csv(study, &records)),
        Format::Arena => one("battles.csv", table_to_csv(&battle_table(study, &records))?),
        Format::Dpo => one("preferences.jsonl", lines(dpo_pairs(study, &records))),
        Format::Rsatoolbox => one("rdms.json", rsatoolbox_dict(gathered).to_string()),
    }
}

/// Letters and digits only: Psych-DS takes `-` and `_` for its own signs.
fn keyword_value(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The layout of Psych-DS: `dataset_description.json` with every column, a README, and one data file a participant.
fn psych_ds(gathered: &Gathered) -> Result<Vec<TextFile>, ExportError> {
    let study = gathered.study();
    let variables: Vec<Value> = codebook()
        .rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Cell::Text(name), Cell::Text(kind), Cell::Text(meaning)] => Some(json!({
                "@type": "PropertyValue",
                "name": name,
                "description": format!("{meaning} ({kind})"),
            })),
            _ => None,
        })
        .collect();
    let simulated = gathered.sessions().any(|it| it.record.simulated);
    let mut description = format!("Judgments of {} sessions of the study {:?}.", gathered.len(), study.title);
    if simulated {
        description.push_str(" Simulated: a program made them up; no person gave them.");
    }
    let dataset = json!({
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": study.id,
        "description": description,
        "schemaVersion": "Psych-DS 0.4.0",
        "variableMeasured": variables,
    });
    let mut files = vec![
        TextFile { path: "dataset_description.json".to_owned(), text: format!("{dataset:#}\n") },
        TextFile {
            path: "README.md".to_owned(),
            text: format!(
                "# {}\n\n{description}\n\nOne file a session under `data`; `dataset_description.json` says what the columns \
                 mean. Rows with `counts` false were taken back by the participant. Only rows with `trial_kind` main or \
                 held_out belong to results; flags of quality never leave a row out.\n\nStudy hash (SHA-256): {}\n",
                study.title,
                study.hash()
            ),
        },
    ];
    for session in gathered.sessions() {
        let path =
            format!("data/study-{}_subject-{}_data.csv", keyword_value(&study.id), keyword_value(&session.record.id));
        files.push(TextFile { path, text: table_to_csv(&session_table(study, &session.records))? });
    }
    Ok(files)
}

/// The words of jsPsych's data: `response` is the button from 0, `rt` milliseconds, `time_elapsed` since the session began.
/// Answers that were taken back are left out, as an experiment without undo has none.
fn jspsych_table(gathered: &Gathered) -> Table {
    let columns = [
        "trial_type",
        "trial_index",
        "plugin_version",
        "time_elapsed",
        "rt",
        "stimulus",
        "response",
        "answer",
        "task",
        "phase",
        "correct",
        "subject_id",
        "study_id",
        "simulated",
    ];
    let study = gathered.study();
    let mut rows = Vec::new();
    for session in gathered.sessions() {
        for judgment in crate::study::judgment::effective(&session.records) {
            rows.push(jspsych_row(study, session, judgment));
        }
    }
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}

fn jspsych_row(study: &Study, session: &Participation, judgment: &Judgment) -> Vec<Cell> {
    let text = |value: &str| Cell::Text(value.to_owned());
    let picture = judgment.stimuli.first().and_then(|id| study.stimulus(id)).is_some_and(|it| it.image.is_some());
    let shown: Vec<&str> = judgment
        .stimuli
        .iter()
        .map(|id| {
            let known = study.stimulus(id).or_else(|| study.practice.iter().flatten().find(|it| it.id == *id));
            known
                .map_or(id.as_str(), |it| it.image.as_deref().filter(|it| !it.starts_with("data:")).unwrap_or(&it.text))
        })
        .collect();
    let answer = judgment.answer();
    let said = answer.map(|answer| answer.said(&judgment.stimuli)).unwrap_or_default();
    let button = match (answer, &study.design) {
        (Some(Answer::Rating { rating }), Design::PairRating { scale }) => {
            Cell::Number(f64::from(rating.saturating_sub(scale.min)))
        }
        (Some(Answer::Label { label, .. }), Design::Label { labels, .. }) => {
            let place = labels.iter().position(|it| Some(&it.id) == label.as_ref()).unwrap_or(labels.len());
            Cell::Number(place as f64)
        }
        (Some(answer), _) => answer.button(&judgment.stimuli).parse().map_or(Cell::Missing, Cell::Number),
        (None, _) => Cell::Missing,
    };
    let (phase, correct) = match (&judgment.trial, answer) {
        (TrialKind::Catch { expected, .. }, Some(answer)) => {
            ("catch", Some(expected.passes(answer, &judgment.stimuli)))
        }
        (TrialKind::Comprehension { question }, Some(Answer::Option { option })) => {
            ("comprehension", study.comprehension.get(*question as usize).map(|it| it.right == *option))
        }
        (TrialKind::Practice, _) => ("practice", None),
        (TrialKind::RepeatOf { .. }, _) => ("retest", None),
        _ => ("main", None),
    };
    vec![
        text(if picture { "image-button-response" } else { "html-button-response" }),
        Cell::Number(f64::from(judgment.trial_index)),
        text(concat!("likewise ", env!("CARGO_PKG_VERSION"))),
        Cell::Number((judgment.at - session.record.started_at).max(0.0)),
        Cell::Number(judgment.rt_millis),
        text(&serde_json::to_string(&shown).unwrap_or_default()),
        button,
        text(&said),
        text(&study.id),
        text(phase),
        correct.map_or(Cell::Missing, |right| text(if right { "true" } else { "false" })),
        text(&judgment.session_id),
        text(&judgment.study_id),
        text(if judgment.simulated { "true" } else { "false" }),
    ]
}

/// jsPsych's own way of writing CSV: every cell quoted, CR LF; a missing value is empty. A formula is guarded besides.
fn quoted_csv(table: &Table) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let guarded = |text: &str| {
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
    };
    let mut lines = vec![table.columns.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(",")];
    for row in &table.rows {
        let cells: Vec<String> = row
            .iter()
            .map(|cell| match cell {
                Cell::Text(text) => quoted(&guarded(text)),
                Cell::Number(number) => quoted(&number.to_string()),
                Cell::Missing => "\"\"".to_owned(),
            })
            .collect();
        lines.push(cells.join(","));
    }
    lines.join("\r\n") + "\r\n"
}

/// One line a sample: for labels the share of participants who were right (its id is the stimulus), for preferences the
/// share of decided comparisons that each source won (its id is the prompt).
fn inspect_scores(study: &Study, records: &[Judgment]) -> Vec<Value> {
    let main = main_judgments(study, records);
    let simulated = records.iter().any(|it| it.simulated);
    let rater = if simulated { "simulated participants" } else { "participants" };
    match &study.design {
        Design::Preference { prompts } => prompts
            .iter()
            .filter_map(|prompt| {
                let mut wins: std::collections::BTreeMap<&str, (u32, u32)> = std::collections::BTreeMap::new();
                let (mut n_ties, mut n_both_bad) = (0, 0);
                for judgment in &main {
                    let of = judgment.stimuli.first().and_then(|id| study.stimulus(id)).and_then(|it| it.group.as_deref());
                    let Some(Answer::Preference { preferred }) = judgment.answer() else { continue };
                    let Some((left, right)) = contestants(study, judgment).filter(|_| of == Some(prompt.id.as_str())) else {
                        continue;
                    };
                    let won = match preferred {
                        Preferred::Left => (left, right),
                        Preferred::Right => (right, left),
                        Preferred::Tie => {
                            n_ties += 1;
                            continue;
                        }
                        Preferred::BothBad => {
                            n_both_bad += 1;
                            continue;
                        }
                    };
                    let winner = wins.entry(won.0).or_default();
                    *winner = (winner.0 + 1, winner.1 + 1);
                    wins.entry(won.1).or_default().1 += 1;
                }
                let value: serde_json::Map<String, Value> = wins
                    .iter()
                    .map(|(name, (won, n))| ((*name).to_owned(), json!(f64::from(*won) / f64::from(*n))))
                    .collect();
                let n: u32 = wins.values().map(|(won, _)| won).sum();
                (n > 0).then(|| {
                    json!({"id": prompt.id, "value": value, "metadata":
                        {"rater": rater, "n_decided": n, "n_ties": n_ties, "n_both_bad": n_both_bad, "simulated": simulated}})
                })
            })
            .collect(),
        Design::Label { .. } => study
            .stimuli
            .iter()
            .filter_map(|stimulus| {
                let said: Vec<Option<String>> = main
                    .iter()
                    .filter(|it| it.stimuli.first() == Some(&stimulus.id))
                    .filter_map(|it| match it.answer() {
                        Some(Answer::Label { label, .. }) => Some(label.clone()),
                        _ => None,
                    })
                    .collect();
                let gold = stimulus.gold.as_ref()?;
                let right = said
                    .iter()
                    .filter(|label| match gold {
                        Gold::Label(gold) => label.as_ref() == Some(gold),
                        Gold::Abstain => label.is_none(),
                    })
                    .count();
                let abstained = said.iter().filter(|label| label.is_none()).count();
                (!said.is_empty()).then(|| {
                    json!({"id": stimulus.id, "value": right as f64 / said.len() as f64, "metadata":
                        {"rater": rater, "n": said.len(), "n_abstained": abstained, "simulated": simulated}})
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// (i, j, k) by place among the study's stimuli, from 0: i is closer to j than to k. An odd-one-out answer is two such
/// rows, which are not independent of each other.
fn cblearn_csv(study: &Study, records: &[Judgment]) -> String {
    let mut lines = vec!["i,j,k".to_owned()];
    for (_, [anchor, left, right], closer) in closer_ones(study, records) {
        let farther = if closer == left { right } else { left };
        let places: Vec<usize> = [anchor, closer, farther].iter().filter_map(|id| place_in(study, id)).collect();
        if let [i, j, k] = places.as_slice() {
            lines.push(format!("{i},{j},{k}"));
        }
    }
    for (_, items, odd) in odd_ones(study, records) {
        let places: Vec<usize> = items.iter().filter_map(|id| place_in(study, id)).collect();
        let [_, _, _] = places.as_slice() else { continue };
        let kept: Vec<usize> = (0..3).filter(|place| *place != odd).map(|place| places[place]).collect();
        let k = places[odd];
        for (i, j) in [(kept[0], kept[1]), (kept[1], kept[0])] {
            lines.push(format!("{i},{j},{k}"));
        }
    }
    lines.join("\n") + "\n"
}

/// One decided comparison a row; ties and pairs of two bad answers train nothing and are left out.
fn dpo_pairs(study: &Study, records: &[Judgment]) -> Vec<Value> {
    let prompts = match &study.design {
        Design::Preference { prompts } => prompts.as_slice(),
        _ => &[],
    };
    main_judgments(study, records)
        .into_iter()
        .filter_map(|judgment| {
            let Some(Answer::Preference { preferred }) = judgment.answer() else { return None };
            let side = preferred.side()?;
            let [left, right] = judgment.stimuli.as_slice() else { return None };
            let (left, right) = (study.stimulus(left)?, study.stimulus(right)?);
            let (chosen, rejected) = if side == 0 { (left, right) } else { (right, left) };
            let prompt = prompts.iter().find(|prompt| Some(&prompt.id) == left.group.as_ref())?;
            Some(json!({
                "prompt": prompt.text,
                "chosen": chosen.text,
                "rejected": rejected.text,
                "chosen_source": chosen.source,
                "rejected_source": rejected.source,
                "rater": judgment.session_id,
                "simulated": judgment.simulated,
            }))
        })
        .collect()
}

/// The five keys of rsatoolbox's `RDMs.to_dict()`: upper triangles row by row, null where a pair was not judged.
fn rsatoolbox_dict(gathered: &Gathered) -> Value {
    let (names, rows) = group_rdms(gathered);
    let values: Vec<Vec<Value>> = rows
        .iter()
        .map(|(_, row)| row.iter().map(|value| if value.is_nan() { Value::Null } else { json!(value) }).collect())
        .collect();
    let participants: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    json!({
        "dissimilarities": values,
        "dissimilarity_measure": "human judgment, 0 to 1",
        "descriptors": {
            "experiment_name": gathered.study().id,
            "simulated": gathered.sessions().any(|it| it.record.simulated),
        },
        "rdm_descriptors": { "participant": participants, "index": (0..rows.len()).collect::<Vec<_>>() },
        "pattern_descriptors": { "conds": names, "index": (0..names.len()).collect::<Vec<_>>() },
    })
}
