//! Organizations that exist nowhere.

use crate::{
    ids::{AccountId, OuId, Region},
    state::{Account, AccountState, Organization, RegionStatus, Snapshot, Unit},
};

/// The shipped example: some sixty accounts, OUs three deep, with the usual oddities.
///
/// There are suspended and closed accounts where they should not be, accounts beside child OUs, two
/// OUs called Suspended, Regions that are not enabled, and an account ID that begins with a zero.
pub fn example_snapshot() -> Snapshot {
    serde_json::from_str(include_str!("example-organization.json"))
        .expect("the file is checked in, and a test reads it")
}

/// How many OUs are below each OU of a synthetic organization.
const BRANCHES: usize = 8;

/// Every so many-th account of a synthetic organization is suspended.
const SUSPENDED_EVERY: usize = 97;

/// An organization of a given size, with the example's baselines, for measurements.
///
/// Accounts are spread over all OUs, those with children included; the first account is the management
/// account, in the root. The tree has eight OUs below each. There are at most 33 Regions, all enabled.
pub fn synthetic_snapshot(accounts: usize, ous: usize, regions: usize) -> Snapshot {
    let example = example_snapshot();
    let root = example.organization.root().clone();
    let unit_ids: Vec<OuId> = (0..ous).map(unit_id).collect();
    let units = (0..ous).map(|index| Unit {
        id: unit_ids[index].clone(),
        name: format!("unit-{index:04}"),
        parent: Some(match index.checked_sub(BRANCHES) {
            None => root.clone(),
            Some(below) => unit_ids[below / BRANCHES].clone(),
        }),
    });
    let root_unit = Unit { id: root.clone(), name: "Root".to_owned(), parent: None };

    let members = (1..accounts).map(|index| Account {
        id: account_id(index),
        name: format!("account-{index:05}"),
        parent: match ous {
            0 => root.clone(),
            _ => unit_ids[index % ous].clone(),
        },
        state: match index % SUSPENDED_EVERY {
            0 => AccountState::Suspended,
            _ => AccountState::Active,
        },
    });
    let management = Account {
        id: account_id(0),
        name: "management".to_owned(),
        parent: root.clone(),
        state: AccountState::Active,
    };
    let organization = Organization::new(
        example.organization.id().clone(),
        account_id(0),
        std::iter::once(root_unit).chain(units),
        std::iter::once(management).chain(members),
    );

    Snapshot {
        account: account_id(0),
        organization: organization.expect("each OU's parent stands before it"),
        regions: all_regions()
            .take(regions)
            .map(|region| (region, RegionStatus::Enabled))
            .collect(),
        ..example
    }
}

fn account_id(index: usize) -> AccountId {
    format!("{:012}", 100_000_000_000 + index).parse().expect("twelve digits")
}

fn unit_id(index: usize) -> OuId {
    format!("ou-k7px-{index:08}").parse().expect("eight digits")
}

/// Regions, those of the example's home first, so that a synthetic organization has that one too.
fn all_regions() -> impl Iterator<Item = Region> {
    const NAMES: &str = "ap-northeast-1 us-east-1 us-east-2 us-west-1 us-west-2 ap-south-1 \
        ap-northeast-2 ap-northeast-3 ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 \
        eu-west-1 eu-west-2 eu-west-3 eu-north-1 sa-east-1 af-south-1 ap-east-1 ap-east-2 \
        ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-west-1 \
        eu-central-2 eu-south-1 eu-south-2 il-central-1 me-central-1 me-south-1 mx-central-1";
    NAMES.split_whitespace().map(|name| name.parse().expect("a Region's name"))
}
