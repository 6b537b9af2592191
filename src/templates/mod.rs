//! The CloudFormation templates, compiled in, and filled.
//!
//! `templates/*.yaml` are plain files that lint on their own. Here the few places that differ
//! between policies are filled as values, never as text, and the result is written as JSON in one
//! fixed form, so that the same policy always gives the same bytes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    ids::{AccountId, BucketName, OrganizationId, PolicyName, Region, RingId},
    state::{Switch, Template},
};

const PATCHING: &str = include_str!("../../templates/patching.yaml");
const HOME: &str = include_str!("../../templates/home.yaml");

/// The documents' Python, by the name under which a template includes it.
const SCRIPTS: [(&str, &str); 5] = [
    ("file:scripts/add_remove_tag.py", include_str!("../../templates/scripts/add_remove_tag.py")),
    ("file:scripts/attach_ec2.py", include_str!("../../templates/scripts/attach_ec2.py")),
    ("file:scripts/attach_hybrid.py", include_str!("../../templates/scripts/attach_hybrid.py")),
    (
        "file:scripts/remediate_name_tags.py",
        include_str!("../../templates/scripts/remediate_name_tags.py"),
    ),
    ("file:scripts/sync_baselines.py", include_str!("../../templates/scripts/sync_baselines.py")),
];

/// Which nodes of an account are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// All managed nodes.
    All,
    /// Nodes with all of these tag keys, each with one of the values; any value where there is none.
    Tags(BTreeMap<String, Vec<String>>),
    /// The nodes of a resource group.
    ResourceGroup(String),
    /// These nodes.
    InstanceIds(Vec<String>),
}

/// Whether a node is restarted after an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// Where anything was installed.
    IfNeeded,
    /// Not by orgpatch.
    Never,
}

/// What bounds the roles of the stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionsBoundary {
    /// Nothing.
    None,
    /// AWS's own boundary for patch policies.
    Aws,
    /// A policy of the organization's.
    Arn(String),
}

impl PermissionsBoundary {
    fn parameter(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Aws => "aws".to_owned(),
            Self::Arn(arn) => arn.clone(),
        }
    }
}

/// What State Manager is told in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionSchedule {
    /// When nodes are scanned.
    pub scan: String,
    /// When they are patched, if at all.
    pub install: Option<String>,
}

/// The template of an account and Region: roles, documents, associations 1 to 5, 7 and 8.
pub fn patching(schedules: &BTreeMap<Region, RegionSchedule>, nodes: &Nodes) -> Template {
    let mut template = parsed(PATCHING);
    let schedules: Map<String, Value> = schedules
        .iter()
        .map(|(region, RegionSchedule { scan, install })| {
            // A mapping's keys must be the same everywhere, also where nothing is installed.
            (
                region.to_string(),
                json!({ "Scan": scan, "Install": install.as_deref().unwrap_or("none") }),
            )
        })
        .collect();
    *place(&mut template, "/Mappings/Schedules") = Value::Object(schedules);
    for association in ["AttachIAMToEc2Instance", "AttachIAMToHybridInstance", "AddRemoveNameTag"] {
        *place(&mut template, &format!("/Resources/{association}/Properties/Targets")) =
            automation_targets(nodes);
    }
    for association in ["ScanForPatches", "InstallPatches"] {
        *place(&mut template, &format!("/Resources/{association}/Properties/Targets")) =
            command_targets(nodes);
    }
    written(&template)
}

/// The template of the owner account's home Region: bucket, policy and hourly sync.
///
/// `org_paths` are the organization paths whose principals may read the override object.
pub fn home(ring: &RingId, org_paths: &[String]) -> Template {
    let mut template = parsed(HOME);
    name_ring_in_keys(&mut template, ring);
    let statements =
        place(&mut template, "/Resources/OverrideBucketPolicy/Properties/PolicyDocument/Statement");
    let statement = statements
        .as_array_mut()
        .into_iter()
        .flatten()
        .find(|statement| statement["Sid"] == "AllowReadFromOrganization")
        .expect("a test fills the template");
    statement["Condition"]["ForAnyValue:StringLike"]["aws:PrincipalOrgPaths"] = json!(org_paths);
    written(&template)
}

/// The parameters of [`patching`].
#[derive(Clone, Debug)]
pub struct PatchingParameters<'a> {
    /// The policy's name.
    pub policy: &'a PolicyName,
    /// The ring's five characters.
    pub ring: &'a RingId,
    /// The account that the bucket is in.
    pub owner_account: &'a AccountId,
    /// Whether patches are installed.
    pub installs: bool,
    /// Whether the scan is a rate, which can't be told to wait for its time.
    pub scans_at_once: bool,
    /// Whether nodes are restarted.
    pub reboot: Reboot,
    /// `MaxConcurrency`.
    pub concurrency: &'a str,
    /// `MaxErrors`.
    pub error_threshold: &'a str,
    /// Whether policies are attached to roles that nodes already have.
    pub attach_policies: Switch,
    /// What bounds the roles.
    pub permissions_boundary: &'a PermissionsBoundary,
    /// Where command output goes: bucket, prefix and Region.
    pub logs: Option<(&'a BucketName, &'a str, &'a Region)>,
    /// Whether Explorer is enabled.
    pub explorer: Switch,
    /// Which nodes.
    pub nodes: &'a Nodes,
}

/// The parameters of [`patching`], every one.
pub fn patching_parameters(of: &PatchingParameters<'_>) -> BTreeMap<String, String> {
    let word = |value: bool| if value { "true" } else { "false" }.to_owned();
    let (bucket, prefix, region) =
        of.logs.map_or_else(Default::default, |(bucket, prefix, region)| {
            (bucket.to_string(), prefix.to_owned(), region.to_string())
        });
    let (target_type, target_values) = match of.nodes {
        Nodes::All => ("*", json!([])),
        Nodes::Tags(tags) => (
            "Tags",
            tags.iter().map(|(key, values)| json!({ "Key": key, "Values": values })).collect(),
        ),
        Nodes::ResourceGroup(group) => ("ResourceGroup", json!([group])),
        Nodes::InstanceIds(ids) => ("InstanceIds", json!(ids)),
    };
    [
        ("PolicyName", of.policy.to_string()),
        ("RingId", of.ring.to_string()),
        ("OwnerAccountId", of.owner_account.to_string()),
        ("Operation", if of.installs { "ScanAndInstall" } else { "Scan" }.to_owned()),
        (
            "RebootOption",
            match of.reboot {
                Reboot::IfNeeded => "RebootIfNeeded",
                Reboot::Never => "NoReboot",
            }
            .to_owned(),
        ),
        ("Concurrency", of.concurrency.to_owned()),
        ("ErrorThreshold", of.error_threshold.to_owned()),
        ("ScanOnlyAtCron", word(!of.scans_at_once)),
        ("AttachPolicies", word(of.attach_policies == Switch::On)),
        ("PermissionsBoundary", of.permissions_boundary.parameter()),
        ("LogBucket", bucket),
        ("LogPrefix", prefix),
        ("LogRegion", region),
        ("EnableExplorer", word(of.explorer == Switch::On)),
        ("TargetType", target_type.to_owned()),
        ("TargetValues", target_values.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The parameters of [`home`], but for the baselines, which have to be looked up.
pub fn home_parameters(
    policy: &PolicyName,
    ring: &RingId,
    organization: &OrganizationId,
    boundary: &PermissionsBoundary,
) -> BTreeMap<String, String> {
    [
        ("PolicyName", policy.to_string()),
        ("RingId", ring.to_string()),
        ("OrganizationId", organization.to_string()),
        ("PermissionsBoundary", boundary.parameter()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Targets of a Command document's association.
fn command_targets(nodes: &Nodes) -> Value {
    match nodes {
        Nodes::All => json!([{ "Key": "InstanceIds", "Values": ["*"] }]),
        Nodes::Tags(tags) => tag_targets(tags),
        Nodes::ResourceGroup(group) => {
            json!([{ "Key": "resource-groups:Name", "Values": [group] }])
        }
        Nodes::InstanceIds(ids) => json!([{ "Key": "InstanceIds", "Values": ids }]),
    }
}

/// Targets of an Automation document's association.
fn automation_targets(nodes: &Nodes) -> Value {
    match nodes {
        Nodes::All => json!([{ "Key": "InstanceIds", "Values": ["*"] }]),
        Nodes::Tags(tags) => tag_targets(tags),
        Nodes::ResourceGroup(group) => json!([{ "Key": "ResourceGroup", "Values": [group] }]),
        Nodes::InstanceIds(ids) => json!([{ "Key": "ParameterValues", "Values": ids }]),
    }
}

fn tag_targets(tags: &BTreeMap<String, Vec<String>>) -> Value {
    tags.iter()
        .map(|(key, values)| {
            if values.is_empty() {
                json!({ "Key": "tag-key", "Values": [key] })
            } else {
                json!({ "Key": format!("tag:{key}"), "Values": values })
            }
        })
        .collect()
}

/// Reads a template and puts the scripts in.
fn parsed(text: &str) -> Value {
    let mut template: Value = serde_saphyr::from_str(text).expect("a test parses the templates");
    include_scripts(&mut template);
    template
}

fn include_scripts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((_, script)) = SCRIPTS.iter().find(|(name, _)| name == text) {
                *text = (*script).to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(include_scripts),
        Value::Object(entries) => entries.values_mut().for_each(include_scripts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// CloudFormation has no way to make a key, and the tag that a role must have is one.
fn name_ring_in_keys(value: &mut Value, ring: &RingId) {
    match value {
        Value::Object(entries) => {
            *entries = std::mem::take(entries)
                .into_iter()
                .map(|(key, mut below)| {
                    name_ring_in_keys(&mut below, ring);
                    (key.replace("RINGID", ring.as_str()), below)
                })
                .collect();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name_ring_in_keys(item, ring)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn place<'a>(template: &'a mut Value, pointer: &str) -> &'a mut Value {
    template.pointer_mut(pointer).expect("a test fills the templates")
}

/// Writes a template: readable where it fits into a request, compact where it does not.
fn written(template: &Value) -> Template {
    let readable = Template::new(format!("{template:#}\n"));
    if readable.is_large() { Template::new(template.to_string()) } else { readable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> RingId {
        "k3x9q".parse().unwrap()
    }

    fn schedules(count: usize) -> BTreeMap<Region, RegionSchedule> {
        (1..=count)
            .map(|number| {
                let schedule = RegionSchedule {
                    scan: "cron(30 16 ? * SUN *)".to_owned(),
                    install: Some("cron(30 17 ? * SAT *)".to_owned()),
                };
                (format!("ap-southeast-{number}").parse().unwrap(), schedule)
            })
            .collect()
    }

    #[test]
    fn every_template_fits_into_a_request_with_all_regions() {
        let many: Vec<String> = (0..50).map(|number| format!("i-{number:017x}")).collect();
        for nodes in [Nodes::All, Nodes::InstanceIds(many)] {
            let template = patching(&schedules(45), &nodes);
            assert!(!template.is_large(), "{} bytes", template.body().len());
        }
        let paths: Vec<String> = (0..100)
            .map(|number| format!("o-exampleorgid/r-ab12/ou-ab12-{number:08}/ou-ab12-00000000/*"))
            .collect();
        assert!(!home(&ring(), &paths).is_large());
    }

    #[test]
    fn nothing_is_left_to_fill() {
        let texts = [patching(&schedules(2), &Nodes::All), home(&ring(), &["o-x/*".to_owned()])];
        for template in &texts {
            let body = template.body();
            assert!(!body.contains("file:scripts"), "a script is missing");
            assert!(!body.contains("RINGID"), "a key does not name the ring");
            assert!(!body.contains("o-exampleorgid"), "the example's organization is left");
        }
        assert!(texts[1].body().contains("aws:PrincipalTag/QSConfigId-k3x9q"));
        assert!(texts[1].body().contains("o-x/*"));
    }

    #[test]
    fn nodes_are_named_as_each_kind_of_document_takes_them() {
        let targets = |nodes: &Nodes, association: &str| {
            let template: Value =
                serde_json::from_str(patching(&schedules(1), nodes).body()).unwrap();
            template["Resources"][association]["Properties"]["Targets"].clone()
        };
        let tags = Nodes::Tags(BTreeMap::from([
            ("Patch".to_owned(), vec!["yes".to_owned(), "true".to_owned()]),
            ("Tier".to_owned(), Vec::new()),
        ]));
        let group = Nodes::ResourceGroup("web".to_owned());
        let ids = Nodes::InstanceIds(vec!["i-0123456789abcdef0".to_owned()]);
        let both = json!([
            { "Key": "tag:Patch", "Values": ["yes", "true"] },
            { "Key": "tag-key", "Values": ["Tier"] },
        ]);

        assert_eq!(targets(&tags, "ScanForPatches"), both);
        assert_eq!(targets(&tags, "AttachIAMToEc2Instance"), both);
        assert_eq!(targets(&group, "InstallPatches")[0]["Key"], "resource-groups:Name");
        assert_eq!(targets(&group, "AddRemoveNameTag")[0]["Key"], "ResourceGroup");
        assert_eq!(targets(&ids, "InstallPatches")[0]["Key"], "InstanceIds");
        assert_eq!(targets(&ids, "AttachIAMToHybridInstance")[0]["Key"], "ParameterValues");
    }

    #[test]
    fn an_installation_never_begins_because_a_stack_was_made() {
        let template: Value =
            serde_json::from_str(patching(&schedules(1), &Nodes::All).body()).unwrap();

        let install = &template["Resources"]["InstallPatches"]["Properties"];

        assert_eq!(install["ApplyOnlyAtCronInterval"], true);
        assert_eq!(install["SyncCompliance"], "MANUAL");
    }
}
