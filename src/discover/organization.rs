//! The tree of OUs and accounts, with the fewest calls.
//!
//! Since 2026-03-31 `ListAccounts` answers the OU chain of each account (`Paths`), so its pages alone
//! tell where everybody sits; only the OUs' names are left, one call an OU. Where the chains are
//! missing, both OUs and accounts are asked for level by level. Both ways give the same tree.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    cloud::{CloudError, CloudRead, ListedAccount, ListedUnit, OrganizationFacts, Page},
    discover::{AT_A_TIME, DiscoverError},
    ids::OuId,
    state::{Account, AccountState, Organization, Unit},
};

/// OUs nest five levels below the root at most (Organizations quotas), so the fifth is not asked.
const DEEPEST: usize = 5;

/// Reads the whole organization.
///
/// # Errors
///
/// Any read that failed, since a tree with holes must not be planned from; or an organization without
/// one active account.
pub async fn organization(
    cloud: &impl CloudRead,
    facts: &OrganizationFacts,
) -> Result<Organization, DiscoverError> {
    let first = cloud.accounts(None).await?;
    let chained = first.items.iter().all(|account| account.chain.is_some());
    let (units, accounts) = if chained {
        let listed = rest(first, |page| cloud.accounts(page)).await?;
        if listed.iter().all(|account| account.chain.is_some()) && !listed.is_empty() {
            by_chains(cloud, listed).await?
        } else {
            by_walking(cloud).await?
        }
    } else {
        by_walking(cloud).await?
    };
    let organization =
        Organization::new(facts.id.clone(), facts.management_account.clone(), units, accounts)?;
    if organization.accounts().any(|account| account.state == AccountState::Active) {
        Ok(organization)
    } else {
        Err(DiscoverError::NoActiveAccount(facts.id.clone()))
    }
}

/// All items of a listing, given its first page. A page may be empty and yet not be the last. A listing
/// that comes back to a page it had goes round in circles, and what it has not shown is not known.
async fn rest<T, F>(
    first: Page<T>,
    mut read: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, DiscoverError>
where
    F: Future<Output = Result<Page<T>, CloudError>>,
{
    let Page { mut items, mut next } = first;
    let mut seen = BTreeSet::new();
    while let Some(token) = next {
        if !seen.insert(token.clone()) {
            return Err(DiscoverError::EndlessListing);
        }
        let page = read(Some(token)).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}

async fn by_chains(
    cloud: &impl CloudRead,
    listed: Vec<ListedAccount>,
) -> Result<(Vec<Unit>, Vec<Account>), DiscoverError> {
    let root = listed.iter().find_map(|account| account.chain.as_ref()?.first().cloned());
    let root = match root {
        Some(root) => ListedUnit { id: root, name: "Root".to_owned() },
        None => the_root(cloud).await?,
    };
    let units = units_below(cloud, root).await?;
    let accounts = listed
        .into_iter()
        .filter_map(|ListedAccount { id, name, state, chain }| {
            let parent = chain?.last()?.clone();
            Some(Account { id, name, parent, state })
        })
        .collect();
    Ok((units, accounts))
}

async fn by_walking(cloud: &impl CloudRead) -> Result<(Vec<Unit>, Vec<Account>), DiscoverError> {
    let root = the_root(cloud).await?;
    let units = units_below(cloud, root).await?;
    let accounts: Vec<Vec<Account>> = stream::iter(units.iter().map(|unit| &unit.id))
        .map(|parent| async move {
            let first = cloud.accounts_of(parent, None).await?;
            let listed = rest(first, |page| cloud.accounts_of(parent, page)).await?;
            let accounts = listed.into_iter().map(|ListedAccount { id, name, state, chain: _ }| {
                Account { id, name, parent: parent.clone(), state }
            });
            Ok::<_, DiscoverError>(accounts.collect())
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    Ok((units, accounts.into_iter().flatten().collect()))
}

async fn the_root(cloud: &impl CloudRead) -> Result<ListedUnit, DiscoverError> {
    let mut roots = cloud.roots().await?;
    match roots.len() {
        1 => Ok(roots.remove(0)),
        other => Err(crate::state::NotATree::Roots(other).into()),
    }
}

/// The root and all OUs below it, level by level.
async fn units_below(cloud: &impl CloudRead, root: ListedUnit) -> Result<Vec<Unit>, DiscoverError> {
    let mut units = vec![Unit { id: root.id.clone(), name: "Root".to_owned(), parent: None }];
    let mut level = vec![root.id];
    for _ in 0..DEEPEST {
        let below: Vec<Vec<Unit>> = stream::iter(&level)
            .map(|parent| async move {
                let first = cloud.units_of(parent, None).await?;
                let listed = rest(first, |page| cloud.units_of(parent, page)).await?;
                let units = listed.into_iter().map(|ListedUnit { id, name }| Unit {
                    id,
                    name,
                    parent: Some(parent.clone()),
                });
                Ok::<_, DiscoverError>(units.collect())
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        let below: Vec<Unit> = below.into_iter().flatten().collect();
        level = below.iter().map(|unit: &Unit| unit.id.clone()).collect();
        units.extend(below);
        if level.is_empty() {
            break;
        }
    }
    // An OU that was moved while we read may be listed under both of its parents.
    let unique: BTreeMap<OuId, Unit> =
        units.into_iter().map(|unit| (unit.id.clone(), unit)).collect();
    Ok(unique.into_values().collect())
}
