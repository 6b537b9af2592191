//! Markdown for comments on pull requests: whatever a name says, it is shown and does nothing.

use std::fmt::Write as _;

/// Characters of one text that are shown.
const LONGEST_TEXT: usize = 400;

/// A character without width. It keeps a sign from having a meaning together with what comes behind it.
const NOTHING: char = '\u{200b}';

/// A text as it is to be read: without markup, mentions and references, on one line.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut letters = text.chars().take(LONGEST_TEXT).peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            // Neither may a name turn the order of what stands behind it.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push(' '),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
        // `@name` and `#12` call people and other issues, and some hosts know more of these.
        let calls = matches!(letter, '@' | '#' | '!' | '$' | '%' | '&' | '~');
        if calls && letters.peek().is_some_and(|next| !next.is_whitespace()) {
            escaped.push(NOTHING);
        }
    }
    if text.chars().nth(LONGEST_TEXT).is_some() {
        escaped.push('…');
    }
    escaped
}

/// One line of a table.
pub(super) fn table_row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut row = "|".to_owned();
    for cell in cells {
        let _ = write!(row, " {} |", escaped(cell));
    }
    row.push('\n');
    row
}

/// The bytes that it takes to say that something is cut.
pub(super) const ANNOUNCED: usize = 120;

/// Says that something is cut.
pub(super) fn announced(number: usize, what: &str) -> String {
    let noun = if number == 1 { what.to_owned() } else { format!("{what}s") };
    format!("\ncut: {number} more {noun}; `orgpatch plan -o text --show all` has them\n")
}

/// Lines between a head and a tail, as far as they fit into so many bytes; what does not is announced. Nothing
/// where there are no lines, or not even the frame fits.
pub(super) fn fitting(head: &str, lines: Vec<String>, tail: &str, most: usize) -> String {
    let frame = head.len() + tail.len() + ANNOUNCED;
    if lines.is_empty() || frame > most {
        return String::new();
    }
    let mut text = head.to_owned();
    let mut left = most - frame;
    let mut cut = 0;
    for line in lines {
        if cut == 0 && line.len() <= left {
            left -= line.len();
            text.push_str(&line);
        } else {
            cut += 1;
        }
    }
    if cut > 0 {
        text.push_str(&announced(cut, "row"));
    }
    text.push_str(tail);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_nothing_and_is_still_read() {
        assert_eq!(escaped("web-1"), "web-1");
        assert_eq!(escaped("a|b`c"), "a\\|b\\`c");
        assert_eq!(escaped("</details><b>"), "&lt;/details&gt;&lt;b&gt;");
        assert_eq!(escaped("@octocat #12"), "@\u{200b}octocat #\u{200b}12");
        assert_eq!(escaped("2 @ 3, 10%"), "2 @ 3, 10%");
        assert_eq!(escaped("two\nlines\u{1b}[31m"), "two lines \\[31m");
        assert_eq!(escaped("[x](http://y)"), "\\[x\\](http://y)");
    }

    #[test]
    fn a_long_text_is_cut_between_its_letters() {
        let long = "ü".repeat(LONGEST_TEXT + 1);

        assert_eq!(escaped(&long).chars().count(), LONGEST_TEXT + 1);
        assert!(escaped(&long).ends_with('…'));
    }

    #[test]
    fn what_does_not_fit_is_announced_and_the_frame_is_whole() {
        let lines = || (0..100).map(|number| format!("- line {number}\n")).collect::<Vec<_>>();

        let all = fitting("<details>\n\n", lines(), "\n</details>\n", 5_000);
        assert!(!all.contains("cut:"), "{all}");
        for most in [0, 100, 143, 200, 500, 1_000] {
            let part = fitting("<details>\n\n", lines(), "\n</details>\n", most);
            assert!(part.len() <= most, "{most}: {}", part.len());
            assert_eq!(part.contains("<details>"), part.contains("</details>"));
            assert!(part.is_empty() || part.contains("\ncut: "), "{most}: {part}");
        }
        assert_eq!(fitting("head\n", Vec::new(), "", 5_000), "");
    }

    #[test]
    fn an_announcement_is_as_long_as_is_kept_free_for_it() {
        assert!(announced(usize::MAX, "policy or ring").len() <= ANNOUNCED);
    }
}
