//! A plan as a comment on a pull request.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    ids::AccountId,
    plan::{Change, Fate, Plan, RingOutline},
    report::{
        count,
        markdown::{ANNOUNCED, announced, escaped, fitting, table_row},
        ou_rows::{MOST_ROWS, folded, name_of, ou_rows, without_unchanged},
        step_marks::{difference, differences, step_symbol},
        step_words::step_words,
        style::plain_symbol,
    },
    state::SkipReason,
};

/// The longest page, in bytes, but for its last line. GitHub takes comments of 65,536 characters.
const LONGEST: usize = 59_000;

/// With fewer bytes than this a plan is only summed up.
const LEAST: usize = 4_000;

/// Differences of one step that are shown.
const SHOWN: usize = 12;

/// Words plans as Markdown: a line that sums each up, what is in the way, a table for each ring, and the
/// rest folded away. Always shorter than 60,000 bytes; what is cut is announced.
///
/// `conflicts` says where the plans are in each other's way.
pub fn plan_markdown(plans: &[&Plan], conflicts: Option<&str>) -> String {
    let mut page = String::new();
    if let Some(conflicts) = conflicts {
        let lines = conflicts.lines().filter(|line| !line.trim().is_empty()).map(item).collect();
        page.push_str(&fitting("**Conflicts between the policies**\n\n", lines, "\n", LONGEST / 8));
    }
    let mut without_details = 0;
    for (index, plan) in plans.iter().enumerate() {
        let left = LONGEST.saturating_sub(page.len());
        let summary = summary(plan);
        let rest = (left / (plans.len() - index)).saturating_sub(summary.len());
        if summary.len() <= left {
            page.push_str(&summary);
        }
        if rest >= LEAST {
            page.push_str(&details(plan, rest));
        } else {
            without_details += 1;
        }
    }
    if without_details > 0 {
        let _ = writeln!(
            page,
            "\ncut: {without_details} of the policies, or their details; `orgpatch plan -o text --show all` has them"
        );
    }
    page
}

/// One bold line with the counts.
fn summary(plan: &Plan) -> String {
    let counted = |change| plan.coverage.count(change);
    let unchanged = counted(Change::Unchanged);
    let skipped = plan.skipped.len();
    let counts = if plan.is_empty() {
        format!("no changes, {} unchanged, {skipped} skipped", count(unchanged, "account"))
    } else {
        format!(
            "{} to add, {} to change, {} to remove, {unchanged} unchanged, {skipped} skipped{}",
            count(counted(Change::Add), "account"),
            counted(Change::Change),
            counted(Change::Remove),
            match (counted(Change::Blocked), plan.blocked.len()) {
                (0, 0) => String::new(),
                (0, things) => format!(", {} blocked", count(things, "thing")),
                (accounts, _) => format!(", {accounts} blocked"),
            }
        )
    };
    format!("**{}: {counts}.** Digest `{}`\n\n", plan.policy, plan.digest.short())
}

/// Everything else, in at most so many bytes.
fn details(plan: &Plan, most: usize) -> String {
    // The shares leave the tables an eighth at the least.
    let said = fitting("", said(plan), "", most / 8);
    let lines = plan.warnings.iter().map(|warning| item(warning)).collect();
    let warnings = fitting("**Warnings**\n\n", lines, "\n", most / 8);
    let blocked = plan.blocked.iter().map(|blocked| {
        let what = format!("{}: {}", blocked.subject, blocked.because);
        format!("- {}\n  - help: {}\n", escaped(&what), escaped(blocked.because.help()))
    });
    let head = "**Blocked, with all that depends on it**\n\n";
    let blocked = fitting(head, blocked.collect(), "\n", most / 5);
    let losses = fitting("**Why accounts lose something**\n\n", losses(plan), "\n", most / 8);
    let steps = folded_away(&count(plan.steps.len(), "step"), steps(plan), most / 5);
    let title = format!("{} skipped", count(plan.skipped.len(), "account"));
    let skipped = folded_away(&title, skipped(plan), most / 10);
    let parts = [&said, &blocked, &warnings, &losses, &steps, &skipped];
    let taken: usize = parts.into_iter().map(String::len).sum();
    let tables = tables(plan, most.saturating_sub(taken));
    [said, blocked, warnings, tables, losses, steps, skipped].concat()
}

/// What is to be known of the plan as a whole.
fn said(plan: &Plan) -> Vec<String> {
    let narrowed = plan.narrowed.as_ref().map(|narrowed| {
        let narrowed = escaped(&narrowed.to_string());
        format!("Only {narrowed}; everything else is left as it is.\n\n")
    });
    let first = "This is the first part only: what comes of what is running is not known yet.\n\n";
    narrowed.into_iter().chain(plan.waits().then(|| first.to_owned())).collect()
}

/// An item of a list.
fn item(text: &str) -> String {
    format!("- {}\n", escaped(text))
}

/// Lines behind a title that is clicked on to see them.
fn folded_away(title: &str, lines: Vec<String>, most: usize) -> String {
    let head = format!("<details>\n<summary>{title}</summary>\n\n");
    fitting(&head, lines, "\n</details>\n\n", most)
}

/// A table for each ring, as far as they fit.
fn tables(plan: &Plan, most: usize) -> String {
    let mut text = String::new();
    let mut cut = 0;
    // What is cut is announced in any case.
    let most = most.saturating_sub(ANNOUNCED);
    for (index, ring) in plan.rings.iter().enumerate() {
        let lines = rows(plan, ring);
        if lines.is_empty() {
            continue;
        }
        let share = most.saturating_sub(text.len()) / (plan.rings.len() - index);
        let table = fitting(&head(ring), lines, "\n", share);
        cut += usize::from(table.is_empty());
        text.push_str(&table);
    }
    if cut > 0 {
        text.push_str(&announced(cut, "ring"));
        text.push('\n');
    }
    text
}

fn head(ring: &RingOutline) -> String {
    let fate = match ring.fate {
        Fate::Kept => "",
        Fate::Removed => ", to be removed",
    };
    format!(
        "**Ring {}**{fate}\n\n| OU | accounts | change | Regions |\n| --- | --- | --- | --- |\n",
        ring.name
    )
}

fn rows(plan: &Plan, ring: &RingOutline) -> Vec<String> {
    let (rows, unchanged) = without_unchanged(ou_rows(plan, &ring.name));
    let mut lines: Vec<String> = folded(rows, MOST_ROWS)
        .into_iter()
        .map(|row| {
            let accounts = row.accounts.len().to_string();
            let change = format!("{} {}", plain_symbol(row.change), verb(row.change));
            table_row([row.place().as_str(), &accounts, &change, &row.words()])
        })
        .collect();
    if let Some(unchanged) = unchanged {
        let ous = count(unchanged.ous, "OU");
        let accounts = unchanged.accounts.to_string();
        let change = format!("= {}", verb(Change::Unchanged));
        lines.push(table_row([ous.as_str(), &accounts, &change, ""]));
    }
    lines
}

fn verb(change: Change) -> &'static str {
    match change {
        Change::Add => "add",
        Change::Change => "change",
        Change::Remove => "remove",
        Change::Unchanged => "unchanged",
        Change::Blocked => "blocked",
    }
}

/// Why accounts lose something: each cause with the accounts.
fn losses(plan: &Plan) -> Vec<String> {
    let mut causes: BTreeMap<String, Vec<&AccountId>> = BTreeMap::new();
    for (account, loss) in &plan.losses {
        causes.entry(loss.to_string()).or_default().push(account);
    }
    let mut lines = Vec::new();
    for (cause, accounts) in causes {
        lines.push(item(&cause));
        let names = accounts.into_iter().map(|account| {
            let name = name_of(plan, account);
            format!("  - {account} {}", escaped(&name)).trim_end().to_owned() + "\n"
        });
        lines.extend(names);
    }
    lines
}

/// The steps by ring, each with what is different.
fn steps(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let words = escaped(&format!("{}: {}", step_words(step), step.because));
        lines.push(match step_symbol(step) {
            " " => format!("- {words}\n"),
            symbol => format!("- `{symbol}` {words}\n"),
        });
        let changes = differences(step);
        let shown = changes.iter().take(SHOWN);
        lines.extend(shown.map(|change| format!("  - {}\n", escaped(&difference(change)))));
        if changes.len() > SHOWN {
            lines.push(format!("  - … and {} more\n", changes.len() - SHOWN));
        }
    }
    lines
}

/// Why accounts get nothing: each cause with their number, and the first of them.
fn skipped(plan: &Plan) -> Vec<String> {
    let mut groups: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for skipped in &plan.skipped {
        let named = format!("{} {}", skipped.account, name_of(plan, &skipped.account));
        let ou = match &skipped.because {
            // The reason says it.
            SkipReason::ExcludedOu { .. } => "",
            _ => skipped.ou.as_str(),
        };
        let group = groups.entry((skipped.because.to_string(), ou)).or_default();
        group.push(named.trim_end().to_owned());
    }
    let lines = groups.into_iter().map(|((because, ou), accounts)| {
        let place = if ou.is_empty() { String::new() } else { format!(" in {ou}") };
        let mut named: Vec<&str> = accounts.iter().map(String::as_str).take(SHOWN).collect();
        let more = format!("{} more", accounts.len().saturating_sub(SHOWN));
        if accounts.len() > SHOWN {
            named.push(&more);
        }
        let number = count(accounts.len(), "account");
        item(&format!("{number}{place}: {because}: {}", named.join(", ")))
    });
    lines.collect()
}
