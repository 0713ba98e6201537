//! The ladder: a module names only rungs below its own. Read from the sources, so that it cannot drift.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rungs, lowest first. Modules of one rung may name one another only where they are one module.
const RUNGS: &[&[&str]] = &[
    &["id", "time", "entropy", "secret"],
    &["factor"],
    &["model"],
    &["seal"],
    &["storage"],
    &["delivery"],
    &["engine"],
    &["dialect/body", "dialect/path"],
    &["dialect/vault", "dialect/zitadel", "dialect/openziti"],
    &["config"],
    &["server"],
    &["app"],
    &["cli"],
    &["main"],
];

/// Leaves that lean on a leaf: chance fills ids.
const AMONG_LEAVES: &[(&str, &str)] = &[("id", "entropy")];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found
}

/// The module on the ladder that a file belongs to; `None` for the two that only list modules.
fn module_of(file: &Path) -> Option<String> {
    let path = file.with_extension("").to_string_lossy().into_owned();
    if path == "lib" || path == "dialect/mod" {
        return None;
    }
    let depth = if path.starts_with("dialect/") { 2 } else { 1 };
    Some(path.split('/').take(depth).collect::<Vec<_>>().join("/"))
}

fn rung(module: &str) -> usize {
    let found = RUNGS.iter().position(|rung| rung.contains(&module));
    found.unwrap_or_else(|| panic!("{module} stands on no rung of the ladder"))
}

/// The modules that a source names through `crate::` (or, in the binary, the crate's name), in any spelling of `use`.
fn named_modules(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut named = BTreeSet::new();
    for start in ["crate::", "countersign::"] {
        for (at, _) in code.match_indices(start) {
            named.extend(first_segments(&code[at + start.len()..]));
        }
    }
    named
}

/// `a::b` names `a`; `{a::x, b::{y}, c}` names `a`, `b` and `c`; `dialect` is named with its second segment.
fn first_segments(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        let path: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        let mut segments = path.split("::");
        let first = segments.next().unwrap_or_default().to_owned();
        return match first.as_str() {
            // What the dialects share is known by its type.
            "dialect" => {
                let second = segments.next().unwrap_or_default();
                vec![format!("dialect/{}", if second == "Bodies" { "body" } else { second })]
            }
            _ => vec![first],
        };
    };
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(character == '{') - i32::from(character == '}');
                part.push(character);
            }
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).flat_map(first_segments).collect()
}

#[test]
fn a_module_names_only_rungs_below_its_own() {
    let mut checked = 0;
    for (file, text) in sources() {
        let Some(module) = module_of(&file) else { continue };
        for named in named_modules(&text) {
            let below = rung(&named) < rung(&module);
            let leaf = AMONG_LEAVES.contains(&(module.as_str(), named.as_str()));
            assert!(named == module || below || leaf, "{} names {named}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} names were found: the reader of sources is broken");
}

#[test]
fn only_the_upper_rungs_know_http_and_only_the_backend_knows_its_database() {
    for (file, text) in sources() {
        let path = file.to_string_lossy();
        let may_know_http = path.starts_with("dialect/") || path == "server.rs" || path == "app.rs";
        assert!(may_know_http || !text.contains("actix_web"), "{path} names actix");
        assert!(path.starts_with("storage/sqlite") || !text.contains("rusqlite"), "{path} names rusqlite");
        let writes_sql = text.contains("SELECT ") || text.contains("INSERT INTO");
        assert!(path.starts_with("storage/sqlite") || !writes_sql, "{path} has SQL in it");
    }
}

#[test]
fn the_reader_of_sources_sees_every_spelling() {
    let named = |text: &str| named_modules(text).into_iter().collect::<Vec<_>>();
    assert_eq!(named("use crate::engine::{self, x};"), ["engine"]);
    assert_eq!(named("use crate::{seal, storage::{a, b}, dialect::vault::x};"), ["dialect/vault", "seal", "storage"]);
    assert_eq!(named("let x = crate::time::now(); // crate::cli"), ["time"]);
}
