//! What the README and the example policies say is so.

use std::{fs, path::Path};

use clap::{Command, CommandFactory as _};
use orgpatch::{
    cli::Arguments,
    plan, policy,
    report::{Detail, plan_text},
    sim::example_snapshot,
};

use crate::builders::{Stage, TODAY, Wish, desired, plain, words};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(opened) = line.trim_start().strip_prefix("```") {
            let block: Vec<&str> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            if opened.trim() == language {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

/// Every command line of orgpatch that is written as code: in a block, or between backquotes.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let fenced = blocks(text, "sh");
    let fenced = fenced.iter().flat_map(|block| block.lines());
    let prose: String = text.split("```").step_by(2).collect::<Vec<_>>().join("\n");
    let spans = prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " "));
    fenced
        .map(str::to_owned)
        .chain(spans)
        .filter_map(|line| {
            let line = line.split(['#', '|', '>', '&', ';']).next()?.trim().to_owned();
            let rest =
                line.strip_prefix("orgpatch ").or_else(|| Some(line.split_once(" -- ")?.1))?;
            Some(rest.split_whitespace().map(str::to_owned).collect())
        })
        .collect()
}

fn has_option(command: &Command, option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    command.get_arguments().any(|argument| match name.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| name == format!("-{short}")),
    })
}

#[test]
fn every_policy_in_the_readme_is_a_good_one() {
    let policies: Vec<String> = blocks(&read("README.md"), "yaml")
        .into_iter()
        .filter(|block| {
            let first = block.lines().find(|line| !line.starts_with('#') && !line.is_empty());
            first.is_some_and(|line| line.starts_with("version:"))
        })
        .collect();

    assert!(!policies.is_empty());
    for text in policies {
        let read = policy::parse("README.md", &text);
        assert!(read.is_ok(), "{}\n{text}", read.unwrap_err());
    }
}

#[test]
fn the_plan_in_the_readme_is_that_of_the_policy_in_it() {
    let readme = read("README.md");
    let policy = &blocks(&readme, "yaml")[0];
    let shown = blocks(&readme, "text");
    let shown = shown.iter().find(|block| block.starts_with("Policy ")).unwrap();
    let plan = Stage::over(example_snapshot()).plan(policy);
    let said = plain(&plan_text(&plan, Detail::Folded));

    let mut lines = said.lines();
    for line in shown.lines().map(|line| line.split('…').next().unwrap_or_default()) {
        // Lines stand in the same order, and none may be missing unless a `…` says so.
        assert!(lines.any(|said| said.starts_with(line)), "`{line}` in:\n{said}");
    }
    let warnings = |text: &str| text.lines().skip_while(|line| *line != "Warnings").count();
    assert_eq!(warnings(shown), warnings(&said), "{said}");
}

#[test]
fn every_command_line_in_the_readme_exists() {
    let root = Arguments::command();
    let lines = command_lines(&read("README.md"));
    assert!(lines.len() > 5, "{lines:?}");

    for line in lines {
        let name = line.iter().find(|word| !word.starts_with('-'));
        let command = name.and_then(|name| root.find_subcommand(name));
        assert!(name.is_none() || command.is_some(), "orgpatch {}", line.join(" "));
        for option in line.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
            let known = has_option(&root, option)
                || command.is_some_and(|command| has_option(command, option))
                || ["--help", "--version"].contains(&option.as_str());
            assert!(known, "`{option}` in: orgpatch {}", line.join(" "));
        }
    }
}

/// The rows of the README's table of commands: name, and options.
fn command_table(text: &str) -> Vec<(String, Vec<String>)> {
    let is_code = |word: &&str| !word.is_empty();
    text.replace("\\|", "/")
        .lines()
        .skip_while(|line| *line != "## Commands")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.split([' ', '`']).next()?.to_owned();
            let options = cells.next()?.split([' ', '`', ',']).filter(is_code);
            Some((name, options.filter(|word| word.starts_with('-')).map(str::to_owned).collect()))
        })
        .collect()
}

#[test]
fn the_table_of_commands_has_every_command_with_its_options() {
    let root = Arguments::command();
    let table = command_table(&read("README.md"));
    assert_eq!(table.len(), root.get_subcommands().count());

    for (name, options) in table {
        let command = root.find_subcommand(&name).unwrap_or_else(|| panic!("orgpatch {name}"));
        for option in &options {
            assert!(has_option(command, option), "orgpatch {name} {option}");
        }
        let own = command.get_arguments().filter(|argument| {
            !argument.is_positional() && !argument.is_global_set() && argument.get_id() != "help"
        });
        assert_eq!(options.len(), own.count(), "orgpatch {name} {options:?}");
    }
}

#[test]
fn every_example_policy_is_read_resolved_and_planned() {
    let mut seen = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let policy = policy::parse(&name, &text).unwrap_or_else(|problems| panic!("{problems}"));
        let desired = desired(&policy, &example_snapshot(), TODAY)
            .unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(desired.policy, policy.name);

        let stage = Stage::over(example_snapshot());
        let look = stage.look(&text, Wish::Kept);

        assert_eq!(plan::check(&look.plan), []);
        assert_eq!(look.plan.blocked, [], "{name}: {}", words(&look.plan));
        assert!(!look.plan.steps.is_empty(), "{name}");
        assert_eq!(path.file_stem().unwrap().to_str(), Some(policy.name.as_str()));
        seen += 1;
    }
    assert!(seen >= 3);
}
