//! What whoever runs orgpatch must be allowed, worked out from the calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    cloud::{Call, Needed, Resources},
    ids::RoleName,
};

/// Who runs orgpatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Somebody who looks: `plan`, `status`, `render`, `snapshot`, `next-runs --online`.
    Looks,
    /// Somebody who changes things too: `apply` and `destroy`.
    Changes,
    /// Somebody who looks into member accounts too, with this role: `conflicts --deep`.
    LooksDeep(RoleName),
    /// Not who runs it, but the role in a member account that is entered with.
    Member,
}

impl Runner {
    fn makes(&self, call: Call) -> bool {
        match call.needed() {
            Needed::ToLook => *self != Self::Member,
            Needed::ToChange => *self == Self::Changes,
            Needed::ToEnter => matches!(self, Self::LooksDeep(_)),
            // Into its own account nobody has to be let.
            Needed::InMembers => matches!(self, Self::LooksDeep(_) | Self::Member),
        }
    }
}

/// The identity policy for whoever runs orgpatch, as IAM takes it.
///
/// It has the actions of the calls that the adapters make, each bound to orgpatch's own names as far as
/// IAM lets it be, and nothing else. Who changes things also gets what CloudFormation does on their behalf
/// for stacks in the owner account, on condition that it is CloudFormation that does it.
pub fn permissions(runner: &Runner, partition: &str) -> Value {
    let mut by_resources: BTreeMap<Resources, BTreeSet<&str>> = BTreeMap::new();
    for call in Call::ALL.iter().filter(|call| runner.makes(**call)) {
        by_resources.entry(call.resources()).or_default().insert(call.name());
        for action in call.besides() {
            by_resources.entry(besides_on(call.resources(), action)).or_default().insert(action);
        }
    }
    let arns = |patterns: &[&str]| -> Vec<String> {
        patterns.iter().map(|pattern| format!("arn:{partition}:{pattern}")).collect()
    };
    let mut statements: Vec<Value> = by_resources
        .into_iter()
        .map(|(resources, actions)| {
            let (sid, patterns) = named(resources);
            let resource = match (resources, runner) {
                (Resources::MemberRoles, Runner::LooksDeep(role)) => {
                    json!(arns(&[format!("iam::*:role/{role}").as_str()]))
                }
                _ if patterns.is_empty() => json!("*"),
                _ => json!(arns(patterns)),
            };
            let mut statement =
                json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource });
            if let Some(condition) = condition(resources) {
                statement["Condition"] = condition;
            }
            statement
        })
        .collect();
    if *runner == Runner::Changes {
        statements.extend(THROUGH_CLOUDFORMATION.iter().map(|on_behalf| {
            let OnBehalf { sid, actions, patterns, passed_to } = on_behalf;
            let resource = if patterns.is_empty() { json!("*") } else { json!(arns(patterns)) };
            let mut condition = json!({
                "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" },
            });
            if let Some(service) = passed_to {
                condition["StringEquals"] = json!({ "iam:PassedToService": service });
            }
            json!({
                "Sid": sid,
                "Effect": "Allow",
                "Action": actions,
                "Resource": resource,
                "Condition": condition,
            })
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// On what an action is that a call needs besides its own.
fn besides_on(resources: Resources, action: &str) -> Resources {
    match (resources, action) {
        (_, "s3:ListBucket") => Resources::Buckets,
        // Stacks and stack sets are tagged when they are made, and by the same two actions.
        (_, "cloudformation:TagResource" | "cloudformation:UntagResource") => Resources::Tagged,
        _ => resources,
    }
}

/// What the statement is called, and the ARNs behind `arn:<partition>:`; none for anything.
fn named(resources: Resources) -> (&'static str, &'static [&'static str]) {
    match resources {
        Resources::Anything => ("KnowsNoResources", &[]),
        Resources::Units => ("Units", &["organizations::*:root/*", "organizations::*:ou/*"]),
        // The set is the management account's, also where a delegated administrator speaks.
        Resources::StackSetsSeen => (
            "StackSetsSeen",
            &[
                "cloudformation:*:*:stackset/orgpatch-*",
                "cloudformation:*:*:stackset/AWS-QuickSetup-PatchPolicy-*",
                "cloudformation:*:*:stackset/AWS-QuickSetup-SSMHostMgmt-*",
            ],
        ),
        Resources::StackSets => (
            "StackSets",
            &[
                "cloudformation:*:*:stackset/orgpatch-*",
                "cloudformation:*:*:stackset-target/orgpatch-*",
                "cloudformation:*:*:type/resource/*",
            ],
        ),
        Resources::Stacks => ("Stacks", &["cloudformation:*:*:stack/orgpatch-*/*"]),
        Resources::Tagged => (
            "Tagged",
            &["cloudformation:*:*:stack/orgpatch-*/*", "cloudformation:*:*:stackset/orgpatch-*"],
        ),
        // What is made anew has no ARN yet.
        Resources::NewBaselines => ("NewBaselines", &[]),
        Resources::TaggedBaselines => ("TaggedBaselines", &["ssm:*:*:patchbaseline/*"]),
        Resources::OwnBaselines => ("OwnBaselines", &["ssm:*:*:patchbaseline/*"]),
        Resources::Baselines => ("Baselines", &["ssm:*:*:patchbaseline/*"]),
        Resources::Buckets => ("Buckets", &["s3:::aws-quicksetup-patchpolicy-*"]),
        Resources::Objects => ("Objects", &["s3:::aws-quicksetup-patchpolicy-*/*"]),
        // Whoever calls has said which.
        Resources::MemberRoles => ("MemberRoles", &[]),
        Resources::MadeByOthers => ("MadeByOthers", &[]),
    }
}

/// What must be so besides. Baselines have names that nothing can be bound to, so their tag is asked for.
fn condition(resources: Resources) -> Option<Value> {
    let tag = match resources {
        Resources::NewBaselines | Resources::TaggedBaselines => "aws:RequestTag/orgpatch:policy",
        Resources::OwnBaselines => "aws:ResourceTag/orgpatch:policy",
        _ => return None,
    };
    Some(json!({ "StringLike": { tag: "*" } }))
}

/// What CloudFormation does with the caller's rights.
struct OnBehalf {
    sid: &'static str,
    actions: &'static [&'static str],
    patterns: &'static [&'static str],
    /// Only where a role is passed to this service.
    passed_to: Option<&'static str>,
}

/// For the home stack, and for the management account's own stacks: the permissions that the handlers
/// of their resource types name in the CloudFormation registry, as far as the templates use them.
const THROUGH_CLOUDFORMATION: [OnBehalf; 7] = [
    OnBehalf {
        sid: "BucketsOfStacks",
        actions: &[
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:GetBucket*",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:PutBucketLogging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
        patterns: &["s3:::aws-quicksetup-patchpolicy-*"],
        passed_to: None,
    },
    OnBehalf {
        sid: "RolesOfStacks",
        actions: &[
            "iam:CreateRole",
            "iam:DeleteRole*",
            "iam:GetRole*",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:PutRole*",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole*",
        ],
        patterns: &["iam::*:role/AWS-QuickSetup-*"],
        passed_to: None,
    },
    OnBehalf {
        sid: "RolesOfAssociations",
        actions: &["iam:PassRole"],
        patterns: &["iam::*:role/AWS-QuickSetup-*"],
        passed_to: Some("ssm.amazonaws.com"),
    },
    // Of these actions, only those on tags know associations.
    OnBehalf {
        sid: "DocumentsAndTagsOfStacks",
        actions: &[
            "ssm:AddTagsToResource",
            "ssm:CreateDocument",
            "ssm:DeleteDocument",
            "ssm:DescribeDocument",
            "ssm:GetDocument",
            "ssm:ListTagsForResource",
            "ssm:RemoveTagsFromResource",
            "ssm:UpdateDocument*",
        ],
        patterns: &["ssm:*:*:document/QuickSetup-*", "ssm:*:*:association/*"],
        passed_to: None,
    },
    OnBehalf {
        sid: "AssociationsOfStacks",
        actions: &[
            "ssm:CreateAssociation",
            "ssm:DeleteAssociation",
            "ssm:DescribeAssociation",
            "ssm:UpdateAssociation",
        ],
        patterns: &[
            "ssm:*:*:association/*",
            "ssm:*:*:document/QuickSetup-*",
            // AWS's own documents have no account in their ARN.
            "ssm:*::document/AWS-EnableExplorer",
            "ssm:*::document/AWS-RunPatchBaseline",
            "ec2:*:*:instance/*",
            "ssm:*:*:managed-instance/*",
        ],
        passed_to: None,
    },
    OnBehalf {
        // The first association of an account makes Systems Manager's own role.
        sid: "RoleOfSystemsManager",
        actions: &["iam:CreateServiceLinkedRole"],
        patterns: &["iam::*:role/aws-service-role/ssm.amazonaws.com/*"],
        passed_to: None,
    },
    OnBehalf {
        sid: "AssociationsLook",
        actions: &[
            "ec2:DescribeInstanceStatus",
            "resource-groups:GetGroupQuery",
            "resource-groups:ListGroupResources",
            "ssm:GetCalendarState",
        ],
        patterns: &[],
        passed_to: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What IAM counts of a policy: all but white space (IAM quotas; 6,144 for a managed policy).
    const MOST: usize = 6_144;

    fn everybody() -> [Runner; 4] {
        let deep = Runner::LooksDeep(RoleName::of_organizations());
        [Runner::Looks, Runner::Changes, deep, Runner::Member]
    }

    fn actions(runner: &Runner) -> BTreeSet<String> {
        let policy = permissions(runner, "aws");
        let statements = policy["Statement"].as_array().unwrap().clone();
        statements
            .iter()
            .flat_map(|statement| statement["Action"].as_array().unwrap())
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_policy_fits_into_a_managed_one() {
        for runner in everybody() {
            let text = permissions(&runner, "aws-us-gov").to_string();
            assert!(text.len() <= MOST, "{} characters", text.len());
        }
    }

    #[test]
    fn who_looks_may_change_nothing() {
        let looking = [actions(&Runner::Looks), actions(&Runner::Member)];
        for action in looking.into_iter().flatten() {
            let (_, verb) = action.split_once(':').unwrap();
            assert!(
                ["Describe", "Get", "List"].iter().any(|start| verb.starts_with(start)),
                "{action}"
            );
        }
        assert!(actions(&Runner::Looks).is_subset(&actions(&Runner::Changes)));
    }

    #[test]
    fn what_changes_things_is_bound_to_orgpatchs_names() {
        let policy = permissions(&Runner::Changes, "aws");
        for statement in policy["Statement"].as_array().unwrap() {
            if statement["Resource"] != "*" || statement.get("Condition").is_some() {
                continue;
            }
            for action in statement["Action"].as_array().unwrap() {
                let action = action.as_str().unwrap();
                let looks = ["Describe", "Get", "List", "Validate"]
                    .iter()
                    .any(|verb| action.contains(&format!(":{verb}")));
                assert!(looks || action == "cloudformation:CreateStackSet", "{action}");
            }
        }
    }

    #[test]
    fn arns_are_those_of_the_partition() {
        for runner in everybody() {
            let text = permissions(&runner, "aws-cn").to_string();
            assert!(!text.contains("arn:aws:"));
        }
    }

    #[test]
    fn who_looks_deep_may_enter_with_one_role_and_do_there_what_the_role_may() {
        let role: RoleName = "Auditor".parse().unwrap();
        let deep = Runner::LooksDeep(role);

        let policy = permissions(&deep, "aws-cn");

        let statements = policy["Statement"].as_array().unwrap();
        let enters = statements
            .iter()
            .find(|statement| statement["Action"] == json!(["sts:AssumeRole"]))
            .unwrap();
        assert_eq!(enters["Resource"], json!(["arn:aws-cn:iam::*:role/Auditor"]));
        let mut more = actions(&deep);
        for action in actions(&Runner::Looks).union(&actions(&Runner::Member)) {
            assert!(more.remove(action), "{action}");
        }
        assert_eq!(more, BTreeSet::from(["sts:AssumeRole".to_owned()]));
        assert!(actions(&Runner::Looks).is_disjoint(&actions(&Runner::Member)));
    }
}
