//! As what the caller may speak.

use crate::{
    cloud::{Caller, CloudRead, FeatureSet, OrganizationFacts, TrustedAccess},
    discover::DiscoverError,
    ids::CallAs,
};

/// Who the caller is in the organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The caller.
    pub caller: Caller,
    /// The organization.
    pub facts: OrganizationFacts,
    /// As what the caller speaks.
    pub call_as: CallAs,
}

/// Finds out whether the caller is the management account or a delegated administrator, and whether
/// StackSets may act. Three calls.
///
/// # Errors
///
/// Where the account may not administer stack sets of the organization, or nobody may.
pub async fn standing(cloud: &impl CloudRead) -> Result<Standing, DiscoverError> {
    let caller = cloud.caller().await?;
    let facts = cloud.describe_organization().await?;
    if facts.features == FeatureSet::Limited {
        return Err(DiscoverError::LimitedFeatures(facts.id));
    }
    let call_as = if caller.account == facts.management_account {
        CallAs::ManagementAccount
    } else {
        CallAs::DelegatedAdministrator
    };
    match cloud.trusted_access(call_as).await? {
        TrustedAccess::Enabled => Ok(Standing { caller, facts, call_as }),
        TrustedAccess::Disabled => Err(DiscoverError::NoTrustedAccess),
        TrustedAccess::NotDelegated => Err(DiscoverError::NoStanding {
            account: caller.account,
            management_account: facts.management_account,
        }),
    }
}
