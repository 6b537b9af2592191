//! Further repositories of a baseline.

use crate::{
    ids::OperatingSystem,
    policy::{
        error::Problem,
        fields,
        file::{Node, Value},
        values::At,
    },
    state::PatchSource,
};

/// What AWS takes (API reference of `PatchSource`).
const MOST_SOURCES: usize = 20;
const MOST_PRODUCTS: usize = 20;
const LONGEST_CONFIGURATION: usize = 1_024;

/// Reads the list.
pub(super) fn read(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Vec<PatchSource> {
    if !system.is_linux() {
        problems.push(
            Problem::at(&node.place, format!("`{path}`: {system} takes no further repositories"))
                .help("Leave the key out. AWS takes it for Linux only."),
        );
        return Vec::new();
    }
    let items = fields::list(node, path, problems);
    if items.len() > MOST_SOURCES {
        problems.push(Problem::at(
            &node.place,
            format!("`{path}` has {} repositories; AWS takes {MOST_SOURCES}", items.len()),
        ));
    }
    let mut sources: Vec<PatchSource> = Vec::new();
    for item in items {
        let Some(source) = source(item, path, problems) else { continue };
        if sources.iter().any(|other| other.name == source.name) {
            problems.push(Problem::at(
                &item.place,
                format!("`{path}`: two repositories are called `{}`", source.name),
            ));
        } else {
            sources.push(source);
        }
    }
    sources
}

fn source(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<PatchSource> {
    if !matches!(node.value, Value::Map(_)) {
        let wrong = format!("a repository of `{path}` must be a map, and is {}", node.value.kind());
        problems.push(
            Problem::at(&node.place, wrong)
                .help("It has the keys `name`, `products` and `configuration`."),
        );
        return None;
    }
    let keys = ["name", "products", "configuration"];
    let fields = fields::map(node, path, &keys, problems)?;
    let name = fields
        .need("name", "name: corp", problems)
        .and_then(|node| name(node, &format!("{path}.name"), problems));
    let products = fields
        .need("products", "products: [AmazonLinux2023]", problems)
        .and_then(|node| products(node, &format!("{path}.products"), problems));
    let configuration = fields
        .need("configuration", "configuration: \"[corp]\\nname=corp\\n…\"", problems)
        .and_then(|node| configuration(node, &format!("{path}.configuration"), problems));
    Some(PatchSource { name: name?, products: products?, configuration: configuration? })
}

fn name(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let At { value, place } = fields::text(node, path, problems)?;
    let is_right = (3..=50).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !is_right {
        problems.push(Problem::at(
            &place,
            format!("`{path}`: `{value}` is not the name of a repository (3 to 50 of A-Z, a-z, 0-9, _, - and .)"),
        ));
    }
    is_right.then_some(value)
}

fn products(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    let before = problems.len();
    let products = fields::texts(node, path, problems);
    let count = products.len();
    if problems.len() > before {
        return None;
    }
    if count == 0 || count > MOST_PRODUCTS {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` has {count} products; AWS takes 1 to {MOST_PRODUCTS}"),
            )
            .help("`[\"*\"]` stands for every one."),
        );
        return None;
    }
    Some(products.into_iter().map(|product| product.value).collect())
}

fn configuration(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<String> {
    if matches!(node.value, Value::List(_) | Value::Map(_)) {
        problems.push(
            fields::wrong_kind(node, path, "a text")
                .help("Write the lines of the repository's file behind a `|`."),
        );
        return None;
    }
    let At { value, place } = fields::text(node, path, problems)?;
    let length = value.chars().count();
    let is_right = (1..=LONGEST_CONFIGURATION).contains(&length);
    if !is_right {
        problems.push(Problem::at(
            &place,
            format!("`{path}` has {length} characters; AWS takes 1 to {LONGEST_CONFIGURATION}"),
        ));
    }
    is_right.then_some(value)
}
