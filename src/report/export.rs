//! Records out of the browser: JSON keeps them exactly, CSV is for spreadsheets.

use std::io::{Cursor, Write as _};

use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::figure::{Bar, Cell, Estimate, Figure, Line, Marks, Matrix, Table};
use crate::eval::engine::Response;
use crate::eval::run::{ItemResult, RUN_SCHEMA, Run};
use crate::eval::score::Outcome;

/// Largest text that [`run_from_json`] reads, in bytes.
pub const IMPORT_CAP_BYTES: usize = 64 << 20;

/// A run with its results, as one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Always `likewise-run`.
    pub format: String,
    /// [`RUN_SCHEMA`].
    pub schema: u32,
    /// The run.
    pub run: Run,
    /// Its results.
    pub results: Vec<ItemResult>,
}

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Not JSON of this shape.
    #[error("not a run file: {0}")]
    Json(#[from] serde_json::Error),
    /// CSV could not be written.
    #[error("CSV failed: {detail}")]
    Csv {
        /// What the writer said.
        detail: String,
    },
    /// The archive could not be written.
    #[error("the archive failed: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// Another format or version.
    #[error("format {format:?} version {schema} is not supported")]
    Format {
        /// What the file calls itself.
        format: String,
        /// Its version.
        schema: u32,
    },
    /// Larger than [`IMPORT_CAP_BYTES`].
    #[error("{size} bytes are too many")]
    TooLarge {
        /// Size in bytes.
        size: usize,
    },
    /// A result belongs to another run.
    #[error("a result belongs to run {run_id:?}")]
    ForeignResult {
        /// That run.
        run_id: String,
    },
}

/// The format's own name in a file.
pub const RUN_FORMAT: &str = "likewise-run";

/// The exact records as indented JSON.
pub fn run_to_json(run: &Run, results: &[ItemResult]) -> Result<String, ExportError> {
    let file =
        RunFile { format: RUN_FORMAT.to_owned(), schema: RUN_SCHEMA, run: run.clone(), results: results.to_vec() };
    Ok(serde_json::to_string_pretty(&file)?)
}

/// A ZIP of these files, by path. They are stored, which every reader can read, and no moment is written, so that the same
/// files give the same bytes.
///
/// # Errors
/// What the writer says, of a path that is there twice for example.
pub fn zip_of(files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>, ExportError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);
    for (path, bytes) in files {
        zip.start_file(path, stored)?;
        zip.write_all(&bytes).map_err(zip::result::ZipError::Io)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Reads what [`run_to_json`] wrote.
pub fn run_from_json(text: &str) -> Result<RunFile, ExportError> {
    if text.len() > IMPORT_CAP_BYTES {
        return Err(ExportError::TooLarge { size: text.len() });
    }
    let file: RunFile = serde_json::from_str(text)?;
    if file.format != RUN_FORMAT || file.schema != RUN_SCHEMA {
        return Err(ExportError::Format { format: file.format, schema: file.schema });
    }
    if let Some(foreign) = file.results.iter().find(|result| result.run_id != file.run.id) {
        return Err(ExportError::ForeignResult { run_id: foreign.run_id.clone() });
    }
    Ok(file)
}

/// Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection); full-width
/// signs count too, and so does a sign behind leading spaces.
pub fn guard_formula(text: &str) -> String {
    let runs = text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if runs { format!("'{text}") } else { text.to_owned() }
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        // Real numbers stay as they are, with their sign.
        Cell::Number(value) if value.is_finite() => format!("{value}"),
        Cell::Number(_) | Cell::Missing => String::new(),
        Cell::Text(text) => guard_formula(text),
    }
}

/// A table as CSV (RFC 4180 quoting, line feeds, a header line).
pub fn table_to_csv(table: &Table) -> Result<String, ExportError> {
    let failed = |error: &dyn std::fmt::Display| ExportError::Csv { detail: error.to_string() };
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|column| guard_formula(column))).map_err(|error| failed(&error))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(cell_text)).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn outcome_words(outcome: &Outcome) -> (&'static str, Cell, Cell) {
    match outcome {
        Outcome::Graded(grade) => ("graded", Cell::Number(*grade), Cell::Missing),
        Outcome::Abstained => ("abstained", Cell::Missing, Cell::Missing),
        Outcome::Unparsed { text } => ("unparsed", Cell::Missing, Cell::Text(text.clone())),
        Outcome::Failed { detail } => ("failed", Cell::Missing, Cell::Text(detail.clone())),
    }
}

/// One row an item, with what is needed to count again: verdict, answer, and the options' log-likelihoods.
pub fn run_table(run: &Run, results: &[ItemResult]) -> Table {
    let columns = [
        "run_id",
        "task_id",
        "task_version",
        "model_id",
        "quantization",
        "backend",
        "method",
        "seed",
        "demo",
        "index",
        "item_id",
        "prompt",
        "tags",
        "target",
        "verdict",
        "outcome",
        "grade",
        "answer",
        "value",
        "explanation",
        "detail",
        "options",
        "option_logprobs",
        "option_tokens",
        "text",
        "millis",
    ];
    let json = |value: &dyn erased::Json| Cell::Text(value.json());
    let rows = results
        .iter()
        .map(|result| {
            let (outcome, grade, detail) = outcome_words(&result.score.outcome);
            let choice = result.responses.iter().find_map(|response| match response {
                Response::Choice { options, .. } => Some(options),
                _ => None,
            });
            let text = result.responses.iter().find_map(|response| match response {
                Response::Text { text, .. } => Some(text.clone()),
                _ => None,
            });
            let join = |values: Vec<String>| Cell::Text(values.join(" "));
            vec![
                Cell::Text(run.id.clone()),
                Cell::Text(run.task_id.clone()),
                Cell::Number(f64::from(run.task_version)),
                Cell::Text(run.engine.model_id.clone()),
                Cell::Text(run.engine.quantization.clone()),
                json(&run.engine.backend),
                json(&run.settings.method),
                // Text, because a spreadsheet would round 64 bits.
                Cell::Text(run.settings.seed.to_string()),
                Cell::Text(run.demo.to_string()),
                Cell::Number(result.index as f64),
                Cell::Text(result.item.id.clone()),
                Cell::Text(result.item.prompt.clone()),
                Cell::Text(result.item.tags.join(" ")),
                json(&result.item.target),
                result.shown_verdict().map_or(Cell::Missing, |verdict| Cell::Text(verdict.label().to_owned())),
                Cell::Text(outcome.to_owned()),
                grade,
                Cell::Text(result.score.answer.clone()),
                result.score.value.map_or(Cell::Missing, Cell::Number),
                Cell::Text(result.score.explanation.clone()),
                detail,
                json(&result.item.choices),
                choice.map_or(Cell::Missing, |options| {
                    json(&options.iter().map(|option| option.logprob).collect::<Vec<f64>>())
                }),
                choice.map_or(Cell::Missing, |options| {
                    join(options.iter().map(|option| option.n_tokens.to_string()).collect())
                }),
                text.map_or(Cell::Missing, Cell::Text),
                Cell::Number(result.millis),
            ]
        })
        .collect();
    Table { columns: columns.map(str::to_owned).to_vec(), rows }
}

/// A small object-safe view of serialization, for cells that hold JSON.
mod erased {
    pub(super) trait Json {
        /// The value as JSON; a plain string loses its quotes.
        fn json(&self) -> String;
    }
    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            match serde_json::to_value(self) {
                Ok(serde_json::Value::String(text)) => text,
                Ok(value) => value.to_string(),
                Err(_) => String::new(),
            }
        }
    }
}

/// The table of a run as CSV.
pub fn run_to_csv(run: &Run, results: &[ItemResult]) -> Result<String, ExportError> {
    table_to_csv(&run_table(run, results))
}

fn flatten(prefix: &str, value: serde_json::Value, into: &mut Vec<(String, Cell)>) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                flatten(&name, inner, into);
            }
        }
        Value::Null => into.push((prefix.to_owned(), Cell::Missing)),
        // 64-bit seeds would be rounded as numbers.
        Value::Number(number) => match number.as_f64().filter(|value| value.abs() < 9e15) {
            Some(value) => into.push((prefix.to_owned(), Cell::Number(value))),
            None => into.push((prefix.to_owned(), Cell::Text(number.to_string()))),
        },
        Value::String(text) => into.push((prefix.to_owned(), Cell::Text(text))),
        other => into.push((prefix.to_owned(), Cell::Text(other.to_string()))),
    }
}

/// Any records as one table: nested fields become `outer.inner`, lists stay JSON, columns come in the order in which
/// they are first met. Judgments are exported with it.
pub fn records_table<R: Serialize>(records: &[R]) -> Result<Table, ExportError> {
    let mut columns: Vec<String> = Vec::new();
    let mut flat = Vec::with_capacity(records.len());
    for record in records {
        let mut cells = Vec::new();
        flatten("", serde_json::to_value(record)?, &mut cells);
        for (name, _) in &cells {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        flat.push(cells);
    }
    let rows = flat
        .into_iter()
        .map(|cells| {
            let mut row = vec![Cell::Missing; columns.len()];
            for (name, cell) in cells {
                if let Some(place) = columns.iter().position(|column| *column == name) {
                    row[place] = cell;
                }
            }
            row
        })
        .collect();
    Ok(Table { columns, rows })
}

/// Any records as CSV.
pub fn records_to_csv<R: Serialize>(records: &[R]) -> Result<String, ExportError> {
    table_to_csv(&records_table(records)?)
}

fn estimate_cells(estimate: &Estimate) -> [Cell; 4] {
    let end = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
    [
        Cell::Number(estimate.value),
        end(estimate.interval.map(|(low, _)| low)),
        end(estimate.interval.map(|(_, high)| high)),
        Cell::Number(estimate.n as f64),
    ]
}

fn matrix_rows(matrix: &Matrix) -> Vec<Vec<Cell>> {
    let n = matrix.labels.len();
    let text = |text: &String| Cell::Text(text.clone());
    matrix
        .values
        .iter()
        .take(n * n)
        .enumerate()
        .map(|(index, value)| {
            vec![
                text(&matrix.title),
                text(&matrix.labels[index / n]),
                text(&matrix.labels[index % n]),
                value.map_or(Cell::Missing, Cell::Number),
            ]
        })
        .collect()
}

/// The numbers of a figure, one row a mark: what a screen reader and a spreadsheet get.
pub fn figure_table(figure: &Figure) -> Table {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let text = |text: &str| Cell::Text(text.to_owned());
    match &figure.marks {
        Marks::Bars { bars, axis } => Table {
            columns: names(&["category", "group", &axis.label, "low (95 %)", "high (95 %)", "n"]),
            rows: bars
                .iter()
                .map(|Bar { label, group, estimate }| {
                    [text(label), text(group)].into_iter().chain(estimate_cells(estimate)).collect()
                })
                .collect(),
        },
        Marks::Scatter { points, x, y, .. } => Table {
            columns: names(&["point", &x.label, &y.label]),
            rows: points
                .iter()
                .map(|point| vec![text(&point.label), Cell::Number(point.x), Cell::Number(point.y)])
                .collect(),
        },
        Marks::Map { points } => Table {
            columns: names(&["name", "x", "y"]),
            rows: points
                .iter()
                .map(|point| vec![text(&point.label), Cell::Number(point.x), Cell::Number(point.y)])
                .collect(),
        },
        Marks::Curve { lines, x, y, band } => Table {
            columns: names(&["line", &x.label, &y.label, "low (95 %)", "high (95 %)", "n"]),
            rows: lines
                .iter()
                .flat_map(|Line { label, points }| {
                    points.iter().map(move |(at, estimate)| {
                        [Cell::Text(label.clone()), Cell::Number(*at)]
                            .into_iter()
                            .chain(estimate_cells(estimate))
                            .collect()
                    })
                })
                .chain(band.iter().map(|band| {
                    let ends = [band.low, band.high].map(Cell::Number);
                    [text(&band.label), Cell::Missing, Cell::Missing]
                        .into_iter()
                        .chain(ends)
                        .chain([Cell::Missing])
                        .collect()
                }))
                .collect(),
        },
        Marks::Matrices { matrices, scale } => Table {
            columns: names(&["matrix", "row", "column", &scale.label]),
            rows: matrices.iter().flat_map(matrix_rows).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(guard_formula(input), expected);
    }

    #[test]
    fn formulas_are_defused() {
        check("=HYPERLINK(\"http://x\",\"y\")", "'=HYPERLINK(\"http://x\",\"y\")");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\tx", "'\tx");
        check(" =1", "' =1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("a=1", "a=1");
        check("", "");
    }

    #[test]
    fn csv_guards_first_and_quotes_then() {
        let table = Table {
            columns: vec!["a".to_owned(), "b".to_owned()],
            rows: vec![
                vec![Cell::Text("=A1,\"x\"".to_owned()), Cell::Number(-0.5)],
                vec![Cell::Missing, Cell::Number(f64::NAN)],
            ],
        };
        assert_eq!(table_to_csv(&table).unwrap(), "a,b\n\"'=A1,\"\"x\"\"\",-0.5\n,\n");
    }

    #[test]
    fn nested_records_become_columns() {
        let records = [serde_json::json!({"a": 1, "b": {"c": "x"}}), serde_json::json!({"a": null, "d": [1, 2]})];
        let table = records_table(&records).unwrap();
        assert_eq!(table.columns, ["a", "b.c", "d"]);
        assert_eq!(table.rows[1], [Cell::Missing, Cell::Missing, Cell::Text("[1,2]".to_owned())]);
    }
}
