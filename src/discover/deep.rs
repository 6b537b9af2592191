//! What patches nodes in the accounts themselves, where no stack set shows it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::{
    cloud::{Call, CloudErrorKind, CloudRead},
    discover::AT_A_TIME,
    ids::{AccountId, Region, RoleName},
    state::{ForeignPatching, Seen},
};

/// Looks into accounts, each Region by itself. What can't be looked into is unknown, with its reason.
pub async fn deep(
    cloud: &impl CloudRead,
    places: &BTreeSet<(AccountId, Region)>,
    role: &RoleName,
) -> BTreeMap<(AccountId, Region), Seen<Vec<ForeignPatching>>> {
    let mut accounts: BTreeMap<&AccountId, Vec<&Region>> = BTreeMap::new();
    for (account, region) in places {
        accounts.entry(account).or_default().push(region);
    }
    let found: Vec<Vec<_>> = stream::iter(accounts)
        .map(|(account, regions)| look_into(cloud, account, regions, role))
        .buffered(AT_A_TIME)
        .collect()
        .await;
    found.into_iter().flatten().collect()
}

/// Looks into one account. Who is not let in for one Region is not let in for the others.
async fn look_into(
    cloud: &impl CloudRead,
    account: &AccountId,
    regions: Vec<&Region>,
    role: &RoleName,
) -> Vec<((AccountId, Region), Seen<Vec<ForeignPatching>>)> {
    let mut shut: Option<String> = None;
    let mut found = Vec::with_capacity(regions.len());
    for region in regions {
        let seen = match &shut {
            Some(because) => Seen::Unknown(because.clone()),
            None => match cloud.patching_in(account, region, role).await {
                Ok(patching) => Seen::Present(patching),
                Err(error) => {
                    if error.call == Call::AssumeRole && error.kind == CloudErrorKind::Denied {
                        shut = Some(error.reason());
                    }
                    Seen::Unknown(error.reason())
                }
            },
        };
        found.push(((account.clone(), region.clone()), seen));
    }
    found
}
