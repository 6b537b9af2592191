//! What is different between two sides of a change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::ids::Digest;

/// One value that is different.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What it is: `parameter RebootOption`, `template Mappings.Schedules.eu-west-1.Scan`.
    pub what: String,
    /// What it is now; none where it is new.
    pub before: Option<String>,
    /// What it will be; none where it goes away.
    pub after: Option<String>,
}

/// A value longer than this is shown by its digest.
const LONGEST_SHOWN: usize = 120;

/// The differences of two maps of texts, but for keys that AWS sets itself.
pub(super) fn of_maps(
    kind: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| !key.starts_with("aws:") && !key.starts_with("AWS::"))
        .filter(|key| before.get(*key) != after.get(*key))
        .flat_map(|key| {
            let what = format!("{kind} {key}");
            let (before, after) = (before.get(key), after.get(key));
            structured(&what, before, after).unwrap_or_else(|| {
                let shown = |text: Option<&String>| text.map(|text| shown(text));
                vec![Difference { what, before: shown(before), after: shown(after) }]
            })
        })
        .collect()
}

/// The differences of two values that are JSON maps or lists in themselves.
fn structured(
    what: &str,
    before: Option<&String>,
    after: Option<&String>,
) -> Option<Vec<Difference>> {
    let parsed = |text: &String| {
        serde_json::from_str::<Value>(text)
            .ok()
            .filter(|value| value.is_object() || value.is_array())
    };
    let mut differences = Vec::new();
    of_values(what, &parsed(before?)?, &parsed(after?)?, &mut differences);
    Some(differences)
}

/// The differences of two templates. One that is not JSON was not written by orgpatch.
pub(super) fn of_templates(before: &str, after: &str) -> Vec<Difference> {
    let (Ok(old), Ok(new)) =
        (serde_json::from_str::<Value>(before), serde_json::from_str::<Value>(after))
    else {
        return if before == after {
            Vec::new()
        } else {
            vec![Difference {
                what: "template".to_owned(),
                before: Some(format!("text {}", Digest::of(before).short())),
                after: Some(format!("text {}", Digest::of(after).short())),
            }]
        };
    };
    let mut differences = Vec::new();
    of_values("template", &old, &new, &mut differences);
    differences
}

fn of_values(path: &str, before: &Value, after: &Value, differences: &mut Vec<Difference>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let separator = if path.contains(' ') { "." } else { " " };
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let below = format!("{path}{separator}{key}");
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => of_values(&below, old, new, differences),
                    (old, new) => differences.push(Difference {
                        what: below,
                        before: old.map(value_shown),
                        after: new.map(value_shown),
                    }),
                }
            }
        }
        _ if before == after => {}
        (Value::Array(old), Value::Array(new)) if of_texts(old) && of_texts(new) => {
            let only = |list: &[Value], other: &[Value]| {
                list.iter()
                    .filter(|item| !other.contains(item))
                    .map(value_shown)
                    .collect::<Vec<_>>()
            };
            let before = differences.len();
            let gone = only(old, new).into_iter().map(|item| (Some(item), None));
            let added = only(new, old).into_iter().map(|item| (None, Some(item)));
            differences.extend(gone.chain(added).map(|(before, after)| Difference {
                what: path.to_owned(),
                before,
                after,
            }));
            if differences.len() == before {
                // The same texts in another order, or another number of times.
                differences.push(Difference {
                    what: path.to_owned(),
                    before: Some(Value::Array(old.clone()).to_string()),
                    after: Some(Value::Array(new.clone()).to_string()),
                });
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (number, (old, new)) in old.iter().zip(new).enumerate() {
                of_values(&format!("{path}[{number}]"), old, new, differences);
            }
        }
        _ => differences.push(Difference {
            what: path.to_owned(),
            before: Some(value_shown(before)),
            after: Some(value_shown(after)),
        }),
    }
}

fn of_texts(list: &[Value]) -> bool {
    list.iter().all(Value::is_string)
}

fn value_shown(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Object(entries) if entries.len() > 3 => format!("{} keys", entries.len()),
        other => shown(&other.to_string()),
    }
}

fn shown(text: &str) -> String {
    if text.len() > LONGEST_SHOWN || text.contains('\n') {
        format!("text {}", Digest::of(text).short())
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_place_and_both_sides() {
        let before = r#"{"Mappings":{"Schedules":{"eu-west-1":{"Scan":"cron(0 1 * * ? *)"}}},"Resources":{"A":{}}}"#;
        let after = r#"{"Mappings":{"Schedules":{"eu-west-1":{"Scan":"cron(0 2 * * ? *)"}}},"Resources":{"B":{}}}"#;

        let found: Vec<String> = of_templates(before, after)
            .into_iter()
            .map(|d| format!("{}: {:?} -> {:?}", d.what, d.before, d.after))
            .collect();

        assert_eq!(
            found,
            [
                r#"template Mappings.Schedules.eu-west-1.Scan: Some("cron(0 1 * * ? *)") -> Some("cron(0 2 * * ? *)")"#,
                r#"template Resources.A: Some("{}") -> None"#,
                r#"template Resources.B: None -> Some("{}")"#,
            ]
        );
    }

    #[test]
    fn layout_makes_no_difference_in_a_template() {
        assert_eq!(of_templates("{\"a\": 1}", "{\n  \"a\": 1\n}\n"), []);
    }
}
