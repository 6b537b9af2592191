//! An edit of a file.

use std::fmt::Write as _;

use super::style::{bad, good, heading};

/// Words an edit: the file with the line at which it begins, the lines that go, and those that come.
pub fn edit_text(file: &str, before: &str, after: &str) -> String {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();

    let mut text = format!("{}\n", heading(&format!("{file}:{}", head + 1)));
    for line in &old[..old.len() - tail] {
        let _ = writeln!(text, "{}", bad(&format!("-{line}")));
    }
    for line in &new[..new.len() - tail] {
        let _ = writeln!(text, "{}", good(&format!("+{line}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(before: &str, after: &str) -> String {
        anstream::adapter::strip_str(&edit_text("x.yaml", before, after)).to_string()
    }

    #[test]
    fn a_changed_line_is_shown_before_and_after() {
        assert_eq!(said("a: 1\nb: 2\nc: 3\n", "a: 1\nb: 3\nc: 3\n"), "x.yaml:2\n-b: 2\n+b: 3\n");
    }

    #[test]
    fn lines_that_come_or_go_are_shown_alone() {
        assert_eq!(said("a: 1\nc: 3\n", "a: 1\nb: 2\nc: 3\n"), "x.yaml:2\n+b: 2\n");
        assert_eq!(said("a: 1\r\nb: 2", "a: 1\r\n"), "x.yaml:2\n-b: 2\n");
        assert_eq!(said("a\na\n", "a\na\na\n"), "x.yaml:3\n+a\n");
    }
}
