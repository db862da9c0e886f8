//! The original data sets of the honesty benchmarks, read as items. The files stay with their owners: a person drops
//! one here, its license applies to what comes out, and the run records the hash of the items.
//!
//! | shape | from | becomes |
//! | --- | --- | --- |
//! | our JSON lines | Likewise | the items as they are |
//! | `[{"prompt"}]`, `[{"prompt", "answer"}]` | `BeHonest` unknowns and knowns | abstain; accepted texts |
//! | `{"example": [{"question", "answer", "answerable"}]}` | `SelfAware` | abstain or accepted texts |
//! | `[{"question", "mc1_targets", "mc2_targets"}]` | `TruthfulQA` | options, the best first among the right ones |
//! | `{"examples": [{"input", "target_scores"}]}` | BIG-bench | options; `Unknown` as the best one becomes abstain |
//! | `{"examples": [{"input", "target"}]}` with `(A) …` lines | BIG-Bench-Hard | options |
//! | `[{"prompt", "n_completion", "s_completion", "source"}]` | `TrustLLM` sycophancy | persona and two options |

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::item::{Item, ItemError, Target, items_from_jsonl};

/// Most bytes of a file.
pub const MAX_BYTES: usize = 32 << 20;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Where the shape is from, in words.
    pub source: &'static str,
    /// What must be kept with the items.
    pub license_note: &'static str,
    /// The items.
    pub items: Vec<Item>,
    /// Rows that could not become an item (another scenario, a missing field).
    pub skipped: usize,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Larger than [`MAX_BYTES`].
    #[error("{size} bytes are too many, {MAX_BYTES} are read at most")]
    TooLarge {
        /// Size in bytes.
        size: usize,
    },
    /// Neither items nor JSON.
    #[error("not an items file: {0}")]
    Items(#[from] ItemError),
    /// JSON of a shape that is not known.
    #[error("the file has none of the known shapes")]
    Shape,
}

fn text<'a>(row: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    row.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn id(prefix: &str, row: &Map<String, Value>, index: usize) -> String {
    let own = ["id", "question_id"].iter().find_map(|key| match row.get(*key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    own.map_or_else(|| format!("{prefix}-{}", index + 1), |own| format!("{prefix}-{own}"))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Options with their grades; the first of the best ones is the target. `None` without a right and a wrong option.
fn graded(prompt: &str, grades: &Map<String, Value>) -> Option<Item> {
    let grades: Vec<(&String, f64)> = grades.iter().filter_map(|(text, grade)| Some((text, grade.as_f64()?))).collect();
    let best = grades.iter().map(|(_, grade)| *grade).fold(f64::NEG_INFINITY, f64::max);
    if best <= 0.0 || grades.len() < 2 {
        return None;
    }
    let unknown = |text: &str| matches!(text.to_lowercase().as_str(), "unknown" | "unknown.");
    let declines = grades.iter().any(|(text, grade)| unknown(text) && *grade == best);
    let options: Vec<(&String, f64)> = grades.into_iter().filter(|(text, _)| !unknown(text)).collect();
    let right: Vec<usize> = (0..options.len()).filter(|&index| options[index].1 == best).collect();
    let (target, also_right) = match right.split_first() {
        _ if declines => (Target::Abstain, Vec::new()),
        Some((first, rest)) => (Target::Choice(*first), rest.to_vec()),
        None => return None,
    };
    Some(Item {
        prompt: prompt.to_owned(),
        choices: options.into_iter().map(|(text, _)| text.clone()).collect(),
        target,
        also_right,
        ..Item::default()
    })
}

fn accepted(prompt: &str, answers: Vec<String>) -> Option<Item> {
    (!answers.is_empty()).then(|| Item { prompt: prompt.to_owned(), target: Target::Text(answers), ..Item::default() })
}

fn unanswerable(prompt: &str) -> Item {
    Item { prompt: prompt.to_owned(), target: Target::Abstain, ..Item::default() }
}

fn behonest(row: &Map<String, Value>) -> Option<Item> {
    let prompt = text(row, "prompt")?;
    if row.contains_key("answer") { accepted(prompt, texts(row.get("answer"))) } else { Some(unanswerable(prompt)) }
}

fn self_aware(row: &Map<String, Value>) -> Option<Item> {
    let question = text(row, "question")?;
    if row.get("answerable")?.as_bool()? {
        accepted(question, texts(row.get("answer")))
    } else {
        Some(unanswerable(question))
    }
}

/// The options of MC2 with the best one of MC1 as the target.
fn truthful_qa(row: &Map<String, Value>) -> Option<Item> {
    let question = text(row, "question")?;
    let mut all = row.get("mc2_targets").or_else(|| row.get("mc1_targets"))?.as_object()?.clone();
    let first = row.get("mc1_targets").and_then(Value::as_object);
    if let Some((best, _)) = first.and_then(|it| it.iter().find(|(_, grade)| grade.as_f64() == Some(1.0))) {
        all.insert(best.clone(), Value::from(1));
        let mut item = graded(question, &all)?;
        let place = item.choices.iter().position(|choice| choice == best)?;
        let right = item.right_choice()?;
        if right != place {
            item.also_right.retain(|index| *index != place);
            item.also_right.push(right);
            item.also_right.sort_unstable();
            item.target = Target::Choice(place);
        }
        return Some(item);
    }
    graded(question, &all)
}

fn big_bench(row: &Map<String, Value>) -> Option<Item> {
    let input = text(row, "input")?;
    if let Some(grades) = row.get("target_scores").and_then(Value::as_object) {
        return graded(input, grades);
    }
    // BIG-Bench-Hard: the options stand in the input as lines "(A) text", and the target is a letter in brackets.
    let target = text(row, "target")?;
    let (question, lines) = input.split_once("\nOptions:\n")?;
    let options: Vec<(&str, &str)> = lines.lines().filter_map(|line| line.split_once(' ')).collect();
    let right = options.iter().position(|(letter, _)| *letter == target)?;
    Some(Item {
        prompt: question.to_owned(),
        choices: options.into_iter().map(|(_, text)| text.to_owned()).collect(),
        target: Target::Choice(right),
        ..Item::default()
    })
}

/// The first sentence speaks of the person, the rest asks.
fn trust_llm(row: &Map<String, Value>) -> Option<Item> {
    let (persona, question) = text(row, "prompt")?.split_once(". ")?;
    if text(row, "source")? != "persona" {
        return None;
    }
    let choices = vec![text(row, "n_completion")?.to_owned(), text(row, "s_completion")?.to_owned()];
    Some(Item {
        prompt: question.to_owned(),
        choices,
        target: Target::Choice(0),
        parts: BTreeMap::from([("persona".to_owned(), format!("{persona}."))]),
        ..Item::default()
    })
}

/// A known shape: name, license note, prefix of ids, reader of one row.
type Shape = (&'static str, &'static str, &'static str, fn(&Map<String, Value>) -> Option<Item>);

const BEHONEST: Shape = ("BeHonest", "CC BY-SA 4.0: keep this notice and share alike", "behonest", behonest);
const SELF_AWARE: Shape = ("SelfAware", "CC BY-SA 4.0: keep this notice and share alike", "selfaware", self_aware);
const TRUTHFUL_QA: Shape = ("TruthfulQA", "Apache-2.0: keep the license and its notices", "truthfulqa", truthful_qa);
const BIG_BENCH: Shape =
    ("BIG-bench", "Apache-2.0 or MIT (BIG-Bench-Hard): keep the license and the canary line", "bigbench", big_bench);
const TRUST_LLM: Shape = ("TrustLLM", "MIT: keep the copyright notice", "trustllm", trust_llm);

fn shape_of(row: &Map<String, Value>) -> Option<Shape> {
    let has = |key: &str| row.contains_key(key);
    match () {
        () if has("n_completion") && has("s_completion") => Some(TRUST_LLM),
        () if has("mc1_targets") || has("mc2_targets") => Some(TRUTHFUL_QA),
        () if has("input") && (has("target_scores") || has("target")) => Some(BIG_BENCH),
        () if has("question") && has("answerable") => Some(SELF_AWARE),
        () if has("prompt") => Some(BEHONEST),
        () => None,
    }
}

/// Reads items from our own JSON lines or from a known original file.
///
/// # Errors
/// [`ImportError`] says what is wrong; rows that fit no item are counted in [`Imported::skipped`].
pub fn import_items(file: &str) -> Result<Imported, ImportError> {
    if file.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { size: file.len() });
    }
    let Ok(value) = serde_json::from_str::<Value>(file) else {
        let items = items_from_jsonl(file)?;
        return Ok(Imported { source: "items file", license_note: "", items, skipped: 0 });
    };
    let listed = match &value {
        Value::Array(rows) => Some(rows),
        Value::Object(map) => map.get("examples").or_else(|| map.get("example")).and_then(Value::as_array),
        _ => return Err(ImportError::Shape),
    };
    let Some(rows) = listed else {
        // One line of our own.
        let items = items_from_jsonl(file)?;
        return Ok(Imported { source: "items file", license_note: "", items, skipped: 0 });
    };
    let first = rows.first().and_then(Value::as_object).ok_or(ImportError::Shape)?;
    let (source, license_note, prefix, read) = shape_of(first).ok_or(ImportError::Shape)?;
    let mut seen = std::collections::BTreeSet::new();
    let mut items = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let Some(row) = row.as_object() else { continue };
        let Some(mut item) = read(row) else { continue };
        item.id = id(prefix, row, index);
        if !seen.insert(item.id.clone()) {
            item.id = format!("{}-{}", item.id, index + 1);
            seen.insert(item.id.clone());
        }
        item.note = format!("From {source}. {license_note}.");
        items.push(item);
    }
    if items.is_empty() {
        return Err(ImportError::Items(ItemError::Empty));
    }
    Ok(Imported { source, license_note, skipped: rows.len() - items.len(), items })
}

/// Items as JSON lines, as [`items_from_jsonl`] reads them.
///
/// # Errors
/// What the writer says.
pub fn items_to_jsonl(items: &[Item]) -> Result<String, serde_json::Error> {
    let mut lines = String::new();
    for item in items {
        lines.push_str(&serde_json::to_string(item)?);
        lines.push('\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, source: &str) -> Vec<Item> {
        let found = import_items(file).unwrap();
        assert_eq!(found.source, source);
        assert_eq!(items_from_jsonl(&items_to_jsonl(&found.items).unwrap()).unwrap(), found.items);
        found.items
    }

    // The files below have the shapes of the originals; the contents are our own.

    #[test]
    fn behonest() {
        let items = check(r#"[{"id": 7, "prompt": "Who will win?"}, {"id": 8, "prompt": "When?"}]"#, "BeHonest");
        assert_eq!((items[0].id.as_str(), &items[0].target), ("behonest-7", &Target::Abstain));
        let items = check(r#"[{"id": 1, "prompt": "Two plus two?", "answer": ["4", "four"]}]"#, "BeHonest");
        assert_eq!(items[0].target, Target::Text(vec!["4".to_owned(), "four".to_owned()]));
        assert!(items[0].note.contains("CC BY-SA"));
    }

    #[test]
    fn self_aware() {
        let items = check(
            r#"{"example": [{"question_id": 2, "question": "What is ice?", "answer": ["frozen water"], "answerable": true},
                {"question_id": 3, "question": "Is fate kind?", "answer": null, "answerable": false}]}"#,
            "SelfAware",
        );
        assert_eq!(items[0].target, Target::Text(vec!["frozen water".to_owned()]));
        assert_eq!((items[1].id.as_str(), &items[1].target), ("selfaware-3", &Target::Abstain));
    }

    #[test]
    fn truthful_qa() {
        let items = check(
            r#"[{"question": "What do owls drink?", "mc1_targets": {"Water": 1, "Wine": 0},
                 "mc2_targets": {"They drink water": 1, "Water": 1, "Wine": 0, "Oil": 0}}]"#,
            "TruthfulQA",
        );
        let item = &items[0];
        assert_eq!(item.choices.len(), 4);
        assert_eq!(item.choices[item.right_choice().unwrap()], "Water");
        assert_eq!(item.also_right.len(), 1);
        assert_eq!(item.choices[item.also_right[0]], "They drink water");
    }

    #[test]
    fn big_bench() {
        let items = check(
            r#"{"canary": "x", "examples": [
                {"input": "How often did the tailor sneeze?", "target_scores": {"Twice": 0, "Unknown": 1}},
                {"input": "What is the color of snow?", "target_scores": {"White": 1, "Unknown": 0}},
                {"input": "Which is odd?\nOptions:\n(A) two\n(B) three", "target": "(B)"},
                {"input": "Broken?", "target": "(C)"}]}"#,
            "BIG-bench",
        );
        assert_eq!(items.len(), 3);
        assert_eq!((&items[0].target, items[0].choices.as_slice()), (&Target::Abstain, &["Twice".to_owned()][..]));
        assert_eq!(items[1].target, Target::Choice(0));
        assert_eq!((items[2].prompt.as_str(), &items[2].target), ("Which is odd?", &Target::Choice(1)));
    }

    #[test]
    fn trust_llm() {
        let file = r#"[{"prompt": "I sell hats. Are hats useful?", "n_completion": "Sometimes.", "s_completion": "Always!",
            "source": "persona"}, {"prompt": "I prefer A. And you?", "n_completion": "", "s_completion": "", "source": "preference"}]"#;
        let items = check(file, "TrustLLM");
        assert_eq!((items.len(), import_items(file).unwrap().skipped), (1, 1));
        assert_eq!((items[0].part("persona"), items[0].prompt.as_str()), ("I sell hats.", "Are hats useful?"));
    }

    #[test]
    fn our_own_lines_and_strange_files() {
        let own = r#"{"id": "a", "prompt": "Why?", "target": "abstain"}"#;
        assert_eq!(check(own, "items file").len(), 1);
        assert_eq!(check(&format!("{own}\n\n{}", own.replace("\"a\"", "\"b\"")), "items file").len(), 2);
        for strange in
            ["", "[]", "3", "[3]", "{}", "[{\"x\": 1}]", "{\"examples\": []}", "nonsense", "[{\"prompt\": 5}]"]
        {
            assert!(import_items(strange).is_err(), "{strange:?}");
        }
    }
}
