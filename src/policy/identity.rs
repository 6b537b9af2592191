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
    /// The rings of the policy that something was found of, whether or not the file still names them.
    pub rings: &'a BTreeSet<RingName>,
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
    pub(super) fn of(policy: &Policy, ring: &RingName, surroundings: Surroundings<'_>) -> Self {
        let Surroundings { organization, account, call_as, regions, rings: _ } = surroundings;
        let id = RingId::derive(organization.id(), &policy.name, ring);
        let prefix = format!("orgpatch-{}-{ring}", policy.name);
        let own_regions: BTreeSet<&Region> = match call_as {
            // Only the management account has stacks of its own, in any Region that was ever named.
            CallAs::ManagementAccount => regions
                .iter()
                .filter(|(_, status)| **status == RegionStatus::Enabled)
                .map(|(region, _)| region)
                .chain(
                    policy.rings.iter().flat_map(|ring| &ring.regions).map(|region| &region.value),
                )
                .collect(),
            CallAs::DelegatedAdministrator => BTreeSet::new(),
        };
        let names = RingNames {
            home_stack: named(&format!("{prefix}-home")),
            bucket: bucket(account, &id),
            whole: named(&prefix),
            pinned: named(&format!("{prefix}-pinned")),
            own_stacks: own_regions
                .into_iter()
                .map(|region| (region.clone(), named(&format!("{prefix}-{region}"))))
                .collect(),
        };
        Self { ring: ring.clone(), id, names }
    }

    pub(super) fn wished(self, wish: Wish) -> Ring {
        let Self { ring, id, names } = self;
        Ring { name: ring, id, names, wish }
    }
}

/// Where a ring keeps its lock and records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingHome {
    /// Which ring.
    pub ring: RingName,
    /// Its bucket.
    pub bucket: BucketName,
    /// The stack that makes the bucket.
    pub stack: StackName,
}

/// The homes of a policy's rings, those of the file first, then the others that something was found of. They
/// can be told without a look at anything but the caller.
pub fn ring_homes(
    policy: &Policy,
    found: &BTreeSet<RingName>,
    organization: &OrganizationId,
    account: &AccountId,
) -> Vec<RingHome> {
    let others = found.iter().filter(|ring| policy.ring(ring).is_none());
    let rings = policy.rings.iter().map(|ring| &ring.name).chain(others);
    rings
        .map(|ring| RingHome {
            ring: ring.clone(),
            bucket: bucket(account, &RingId::derive(organization, &policy.name, ring)),
            stack: named(&format!("orgpatch-{}-{ring}-home", policy.name)),
        })
        .collect()
}

fn bucket(account: &AccountId, id: &RingId) -> BucketName {
    named(&format!("aws-quicksetup-patchpolicy-{account}-{id}"))
}

/// A policy with these rings, of which nothing more is said yet.
pub(super) fn desired(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    rings: Vec<Ring>,
) -> Desired {
    let Surroundings { organization, account, call_as, regions: _, rings: _ } = surroundings;
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
        rings,
        skipped: Vec::new(),
        warnings: Vec::new(),
        unseen: None,
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
