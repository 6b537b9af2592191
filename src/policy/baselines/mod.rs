//! The `baselines` key: where the rules of each operating system come from, and what they say.
//!
//! Everything that AWS would refuse, or take and never match, is said here with its place, before AWS
//! has been asked anything. What may only be newer than the lists here is a warning.

mod content;
mod filters;
mod patch_names;
mod rules;
mod sources;
mod vocabulary;
mod wanted;

use std::collections::BTreeMap;

use crate::{
    ids::{BaselineName, OperatingSystem},
    templates::PermissionsBoundary,
};

use super::{
    error::{self, Problem},
    fields::{self, Fields},
    file::{Key, Node, Value},
    rules::{BaselineWish, Exception},
    values::{At, Iam, RingWish},
};

pub(super) use content::{DEFAULT_DAYS, day};
pub(super) use patch_names::{Listed, fits};
pub(super) use rules::{MOST_PATCHES, patch_problem};
pub(super) use vocabulary::{FilterKey, products};
pub(super) use wanted::wanted;

const INSTEAD: &str = "Write `aws` for AWS's default, the ID, ARN or name of a baseline in the home Region, or a list of rules.";

/// Reads the key.
pub(super) fn read(
    node: &Node,
    path: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<OperatingSystem, At<BaselineWish>> {
    let mut wishes = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        problems.push(fields::wrong_kind(node, path, "a map from operating systems"));
        return wishes;
    };
    for (key, value) in entries {
        match system(key) {
            Ok(system) => {
                let path = format!("{path}.{system}");
                let wish = wish(value, system, &path, problems);
                wishes.extend(
                    wish.map(|wish| (system, At { value: wish, place: value.place.clone() })),
                );
            }
            Err(problem) => problems.push(problem),
        }
    }
    wishes
}

/// The operating system that a key names.
fn system(key: &Key) -> Result<OperatingSystem, Problem> {
    operating_system(&key.name).ok_or_else(|| {
        no_operating_system(&At { value: key.name.clone(), place: key.place.clone() })
    })
}

/// Whether the hourly renewal may look for the baselines that orgpatch makes, which it finds by their names.
/// AWS's own boundary lets nobody list baselines (`AWSQuickSetupPatchPolicyPermissionsBoundary`, v5).
pub(super) fn fit(
    rings: &[RingWish],
    exceptions: &[Exception],
    iam: &Iam,
    policy: &Fields<'_>,
    problems: &mut Vec<Problem>,
) {
    let makes = |ring: &RingWish| {
        let rules = |at: &At<BaselineWish>| matches!(at.value, BaselineWish::Rules(_));
        ring.approve.is_some() || ring.baselines.values().any(rules)
    };
    let is_made = !exceptions.is_empty() || rings.iter().any(makes);
    if is_made
        && iam.permissions_boundary == PermissionsBoundary::Aws
        && let Some(node) = policy.get("iam", &mut Vec::new())
    {
        problems.push(
            Problem::at(
                &node.place,
                "`iam.permissions_boundary: aws` excludes baselines that orgpatch makes (rules, `approve`, `exceptions`): AWS's boundary lets nobody look baselines up by name, so the hourly renewal would fail",
            )
            .help("Write a boundary of your own that allows `ssm:DescribePatchBaselines` beside what AWS's does, or `none`; or name existing baselines by their IDs."),
        );
    }
}

/// The operating system that is spelled so.
pub(super) fn operating_system(name: &str) -> Option<OperatingSystem> {
    OperatingSystem::ALL.into_iter().find(|system| system.key() == name)
}

/// The problem of a name that no operating system has.
pub(super) fn no_operating_system(name: &At<String>) -> Problem {
    let At { value: name, place } = name;
    let keys = OperatingSystem::ALL.map(OperatingSystem::key);
    let problem = Problem::at(place, format!("unknown operating system `{name}`"));
    match error::nearest(name, keys) {
        Some(near) => problem.help(format!("Did you mean `{near}`?")),
        None => problem.help(format!("There are {}.", keys.join(", "))),
    }
}

fn wish(
    node: &Node,
    system: OperatingSystem,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<BaselineWish> {
    match &node.value {
        Value::List(_) | Value::Map(_) => {
            let rules = rules::read(node, system, path, problems)?;
            return Some(BaselineWish::Rules(Box::new(rules)));
        }
        Value::Null => {
            problems.push(Problem::at(&node.place, format!("`{path}` has no value")).help(INSTEAD));
            return None;
        }
        Value::Bool(_) | Value::Int(_) | Value::Float | Value::Text(_) => {}
    }
    let At { value: text, place } = fields::text(node, path, problems)?;
    let lower = text.to_ascii_lowercase();
    let wish = if text == "aws" {
        Ok(BaselineWish::Aws)
    } else if lower.starts_with("pb-") || lower.starts_with("arn:") {
        text.parse().map(BaselineWish::Existing)
    } else if strsim::osa_distance(&lower, "aws") <= 1 {
        problems.push(
            Problem::at(&place, format!("`{path}`: `{text}` is not where rules come from"))
                .help("Did you mean `aws`?"),
        );
        return None;
    } else {
        text.parse::<BaselineName>().map(BaselineWish::Named)
    };
    match wish {
        Ok(wish) => Some(wish),
        Err(wrong) => {
            problems.push(Problem::at(&place, format!("`{path}`: {wrong}")).help(INSTEAD));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{
            file,
            rules::{Approve, BaselineRules, ComplianceLevel, RejectedAction},
        },
        state::Switch,
    };

    /// The wishes, the errors and the warnings.
    fn wishes(
        text: &str,
    ) -> (BTreeMap<OperatingSystem, At<BaselineWish>>, Vec<String>, Vec<String>) {
        let mut problems = Vec::new();
        let wishes = super::read(&file::read(text).unwrap(), "baselines", &mut problems);
        let (warnings, errors): (Vec<Problem>, Vec<Problem>) =
            error::in_order(problems).into_iter().partition(Problem::is_warning);
        let said = |problems: Vec<Problem>| {
            problems
                .into_iter()
                .map(|p| format!("{}. {}", p.message, p.help.unwrap_or_default()))
                .collect()
        };
        (wishes, said(errors), said(warnings))
    }

    /// The one error of a text.
    fn error_of(text: &str) -> String {
        let (_, errors, _) = wishes(text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        errors.into_iter().next().unwrap()
    }

    /// The rules of Amazon Linux 2023.
    fn rules_of(text: &str) -> BaselineRules {
        let (mut wishes, errors, warnings) = wishes(text);
        assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
        match wishes.remove(&OperatingSystem::AmazonLinux2023).map(|wish| wish.value) {
            Some(BaselineWish::Rules(rules)) => *rules,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_baseline_is_awss_one_that_exists_or_rules() {
        let (wishes, errors, _) = wishes(
            "{ suse: aws, ubuntu: pb-0123456789abcdef0, debian: corp-debian, windows: [{ product: \"*\" }] }",
        );
        let of = |system| wishes.get(&system).map(|wish| &wish.value);

        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(of(OperatingSystem::Suse), Some(&BaselineWish::Aws));
        assert!(matches!(of(OperatingSystem::Ubuntu), Some(BaselineWish::Existing(_))));
        assert!(matches!(of(OperatingSystem::Debian), Some(BaselineWish::Named(_))));
        assert!(matches!(of(OperatingSystem::Windows), Some(BaselineWish::Rules(_))));
    }

    #[test]
    fn a_baseline_that_is_none_of_these_is_refused() {
        assert!(error_of("{ suse: AWS }").ends_with("Did you mean `aws`?"));
        assert!(error_of("{ suse: pb-123 }").contains("`pb-123` is not a patch baseline's ID"));
        assert!(
            error_of("{ suse: corp baseline }").contains("is not the name of a patch baseline")
        );
        assert!(error_of("{ suse: }").contains("has no value"));
        assert!(error_of("{ suse: true }").contains("must be a text"));
        assert!(error_of("{ amazon_linux2: aws }").ends_with("Did you mean `amazon_linux_2`?"));
    }

    #[test]
    fn a_map_says_everything_that_a_baseline_has() {
        let rules = rules_of(
            "
amazon_linux_2023:
  filters: { product: [AmazonLinux2023] }
  rules:
    - { classification: [Security], severity: [Critical], approve: { after_days: 0 }, compliance: critical, non_security: true }
    - { classification: [Bugfix] }
  approved: [CVE-2026-12345, \"dbus-1.12.*\"]
  approved_compliance: high
  approved_non_security: true
  rejected: [\"kernel-*\"]
  rejected_action: block
  sources:
    - { name: corp, products: [AmazonLinux2023], configuration: \"[corp]\" }
",
        );

        assert_eq!(rules.filters[0].key, "PRODUCT");
        assert_eq!(rules.rules.len(), 2);
        assert_eq!(rules.rules[0].filters.len(), 2);
        assert_eq!(rules.rules[0].compliance, Some(ComplianceLevel::Critical));
        assert_eq!(rules.rules[0].non_security, Switch::On);
        let approve = rules.rules[0].approve.as_ref().map(|approve| &approve.value);
        assert_eq!(approve, Some(&Approve::AfterDays(0)));
        assert_eq!(rules.rules[1].approve, None);
        assert_eq!(rules.approved, ["CVE-2026-12345", "dbus-1.12.*"]);
        assert_eq!(rules.approved_compliance, ComplianceLevel::High);
        assert_eq!(rules.approved_non_security, Switch::On);
        assert_eq!(rules.rejected, ["kernel-*"]);
        assert_eq!(rules.rejected_action, RejectedAction::Block);
        assert_eq!(rules.sources[0].name, "corp");
    }

    #[test]
    fn a_rule_without_a_filter_is_refused() {
        for rule in ["{}", "{ compliance: high }", "{ approve: { after_days: 3 } }"] {
            let said = error_of(&format!("{{ suse: [{rule}] }}"));
            assert!(said.starts_with("a rule of `baselines.suse` has no filter"), "{said}");
        }
    }

    #[test]
    fn a_rule_has_no_approve_where_release_dates_are_unknown_and_never_names() {
        for system in ["debian", "raspbian", "ubuntu"] {
            let text =
                format!("{{ {system}: [{{ priority: Required, approve: {{ after_days: 3 }} }}] }}");
            assert!(error_of(&text).contains("does not say when patches were released"));
        }
        let said = error_of("{ suse: [{ product: \"*\", approve: { only: [\"openssl-*\"] } }] }");
        assert!(said.contains("a rule can't approve patches by name"), "{said}");
    }

    #[test]
    fn what_is_for_linux_alone_is_refused_elsewhere() {
        for more in ["approved_non_security: true", "sources: []"] {
            let text = format!("{{ windows: {{ rules: [{{ product: \"*\" }}], {more} }} }}");
            assert!(error_of(&text).ends_with("Leave the key out. AWS takes it for Linux only."));
        }
        let said = error_of("{ macos: [{ product: \"*\", non_security: true }] }");
        assert!(said.contains("macos has no `non_security`"), "{said}");
    }

    #[test]
    fn rules_for_applications_say_which() {
        let said = error_of("{ windows: [{ patch_set: application, classification: Tools }] }");
        assert!(said.contains("is for applications and does not say which"), "{said}");

        let (_, errors, warnings) = wishes(
            "{ windows: [{ patch_set: application, product_family: Office, product: \"*\" }] }",
        );
        assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
    }

    #[test]
    fn awss_limits_hold() {
        let several = |count: usize, item: &str| vec![item; count].join(", ");
        let numbered = |count: usize| {
            (0..count).map(|number| format!("pkg{number}-*")).collect::<Vec<_>>().join(", ")
        };
        let rules = |count| format!("{{ suse: [{}] }}", several(count, "{ product: \"*\" }"));
        let named = |key: &str, count| {
            format!("{{ suse: {{ rules: [{{ product: \"*\" }}], {key}: [{}] }} }}", numbered(count))
        };

        assert!(wishes(&rules(10)).1.is_empty());
        assert!(error_of(&rules(11)).contains("has 11 rules; AWS takes 10"));
        for key in ["approved", "rejected"] {
            assert!(wishes(&named(key, 50)).1.is_empty());
            assert!(error_of(&named(key, 51)).contains("has 51 patches; AWS takes 50"));
        }
    }

    #[test]
    fn centos_without_non_security_is_a_warning_unless_it_is_meant() {
        let warnings = |more: &str| {
            let (_, errors, warnings) =
                wishes(&format!("{{ centos: [{{ product: \"*\"{more} }}] }}"));
            assert!(errors.is_empty(), "{errors:?}");
            warnings.len()
        };

        assert_eq!(warnings(""), 1);
        assert_eq!(warnings(", non_security: true"), 0);
        assert_eq!(warnings(", non_security: false"), 0);
    }

    #[test]
    fn a_baseline_that_approves_nothing_is_an_error_or_a_warning_by_what_is_written() {
        let said = error_of("{ windows: { rejected: [KB5034439] } }");
        assert!(said.contains("has no `rules`, so nothing would be approved"), "{said}");
        for text in ["{ windows: [] }", "{ windows: { rules: [] } }"] {
            let (_, errors, warnings) = wishes(text);
            assert!(errors.is_empty(), "{errors:?}");
            assert!(warnings[0].contains("approves nothing by itself"), "{warnings:?}");
        }
        let (_, errors, warnings) = wishes("{ windows: { approved: [KB5034439] } }");
        assert!(errors.is_empty() && warnings.is_empty(), "{errors:?} {warnings:?}");
    }

    #[test]
    fn a_patch_that_is_in_both_lists_is_a_warning() {
        let (_, errors, warnings) = wishes(
            "{ windows: { rules: [{ product: \"*\" }], approved: [KB5034439], rejected: [KB5034439] } }",
        );

        assert!(errors.is_empty(), "{errors:?}");
        assert!(warnings[0].contains("`KB5034439` is approved and rejected"), "{warnings:?}");
    }

    #[test]
    fn a_source_has_a_name_products_and_a_configuration() {
        let source = |source: &str| {
            let text =
                format!("{{ suse: {{ rules: [{{ product: \"*\" }}], sources: [{source}] }} }}");
            wishes(&text).1
        };

        assert!(source("{ name: corp, products: \"*\", configuration: x }").is_empty());
        assert_eq!(source("{ name: a, products: \"*\", configuration: x }").len(), 1);
        assert_eq!(source("{ name: corp, products: [], configuration: x }").len(), 1);
        assert_eq!(source("{ name: corp, products: \"*\", configuration: \"\" }").len(), 1);
        assert_eq!(source("{ name: corp }").len(), 2);
    }
}
