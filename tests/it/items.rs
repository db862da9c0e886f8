//! What must hold for every item file that ships.

use std::collections::{BTreeMap, BTreeSet};

use likewise::eval::item::{Item, Target, items_from_jsonl};
use likewise::eval::scorers::text_match::{find_words, words};
use likewise::eval::task::TaskInfo;
use likewise::eval::tasks::TASKS;

fn read(below: &str) -> String {
    std::fs::read_to_string(format!("{}/public/{below}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every file once, with the first task that uses it.
fn files() -> BTreeMap<&'static str, (&'static TaskInfo, Vec<Item>)> {
    let mut files = BTreeMap::new();
    for entry in TASKS.iter().filter(|entry| !entry.info.items_path.is_empty()) {
        let path = entry.info.items_path;
        files.entry(path).or_insert_with(|| (entry.info, items_from_jsonl(&read(path)).unwrap()));
    }
    files
}

#[test]
fn every_file_has_forty_items_with_topics_levels_and_reasons() {
    for (path, (_, items)) in files() {
        assert!(items.len() >= 40, "{path} has {} items", items.len());
        let mut topics = BTreeSet::new();
        let mut levels = BTreeSet::new();
        for item in &items {
            assert_eq!(item.tags.len(), 2, "{path} {}", item.id);
            assert!(item.note.len() > 5, "{path} {} has no note", item.id);
            topics.insert(item.tags[0].clone());
            levels.insert(item.tags[1].clone());
        }
        assert!(topics.len() >= 4, "{path}: {topics:?}");
        assert!(levels.len() >= 2, "{path}: {levels:?}");
        assert!(levels.iter().all(|level| ["easy", "medium", "hard"].contains(&level.as_str())), "{path}: {levels:?}");
    }
}

#[test]
fn ids_are_unique_over_all_files() {
    let mut seen = BTreeMap::new();
    for (path, (_, items)) in files() {
        for item in items {
            assert_eq!(seen.insert(item.id.clone(), path), None, "{} is in two files", item.id);
        }
    }
}

#[test]
fn every_file_has_its_source_and_license_on_record() {
    let readme = read("items/README.md");
    for path in files().into_keys() {
        let name = path.trim_start_matches("items/");
        let row = readme.lines().find(|line| line.starts_with(&format!("| {name} |")));
        let cells: Vec<&str> =
            row.unwrap_or_else(|| panic!("{name} is not listed")).split('|').map(str::trim).collect();
        assert!(cells.len() == 5 && cells[2].len() > 5 && !cells[3].is_empty(), "{name}: {cells:?}");
    }
}

#[test]
fn items_have_the_parts_that_their_tasks_put_to_the_model() {
    for entry in TASKS.iter().filter(|entry| !entry.info.items_path.is_empty()) {
        for item in items_from_jsonl(&read(entry.info.items_path)).unwrap() {
            for part in entry.info.parts {
                assert!(!item.part(part).is_empty(), "{} lacks {part:?} for {}", item.id, entry.info.id);
            }
        }
    }
}

#[test]
fn no_prompt_gives_its_answer_away() {
    for (path, (_, items)) in files() {
        for item in &items {
            let prompt = words(&item.prompt);
            let Some(right) = item.right_choice() else { continue };
            let leaks = |index: usize| find_words(&prompt, &words(&item.choices[index])).is_some();
            // Where the prompt offers alternatives, it names a wrong one as well.
            let names_wrong = (0..item.choices.len()).any(|index| index != right && leaks(index));
            assert!(!leaks(right) || names_wrong, "{path} {}: {:?}", item.id, item.choices[right]);
        }
    }
}

#[test]
fn options_differ_and_right_positions_are_balanced() {
    for (path, (_, items)) in files() {
        let mut counts: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
        for item in &items {
            let texts: BTreeSet<Vec<String>> = item.choices.iter().map(|choice| words(choice)).collect();
            assert_eq!(texts.len(), item.choices.len(), "{path} {}: two options are the same", item.id);
            if let Target::Choice(right) = item.target {
                *counts.entry(item.choices.len()).or_default().entry(right).or_default() += 1;
            }
        }
        for (n_options, positions) in counts {
            let all: Vec<usize> = (0..n_options).map(|at| positions.get(&at).copied().unwrap_or(0)).collect();
            let (low, high) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            assert!(high - low <= 1, "{path}: right answers stand at {all:?}");
        }
    }
}

#[test]
fn no_two_items_are_near_duplicates() {
    // Sørensen's share of common word triples; templates would be near one.
    let triples = |item: &Item| {
        let mut text = item.prompt.clone();
        // Several questions are asked about one picture; they themselves must differ.
        for (_, part) in item.parts.iter().filter(|(name, _)| *name != "description") {
            text.push(' ');
            text.push_str(part);
        }
        words(&text).windows(3).map(<[String]>::to_vec).collect::<BTreeSet<_>>()
    };
    let all: Vec<(String, BTreeSet<Vec<String>>)> = files()
        .into_values()
        .flat_map(|(_, items)| items)
        .map(|item| (format!("{} ({})", item.id, item.prompt), triples(&item)))
        .collect();
    for (index, (first, a)) in all.iter().enumerate() {
        for (second, b) in &all[..index] {
            let shared = a.intersection(b).count() as f64;
            let alike = 2.0 * shared / (a.len() + b.len()).max(1) as f64;
            assert!(alike < 0.6, "{first} and {second}: {alike:.2}");
        }
    }
}

#[test]
fn original_files_are_read_where_they_are_there() {
    use likewise::eval::import::import_items;
    // Files of others are not part of this project; a folder beside it may hold them.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let files = [
        ("bigbench/known_unknowns.json", "BIG-bench", 46),
        ("bigbench/truthful_qa_mc.json", "BIG-bench", 299),
        ("selfaware/selfaware_sample400.json", "SelfAware", 400),
        ("trustllm/sycophancy.json", "TrustLLM", 100),
        ("bbh/snarks.json", "BIG-bench", 150),
    ];
    for (name, source, at_least) in files {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
        let found = import_items(&text).unwrap();
        assert_eq!(found.source, source, "{name}");
        assert!(found.items.len() >= at_least, "{name}: {} items, {} skipped", found.items.len(), found.skipped);
    }
}
