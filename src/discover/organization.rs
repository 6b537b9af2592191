//! The tree of OUs and accounts, with the fewest calls.
//!
//! Since 2026-03-31 `ListAccounts` answers the OU chain of each account (`Paths`), so its pages alone
//! tell where everybody sits; only the OUs' names are left, one call an OU. Where the chains are
//! missing, accounts are asked for OU by OU, and held against the plain listing. Both ways give the same tree.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};

use crate::{
    cloud::{CloudError, CloudRead, ListedAccount, ListedUnit, OrganizationFacts, Page},
    discover::{AT_A_TIME, DiscoverError},
    ids::{AccountId, OuId},
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
    let (units, accounts) = tree(cloud).await?;
    let organization =
        Organization::new(facts.id.clone(), facts.management_account.clone(), units, accounts)?;
    if organization.accounts().any(|account| account.state == AccountState::Active) {
        Ok(organization)
    } else {
        Err(DiscoverError::NoActiveAccount(facts.id.clone()))
    }
}

/// OUs and accounts. Both are listed at the same time, since each has a quota of its own.
async fn tree(cloud: &impl CloudRead) -> Result<(Vec<Unit>, Vec<Account>), DiscoverError> {
    // The first accounts say whether chains are answered, and where the root is.
    let mut first = cloud.accounts(None).await?;
    let mut seen = BTreeSet::new();
    while first.items.is_empty()
        && let Some(token) = first.next.take()
    {
        if !seen.insert(token.clone()) {
            return Err(DiscoverError::EndlessListing);
        }
        first = cloud.accounts(Some(token)).await?;
    }
    let root = first.items.first().and_then(|account| account.chain.as_ref()?.first().cloned());
    let listing = rest(first, |page| cloud.accounts(page));
    let Some(root) = root else {
        let walk = async {
            let units = units_below(cloud, the_root(cloud).await?).await?;
            let accounts = members(cloud, &units).await?;
            Ok((units, accounts))
        };
        let (listed, (units, accounts)) = future::try_join(listing, walk).await?;
        agree(&listed, &accounts)?;
        return Ok((units, accounts));
    };
    let root = ListedUnit { id: root, name: "Root".to_owned() };
    let (listed, units) = future::try_join(listing, units_below(cloud, root)).await?;
    if let Some(accounts) = listed.iter().cloned().map(placed).collect() {
        return Ok((units, accounts));
    }
    let accounts = members(cloud, &units).await?;
    agree(&listed, &accounts)?;
    Ok((units, accounts))
}

/// Refuses a walk that does not find each account once. One that moves from an OU that is still to be
/// read into one that has been read would be missing, as if it had left the organization.
fn agree(listed: &[ListedAccount], walked: &[Account]) -> Result<(), DiscoverError> {
    let found: BTreeSet<&AccountId> = walked.iter().map(|account| &account.id).collect();
    let missing = listed.iter().map(|account| &account.id).find(|id| !found.contains(id));
    if let Some(account) = missing {
        return Err(DiscoverError::Moving(account.clone()));
    }
    let mut once = BTreeSet::new();
    match walked.iter().find(|account| !once.insert(&account.id)) {
        Some(twice) => Err(DiscoverError::Moving(twice.id.clone())),
        None => Ok(()),
    }
}

/// An account with its parent; none where the chain is missing.
fn placed(account: ListedAccount) -> Option<Account> {
    let ListedAccount { id, name, state, chain } = account;
    let parent = chain?.last()?.clone();
    Some(Account { id, name, parent, state })
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

/// The accounts of each OU, asked for OU by OU.
async fn members(cloud: &impl CloudRead, units: &[Unit]) -> Result<Vec<Account>, DiscoverError> {
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
    Ok(accounts.into_iter().flatten().collect())
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
