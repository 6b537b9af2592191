//! Where the parts of a YAML text end, for edits that leave everything else as it stands.
//!
//! The parser says where a part begins. Where it ends is found here, for the forms that people write. Whoever
//! edits by it reads the edited text again, and so finds out where it was wrong.

/// What ends a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The end of the line.
    Block,
    /// A comma or a bracket too: it is within `{ … }` or `[ … ]`.
    Flow,
}

/// Where the scalar, alias or `{ … }` or `[ … ]` ends that begins at a byte.
pub(super) fn end_of(text: &str, start: usize, style: Style) -> Option<usize> {
    let rest = text.get(start..)?;
    let length = match rest.chars().next()? {
        quote @ ('"' | '\'') => quoted(rest, quote)?,
        '{' | '[' => collection(rest)?,
        _ => plain(rest, style),
    };
    (length > 0).then_some(start + length)
}

/// The comments in a text that begins with a part, each from its `#` to the end of its line.
pub(super) fn comments(text: &str) -> Vec<&str> {
    let comment = |(_, piece)| match piece {
        Piece::Comment(comment) => Some(comment),
        Piece::Letter(_) | Piece::Quoted => None,
    };
    Pieces::of(text).filter_map(comment).collect()
}

/// How long a scalar in quotes is.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((offset, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            // Within single quotes, two of them stand for one.
            let is_doubled =
                quote == '\'' && letters.peek().is_some_and(|(_, next)| *next == quote);
            if !is_doubled {
                return Some(offset + quote.len_utf8());
            }
            letters.next();
        }
    }
    None
}

/// How long `{ … }` or `[ … ]` is.
fn collection(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, piece) in Pieces::of(text) {
        match piece {
            Piece::Letter('{' | '[') => depth += 1,
            Piece::Letter(closing @ ('}' | ']')) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(offset + closing.len_utf8());
                }
            }
            Piece::Letter(_) | Piece::Quoted | Piece::Comment(_) => {}
        }
    }
    None
}

/// How long a scalar without quotes is, on its first line.
fn plain(text: &str, style: Style) -> usize {
    let line = text.lines().next().unwrap_or_default();
    let mut end = line.len();
    let mut before = ' ';
    for (offset, letter) in line.char_indices() {
        let is_end = match letter {
            '#' => before.is_whitespace(),
            ',' | '[' | ']' | '{' | '}' => style == Style::Flow,
            ':' => line[offset + 1..].chars().next().is_none_or(|next| {
                next.is_whitespace()
                    || (style == Style::Flow && matches!(next, ',' | '[' | ']' | '{' | '}'))
            }),
            _ => false,
        };
        if is_end {
            end = offset;
            break;
        }
        before = letter;
    }
    line[..end].trim_end().len()
}

/// A part of a text as its reader takes it.
enum Piece<'a> {
    Letter(char),
    Quoted,
    Comment(&'a str),
}

/// Walks over a text, and tells letters from what stands in quotes and comments.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
    /// The last letter that was no space; at the beginning one that quotes may follow.
    before: char,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0, before: ',' }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let letter = rest.chars().next()?;
        let is_apart = self.text[..start].chars().next_back().is_none_or(char::is_whitespace);
        // Within a scalar without quotes, a quote is a letter.
        let may_open = matches!(self.before, ',' | ':' | '[' | '{')
            || (is_apart && matches!(self.before, '-' | '?'));
        let (piece, length) = match letter {
            '#' if is_apart => {
                let comment = rest.lines().next().unwrap_or_default();
                (Piece::Comment(comment), comment.len())
            }
            '"' | '\'' if may_open => (Piece::Quoted, quoted(rest, letter)?),
            _ => (Piece::Letter(letter), letter.len_utf8()),
        };
        if !matches!(piece, Piece::Comment(_)) && !letter.is_whitespace() {
            self.before = letter;
        }
        self.at += length;
        Some((start, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, style: Style) -> &str {
        &text[..end_of(text, 0, style).unwrap()]
    }

    #[test]
    fn a_scalar_without_quotes_ends_with_its_line_or_before_a_comment() {
        assert_eq!(first("2026-11-01\nnext: 1", Style::Block), "2026-11-01");
        assert_eq!(first("2026-11-01  # why", Style::Block), "2026-11-01");
        assert_eq!(first("a#b, [c] \r\n", Style::Block), "a#b, [c]");
        assert_eq!(first("after_days: 1", Style::Block), "after_days");
        assert_eq!(first("RHSA-2017:0864", Style::Block), "RHSA-2017:0864");
    }

    #[test]
    fn within_brackets_it_ends_at_commas_and_brackets_too() {
        assert_eq!(first("prod, ous: [/]", Style::Flow), "prod");
        assert_eq!(first("1 }", Style::Flow), "1");
        assert_eq!(first("1}", Style::Flow), "1");
        assert_eq!(first("*days]", Style::Flow), "*days");
    }

    #[test]
    fn quotes_and_brackets_end_where_they_close() {
        assert_eq!(first(r#""a \" # b": 1"#, Style::Block), r#""a \" # b""#);
        assert_eq!(first("'it''s': 1", Style::Flow), "'it''s'");
        assert_eq!(first("[a, \"]\", 'b]', [c]] # d", Style::Block), "[a, \"]\", 'b]', [c]]");
        assert_eq!(first("[a, # not ]\n b] c", Style::Block), "[a, # not ]\n b]");
        assert_eq!(first("[it's, b's] c", Style::Block), "[it's, b's]");
        assert_eq!(end_of("[a, b", 0, Style::Block), None);
        assert_eq!(end_of("\"a", 0, Style::Block), None);
    }

    #[test]
    fn comments_are_what_follows_a_hash_that_stands_apart() {
        let text = "only: # these\r\n  - \"a # b\" # why\n  - c#d\n# last";

        assert_eq!(comments(text), ["# these", "# why", "# last"]);
    }
}
