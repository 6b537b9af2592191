//! From a [`Policy`] and an organization to [`Desired`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::Date;

use crate::{
    ids::{AccountId, CallAs, OuId, Region, RingId, RingName},
    state::{
        AccountState, Desired, Names, Organization, Owner, RegionStatus, Ring, RingNames,
        SkipReason, Switch,
    },
    templates::PermissionsBoundary,
};

use super::{
    cover::{self, Cover, Excluded},
    deployment::deployment,
    error::{Problem, Problems},
    paths::Paths,
    schedule,
    values::{At, ManagementAccount, NewAccounts, OuRef, Policy},
};

/// OUs of these names are taken out wherever they are, unless the policy lists its own.
const EXCLUDED_BY_DEFAULT: [&str; 2] = ["Suspended", "PolicyStaging"];

/// What a policy is laid over.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The tree.
    pub organization: &'a Organization,
    /// The account that orgpatch runs in.
    pub account: &'a AccountId,
    /// As what that account speaks.
    pub call_as: CallAs,
    /// The Regions that the account can use, and those that it cannot.
    pub regions: &'a BTreeMap<Region, RegionStatus>,
}

/// What a policy is called in an organization, without asking what it should be: all of it should be gone.
///
/// This is what `destroy` plans with; it needs no target that still exists.
pub fn names(policy: &Policy, surroundings: Surroundings<'_>) -> Desired {
    let Surroundings { organization, account, call_as, regions } = surroundings;
    let ring = RingName::main();
    let id = RingId::derive(organization.id(), &policy.name, &ring);
    let prefix = format!("orgpatch-{}-{ring}", policy.name);
    let own_regions: BTreeSet<&Region> = match call_as {
        // Only the management account has stacks of its own, in any Region that was ever named.
        CallAs::ManagementAccount => regions
            .iter()
            .filter(|(_, status)| **status == RegionStatus::Enabled)
            .map(|(region, _)| region)
            .chain(policy.targets.regions.iter().map(|region| &region.value))
            .collect(),
        CallAs::DelegatedAdministrator => BTreeSet::new(),
    };
    let names = RingNames {
        home_stack: named(&format!("{prefix}-home")),
        bucket: named(&format!("aws-quicksetup-patchpolicy-{account}-{id}")),
        whole: named(&prefix),
        pinned: named(&format!("{prefix}-pinned")),
        own_stacks: own_regions
            .into_iter()
            .map(|region| (region.clone(), named(&format!("{prefix}-{region}"))))
            .collect(),
    };
    Desired {
        policy: policy.name.clone(),
        organization: organization.id().clone(),
        owner: Owner {
            account: account.clone(),
            call_as,
            home_region: policy.home_region.value.clone(),
        },
        guards: policy.guards,
        conflict_check: policy.conflict_check,
        rings: vec![Ring { name: ring, id, names, deployment: None }],
        skipped: Vec::new(),
        warnings: Vec::new(),
        names: what_people_say(organization),
    }
}

/// A name made of names that were checked, so that it is one too.
fn named<T: std::str::FromStr<Err = crate::ids::InvalidName>>(text: &str) -> T {
    text.parse().expect("parts that are names make a name")
}

fn what_people_say(organization: &Organization) -> Names {
    Names {
        units: organization
            .units()
            .map(|unit| (unit.id.clone(), Arc::from(organization.path(&unit.id))))
            .collect(),
        accounts: organization
            .accounts()
            .map(|account| (account.id.clone(), Arc::from(account.name.as_str())))
            .collect(),
        parents: organization
            .accounts()
            .map(|account| (account.id.clone(), account.parent.clone()))
            .collect(),
        active: organization
            .accounts()
            .filter(|account| account.state == AccountState::Active)
            .map(|account| account.id.clone())
            .collect(),
        above: organization
            .units()
            .filter_map(|unit| Some((unit.id.clone(), unit.parent.clone()?)))
            .collect(),
        resting: BTreeSet::new(),
    }
}

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
    let mut desired = names(policy, surroundings);
    match deployment(policy, surroundings, &cover, own_stacks, &desired.rings[0], today) {
        Ok(deployment) => desired.rings[0].deployment = Some(deployment),
        Err(problem) => problems.push(problem),
    }
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }
    warnings.extend(joiners(policy, organization, &cover));
    warnings.extend(boundary(policy));
    warnings.extend(clock_changes(policy, today));
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

/// Whether the management account gets stacks of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnStacks {
    Wanted,
    None,
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

/// What becomes of accounts that join an OU which could not be named as a whole.
fn joiners(policy: &Policy, organization: &Organization, cover: &Cover) -> Option<String> {
    if policy.new_accounts != NewAccounts::Enroll || cover.in_part.is_empty() {
        return None;
    }
    let paths: Vec<String> = cover.in_part.iter().map(|ou| organization.path(ou)).collect();
    Some(format!(
        "accounts that join {} directly are enrolled by the next apply, not by themselves, since something below is excluded",
        paths.join(", ")
    ))
}

/// AWS's own boundary forbids what is needed to see whether a role has its policies.
fn boundary(policy: &Policy) -> Option<String> {
    let is_blind = policy.iam.permissions_boundary == PermissionsBoundary::Aws
        && policy.iam.attach == Switch::Off;
    is_blind.then(|| {
        "with `permissions_boundary: aws` nobody may look which policies a role has, so with `attach: false` the IAM associations fail on every node that has a role".to_owned()
    })
}

/// One line for each zone whose clocks change, since runs then move by the local clock.
fn clock_changes(policy: &Policy, today: Date) -> Vec<String> {
    let mut zones: BTreeMap<(&str, Date, &str), BTreeSet<&Region>> = BTreeMap::new();
    let whens = std::iter::once(&policy.schedule.scan).chain(&policy.schedule.install);
    for when in whens {
        for At { value: region, .. } in &policy.targets.regions {
            let shift = schedule::next_shift(&when.value, policy.schedule.timezone, region, today);
            if let Some((day, shift, zone)) = shift {
                zones.entry((zone, day, shift)).or_default().insert(region);
            }
        }
    }
    zones
        .into_iter()
        .map(|((zone, day, shift), regions)| {
            let regions: Vec<&str> = regions.into_iter().map(Region::as_str).collect();
            format!(
                "clocks change in {zone} on {day}: from then on runs in {} are an hour {shift} by the local clock, until `orgpatch apply` runs again",
                regions.join(", ")
            )
        })
        .collect()
}
