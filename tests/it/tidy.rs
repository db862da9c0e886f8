//! Rules that no compiler checks: where target switches stand, that the map is complete, that nothing is orphaned.

use std::fs;
use std::path::{Path, PathBuf};

use crate::layering::rust_files;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(PathBuf, String)> {
    rust_files(&root().join("src")).into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn tests_and_sources() -> Vec<(PathBuf, String)> {
    let own = Path::new(file!()).file_name().unwrap();
    let mut all = sources();
    for path in rust_files(&root().join("tests")) {
        if path.file_name() != Some(own) {
            all.push((path.clone(), fs::read_to_string(path).unwrap()));
        }
    }
    all
}

#[test]
fn target_switches_stand_only_on_module_lines() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let below = path.strip_prefix(root().join("src")).unwrap().to_path_buf();
        let allowed = below == Path::new("lib.rs")
            || below.starts_with("platform")
            || (below.file_name().is_some_and(|name| name == "mod.rs"));
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if !line.contains("cfg(") || !line.contains("target_arch") || line.trim_start().starts_with("//") {
                continue;
            }
            let next = lines.get(i + 1..).unwrap_or_default().iter().find(|line| !line.trim_start().starts_with("#["));
            let on_module = next.is_some_and(|line| {
                let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
                line.starts_with("mod ") || line.starts_with("use ")
            });
            if !allowed || !on_module {
                problems.push(format!("{}:{}", path.display(), i + 1));
            }
        }
    }
    assert!(problems.is_empty(), "cfg(target_arch) outside of module lines:\n{}", problems.join("\n"));
}

#[test]
fn the_map_names_every_source_entry() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(map.lines().count() <= 200, "ARCHITECTURE.md has more than 200 lines");
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let named = format!("`{}`", name.trim_end_matches(".rs"));
        assert!(map.contains(&named), "ARCHITECTURE.md does not name {named}");
    }
}

#[test]
fn no_file_holds_what_the_rules_forbid() {
    let forbidden: [(&str, &str); 5] = [
        ("inner_html", "text from files and models must stay text"),
        ("#[ignore", "a test that does not run proves nothing"),
        (concat!("/wo", "rk/"), "a machine's path"),
        (concat!("/ro", "ot/"), "a machine's path"),
        ("/home/", "a machine's path"),
    ];
    let mut problems = Vec::new();
    for (path, text) in tests_and_sources() {
        for (word, reason) in forbidden {
            if text.contains(word) {
                problems.push(format!("{}: {word}: {reason}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_shader_is_included_by_rust_code() {
    let code: String = sources().into_iter().map(|(_, text)| text).collect();
    let mut folders = vec![root().join("src")];
    let mut n_shaders = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wgsl") {
                n_shaders += 1;
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(code.contains(&format!("{name}\"")), "{name} is included nowhere");
            }
        }
    }
    assert!(n_shaders > 0, "no shader was found");
}

#[test]
fn no_view_has_an_inline_style() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        if !path.starts_with(root().join("src").join("ui")) {
            continue;
        }
        for (i, line) in text.lines().enumerate() {
            let attribute = line.split([' ', '<']).any(|word| word.starts_with("style=") || word.starts_with("style:"));
            if attribute {
                problems.push(format!("{}:{}", path.display(), i + 1));
            }
        }
    }
    assert!(problems.is_empty(), "the site's policy forbids inline styles:\n{}", problems.join("\n"));
}

#[test]
fn every_dependency_is_named_in_the_code() {
    let code: String = tests_and_sources().into_iter().map(|(_, text)| text).collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    let mut unused = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies]");
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| in_dependencies && !line.starts_with(' ')) {
            let word = name.replace('-', "_");
            // Only named to choose something for others: the browser's source of randomness, an inflate.
            let is_setting = word.starts_with("getrandom") || word == "flate2";
            if !is_setting && !code.contains(&format!("{word}::")) {
                unused.push(name.to_owned());
            }
        }
    }
    assert_eq!(unused, Vec::<String>::new());
}
