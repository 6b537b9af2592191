//! What a policy's parts are called in an organization.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    ids::{AccountId, BucketName, CallAs, OrganizationId, Region, RingId, RingName, StackName},
    state::{
        AccountState, Desired, Names, Organization, Owner, RegionStatus, Ring, RingNames, Wish,
    },
};

use super::values::Policy;

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

/// What a ring is called in an organization, without asking what it should be.
pub(super) struct Identity {
    pub(super) ring: RingName,
    pub(super) id: RingId,
    pub(super) names: RingNames,
}

impl Identity {
    pub(super) fn of(policy: &Policy, surroundings: Surroundings<'_>) -> Self {
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
            home_stack: home_stack_name(policy),
            bucket: bucket(account, &id),
            whole: named(&prefix),
            pinned: named(&format!("{prefix}-pinned")),
            own_stacks: own_regions
                .into_iter()
                .map(|region| (region.clone(), named(&format!("{prefix}-{region}"))))
                .collect(),
        };
        Self { ring, id, names }
    }

    pub(super) fn wished(self, wish: Wish) -> Ring {
        let Self { ring, id, names } = self;
        Ring { name: ring, id, names, wish }
    }
}

/// The bucket of a policy's ring, which can be told without a look at anything but the caller.
pub fn override_bucket(
    policy: &Policy,
    organization: &OrganizationId,
    account: &AccountId,
) -> BucketName {
    bucket(account, &RingId::derive(organization, &policy.name, &RingName::main()))
}

/// The name of a policy's home stack, which makes that bucket.
pub fn home_stack_name(policy: &Policy) -> StackName {
    named(&format!("orgpatch-{}-{}-home", policy.name, RingName::main()))
}

fn bucket(account: &AccountId, id: &RingId) -> BucketName {
    named(&format!("aws-quicksetup-patchpolicy-{account}-{id}"))
}

/// A policy with one ring, of which nothing more is said yet.
pub(super) fn desired(policy: &Policy, surroundings: Surroundings<'_>, ring: Ring) -> Desired {
    let Surroundings { organization, account, call_as, regions: _ } = surroundings;
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
        rings: vec![ring],
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
