//! The CloudFormation templates, compiled in, and filled.
//!
//! `templates/*.yaml` are plain files that lint on their own. Here the few places that differ
//! between policies are filled as values, never as text, and the result is written as JSON in one
//! fixed form, so that the same policy always gives the same bytes.

mod parameters;
mod schedules;
mod scripts;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use parameters::{
    HomeParameters, PatchingParameters, home_parameters, patching_parameters, removal_parameters,
};

use crate::{
    ids::{BucketName, CalendarArn, OrganizationId, Region, RingId},
    state::Template,
};

const PATCHING: &str = include_str!("../../templates/patching.yaml");
const HOME: &str = include_str!("../../templates/home.yaml");
const REMOVAL: &str = include_str!("../../templates/removal.yaml");

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

/// When something runs, as State Manager takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// `cron(…)` or `rate(…)`, in UTC.
    pub expression: String,
    /// Days after the day of the cron expression, 0 to 6 (`ScheduleOffset`).
    pub offset_days: u8,
}

/// What State Manager is told in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionSchedule {
    /// When nodes are scanned.
    pub scan: Timing,
    /// When they are patched, if at all.
    pub install: Option<Timing>,
    /// The Change Calendars of this Region that must be open for that.
    pub calendars: Vec<CalendarArn>,
}

/// The template of an account and Region: roles, documents, associations 1 to 5, 7 and 8.
pub fn patching(schedules: &BTreeMap<Region, RegionSchedule>, nodes: &Nodes) -> Template {
    let mut template = parsed(PATCHING);
    schedules::fill(&mut template, schedules);
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

/// The template to which a stack of [`patching`] is updated before it is deleted: it takes back what was
/// added outside of the stack, and fails where it can't.
pub fn removal() -> Template {
    written(&parsed(REMOVAL))
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

/// The template to which the stack of [`home`] is updated before it is deleted without its access logs:
/// the buckets, the second of which outlives the stack.
///
/// CloudFormation takes another deletion policy only together with a change of resources (user guide,
/// "`DeletionPolicy` attribute"); here all that fills the first bucket goes, and the second one gets a tag
/// that says to a later finder what it is.
pub fn home_keeping_logs() -> Template {
    let mut template = parsed(HOME);
    let kept = |section: &mut Value, names: &[&str]| {
        if let Some(entries) = section.as_object_mut() {
            entries.retain(|name, _| names.contains(&name.as_str()));
        }
    };
    kept(
        place(&mut template, "/Resources"),
        &["OverrideBucket", "AccessLogBucket", "AccessLogBucketPolicy"],
    );
    kept(place(&mut template, "/Parameters"), &KEEPING_LOGS);
    kept(place(&mut template, "/Conditions"), &["UsesKey"]);
    *place(&mut template, "/Resources/AccessLogBucket/DeletionPolicy") = json!("Retain");
    // S3 delivers logs hours later, and needs the policy for it.
    place(&mut template, "/Resources/AccessLogBucketPolicy")["DeletionPolicy"] = json!("Retain");
    place(&mut template, "/Resources/AccessLogBucket/Properties")["Tags"] =
        json!([{ "Key": "orgpatch:kept", "Value": "access log of a destroyed patch policy" }]);
    written(&template)
}

/// The statement by which a key's policy lets the nodes' roles decrypt the overrides, as JSON.
///
/// With S3 bucket keys the encryption context is the bucket's ARN, else the object's (S3 user guide,
/// "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys"). That a role has the ring's tag is the bucket
/// policy's business.
pub fn key_statement(
    home: &Region,
    bucket: &BucketName,
    organization: &OrganizationId,
    org_paths: &[String],
) -> String {
    let arn = format!("arn:{}:s3:::{bucket}", home.partition());
    let statement = json!({
        "Sid": "NodesReadOverrides",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:PrincipalOrgID": organization },
            "StringLike": {
                "kms:EncryptionContext:aws:s3:arn": [arn, format!("{arn}/*")],
                // In China the name ends in .cn.
                "kms:ViaService": format!("s3.{home}.amazonaws.com*"),
            },
            "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": org_paths },
        },
    });
    format!("{statement:#}\n")
}

/// The parameters of [`home`] that [`home_keeping_logs`] has too.
pub const KEEPING_LOGS: [&str; 2] = ["RingId", "Encryption"];

fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
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
            if let Some(script) = scripts::included(text) {
                *text = script;
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
                let region = format!("ap-southeast-{number}");
                let timing = |expression: &str, offset_days| Timing {
                    expression: expression.to_owned(),
                    offset_days,
                };
                let calendar = format!("arn:aws:ssm:{region}:111122223333:document/holidays");
                let schedule = RegionSchedule {
                    scan: timing("cron(30 16 ? * SUN *)", 0),
                    install: Some(timing("cron(30 17 ? * TUE#3 *)", 6)),
                    calendars: vec![calendar.parse().unwrap()],
                };
                (region.parse().unwrap(), schedule)
            })
            .collect()
    }

    #[test]
    fn every_template_fits_into_a_request_with_all_regions() {
        let many: Vec<String> = (0..50).map(|number| format!("i-{number:017x}")).collect();
        let mut plain = schedules(45);
        for schedule in plain.values_mut() {
            schedule.calendars.clear();
            schedule.install.as_mut().unwrap().offset_days = 0;
        }
        // With everything that there is in many Regions, or with nodes that are named one by one, it goes
        // through S3.
        for template in [
            patching(&plain, &Nodes::All),
            patching(&schedules(17), &Nodes::All),
            patching(&schedules(5), &Nodes::InstanceIds(many)),
        ] {
            assert!(!template.is_large(), "{} bytes", template.body().len());
        }
        let paths: Vec<String> = (0..100)
            .map(|number| format!("o-exampleorgid/r-ab12/ou-ab12-{number:08}/ou-ab12-00000000/*"))
            .collect();
        assert!(!home(&ring(), &paths).is_large());
        assert!(!home_keeping_logs().is_large());
        assert!(!removal().is_large());
    }

    #[test]
    fn a_bucket_policy_with_the_most_paths_fits_into_what_s3_takes() {
        // As long as OU paths are: the policy language refuses more than 18,000 bytes of them.
        let path = "o-exampleorgid/r-ab12/ou-ab12-00000000/ou-ab12-00000000/*".to_owned();
        let paths = vec![path.clone(); 18_000 / (path.len() + 3)];
        let template: Value = serde_json::from_str(home(&ring(), &paths).body()).unwrap();

        let policy = &template["Resources"]["OverrideBucketPolicy"]["Properties"]["PolicyDocument"];

        // Functions of CloudFormation's take more room than what becomes of them.
        let bytes = policy.to_string().len();
        assert!((18_000..20_480).contains(&bytes), "{bytes}");
    }

    #[test]
    fn nothing_is_left_to_fill() {
        let texts = [
            patching(&schedules(2), &Nodes::All),
            home(&ring(), &["o-x/*".to_owned()]),
            removal(),
            home_keeping_logs(),
        ];
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
    fn what_differs_by_region_stands_in_the_mapping_and_the_rest_is_left_out() {
        let filled = |schedules: &BTreeMap<Region, RegionSchedule>| -> Value {
            serde_json::from_str(patching(schedules, &Nodes::All).body()).unwrap()
        };
        let mut schedules = schedules(2);

        let both = filled(&schedules);
        assert_eq!(both["Mappings"]["Schedules"]["ap-southeast-1"]["InstallOffset"], "6");
        assert_eq!(both["Mappings"]["Schedules"]["ap-southeast-1"].get("ScanOffset"), None);
        let install = &both["Resources"]["InstallPatches"]["Properties"];
        assert_eq!(install["CalendarNames"]["Fn::If"][0], "HasCalendars");
        assert_eq!(install["ScheduleOffset"]["Fn::If"][0], "InstallShifts");

        // Where one Region uses it, the others say that they don't.
        schedules.values_mut().next().unwrap().calendars.clear();
        let one = filled(&schedules);
        let none = &one["Mappings"]["Schedules"]["ap-southeast-1"];
        assert_eq!(
            (&none["HasCalendars"], &none["Calendars"]),
            (&json!("false"), &json!(["none"]))
        );

        for schedule in schedules.values_mut() {
            schedule.calendars.clear();
            schedule.install = None;
        }
        let neither = filled(&schedules);
        assert_eq!(neither["Conditions"].get("HasCalendars"), None);
        assert_eq!(
            neither["Mappings"]["Schedules"]["ap-southeast-1"],
            json!({ "Scan": "cron(30 16 ? * SUN *)", "Install": "none" })
        );
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
