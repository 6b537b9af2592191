//! What `plan`, `apply` and `status` keep to, if not to everything.

use clap::Args;

use crate::{
    cli::failure::Failure,
    ids::{AccountId, Region, RingName},
    plan::{Filters, Plan, Selection, narrow},
};

// What a run keeps to. (clap would take a documentation comment for that of the command.)
#[derive(Clone, Debug, Args)]
pub(super) struct SelectionArgs {
    /// Keep to these rings, with commas between, and leave all others as they are.
    #[arg(long, value_name = "RING", value_delimiter = ',')]
    pub(super) ring: Vec<RingName>,

    /// Keep to the accounts in these OUs and below: the path, a name that no other OU has, or the ID.
    #[arg(long, value_name = "OU", value_delimiter = ',')]
    pub(super) ou: Vec<String>,

    /// Keep to these accounts, beside those of `--ou`.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(super) account: Vec<AccountId>,

    /// Keep to these Regions.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub(super) region: Vec<Region>,
}

impl SelectionArgs {
    /// Finds what is meant, among what the plan knows of.
    ///
    /// # Errors
    ///
    /// What is not there.
    pub(super) fn find(&self, plan: &Plan) -> Result<Selection, Failure> {
        let Self { ring, ou, account, region } = self;
        let filters = Filters {
            rings: ring.clone(),
            ous: ou.clone(),
            accounts: account.clone(),
            regions: region.clone(),
        };
        Ok(Selection::new(&filters, plan)?)
    }

    /// Keeps of a plan what is meant.
    ///
    /// # Errors
    ///
    /// What is not there.
    pub(super) fn narrow(&self, plan: Plan) -> Result<Plan, Failure> {
        let selection = self.find(&plan)?;
        Ok(narrow(plan, &selection))
    }
}
