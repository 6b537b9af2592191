//! Why an account or an OU is in a policy, or is not.
//!
//! It goes by the same parts as [`resolve`](super::resolve()), and tells every reason instead of the first one,
//! with the line of the file that it comes from. What of the rest of the policy does not fit the organization
//! is noted, and is no obstacle.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{
    ids::{AccountId, OuId, Region},
    state::{
        About, Account, AccountExplained, AccountReach, Explanation, FileLine, Joiners, LeftOut,
        Obstacle, Organization, OuExplained, OuReach, RegionExplained, RingCount, RingExplained,
        RingTarget, SkipReason,
    },
};

use super::{
    cover::{Division, Excluded},
    dates,
    error::Problem,
    explain_ring::{self, line},
    identity::Surroundings,
    paths::Paths,
    resolve,
    subject::{Found, Subject, UnknownSubject, known_region},
    values::{At, NewAccounts, OuRef, Policy},
};

/// Says why an account or an OU is in a policy or is not, and what it gets; of a Region, where one is asked
/// about.
///
/// # Errors
///
/// Where there is no such account, OU or Region, or the name may stand for several.
pub fn explain(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    subject: &Subject,
    region: Option<&Region>,
    today: Date,
) -> Result<Explanation, UnknownSubject> {
    let Surroundings { organization, regions, .. } = surroundings;
    let found = subject.find(organization)?;
    if let Some(region) = region {
        known_region(region, regions)?;
    }
    let (mut problems, _) = dates::on(policy, today);
    let tree = Paths::of(organization);
    let ous = resolve::targets(policy, &tree, &mut problems);
    let scope = resolve::scope(policy, &tree, &ous, organization, &mut problems);
    let excluded = resolve::excluded(policy, &tree, organization, today, &mut problems);
    let division = Division::new(organization, &ous, &excluded);
    // What this warns of is told where the management account is asked about.
    let own_stacks =
        resolve::own_stacks(policy, &division, surroundings, &excluded, &mut Vec::new());
    let question = Question {
        policy,
        surroundings,
        organization,
        tree: &tree,
        scope: scope.as_ref(),
        excluded: &excluded,
        division: &division,
        own_stacks,
        region,
        today,
    };
    let mut notes = unfit(policy, &problems);
    let about = match found {
        Found::Account(account) => {
            notes.extend(question.ended(account));
            About::Account(Box::new(question.account(account)))
        }
        Found::Ou(ou) => About::Ou(Box::new(question.ou(ou))),
    };
    let region = region.map(|region| question.region(region, &about));
    Ok(Explanation { policy: policy.name.clone(), about, region, notes })
}

/// What of the policy does not fit the organization, each once.
fn unfit(policy: &Policy, problems: &[Problem]) -> Vec<String> {
    let words: BTreeSet<(Option<FileLine>, &str)> = problems
        .iter()
        .map(|problem| {
            let place = problem.place.as_ref();
            (place.map(|place| line(policy, place)), problem.message.as_str())
        })
        .collect();
    words
        .into_iter()
        .map(|(line, message)| match line {
            Some(line) => format!("{line}: {message}"),
            None => message.to_owned(),
        })
        .collect()
}

/// A policy laid over an organization, and what is asked.
pub(super) struct Question<'a> {
    pub(super) policy: &'a Policy,
    pub(super) surroundings: Surroundings<'a>,
    pub(super) organization: &'a Organization,
    pub(super) tree: &'a Paths<'a>,
    /// The OUs that the rings are to cover together, where the policy says so.
    pub(super) scope: Option<&'a BTreeSet<OuId>>,
    pub(super) excluded: &'a Excluded,
    pub(super) division: &'a Division<'a>,
    /// The ring of the management account, where it is covered.
    pub(super) own_stacks: Option<usize>,
    pub(super) region: Option<&'a Region>,
    pub(super) today: Date,
}

impl Question<'_> {
    fn account(&self, account: &Account) -> AccountExplained {
        let reasons = self.reasons(account);
        let ring = self.ring_of(account);
        let reach = ring.filter(|_| reasons.is_empty()).and_then(|ring| self.reach(account, ring));
        AccountExplained {
            id: account.id.clone(),
            name: account.name.clone(),
            ou: self.organization.path(&account.parent),
            state: account.state.clone(),
            reasons,
            reach,
            ring: ring.map(|ring| self.ring(ring, &account.parent)),
        }
    }

    fn ou(&self, ou: &OuId) -> OuExplained {
        let mut rings: BTreeMap<usize, usize> = BTreeMap::new();
        let mut left_out: BTreeMap<SkipReason, usize> = BTreeMap::new();
        let below = self.organization.subtree(ou);
        for account in below.iter().flat_map(|unit| self.organization.members(unit)) {
            match (self.reasons(account).into_iter().next(), self.ring_of(account)) {
                (Some(reason), _) => *left_out.entry(reason.because).or_default() += 1,
                (None, Some(ring)) => *rings.entry(ring).or_default() += 1,
                // Who is in no ring has a reason.
                (None, None) => {}
            }
        }
        let reasons = self.ou_reasons(ou);
        let ring = self.division.ring_of(ou);
        let reach = ring.filter(|_| reasons.is_empty()).map(|ring| self.ou_reach(ou, ring));
        OuExplained {
            id: ou.clone(),
            path: self.organization.path(ou),
            accounts: rings.values().chain(left_out.values()).sum(),
            rings: rings
                .into_iter()
                .map(|(ring, accounts)| {
                    let wish = &self.policy.rings[ring];
                    let line = line(self.policy, &wish.place);
                    RingCount { ring: wish.name.clone(), line, accounts }
                })
                .collect(),
            left_out: left_out
                .into_iter()
                .map(|(because, accounts)| LeftOut { because, accounts })
                .collect(),
            reasons,
            reach,
            targets_below: below.iter().skip(1).filter_map(|unit| self.target(unit)).collect(),
            ring: ring.map(|ring| self.ring(ring, ou)),
        }
    }

    pub(super) fn is_management(&self, account: &Account) -> bool {
        account.id == *self.organization.management_account()
    }

    /// The ring that an account is in, or would be in.
    fn ring_of(&self, account: &Account) -> Option<usize> {
        let own = self.own_stacks.filter(|_| self.is_management(account));
        own.or_else(|| self.division.ring_of(&account.parent))
    }

    /// The OU that the file means.
    pub(super) fn finds(&self, ou: &At<OuRef>) -> Option<OuId> {
        self.tree.find(ou, "ous", &mut Vec::new())
    }

    /// The ring that names an OU itself, and where.
    fn target(&self, ou: &OuId) -> Option<RingTarget> {
        let ring = &self.policy.rings[self.division.ring_of(ou)?];
        let named = ring.ous.iter().find(|named| self.finds(named).as_ref() == Some(ou))?;
        Some(RingTarget {
            ring: ring.name.clone(),
            ou: self.organization.path(ou),
            line: line(self.policy, &named.place),
        })
    }

    /// What a ring gives to an OU, and through which of its OUs.
    fn ring(&self, ring: usize, ou: &OuId) -> RingExplained {
        let wish = &self.policy.rings[ring];
        let mut explained = explain_ring::ring(self.policy, wish, self.region, self.today);
        let targets = self.organization.ancestors(ou).filter_map(|above| self.target(above));
        // The management account may be in a ring that names no OU above it.
        let mut targets = targets.skip_while(|target| target.ring != wish.name);
        explained.target = targets.next();
        explained.passed_over = targets.filter(|target| target.ring != wish.name).collect();
        explained
    }

    fn joiners(&self) -> Joiners {
        match self.policy.new_accounts {
            NewAccounts::Enroll => Joiners::Enrolled,
            NewAccounts::NextApply => Joiners::NextApply,
        }
    }

    /// How an account is reached that is in.
    fn reach(&self, account: &Account, ring: usize) -> Option<AccountReach> {
        if self.is_management(account) {
            return Some(AccountReach::OwnStacks);
        }
        let cover = self.division.cover(ring);
        let holder = |ous: &BTreeMap<OuId, BTreeSet<AccountId>>| {
            let found = ous.iter().find(|(_, accounts)| accounts.contains(&account.id));
            found.map(|(ou, _)| self.organization.path(ou))
        };
        if let Some(ou) = holder(&cover.whole) {
            return Some(AccountReach::WholeOu { ou, joiners: self.joiners() });
        }
        let because = self.obstacles(&account.parent, ring);
        holder(&cover.pinned).map(|through| AccountReach::NamedAccount { through, because })
    }

    fn ou_reach(&self, ou: &OuId, ring: usize) -> OuReach {
        let cover = self.division.cover(ring);
        let whole = self.organization.ancestors(ou).find(|above| cover.whole.contains_key(*above));
        if let Some(whole) = whole {
            let ou = self.organization.path(whole);
            return OuReach::WholeOu { ou, joiners: self.joiners() };
        }
        let below: BTreeSet<&OuId> = self.organization.subtree(ou).into_iter().collect();
        let is_below = |id: &&AccountId| {
            self.organization.account(id).is_some_and(|account| below.contains(&account.parent))
        };
        let whole = cover.whole.keys().filter(|ou| below.contains(*ou));
        OuReach::InPart {
            whole: whole.map(|ou| self.organization.path(ou)).collect(),
            named_accounts: cover.pinned.values().flatten().filter(is_below).count(),
            because: self.obstacles(ou, ring),
        }
    }

    /// What keeps an OU of a ring from being had as a whole.
    fn obstacles(&self, ou: &OuId, ring: usize) -> Vec<Obstacle> {
        let mut found = Vec::new();
        // What is below an OU that is out says nothing more.
        let mut out: BTreeSet<&OuId> = BTreeSet::new();
        for unit in self.organization.subtree(ou) {
            let parent = self.organization.unit(unit).and_then(|unit| unit.parent.as_ref());
            let other = self.division.ring_of(unit).filter(|other| *other != ring);
            if parent.is_some_and(|parent| out.contains(parent)) {
                out.insert(unit);
            } else if self.excluded.ous.contains(unit) {
                out.insert(unit);
                let line = self.rules(unit).into_iter().next();
                found.push(Obstacle::ExcludedOu { ou: self.organization.path(unit), line });
            } else if let Some(other) = other {
                out.insert(unit);
                found.push(Obstacle::OtherRing {
                    ou: self.organization.path(unit),
                    ring: self.policy.rings[other].name.clone(),
                    line: self.target(unit).map(|target| target.line),
                });
            } else {
                let members = self.organization.members(unit);
                let excluded =
                    members.filter(|account| self.excluded.accounts.contains_key(&account.id));
                found.extend(excluded.map(|account| Obstacle::ExcludedAccount {
                    account: account.id.clone(),
                    ou: self.organization.path(unit),
                    line: self.exclusion(&account.id),
                }));
            }
        }
        found
    }

    /// What a Region is to the ring of whoever was asked about.
    fn region(&self, region: &Region, about: &About) -> RegionExplained {
        let ring = match about {
            About::Account(account) => account.ring.as_ref(),
            About::Ou(ou) => ou.ring.as_ref(),
        };
        let wish = ring.and_then(|ring| self.policy.ring(&ring.name));
        let named = wish.and_then(|wish| wish.regions.iter().find(|named| named.value == *region));
        RegionExplained {
            region: region.clone(),
            line: named.map(|named| line(self.policy, &named.place)),
            status: self.surroundings.regions.get(region).copied(),
        }
    }
}
