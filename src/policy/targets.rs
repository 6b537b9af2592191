//! The `targets` key: which OUs, accounts, Regions and nodes.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{ids::Region, templates::Nodes};

use super::{
    error::{Place, Problem},
    fields::{self, Fields},
    file::{Node, Value},
    regions,
    values::{At, ExcludedAccount, OuRef, Targets},
};

/// State Manager takes at most five targets, with at most fifty values each (API reference of `Target`).
pub(super) const MOST_TAGS: usize = 5;
pub(super) const MOST_VALUES: usize = 50;

/// What the key says: who is meant, and what the rings take over.
pub(super) struct TargetsRead {
    pub(super) targets: Targets,
    /// Where `ous` stands.
    pub(super) place: Place,
    pub(super) regions: Vec<At<Region>>,
    pub(super) nodes: Nodes,
}

/// Reads the key. With rings, which name their own OUs, `ous` may be missing.
pub(super) fn read(
    node: &Node,
    policy: &Fields<'_>,
    problems: &mut Vec<Problem>,
) -> Option<TargetsRead> {
    let fields = fields::map(node, "targets", &["ous", "regions", "exclude", "nodes"], problems)?;
    let named = if policy.has_any(&["rings"]) {
        fields.get("ous", problems)
    } else {
        Some(fields.need("ous", "ous: [/Workloads]", problems)?)
    };
    let place = named.map_or_else(|| node.place.clone(), |node| node.place.clone());
    let ous = named.map(|node| covered_ous(node, "targets.ous", problems));
    let regions = fields
        .need("regions", "regions: [eu-west-1]", problems)
        .map(|node| region_list(node, "targets.regions", problems));
    let (excluded_ous, excluded_accounts) = match fields.get("exclude", problems) {
        None => (None, Vec::new()),
        Some(node) => exclude(node, problems),
    };
    let nodes = match fields.get("nodes", problems) {
        None => Some(Nodes::All),
        Some(node) => nodes(node, "targets.nodes", problems),
    };
    Some(TargetsRead {
        targets: Targets { ous, excluded_ous, excluded_accounts },
        place,
        regions: regions?,
        nodes: nodes?,
    })
}

fn ou_list(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Vec<At<OuRef>> {
    let mut ous: Vec<At<OuRef>> = Vec::new();
    for item in fields::list(node, path, problems) {
        let Some(At { value: text, place }) = fields::text(item, path, problems) else { continue };
        let ou = ou_ref(&text);
        if ou == OuRef::Name(String::new()) {
            problems.push(Problem::at(&place, format!("`{path}` names an OU without a name")));
        } else if ous.iter().any(|other| other.value == ou) {
            problems.push(Problem::at(&place, format!("`{text}` is named twice in `{path}`")));
        } else {
            ous.push(At { value: ou, place });
        }
    }
    ous
}

/// OUs to cover, one at least.
pub(super) fn covered_ous(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Vec<At<OuRef>> {
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` is empty, so the policy would cover nothing"),
            )
            .help("Name an OU by its path, or `/` for the whole organization."),
        );
    }
    ou_list(node, path, problems)
}

fn ou_ref(text: &str) -> OuRef {
    let text = text.trim();
    if let Ok(id) = text.parse() {
        return OuRef::Id(id);
    }
    if text.starts_with('/') {
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        return OuRef::Path(format!("/{}", parts.join("/")));
    }
    OuRef::Name(text.to_owned())
}

/// A Region that exists.
pub(super) fn region(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<At<Region>> {
    let At { value, place } = fields::text(node, path, problems)?;
    match value.parse::<Region>() {
        Ok(region) if regions::zone(&region).is_some() => Some(At { value: region, place }),
        _ => {
            problems.push(
                Problem::at(&place, format!("there is no Region `{value}`"))
                    .or_nearest(&value, regions::known()),
            );
            None
        }
    }
}

pub(super) fn region_list(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Vec<At<Region>> {
    let mut found: Vec<At<Region>> = Vec::new();
    for item in fields::list(node, path, problems) {
        let Some(region) = region(item, path, problems) else { continue };
        if found.iter().any(|other| other.value == region.value) {
            problems.push(Problem::at(
                &region.place,
                format!("`{}` is named twice in `{path}`", region.value),
            ));
        } else {
            found.push(region);
        }
    }
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        problems.push(Problem::at(
            &node.place,
            format!("`{path}` is empty, so the policy would cover nothing"),
        ));
    }
    found
}

fn exclude(
    node: &Node,
    problems: &mut Vec<Problem>,
) -> (Option<Vec<At<OuRef>>>, Vec<ExcludedAccount>) {
    let Some(fields) = fields::map(node, "targets.exclude", &["ous", "accounts"], problems) else {
        return (None, Vec::new());
    };
    let ous =
        fields.get("ous", problems).map(|node| ou_list(node, "targets.exclude.ous", problems));
    let mut accounts: Vec<ExcludedAccount> = Vec::new();
    if let Some(node) = fields.get("accounts", problems) {
        for item in fields::list(node, "targets.exclude.accounts", problems) {
            let Some(account) = excluded_account(item, problems) else { continue };
            if accounts.iter().any(|other| other.id.value == account.id.value) {
                problems.push(Problem::at(
                    &account.id.place,
                    format!("the account {} is excluded twice", account.id.value),
                ));
            } else {
                accounts.push(account);
            }
        }
    }
    (ous, accounts)
}

fn excluded_account(node: &Node, problems: &mut Vec<Problem>) -> Option<ExcludedAccount> {
    const PATH: &str = "targets.exclude.accounts";
    if !matches!(node.value, Value::Map(_)) {
        let id = fields::name(node, PATH, problems)?;
        return Some(ExcludedAccount { id, reason: String::new(), until: None });
    }
    let fields = fields::map(node, PATH, &["id", "reason", "until"], problems)?;
    let id = fields
        .need("id", "id: \"111122223333\"", problems)
        .and_then(|node| fields::name(node, "targets.exclude.accounts.id", problems));
    let reason = fields
        .get("reason", problems)
        .and_then(|node| fields::text(node, "targets.exclude.accounts.reason", problems))
        .map_or_else(String::new, |text| text.value);
    let Ok(until) = until(&fields, problems) else { return None };
    Some(ExcludedAccount { id: id?, reason, until })
}

fn until(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Result<Option<Date>, ()> {
    let Some(node) = fields.get("until", problems) else { return Ok(None) };
    let day = fields::date(node, "targets.exclude.accounts.until", problems);
    day.map(|day| Some(day.value)).ok_or(())
}

pub(super) fn nodes(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Nodes> {
    if let Value::Text(text) = &node.value {
        if text == "all" {
            return Some(Nodes::All);
        }
        problems.push(
            Problem::at(&node.place, format!("`{path}` must be `all` or a map, and is `{text}`"))
                .help("For example `{ tags: { Patch: [\"true\"] } }`."),
        );
        return None;
    }
    let fields = fields::map(node, path, &["tags", "resource_group", "instance_ids"], problems)?;
    let mut found: Vec<Option<Nodes>> = Vec::new();
    if let Some(node) = fields.get("tags", problems) {
        found.push(tags(node, &format!("{path}.tags"), problems));
    }
    if let Some(node) = fields.get("resource_group", problems) {
        let path = format!("{path}.resource_group");
        found.push(fields::text(node, &path, problems).map(|group| {
            if group.value.contains("{{") {
                problems.push(replaced_by_automation(&path, &group.place));
            }
            Nodes::ResourceGroup(group.value)
        }));
    }
    if let Some(node) = fields.get("instance_ids", problems) {
        found.push(instance_ids(node, &format!("{path}.instance_ids"), problems));
    }
    if found.len() == 1 {
        return found.pop().flatten();
    }
    if found.is_empty() && fields.has_any(&["tags", "resource_group", "instance_ids"]) {
        return None;
    }
    problems.push(Problem::at(
        &node.place,
        format!("`{path}` must have exactly one of `tags`, `resource_group` and `instance_ids`"),
    ));
    None
}

/// The texts go through a document of Automation's.
fn replaced_by_automation(path: &str, place: &Place) -> Problem {
    Problem::at(
        place,
        format!("`{path}`: Systems Manager would put something else where `{{{{` stands"),
    )
    .help("Choose the nodes by another tag or group.")
}

fn tags(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Nodes> {
    let Value::Map(entries) = &node.value else {
        problems.push(fields::wrong_kind(node, path, "a map from tag keys to values"));
        return None;
    };
    if entries.is_empty() || entries.len() > MOST_TAGS {
        problems.push(Problem::at(
            &node.place,
            format!("`{path}` has {} keys; State Manager takes 1 to {MOST_TAGS}", entries.len()),
        ));
        return None;
    }
    let mut tags = BTreeMap::new();
    let before = problems.len();
    for (key, value) in entries {
        let path = format!("{path}.{}", key.name);
        let so_far = problems.len();
        let values: Vec<String> = match &value.value {
            Value::List(items) => items
                .iter()
                .filter_map(|item| fields::text(item, &path, problems))
                .map(|text| text.value)
                .collect(),
            _ => fields::text(value, &path, problems).map(|text| text.value).into_iter().collect(),
        };
        if problems.len() > so_far {
            continue;
        }
        if values.is_empty() || values.len() > MOST_VALUES {
            problems.push(Problem::at(
                &value.place,
                format!("`{path}` must have 1 to {MOST_VALUES} values, or \"*\""),
            ));
        } else if values.iter().any(|value| value == "*") && values.len() > 1 {
            problems.push(Problem::at(
                &value.place,
                format!("`{path}`: \"*\" stands for every value, so it stands alone"),
            ));
        }
        let braces = std::iter::once(&key.name).chain(&values).any(|text| text.contains("{{"));
        if braces {
            problems.push(replaced_by_automation(&path, &value.place));
        }
        // `*` means that the key is there, whatever its value.
        let values = if values == ["*"] { Vec::new() } else { values };
        tags.insert(key.name.clone(), values);
    }
    (problems.len() == before).then_some(Nodes::Tags(tags))
}

fn instance_ids(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Nodes> {
    let before = problems.len();
    let mut ids = Vec::new();
    for item in fields::list(node, path, problems) {
        let Some(id) = fields::text(item, path, problems) else { continue };
        let hex = id.value.strip_prefix("i-").or_else(|| id.value.strip_prefix("mi-"));
        if hex.is_some_and(|hex| hex.len() >= 8 && hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            ids.push(id.value);
        } else {
            problems.push(Problem::at(
                &id.place,
                format!("`{}` is not the ID of a node (i-… or mi-…)", id.value),
            ));
        }
    }
    if problems.len() == before && (ids.is_empty() || ids.len() > MOST_VALUES) {
        problems.push(Problem::at(
            &node.place,
            format!("`{path}` has {} IDs; State Manager takes 1 to {MOST_VALUES}", ids.len()),
        ));
    }
    (problems.len() == before).then_some(Nodes::InstanceIds(ids))
}
