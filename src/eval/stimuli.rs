//! What similarity is asked about: sets of words, and people's or other models' similarities of them in the formats of
//! the field. Everything becomes a [`StimulusSet`] or a [`Reference`]; files stay with their owners.
//!
//! | file | what it is |
//! | --- | --- |
//! | words, one a line or between commas | a stimulus set |
//! | `word TAB word TAB score` (WordSim-353, SimLex-999 with its header) | similarities of some pairs |
//! | a square table with names in its first row (and column) | one RDM, or similarities |
//! | three words a line, the odd one last (THINGS, VICE) | odd-one-out choices |
//! | JSON with `names` or `items_en` and `raters: [{rater, upper}]` | ratings of single people |
//! | rsatoolbox's `RDMs.to_dict()` as JSON, Meadows "tree" JSON | RDMs |

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stats::rdm::{item_count, pair_count, pair_index};

/// Version of the [`Reference`] record's shape.
pub const REFERENCE_SCHEMA: u32 = 1;
/// Most different words that are read from a file.
pub const MAX_WORDS: usize = 2000;
/// Most bytes of a file.
pub const MAX_BYTES: u64 = 16 << 20;
/// Longest word or phrase, in characters.
const MAX_CHARACTERS: usize = 80;

/// Words (or short phrases) whose similarity is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StimulusSet {
    /// Stable id.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// The words, each once.
    pub words: Vec<String>,
    /// Only these pairs (places in `words`), where not every pair is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Vec<(usize, usize)>>,
    /// The words that a picture of the site shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<String>,
}

impl StimulusSet {
    /// Address of a word's picture below the site's root, where it has one.
    pub fn picture(&self, word: &str) -> Option<String> {
        self.pictures.iter().any(|it| it == word).then(|| format!("stimuli/pictures/{word}.svg"))
    }

    /// At most `most` of the words with pictures, evenly taken, as lines of the form that builds studies:
    /// `word | address`.
    pub fn picture_lines(&self, most: usize) -> String {
        let n = self.pictures.len();
        let shown = n.min(most);
        let lines = (0..shown).map(|at| &self.pictures[at * n / shown.max(1)]);
        lines.filter_map(|word| Some(format!("{word} | {}", self.picture(word)?))).collect::<Vec<String>>().join("\n")
    }

    /// The pairs that are asked about: the given ones, or all in reading order of the upper triangle.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        let word = |index: usize| self.words.get(index).map(String::as_str);
        if let Some(pairs) = &self.pairs {
            return pairs.iter().filter_map(|&(a, b)| Some((word(a)?, word(b)?))).collect();
        }
        let n = self.words.len();
        (0..n).flat_map(|a| (a + 1..n).filter_map(move |b| Some((word(a)?, word(b)?)))).collect()
    }
}

/// The dissimilarities of one rater (a person, a group, a model).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Name or number.
    pub name: String,
    /// Upper triangle row by row; `None` where a pair has none.
    pub values: Vec<Option<f64>>,
}

/// Similarities that a model is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// [`REFERENCE_SCHEMA`].
    pub schema: u32,
    /// SHA-256 of the file, or what it was made from.
    pub id: String,
    /// Name for people: the file's.
    pub title: String,
    /// The things.
    pub names: Vec<String>,
    /// Dissimilarities over the names; several raters give a noise ceiling.
    pub subjects: Vec<Subject>,
    /// Odd-one-out answers: three places in `names`, the odd one last.
    pub triplets: Vec<[usize; 3]>,
    /// Where it came from and what was left out, in words.
    pub notes: Vec<String>,
}

impl Reference {
    /// The words as a set; only the pairs that somebody has a value for, unless that is all of them.
    pub fn stimuli(&self) -> StimulusSet {
        let n = self.names.len();
        let known = |pair: usize| self.subjects.iter().any(|it| it.values.get(pair).copied().flatten().is_some());
        let pairs: Vec<(usize, usize)> =
            (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).filter(|&(a, b)| known(pair_index(a, b, n))).collect();
        let partial = !self.subjects.is_empty() && pairs.len() < pair_count(n);
        StimulusSet {
            id: self.id.clone(),
            title: self.title.clone(),
            words: self.names.clone(),
            pairs: partial.then_some(pairs),
            pictures: Vec::new(),
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Imported {
    /// Words alone.
    Words(StimulusSet),
    /// Similarities.
    Reference(Reference),
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StimuliError {
    /// Nothing to compare.
    #[error("the file names {n} different things; at least three are needed")]
    TooFew {
        /// How many there are.
        n: usize,
    },
    /// More than a page can work with.
    #[error("the file names more than {MAX_WORDS} different things")]
    TooMany,
    /// A line or field that does not fit the rest.
    #[error("line {line}: {detail}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// JSON of another shape.
    #[error("{detail}")]
    Shape {
        /// What is wrong.
        detail: String,
    },
}

fn shape(detail: impl Into<String>) -> StimuliError {
    StimuliError::Shape { detail: detail.into() }
}

/// Reads the site's own sets: a JSON list.
///
/// # Errors
/// [`StimuliError::Shape`] for JSON of another shape, words that repeat, or pairs that point outside.
pub fn sets_from_json(text: &str) -> Result<Vec<StimulusSet>, StimuliError> {
    let sets: Vec<StimulusSet> = serde_json::from_str(text).map_err(|error| shape(error.to_string()))?;
    for set in &sets {
        let distinct: BTreeSet<&String> = set.words.iter().collect();
        let outside = set.pairs.iter().flatten().any(|&(a, b)| a.max(b) >= set.words.len() || a == b);
        if let Some(stray) = set.pictures.iter().find(|word| !distinct.contains(word)) {
            return Err(shape(format!("the set {:?} has a picture of {stray:?}, which is none of its words", set.id)));
        }
        if distinct.len() != set.words.len() || set.words.len() < 3 || outside {
            return Err(shape(format!("the set {:?} repeats words or has wrong pairs", set.id)));
        }
    }
    Ok(sets)
}

/// Names in the order of their first appearance.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    place: BTreeMap<String, usize>,
}

impl Names {
    fn of(&mut self, name: &str, line: usize) -> Result<usize, StimuliError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_CHARACTERS || name.chars().any(char::is_control) {
            return Err(StimuliError::Line { line, detail: format!("{name:?} is no word or short phrase") });
        }
        if let Some(&place) = self.place.get(name) {
            return Ok(place);
        }
        if self.all.len() == MAX_WORDS {
            return Err(StimuliError::TooMany);
        }
        self.place.insert(name.to_owned(), self.all.len());
        self.all.push(name.to_owned());
        Ok(self.all.len() - 1)
    }

    fn finish(self) -> Result<Vec<String>, StimuliError> {
        if self.all.len() < 3 { Err(StimuliError::TooFew { n: self.all.len() }) } else { Ok(self.all) }
    }
}

/// Reads a file or a pasted text. `id` names the content (its hash), `title` is shown.
///
/// # Errors
/// [`StimuliError`]: what is wrong and where.
pub fn import(text: &str, id: &str, title: &str) -> Result<Imported, StimuliError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reference = Reference {
        schema: REFERENCE_SCHEMA,
        id: id.to_owned(),
        title: title.to_owned(),
        names: Vec::new(),
        subjects: Vec::new(),
        triplets: Vec::new(),
        notes: Vec::new(),
    };
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|error| shape(format!("not JSON: {error}")))?;
        from_json(&value, &mut reference)?;
        return Ok(Imported::Reference(reference));
    }
    let lines: Vec<(usize, Vec<&str>)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, fields(line)))
        .collect();
    let width = lines.get(1).or_else(|| lines.first()).map_or(0, |(_, fields)| fields.len());
    let numbers = |fields: &[&str]| fields.iter().filter(|field| field.parse::<f64>().is_ok()).count();
    let second = lines.get(1).map(|(_, fields)| fields.as_slice()).unwrap_or_default();
    let square = lines.len() > 3 && (width == lines.len() || width + 1 == lines.len());
    if square && numbers(second) + 1 >= width {
        from_square(&lines, &mut reference)?;
    } else if width >= 3
        && second.first().is_some_and(|it| it.parse::<f64>().is_err())
        && lines.iter().take(2).any(|(_, fields)| numbers(fields) >= 1)
    {
        from_pairs(&lines, &mut reference)?;
    } else if width == 3 && lines.len() > 1 && numbers(second) == 0 {
        from_triplets(&lines, &mut reference)?;
    } else if width == 3 && numbers(second) == 3 {
        return Err(shape("these triplets are numbers; write the words themselves, the odd one last on each line"));
    } else {
        let mut names = Names::default();
        for (line, words) in &lines {
            for word in words.iter().filter(|word| !word.trim().is_empty()) {
                names.of(word, *line)?;
            }
        }
        let words = names.finish()?;
        return Ok(Imported::Words(StimulusSet {
            id: id.to_owned(),
            title: title.to_owned(),
            words,
            pairs: None,
            pictures: Vec::new(),
        }));
    }
    Ok(Imported::Reference(reference))
}

/// Fields between tabs, else semicolons, else commas; quotation marks around a field are taken off.
fn fields(line: &str) -> Vec<&str> {
    let separator = ['\t', ';', ','].into_iter().find(|&it| line.contains(it)).unwrap_or('\t');
    line.trim_end().split(separator).map(|field| field.trim().trim_matches('"')).collect()
}

/// `word, word, …, score`, with or without a header; the mean of a pair that stands there twice.
fn from_pairs(lines: &[(usize, Vec<&str>)], reference: &mut Reference) -> Result<(), StimuliError> {
    let is_number = |field: &&str| field.parse::<f64>().is_ok();
    let header = lines.first().filter(|(_, fields)| !fields.iter().skip(2).any(is_number));
    let named = header.and_then(|(_, fields)| {
        let names = ["simlex999", "score", "human (mean)", "similarity", "rating", "mean"];
        names.into_iter().find_map(|name| fields.iter().position(|field| field.eq_ignore_ascii_case(name)))
    });
    let first = lines.get(usize::from(header.is_some())).map(|(_, fields)| fields.as_slice()).unwrap_or_default();
    let column = named
        .or_else(|| first.iter().skip(2).position(is_number).map(|place| place + 2))
        .ok_or_else(|| shape("no column of numbers after the two words"))?;
    let mut names = Names::default();
    let mut scores: BTreeMap<(usize, usize), (f64, u32)> = BTreeMap::new();
    let mut same = 0;
    for (line, fields) in &lines[usize::from(header.is_some())..] {
        let wrong = |detail: String| StimuliError::Line { line: *line, detail };
        let [first, second, ..] = fields.as_slice() else {
            return Err(wrong("two words and a score are needed".into()));
        };
        let score = fields.get(column).and_then(|field| field.parse::<f64>().ok()).filter(|it| it.is_finite());
        let score = score.ok_or_else(|| wrong(format!("no number in column {}", column + 1)))?;
        if first.trim() == second.trim() {
            same += 1;
            continue;
        }
        let (a, b) = (names.of(first, *line)?, names.of(second, *line)?);
        let entry = scores.entry((a.min(b), a.max(b))).or_default();
        entry.0 += score;
        entry.1 += 1;
    }
    let n_rows = lines.len() - usize::from(header.is_some());
    reference.names = names.finish()?;
    let n = reference.names.len();
    let mut values = vec![None; pair_count(n)];
    let top = scores.values().map(|(sum, count)| sum / f64::from(*count)).fold(f64::NEG_INFINITY, f64::max);
    for (&(a, b), (sum, count)) in &scores {
        values[pair_index(a, b, n)] = Some(top - sum / f64::from(*count));
    }
    reference.subjects.push(Subject { name: "mean of the raters".to_owned(), values });
    reference.notes.push(format!(
        "{} different pairs of {n} words from {n_rows} rows; {same} rows pair a word with itself and are left out. Scores are \
         taken as similarities.",
        scores.len()
    ));
    Ok(())
}

/// A square table. Zeros on the diagonal mean dissimilarities, anything else similarities.
fn from_square(lines: &[(usize, Vec<&str>)], reference: &mut Reference) -> Result<(), StimuliError> {
    let (head, rows) = lines.split_first().ok_or(StimuliError::TooFew { n: 0 })?;
    let width = rows.first().map_or(0, |(_, fields)| fields.len());
    let has_row_names = width == rows.len() + 1;
    let mut names = Names::default();
    let skip = usize::from(head.1.len() == rows.len() + 1);
    for name in head.1.iter().skip(skip) {
        names.of(name, head.0)?;
    }
    let names = names.finish()?;
    let n = names.len();
    if n != rows.len() {
        return Err(shape(format!("{n} different names in the first row for {} rows", rows.len())));
    }
    let mut square = vec![None; n * n];
    for (row, (line, fields)) in rows.iter().enumerate() {
        let values = fields.get(usize::from(has_row_names)..).unwrap_or_default();
        if values.len() != n {
            return Err(StimuliError::Line { line: *line, detail: format!("{} values for {n} names", values.len()) });
        }
        for (column, value) in values.iter().enumerate() {
            square[row * n + column] = value.parse::<f64>().ok().filter(|value| value.is_finite());
        }
    }
    let is_dissimilarity = (0..n).all(|i| square[i * n + i].is_none_or(|value| value == 0.0))
        && (0..n).any(|i| square[i * n + i].is_some());
    let top = square.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut values = Vec::with_capacity(pair_count(n));
    for a in 0..n {
        for b in a + 1..n {
            let both = [square[a * n + b], square[b * n + a]];
            let known: Vec<f64> = both.into_iter().flatten().collect();
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            values.push((!known.is_empty()).then_some(if is_dissimilarity { mean } else { top - mean }));
        }
    }
    reference.names = names;
    reference.subjects.push(Subject { name: "the table".to_owned(), values });
    reference.notes.push(if is_dissimilarity {
        "The diagonal is zero: the numbers are taken as dissimilarities.".to_owned()
    } else {
        "The diagonal is not zero: the numbers are taken as similarities.".to_owned()
    });
    Ok(())
}

/// Three words a line, the odd one last; a header that names an `odd` column says where else it is.
fn from_triplets(lines: &[(usize, Vec<&str>)], reference: &mut Reference) -> Result<(), StimuliError> {
    let odd_at = lines.first().and_then(|(_, fields)| fields.iter().position(|it| it.to_lowercase().contains("odd")));
    let mut names = Names::default();
    for (line, fields) in lines.iter().skip(usize::from(odd_at.is_some())) {
        let [a, b, c] = fields.as_slice() else {
            return Err(StimuliError::Line {
                line: *line,
                detail: "three words are needed, the odd one last".to_owned(),
            });
        };
        let mut triplet = [names.of(a, *line)?, names.of(b, *line)?, names.of(c, *line)?];
        if triplet[0] == triplet[1] || triplet[0] == triplet[2] || triplet[1] == triplet[2] {
            return Err(StimuliError::Line { line: *line, detail: "a word stands there twice".to_owned() });
        }
        triplet.swap(odd_at.unwrap_or(2).min(2), 2);
        reference.triplets.push(triplet);
    }
    reference.names = names.finish()?;
    reference.notes.push(format!("{} odd-one-out answers; the odd one is the last of each.", reference.triplets.len()));
    Ok(())
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
}

fn numbers(value: Option<&Value>) -> Option<Vec<Option<f64>>> {
    Some(value?.as_array()?.iter().map(|it| it.as_f64().filter(|it| it.is_finite())).collect())
}

fn from_json(value: &Value, reference: &mut Reference) -> Result<(), StimuliError> {
    let rows: Vec<Subject>;
    if let Some(raters) = value.get("raters").and_then(Value::as_array) {
        reference.names = texts(value.get("names").or_else(|| value.get("items_en")))
            .ok_or_else(|| shape("raters need a list of names beside them"))?;
        let similar = value.get("measure").and_then(Value::as_str) != Some("dissimilarity");
        let read = raters.iter().enumerate().map(|(index, rater)| {
            let values = numbers(rater.get("upper")).ok_or_else(|| shape("a rater has no list \"upper\""))?;
            let top = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
            let values = values.into_iter().map(|it| it.map(|it| if similar { top - it } else { it })).collect();
            let name = rater.get("rater").map_or_else(|| (index + 1).to_string(), ToString::to_string);
            Ok(Subject { name: name.trim_matches('"').to_owned(), values })
        });
        rows = read.collect::<Result<_, StimuliError>>()?;
    } else if let Some(dissimilarities) = value.get("dissimilarities").and_then(Value::as_array) {
        let patterns = value.get("pattern_descriptors").and_then(Value::as_object);
        let names = ["conds", "names", "name", "index"];
        let by_name = names.into_iter().find_map(|name| texts(patterns?.get(name)));
        let read = dissimilarities.iter().enumerate().map(|(index, values)| Subject {
            name: (index + 1).to_string(),
            values: numbers(Some(values)).unwrap_or_default(),
        });
        rows = read.collect();
        let n = rows.first().and_then(|it| item_count(it.values.len())).unwrap_or(0);
        reference.names = by_name.unwrap_or_else(|| (1..=n).map(|it| format!("item {it}")).collect());
    } else if let Some(tasks) = value.get("tasks").and_then(Value::as_array) {
        let arranged = tasks.iter().filter(|task| task.get("rdm").is_some_and(|it| !it.is_null()));
        let mut found = Vec::new();
        for task in arranged {
            let stimuli = task.get("stimuli").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let names: Option<Vec<String>> =
                stimuli.iter().map(|it| Some(it.get("name")?.as_str()?.to_owned())).collect();
            let names = names.ok_or_else(|| shape("a stimulus of the arrangement has no name"))?;
            if found.is_empty() {
                reference.names.clone_from(&names);
            }
            if names == reference.names {
                let name = task.pointer("/task/name").and_then(Value::as_str).unwrap_or("arrangement").to_owned();
                found.push(Subject { name, values: numbers(task.get("rdm")).unwrap_or_default() });
            }
        }
        rows = found;
    } else {
        return Err(shape("the JSON has neither raters, dissimilarities nor arrangement tasks"));
    }
    let n = reference.names.len();
    let distinct: BTreeSet<&String> = reference.names.iter().collect();
    if n < 3 {
        return Err(StimuliError::TooFew { n });
    }
    if n > MAX_WORDS {
        return Err(StimuliError::TooMany);
    }
    if distinct.len() != n {
        // The Leuven tools have "crowbar" twice: different things of one name stay apart.
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for name in &mut reference.names {
            let times = seen.entry(name.clone()).or_default();
            *times += 1;
            if *times > 1 {
                *name = format!("{name} ({times})");
            }
        }
    }
    if rows.is_empty() || rows.iter().any(|it| it.values.len() != pair_count(n)) {
        return Err(shape(format!("a rater needs {} values for {n} things", pair_count(n))));
    }
    let missing = rows.iter().flat_map(|it| &it.values).filter(|it| it.is_none()).count();
    reference.notes.push(format!("{} raters of {n} things; {missing} ratings are missing.", rows.len()));
    reference.subjects = rows;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        match import(text, "id", "file").unwrap() {
            Imported::Reference(reference) => reference,
            Imported::Words(words) => panic!("{words:?}"),
        }
    }

    #[test]
    fn words_are_read_from_lines_and_between_commas() {
        for text in ["dog\nparking lot\ncar\n\ndog\n", "dog, parking lot, car", "\u{feff}dog;parking lot;car"] {
            let Imported::Words(set) = import(text, "id", "t").unwrap() else { panic!() };
            assert_eq!(set.words, ["dog", "parking lot", "car"], "{text:?}");
            assert_eq!(set.pairs(), [("dog", "parking lot"), ("dog", "car"), ("parking lot", "car")]);
        }
        assert_eq!(import("dog, cat", "", ""), Err(StimuliError::TooFew { n: 2 }));
    }

    #[test]
    fn pair_files_keep_the_pairs_they_have() {
        let plain = reference("tiger\tcat\t7.5\ntiger\ttiger\t10\nbook\tpaper\t7\ncat\ttiger\t6.5\n");
        assert_eq!(plain.names, ["tiger", "cat", "book", "paper"]);
        assert_eq!(plain.stimuli().pairs(), [("tiger", "cat"), ("book", "paper")]);
        let values: Vec<f64> = plain.subjects[0].values.iter().flatten().copied().collect();
        assert_eq!(values, [0.0, 0.0], "7 as the mean of 7.5 and 6.5, and 7");
        assert!(plain.notes[0].starts_with("2 different pairs of 4 words from 4 rows; 1 rows"), "{:?}", plain.notes);
        let named = reference("word1\tword2\tPOS\tSimLex999\tconc\nold\tnew\tA\t1.58\t2.7\nsmart\tbright\tA\t9.2\t1\n");
        let values: Vec<f64> = named.subjects[0].values.iter().flatten().copied().collect();
        assert!((values[0] - 7.62).abs() < 1e-12 && values[1] == 0.0, "{values:?}");
        assert!(import("a\tb\t1\nc\td\tx\n", "", "").is_err());
    }

    #[test]
    fn tables_are_dissimilarities_if_their_diagonal_is_zero() {
        let rdm = reference(",a,b,c\na,0,1,2\nb,1,0,3\nc,2,,0\n");
        assert_eq!(rdm.names, ["a", "b", "c"]);
        assert_eq!(rdm.subjects[0].values, [Some(1.0), Some(2.0), Some(3.0)]);
        let alike = reference("a\tb\tc\n5\t1\t2\n1\t5\t3\n2\t3\t5\n");
        assert_eq!(alike.subjects[0].values, [Some(4.0), Some(3.0), Some(2.0)]);
    }

    #[test]
    fn triplets_end_with_the_odd_one() {
        let found = reference("dog cat car\n".replace(' ', "\t").repeat(2).as_str());
        assert_eq!(
            (found.triplets, found.names),
            (vec![[0, 1, 2]; 2], ["dog", "cat", "car"].map(str::to_owned).to_vec())
        );
        let found = reference("odd,near,far\ncar,dog,cat\nbus,dog,cat\n");
        assert_eq!(found.triplets[0], [2, 1, 0]);
        assert_eq!(found.names[found.triplets[0][2]], "car");
        assert!(import("1 2 3\n4 5 6\n".replace(' ', "\t").as_str(), "", "").is_err());
    }

    #[test]
    fn json_of_raters_rsatoolbox_and_meadows() {
        let leuven = reference(
            r#"{"items_en":["a","b","b"],"measure":"similarity","raters":[{"rater":1,"upper":[20,5,null]},{"rater":"x","upper":[1,1,2]}]}"#,
        );
        assert_eq!(leuven.names, ["a", "b", "b (2)"]);
        assert_eq!(leuven.subjects[0].values, [Some(0.0), Some(15.0), None]);
        assert_eq!(leuven.subjects[1].name, "x");
        let toolbox =
            reference(r#"{"dissimilarities":[[1,2,3],[3,2,1]],"pattern_descriptors":{"conds":["a","b","c"]}}"#);
        assert_eq!((toolbox.names.len(), toolbox.subjects.len()), (3, 2));
        let meadows = reference(
            r#"{"tasks":[{"task":{"name":"i"},"stimuli":[]},{"task":{"name":"ma","task_type":"multiarrange"},"stimuli":[{"name":"a"},{"name":"b"},{"name":"c"}],"rdm":[0.1,0.2,0.3]}]}"#,
        );
        assert_eq!(meadows.subjects[0].values, [Some(0.1), Some(0.2), Some(0.3)]);
        for wrong in ["{}", r#"{"names":["a","b","c"],"raters":[{"upper":[1]}]}"#, "{", r#"{"raters":[]}"#] {
            assert!(matches!(import(wrong, "", ""), Err(StimuliError::Shape { .. })), "{wrong}");
        }
    }
}
