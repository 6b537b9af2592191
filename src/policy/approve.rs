//! The `approve` key: which patches are approved, and when. It stands on the policy, a ring or a rule.

use crate::ids::OperatingSystem;

use super::{
    baselines,
    error::Problem,
    fields,
    file::{Node, Value},
    rules::{Approve, BaselineWish, Until},
    values::{At, RingWish},
};

const KEYS: [&str; 3] = ["after_days", "until", "only"];

const WORDS: [(&str, Until); 2] =
    [("month-start", Until::MonthStart), ("previous-month-start", Until::PreviousMonthStart)];

const EXAMPLES: &str = "Write `{ after_days: 7 }`, `{ until: 2026-11-01 }`, `{ until: month-start }` or `{ only: [KB5034439] }`.";

/// Reads the key. The place is that of the one value in it.
pub(super) fn read(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<At<Approve>> {
    if !matches!(node.value, Value::Map(_)) {
        problems.push(fields::wrong_kind(node, path, "a map with one key").help(EXAMPLES));
        return None;
    }
    let fields = fields::map(node, path, &KEYS, problems)?;
    let found: Vec<&str> = KEYS
        .into_iter()
        .filter(|key| fields.entries().iter().any(|(name, _)| name.name == *key))
        .collect();
    let &[key] = found.as_slice() else {
        // Of keys that are there and unknown all has been said.
        if !found.is_empty() {
            let message = format!("`{path}` says more than one: `{}`", found.join("` and `"));
            problems.push(Problem::at(&node.place, message).help(EXAMPLES));
        } else if fields.entries().is_empty() {
            problems.push(Problem::at(&node.place, format!("`{path}` is empty")).help(EXAMPLES));
        }
        return None;
    };
    let node = fields.get(key, problems)?;
    let path = format!("{path}.{key}");
    let value = match key {
        "after_days" => Approve::AfterDays(fields::number(node, &path, 0..=360, problems)?),
        "until" => Approve::Until(until(node, &path, problems)?),
        _ => Approve::Only(only(node, &path, problems)?),
    };
    Some(At { value, place: node.place.clone() })
}

fn until(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Until> {
    let At { value: text, place } = fields::text(node, path, problems)?;
    if let Some((_, word)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Some(*word);
    }
    let mut wrong = Vec::new();
    if let Some(date) = fields::date(node, path, &mut wrong) {
        return Some(Until::Date(date.value));
    }
    let problem = Problem::at(
        &place,
        format!("`{path}` must be a day, `month-start` or `previous-month-start`, and is `{text}`"),
    )
    .help("Write year, month and day: `2026-11-01`. The day itself is included.");
    let word = super::error::nearest(&text, WORDS.map(|(word, _)| word));
    problems.push(match word {
        Some(word) => problem.help(format!("Did you mean `{word}`?")),
        None => problem,
    });
    None
}

/// The names of a list, each of which some operating system takes.
fn only(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Vec<At<String>>> {
    let mut wrong = Vec::new();
    let names = fields::texts(node, path, &mut wrong);
    for name in &names {
        if OperatingSystem::ALL.into_iter().any(|system| baselines::fits(system, &name.value)) {
            continue;
        }
        // What it is called in the words of a system that takes nearly everything.
        let system = OperatingSystem::AmazonLinux2023;
        wrong.extend(baselines::patch_problem(name, system, baselines::Listed::Approved, path));
    }
    if names.is_empty() && wrong.is_empty() {
        wrong.push(
            Problem::at(&node.place, format!("`{path}` is empty, so nothing would be approved"))
                .help("Name a patch at least. A ring that only scans has `schedule: { install: never }`."),
        );
    }
    if let Some(beyond) = names.get(baselines::MOST_PATCHES) {
        wrong.push(
            Problem::at(
                &beyond.place,
                format!(
                    "`{path}` has {} patches; AWS takes {}",
                    names.len(),
                    baselines::MOST_PATCHES
                ),
            )
            .help("Name fewer, or approve by rules up to a day."),
        );
    }
    let is_right = wrong.is_empty();
    problems.append(&mut wrong);
    is_right.then_some(names)
}

/// Whether a ring's `approve` and its baselines go together.
pub(super) fn fit(rings: &[RingWish], problems: &mut Vec<Problem>) {
    for ring in rings {
        let Some(approve) = &ring.approve else { continue };
        for (system, wish) in &ring.baselines {
            match (&wish.value, &approve.value) {
                (BaselineWish::Existing(_) | BaselineWish::Named(_), _) => problems.push(
                    Problem::warning(
                        &wish.place,
                        format!("`approve` changes nothing for {system}: this baseline is not orgpatch's, and is taken as it is"),
                    )
                    .help("Write rules or `aws` to have the patches of this operating system approved like those of the others."),
                ),
                (BaselineWish::Rules(rules), Approve::Only(names)) => {
                    let more = names.iter().filter(|name| {
                        baselines::fits(*system, &name.value) && !rules.approved.contains(&name.value)
                    });
                    let count = rules.approved.len() + more.count();
                    if count > baselines::MOST_PATCHES {
                        problems.push(
                            Problem::at(
                                &approve.place,
                                format!(
                                    "with those that the rules for {system} approve by name, {count} patches would be approved; AWS takes {}",
                                    baselines::MOST_PATCHES
                                ),
                            )
                            .help("Name fewer here, or in `approved` there."),
                        );
                    }
                }
                (BaselineWish::Aws | BaselineWish::Rules(_), _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::policy::file;

    fn approve(text: &str) -> Result<Approve, String> {
        let mut problems = Vec::new();
        let found = read(&file::read(text).unwrap(), "approve", &mut problems);
        match found {
            Some(approve) if problems.is_empty() => Ok(approve.value),
            _ => Err(problems.into_iter().map(|p| p.message).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn each_strategy_is_read() {
        assert_eq!(approve("{ after_days: 0 }"), Ok(Approve::AfterDays(0)));
        assert_eq!(approve("{ after_days: 360 }"), Ok(Approve::AfterDays(360)));
        assert_eq!(
            approve("{ until: 2026-11-01 }"),
            Ok(Approve::Until(Until::Date(date(2026, 11, 1))))
        );
        assert_eq!(approve("{ until: month-start }"), Ok(Approve::Until(Until::MonthStart)));
        let Ok(Approve::Only(names)) = approve("{ only: [CVE-2026-12345, KB5034439] }") else {
            panic!("it was not read")
        };
        assert_eq!(names.len(), 2);
        let one = approve("{ only: KB5034439 }");
        assert!(matches!(one, Ok(Approve::Only(names)) if names.len() == 1));
    }

    #[test]
    fn nothing_two_things_and_nonsense_are_refused() {
        assert_eq!(approve("{}"), Err("`approve` is empty".to_owned()));
        assert_eq!(
            approve("{ after_days: 7, until: 2026-11-01 }"),
            Err("`approve` says more than one: `after_days` and `until`".to_owned())
        );
        for text in [
            "7",
            "month-start",
            "{ after_days: 361 }",
            "{ after_days: -1 }",
            "{ until: 01.11.2026 }",
            "{ until: 2026-11 }",
            "{ until: 2026-02-30 }",
            "{ until: 2026-11-01T00:00 }",
            "{ only: [] }",
            "{ only: [KB-5034439] }",
            "{ only: [KB5034439, KB5034439] }",
            "{ after_day: 7 }",
            "{ days: 7 }",
        ] {
            assert!(approve(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_misspelled_key_is_said_once() {
        let mut problems = Vec::new();
        read(&file::read("{ after_day: 7 }").unwrap(), "approve", &mut problems);

        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn that_a_baseline_of_others_stays_as_it_is_is_a_warning() {
        let policy = |approve: &str| {
            let text = format!(
                "\
version: 1
name: weekly
home_region: ap-northeast-1
targets: {{ ous: [/Workloads], regions: [ap-northeast-1] }}
schedule: {{ scan: daily 01:00 }}
baselines: {{ ubuntu: pb-0123456789abcdef0, suse: aws }}
{approve}
"
            );
            crate::policy::parse("policy.yaml", &text)
                .unwrap_or_else(|problems| panic!("{problems}"))
        };

        let warnings = policy("approve: { after_days: 1 }").warnings;
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].message.starts_with("`approve` changes nothing for ubuntu"));
        assert!(policy("").warnings.is_empty());
    }

    #[test]
    fn fifty_patches_may_be_named() {
        let names = |count: usize| {
            let names: Vec<String> =
                (0..count).map(|number| format!("KB{}", 5_034_000 + number)).collect();
            approve(&format!("{{ only: [{}] }}", names.join(", ")))
        };

        assert!(names(50).is_ok());
        assert!(names(51).is_err());
    }
}
