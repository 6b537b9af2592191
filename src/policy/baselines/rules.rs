//! Rules as code: one baseline of a policy.

use crate::{
    ids::OperatingSystem,
    policy::{
        approve,
        error::{Place, Problem},
        fields::{self, Fields},
        file::{Node, Value},
        rules::{Approve, BaselineRules, ComplianceLevel, RejectedAction, Rule},
        values::At,
    },
    state::Switch,
};

use super::{
    filters,
    patch_names::{self, Listed},
    sources,
};

const KEYS: [&str; 8] = [
    "filters",
    "rules",
    "approved",
    "approved_compliance",
    "approved_non_security",
    "rejected",
    "rejected_action",
    "sources",
];

/// What a rule has beside its filters.
const BESIDE_FILTERS: [&str; 3] = ["approve", "compliance", "non_security"];

/// What AWS takes (API reference of `PatchRuleGroup` and `CreatePatchBaseline`).
const MOST_RULES: usize = 10;
pub(in crate::policy) const MOST_PATCHES: usize = 50;

const COMPLIANCE: [(&str, ComplianceLevel); 6] = [
    ("critical", ComplianceLevel::Critical),
    ("high", ComplianceLevel::High),
    ("medium", ComplianceLevel::Medium),
    ("low", ComplianceLevel::Low),
    ("informational", ComplianceLevel::Informational),
    ("unspecified", ComplianceLevel::Unspecified),
];

const SWITCH: [(&str, Switch); 2] = [("true", Switch::On), ("false", Switch::Off)];

/// Reads a list of rules, or a map with `rules` and more.
pub(super) fn read(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<BaselineRules> {
    let mut baseline = BaselineRules {
        filters: Vec::new(),
        rules: Vec::new(),
        approved: Vec::new(),
        approved_compliance: ComplianceLevel::Unspecified,
        approved_non_security: Switch::Off,
        rejected: Vec::new(),
        rejected_action: RejectedAction::AllowAsDependency,
        sources: Vec::new(),
    };
    if let Value::List(_) = &node.value {
        baseline.rules = rules(node, system, path, problems);
        approves_something(node, path, &baseline, problems);
        return Some(baseline);
    }
    let fields = fields::map(node, path, &KEYS, problems)?;
    let full = |key: &str| format!("{path}.{key}");
    if let Some(node) = fields.get("filters", problems)
        && let Some(found) = fields::any_map(node, &full("filters"), problems)
    {
        baseline.filters = filters::read(&found, system, &full("filters"), &[], problems);
    }
    if let Some(node) = fields.get("rules", problems) {
        baseline.rules = rules(node, system, &full("rules"), problems);
    }
    let approved = fields.get("approved", problems).map_or_else(Vec::new, |node| {
        patches(node, (system, Listed::Approved), &full("approved"), problems)
    });
    let rejected = fields.get("rejected", problems).map_or_else(Vec::new, |node| {
        patches(node, (system, Listed::Rejected), &full("rejected"), problems)
    });
    problems.extend(approved_in_vain(&approved, &rejected, path));
    baseline.approved = approved.into_iter().map(|patch| patch.value).collect();
    baseline.rejected = rejected.into_iter().map(|patch| patch.value).collect();
    if let Some(node) = fields.get("approved_compliance", problems) {
        let level = fields::choice(node, &full("approved_compliance"), &COMPLIANCE, problems);
        baseline.approved_compliance = level.unwrap_or(baseline.approved_compliance);
    }
    baseline.approved_non_security =
        non_security(&fields, "approved_non_security", system, path, problems);
    if let Some(node) = fields.get("rejected_action", problems) {
        let choices = [
            ("allow_as_dependency", RejectedAction::AllowAsDependency),
            ("block", RejectedAction::Block),
        ];
        let action = fields::choice(node, &full("rejected_action"), &choices, problems);
        baseline.rejected_action = action.unwrap_or(baseline.rejected_action);
    }
    if let Some(node) = fields.get("sources", problems) {
        baseline.sources = sources::read(node, system, &full("sources"), problems);
    }
    if fields.has_any(&["rules", "approved"]) {
        approves_something(node, path, &baseline, problems);
    } else {
        problems.push(
            Problem::at(&node.place, format!("`{path}` has no `rules`, so nothing would be approved"))
                .help("Add rules. To take AWS's rules without some patches, leave the operating system to `aws` and write `exceptions`."),
        );
    }
    Some(baseline)
}

/// Warnings of patches that are in both lists.
fn approved_in_vain(
    approved: &[At<String>],
    rejected: &[At<String>],
    path: &str,
) -> impl Iterator<Item = Problem> {
    let in_both =
        move |patch: &&At<String>| rejected.iter().any(|other| other.value == patch.value);
    approved.iter().filter(in_both).map(move |patch| {
        Problem::warning(
            &patch.place,
            format!("`{}` is approved and rejected in `{path}`", patch.value),
        )
        .help("It is rejected then. Take it out of one of the two.")
    })
}

/// A warning where a list is empty and nothing else approves anything.
fn approves_something(
    node: &Node,
    path: &str,
    baseline: &BaselineRules,
    problems: &mut Vec<Problem>,
) {
    let is_said_empty = match &node.value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => {
            let mut lists = entries
                .iter()
                .filter(|(key, _)| key.name == "rules" || key.name == "approved")
                .map(|(_, node)| node)
                .peekable();
            lists.peek().is_some()
                && lists.all(|node| matches!(&node.value, Value::List(items) if items.is_empty()))
        }
        _ => false,
    };
    if is_said_empty && baseline.rules.is_empty() && baseline.approved.is_empty() {
        problems.push(
            Problem::warning(&node.place, format!("`{path}` approves nothing by itself"))
                .help("Nothing is installed there, but for what `approve: { only: […] }` names."),
        );
    }
}

fn rules(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Rule> {
    let items = fields::list(node, path, problems);
    if let Some(beyond) = items.get(MOST_RULES) {
        problems.push(
            Problem::at(
                &beyond.place,
                format!("`{path}` has {} rules; AWS takes {MOST_RULES}", items.len()),
            )
            .help("Make one of those that approve alike: a filter takes several values."),
        );
    }
    items.iter().filter_map(|item| rule(item, system, path, problems)).collect()
}

fn rule(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    if !matches!(node.value, Value::Map(_)) {
        let wrong = format!("a rule of `{path}` must be a map, and is {}", node.value.kind());
        problems.push(
            Problem::at(&node.place, wrong).help("For example `{ classification: [Security] }`."),
        );
        return None;
    }
    let fields = fields::any_map(node, path, problems)?;
    let filters = filters::read(&fields, system, path, &BESIDE_FILTERS, problems);
    let has_filter_key =
        fields.entries().iter().any(|(key, _)| !BESIDE_FILTERS.contains(&key.name.as_str()));
    if filters.is_empty() && !has_filter_key {
        problems.push(
            Problem::at(&node.place, format!("a rule of `{path}` has no filter"))
                .help("Say which patches it approves: `product: \"*\"` is every one."),
        );
    }
    let is_of_applications = filters::is_of_applications(&fields);
    if is_of_applications && !["product_family", "product"].iter().all(|key| has(&fields, key)) {
        problems.push(
            Problem::at(
                &node.place,
                format!("a rule of `{path}` is for applications and does not say which"),
            )
            .help(
                "Add `product_family` and `product`: `product_family: [Office], product: \"*\"`.",
            ),
        );
    }
    let approve = fields
        .get("approve", problems)
        .and_then(|node| own_approve(node, system, &format!("{path}.approve"), problems));
    let compliance = fields.get("compliance", problems).and_then(|node| {
        fields::choice(node, &format!("{path}.compliance"), &COMPLIANCE, problems)
    });
    let non_security = non_security(&fields, "non_security", system, path, problems);
    if system == OperatingSystem::Centos && !has(&fields, "non_security") {
        no_security_data(&node.place, path, problems);
    }
    Some(Rule { filters, approve, compliance, non_security, place: node.place.clone() })
}

fn has(fields: &Fields<'_>, key: &str) -> bool {
    fields.has_any(&[key])
}

/// Repositories of CentOS tell nothing of security (user guide, "How security patches are selected").
fn no_security_data(place: &Place, path: &str, problems: &mut Vec<Problem>) {
    problems.push(
        Problem::warning(
            place,
            format!("a rule of `{path}` may approve nothing: CentOS does not say which patches are for security"),
        )
        .help("Add `non_security: true`. `non_security: false` keeps it as it is, without this warning."),
    );
}

/// When a rule's patches are approved, where it says so itself.
fn own_approve(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<At<Approve>> {
    if !system.tells_release_dates() {
        problems.push(
            Problem::at(&node.place, format!("`{path}`: {system} does not say when patches were released"))
                .help("Leave it out: what a rule matches there is approved at once, and AWS takes neither days nor a date."),
        );
        return None;
    }
    let approve = approve::read(node, path, problems)?;
    if let Approve::Only(_) = &approve.value {
        problems.push(
            Problem::at(&approve.place, format!("`{path}`: a rule can't approve patches by name"))
                .help("Write them into `approved` of the baseline, or `approve: { only: […] }` into a ring, where it stands for all rules."),
        );
        return None;
    }
    Some(approve)
}

/// Whether patches may come from outside of the security repositories.
fn non_security(
    fields: &Fields<'_>,
    key: &str,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Switch {
    let Some(node) = fields.get(key, problems) else { return Switch::Off };
    if !system.is_linux() {
        problems.push(
            Problem::at(&node.place, format!("`{path}`: {system} has no `{key}`"))
                .help("Leave the key out. AWS takes it for Linux only."),
        );
        return Switch::Off;
    }
    fields::choice(node, &format!("{path}.{key}"), &SWITCH, problems).unwrap_or(Switch::Off)
}

/// Reads a list of patches.
fn patches(
    node: &Node,
    (system, listed): (OperatingSystem, Listed),
    path: &str,
    problems: &mut Vec<Problem>,
) -> Vec<At<String>> {
    let patches = fields::texts(node, path, problems);
    if let Some(beyond) = patches.get(MOST_PATCHES) {
        problems.push(
            Problem::at(
                &beyond.place,
                format!("`{path}` has {} patches; AWS takes {MOST_PATCHES}", patches.len()),
            )
            .help("Write fewer: a `*` stands for any part of a package's name, and rules approve what is not named."),
        );
    }
    for patch in &patches {
        problems.extend(patch_problem(patch, system, listed, path));
    }
    patches
}

/// What is wrong with a patch's name, if anything.
pub(in crate::policy) fn patch_problem(
    patch: &At<String>,
    system: OperatingSystem,
    listed: Listed,
    key: &str,
) -> Option<Problem> {
    let wrong = patch_names::check(system, listed, &patch.value).err()?;
    let message = format!("`{key}`: `{}` {}", patch.value, wrong.why);
    Some(Problem::at(&patch.place, message).help(wrong.instead))
}
