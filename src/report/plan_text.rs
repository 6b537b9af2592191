//! A plan for people.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    ids::{AccountId, CallAs, OuId},
    plan::{AccountChange, Action, Change, Difference, Fate, Plan, Purpose, RingOutline},
    report::{
        count,
        step_words::{regions, step_words},
        style::{bad, caution, columns, good, heading, plain_symbol, symbol},
    },
    state::Skipped,
};

/// How much of a plan is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Accounts by OU; long lists are cut, and say so.
    Folded,
    /// Every account, every difference.
    Everything,
}

/// Differences of one step, and accounts of one line, that are shown before a list is cut.
const SHOWN: usize = 12;

/// Words a plan: per ring what happens to which OUs, then what is left out, what is in the way, and
/// one last line with the counts.
pub fn plan_text(plan: &Plan, detail: Detail) -> String {
    let mut text = String::new();
    header(&mut text, plan);
    for ring in &plan.rings {
        ring_text(&mut text, ring);
    }
    coverage(&mut text, plan, detail);
    losses(&mut text, plan, detail);
    steps(&mut text, plan, detail);
    skipped(&mut text, plan, detail);
    blocked(&mut text, plan);
    warnings(&mut text, plan);
    if plan.waits() {
        let _ = writeln!(
            text,
            "\nThis is the first part only: what comes of what is running is not known yet. `orgpatch apply` waits for it, looks again and plans the rest."
        );
    }
    text.push_str(&last_line(plan));
    text.push('\n');
    text
}

fn header(text: &mut String, plan: &Plan) {
    let speaker = match plan.owner.call_as {
        CallAs::ManagementAccount => "management account",
        CallAs::DelegatedAdministrator => "delegated administrator",
    };
    let _ = writeln!(
        text,
        "{} from account {} ({speaker}), home Region {}",
        heading(&format!("Policy {}", plan.policy)),
        plan.owner.account,
        plan.owner.home_region
    );
}

fn ring_text(text: &mut String, ring: &RingOutline) {
    let fate = match ring.fate {
        Fate::Kept => "",
        Fate::Removed => ": to be removed",
    };
    let _ = writeln!(text, "\n{}{fate}", heading(&format!("Ring {} ({})", ring.name, ring.id)));
    let rows = ring
        .schedule
        .iter()
        .map(|line| {
            vec![
                line.what.to_owned(),
                line.region.to_string(),
                line.local.clone(),
                if line.local.contains(&line.expression) {
                    String::new()
                } else {
                    let days = match line.offset_days {
                        0 => String::new(),
                        1 => " + 1 day".to_owned(),
                        days => format!(" + {days} days"),
                    };
                    format!("= {}{days}", line.expression)
                },
            ]
        })
        .collect();
    text.push_str(&columns("  ", rows));
    if ring.fate == Fate::Kept && !ring.schedule.iter().any(|line| line.what == "install") {
        text.push_str("  nothing is installed: the policy has no `schedule.install`\n");
    }
}

type Group<'a> = Vec<(&'a AccountId, &'a AccountChange)>;

fn coverage(text: &mut String, plan: &Plan, detail: Detail) {
    let mut groups: BTreeMap<(&str, Change), Group<'_>> = BTreeMap::new();
    for (account, change) in &plan.coverage.accounts {
        groups.entry((path_of(plan, account), change.change)).or_default().push((account, change));
    }
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", heading("Accounts"));
    let mut rows = Vec::new();
    for ((path, change), accounts) in &groups {
        rows.push(vec![
            plain_symbol(*change).to_owned(),
            (*path).to_owned(),
            count(accounts.len(), "account"),
            what_happens(accounts),
        ]);
        let shown = match (detail, change) {
            (Detail::Everything, _) => usize::MAX,
            (Detail::Folded, Change::Unchanged | Change::Blocked) => 0,
            // Who loses something is always named.
            (Detail::Folded, Change::Remove) => SHOWN * 4,
            (Detail::Folded, Change::Add | Change::Change) => {
                if groups.len() > 40 {
                    0
                } else {
                    SHOWN
                }
            }
        };
        for (account, change) in accounts.iter().take(shown) {
            rows.push(vec![
                String::new(),
                format!("  {account}"),
                name_of(plan, account),
                what_happens(&[(*account, *change)]),
            ]);
        }
        if shown > 0 && accounts.len() > shown {
            rows.push(vec![
                String::new(),
                format!("  … and {} more", accounts.len() - shown),
                String::new(),
                String::new(),
            ]);
        }
    }
    // Styles come after the columns, which would count them as letters.
    for line in columns("", rows).lines() {
        let styled = [Change::Add, Change::Change, Change::Remove, Change::Blocked]
            .into_iter()
            .find_map(|change| Some(symbol(change) + line.strip_prefix(plain_symbol(change))?));
        let _ = writeln!(text, "{}", styled.as_deref().unwrap_or(line));
    }
}

/// Why accounts lose something: each cause once, with the accounts.
fn losses(text: &mut String, plan: &Plan, detail: Detail) {
    let mut causes: BTreeMap<String, Vec<&AccountId>> = BTreeMap::new();
    for (account, loss) in &plan.losses {
        causes.entry(loss.to_string()).or_default().push(account);
    }
    if causes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", heading("Why accounts lose something"));
    let shown = match detail {
        Detail::Folded => SHOWN,
        Detail::Everything => usize::MAX,
    };
    for (cause, accounts) in causes {
        let mut named: Vec<String> = accounts
            .iter()
            .take(shown)
            .map(|account| format!("{account} {}", name_of(plan, account)).trim_end().to_owned())
            .collect();
        if accounts.len() > shown {
            named.push(format!("{} more", accounts.len() - shown));
        }
        let _ = writeln!(text, "  {}: {cause}", named.join(", "));
    }
}

fn path_of<'a>(plan: &'a Plan, account: &AccountId) -> &'a str {
    let unit: Option<&OuId> = plan.names.parents.get(account);
    unit.and_then(|unit| plan.names.units.get(unit)).map_or("(not listed by AWS)", |path| path)
}

fn name_of(plan: &Plan, account: &AccountId) -> String {
    plan.names.accounts.get(account).map(ToString::to_string).unwrap_or_default()
}

/// The Regions that accounts get, lose and keep; where they differ, those of any.
fn what_happens(accounts: &[(&AccountId, &AccountChange)]) -> String {
    let union = |pick: fn(&AccountChange) -> &std::collections::BTreeSet<crate::ids::Region>| {
        accounts
            .iter()
            .flat_map(|(_, change)| pick(change))
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let added = union(|change| &change.added);
    let removed = union(|change| &change.removed);
    let remade = union(|change| &change.remade);
    let mut kept = union(|change| &change.kept);
    kept.retain(|region| !remade.contains(region));
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(format!("+ {}", regions(&added)));
    }
    if !removed.is_empty() {
        parts.push(format!("- {}", regions(&removed)));
    }
    if !remade.is_empty() {
        parts.push(format!("deleted and made anew in {}", regions(&remade)));
    }
    let mut changed = union(|change| &change.changed);
    changed.retain(|region| !remade.contains(region));
    kept.retain(|region| !changed.contains(region));
    if !changed.is_empty() {
        parts.push(format!("~ {}", regions(&changed)));
    }
    if !kept.is_empty() {
        parts.push(format!("= {}", regions(&kept)));
    }
    if accounts.iter().all(|(_, change)| change.change == Change::Blocked) {
        parts.push("nothing can be planned for now".to_owned());
    }
    parts.join("; ")
}

fn steps(text: &mut String, plan: &Plan, detail: Detail) {
    if plan.steps.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", heading("Steps"));
    let none = Vec::new();
    for step in &plan.steps {
        let (mark, changes): (String, &Vec<Difference>) = match &step.action {
            Action::AddInstances { .. } if step.is_retry() => (caution("~"), &none),
            Action::CreateStack { .. }
            | Action::CreateStackSet { .. }
            | Action::AddInstances { .. }
            | Action::UploadTemplate { .. }
            | Action::CreateBaseline { .. }
            | Action::WriteOverrides { replaces: None, .. } => (good("+"), &none),
            Action::DeleteStack { .. }
            | Action::EmptyBucket { .. }
            | Action::DeleteBaseline { .. }
            | Action::RemoveInstances { .. }
            | Action::DeleteStackSet { .. } => (bad("-"), &none),
            Action::WaitForOperation { .. } | Action::WaitForStack { .. } => {
                (" ".to_owned(), &none)
            }
            Action::TurnOnManagedExecution { .. }
            | Action::TakeBack { .. }
            | Action::TakeBackInStack { .. }
            | Action::KeepAccessLogs { .. } => (caution("~"), &none),
            Action::UpdateStack { changes, .. }
            | Action::UpdateStackSet { changes, .. }
            | Action::UpdateBaseline { changes, .. }
            | Action::WriteOverrides { changes, .. } => (caution("~"), changes),
        };
        let _ = writeln!(text, "{mark} {}: {}", step_words(step), step.because);
        let shown = match detail {
            Detail::Folded => SHOWN,
            Detail::Everything => usize::MAX,
        };
        for change in changes.iter().take(shown) {
            let _ = writeln!(text, "    {}", difference(change));
        }
        if changes.len() > shown {
            let _ = writeln!(text, "    … and {} more (`-o json` has all)", changes.len() - shown);
        }
    }
}

fn difference(change: &Difference) -> String {
    let Difference { what, before, after } = change;
    match (before, after) {
        (Some(before), Some(after)) => format!("{what}: {before} → {after}"),
        (None, Some(after)) => format!("{what}: new, {after}"),
        (Some(before), None) => format!("{what}: gone, was {before}"),
        (None, None) => what.clone(),
    }
}

fn skipped(text: &mut String, plan: &Plan, detail: Detail) {
    if plan.skipped.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n{}",
        heading(&format!("Skipped: {}", count(plan.skipped.len(), "account")))
    );
    let mut groups: BTreeMap<(String, &str), Vec<&Skipped>> = BTreeMap::new();
    for skipped in &plan.skipped {
        groups.entry((skipped.because.to_string(), skipped.ou.as_str())).or_default().push(skipped);
    }
    let shown = match detail {
        Detail::Folded => SHOWN,
        Detail::Everything => usize::MAX,
    };
    let mut rows = Vec::new();
    for ((because, ou), accounts) in groups {
        for skipped in accounts.iter().take(shown) {
            rows.push(vec![
                skipped.account.to_string(),
                name_of(plan, &skipped.account),
                ou.to_owned(),
                because.clone(),
            ]);
        }
        if accounts.len() > shown {
            rows.push(vec![
                format!("and {} more", accounts.len() - shown),
                String::new(),
                ou.to_owned(),
                because.clone(),
            ]);
        }
    }
    text.push_str(&columns("  ", rows));
}

fn blocked(text: &mut String, plan: &Plan) {
    if plan.blocked.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", bad("Blocked, with all that depends on it"));
    for blocked in &plan.blocked {
        let _ = writeln!(text, "{} {}: {}", bad("!"), blocked.subject, blocked.because);
        let _ = writeln!(text, "    help: {}", blocked.because.help());
    }
}

fn warnings(text: &mut String, plan: &Plan) {
    if plan.warnings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", caution("Warnings"));
    for warning in &plan.warnings {
        let _ = writeln!(text, "  {warning}");
    }
}

fn last_line(plan: &Plan) -> String {
    let counted = |change| plan.coverage.count(change);
    let skipped = plan.skipped.len();
    let blocked = match (counted(Change::Blocked), plan.blocked.len()) {
        (0, 0) => String::new(),
        (0, things) => format!(", {}", bad(&format!("{} blocked", count(things, "thing")))),
        (accounts, _) => format!(", {}", bad(&format!("{accounts} blocked"))),
    };
    if plan.is_empty() && plan.purpose == Purpose::Repair {
        return format!(
            "\n{} `orgpatch plan` shows whether anything else is to be done.",
            heading("Nothing has failed that can be tried again.")
        );
    }
    if plan.is_empty() {
        return format!(
            "\n{} {} unchanged, {skipped} skipped.",
            heading("No changes. The organization matches the policy."),
            count(counted(Change::Unchanged), "account"),
        );
    }
    format!(
        "\n{} {} to add, {} to change, {} to remove, {} unchanged, {skipped} skipped{blocked}. Digest {}.",
        heading("Plan:"),
        count(counted(Change::Add), "account"),
        counted(Change::Change),
        counted(Change::Remove),
        counted(Change::Unchanged),
        plan.digest.short()
    )
}
