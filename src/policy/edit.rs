//! An edit of one ring's approvals that leaves everything else in the file as it stands: comments, quotes,
//! indentation, ends of lines.
//!
//! Whatever is edited is read again, and is given up unless it says what was meant and nothing else. So an
//! anchor, an alias or a form that nobody has thought of can spoil an edit, and never a file.

use super::{
    approvals::Extent,
    error::Place,
    file::{self, Key, Node, Value},
    layout::{self, Style},
};

/// The text of a policy file in which a ring, by its number, has these approvals; none where only a person can
/// edit it.
pub(super) fn approve(text: &str, ring: usize, extent: &Extent) -> Option<String> {
    let before = file::read(text).ok()?;
    let node = ring_of(&before, ring)?;
    let Value::Map(entries) = &node.value else { return None };
    let own = entries.iter().find(|(key, _)| key.name == "approve" && stands(text, key));
    let edited = match own {
        Some((_, approve)) => replaced(text, node, approve, extent),
        None => inserted(text, node, entries, extent),
    }?;
    let after = file::read(&edited).ok()?;
    same(&meant(&before, ring, extent)?, &after).then_some(edited)
}

/// What is written by hand where no edit will do.
pub(super) fn by_hand(extent: &Extent) -> String {
    let (key, value) = entry(extent, Quotes::AsNeeded);
    format!("approve: {{ {key}: {value} }}")
}

fn ring_of(policy: &Node, ring: usize) -> Option<&Node> {
    let Value::Map(entries) = &policy.value else { return None };
    let (_, rings) = entries.iter().find(|(key, _)| key.name == "rings")?;
    let Value::List(rings) = &rings.value else { return None };
    rings.get(ring)
}

/// Whether a key stands where it is said to. One that came through an alias does not.
fn stands(text: &str, key: &Key) -> bool {
    let rest = start(&key.place).and_then(|start| text.get(start..));
    rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(&key.name))
}

fn start(place: &Place) -> Option<usize> {
    place.bytes.map(|(start, _)| start)
}

/// Whether a map is written within brackets.
fn style(text: &str, map: &Node) -> Option<Style> {
    let mut rest = text.get(start(&map.place)?..)?;
    // An anchor or a tag may stand before it.
    while rest.starts_with(['&', '!']) {
        rest = rest.trim_start_matches(|letter: char| !letter.is_whitespace()).trim_start();
    }
    Some(if rest.starts_with('{') { Style::Flow } else { Style::Block })
}

/// Whether texts are put in quotes that could do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    AsNeeded,
    /// As in JSON.
    Always,
}

impl Quotes {
    /// As a key beside it has them.
    fn like(key: &str) -> Self {
        if key.starts_with('"') { Self::Always } else { Self::AsNeeded }
    }
}

/// Approvals as the key and the value of an entry.
fn entry(extent: &Extent, quotes: Quotes) -> (&'static str, String) {
    let json = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match extent {
        Extent::UpTo(date) if quotes == Quotes::AsNeeded => ("until", date.to_string()),
        Extent::UpTo(date) => ("until", json(&date.to_string())),
        Extent::Only(patches) => {
            let named = patches.iter().map(|patch| match quotes {
                Quotes::AsNeeded if is_plain(patch) => patch.clone(),
                Quotes::AsNeeded | Quotes::Always => json(patch),
            });
            ("only", format!("[{}]", named.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// Whether a text is the same text without quotes, wherever it stands.
fn is_plain(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
        && !["null", "true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Puts other approvals in the place of those that a ring has.
fn replaced(text: &str, ring: &Node, approve: &Node, extent: &Extent) -> Option<String> {
    let outer = style(text, ring)?;
    let begin = start(&approve.place)?;
    if text.get(begin..)?.starts_with('*') {
        // What the alias stands for is others' too.
        let end = layout::end_of(text, begin, outer)?;
        let (key, value) = entry(extent, Quotes::AsNeeded);
        return Some(format!("{}{{ {key}: {value} }}{}", &text[..begin], &text[end..]));
    }
    let Value::Map(entries) = &approve.value else { return None };
    let [(old_key, old_value)] = entries.as_slice() else { return None };
    let style = if outer == Style::Flow { outer } else { style(text, approve)? };
    let begin = start(&old_key.place)?;
    let key_end = layout::end_of(text, begin, style)?;
    let value_begin = start(&old_value.place)?;
    let end = value_end(text, old_value, style)?;
    // Where these are not in order, they came through an alias.
    let between = text.get(key_end..value_begin).filter(|_| value_begin < end)?;
    let between = if between.contains(['\n', '#']) { ": " } else { between };

    let written = &text[begin..key_end];
    let quote = written.chars().next().filter(|letter| matches!(letter, '"' | '\''));
    let quote = quote.map(String::from).unwrap_or_default();
    let (key, value) = entry(extent, Quotes::like(written));
    let new = format!("{quote}{key}{quote}{between}{value}");

    // Comments on what goes stay, on lines of their own.
    let line = line_start(text, begin);
    let indentation = text[line..].len() - text[line..].trim_start_matches(' ').len();
    let mut above = String::new();
    for comment in layout::comments(&text[begin..end]) {
        above.push_str(&" ".repeat(indentation));
        above.push_str(comment);
        above.push_str(newline(text));
    }
    Some(format!("{}{above}{}{new}{}", &text[..line], &text[line..begin], &text[end..]))
}

/// Where the value of an entry ends.
fn value_end(text: &str, value: &Node, style: Style) -> Option<usize> {
    let begin = start(&value.place)?;
    match &value.value {
        Value::List(items) if text.get(begin..)?.starts_with('-') => {
            layout::end_of(text, start(&items.last()?.place)?, style)
        }
        _ => layout::end_of(text, begin, style),
    }
}

/// Puts approvals behind the name of a ring that has none.
fn inserted(text: &str, ring: &Node, entries: &[(Key, Node)], extent: &Extent) -> Option<String> {
    let named = |(key, _): &&(Key, Node)| key.name == "name" && stands(text, key);
    let (key, name) = entries.iter().find(named)?;
    let style = style(text, ring)?;
    let begin = start(&key.place)?;
    let end = layout::end_of(text, start(&name.place)?, style)?;
    if style == Style::Flow {
        let quotes = Quotes::like(text.get(begin..)?);
        let (key, value) = entry(extent, quotes);
        let new = match quotes {
            Quotes::AsNeeded => format!(", approve: {{ {key}: {value} }}"),
            Quotes::Always => format!(", \"approve\": {{ \"{key}\": {value} }}"),
        };
        return Some(format!("{}{new}{}", &text[..end], &text[end..]));
    }
    let column = text[line_start(text, begin)..begin].chars().count();
    let new = format!("{}{}", " ".repeat(column), by_hand(extent));
    let newline = newline(text);
    Some(match text[end..].find('\n') {
        Some(offset) => {
            let (above, below) = text.split_at(end + offset + 1);
            format!("{above}{new}{newline}{below}")
        }
        None => format!("{text}{newline}{new}"),
    })
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// How lines end in a text.
fn newline(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The file as it is meant to be: the same, with these approvals in this ring.
fn meant(before: &Node, ring: usize, extent: &Extent) -> Option<Node> {
    let mut policy = before.clone();
    let place = policy.place.clone();
    let at = |value| Node { value, place: place.clone() };
    let text = |text: &str| at(Value::Text(text.to_owned()));
    let key = |name: &str| Key { name: name.to_owned(), place: place.clone() };
    let approve = match extent {
        Extent::UpTo(date) => (key("until"), text(&date.to_string())),
        Extent::Only(patches) => {
            (key("only"), at(Value::List(patches.iter().map(|patch| text(patch)).collect())))
        }
    };
    let approve = at(Value::Map(vec![approve]));

    let Value::Map(entries) = &mut policy.value else { return None };
    let (_, rings) = entries.iter_mut().find(|(key, _)| key.name == "rings")?;
    let Value::List(rings) = &mut rings.value else { return None };
    let Value::Map(entries) = &mut rings.get_mut(ring)?.value else { return None };
    entries.retain(|(key, _)| key.name != "approve");
    entries.push((key("approve"), approve));
    Some(policy)
}

/// Whether two parts say the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let has = |entries: &[(Key, Node)], key: &Key, value: &Node| {
                entries.iter().any(|(other, node)| other.name == key.name && same(value, node))
            };
            a.len() == b.len() && a.iter().all(|(key, value)| has(b, key, value))
        }
        // A number that is not whole is no value of a policy.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version: 1\nrings:\n";

    /// What becomes of the first ring of a file that goes on like this.
    fn first(rings: &str, extent: &Extent) -> Option<String> {
        let edited = approve(&format!("{HEAD}{rings}"), 0, extent)?;
        Some(edited.strip_prefix(HEAD).unwrap().to_owned())
    }

    fn date() -> Extent {
        Extent::UpTo("2026-11-21".parse().unwrap())
    }

    fn only(patches: &[&str]) -> Extent {
        Extent::Only(patches.iter().map(|&patch| patch.to_owned()).collect())
    }

    /// Edits the first ring to a day.
    fn until(rings: &str) -> String {
        first(rings, &date()).unwrap_or_else(|| panic!("no edit of:\n{rings}"))
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        assert_eq!(
            until("  - name: prod\n    approve: { after_days: 7 }   # slowly\n    ous: [/P]\n"),
            "  - name: prod\n    approve: { until: 2026-11-21 }   # slowly\n    ous: [/P]\n"
        );
        assert_eq!(
            until("- approve:\n    # slowly\n    until:   2026-10-01 # why\n  name: prod\n"),
            "- approve:\n    # slowly\n    until:   2026-11-21 # why\n  name: prod\n"
        );
        assert_eq!(
            until("- { name: prod, approve: {after_days: 7}, ous: [/P] }\n"),
            "- { name: prod, approve: {until: 2026-11-21}, ous: [/P] }\n"
        );
    }

    #[test]
    fn keys_in_quotes_stay_in_quotes() {
        assert_eq!(
            until("- {\"name\":\"prod\",\"approve\":{\"after_days\":7}}\n"),
            "- {\"name\":\"prod\",\"approve\":{\"until\":\"2026-11-21\"}}\n"
        );
        assert_eq!(
            until("- name: prod\n  'approve':\n    'after_days': 7\n"),
            "- name: prod\n  'approve':\n    'until': 2026-11-21\n"
        );
        assert_eq!(
            until("- {\"name\": \"prod\"}\n"),
            "- {\"name\": \"prod\", \"approve\": { \"until\": \"2026-11-21\" }}\n"
        );
    }

    #[test]
    fn a_ring_without_approvals_gets_them_behind_its_name() {
        assert_eq!(
            until(
                "  -   ous: [/P]\n      name: prod   # the last\n      # nodes\n      nodes: all\n"
            ),
            "  -   ous: [/P]\n      name: prod   # the last\n      approve: { until: 2026-11-21 }\n      # nodes\n      nodes: all\n"
        );
        assert_eq!(
            until("- { name: 'prod', ous: [/P] } # x\n"),
            "- { name: 'prod', approve: { until: 2026-11-21 }, ous: [/P] } # x\n"
        );
    }

    #[test]
    fn ends_of_lines_and_of_the_file_stay_as_they_are() {
        let text = "rings:\r\n- ous: [/P]\r\n  name: prod";
        assert_eq!(
            approve(text, 0, &date()).unwrap(),
            "rings:\r\n- ous: [/P]\r\n  name: prod\r\n  approve: { until: 2026-11-21 }"
        );
        let text = "rings:\r\n- name: prod\r\n  approve: { after_days: 7 }";
        assert_eq!(
            approve(text, 0, &date()).unwrap(),
            "rings:\r\n- name: prod\r\n  approve: { until: 2026-11-21 }"
        );
    }

    #[test]
    fn patches_are_named_in_quotes_where_yaml_would_take_them_for_something_else() {
        let patches = only(&["KB5034439", "kernel-*", "5034439", "true"]);

        assert_eq!(
            first("- name: prod\n  approve: { after_days: 7 }\n", &patches).unwrap(),
            "- name: prod\n  approve: { only: [KB5034439, \"kernel-*\", \"5034439\", \"true\"] }\n"
        );
    }

    #[test]
    fn comments_on_patches_that_go_stay_above() {
        let block = "- name: prod\n  approve:\n    only: # these\n      - KB1   # why\n      # not KB3\n      - KB2   # urgent\n  ous: [/P]\n";
        assert_eq!(
            until(block),
            "- name: prod\n  approve:\n    # these\n    # why\n    # not KB3\n    until: 2026-11-21   # urgent\n  ous: [/P]\n"
        );
        let flow = "- name: prod\n  approve: { only: [\n    KB1, # why\n    KB2 ] } # urgent\n";
        assert_eq!(
            until(flow),
            "- name: prod\n  # why\n  approve: { until: 2026-11-21 } # urgent\n"
        );
        assert_eq!(
            first(block, &only(&["KB4"])).unwrap(),
            "- name: prod\n  approve:\n    # these\n    # why\n    # not KB3\n    only: [KB4]   # urgent\n  ous: [/P]\n"
        );
    }

    #[test]
    fn an_alias_gives_way_and_what_it_stands_for_stays() {
        let text = "slow: &slow { after_days: 7 }\nrings:\n- name: prod\n  approve: *slow # why\n";
        assert_eq!(
            approve(text, 0, &date()).unwrap(),
            "slow: &slow { after_days: 7 }\nrings:\n- name: prod\n  approve: { until: 2026-11-21 } # why\n"
        );
        let merged =
            "slow: &slow { approve: { after_days: 7 } }\nrings:\n- name: prod\n  <<: *slow\n";
        assert_eq!(
            approve(merged, 0, &date()).unwrap(),
            "slow: &slow { approve: { after_days: 7 } }\nrings:\n- name: prod\n  approve: { until: 2026-11-21 }\n  <<: *slow\n"
        );
    }

    #[test]
    fn what_is_shared_with_another_ring_is_not_edited() {
        let shared = "- name: prod\n  approve: { after_days: &days 7 }\n- name: late\n  approve: { after_days: *days }\n";
        assert_eq!(first(shared, &date()), None);

        let shared =
            "- name: prod\n  approve: &slow { after_days: 7 }\n- name: late\n  approve: *slow\n";
        assert_eq!(first(shared, &date()), None);
    }
}
