//! From a plan to an approved one: guards, and what the user said to them.

use crate::{
    ids::PolicyName,
    plan::{Blocked, Change, Fate, Flaw, Plan, check},
};

/// What the user said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// To removals.
    pub removals: Removals,
    /// The digest of the plan that they have seen, or its beginning.
    pub expected_digest: Option<String>,
}

/// What the user said to removals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removals {
    /// Nothing: the policy's guard holds.
    AsThePolicySays,
    /// At most so many accounts.
    UpTo(usize),
    /// All of them, by typing the policy's name.
    ByName(PolicyName),
}

/// A plan that may be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved(Plan);

impl Approved {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Why a plan may not be carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not the plan that was seen.
    #[error("the plan has the digest {found}, and {expected} was expected")]
    OtherDigest {
        /// What was expected.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It takes something from more accounts than the guard allows.
    #[error(
        "the plan takes something away from {accounts} accounts, be it only until it is made anew, and {allowed} may lose something"
    )]
    Removals {
        /// Accounts that lose something.
        accounts: usize,
        /// Accounts that may.
        allowed: usize,
    },
    /// It touches more accounts than the policy's guard allows.
    #[error(
        "the plan touches {accounts} accounts, and `guards.max_changed_accounts` allows {allowed}"
    )]
    Changes {
        /// Accounts that it touches.
        accounts: usize,
        /// Accounts that it may.
        allowed: usize,
    },
    /// Something that is not this policy's stands in the way.
    #[error("something stands in the way: {}", things(.0))]
    InTheWay(Vec<Blocked>),
    /// The plan itself is wrong, which is a fault of orgpatch's.
    #[error("the plan is not sound, which is a fault in orgpatch: {}", list(.0))]
    Unsound(Vec<Flaw>),
}

fn things(blocked: &[Blocked]) -> String {
    let things: Vec<String> = blocked
        .iter()
        .map(|blocked| format!("{} ({})", blocked.subject, blocked.because))
        .collect();
    things.join("; ")
}

fn list(flaws: &[Flaw]) -> String {
    flaws.iter().map(Flaw::to_string).collect::<Vec<_>>().join("; ")
}

impl Refusal {
    /// What the user can do.
    pub fn help(&self) -> String {
        match self {
            Self::OtherDigest { .. } => {
                "Something has changed since that plan was made. Run `orgpatch plan` again, look at it, and expect its digest.".to_owned()
            }
            Self::Removals { accounts, .. } => format!(
                "Look at the accounts that lose something. If that is what you want, run again with `--allow-removals {accounts}`."
            ),
            Self::Changes { accounts, .. } => format!(
                "Look at the plan. If that is what you want, raise `guards.max_changed_accounts` in the policy to {accounts}."
            ),
            Self::InTheWay(blocked) => blocked
                .first()
                .map_or_else(String::new, |blocked| blocked.because.help().to_owned()),
            Self::Unsound(_) => "Please report it, with the output of `orgpatch plan -o json`.".to_owned(),
        }
    }
}

impl Plan {
    /// Lets the plan be carried out, if guards and user agree.
    ///
    /// # Errors
    ///
    /// Says why not. The first reason of these: an unsound plan, another digest, something foreign in
    /// the way, too many removals, too many changes.
    pub fn approve(self, consent: &Consent) -> Result<Approved, Refusal> {
        let flaws = check(&self);
        if !flaws.is_empty() {
            return Err(Refusal::Unsound(flaws));
        }
        // What has nothing to do may have had another digest before it was done.
        if let Some(expected) = consent.expected_digest.as_ref().filter(|_| !self.is_empty()) {
            let right = expected.len() >= 6
                && self.digest.as_str().starts_with(&expected.to_ascii_lowercase());
            if !right {
                return Err(Refusal::OtherDigest {
                    expected: expected.clone(),
                    found: self.digest.short().to_owned(),
                });
            }
        }
        let in_the_way: Vec<Blocked> =
            self.blocked.iter().filter(|blocked| blocked.because.refuses()).cloned().collect();
        if !in_the_way.is_empty() {
            return Err(Refusal::InTheWay(in_the_way));
        }
        let removed = self.coverage.losing();
        let allowed = match &consent.removals {
            Removals::AsThePolicySays => self.guards.max_removed_accounts,
            Removals::UpTo(accounts) => *accounts,
            Removals::ByName(name) if *name == self.policy => usize::MAX,
            Removals::ByName(_) => 0,
        };
        if removed > allowed {
            return Err(Refusal::Removals { accounts: removed, allowed });
        }
        let touched = self.coverage.count(Change::Remove)
            + self.coverage.count(Change::Add)
            + self.coverage.count(Change::Change);
        // Who takes all of it away by name has said enough.
        let is_destroy =
            self.narrowed.is_none() && self.rings.iter().all(|ring| ring.fate == Fate::Removed);
        match self.guards.max_changed_accounts {
            Some(allowed) if touched > allowed && !is_destroy => {
                Err(Refusal::Changes { accounts: touched, allowed })
            }
            _ => Ok(Approved(self)),
        }
    }
}
