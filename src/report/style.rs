//! The few styles that are used.

use anstyle::{AnsiColor, Style};

use crate::plan::Change;

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub(super) fn heading(text: &str) -> String {
    styled(Style::new().bold(), text)
}

pub(super) fn good(text: &str) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

pub(super) fn bad(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

pub(super) fn caution(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default(), text)
}

/// The symbol of a change: `+ ~ - =`.
pub(super) fn plain_symbol(change: Change) -> &'static str {
    match change {
        Change::Add => "+",
        Change::Change => "~",
        Change::Remove => "-",
        Change::Unchanged => "=",
        Change::Blocked => "!",
    }
}

/// The symbol of a change, in its colour.
pub(super) fn symbol(change: Change) -> String {
    let plain = plain_symbol(change);
    match change {
        Change::Add => good(plain),
        Change::Change => caution(plain),
        Change::Remove | Change::Blocked => bad(plain),
        Change::Unchanged => plain.to_owned(),
    }
}

/// Rows with aligned columns, each line indented. Cells carry no styles, which would count as letters.
pub(super) fn columns(indent: &str, rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let width = rows.first().map_or(0, Vec::len);
    table.add_rows(rows);
    for number in 0..width {
        if let Some(column) = table.column_mut(number) {
            column.set_padding((0, 2));
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(indent);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
