//! Reading maps, lists and scalars of the tree, and noting what is wrong with them.
//!
//! Each function returns what it could read and notes a problem for the rest, so that a file's
//! problems are all found in one go.

use std::str::FromStr;

use jiff::civil::Date;

use crate::ids::InvalidName;

use super::{
    error::{Place, Problem},
    file::{Key, Node, Value},
    values::At,
};

/// A map whose keys have been looked at.
pub(super) struct Fields<'a> {
    entries: &'a [(Key, Node)],
    place: &'a Place,
    path: String,
    /// Keys that a misspelled one probably means, and that are therefore not missing too.
    meant: Vec<&'static str>,
}

/// Reads a map that may have these keys.
pub(super) fn map<'a>(
    node: &'a Node,
    path: &str,
    known: &[&'static str],
    problems: &mut Vec<Problem>,
) -> Option<Fields<'a>> {
    let Value::Map(entries) = &node.value else {
        problems.push(wrong_kind(node, path, "a map of keys"));
        return None;
    };
    let mut meant = Vec::new();
    for (key, _) in entries {
        if known.contains(&key.name.as_str()) {
            continue;
        }
        problems.push({
            let place = if path.is_empty() { "a policy".to_owned() } else { format!("`{path}`") };
            let problem = Problem::at(&key.place, format!("unknown key `{}` in {place}", key.name));
            match super::error::nearest(&key.name, known.iter().copied()) {
                Some(near) => {
                    meant.extend(known.iter().find(|key| **key == near));
                    problem.help(format!("Did you mean `{near}`?"))
                }
                None => problem.help(format!("The keys here are {}.", known.join(", "))),
            }
        });
    }
    Some(Fields { entries, place: &node.place, path: path.to_owned(), meant })
}

/// Reads a map whose keys the caller looks at itself.
pub(super) fn any_map<'a>(
    node: &'a Node,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Fields<'a>> {
    let Value::Map(entries) = &node.value else {
        problems.push(wrong_kind(node, path, "a map of keys"));
        return None;
    };
    Some(Fields { entries, place: &node.place, path: path.to_owned(), meant: Vec::new() })
}

impl<'a> Fields<'a> {
    /// The value of a key that may be missing. `key:` without a value is a problem.
    pub(super) fn get(&self, key: &str, problems: &mut Vec<Problem>) -> Option<&'a Node> {
        let (key, node) = self.entries.iter().find(|(name, _)| name.name == key)?;
        if matches!(node.value, Value::Null) {
            problems.push(
                Problem::at(&key.place, format!("`{}` has no value", self.full(&key.name)))
                    .help("Give it a value, or leave the key out to take the default."),
            );
            return None;
        }
        Some(node)
    }

    /// The value of a key that must be there.
    pub(super) fn need(
        &self,
        key: &str,
        example: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|(name, _)| name.name == key);
        let problem = match entry {
            Some((_, node)) if !matches!(node.value, Value::Null) => return Some(node),
            Some((name, _)) => {
                Problem::at(&name.place, format!("`{}` has no value", self.full(key)))
                    .help(format!("Give it one, for example: `{example}`"))
            }
            None if self.meant.contains(&key) => return None,
            None => Problem::at(self.place, format!("`{}` is missing", self.full(key)))
                .help(format!("Add it, for example: `{example}`")),
        };
        problems.push(problem);
        None
    }

    /// The value of a key, or the default where the key is missing; nothing where it is wrong.
    pub(super) fn or_default<T>(
        &self,
        key: &str,
        default: T,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&Node, &mut Vec<Problem>) -> Option<T>,
    ) -> Option<T> {
        match self.get(key, problems) {
            None => Some(default),
            Some(node) => read(node, problems),
        }
    }

    /// Whether one of these keys is there, or a misspelled one that probably means one of them.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.meant.contains(key))
            || self.entries.iter().any(|(name, _)| keys.contains(&name.name.as_str()))
    }

    /// All keys with their values.
    pub(super) fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }

    /// The full name of a key.
    pub(super) fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The problem of a value of the wrong kind.
pub(super) fn wrong_kind(node: &Node, path: &str, expected: &str) -> Problem {
    let what = if path.is_empty() { "the policy".to_owned() } else { format!("`{path}`") };
    Problem::at(&node.place, format!("{what} must be {expected}, and is {}", node.value.kind()))
}

/// A list, or nothing and a problem.
pub(super) fn list<'a>(node: &'a Node, path: &str, problems: &mut Vec<Problem>) -> &'a [Node] {
    if let Value::List(items) = &node.value {
        items
    } else {
        problems.push(wrong_kind(node, path, "a list, for example [a, b]"));
        &[]
    }
}

/// A text. Numbers are taken as they are written, so that an account ID needs no quotes.
pub(super) fn text(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<At<String>> {
    let value = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Bool(_) | Value::Float => {
            problems.push(wrong_kind(node, path, "a text").help("Put the value in quotes."));
            return None;
        }
        Value::Null | Value::List(_) | Value::Map(_) => {
            problems.push(wrong_kind(node, path, "a text"));
            return None;
        }
    };
    Some(At { value, place: node.place.clone() })
}

/// A list of texts, or a single one. Each is there once.
pub(super) fn texts(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Vec<At<String>> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut texts: Vec<At<String>> = Vec::new();
    for item in items {
        let Some(text) = text(item, path, problems) else { continue };
        if texts.iter().any(|other| other.value == text.value) {
            problems.push(Problem::at(
                &text.place,
                format!("`{}` is named twice in `{path}`", text.value),
            ));
        } else {
            texts.push(text);
        }
    }
    texts
}

/// A day, in the one form that there is: `2027-01-31`.
pub(super) fn date(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<At<Date>> {
    let At { value: text, place } = text(node, path, problems)?;
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    let Some(value) = date else {
        problems.push(
            Problem::at(&place, format!("`{path}`: `{text}` is not a date"))
                .help("Write year, month and day: `2027-01-31`."),
        );
        return None;
    };
    Some(At { value, place })
}

/// A name of AWS's or ours.
pub(super) fn name<T: FromStr<Err = InvalidName>>(
    node: &Node,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<At<T>> {
    let At { value, place } = text(node, path, problems)?;
    match value.parse() {
        Ok(value) => Some(At { value, place }),
        Err(error) => {
            problems.push(Problem::at(&place, format!("`{path}`: {error}")));
            None
        }
    }
}

/// One word of a few.
pub(super) fn choice<T: Copy>(
    node: &Node,
    path: &str,
    choices: &[(&'static str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    // `true` and `false` are words here too.
    let word = match &node.value {
        Value::Bool(value) => value.to_string(),
        Value::Text(word) => word.clone(),
        _ => {
            problems.push(wrong_kind(node, path, &one_of(choices)));
            return None;
        }
    };
    let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if found.is_none() {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` must be {}, and is `{word}`", one_of(choices)),
            )
            .or_nearest(&word, choices.iter().map(|(name, _)| *name)),
        );
    }
    found
}

fn one_of<T>(choices: &[(&'static str, T)]) -> String {
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
    match names.as_slice() {
        [a, b] => format!("{a} or {b}"),
        _ => format!("one of {}", names.join(", ")),
    }
}

/// A whole number within bounds.
pub(super) fn number<T>(
    node: &Node,
    path: &str,
    bounds: std::ops::RangeInclusive<i64>,
    problems: &mut Vec<Problem>,
) -> Option<T>
where
    T: TryFrom<i64>,
{
    match &node.value {
        Value::Int(number) if bounds.contains(number) => T::try_from(*number).ok(),
        other => {
            let found = match other {
                Value::Int(number) => format!("{number}"),
                Value::Float => "a number that is not whole".to_owned(),
                other => other.kind().to_owned(),
            };
            problems.push(Problem::at(
                &node.place,
                format!(
                    "`{path}` must be a whole number from {} to {}, and is {found}",
                    bounds.start(),
                    bounds.end()
                ),
            ));
            None
        }
    }
}

/// A percentage such as `25%`, within bounds.
pub(super) fn percentage(
    node: &Node,
    path: &str,
    bounds: std::ops::RangeInclusive<u8>,
    problems: &mut Vec<Problem>,
) -> Option<u8> {
    let number = match &node.value {
        Value::Text(text) => {
            text.strip_suffix('%').and_then(|digits| digits.trim().parse::<u8>().ok())
        }
        _ => None,
    };
    let number = number.filter(|number| bounds.contains(number));
    if number.is_none() {
        problems.push(Problem::at(
            &node.place,
            format!(
                "`{path}` must be a percentage from {}% to {}%, for example `25%`",
                bounds.start(),
                bounds.end()
            ),
        ));
    }
    number
}
