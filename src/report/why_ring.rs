//! What a ring gives to its accounts.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    ids::{OperatingSystem, Region},
    report::{
        count,
        style::{bad, columns, heading},
    },
    state::{
        Approvals, ApprovalsExplained, BaselineExplained, BaselineOrigin, FileLine, RingExplained,
        RunExplained,
    },
};

/// A line of the file, where there is one.
pub(super) fn cited(line: Option<&FileLine>) -> String {
    line.map(|line| format!(" ({line})")).unwrap_or_default()
}

/// Words what a ring gives: nodes, Regions, schedule, baselines, exceptions.
pub(super) fn ring_text(text: &mut String, ring: &RingExplained) {
    let RingExplained { nodes, regions, schedule, unsaid, calendars, exceptions, .. } = ring;
    let regions: Vec<&str> = regions.iter().map(Region::as_str).collect();
    let _ = writeln!(text, "\n{}", heading(&format!("What ring {} gives", ring.name)));
    let _ = writeln!(text, "  for {nodes}, in {}", regions.join(", "));

    let _ = writeln!(text, "\n{}", heading("Schedule"));
    if schedule.is_empty() && unsaid.is_empty() {
        text.push_str("  nothing, in this Region\n");
    } else {
        text.push_str(&columns("  ", schedule.iter().map(run_row).collect()));
        let installs = schedule.iter().any(|run| run.run.what == "install");
        if !installs && unsaid.is_empty() {
            text.push_str("  nothing is installed\n");
        }
    }
    for unsaid in unsaid {
        let _ = writeln!(text, "  {} {unsaid}", bad("error"));
    }
    for calendar in calendars {
        let _ = writeln!(text, "  installations wait for the calendar {calendar}");
    }

    let _ = writeln!(text, "\n{}", heading("Baselines"));
    for group in groups(&ring.baselines) {
        baseline_text(text, &group);
    }
    if !exceptions.is_empty() {
        let _ = writeln!(text, "\n{}", heading("Exceptions"));
    }
    for exception in exceptions {
        let _ = writeln!(
            text,
            "  {} on {} is rejected until {}: {}, {} ({})",
            exception.patch,
            exception.system,
            exception.until,
            exception.owner,
            exception.ticket,
            exception.line
        );
    }
}

fn run_row(RunExplained { run, line }: &RunExplained) -> Vec<String> {
    let utc = if run.local.contains(&run.expression) {
        String::new()
    } else {
        let days = match run.offset_days {
            0 => String::new(),
            days => format!(" + {}", count(days.into(), "day")),
        };
        format!("= {}{days}", run.expression)
    };
    vec![run.what.to_owned(), run.region.to_string(), run.local.clone(), utc, line.to_string()]
}

/// Operating systems of which the same is to be said.
struct Group<'a> {
    systems: Vec<OperatingSystem>,
    like: &'a BaselineExplained,
    /// Whether these are all that the other groups leave.
    is_rest: bool,
}

/// Baselines in groups: those that the file names first, and last the most of the others.
fn groups(baselines: &[BaselineExplained]) -> Vec<Group<'_>> {
    type Key<'a> = (Option<&'a FileLine>, &'a BaselineOrigin, &'a [ApprovalsExplained]);
    let mut by_word: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for like in baselines {
        let key = (like.line.as_ref(), &like.origin, like.approvals.as_slice());
        let new = || Group { systems: Vec::new(), like, is_rest: false };
        by_word.entry(key).or_insert_with(new).systems.push(like.system);
    }
    let mut groups: Vec<Group<'_>> = by_word.into_values().collect();
    groups.sort_by_key(|group| (group.like.line.is_none(), group.systems.len()));
    if let Some(last) = groups.last_mut() {
        last.is_rest = last.like.line.is_none();
    }
    groups
}

fn baseline_text(text: &mut String, group: &Group<'_>) {
    let BaselineExplained { system: _, origin, line, approvals } = group.like;
    let systems: Vec<&str> = group.systems.iter().map(|system| system.key()).collect();
    let systems = match (group.is_rest, systems.len()) {
        (true, all) if all == OperatingSystem::ALL.len() => "every operating system".to_owned(),
        (true, 4..) => "the other operating systems".to_owned(),
        _ => systems.join(", "),
    };
    let origin = match origin {
        BaselineOrigin::Aws => "AWS's default".to_owned(),
        BaselineOrigin::Existing { id } => format!("the baseline {id}"),
        BaselineOrigin::Named { name } => format!("the baseline called {name}"),
        BaselineOrigin::Rules { count: rules } => format!("made from {}", count(*rules, "rule")),
    };
    let origin = format!("{origin}{}", cited(line.as_ref()));
    match approvals.as_slice() {
        [only] if only.rule.is_none() => {
            let _ = writeln!(text, "  {systems}: {origin}; approved {}", approval_words(only));
        }
        several => {
            let _ = writeln!(text, "  {systems}: {origin}");
            for approvals in several {
                let rule = approvals.rule.as_ref().map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(text, "    rule {rule}: approved {}", approval_words(approvals));
            }
        }
    }
}

fn approval_words(said: &ApprovalsExplained) -> String {
    let ApprovalsExplained { approvals, line, rule: _ } = said;
    match (approvals, line) {
        (Approvals::AsTheBaselineSays | Approvals::AtOnce, _) => approvals.to_string(),
        (_, Some(line)) => format!("{approvals} ({line})"),
        (_, None) => format!("{approvals} (by default)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operating_systems_of_which_the_same_is_said_stand_on_one_line() {
        let as_it_is =
            ApprovalsExplained { approvals: Approvals::AsTheBaselineSays, line: None, rule: None };
        let mut baselines: Vec<BaselineExplained> = OperatingSystem::ALL
            .into_iter()
            .map(|system| BaselineExplained {
                system,
                origin: BaselineOrigin::Aws,
                line: None,
                approvals: vec![as_it_is.clone()],
            })
            .collect();
        baselines[2].line = Some(FileLine { file: "x.yaml".into(), line: 12 });

        let mut text = String::new();
        for group in groups(&baselines) {
            baseline_text(&mut text, &group);
        }

        assert_eq!(
            text,
            "  amazon_linux_2: AWS's default (x.yaml:12); approved as the baseline says\n  the other operating systems: AWS's default; approved as the baseline says\n"
        );
    }
}
