//! Looks. The only room that does.
//!
//! [`organization`] reads the tree of accounts with the fewest calls that it can be read with;
//! [`standing`] finds out as what the caller may speak; [`observe`] reads what is deployed, and
//! [`deep`] looks into the accounts themselves. A look that fails in these two becomes
//! [`Seen::Unknown`](crate::state::Seen) with its reason, and never "does not exist".

mod deep;
mod found;
mod observe;
mod organization;
mod snapshot;
mod standing;
mod values;

pub use deep::deep;
pub use found::{Found, find};
pub use observe::{observe, sought};
pub use organization::organization;
pub use snapshot::snapshot;
pub use standing::{Standing, standing};
pub use values::{KnownValues, known_values};

use crate::{cloud::CloudError, state::NotATree};

/// Calls that wait for an answer at the same time. The adapters keep the published rates; this only
/// keeps the number of open connections small.
const AT_A_TIME: usize = 8;

/// Why nothing can be planned at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoverError {
    /// A call failed that everything else depends on.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The answers do not fit together.
    #[error("the organization can't be understood: {0}")]
    Tree(#[from] NotATree),
    /// The account may not administer stack sets of the organization.
    #[error(
        "account {account} is neither the management account ({management_account}) nor a delegated administrator of StackSets"
    )]
    NoStanding {
        /// The caller's account.
        account: crate::ids::AccountId,
        /// The management account.
        management_account: crate::ids::AccountId,
    },
    /// The organization has consolidated billing only.
    #[error("the organization {0} does not have all features enabled")]
    LimitedFeatures(crate::ids::OrganizationId),
    /// StackSets may not act in the organization.
    #[error("trusted access of CloudFormation StackSets is not active in the organization")]
    NoTrustedAccess,
    /// A listing goes round in circles.
    #[error("AWS's listing of the organization does not come to an end")]
    EndlessListing,
    /// An account was in no OU, or in two, while all of them were read.
    #[error("account {0} was moved while the organization was read")]
    Moving(crate::ids::AccountId),
    /// Not one account is active.
    #[error("the organization {0} has no active account")]
    NoActiveAccount(crate::ids::OrganizationId),
}

impl DiscoverError {
    /// What the reader can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Cloud(error) => error.help().map(str::to_owned),
            Self::Tree(_) | Self::EndlessListing | Self::Moving(_) => Some(
                "Accounts or OUs may have been moved while they were read. Run the same command again.".to_owned(),
            ),
            Self::NoStanding { account, .. } => Some(format!(
                "Use credentials of the management account, or have it register this account: `aws organizations register-delegated-administrator --account-id {account} --service-principal member.org.stacksets.cloudformation.amazonaws.com`."
            )),
            Self::LimitedFeatures(_) => {
                Some("StackSets need an organization with all features. The management account can enable them.".to_owned())
            }
            Self::NoTrustedAccess => Some(
                "In the management account run `aws cloudformation activate-organizations-access`, then run the same command again.".to_owned(),
            ),
            Self::NoActiveAccount(_) => Some(
                "Nothing was planned from such an answer, since an empty listing must never look like an empty organization. Run the same command again, and check the permission organizations:ListAccounts.".to_owned(),
            ),
        }
    }
}
