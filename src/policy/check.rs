//! From the text of a file to a [`Policy`], with everything that is wrong with it.

use std::collections::BTreeMap;

use crate::{
    ids::Region,
    state::{ConflictCheck, Guards, Preferences, RegionPace, Switch},
    templates::{Nodes, PermissionsBoundary},
};

use super::{
    approve, baselines, calendars,
    error::{self, Problem, Problems},
    exceptions,
    fields::{self, Fields},
    file::{self, Node, Value},
    overrides, patching,
    rings::{self, Defaults},
    schedule,
    targets::{self, TargetsRead},
    values::{At, Iam, Logs, ManagementAccount, NewAccounts, Policy, RingWish, Schedule},
    zones,
};

const KEYS: [&str; 21] = [
    "version",
    "name",
    "owner",
    "home_region",
    "management_account",
    "new_accounts",
    "targets",
    "schedule",
    "patching",
    "baselines",
    "rings",
    "approve",
    "exceptions",
    "rollout",
    "iam",
    "overrides",
    "logs",
    "explorer",
    "checks",
    "guards",
    "tags",
];

const SWITCH: [(&str, Switch); 2] = [("true", Switch::On), ("false", Switch::Off)];

/// Tags that orgpatch sets itself are three, and AWS takes fifty.
pub(super) const MOST_TAGS: usize = 45;

/// Reads a policy. `file` is its name, for messages.
///
/// # Errors
///
/// Everything that is wrong with the file by itself, in the order of the places.
pub fn parse(file: &str, text: &str) -> Result<Policy, Problems> {
    let mut problems = Vec::new();
    let policy = file::read(text).map_err(|problem| Problems::new(file, text, vec![problem]))?;
    match read(file, text, &policy, &mut problems) {
        Some(policy) if error::errors(&problems) == 0 => {
            Ok(Policy { warnings: error::in_order(problems), ..policy })
        }
        _ => Err(Problems::new(file, text, problems)),
    }
}

fn read(file: &str, text: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Policy> {
    let fields = fields::map(node, "", &KEYS, problems)?;
    version(&fields, problems);
    let name = fields
        .need("name", "name: linux-weekly", problems)
        .and_then(|node| fields::name(node, "name", problems));
    let owner = fields.get("owner", problems).and_then(|node| owner(node, problems));
    let home_region = fields
        .need("home_region", "home_region: eu-west-1", problems)
        .and_then(|node| targets::region(node, "home_region", problems));
    let management_account = fields.or_default(
        "management_account",
        ManagementAccount::Exclude,
        problems,
        choose_account,
    );
    let new_accounts =
        fields.or_default("new_accounts", NewAccounts::Enroll, problems, choose_joiners);
    let targets = fields
        .need("targets", "targets: { ous: [/Workloads], regions: [eu-west-1] }", problems)
        .and_then(|node| targets::read(node, &fields, problems));
    let rollout = fields.or_default("rollout", default_rollout(), problems, rollout);
    let iam = fields.or_default("iam", default_iam(), problems, iam);
    let overrides = match fields.get("overrides", problems) {
        None => Some(overrides::DEFAULT),
        Some(node) => overrides::read(node, home_region.as_ref(), problems),
    };
    let logs = match fields.get("logs", problems) {
        None => Some(None),
        Some(node) => logs(node, home_region.as_ref(), problems).map(Some),
    };
    let explorer = fields.or_default("explorer", Switch::On, problems, |node, problems| {
        fields::choice(node, "explorer", &SWITCH, problems)
    });
    let guards = fields.or_default(
        "guards",
        Guards { max_removed_accounts: 0, max_changed_accounts: None },
        problems,
        guards,
    );
    let conflict_check =
        fields.or_default("checks", ConflictCheck::Error, problems, conflict_check);
    let tags = fields.or_default("tags", BTreeMap::new(), problems, tags);

    let (schedule, rings) = rings_read(&fields, targets.as_ref(), problems);
    let exceptions = fields
        .get("exceptions", problems)
        .map_or_else(Vec::new, |node| exceptions::read(node, problems));
    if let Some(rings) = &rings {
        exceptions::fit(&exceptions, rings, problems);
        if let Some(iam) = &iam {
            baselines::fit(rings, &exceptions, iam, &fields, problems);
        }
        approve::fit(rings, problems);
    }
    let (home_region, read) = (home_region?, targets?);
    for regions in std::iter::once(&read.regions).chain(rings.iter().flatten().map(|r| &r.regions))
    {
        one_partition(&home_region, regions, problems);
    }
    if let (Some(schedule), Some(rings)) = (&schedule, &rings) {
        calendars::fit(schedule, rings, problems);
        zones::fit(schedule, rings, problems);
    }
    if let (Some(overrides), Some(iam)) = (&overrides, &iam) {
        overrides::fit(overrides, iam, &fields, problems);
    }
    Some(Policy {
        file: file.into(),
        text: text.into(),
        name: name?.value,
        owner,
        home_region,
        management_account: management_account?,
        new_accounts: new_accounts?,
        targets: read.targets,
        rings: rings?,
        exceptions,
        rollout: rollout?,
        iam: iam?,
        overrides: overrides?,
        logs: logs?,
        explorer: explorer?,
        guards: guards?,
        conflict_check: conflict_check?,
        tags: tags?,
        warnings: Vec::new(),
    })
}

/// The policy's own schedule, and its rings with all that they take over.
fn rings_read(
    fields: &Fields<'_>,
    targets: Option<&TargetsRead>,
    problems: &mut Vec<Problem>,
) -> (Option<Schedule>, Option<Vec<RingWish>>) {
    let schedule = fields
        .need("schedule", "schedule: { scan: daily 01:00 }", problems)
        .and_then(|node| schedule::read(node, "schedule", None, problems));
    let patching =
        fields.or_default("patching", patching::default(), problems, |node, problems| {
            patching::read(node, "patching", &patching::default(), problems)
        });
    let baselines = fields
        .get("baselines", problems)
        .map_or_else(BTreeMap::new, |node| baselines::read(node, "baselines", problems));
    let defaults = Defaults {
        regions: targets.map(|read| read.regions.clone()).unwrap_or_default(),
        nodes: targets.map_or(Nodes::All, |read| read.nodes.clone()),
        // Rings are read even where the policy's own schedule is wrong, so that all is found at once.
        schedule: schedule.clone().unwrap_or_else(schedule::placeholder),
        patching: patching.clone().unwrap_or_else(patching::default),
        baselines,
        approve: fields
            .get("approve", problems)
            .and_then(|node| approve::read(node, "approve", problems)),
    };
    let targeted = targets.and_then(|read| Some((read.targets.ous.as_deref()?, &read.place)));
    let rings = rings::read(fields, targeted, &defaults, problems);
    (schedule, rings)
}

fn choose_account(node: &Node, problems: &mut Vec<Problem>) -> Option<ManagementAccount> {
    let choices =
        [("exclude", ManagementAccount::Exclude), ("include", ManagementAccount::Include)];
    fields::choice(node, "management_account", &choices, problems)
}

fn choose_joiners(node: &Node, problems: &mut Vec<Problem>) -> Option<NewAccounts> {
    let choices = [("enroll", NewAccounts::Enroll), ("next_apply", NewAccounts::NextApply)];
    fields::choice(node, "new_accounts", &choices, problems)
}

fn version(fields: &Fields<'_>, problems: &mut Vec<Problem>) {
    let Some(node) = fields.need("version", "version: 1", problems) else { return };
    match &node.value {
        Value::Int(1) => {}
        Value::Int(newer) => problems.push(
            Problem::at(
                &node.place,
                format!("this version of orgpatch reads `version: 1`, and not {newer}"),
            )
            .help("Write `version: 1`, or take a newer orgpatch."),
        ),
        _ => problems.push(fields::wrong_kind(node, "version", "the number 1")),
    }
}

fn one_partition(home: &At<Region>, regions: &[At<Region>], problems: &mut Vec<Problem>) {
    for region in regions {
        if region.value.partition() != home.value.partition() {
            problems.push(
                Problem::at(
                    &region.place,
                    format!(
                        "`{}` is in the partition {}, and the home Region `{}` in {}",
                        region.value,
                        region.value.partition(),
                        home.value,
                        home.value.partition()
                    ),
                )
                .help("An organization lives in one partition: write a policy for each."),
            );
        }
    }
}

fn default_rollout() -> Preferences {
    Preferences { concurrency_percent: 25, tolerance_percent: 10, regions: RegionPace::Parallel }
}

fn rollout(node: &Node, problems: &mut Vec<Problem>) -> Option<Preferences> {
    let fields = fields::map(node, "rollout", &["accounts", "tolerate", "regions"], problems)?;
    let default = default_rollout();
    let concurrency =
        fields.or_default("accounts", default.concurrency_percent, problems, |node, problems| {
            fields::percentage(node, "rollout.accounts", 1..=100, problems)
        });
    let tolerance =
        fields.or_default("tolerate", default.tolerance_percent, problems, |node, problems| {
            fields::percentage(node, "rollout.tolerate", 0..=100, problems)
        });
    let regions = fields.or_default("regions", default.regions, problems, |node, problems| {
        fields::choice(
            node,
            "rollout.regions",
            &[("parallel", RegionPace::Parallel), ("sequential", RegionPace::Sequential)],
            problems,
        )
    });
    Some(Preferences {
        concurrency_percent: concurrency?,
        tolerance_percent: tolerance?,
        regions: regions?,
    })
}

fn default_iam() -> Iam {
    Iam { attach: Switch::On, permissions_boundary: PermissionsBoundary::None }
}

fn iam(node: &Node, problems: &mut Vec<Problem>) -> Option<Iam> {
    let fields = fields::map(node, "iam", &["attach", "permissions_boundary"], problems)?;
    let default = default_iam();
    let attach = fields.or_default("attach", default.attach, problems, |node, problems| {
        fields::choice(node, "iam.attach", &SWITCH, problems)
    });
    let boundary = fields.or_default("permissions_boundary",
        default.permissions_boundary,
        problems,
        |node, problems| {
            let text = fields::text(node, "iam.permissions_boundary", problems)?;
            match text.value.as_str() {
                "none" => Some(PermissionsBoundary::None),
                "aws" => Some(PermissionsBoundary::Aws),
                arn if arn.starts_with("arn:")
                    && arn.contains(":iam::")
                    && arn.contains(":policy/") =>
                {
                    Some(PermissionsBoundary::Arn(arn.to_owned()))
                }
                other => {
                    problems.push(Problem::at(
                    &text.place,
                    format!("`iam.permissions_boundary` must be `none`, `aws` or the ARN of a policy, and is `{other}`"),
                ));
                    None
                }
            }
        },
    );
    Some(Iam { attach: attach?, permissions_boundary: boundary? })
}

fn logs(node: &Node, home: Option<&At<Region>>, problems: &mut Vec<Problem>) -> Option<Logs> {
    let fields = fields::map(node, "logs", &["bucket", "prefix", "region"], problems)?;
    let bucket = fields
        .need("bucket", "bucket: corp-patch-logs", problems)
        .and_then(|node| fields::name(node, "logs.bucket", problems));
    let prefix = fields.or_default("prefix", String::new(), problems, |node, problems| {
        let prefix = fields::text(node, "logs.prefix", problems)?;
        // API reference of `S3OutputLocation`: at most 500 characters.
        if prefix.value.len() > 500 {
            problems.push(Problem::at(&prefix.place, "`logs.prefix` has more than 500 characters"));
        }
        Some(prefix.value)
    });
    let region = match fields.get("region", problems) {
        Some(node) => targets::region(node, "logs.region", problems),
        None => home.cloned(),
    };
    Some(Logs { bucket: bucket?.value, prefix: prefix?, region: region?.value })
}

fn guards(node: &Node, problems: &mut Vec<Problem>) -> Option<Guards> {
    let fields =
        fields::map(node, "guards", &["max_removed_accounts", "max_changed_accounts"], problems)?;
    let removed = fields.or_default("max_removed_accounts", 0, problems, |node, problems| {
        fields::number(node, "guards.max_removed_accounts", 0..=100_000, problems)
    });
    let changed = fields.or_default("max_changed_accounts", None, problems, |node, problems| {
        fields::number(node, "guards.max_changed_accounts", 0..=100_000, problems).map(Some)
    });
    Some(Guards { max_removed_accounts: removed?, max_changed_accounts: changed? })
}

fn conflict_check(node: &Node, problems: &mut Vec<Problem>) -> Option<ConflictCheck> {
    let fields = fields::map(node, "checks", &["conflicts"], problems)?;
    fields.or_default("conflicts", ConflictCheck::Error, problems, |node, problems| {
        let choices = [
            ("error", ConflictCheck::Error),
            ("warn", ConflictCheck::Warn),
            ("off", ConflictCheck::Off),
        ];
        fields::choice(node, "checks.conflicts", &choices, problems)
    })
}

fn tags(node: &Node, problems: &mut Vec<Problem>) -> Option<BTreeMap<String, String>> {
    let Value::Map(entries) = &node.value else {
        problems.push(fields::wrong_kind(node, "tags", "a map from tag keys to values"));
        return None;
    };
    if entries.len() > MOST_TAGS {
        problems.push(Problem::at(
            &node.place,
            format!("there are {} tags; at most {MOST_TAGS} fit", entries.len()),
        ));
    }
    let mut tags = BTreeMap::new();
    for (key, value) in entries {
        let path = format!("tags.{}", key.name);
        let Some(text) = fields::text(value, &path, problems) else { continue };
        let reserved = ["aws:", "orgpatch:"]
            .iter()
            .find(|prefix| key.name.to_ascii_lowercase().starts_with(*prefix));
        if let Some(prefix) = reserved {
            problems.push(Problem::at(
                &key.place,
                format!("tag keys that begin with `{prefix}` are reserved"),
            ));
        } else if !(is_tag_text(&key.name, 128) && is_tag_text(&text.value, 256)) {
            problems.push(
                Problem::at(
                    &key.place,
                    format!("`{path}`: a tag key has 1 to 128 characters, and a value 1 to 256, of those that tags take"),
                )
                .help(TAG_TEXT),
            );
        }
        tags.insert(key.name.clone(), text.value);
    }
    Some(tags)
}

fn owner(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let At { value, place } = fields::text(node, "owner", problems)?;
    if !is_tag_text(&value, 256) {
        let wrong = "`owner` becomes a tag, and must have 1 to 256 characters that a tag can have";
        problems.push(Problem::at(&place, wrong).help(TAG_TEXT));
    }
    Some(value)
}

const TAG_TEXT: &str = "IAM takes letters, digits, spaces and _ . : / = + - @ in tags.";

/// Whether IAM takes a text as a tag's key or value (API reference of IAM, type `Tag`).
fn is_tag_text(text: &str, most: usize) -> bool {
    let fits = |c: char| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    };
    (1..=most).contains(&text.chars().count()) && text.chars().all(fits)
}
