//! A YAML file as a tree that remembers where each part stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::error::{Place, Problem};

/// The largest file that is read, in bytes. A real policy has a few thousand.
const MAX_BYTES: usize = 1_000_000;

/// A part of the file, with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// What a part of the file is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is not whole, which nothing in a policy is.
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map, with its place.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

impl Value {
    /// What it is called in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Reads a file. What is wrong with it as YAML is one problem, since nothing behind it can be read.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::of_file(format!(
            "the file has {} bytes; a policy has at most {MAX_BYTES}",
            text.len()
        ))
        .help("Is this really a policy file?"));
    }
    if text
        .lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---")
    {
        return Err(Problem::of_file("the file is empty")
            .help("The README shows the shortest useful policy."));
    }
    serde_saphyr::from_str::<Node>(text).map_err(|error| not_yaml(&error, text))
}

fn not_yaml(error: &serde_saphyr::Error, text: &str) -> Problem {
    let error = error.without_snippet();
    let place = error.location().filter(|location| location.line() > 0).map(|l| place(l, text));
    let message = error.to_string();
    // The place is shown with the line; saying it twice only makes the message harder to read.
    let message = message
        .strip_prefix("error: ")
        .unwrap_or(&message)
        .split_once(": ")
        .filter(|(head, _)| head.starts_with("line "))
        .map_or(message.as_str(), |(_, rest)| rest)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let star = place.as_ref().and_then(|place| {
        let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
        (line.contains(": *") || line.contains(": @") || line.contains("- *")).then_some(())
    });
    let problem = Problem { place, message, help: None };
    if star.is_some() {
        problem
            .help("In YAML a `*` at the beginning means something else: put the value in quotes.")
    } else {
        problem
    }
}

fn place(location: serde_saphyr::Location, text: &str) -> Place {
    let span = location.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (end <= text.len()).then_some((start, end))
    });
    Place { line: location.line(), column: location.column(), bytes }
}

fn place_of<T>(spanned: &Spanned<T>) -> Place {
    // The text is not at hand here, and the parser's spans lie within it.
    let span = spanned.referenced.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
        let start = usize::try_from(offset).ok()?;
        Some((start, start.checked_add(usize::try_from(length).ok()?)?))
    });
    Place { line: spanned.referenced.line(), column: spanned.referenced.column(), bytes }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { place: place_of(&spanned), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { place: place_of(&spanned), name: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
                Value::deserialize(deserializer)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Int(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Float)
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Value::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Value::Map(map))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}
