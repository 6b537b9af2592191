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
    // `yes`, `on` and their like are texts: a policy has real booleans.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options::<Node>(text, options)
        .map_err(|error| not_yaml(&error, text))
}

fn not_yaml(error: &serde_saphyr::Error, text: &str) -> Problem {
    let error = error.without_snippet();
    let place = error.location().filter(|location| location.line() > 0).map(|l| place(l, text));
    let said = plain(&error.to_string());
    if let Some(key) = said.strip_prefix("duplicate mapping key: ") {
        let key = key.split(", set ").next().unwrap_or(key);
        return Problem::new(place, format!("the key `{key}` stands here twice"))
            .help("Take one of the two out.");
    }
    if said.starts_with("multiple YAML documents") {
        return Problem::new(place, "the file has more than one document (`---`)")
            .help("One file is one policy: write two files.");
    }
    let help = place.as_ref().and_then(|place| special_character(place, text)).map(|character| {
        format!("In YAML a `{character}` at the beginning means something else: put the value in quotes.")
    });
    let problem = Problem::new(place, format!("this is not YAML: {said}"));
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// The first line of the library's message, without the place, which is shown with the line.
fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = match line.split_once(": ") {
        Some((head, rest)) if head.starts_with("line ") => rest,
        _ => line,
    };
    line.split(" at line ").next().unwrap_or(line).to_owned()
}

/// The character that YAML took for something else, if the line has a value that begins with one.
fn special_character(place: &Place, text: &str) -> Option<char> {
    let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    ['*', '@', '&', '%', '`'].into_iter().find(|character| {
        [": ", "- ", "[", ", "].iter().any(|before| line.contains(&format!("{before}{character}")))
    })
}

fn place(location: serde_saphyr::Location, text: &str) -> Place {
    let span = location.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (end <= text.len() && end > start).then_some((start, end))
    });
    let bytes = bytes.or_else(|| character_at(location.line(), location.column(), text));
    Place { line: location.line(), column: location.column(), bytes }
}

/// The bytes of the character at a line and column; those of the line's end, where it is behind that.
fn character_at(line: u64, column: u64, text: &str) -> Option<(usize, usize)> {
    let number = usize::try_from(line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(number).map(str::len).sum();
    let line = text.get(start..)?.lines().next()?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let (offset, length) = line
        .char_indices()
        .nth(column)
        .map_or((line.len(), 0), |(offset, c)| (offset, c.len_utf8()));
    Some((start + offset, start + offset + length))
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
