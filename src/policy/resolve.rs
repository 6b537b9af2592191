//! From a [`Policy`] and an organization to [`Desired`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{
    ids::{CallAs, OuId, Region},
    state::{Desired, Organization, RegionStatus, SkipReason, Wish},
};

use super::{
    cover::{self, Cover, Excluded},
    deployment::{OwnStacks, deployment},
    error::{Problem, Problems},
    identity::{Identity, Surroundings, desired},
    paths::Paths,
    remarks,
    values::{ManagementAccount, OuRef, Policy},
};

/// OUs of these names are taken out wherever they are, unless the policy lists its own.
const EXCLUDED_BY_DEFAULT: [&str; 2] = ["Suspended", "PolicyStaging"];

/// Lays a policy over an organization.
///
/// # Errors
///
/// Everything in the policy that does not fit the organization: OUs and accounts that do not exist,
/// Regions that are not enabled, targets that reach nobody, limits of StackSets.
pub fn resolve(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    today: Date,
) -> Result<Desired, Problems> {
    let Surroundings { organization, account: _, call_as, regions } = surroundings;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let tree = Paths::of(organization);

    enabled(policy, regions, &mut problems);
    let targets: BTreeSet<OuId> = policy
        .targets
        .ous
        .iter()
        .filter_map(|ou| tree.find(ou, "targets.ous", &mut problems))
        .collect();
    let excluded = excluded(policy, &tree, organization, today, &mut problems, &mut warnings);
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }

    let mut cover = cover::cover(organization, &targets, &excluded);
    let own_stacks = own_stacks(policy, organization, call_as, &excluded, &mut warnings);
    if own_stacks == OwnStacks::Wanted {
        cover.skipped.retain(|skipped| skipped.because != SkipReason::ManagementAccount);
    }
    for target in &policy.targets.ous {
        let inside = tree.find(target, "targets.ous", &mut Vec::new()).and_then(|id| {
            organization.ancestors(&id).find(|above| excluded.ous.contains(*above)).cloned()
        });
        if let Some(ou) = inside {
            warnings.push(format!(
                "the target {} covers nothing: it is in the excluded OU {}",
                target.value,
                organization.path(&ou)
            ));
        }
    }
    let accounts =
        cover.whole.values().chain(cover.pinned.values()).map(BTreeSet::len).sum::<usize>();
    if accounts == 0 && own_stacks == OwnStacks::None {
        problems.push(
            Problem::at(&policy.targets.ous[0].place, "the policy matches no active account")
                .help(left_out(&cover)),
        );
    }
    let identity = Identity::of(policy, surroundings);
    let deployment = deployment(policy, surroundings, &cover, own_stacks, &identity, today)
        .map_err(|unfit| problems.extend(unfit));
    let (Ok(deployment), true) = (deployment, problems.is_empty()) else {
        return Err(policy.problems(problems));
    };
    warnings.extend(remarks::remarks(policy, organization, &cover, &deployment.regions, today));
    let wish = Wish::There(Box::new(deployment));
    let mut desired = desired(policy, surroundings, identity.wished(wish));
    desired.names.resting = cover
        .skipped
        .iter()
        .filter(|skipped| matches!(skipped.because, SkipReason::NotActive { .. }))
        .map(|skipped| skipped.account.clone())
        .collect();
    desired.skipped = cover.skipped;
    desired.warnings = warnings;
    Ok(desired)
}

/// Regions must be enabled in the account that orgpatch runs in, or StackSets refuses them.
fn enabled(policy: &Policy, regions: &BTreeMap<Region, RegionStatus>, problems: &mut Vec<Problem>) {
    let named = std::iter::once(&policy.home_region).chain(&policy.targets.regions);
    for region in named {
        match regions.get(&region.value) {
            Some(RegionStatus::Enabled) => {}
            Some(RegionStatus::Disabled) => problems.push(
                Problem::at(&region.place, format!("the Region `{}` is not enabled in this account", region.value))
                    .help("Enable it under Account, AWS Regions (it must be enabled in every covered account too), or leave it out."),
            ),
            None => problems.push(
                Problem::at(&region.place, format!("this account does not know the Region `{}`", region.value))
                    .or_nearest(region.value.as_str(), regions.keys().map(Region::as_str)),
            ),
        }
    }
}

fn excluded(
    policy: &Policy,
    tree: &Paths<'_>,
    organization: &Organization,
    today: Date,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Excluded {
    let mut excluded = Excluded::default();
    match &policy.targets.excluded_ous {
        None => {
            for name in EXCLUDED_BY_DEFAULT {
                excluded.ous.extend(tree.named(name));
            }
        }
        Some(ous) => {
            for ou in ous {
                if let OuRef::Name(name) = &ou.value {
                    let found = tree.named(name);
                    // The two names of the default are often written out to be sure. Any other that
                    // matches nothing would leave covered what was to be taken out.
                    if found.is_empty() && !EXCLUDED_BY_DEFAULT.contains(&name.as_str()) {
                        problems.push(tree.no_such_name(ou, name, "targets.exclude.ous"));
                    }
                    excluded.ous.extend(found);
                } else {
                    excluded.ous.extend(tree.find(ou, "targets.exclude.ous", problems));
                }
            }
        }
    }
    for account in &policy.targets.excluded_accounts {
        let id = &account.id.value;
        if organization.account(id).is_none() {
            problems.push(
                Problem::at(&account.id.place, format!("the organization has no account {id}"))
                    .help("Check the ID. If the account has left the organization, take the line out."),
            );
            continue;
        }
        match account.until {
            Some(until) if until < today => warnings.push(format!(
                "the exclusion of account {id} ended on {until}, so it is covered again{}",
                if account.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", account.reason)
                }
            )),
            until => {
                excluded.accounts.insert(
                    id.clone(),
                    SkipReason::ExcludedAccount {
                        reason: account.reason.clone(),
                        until: until.map(|day| day.to_string()),
                    },
                );
            }
        }
    }
    excluded
}

fn own_stacks(
    policy: &Policy,
    organization: &Organization,
    call_as: CallAs,
    excluded: &Excluded,
    warnings: &mut Vec<String>,
) -> OwnStacks {
    match (policy.management_account, call_as) {
        (ManagementAccount::Exclude, _) => OwnStacks::None,
        (ManagementAccount::Include, CallAs::DelegatedAdministrator) => {
            warnings.push(format!(
                "the management account {} can't be covered from a delegated administrator's account; run orgpatch in the management account for that",
                organization.management_account()
            ));
            OwnStacks::None
        }
        (ManagementAccount::Include, CallAs::ManagementAccount) => {
            if excluded.accounts.contains_key(organization.management_account()) {
                OwnStacks::None
            } else {
                OwnStacks::Wanted
            }
        }
    }
}

fn left_out(cover: &Cover) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in &cover.skipped {
        *reasons.entry(skipped.because.to_string()).or_default() += 1;
    }
    let reasons: Vec<String> =
        reasons.into_iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    if reasons.is_empty() {
        "The organization has no account.".to_owned()
    } else {
        format!("Left out: {}.", reasons.join("; "))
    }
}
