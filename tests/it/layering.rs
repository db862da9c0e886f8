//! The dependency table of `ARCHITECTURE.md` holds for every source file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, in a fixed order.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Row → allowed columns, from the table under "module | may import".
fn table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with("| module | may import |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let module = cells.next().unwrap_or_default().to_owned();
            let allowed = cells.next().unwrap_or_default();
            (module, allowed.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
        })
        .collect()
}

/// The code without comments and string contents; line breaks are kept.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if c == '"' {
            let mut end = rest.len();
            let mut escaped = false;
            for (i, c) in rest.char_indices().skip(1) {
                if escaped {
                    escaped = false;
                } else if c == '\\' {
                    escaped = true;
                } else if c == '"' {
                    end = i + 1;
                    break;
                }
            }
            code.push_str("\"\"");
            rest = &rest[end..];
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest = &rest[rest[1..].find('\'').map_or(rest.len(), |end| end + 2)..];
            rest = rest.strip_prefix('\'').unwrap_or(rest);
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// The `first::second` (or `first`) that follow each `crate::`, with one level of `crate::{a, b::c}` taken apart.
fn crate_paths(code: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let two = |text: &str| -> String {
        let first = name(text);
        match text[first.len()..].strip_prefix("::") {
            Some(rest) if !name(rest).is_empty() => format!("{first}::{}", name(rest)),
            _ => first,
        }
    };
    let mut paths = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            paths.push(two(rest));
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                let path = two(group[start..i].trim());
                if !path.is_empty() {
                    paths.push(path);
                }
                start = i + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    paths
}

/// What a file of `module` names and may not.
fn undeclared(module: &str, code: &str, table: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed = &table[module];
    crate_paths(code)
        .into_iter()
        .filter(|path| {
            let top = path.split("::").next().unwrap_or_default();
            top != module && table.contains_key(top) && !allowed.contains(top) && !allowed.contains(path.as_str())
        })
        .collect()
}

fn module_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next()?.as_os_str().to_str()?;
    let module = first.trim_end_matches(".rs");
    (module != "lib" && module != "bin").then(|| module.to_owned())
}

#[test]
fn every_import_is_declared_in_the_table() {
    let table = table(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let mut problems = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(module) = module_of(&file) else { continue };
        if !table.contains_key(&module) {
            problems.push(format!("{}: no row for `{module}` in ARCHITECTURE.md", file.display()));
            continue;
        }
        let code = code_only(&fs::read_to_string(&file).unwrap());
        for path in undeclared(&module, &code, &table) {
            problems.push(format!("{}: `{module}` may not import `crate::{path}`", file.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let table = table(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let mut done = BTreeSet::new();
    while done.len() < table.len() {
        let before = done.len();
        for (module, allowed) in &table {
            if allowed.iter().all(|name| done.contains(name.split("::").next().unwrap_or_default())) {
                done.insert(module.clone());
            }
        }
        assert!(
            done.len() > before,
            "a cycle among {:?}",
            table.keys().filter(|m| !done.contains(*m)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_scan_sees_uses_paths_and_groups() {
    let code = code_only(
        "use crate::{gpu, eval::{a, b}, worker::client};\nlet x = crate::store::open(); // crate::ui\n\"crate::app\"",
    );
    assert_eq!(
        crate_paths(&code),
        ["gpu", "eval::", "worker::client", "store::open"].map(|p| p.trim_end_matches("::"))
    );
}

#[test]
fn a_forbidden_edge_is_found_and_a_partial_one_honored() {
    let table = table("| module | may import |\n| --- | --- |\n| ui | worker::client |\n| worker | |\n| gpu | |\n");
    assert_eq!(
        undeclared("ui", "crate::worker::client::X crate::worker::host::Y crate::gpu::Z", &table),
        ["worker::host", "gpu::Z"]
    );
}
