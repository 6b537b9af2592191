//! Why accounts lose something: the cause that a reader of the plan must be able to judge.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    ids::{AccountId, OuId, RingName},
    plan::{Coverage, coverage::AccountChange},
    state::{Desired, Names, Observed, Ownership, Seen, SkipReason},
};

/// Why an account loses something, be it only until it is made anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It is in no listing any more.
    NotListed,
    /// It was reached through an OU that it is not in any more.
    Moved {
        /// The path of that OU; none where the OU is gone too.
        from: Option<String>,
        /// The path of the OU that it is in.
        to: String,
        /// Why it gets nothing there.
        because: Option<SkipReason>,
    },
    /// It is where it was, and the policy leaves it out there.
    LeftOut {
        /// The path of the OU that it is in.
        ou: String,
        /// Why.
        because: SkipReason,
    },
    /// It is the management account, which the policy does not include any more.
    ManagementAccount,
    /// The policy covers it in fewer Regions.
    FewerRegions,
    /// Another ring covers it, for which its stacks are deleted, and made anew for that ring.
    OtherRing {
        /// The ring that it was in.
        from: RingName,
        /// The ring that it is in.
        to: RingName,
    },
    /// It keeps all, through another OU or stack set, for which its stacks are deleted and made anew.
    Remade,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str(
                "AWS does not list it any more: it has left the organization, or not all of it could be seen",
            ),
            Self::Moved { from, to, because } => {
                let from = from.as_deref().unwrap_or("an OU that is gone");
                write!(f, "it was moved: reached through {from}, and now in {to}")?;
                because.as_ref().map_or(Ok(()), |because| write!(f, " ({because})"))
            }
            Self::LeftOut { ou, because } => write!(f, "it is in {ou}: {because}"),
            Self::ManagementAccount => f.write_str(
                "the policy does not include the management account any more (`management_account`)",
            ),
            Self::FewerRegions => f.write_str("the policy names fewer Regions than before"),
            Self::OtherRing { from, to } => {
                write!(f, "it moves from the ring {from} to the ring {to}, which has stacks of its own")
            }
            Self::Remade => f.write_str(
                "it stays covered, but through another OU or stack set, so that its stacks are deleted and made anew",
            ),
        }
    }
}

/// Finds the cause for each account that loses something, where somebody is still to be covered at all.
pub(super) fn losses(
    desired: &Desired,
    observed: &Observed,
    coverage: &Coverage,
) -> BTreeMap<AccountId, Loss> {
    if desired.rings.iter().all(|ring| ring.deployment().is_none()) {
        return BTreeMap::new();
    }
    let through = reached_through(desired, observed);
    let left_out: BTreeMap<&AccountId, &SkipReason> =
        desired.skipped.iter().map(|skipped| (&skipped.account, &skipped.because)).collect();
    let names = &desired.names;
    let losing = coverage.accounts.iter().filter(|(_, change)| change.loses());
    losing
        .map(|(account, change)| {
            let because = left_out.get(account).map(|because| (*because).clone());
            let loss = cause(account, change, because, through.get(account).copied(), names);
            (account.clone(), loss)
        })
        .collect()
}

fn cause(
    account: &AccountId,
    change: &AccountChange,
    because: Option<SkipReason>,
    through: Option<&OuId>,
    names: &Names,
) -> Loss {
    let Some(parent) = names.parents.get(account) else { return Loss::NotListed };
    let path = |ou: &OuId| names.units.get(ou).map(ToString::to_string);
    let here = path(parent).unwrap_or_default();
    let mut above = std::iter::successors(Some(parent), |ou| names.above.get(*ou));
    if let (Some(from), None) = (&change.left, &because) {
        return Loss::OtherRing { from: from.clone(), to: change.ring.clone() };
    }
    if let Some(from) = through.filter(|from| !above.any(|ou| ou == *from)) {
        return Loss::Moved { from: path(from), to: here, because };
    }
    match because {
        // Who is not active keeps what it has, unless it is not to be had there any more.
        Some(SkipReason::NotActive { .. }) if !change.kept.is_empty() => Loss::FewerRegions,
        Some(SkipReason::ManagementAccount) => Loss::ManagementAccount,
        Some(because) => Loss::LeftOut { ou: here, because },
        None if change.removed.is_empty() => Loss::Remade,
        None => Loss::FewerRegions,
    }
}

/// The OU through which each account was reached, by what AWS recorded.
fn reached_through<'a>(
    desired: &Desired,
    observed: &'a Observed,
) -> BTreeMap<&'a AccountId, &'a OuId> {
    let sets = observed.stack_sets.present().into_iter().flatten();
    sets.filter_map(|(_, set)| match set {
        Seen::Present(set) => Some(set),
        Seen::Absent | Seen::Unknown(_) => None,
    })
    .filter(|set| Ownership::of(&set.tags, &desired.policy) == Ownership::Ours)
    .flat_map(|set| &set.instances)
    .filter_map(|((account, _), instance)| Some((account, instance.ou.as_ref()?)))
    .collect()
}
