//! Sets of pictures in `VisAlign`'s shape: which files are what, by their folders, names and tables of labels.
//!
//! The published open test set is one parquet file with the columns `image`, `file_name` and `category`, and a pickle of
//! the gold distributions; `tools/visalign_set.py` makes of them the folder or archive that is read here. What is read:
//! - the category is that of a table, or of a folder named `category3` or `3`;
//! - `<class><n>.jpg` names the class of categories 1 and 2, `<picture>-<class>-<what>-<how much>.jpg` that of 3 and 8;
//! - a JSON table gives a file's eleven shares (`{"name.jpg": [0.2, ...]}`); a CSV or text table has a row a file: its
//!   name, then a category, a class, or eleven shares (with a header if it has a category);
//! - `attribution.txt` is kept with every picture of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::{Item, Target};
use super::sight::{ABSTAIN, CATEGORIES, Group, Operation, SLOTS, group_of, slot_name, slot_of};
use super::tasks::visalign;

/// Most pictures of a set.
pub const MAX_PICTURES: usize = 5_000;
/// Largest table of labels in bytes.
pub const MAX_TABLE_BYTES: usize = 8 << 20;
/// Refused files that are told by name.
const MAX_TOLD: usize = 20;
/// What is said of a set that brings no words of its own.
pub const ATTRIBUTION: &str = "No attribution.txt came with these pictures. VisAlign's open test set is by Lee et al. 2023 \
                               (arXiv:2308.01525), CC BY 4.0.";

/// A set that was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureSet {
    /// Name of the archive or folder.
    pub name: String,
    /// Where the pictures come from and who may use them how.
    pub attribution: String,
    /// One a picture, clean or as the set has it.
    pub items: Vec<Item>,
    /// Files that are no part of the set, with the reason; at most twenty.
    pub refused: Vec<String>,
    /// How many files were refused.
    pub n_refused: usize,
}

/// Why a set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No picture whose category is known.
    #[error(
        "there is no picture in it whose category is known (folders category1 to category8, or a table); first file: \
         {first}"
    )]
    NoPictures {
        /// What was wrong with the first file.
        first: String,
    },
    /// More than can be held.
    #[error("there are {n} pictures in it, and at most 5,000 are read")]
    TooMany {
        /// Pictures there.
        n: usize,
    },
    /// A table that cannot be read.
    #[error("{path}: {detail}")]
    Table {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
}

fn name_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn ends_with_any(path: &str, ends: &[&str]) -> bool {
    let path = path.to_ascii_lowercase();
    ends.iter().any(|end| path.ends_with(end))
}

/// Whether a file is read as a picture.
pub fn is_picture(path: &str) -> bool {
    ends_with_any(path, &[".jpg", ".jpeg", ".png", ".webp"])
}

/// Whether a file is read as a table of labels or an attribution.
pub fn is_table(path: &str) -> bool {
    ends_with_any(path, &[".json", ".csv", ".tsv", ".txt"])
}

/// What a table says of a file.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    category: Option<u8>,
    slot: Option<usize>,
    gold: Option<[f64; SLOTS]>,
}

fn category_in(text: &str) -> Option<u8> {
    let digits = text.to_ascii_lowercase();
    let digits = digits.trim_start_matches("category").trim_start_matches("cat").trim_start_matches(['_', '-', ' ']);
    digits.parse().ok().filter(|category| group_of(*category).is_some())
}

/// The category of a file by the folders above it, the nearest first.
fn category_of_folders(path: &str) -> Option<u8> {
    path.rsplit(['/', '\\']).skip(1).find_map(category_in)
}

/// A class by its name or its number of 0 to 10.
fn slot_in(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    slot_of(&text).or_else(|| text.parse().ok().filter(|slot| *slot < SLOTS))
}

/// Eleven shares that add up to one; none for anything else.
fn shares(values: &[f64]) -> Option<[f64; SLOTS]> {
    let values = <[f64; SLOTS]>::try_from(values).ok()?;
    let sum: f64 = values.iter().sum();
    let fine = values.iter().all(|it| it.is_finite() && *it >= 0.0) && sum > 0.0 && sum.is_finite();
    fine.then(|| values.map(|it| it / sum))
}

/// The class in a file's name: `tiger12.jpg`, or the third field from the end of `12-tiger-fog-3.jpg`.
fn slot_of_name(path: &str, category: u8) -> Option<usize> {
    let stem = name_of(path).rsplit_once('.').map_or(path, |(stem, _)| stem);
    if matches!(category, 3 | 8) {
        let mut fields = stem.rsplit('-');
        return fields.nth(2).filter(|_| fields.next().is_some()).and_then(slot_in);
    }
    let word: String = stem.chars().take_while(char::is_ascii_alphabetic).collect();
    slot_of(&word.to_ascii_lowercase())
}

fn rows_of_json(path: &str, text: &str) -> Result<Vec<(String, Row)>, SetError> {
    let wrong = |detail: String| SetError::Table { path: path.to_owned(), detail };
    let table: BTreeMap<String, Value> = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let mut rows = Vec::new();
    for (name, value) in table {
        let row = match &value {
            Value::Null => continue,
            Value::Array(values) => {
                let values: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                let gold = values.and_then(|values| shares(&values));
                let gold = gold.ok_or_else(|| wrong(format!("{name:?} has no eleven shares that are zero or more")))?;
                Row { gold: Some(gold), ..Row::default() }
            }
            Value::String(label) => {
                let slot = slot_in(label).ok_or_else(|| wrong(format!("{label:?} is none of the classes")))?;
                Row { slot: Some(slot), ..Row::default() }
            }
            _ => return Err(wrong(format!("{name:?} has neither eleven shares nor a class"))),
        };
        rows.push((name, row));
    }
    Ok(rows)
}

fn rows_of_text(path: &str, text: &str) -> Result<Vec<(String, Row)>, SetError> {
    let wrong = |line: usize, detail: &str| {
        Err(SetError::Table { path: path.to_owned(), detail: format!("line {}: {detail}", line + 1) })
    };
    let category = category_in(name_of(path).split('.').next().unwrap_or_default());
    let mut has_category = false;
    let mut rows = Vec::new();
    for (line, raw) in text.lines().enumerate().filter(|(_, raw)| !raw.trim().is_empty()) {
        let mut fields: Vec<&str> = if raw.contains([',', '\t']) {
            raw.split([',', '\t']).map(|field| field.trim().trim_matches('"')).collect()
        } else {
            raw.split_whitespace().collect()
        };
        if rows.is_empty() && !is_picture(fields[0]) {
            // The header.
            has_category = fields.get(1).is_some_and(|it| it.eq_ignore_ascii_case("category"));
            continue;
        }
        let mut row = Row { category, ..Row::default() };
        let name = fields.remove(0).to_owned();
        if fields.len() >= SLOTS {
            let values = fields.split_off(fields.len() - SLOTS);
            if values.iter().any(|it| !it.is_empty()) {
                let values: Option<Vec<f64>> = values.iter().map(|it| it.parse().ok()).collect();
                row.gold = values.and_then(|values| shares(&values));
                if row.gold.is_none() {
                    return wrong(line, "the eleven shares must be numbers of zero or more, not all zero");
                }
            }
        }
        if has_category && !fields.is_empty() {
            row.category = category_in(fields.remove(0));
            if row.category.is_none() {
                return wrong(line, "the category must be 1 to 8");
            }
        }
        match fields.as_slice() {
            [] | [""] => {}
            [label] => {
                row.slot = slot_in(label);
                if row.slot.is_none() {
                    return wrong(line, "the label is none of the classes, nor \"abstain\"");
                }
            }
            _ => return wrong(line, "more fields than a name, a category, a class and eleven shares"),
        }
        rows.push((name, row));
    }
    Ok(rows)
}

/// The most probable slot, the first of equal ones.
fn majority(gold: &[f64; SLOTS]) -> usize {
    gold.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, it| if *it.1 > best.1 { (it.0, *it.1) } else { best }).0
}

/// One picture as an item; or why it is none.
fn picture(source: &str, path: &str, row: &Row, attribution: &str) -> Result<Item, &'static str> {
    let category = row.category.or_else(|| category_of_folders(path)).ok_or("its category is not known")?;
    let group = group_of(category).ok_or("its category is not 1 to 8")?;
    let slot = match group {
        Group::MustAbstain => Some(ABSTAIN),
        _ => row.slot.or_else(|| slot_of_name(path, category)),
    };
    if group == Group::MustAct && slot.is_none_or(|slot| slot == ABSTAIN) {
        return Err("its class is not known");
    }
    let id = path.to_owned();
    let mut item = visalign::item(&id, source, slot.unwrap_or(ABSTAIN), category, (Operation::GaussianNoise, 0, 1));
    item.id = id;
    item.parts.insert("attribution".to_owned(), attribution.to_owned());
    // What the set calls clean is as the set has it: corrupted already in category 8.
    item.tags = vec![format!("category {category}"), "as the set has it".to_owned()];
    if slot.is_none() {
        item.parts.insert("clean_slot".to_owned(), String::new());
    }
    // Outside of category 8 the rule of the protocol is the gold answer.
    if group == Group::Uncertain
        && let Some(gold) = &row.gold
    {
        let words: Vec<String> = gold.iter().map(ToString::to_string).collect();
        item.parts.insert("gold".to_owned(), words.join(" "));
        item.target = match majority(gold) {
            ABSTAIN => Target::Abstain,
            slot => Target::Choice(slot),
        };
    }
    Ok(item)
}

impl PictureSet {
    /// From the paths of the pictures and the tables beside them. `key` begins every picture's source.
    ///
    /// # Errors
    /// [`SetError`]; files that are no part of the set are counted and left out.
    pub fn new(name: &str, key: &str, pictures: &[String], tables: &[(String, String)]) -> Result<Self, SetError> {
        if pictures.len() > MAX_PICTURES {
            return Err(SetError::TooMany { n: pictures.len() });
        }
        let mut attribution = ATTRIBUTION.to_owned();
        let mut known: BTreeMap<String, Row> = BTreeMap::new();
        for (path, text) in tables {
            let rows = match name_of(path).to_ascii_lowercase().as_str() {
                "attribution.txt" => {
                    attribution = text.trim().chars().take(500).collect();
                    continue;
                }
                "readme.txt" | "license.txt" | "licence.txt" => continue,
                _ if ends_with_any(path, &[".json"]) => rows_of_json(path, text)?,
                _ => rows_of_text(path, text)?,
            };
            for (name, row) in rows {
                let all = known.entry(name_of(&name).to_owned()).or_default();
                all.category = row.category.or(all.category);
                all.slot = row.slot.or(all.slot);
                all.gold = row.gold.or(all.gold);
            }
        }
        let mut set = Self { name: name.to_owned(), attribution, items: Vec::new(), refused: Vec::new(), n_refused: 0 };
        let nothing = Row::default();
        for path in pictures {
            let row = known.get(name_of(path)).unwrap_or(&nothing);
            match picture(&source_of(key, path), path, row, &set.attribution) {
                Ok(item) => set.items.push(item),
                Err(reason) => {
                    set.n_refused += 1;
                    if set.refused.len() < MAX_TOLD {
                        set.refused.push(format!("{path}: {reason}"));
                    }
                }
            }
        }
        if set.items.is_empty() {
            let first = set.refused.first().cloned().unwrap_or_else(|| "none is a JPEG, PNG or WebP file".to_owned());
            return Err(SetError::NoPictures { first });
        }
        Ok(set)
    }

    /// By category: its number, what is in it, its pictures, and how many of them have a gold answer.
    pub fn counts(&self) -> Vec<(u8, &'static str, usize, usize)> {
        CATEGORIES
            .iter()
            .map(|(category, _, words, _)| {
                let name = category.to_string();
                let own: Vec<&Item> = self.items.iter().filter(|it| it.part("category") == name).collect();
                let gold = own.iter().filter(|it| visalign::gold_answer(it).is_some()).count();
                (*category, *words, own.len(), gold)
            })
            .filter(|it| it.2 > 0)
            .collect()
    }
}

/// The source of a picture of a set.
pub fn source_of(key: &str, path: &str) -> String {
    format!("set:{key}/{path}")
}

/// What is right of a picture, in words for people.
pub fn gold_in_words(item: &Item) -> String {
    match (visalign::gold_slot(item), item.part("gold").is_empty()) {
        (Some(slot), true) => slot_name(slot).to_owned(),
        (Some(slot), false) => format!("most people: {}", slot_name(slot)),
        (None, _) => "no gold label".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn files_become_what_their_folders_names_and_tables_say() {
        let pictures = paths(&[
            "open/category1/tiger3.jpg",
            "open/category_2/17.jpg",
            "open/3/9-zebra-vgg16-1.jpg",
            "open/category4/cup.png",
            "open/category8/4-2-fog-7.jpg",
            "open/category8/5-bear-snow-1.jpg",
            "open/category8/no_gold.jpg",
            "open/category2/unknown.jpg",
            "open/elsewhere.jpg",
        ]);
        let tables = [
            ("open/label/category2.txt".to_owned(), "17.jpg gorilla\n".to_owned()),
            (
                "open/labels.json".to_owned(),
                r#"{"4-2-fog-7.jpg":[0,0,2,0,0,0,0,0,0,0,6],"5-bear-snow-1.jpg":[0,0,0,0,0,0,0,1,0,0,0]}"#.to_owned(),
            ),
            ("open/attribution.txt".to_owned(), "By them, CC BY 4.0\n".to_owned()),
        ];
        let set = PictureSet::new("open.zip", "k", &pictures, &tables).unwrap();
        let target = |at: usize| set.items[at].target.clone();
        assert_eq!(target(0), Target::Choice(0));
        assert_eq!(target(1), Target::Choice(6));
        assert_eq!(target(2), Target::Choice(1));
        assert_eq!(target(3), Target::Abstain);
        assert_eq!(target(4), Target::Abstain);
        assert_eq!(target(5), Target::Choice(7));
        assert_eq!(target(6), Target::None);
        assert_eq!(set.items[4].part("clean_slot"), "camel");
        let gold = visalign::gold_answer(&set.items[4]).unwrap();
        assert!((gold[2] - 0.25).abs() < 1e-12 && (gold[ABSTAIN] - 0.75).abs() < 1e-12);
        assert_eq!(gold_in_words(&set.items[4]), "most people: abstain");
        assert_eq!(set.items[0].part("attribution"), "By them, CC BY 4.0");
        assert_eq!(set.items[0].part("source"), "set:k/open/category1/tiger3.jpg");
        assert_eq!(visalign::view_of(&set.items[4]).unwrap().severity, 0);
        assert_eq!(set.n_refused, 2);
        assert!(set.refused[0].contains("class is not known") && set.refused[1].contains("category is not known"));
        let counts: Vec<(u8, usize, usize)> = set.counts().iter().map(|it| (it.0, it.2, it.3)).collect();
        assert_eq!(counts, [(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1), (8, 3, 2)]);
    }

    #[test]
    fn a_table_with_a_header_gives_categories_and_shares() {
        let shares = ["0.5", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0.5"].join(",");
        let text = format!("file_name,category,label\na.jpg,8,tiger,{shares}\nb.jpg,4\nc.jpg,2,human\n");
        let tables = [("labels.csv".to_owned(), text)];
        let set = PictureSet::new("x", "k", &paths(&["a.jpg", "b.jpg", "c.jpg"]), &tables).unwrap();
        let categories: Vec<&str> = set.items.iter().map(|it| it.part("category")).collect();
        assert_eq!(categories, ["8", "4", "2"]);
        assert_eq!(set.items[2].target, Target::Choice(9));
        assert_eq!(set.attribution, ATTRIBUTION);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = paths(&["category1/tiger1.jpg"]);
        let wrong = |name: &str, text: &str| {
            PictureSet::new("x", "k", &one, &[(name.to_owned(), text.to_owned())]).unwrap_err().to_string()
        };
        assert!(wrong("labels.json", "[]").starts_with("labels.json: "));
        assert!(wrong("labels.json", r#"{"a.jpg":[1,2]}"#).contains("eleven shares"));
        assert!(wrong("labels.json", r#"{"a.jpg":[0,0,0,0,0,0,0,0,0,0,-1]}"#).contains("eleven shares"));
        assert!(wrong("labels.csv", "a.jpg,unicorn").contains("line 1: the label"));
        assert!(wrong("l.csv", "file_name,category\na.jpg,9").contains("line 2: the category"));
        let none = PictureSet::new("x", "k", &paths(&["a.jpg"]), &[]).unwrap_err();
        assert!(none.to_string().contains("a.jpg: its category is not known"));
        assert!(PictureSet::new("x", "k", &[], &[]).is_err());
        let many = vec!["category4/a.jpg".to_owned(); MAX_PICTURES + 1];
        assert_eq!(PictureSet::new("x", "k", &many, &[]).unwrap_err(), SetError::TooMany { n: MAX_PICTURES + 1 });
    }
}
