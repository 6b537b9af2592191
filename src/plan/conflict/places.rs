//! Where a policy's rings will be, and where something meets them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    ids::{AccountId, Region, RingName},
    plan::conflict::nodes::Nodes,
    state::{Desired, Ring},
};

/// Accounts and Regions in which something meets a policy's nodes, each with the ring that covers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    at: BTreeMap<(AccountId, Region), RingName>,
}

impl Places {
    pub(super) fn add(&mut self, ring: &RingName, account: &AccountId, region: &Region) {
        self.at.insert((account.clone(), region.clone()), ring.clone());
    }

    pub(super) fn leave_out(&mut self, others: &Self) {
        self.at.retain(|place, _| !others.at.contains_key(place));
    }

    pub(super) fn join(&mut self, others: &Self) {
        self.at.extend(others.at.iter().map(|(place, ring)| (place.clone(), ring.clone())));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// All of them, with the ring that covers each.
    pub fn all(&self) -> impl Iterator<Item = (&AccountId, &Region, &RingName)> {
        self.at.iter().map(|((account, region), ring)| (account, region, ring))
    }

    /// One of them.
    pub fn example(&self) -> Option<(&AccountId, &Region)> {
        self.at.keys().next().map(|(account, region)| (account, region))
    }

    /// The rings that cover them.
    pub fn rings(&self) -> BTreeSet<&RingName> {
        self.at.values().collect()
    }

    /// How many they are: `4 accounts × 2 Regions`.
    pub fn extent(&self) -> String {
        extent(self.at.keys().map(|(account, region)| (account, region)))
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.extent())?;
        match self.example() {
            Some((account, region)) => write!(f, ", for example in {account}, {region}"),
            None => Ok(()),
        }
    }
}

/// How many places these are.
pub(super) fn extent<'a>(places: impl Iterator<Item = (&'a AccountId, &'a Region)>) -> String {
    let (mut accounts, mut regions, mut all) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (account, region) in places {
        accounts.insert(account);
        regions.insert(region);
        all += 1;
    }
    let (in_accounts, in_regions) =
        (counted(accounts.len(), "account"), counted(regions.len(), "Region"));
    if all == accounts.len() * regions.len() {
        format!("{in_accounts} × {in_regions}")
    } else {
        format!("{} in {in_accounts} and {in_regions}", counted(all, "place"))
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Names in a row: `ring a`, `the rings a and b`.
pub(super) fn named_rings(rings: &BTreeSet<&RingName>) -> String {
    let names: Vec<&str> = rings.iter().map(|ring| ring.as_str()).collect();
    match names.as_slice() {
        [] => "no ring".to_owned(),
        [ring] => format!("ring {ring}"),
        [first @ .., last] => format!("the rings {} and {last}", first.join(", ")),
    }
}

/// Where a ring will be, and on which nodes.
pub(super) struct Wanted<'a> {
    pub(super) ring: &'a Ring,
    pub(super) nodes: Nodes,
    blocks: Vec<Block<'a>>,
}

/// Accounts, and the Regions that all of them have.
type Block<'a> = (BTreeSet<&'a AccountId>, BTreeSet<&'a Region>);

impl<'a> Wanted<'a> {
    /// Where the rings of a policy will be.
    pub(super) fn all(desired: &'a Desired) -> Vec<Self> {
        desired.rings.iter().filter_map(|ring| Self::of(desired, ring)).collect()
    }

    fn of(desired: &'a Desired, ring: &'a Ring) -> Option<Self> {
        let deployment = ring.deployment()?;
        let of_sets = deployment.stack_sets.values().map(|set| &set.parameters);
        let of_stacks = deployment.own_stacks.values().map(|stack| &stack.parameters);
        let nodes = Nodes::of(of_sets.chain(of_stacks).next()?);
        let mut blocks: Vec<Block<'a>> = deployment
            .stack_sets
            .values()
            .map(|set| {
                let accounts = set.targets.values().flat_map(|target| &target.accounts).collect();
                (accounts, set.regions.iter().collect())
            })
            .collect();
        let own = deployment.own_stacks.keys().collect();
        blocks.push((BTreeSet::from([&desired.owner.account]), own));
        Some(Self { ring, nodes, blocks })
    }

    pub(super) fn covers(&self, account: &AccountId, region: &Region) -> bool {
        self.blocks
            .iter()
            .any(|(accounts, regions)| accounts.contains(account) && regions.contains(region))
    }

    pub(super) fn places(&self) -> impl Iterator<Item = (&'a AccountId, &'a Region)> {
        self.blocks.iter().flat_map(|(accounts, regions)| {
            accounts
                .iter()
                .flat_map(move |account| regions.iter().map(move |region| (*account, *region)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(places: &[(&str, &str)]) -> Places {
        let mut found = Places::default();
        for (account, region) in places {
            found.add(&RingName::main(), &account.parse().unwrap(), &region.parse().unwrap());
        }
        found
    }

    #[test]
    fn places_are_counted_with_an_example() {
        let block = [
            ("111111111111", "eu-west-1"),
            ("111111111111", "us-east-1"),
            ("222222222222", "eu-west-1"),
            ("222222222222", "us-east-1"),
        ];

        assert_eq!(
            places(&block).to_string(),
            "2 accounts × 2 Regions, for example in 111111111111, eu-west-1"
        );
        assert_eq!(places(&block[..1]).extent(), "1 account × 1 Region");
        assert_eq!(places(&block[..3]).extent(), "3 places in 2 accounts and 2 Regions");
    }

    #[test]
    fn what_is_left_out_is_gone_and_nothing_else() {
        let mut all = places(&[("111111111111", "eu-west-1"), ("222222222222", "eu-west-1")]);

        all.leave_out(&places(&[("222222222222", "eu-west-1"), ("111111111111", "us-east-1")]));

        assert_eq!(all, places(&[("111111111111", "eu-west-1")]));
    }

    #[test]
    fn rings_are_named_in_a_row() {
        let rings = ["a", "b", "c"].map(|name| name.parse::<RingName>().unwrap());
        let named = |count: usize| named_rings(&rings.iter().take(count).collect());

        assert_eq!(named(1), "ring a");
        assert_eq!(named(3), "the rings a, b and c");
    }
}
