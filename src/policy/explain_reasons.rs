//! The reasons why an account or an OU is not in a policy, with the lines of the file.

use crate::{
    ids::{AccountId, CallAs, OuId},
    state::{Account, AccountState, FileLine, Reason, SkipReason},
};

use super::{
    explain::Question,
    explain_ring::line,
    file::{self, Value},
    values::{ManagementAccount, OuRef},
};

/// Why an OU is excluded that the file does not exclude.
const BY_DEFAULT: &str = "by default, since the policy has no `targets.exclude.ous`";

impl Question<'_> {
    /// Every reason why an account gets nothing, that of the plan first.
    pub(super) fn reasons(&self, account: &Account) -> Vec<Reason> {
        if self.is_management(account) {
            return if self.own_stacks.is_some() { Vec::new() } else { self.management(account) };
        }
        let mut reasons: Vec<Reason> = self.by_id(account).into_iter().collect();
        reasons.extend(self.ou_reasons(&account.parent));
        if account.state != AccountState::Active {
            let because = SkipReason::NotActive { state: account.state.clone() };
            reasons.push(Reason { because, line: None, remark: None });
        }
        reasons
    }

    /// Why the management account gets nothing.
    fn management(&self, account: &Account) -> Vec<Reason> {
        let said = self.key_line("management_account");
        let remark = match (self.policy.management_account, self.surroundings.call_as) {
            (ManagementAccount::Exclude, _) => {
                "`management_account: include` would give it stacks of its own"
            }
            (ManagementAccount::Include, CallAs::DelegatedAdministrator) => {
                "`include` can't be done from a delegated administrator's account; run orgpatch in the management account for that"
            }
            (ManagementAccount::Include, CallAs::ManagementAccount) => {
                "it would have stacks of its own, were it not excluded by its ID"
            }
        };
        let because = SkipReason::ManagementAccount;
        let first = Reason { because, line: said, remark: Some(remark.to_owned()) };
        std::iter::once(first).chain(self.by_id(account)).collect()
    }

    /// The line of a key of the file's top level; none where the file does not have it.
    fn key_line(&self, name: &str) -> Option<FileLine> {
        let Value::Map(entries) = file::read(&self.policy.text).ok()?.value else { return None };
        let (key, _) = entries.iter().find(|(key, _)| key.name == name)?;
        Some(line(self.policy, &key.place))
    }

    fn by_id(&self, account: &Account) -> Option<Reason> {
        let because = self.excluded.accounts.get(&account.id)?.clone();
        Some(Reason { because, line: self.exclusion(&account.id), remark: None })
    }

    /// Where the file excludes an account.
    pub(super) fn exclusion(&self, account: &AccountId) -> Option<FileLine> {
        let accounts = &self.policy.targets.excluded_accounts;
        let found = accounts.iter().find(|excluded| excluded.id.value == *account)?;
        Some(line(self.policy, &found.id.place))
    }

    /// An exclusion that is over.
    pub(super) fn ended(&self, account: &Account) -> Option<String> {
        let accounts = &self.policy.targets.excluded_accounts;
        let found = accounts.iter().find(|excluded| excluded.id.value == account.id)?;
        let until = found.until.filter(|until| *until < self.today)?;
        let line = line(self.policy, &found.id.place);
        Some(format!("{line}: its exclusion ended on {until}"))
    }

    /// Every reason why an OU is not in.
    pub(super) fn ou_reasons(&self, ou: &OuId) -> Vec<Reason> {
        let in_scope = self
            .scope
            .and_then(|scope| self.organization.ancestors(ou).find(|above| scope.contains(*above)));
        let is_in_no_ring = self.division.ring_of(ou).is_none();
        let mut reasons = Vec::new();
        if is_in_no_ring && in_scope.is_none() {
            let because = SkipReason::NotTargeted;
            reasons.push(Reason { because, line: None, remark: None });
        }
        for above in self.organization.ancestors(ou).filter(|ou| self.excluded.ous.contains(*ou)) {
            let path = self.organization.path(above);
            let reason = |line, remark| Reason {
                because: SkipReason::ExcludedOu { ou: path.clone() },
                line,
                remark,
            };
            if self.policy.targets.excluded_ous.is_none() {
                reasons.push(reason(None, Some(BY_DEFAULT.to_owned())));
            } else {
                let lines = self.rules(above).into_iter();
                reasons.extend(lines.map(|line| reason(Some(line), None)));
            }
        }
        if let (true, Some(named)) = (is_in_no_ring, in_scope) {
            let line = self.scope_line(named);
            reasons.push(Reason { because: SkipReason::InNoRing, line, remark: None });
        }
        reasons
    }

    /// The lines that exclude an OU.
    pub(super) fn rules(&self, ou: &OuId) -> Vec<FileLine> {
        let rules = self.policy.targets.excluded_ous.iter().flatten();
        rules
            .filter(|rule| match &rule.value {
                OuRef::Name(name) => self.tree.named(name).contains(ou),
                OuRef::Path(_) | OuRef::Id(_) => self.finds(rule).as_ref() == Some(ou),
            })
            .map(|rule| line(self.policy, &rule.place))
            .collect()
    }

    fn scope_line(&self, ou: &OuId) -> Option<FileLine> {
        let mut named = self.policy.targets.ous.iter().flatten();
        let named = named.find(|named| self.finds(named).as_ref() == Some(ou))?;
        Some(line(self.policy, &named.place))
    }
}
