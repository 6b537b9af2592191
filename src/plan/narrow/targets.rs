//! What is left of the targets of one StackSets call.

use std::collections::BTreeSet;

use crate::{
    ids::{AccountId, OuId, Region},
    plan::InstanceTargets,
    state::Reach,
};

/// An account that a call is about.
pub(super) struct Reached<'a> {
    pub(super) account: &'a AccountId,
    /// The OUs of the call by which it may be meant.
    pub(super) through: BTreeSet<&'a OuId>,
    pub(super) lot: Lot,
}

/// What becomes of an account of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lot {
    /// The call is still about it.
    Stays,
    /// The call does nothing to it in the Regions that are left.
    Untouched,
    /// The call must not reach it any more.
    Left,
}

/// Cuts the targets of a call to these accounts and Regions; none where nothing is left of it.
///
/// An OU is named as a whole only where it was, where `takes_whole` lets it be, and where no account in it is
/// left. What is left of the others are single accounts.
pub(super) fn cut(
    targets: &InstanceTargets,
    regions: BTreeSet<Region>,
    reached: &[Reached<'_>],
    takes_whole: impl Fn(&OuId) -> bool,
) -> Option<InstanceTargets> {
    if regions.is_empty() {
        return None;
    }
    let has = |ou: &OuId, lot: Lot| {
        reached.iter().any(|reached| reached.lot == lot && reached.through.contains(ou))
    };
    let is_whole =
        |ou: &OuId| targets.reach == Reach::WholeOu && takes_whole(ou) && !has(ou, Lot::Left);
    let (whole, parts): (BTreeSet<&OuId>, BTreeSet<&OuId>) =
        targets.ous.iter().partition(|ou| is_whole(ou));
    let named: BTreeSet<&OuId> = parts.into_iter().filter(|ou| has(ou, Lot::Stays)).collect();
    let (ous, reach): (BTreeSet<OuId>, Reach) = if named.is_empty() {
        (whole.into_iter().cloned().collect(), Reach::WholeOu)
    } else {
        let whole = whole.into_iter().filter(|ou| has(ou, Lot::Stays));
        (whole.chain(named).cloned().collect(), Reach::NamedAccounts)
    };
    let staying = reached.iter().filter(|reached| reached.lot == Lot::Stays);
    let accounts = staying.map(|reached| reached.account.clone()).collect();
    (!ous.is_empty()).then_some(InstanceTargets { ous, reach, accounts, regions })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ou-ab12-0000000a";
    const B: &str = "ou-ab12-0000000b";

    fn ids<T: std::str::FromStr<Err: std::fmt::Debug> + Ord>(texts: &[&str]) -> BTreeSet<T> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn targets(ous: &[&str], reach: Reach, accounts: &[&str]) -> InstanceTargets {
        InstanceTargets {
            ous: ids(ous),
            reach,
            accounts: ids(accounts),
            regions: ids(&["eu-west-1", "us-east-1"]),
        }
    }

    /// Cuts a call on two OUs, with two accounts in the first and one in the second.
    fn left(lots: [Lot; 3], whole: &[&str]) -> Option<InstanceTargets> {
        let all =
            targets(&[A, B], Reach::WholeOu, &["000000000001", "000000000002", "000000000003"]);
        let (a, b): (OuId, OuId) = (A.parse().unwrap(), B.parse().unwrap());
        let through = [&a, &a, &b];
        let reached: Vec<Reached<'_>> = all
            .accounts
            .iter()
            .zip(through.into_iter().zip(lots))
            .map(|(account, (ou, lot))| Reached { account, through: [ou].into(), lot })
            .collect();
        cut(&all, ids(&["eu-west-1"]), &reached, |ou| whole.contains(&ou.as_str()))
    }

    fn left_of(ous: &[&str], reach: Reach, accounts: &[&str]) -> InstanceTargets {
        InstanceTargets { regions: ids(&["eu-west-1"]), ..targets(ous, reach, accounts) }
    }

    #[test]
    fn an_ou_stays_whole_as_long_as_nobody_in_it_is_left() {
        use Lot::{Left, Stays, Untouched};
        let all = ["000000000001", "000000000002", "000000000003"];

        let whole = left([Stays, Untouched, Stays], &[A, B]).unwrap();
        assert_eq!(whole, left_of(&[A, B], Reach::WholeOu, &[all[0], all[2]]));

        let one = left([Stays, Stays, Left], &[A]).unwrap();
        assert_eq!(one, left_of(&[A], Reach::WholeOu, &all[..2]));

        let named = left([Stays, Left, Left], &[A, B]).unwrap();
        assert_eq!(named, left_of(&[A], Reach::NamedAccounts, &all[..1]));

        let by_account = left([Stays, Stays, Stays], &[]).unwrap();
        assert_eq!(by_account, left_of(&[A, B], Reach::NamedAccounts, &all));
    }

    #[test]
    fn where_one_ou_is_cut_the_other_is_named_by_its_accounts_too() {
        let mixed = left([Lot::Stays, Lot::Left, Lot::Stays], &[A, B]).unwrap();

        let accounts = ["000000000001", "000000000003"];
        assert_eq!(mixed, left_of(&[A, B], Reach::NamedAccounts, &accounts));
    }

    #[test]
    fn nothing_is_left_of_a_call_without_accounts_or_regions() {
        assert_eq!(left([Lot::Left; 3], &[]), None);
        let all = targets(&[A], Reach::WholeOu, &[]);
        assert_eq!(cut(&all, BTreeSet::new(), &[], |_| true), None);
        assert!(cut(&all, ids(&["eu-west-1"]), &[], |_| true).is_some(), "it is only followed");
        assert_eq!(cut(&all, ids(&["eu-west-1"]), &[], |_| false), None);
    }
}
