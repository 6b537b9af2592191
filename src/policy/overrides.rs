//! The `overrides` key: how the override object is kept.

use crate::{
    ids::{Arn, KeyArn, PrincipalArn, Region},
    state::Encryption,
    templates::PermissionsBoundary,
};

use super::{
    error::{Place, Problem},
    fields::{self, Fields},
    file::Node,
    values::{At, Iam, Overrides},
};

/// What stands where the key is missing.
pub(super) const DEFAULT: Overrides = Overrides { encryption: Encryption::S3, auditor: None };

/// Reads the key.
pub(super) fn read(
    node: &Node,
    home: Option<&At<Region>>,
    problems: &mut Vec<Problem>,
) -> Option<Overrides> {
    let fields = fields::map(node, "overrides", &["encryption", "auditor"], problems)?;
    let encryption = match fields.get("encryption", problems) {
        None => Some(Encryption::S3),
        Some(node) => encryption(node, home, problems),
    };
    let auditor = match fields.get("auditor", problems) {
        None => Some(None),
        Some(node) => auditor(node, home, problems).map(Some),
    };
    Some(Overrides { encryption: encryption?, auditor: auditor? })
}

fn encryption(
    node: &Node,
    home: Option<&At<Region>>,
    problems: &mut Vec<Problem>,
) -> Option<Encryption> {
    let At { value, place } = fields::text(node, "overrides.encryption", problems)?;
    if value == "s3" {
        return Some(Encryption::S3);
    }
    let Ok(key) = value.parse::<KeyArn>() else {
        problems.push(
            Problem::at(
                &place,
                format!("`overrides.encryption` must be `s3` or the ARN of a KMS key, and is `{value}`"),
            )
            .help("Write the ARN of the key itself (arn:…:kms:…:key/…). An alias won't do: S3 tells which key it used by its ARN."),
        );
        return None;
    };
    if let Some(home) = home
        && key.region().as_ref() != Some(&home.value)
    {
        problems.push(
            Problem::at(&place, format!("the key is not in the home Region `{}`", home.value))
                .help("S3 takes a key of the bucket's own Region only."),
        );
    }
    Some(Encryption::Key(key))
}

/// Whether the hourly renewal may use the key.
pub(super) fn fit(
    overrides: &Overrides,
    iam: &Iam,
    policy: &Fields<'_>,
    problems: &mut Vec<Problem>,
) {
    let by_key = matches!(overrides.encryption, Encryption::Key(_));
    if by_key
        && iam.permissions_boundary == PermissionsBoundary::Aws
        && let Some(node) = policy.get("overrides", &mut Vec::new())
    {
        problems.push(
            Problem::at(
                &node.place,
                "`overrides.encryption` with a key and `iam.permissions_boundary: aws` exclude each other: AWS's boundary allows no use of keys, so the hourly renewal would fail",
            )
            .help("Write `encryption: s3`, or another boundary or `none`."),
        );
    }
}

fn auditor(
    node: &Node,
    home: Option<&At<Region>>,
    problems: &mut Vec<Problem>,
) -> Option<PrincipalArn> {
    let At { value, place } = fields::text(node, "overrides.auditor", problems)?;
    match value.parse::<PrincipalArn>() {
        Ok(auditor) => {
            same_partition("overrides.auditor", &auditor, &place, home, problems);
            Some(auditor)
        }
        Err(error) => {
            problems.push(
                Problem::at(&place, format!("`overrides.auditor`: {error}"))
                    .help("Name one role or user. A session of the role counts as the role."),
            );
            None
        }
    }
}

/// An organization lives in one partition, and so does all that its policies name.
pub(super) fn same_partition(
    path: &str,
    arn: &impl Arn,
    place: &Place,
    home: Option<&At<Region>>,
    problems: &mut Vec<Problem>,
) {
    let Some(home) = home else { return };
    if arn.partition() != home.value.partition() {
        problems.push(Problem::at(
            place,
            format!(
                "`{path}` is in the partition {}, and the home Region `{}` in {}",
                arn.partition(),
                home.value,
                home.value.partition()
            ),
        ));
    }
}
