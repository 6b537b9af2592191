//! What concerns all rings of a plan: what is lost, left out, in the way, and the counts.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    ids::AccountId,
    plan::{Change, Plan, Purpose},
    report::{
        count,
        ou_rows::name_of,
        plan_text::Detail,
        style::{bad, caution, columns, heading},
    },
    state::Skipped,
};

/// Why accounts lose something: each cause once, with the accounts.
pub(super) fn losses(text: &mut String, plan: &Plan, detail: Detail) {
    let mut causes: BTreeMap<String, Vec<&AccountId>> = BTreeMap::new();
    for (account, loss) in &plan.losses {
        causes.entry(loss.to_string()).or_default().push(account);
    }
    if causes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", heading("Why accounts lose something"));
    for (cause, accounts) in causes {
        let mut named: Vec<String> = accounts
            .iter()
            .take(detail.most())
            .map(|account| format!("{account} {}", name_of(plan, account)).trim_end().to_owned())
            .collect();
        if accounts.len() > detail.most() {
            named.push(format!("{} more", accounts.len() - detail.most()));
        }
        let _ = writeln!(text, "  {}: {cause}", named.join(", "));
    }
}

/// Reasons and OUs of skipped accounts that are told one by one.
const MOST_GROUPS: usize = 40;

/// Each reason once, with how many accounts and OUs it holds for.
fn by_reason(text: &mut String, groups: &BTreeMap<(String, &str), Vec<&Skipped>>) {
    let mut reasons: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ((because, _), accounts) in groups {
        let (all, ous) = reasons.entry(because.as_str()).or_default();
        *all += accounts.len();
        *ous += 1;
    }
    let rows = reasons.into_iter().map(|(because, (accounts, ous))| {
        vec![count(accounts, "account"), format!("in {}", count(ous, "OU")), because.to_owned()]
    });
    text.push_str(&columns("  ", rows.collect()));
    text.push_str("  `--show all` names them\n");
}

pub(super) fn skipped(text: &mut String, plan: &Plan, detail: Detail) {
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
    if detail == Detail::Folded && groups.len() > MOST_GROUPS {
        return by_reason(text, &groups);
    }
    let mut rows = Vec::new();
    for ((because, ou), accounts) in groups {
        for skipped in accounts.iter().take(detail.most()) {
            rows.push(vec![
                skipped.account.to_string(),
                name_of(plan, &skipped.account),
                ou.to_owned(),
                because.clone(),
            ]);
        }
        if accounts.len() > detail.most() {
            rows.push(vec![
                format!("and {} more", accounts.len() - detail.most()),
                String::new(),
                ou.to_owned(),
                because.clone(),
            ]);
        }
    }
    text.push_str(&columns("  ", rows));
}

pub(super) fn blocked(text: &mut String, plan: &Plan) {
    if plan.blocked.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", bad("Blocked, with all that depends on it"));
    for blocked in &plan.blocked {
        let _ = writeln!(text, "{} {}: {}", bad("!"), blocked.subject, blocked.because);
        let _ = writeln!(text, "    help: {}", blocked.because.help());
    }
}

pub(super) fn warnings(text: &mut String, plan: &Plan) {
    if plan.warnings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", caution("Warnings"));
    for warning in &plan.warnings {
        let _ = writeln!(text, "  {warning}");
    }
}

pub(super) fn last_line(plan: &Plan) -> String {
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
        let words = match &plan.narrowed {
            None => "No changes. The organization matches the policy.",
            Some(narrowed) if narrowed.held_back == 0 => {
                "No changes. What was selected matches the policy."
            }
            Some(_) => "Nothing can be changed for what was selected alone: see the warnings.",
        };
        return format!(
            "\n{} {} unchanged, {skipped} skipped.",
            heading(words),
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
