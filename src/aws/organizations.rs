//! Organizations: the tree.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_organizations::{
    Client,
    types::{Account, OrganizationFeatureSet, OrganizationalUnit},
};

use crate::{
    aws::{
        answer::{all_pages, name, next, required, unreadable},
        error::failure,
        pace::Pace,
    },
    cloud::{Call, CloudError, FeatureSet, ListedAccount, ListedUnit, OrganizationFacts, Page},
    ids::{AccountId, OuId},
    state::AccountState,
};

/// The most that Organizations puts on one page.
const PAGE: i32 = 20;

#[derive(Debug)]
pub(super) struct Organizations {
    client: Client,
    pace: Arc<Pace>,
}

impl Organizations {
    /// The SDK itself picks the partition's one Region that answers for Organizations.
    pub(super) fn new(config: &SdkConfig, pace: Arc<Pace>) -> Self {
        Self { client: Client::new(config), pace }
    }

    pub(super) async fn describe(&self) -> Result<OrganizationFacts, CloudError> {
        const CALL: Call = Call::DescribeOrganization;
        self.pace.take(CALL, None).await;
        let answer =
            self.client.describe_organization().send().await.map_err(failure(CALL, None))?;
        let organization = answer
            .organization()
            .ok_or_else(|| unreadable(CALL, "the answer has no Organization".to_owned()))?;
        Ok(OrganizationFacts {
            id: name(CALL, "Id", organization.id())?,
            management_account: name(CALL, "MasterAccountId", organization.master_account_id())?,
            features: match organization.feature_set() {
                Some(OrganizationFeatureSet::All) => FeatureSet::All,
                _ => FeatureSet::Limited,
            },
        })
    }

    pub(super) async fn accounts(
        &self,
        page: Option<String>,
    ) -> Result<Page<ListedAccount>, CloudError> {
        const CALL: Call = Call::ListAccounts;
        self.pace.take(CALL, None).await;
        let request = self.client.list_accounts().max_results(PAGE).set_next_token(page);
        let answer = request.send().await.map_err(failure(CALL, None))?;
        listed_accounts(CALL, answer.accounts(), answer.next_token())
    }

    pub(super) async fn accounts_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedAccount>, CloudError> {
        const CALL: Call = Call::ListAccountsForParent;
        self.pace.take(CALL, None).await;
        let answer = self
            .client
            .list_accounts_for_parent()
            .parent_id(parent.as_str())
            .max_results(PAGE)
            .set_next_token(page)
            .send()
            .await
            .map_err(failure(CALL, None))?;
        listed_accounts(CALL, answer.accounts(), answer.next_token())
    }

    pub(super) async fn units_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedUnit>, CloudError> {
        const CALL: Call = Call::ListOrganizationalUnitsForParent;
        self.pace.take(CALL, None).await;
        let answer = self
            .client
            .list_organizational_units_for_parent()
            .parent_id(parent.as_str())
            .max_results(PAGE)
            .set_next_token(page)
            .send()
            .await
            .map_err(failure(CALL, None))?;
        let items = answer
            .organizational_units()
            .iter()
            .map(|unit: &OrganizationalUnit| {
                Ok(ListedUnit {
                    id: name(CALL, "Id", unit.id())?,
                    name: required(CALL, "Name", unit.name())?,
                })
            })
            .collect::<Result<_, CloudError>>()?;
        Ok(Page { items, next: next(answer.next_token()) })
    }

    pub(super) async fn roots(&self) -> Result<Vec<ListedUnit>, CloudError> {
        const CALL: Call = Call::ListRoots;
        let roots = all_pages(CALL, async |token| {
            self.pace.take(CALL, None).await;
            let request = self.client.list_roots().max_results(PAGE).set_next_token(token);
            let answer = request.send().await.map_err(failure(CALL, None))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.roots.unwrap_or_default(), next })
        })
        .await?;
        roots
            .iter()
            .map(|root| {
                Ok(ListedUnit {
                    id: name(CALL, "Id", root.id())?,
                    name: required(CALL, "Name", root.name())?,
                })
            })
            .collect()
    }
}

fn listed_accounts(
    call: Call,
    accounts: &[Account],
    token: Option<&str>,
) -> Result<Page<ListedAccount>, CloudError> {
    let items = accounts
        .iter()
        .map(|account| {
            let id: AccountId = name(call, "Id", account.id())?;
            Ok(ListedAccount {
                name: account.name().unwrap_or_default().to_owned(),
                state: state(
                    account.state().map(aws_sdk_organizations::types::AccountState::as_str),
                    account.status().map(aws_sdk_organizations::types::AccountStatus::as_str),
                ),
                chain: account.paths().iter().find_map(|path| chain(path, &id)),
                id,
            })
        })
        .collect::<Result<_, CloudError>>()?;
    Ok(Page { items, next: next(token) })
}

/// `Status` was to be gone by 2026-09-09; who looks at it alone finds no active account then.
fn state(state: Option<&str>, status: Option<&str>) -> AccountState {
    match state.or(status).unwrap_or_default() {
        "ACTIVE" => AccountState::Active,
        "PENDING_ACTIVATION" => AccountState::PendingActivation,
        "SUSPENDED" => AccountState::Suspended,
        "PENDING_CLOSURE" => AccountState::PendingClosure,
        "CLOSED" => AccountState::Closed,
        other => AccountState::Other(other.to_owned()),
    }
}

/// The root and the OUs in `o-…/r-…/ou-…/ou-…/<account>/`; none where it has another form.
fn chain(path: &str, account: &AccountId) -> Option<Vec<OuId>> {
    let path = path.strip_suffix('/').unwrap_or(path).strip_suffix(account.as_str())?;
    let mut segments = path.strip_suffix('/')?.split('/');
    segments.next().filter(|first| first.starts_with("o-"))?;
    let chain: Vec<OuId> = segments.map(|id| id.parse().ok()).collect::<Option<_>>()?;
    chain.first().is_some_and(OuId::is_root).then_some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_counts_before_status_and_what_is_unknown_is_kept() {
        assert_eq!(state(Some("CLOSED"), Some("SUSPENDED")), AccountState::Closed);
        assert_eq!(state(None, Some("ACTIVE")), AccountState::Active);
        assert_eq!(state(Some("ACTIVE"), None), AccountState::Active);
        assert_eq!(state(Some("FROZEN"), None), AccountState::Other("FROZEN".to_owned()));
        assert_eq!(state(None, None), AccountState::Other(String::new()));
    }

    #[test]
    fn a_path_gives_the_root_and_the_units_above_an_account() {
        let account: AccountId = "111122223333".parse().unwrap();
        let of = |path| chain(path, &account);
        let ids =
            |ids: &[&str]| Some(ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<OuId>>());

        assert_eq!(
            of("o-exampleorgid/r-ab12/ou-ab12-cdef3456/ou-ab12-cdef7890/111122223333/"),
            ids(&["r-ab12", "ou-ab12-cdef3456", "ou-ab12-cdef7890"])
        );
        assert_eq!(of("o-exampleorgid/r-ab12/111122223333/"), ids(&["r-ab12"]));
        assert_eq!(of("o-exampleorgid/ou-ab12-cdef3456/111122223333/"), None);
        assert_eq!(of("o-exampleorgid/r-ab12/999999999999/"), None);
        assert_eq!(of(""), None);
    }
}
