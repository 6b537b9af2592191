//! Accounts that come, go and move, and the stack sets that follow them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, OperationId, OuId, Region, StackSetName},
    sim::{
        operation::{UNPACED, Work},
        stack_set::StackSet,
        world::World,
    },
    state::{Account, Organization, Switch},
};

/// The Regions in which a stack set wants an account, each with the OU that brings it.
///
/// Auto-deployment knows OUs only: that a call named single accounts in one is forgotten.
fn wanted(
    set: &StackSet,
    organization: &Organization,
    account: &AccountId,
) -> BTreeMap<Region, OuId> {
    let mut wanted = BTreeMap::new();
    let parent = organization.account(account).map(|account| &account.parent);
    if account == organization.management_account() {
        return wanted;
    }
    for ou in parent.into_iter().flat_map(|parent| organization.ancestors(parent)) {
        for region in set.targets.get(ou).into_iter().flatten() {
            wanted.entry(region.clone()).or_insert_with(|| ou.clone());
        }
    }
    wanted
}

impl World {
    /// Changes one account, or adds it, and lets auto-deployment follow.
    ///
    /// An account that moves between two targets of one stack set keeps its stacks where both want
    /// them, and the new OU is recorded (AWS does not say).
    pub(super) fn put_account(&mut self, account: Account) {
        let before = self.organization.clone();
        let id = account.id.clone();
        let others = before.accounts().filter(|other| other.id != id).cloned();
        let after = Organization::new(
            before.id().clone(),
            before.management_account().clone(),
            before.units().cloned(),
            others.chain([account]),
        );
        self.organization = after.expect("the account's parent is an OU of the organization");

        let names: Vec<StackSetName> = self.stack_sets.keys().cloned().collect();
        for name in names {
            let Some(set) = self.stack_sets.get_mut(&name) else { continue };
            if set.content.auto_deployment == Switch::Off {
                continue;
            }
            let old = wanted(set, &before, &id);
            let new = wanted(set, &self.organization, &id);
            for (region, ou) in &new {
                if let Some(instance) = set.instances.get_mut(&(id.clone(), region.clone())) {
                    instance.ou = ou.clone();
                }
            }
            let left: BTreeSet<Region> =
                old.keys().filter(|region| !new.contains_key(*region)).cloned().collect();
            let joined: BTreeMap<Region, OuId> =
                new.into_iter().filter(|(region, _)| !old.contains_key(region)).collect();
            if !left.is_empty() {
                self.submit_by_itself(&name, Work::Leave(id.clone(), left));
            }
            if !joined.is_empty() {
                self.submit_by_itself(&name, Work::Join(id.clone(), joined));
            }
        }
    }

    /// Auto-deployment waits for its turn, whatever the stack set's execution mode.
    fn submit_by_itself(&mut self, name: &StackSetName, work: Work) {
        self.auto_operations += 1;
        let id: OperationId = format!("auto-deployment-{}", self.auto_operations)
            .parse()
            .expect("letters, digits and hyphens");
        self.submit(name, id, work, UNPACED);
    }
}
