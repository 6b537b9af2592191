//! The architecture holds: who may import whom, what only one room may name, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each room with the rooms that it may know, besides itself (design, §2). What is not listed, such as
/// `cli` and the crate's root, may know everything.
const MAY_KNOW: [(&str, &[&str]); 12] = [
    ("ids", &[]),
    ("state", &["ids"]),
    ("templates", &["ids", "state"]),
    ("policy", &["ids", "state", "templates"]),
    ("cloud", &["ids", "state"]),
    ("discover", &["ids", "state", "cloud"]),
    ("plan", &["ids", "state"]),
    ("apply", &["ids", "plan", "cloud"]),
    ("report", &["ids", "state", "plan", "apply", "rehearsal"]),
    ("aws", &["ids", "state", "cloud"]),
    ("sim", &["ids", "state", "cloud"]),
    ("rehearsal", &["ids", "state", "policy", "cloud", "discover", "plan", "apply", "sim"]),
];

/// Words of code, and the only rooms that may say them.
const ONLY: [(&str, &[&str]); 13] = [
    ("aws_config", &["aws"]),
    ("aws_credential_types", &["aws"]),
    ("aws_sdk_", &["aws"]),
    ("aws_smithy_", &["aws"]),
    ("aws_types", &["aws"]),
    ("print!", &["cli"]),
    ("println!", &["cli"]),
    ("stdout()", &["cli"]),
    ("stderr()", &["cli"]),
    ("CloudWrite", &["cloud", "apply", "aws", "sim", "cli"]),
    ("Timestamp::now", &["cli"]),
    ("process::exit", &[]),
    ("unsafe", &[]),
];

/// Words of code that a pure room may not say.
const IMPURE: [&str; 9] = [
    "tokio",
    "futures_util",
    "async ",
    "std::time",
    "std::fs",
    "std::env",
    "std::net",
    "Zoned::now",
    "SystemTime",
];
const PURE: [&str; 6] = ["ids", "state", "policy", "templates", "plan", "report"];

const LONGEST_FILE: usize = 600;

/// All that is wrong with one file, each as `path:line: what`.
fn violations(room: &str, path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!("{path}:{lines}: more than {LONGEST_FILE} lines"));
    }
    let code = code(text);
    let may_know = MAY_KNOW.iter().find(|(name, _)| *name == room).map(|(_, rooms)| *rooms);
    for (offset, known) in rooms_named(&code) {
        let allowed = may_know.is_none_or(|rooms| known == room || rooms.contains(&known.as_str()));
        // Names at the crate's root that are no rooms are nobody's business.
        let is_room = known == "cli" || MAY_KNOW.iter().any(|(name, _)| *name == known);
        if is_room && !allowed {
            found.push(format!(
                "{path}:{}: `{room}` may not know `{known}`",
                line_of(&code, offset)
            ));
        }
    }
    for (number, line) in code.lines().enumerate() {
        let mut say = |word: &str| {
            found.push(format!("{path}:{}: `{room}` may not say `{word}`", number + 1));
        };
        for (word, rooms) in ONLY {
            if says(line, word) && !rooms.contains(&room) {
                say(word);
            }
        }
        for word in IMPURE {
            if says(line, word) && PURE.contains(&room) {
                say(word);
            }
        }
    }
    found
}

/// The text without comments, line for line. Doc comments may link to anybody.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| match line.find("//") {
            // A URL in a string is not a comment.
            Some(start) if !line[..start].ends_with(':') => &line[..start],
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether a line has a word that is not the end of a longer one.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

/// The rooms that are named after `crate::`, also in braces: `use crate::{ids::A, plan::{B}}`.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let mut rooms = Vec::new();
    for (start, prefix) in code.match_indices("crate::") {
        let begin = start + prefix.len();
        let Some(rest) = code[begin..].strip_prefix('{') else {
            rooms.push((start, word(&code[begin..])));
            continue;
        };
        let mut depth = 0;
        let mut item_begins = true;
        for (offset, letter) in rest.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => item_begins = true,
                letter if letter.is_whitespace() => {}
                _ if item_begins => {
                    item_begins = false;
                    rooms.push((begin + 1 + offset, word(&rest[offset..])));
                }
                _ => {}
            }
        }
    }
    rooms
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

#[test]
fn every_file_keeps_to_its_room() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&sources, &mut files);
    assert!(files.len() > 50, "the sources are not where they were");

    let mut found = Vec::new();
    for file in files {
        let below = file.strip_prefix(&sources).unwrap().to_string_lossy().replace('\\', "/");
        let room = below.split(['/', '.']).next().unwrap();
        // Tests in `src` may ask a neighbour for help; the room itself may not.
        if below.contains("/tests/") {
            continue;
        }
        found.extend(violations(
            room,
            &format!("src/{below}"),
            &fs::read_to_string(&file).unwrap(),
        ));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_room_of_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, _) in MAY_KNOW {
        let exists = root.join(room).is_dir() || root.join(format!("{room}.rs")).is_file();
        assert!(exists, "src/{room}");
    }
}

#[test]
fn the_checker_finds_what_it_is_for() {
    let planner = "\
//! Never knows [`apply`](crate::apply).
use crate::{
    ids::{AccountId, Region},
    state::Desired,
    cloud::CloudRead,
};
// crate::aws is only talked of here
fn look() { crate::sim::example_snapshot(); }
const LINK: &str = \"https://docs.aws.amazon.com/crate\";
use tokio::time;
fn now() { let _ = jiff::Timestamp::now(); println!(\"{}\", aws_config::load()); }
";

    assert_eq!(
        violations("plan", "src/plan/planner.rs", planner),
        [
            "src/plan/planner.rs:5: `plan` may not know `cloud`",
            "src/plan/planner.rs:8: `plan` may not know `sim`",
            "src/plan/planner.rs:10: `plan` may not say `tokio`",
            "src/plan/planner.rs:11: `plan` may not say `aws_config`",
            "src/plan/planner.rs:11: `plan` may not say `println!`",
            "src/plan/planner.rs:11: `plan` may not say `Timestamp::now`",
        ]
    );
    assert_eq!(violations("cli", "src/cli/plan.rs", "use crate::{plan::plan, sim::X};"), [""; 0]);
    assert_eq!(violations("state", "src/state/a.rs", "use crate::state::B;"), [""; 0]);
    let long = "\n".repeat(LONGEST_FILE + 1);
    assert_eq!(violations("sim", "src/sim/a.rs", &long).len(), 1);
    assert_eq!(violations("sim", "src/sim/a.rs", "fn f() { let draws_ = 1; }"), [""; 0]);
}

#[test]
fn no_adapter_sends_a_request_without_keeping_to_the_rate() {
    let mut files = Vec::new();
    source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut files);
    let mut requests = 0;
    for file in files {
        let code = code(&fs::read_to_string(&file).unwrap());
        let sent = code.matches(".send()").count();
        let taken = code.matches("pace.take(").count();
        assert_eq!(sent, taken, "{}: each `.send()` needs its `pace.take(…)`", file.display());
        requests += sent;
    }
    assert!(requests > 20, "requests are made otherwise now");
}
