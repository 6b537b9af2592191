//! Filters: keys and the values that patches must have, of one operating system.

use crate::{
    ids::OperatingSystem,
    policy::{
        error::{self, Problem},
        fields::{self, Fields},
        file::{Key, Node, Value},
        values::At,
    },
    state::PatchFilter,
};

use super::vocabulary::{self, FilterKey};

/// What AWS takes (API reference of `PatchFilterGroup` and `PatchFilter`).
const MOST_FILTERS: usize = 4;
const MOST_VALUES: usize = 20;
const LONGEST_VALUE: usize = 64;

/// Reads the filters of a map in the order of AWS's keys. `beside` are the other keys that it may have.
pub(super) fn read(
    fields: &Fields<'_>,
    system: OperatingSystem,
    path: &str,
    beside: &[&'static str],
    problems: &mut Vec<Problem>,
) -> Vec<PatchFilter> {
    for (key, _) in fields.entries() {
        problems.extend(wrong_key(key, system, path, beside));
    }
    let mut filters = Vec::new();
    let mut last = None;
    for key in FilterKey::of(system) {
        let Some(node) = fields.get(key.key(), problems) else { continue };
        let path = format!("{path}.{}", key.key());
        let values = if *key == FilterKey::PatchSet {
            patch_set(node, &path, problems).map(str::to_owned).into_iter().collect()
        } else {
            values(node, (system, *key), &path, is_of_applications(fields), problems)
        };
        last = Some(node);
        filters.push(PatchFilter { key: key.aws_name().to_owned(), values });
    }
    if let Some(node) = last
        && filters.len() > MOST_FILTERS
    {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` has {} filters; AWS takes {MOST_FILTERS}", filters.len()),
            )
            .help("Take one of them out, or `filters` of the whole baseline for what all rules share."),
        );
    }
    filters
}

/// What is wrong with a key, if anything.
fn wrong_key(
    key: &Key,
    system: OperatingSystem,
    path: &str,
    beside: &[&'static str],
) -> Option<Problem> {
    let name = key.name.as_str();
    let own = FilterKey::of(system);
    if beside.contains(&name) || own.iter().any(|own| own.key() == name) {
        return None;
    }
    let words: Vec<String> = own.iter().map(|own| format!("`{}`", own.key())).collect();
    let filters = format!("The filters of {system} are {}.", words.join(", "));
    if let Some(foreign) = FilterKey::ALL.into_iter().find(|other| other.key() == name) {
        let problem = Problem::at(&key.place, format!("`{path}`: {system} has no filter `{name}`"));
        return Some(match foreign.counterpart(system) {
            Some(own) => problem.help(format!("Write `{}`. {filters}", own.key())),
            None => problem.help(filters),
        });
    }
    let problem = Problem::at(&key.place, format!("unknown key `{name}` in `{path}`"));
    let known = own.iter().map(|own| own.key()).chain(beside.iter().copied());
    Some(match error::nearest(name, known) {
        Some(near) => problem.help(format!("Did you mean `{near}`?")),
        None if beside.is_empty() => problem.help(filters),
        None => problem.help(format!("{filters} The other keys here are {}.", beside.join(", "))),
    })
}

/// Whether a map chooses Microsoft's applications, whose products have any name.
pub(super) fn is_of_applications(fields: &Fields<'_>) -> bool {
    let patch_set = fields.get(FilterKey::PatchSet.key(), &mut Vec::new());
    let word = patch_set.map(|node| &single(node).value);
    matches!(word, Some(Value::Text(word)) if word.as_str() == "application")
}

/// Like any other filter the patch set may be a list, and a patch is in one of the two.
fn single(node: &Node) -> &Node {
    match &node.value {
        Value::List(items) if items.len() == 1 => &items[0],
        _ => node,
    }
}

fn patch_set(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<&'static str> {
    let choices = [("os", "OS"), ("application", "APPLICATION")];
    fields::choice(single(node), path, &choices, problems)
}

/// The values of a filter as they are written.
fn values(
    node: &Node,
    (system, key): (OperatingSystem, FilterKey),
    path: &str,
    of_applications: bool,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let texts = fields::texts(node, path, problems);
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        let all = if key.takes_all() { " `\"*\"` stands for every value." } else { "" };
        problems.push(
            Problem::at(&node.place, format!("`{path}` has no value"))
                .help(format!("Name one, or leave the key out.{all}")),
        );
    }
    if texts.len() > MOST_VALUES {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` has {} values; AWS takes {MOST_VALUES}", texts.len()),
            )
            .help("Write a second rule for the rest."),
        );
    }
    for text in &texts {
        let At { value, place } = text;
        let length = value.chars().count();
        if length == 0 || length > LONGEST_VALUE {
            problems.push(Problem::at(
                place,
                format!(
                    "`{path}`: a value has 1 to {LONGEST_VALUE} characters, and this one {length}"
                ),
            ));
        } else if value == "*" && key.takes_all() {
            if texts.len() > 1 {
                problems.push(
                    Problem::at(
                        place,
                        format!("`{path}`: `*` stands for every value, so it stands alone"),
                    )
                    .help("Take the other values out, or the `*`."),
                );
            }
        } else if key == FilterKey::Product {
            if !of_applications {
                problems.extend(strange_product(text, system, path));
            }
        } else {
            problems.extend(strange_value(text, (system, key), path));
        }
    }
    texts.into_iter().map(|text| text.value).collect()
}

/// A warning where a product looks like another operating system's.
fn strange_product(product: &At<String>, system: OperatingSystem, path: &str) -> Option<Problem> {
    if vocabulary::is_product(system, &product.value) {
        return None;
    }
    let (_, example) = vocabulary::products(system);
    Some(
        Problem::warning(
            &product.place,
            format!("`{path}`: `{}` does not look like a product of {system}", product.value),
        )
        .help(format!("Those are like `{example}`, and `\"*\"` is every one. {ASK}")),
    )
}

/// An error where a value is nearly one that is known, and a warning where it is unlike all of them.
fn strange_value(
    value: &At<String>,
    (system, key): (OperatingSystem, FilterKey),
    path: &str,
) -> Option<Problem> {
    let known = key.known(system);
    let At { value, place } = value;
    if known.is_empty() || known.contains(&value.as_str()) {
        return None;
    }
    let words: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    let here = format!("For {system} orgpatch knows {}.", words.join(", "));
    if key.is_known_elsewhere(value) {
        return Some(
            Problem::warning(
                place,
                format!(
                    "`{path}`: `{value}` is known of other operating systems, and not of {system}"
                ),
            )
            .help(format!("{here} {ASK}")),
        );
    }
    if let Some(near) = vocabulary::nearly(value, known) {
        return Some(
            Problem::at(place, format!("`{path}`: there is no `{value}`"))
                .help(format!("Did you mean `{near}`?")),
        );
    }
    Some(
        Problem::warning(
            place,
            format!("`{path}`: `{value}` is not in the list that this orgpatch knows"),
        )
        .help(format!("{here} {ASK}")),
    )
}

/// Lists of values grow, and only AWS knows them all.
const ASK: &str = "AWS may have it by now: `orgpatch validate --online` asks.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file;

    /// The filters, the errors and the warnings of one map.
    fn filters(
        system: OperatingSystem,
        text: &str,
    ) -> (Vec<(String, String)>, Vec<String>, Vec<String>) {
        let node = file::read(text).unwrap();
        let mut problems = Vec::new();
        let fields = fields::any_map(&node, "rules", &mut problems).unwrap();
        let filters = read(&fields, system, "rules", &["approve"], &mut problems);
        let said = |problem: &Problem| {
            format!("{}. {}", problem.message, problem.help.as_deref().unwrap_or_default())
        };
        let (warnings, errors): (Vec<Problem>, Vec<Problem>) =
            error::in_order(problems).into_iter().partition(Problem::is_warning);
        (
            filters.into_iter().map(|filter| (filter.key, filter.values.join(" "))).collect(),
            errors.iter().map(said).collect(),
            warnings.iter().map(said).collect(),
        )
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, values)| ((*key).to_owned(), (*values).to_owned())).collect()
    }

    #[test]
    fn filters_come_in_awss_order_and_values_as_they_are_written() {
        let text = "{ severity: [Important, Critical], product: \"*\", classification: Security }";

        let (found, errors, warnings) = filters(OperatingSystem::AmazonLinux2023, text);

        let expected =
            [("PRODUCT", "*"), ("CLASSIFICATION", "Security"), ("SEVERITY", "Important Critical")];
        assert_eq!(found, pairs(&expected));
        assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
    }

    #[test]
    fn a_patch_set_is_written_in_lower_case() {
        let text = "{ patch_set: application, product_family: Office, product: [Office 2016] }";

        let (found, errors, warnings) = filters(OperatingSystem::Windows, text);

        let expected = [
            ("PATCH_SET", "APPLICATION"),
            ("PRODUCT", "Office 2016"),
            ("PRODUCT_FAMILY", "Office"),
        ];
        assert_eq!(found, pairs(&expected));
        assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
    }

    #[test]
    fn a_key_of_another_operating_system_is_refused_with_the_own_one() {
        let said = |system, text| filters(system, text).1.join("\n");

        assert_eq!(
            said(OperatingSystem::Windows, "{ severity: [Critical] }"),
            "`rules`: windows has no filter `severity`. Write `msrc_severity`. The filters of windows are `patch_set`, `product`, `product_family`, `classification`, `msrc_severity`."
        );
        assert_eq!(
            said(OperatingSystem::Macos, "{ severity: [Critical] }"),
            "`rules`: macos has no filter `severity`. The filters of macos are `product`, `classification`."
        );
        assert_eq!(
            said(OperatingSystem::Suse, "{ CLASSIFICATION: [Security] }"),
            "unknown key `CLASSIFICATION` in `rules`. Did you mean `classification`?"
        );
    }

    #[test]
    fn a_value_that_is_nearly_known_is_refused_and_one_that_is_unlike_all_is_a_warning() {
        let (_, errors, warnings) = filters(
            OperatingSystem::AmazonLinux2,
            "{ classification: [security, Preview], severity: [High] }",
        );

        assert_eq!(
            errors,
            ["`rules.classification`: there is no `security`. Did you mean `Security`?"]
        );
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].starts_with("`rules.classification`: `Preview` is not in the list"));
        assert!(warnings[1].contains("`High` is not in the list that this orgpatch knows"));
    }

    #[test]
    fn a_severity_of_a_neighbour_is_a_warning_and_no_error() {
        let (_, errors, warnings) =
            filters(OperatingSystem::AmazonLinux2023, "{ severity: [Moderate] }");

        assert!(errors.is_empty(), "{errors:?}");
        assert!(warnings[0].contains("`Moderate` is known of other operating systems"));
        let (_, _, warnings) = filters(OperatingSystem::OracleLinux, "{ severity: [Moderate] }");
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn a_product_of_another_operating_system_is_a_warning() {
        let (_, errors, warnings) =
            filters(OperatingSystem::AmazonLinux2023, "{ product: [WindowsServer2022] }");

        assert!(errors.is_empty(), "{errors:?}");
        assert!(
            warnings[0].contains("does not look like a product of amazon_linux_2023"),
            "{warnings:?}"
        );
    }

    #[test]
    fn awss_limits_hold() {
        let of = |count: usize, longest: usize| {
            let digits = longest - 1;
            let values: Vec<String> =
                (0..count).map(|number| format!("v{number:0>digits$}")).collect();
            filters(OperatingSystem::Ubuntu, &format!("{{ section: [{}] }}", values.join(", "))).1
        };

        assert!(of(20, 64).is_empty());
        assert_eq!(of(21, 2).len(), 1);
        assert_eq!(of(1, 65).len(), 1);
        let (_, errors, _) = filters(
            OperatingSystem::Windows,
            "{ patch_set: application, product: \"*\", product_family: \"*\", classification: \"*\", msrc_severity: Low }",
        );
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn a_star_stands_alone_and_no_list_is_empty() {
        let (_, errors, _) = filters(OperatingSystem::Suse, "{ product: [\"*\", Suse15.5] }");
        assert_eq!(errors.len(), 1, "{errors:?}");
        let (_, errors, _) = filters(OperatingSystem::Suse, "{ classification: [] }");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}
