//! What becomes of the accounts of a ring.

use std::fmt::Write as _;

use crate::{
    plan::{Change, Plan, RingOutline},
    report::{
        count,
        ou_rows::{MOST_ROWS, folded, name_of, ou_rows, what_happens, without_unchanged},
        plan_text::{Detail, SHOWN, heading_of},
        style::{columns, plain_symbol, symbol},
    },
};

pub(super) fn of_ring(text: &mut String, plan: &Plan, ring: &RingOutline, detail: Detail) {
    let rows = ou_rows(plan, &ring.name);
    if rows.is_empty() {
        return;
    }
    let (rows, unchanged) = match detail {
        Detail::Folded => without_unchanged(rows),
        Detail::Everything => (rows, None),
    };
    let are_many = rows.len() > MOST_ROWS;
    let rows = match detail {
        Detail::Folded => folded(rows, MOST_ROWS),
        Detail::Everything => rows,
    };
    let mut lines = Vec::new();
    for row in &rows {
        lines.push(vec![
            plain_symbol(row.change).to_owned(),
            row.place(),
            count(row.accounts.len(), "account"),
            row.words(),
        ]);
        let shown = match (detail, row.change) {
            (Detail::Everything, _) => usize::MAX,
            (Detail::Folded, Change::Unchanged | Change::Blocked) => 0,
            // Who loses something is always named.
            (Detail::Folded, Change::Remove) => SHOWN * 4,
            (Detail::Folded, Change::Add | Change::Change) if are_many => 0,
            (Detail::Folded, Change::Add | Change::Change) => SHOWN,
        };
        for (account, change) in row.accounts.iter().take(shown) {
            lines.push(vec![
                String::new(),
                format!("  {account}"),
                name_of(plan, account),
                what_happens(&[(*account, *change)]),
            ]);
        }
        if shown > 0 && row.accounts.len() > shown {
            let more = format!("  … and {} more", row.accounts.len() - shown);
            lines.push(vec![String::new(), more, String::new(), String::new()]);
        }
    }
    if let Some(unchanged) = unchanged {
        lines.push(vec![
            plain_symbol(Change::Unchanged).to_owned(),
            count(unchanged.ous, "OU"),
            count(unchanged.accounts, "account"),
            "unchanged".to_owned(),
        ]);
    }
    let _ = writeln!(text, "\n{}", heading_of("Accounts", plan, ring));
    // Styles come after the columns, which would count them as letters.
    for line in columns("", lines).lines() {
        let styled = [Change::Add, Change::Change, Change::Remove, Change::Blocked]
            .into_iter()
            .find_map(|change| Some(symbol(change) + line.strip_prefix(plain_symbol(change))?));
        let _ = writeln!(text, "{}", styled.as_deref().unwrap_or(line));
    }
}
