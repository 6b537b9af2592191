//! Before a ring's stacks go, they take back what was added outside of them: name tags of nodes, and
//! the tags and policies of nodes' roles.
//!
//! In member accounts nothing but their stacks can do that. So a stack set is updated to a template that
//! does it, and that fails where it can't; only then are the instances deleted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, Region, StackName, StackSetName},
    plan::{Action, difference, steps::Chain},
    state::{
        Desired, InstanceStatus, Names, Observed, Preferences, RegionPace, Ring, Seen, StackSeen,
        StackSetSeen, StackSetSpec, StackSpec, StackStatus, Switch, TakeBack, Wish,
    },
};

/// No account's failure keeps another one from taking back.
const PACE: Preferences =
    Preferences { concurrency_percent: 25, tolerance_percent: 100, regions: RegionPace::Parallel };

/// Plans it for a stack set: all of it, or what an earlier attempt left.
pub(super) fn take_back(
    chain: &mut Chain<'_, '_>,
    have: &StackSetSeen,
    how: &TakeBack,
    names: &Names,
) {
    let again = is_done(&have.template, &have.parameters, how);
    let places: BTreeSet<(AccountId, Region)> = have
        .instances
        .iter()
        .filter(|((account, _), instance)| {
            // Who can't be entered, and what operations leave out, takes nothing back; and where there
            // never was a stack, nothing was added.
            names.active.contains(account)
                && match instance.status {
                    InstanceStatus::Inoperable => false,
                    InstanceStatus::Current => !again,
                    InstanceStatus::Outdated => instance.has_stack,
                    InstanceStatus::SkippedSuspended => true,
                }
        })
        .map(|(place, _)| place.clone())
        .collect();
    if places.is_empty() {
        return;
    }
    let spec = StackSetSpec {
        name: chain.name.clone(),
        description: "Takes back what a patch policy added, before it is deleted (orgpatch)"
            .to_owned(),
        template: how.template.clone(),
        parameters: how.parameters.clone(),
        tags: have.tags.clone(),
        // Who joins now has nothing to take back.
        auto_deployment: Switch::Off,
        // An update reaches all instances, by whichever OU they were made and wherever they are now.
        targets: BTreeMap::new(),
        regions: BTreeSet::new(),
        preferences: PACE,
    };
    let because = if again {
        "an earlier attempt could not take back everything there"
    } else {
        "they are not part of the stacks, and would stay when these go"
    };
    chain.push("take-back", Action::TakeBack { spec: Box::new(spec), places }, because);
}

/// What a stack in the owner account becomes so that it takes back; none where it has done so.
pub(super) fn take_back_in_stack(
    stack: &StackSeen,
    how: &TakeBack,
    place: (&Region, &StackName),
) -> Option<StackSpec> {
    let (region, name) = place;
    (!is_done(&stack.template, &stack.parameters, how)).then(|| StackSpec {
        name: name.clone(),
        region: region.clone(),
        template: how.template.clone(),
        parameters: how.parameters.clone(),
        tags: stack.tags.clone(),
    })
}

fn is_done(template: &str, parameters: &BTreeMap<String, String>, how: &TakeBack) -> bool {
    difference::of_templates(template, how.template.body()).is_empty()
        && difference::of_maps("parameter", parameters, &how.parameters).is_empty()
}

/// Says what stays all the same, and what the reader may not expect.
pub(super) fn warn(
    desired: &Desired,
    ring: &Ring,
    sets: &[(StackSetName, Option<&StackSetSeen>)],
    observed: &Observed,
    warnings: &mut Vec<String>,
) {
    let Wish::Gone(leaving) = &ring.wish else { return };
    let there: Vec<&StackSetSeen> = sets.iter().filter_map(|(_, set)| *set).collect();
    let own: Vec<(&Region, &StackSeen)> = ring
        .names
        .own_stacks
        .iter()
        .filter_map(|(region, name)| match observed.stack(region, name) {
            Seen::Present(stack) => Some((region, stack)),
            Seen::Absent | Seen::Unknown(_) => None,
        })
        .collect();
    if there.is_empty() && own.is_empty() {
        return;
    }
    let id = &ring.id;
    if leaving.take_back.is_none() {
        warnings.push(format!(
            "node tags QSConfigName-{id}, role tags QSConfigId-{id} and the policies that were attached to nodes' roles stay where they are (`--keep-roles`)"
        ));
    } else {
        // What is said once is not said again for each ring.
        let advice = if desired.is_rolled_out() {
            "; those that another ring covers keep them"
        } else {
            "; `--keep-roles` leaves these policies and all tags"
        };
        say(
            warnings,
            format!(
                "nodes that are managed only through the detached policies drop out of Systems Manager{advice}"
            ),
        );
        let out_of_reach: BTreeSet<String> = there
            .iter()
            .flat_map(|set| &set.instances)
            .filter_map(|((account, region), instance)| {
                if !desired.names.active.contains(account) {
                    Some(format!("{account} (not active)"))
                } else if instance.status == InstanceStatus::Inoperable {
                    Some(format!("{account} in {region} (INOPERABLE)"))
                } else {
                    None
                }
            })
            .chain(own.iter().filter(|(_, stack)| stack.status == StackStatus::DeleteFailed).map(
                |(region, _)| {
                    format!(
                        "{} in {region} (its stack could not be deleted before)",
                        desired.owner.account
                    )
                },
            ))
            .collect();
        if !out_of_reach.is_empty() {
            let places: Vec<String> = out_of_reach.into_iter().collect();
            warnings.push(format!("nothing can be taken back in account {}", places.join(", ")));
        }
    }
    say(warnings, "the role and instance profile AmazonSSMRoleForInstancesQuickSetup, which nodes may use, and Explorer's settings stay".to_owned());
}

fn say(warnings: &mut Vec<String>, warning: String) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}
