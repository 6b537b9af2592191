//! From a [`Policy`] and an organization to [`Desired`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{
    ids::{CallAs, OuId, Region, RingName},
    state::{Desired, Organization, RegionStatus, Ring, SkipReason, Skipped, Wish},
};

use super::{
    cover::{Cover, Division, Excluded},
    deployment::{OwnStacks, deployment},
    error::{Problem, Problems},
    identity::{Identity, Surroundings, desired},
    paths::Paths,
    remarks, removal, rings,
    values::{ManagementAccount, OuRef, Policy, RingWish},
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
    let Surroundings { organization, regions, .. } = surroundings;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let tree = Paths::of(organization);

    let days = policy.on(today)?;
    warnings.extend(days.iter().map(|warning| {
        let line = warning.place.as_ref().map_or(0, |place| place.line);
        format!("{} ({}:{line})", warning.message, policy.file())
    }));
    enabled(policy, regions, &mut problems);
    let targets = targets(policy, &tree, &mut problems);
    let scope = scope(policy, &tree, &targets, organization, &mut problems);
    let excluded = excluded(policy, &tree, organization, today, &mut problems);
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }

    let division = Division::new(organization, &targets, &excluded);
    let covers: Vec<Cover> = (0..policy.rings.len()).map(|ring| division.cover(ring)).collect();
    let mut skipped = division.skipped(&covers, scope.as_ref());
    let own_stacks = own_stacks(policy, &division, surroundings, &excluded, &mut warnings);
    if own_stacks.is_some() {
        skipped.retain(|skipped| skipped.because != SkipReason::ManagementAccount);
    }
    let place = &policy.rings[0].ous[0].place;
    if covers.iter().all(|cover| cover.accounts().next().is_none()) && own_stacks.is_none() {
        problems.push(
            Problem::at(place, "the policy matches no active account").help(left_out(&skipped)),
        );
    }
    warnings.extend(covers_nothing(policy, &tree, &division, &covers, own_stacks));
    let mut rings = Vec::new();
    for (number, (ring, cover)) in policy.rings.iter().zip(&covers).enumerate() {
        let identity = Identity::of(policy, &ring.name, surroundings);
        let own = if own_stacks == Some(number) { OwnStacks::Wanted } else { OwnStacks::None };
        let deployment = deployment((policy, ring), surroundings, cover, own, &identity, today);
        match deployment {
            Ok(deployment) => rings.push(identity.wished(Wish::There(Box::new(deployment)))),
            Err(unfit) => problems.extend(unfit),
        }
    }
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }
    rings.extend(leaving(policy, surroundings, &mut warnings));
    warnings.extend(removal::notes_nothing(policy, &rings));
    warnings.extend(remarks::remarks(policy, organization, &covers, today));
    let mut desired = desired(policy, surroundings, rings);
    desired.names.resting = skipped
        .iter()
        .filter(|skipped| matches!(skipped.because, SkipReason::NotActive { .. }))
        .map(|skipped| skipped.account.clone())
        .collect();
    desired.skipped = skipped;
    desired.warnings = warnings;
    Ok(desired)
}

/// The OUs that each ring names. No two rings may name the same one.
fn targets(policy: &Policy, tree: &Paths<'_>, problems: &mut Vec<Problem>) -> Vec<BTreeSet<OuId>> {
    let mut owners: BTreeMap<OuId, &RingName> = BTreeMap::new();
    policy
        .rings
        .iter()
        .map(|ring| {
            let key = policy.ous_key(ring);
            let mut ous = BTreeSet::new();
            for ou in &ring.ous {
                let Some(id) = tree.find(ou, &key, problems) else { continue };
                match owners.insert(id.clone(), &ring.name) {
                    Some(other) if *other != ring.name => {
                        problems.push(rings::in_two_rings(ou, other, &ring.name));
                    }
                    _ => {}
                }
                ous.insert(id);
            }
            ous
        })
        .collect()
}

/// The OUs that the rings are to cover together, where a policy with rings says so. No ring may reach beyond.
fn scope(
    policy: &Policy,
    tree: &Paths<'_>,
    targets: &[BTreeSet<OuId>],
    organization: &Organization,
    problems: &mut Vec<Problem>,
) -> Option<BTreeSet<OuId>> {
    if policy.is_without_rings() {
        return None;
    }
    let named = policy.targets.ous.as_ref()?;
    let before = problems.len();
    let scope: BTreeSet<OuId> =
        named.iter().filter_map(|ou| tree.find(ou, "targets.ous", problems)).collect();
    if problems.len() > before {
        return None;
    }
    for (ring, ous) in policy.rings.iter().zip(targets) {
        for (named, ou) in ring.ous.iter().zip(ous_in_order(ring, tree)) {
            let Some(ou) = ou.filter(|ou| ous.contains(ou)) else { continue };
            if !organization.ancestors(&ou).any(|above| scope.contains(above)) {
                problems.push(
                    Problem::at(
                        &named.place,
                        format!("`{}` of the ring `{}` is not within `targets.ous`", named.value, ring.name),
                    )
                    .help("Add it to `targets.ous`, or leave that key out: then the rings alone say who is covered."),
                );
            }
        }
    }
    Some(scope)
}

fn ous_in_order(ring: &RingWish, tree: &Paths<'_>) -> Vec<Option<OuId>> {
    ring.ous.iter().map(|ou| tree.find(ou, "rings", &mut Vec::new())).collect()
}

/// OUs of rings, and rings, that cover nobody.
fn covers_nothing(
    policy: &Policy,
    tree: &Paths<'_>,
    division: &Division<'_>,
    covers: &[Cover],
    own_stacks: Option<usize>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (number, (ring, cover)) in policy.rings.iter().zip(covers).enumerate() {
        for (named, ou) in ring.ous.iter().zip(ous_in_order(ring, tree)) {
            let Some(ou) = ou else { continue };
            if let Some(excluded) = division.excluded_by(&ou) {
                warnings.push(format!(
                    "the target {} covers nothing: it is in the excluded OU {}",
                    named.value,
                    tree.path(excluded)
                ));
            }
        }
        let is_empty = cover.accounts().next().is_none() && own_stacks != Some(number);
        if is_empty && !policy.is_without_rings() {
            warnings.push(format!("the ring {} covers no active account today", ring.name));
        }
    }
    warnings
}

/// Rings that were found and that the file does not name any more.
fn leaving(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Vec<Ring> {
    let gone: Vec<&RingName> =
        surroundings.rings.iter().filter(|ring| policy.ring(ring).is_none()).collect();
    let new: Vec<&RingName> = policy
        .rings
        .iter()
        .map(|ring| &ring.name)
        .filter(|ring| !surroundings.rings.contains(*ring))
        .collect();
    if let ([old], [new]) = (gone.as_slice(), new.as_slice()) {
        warnings.push(format!(
            "the ring {old} is not in the policy any more, and {new} is new: a ring that is renamed is made anew and then removed under its old name, since the names of all its parts are made of the ring's"
        ));
    }
    gone.into_iter()
        .map(|ring| {
            let because = "the ring is not in the policy any more".to_owned();
            removal::gone(policy, ring, surroundings, because)
        })
        .collect()
}

/// Regions must be enabled in the account that orgpatch runs in, or StackSets refuses them.
fn enabled(policy: &Policy, regions: &BTreeMap<Region, RegionStatus>, problems: &mut Vec<Problem>) {
    let of_rings = policy.rings.iter().flat_map(|ring| &ring.regions);
    let named = std::iter::once(&policy.home_region).chain(of_rings);
    let mut said = BTreeSet::new();
    for region in named.filter(|region| said.insert(&region.place)) {
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
            Some(until) if until < today => {}
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

/// The ring through which the management account is covered, if it is: that of its OU, else the last one,
/// which is rolled out behind all others.
fn own_stacks(
    policy: &Policy,
    division: &Division<'_>,
    surroundings: Surroundings<'_>,
    excluded: &Excluded,
    warnings: &mut Vec<String>,
) -> Option<usize> {
    let organization = surroundings.organization;
    let account = organization.management_account();
    match (policy.management_account, surroundings.call_as) {
        (ManagementAccount::Exclude, _) => None,
        (ManagementAccount::Include, CallAs::DelegatedAdministrator) => {
            warnings.push(format!(
                "the management account {account} can't be covered from a delegated administrator's account; run orgpatch in the management account for that"
            ));
            None
        }
        (ManagementAccount::Include, CallAs::ManagementAccount) => {
            if excluded.accounts.contains_key(account) {
                return None;
            }
            let parent = organization.account(account).map(|account| &account.parent);
            let ring = parent.and_then(|parent| division.ring_of(parent));
            Some(ring.unwrap_or(policy.rings.len() - 1))
        }
    }
}

fn left_out(skipped: &[Skipped]) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in skipped {
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
