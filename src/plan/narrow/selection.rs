//! Which rings, accounts and Regions are meant.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::{
    ids::{AccountId, OuId, Region, RingName},
    plan::{Action, Plan},
    state::Names,
};

/// What somebody wants a plan to keep to, before it is known whether there is such a thing. Of each kind,
/// none means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Rings.
    pub rings: Vec<RingName>,
    /// OUs with all that is below them, each by its path, by a name that only one has, or by its ID.
    pub ous: Vec<String>,
    /// Accounts, beside those in the OUs.
    pub accounts: Vec<AccountId>,
    /// Regions.
    pub regions: Vec<Region>,
}

/// What a plan was narrowed to. Of each kind, none means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Narrowed {
    /// Rings.
    pub rings: BTreeSet<RingName>,
    /// The paths of OUs, with all that is below them.
    pub ous: BTreeSet<String>,
    /// Accounts, beside those in the OUs.
    pub accounts: BTreeSet<AccountId>,
    /// Regions.
    pub regions: BTreeSet<Region>,
    /// How many changes of what is selected can't be made without others that are not. The plan's warnings
    /// name them.
    pub held_back: usize,
}

impl fmt::Display for Narrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rings, ous, accounts, regions, held_back: _ } = self;
        let named = [
            ("ring", rings.iter().map(RingName::as_str).collect::<Vec<_>>()),
            ("OU", ous.iter().map(String::as_str).collect()),
            ("account", accounts.iter().map(AccountId::as_str).collect()),
            ("Region", regions.iter().map(Region::as_str).collect()),
        ];
        let words: Vec<String> = named
            .into_iter()
            .filter_map(|(noun, names)| {
                let (last, before) = names.split_last()?;
                Some(if before.is_empty() {
                    format!("{noun} {last}")
                } else {
                    format!("{noun}s {} and {last}", before.join(", "))
                })
            })
            .collect();
        f.write_str(&words.join(", "))
    }
}

/// Rings, accounts and Regions: those that a run keeps to. Everything else is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    said: Narrowed,
    places: Places,
    /// The rings that have to do with the accounts, where accounts are named and no rings.
    concerned: Option<BTreeSet<RingName>>,
}

/// The accounts that are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Places {
    /// All of them.
    #[default]
    All,
    /// Some.
    These {
        /// OUs, those below others included.
        ous: BTreeSet<OuId>,
        /// Accounts, those in the OUs included.
        accounts: BTreeSet<AccountId>,
    },
}

impl Selection {
    /// Finds what is meant, among what a plan knows of.
    ///
    /// # Errors
    ///
    /// The first thing that is not there, with the nearest one that is.
    pub fn new(filters: &Filters, plan: &Plan) -> Result<Self, Unselected> {
        let Filters { rings, ous, accounts, regions } = filters;
        let names = &plan.names;
        let known: BTreeSet<&str> = plan.rings.iter().map(|ring| ring.name.as_str()).collect();
        for ring in rings {
            if !known.contains(ring.as_str()) {
                return Err(Unselected::new(
                    format!("the policy has no ring `{ring}`"),
                    nearest(ring.as_str(), known.iter().copied(), NEAR),
                    format!("Its rings: {}.", listed(&known)),
                ));
            }
        }
        let there = regions_of(plan);
        let known: BTreeSet<&str> = there.iter().map(|region| region.as_str()).collect();
        for region in regions {
            if !there.contains(region) {
                return Err(Unselected::new(
                    format!("the policy has nothing to do with the Region `{region}`"),
                    nearest(region.as_str(), known.iter().copied(), NEAR),
                    format!("Its Regions: {}.", listed(&known)),
                ));
            }
        }
        let there = accounts_of(plan);
        for account in accounts {
            if !there.contains(account) {
                let known = there.iter().map(|account| account.as_str());
                return Err(Unselected::new(
                    format!("the organization has no account {account}"),
                    nearest(account.as_str(), known, NEAR_IN_DIGITS),
                    "`orgpatch plan --show all` names every account.".to_owned(),
                ));
            }
        }
        let mut chosen: BTreeSet<&OuId> = BTreeSet::new();
        for text in ous {
            chosen.insert(unit(text, names)?);
        }
        let path = |ou: &OuId| names.units.get(ou).map_or(ou.as_str(), |path| path).to_owned();
        let said = Narrowed {
            rings: rings.iter().cloned().collect(),
            ous: chosen.iter().copied().map(path).collect(),
            accounts: accounts.iter().cloned().collect(),
            regions: regions.iter().cloned().collect(),
            held_back: 0,
        };
        let is_all = ous.is_empty() && accounts.is_empty();
        // Who has left the organization is in no OU, and in all of it.
        let places = if is_all || chosen.iter().any(|ou| ou.is_root()) {
            Places::All
        } else {
            these(&chosen, &said.accounts, names)
        };
        let concerned = match &places {
            Places::These { ous, accounts } if rings.is_empty() => {
                Some(concerned(plan, ous, accounts))
            }
            Places::These { .. } | Places::All => None,
        };
        Ok(Self { said, places, concerned })
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.said == Narrowed::default()
    }

    /// In words, and for programs.
    pub fn said(&self) -> &Narrowed {
        &self.said
    }

    /// Whether a ring is meant.
    pub fn covers_ring(&self, ring: &RingName) -> bool {
        match &self.concerned {
            Some(concerned) => concerned.contains(ring),
            None => self.said.rings.is_empty() || self.said.rings.contains(ring),
        }
    }

    /// Whether an account is meant, in some Region at least.
    pub fn covers_account(&self, account: &AccountId) -> bool {
        match &self.places {
            Places::All => true,
            Places::These { accounts, .. } => accounts.contains(account),
        }
    }

    /// Whether a Region is meant, for some account at least.
    pub fn covers_region(&self, region: &Region) -> bool {
        self.said.regions.is_empty() || self.said.regions.contains(region)
    }

    /// Whether an account is meant in a Region.
    pub fn covers(&self, account: &AccountId, region: &Region) -> bool {
        self.covers_account(account) && self.covers_region(region)
    }

    /// Whether an OU is meant with all that is in it, now and later.
    pub(super) fn covers_whole(&self, ou: &OuId) -> bool {
        match &self.places {
            Places::All => true,
            Places::These { ous, .. } => ous.contains(ou),
        }
    }
}

/// The rings that cover one of these accounts, or covered it, and those that do something in one of the OUs.
/// Of another ring nothing is made or changed for their sake.
fn concerned(
    plan: &Plan,
    ous: &BTreeSet<OuId>,
    accounts: &BTreeSet<AccountId>,
) -> BTreeSet<RingName> {
    let covered = plan.coverage.accounts.iter().filter(|(account, _)| accounts.contains(*account));
    let covering = covered.flat_map(|(_, change)| [Some(&change.ring), change.left.as_ref()]);
    let acting = plan.steps.iter().filter(|step| match &step.action {
        Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } => {
            !targets.ous.is_disjoint(ous) || !targets.accounts.is_disjoint(accounts)
        }
        _ => false,
    });
    covering.flatten().chain(acting.map(|step| &step.ring)).cloned().collect()
}

/// OUs with all that is below them, and accounts with those in the OUs.
fn these(chosen: &BTreeSet<&OuId>, single: &BTreeSet<AccountId>, names: &Names) -> Places {
    let ous: BTreeSet<OuId> = names
        .units
        .keys()
        .filter(|ou| above(names, ou).any(|above| chosen.contains(above)))
        .cloned()
        .collect();
    let within = names.parents.iter().filter(|(_, ou)| ous.contains(*ou));
    let accounts = within.map(|(account, _)| account).chain(single).cloned().collect();
    Places::These { ous, accounts }
}

/// An OU and those above it.
pub(super) fn above<'a>(names: &'a Names, ou: &'a OuId) -> impl Iterator<Item = &'a OuId> {
    std::iter::successors(Some(ou), |ou| names.above.get(*ou))
}

/// Why something can't be selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unselected {
    message: String,
    help: String,
}

impl Unselected {
    fn new(message: String, near: Option<&str>, help: String) -> Self {
        let help = match near {
            Some(near) => format!("Did you mean `{near}`? {help}"),
            None => help,
        };
        Self { message, help }
    }

    /// What there is instead.
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// How like a text must be to be meant.
const NEAR: f64 = 0.8;

/// Digits are like each other by chance.
const NEAR_IN_DIGITS: f64 = 0.93;

fn nearest<'a>(
    wrong: &str,
    right: impl IntoIterator<Item = &'a str>,
    likeness: f64,
) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    right
        .into_iter()
        .map(|text| (strsim::jaro_winkler(&lower, &text.to_lowercase()), text))
        .filter(|(likeness_of, _)| *likeness_of > likeness)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, text)| text)
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The OU that a text means.
fn unit<'a>(text: &str, names: &'a Names) -> Result<&'a OuId, Unselected> {
    let nothing = |near: Option<&str>, help: &str| {
        let message = format!("there is no organizational unit `{text}`");
        Unselected::new(message, near, help.to_owned())
    };
    let units: Vec<(&OuId, &str)> = names.units.iter().map(|(ou, path)| (ou, &**path)).collect();
    if text.starts_with('/') {
        let wanted = if text.len() > 1 { text.trim_end_matches('/') } else { text };
        let found = units.iter().find(|(_, path)| *path == wanted);
        return found.map(|(ou, _)| *ou).ok_or_else(|| {
            let near = nearest(wanted, units.iter().map(|(_, path)| *path), NEAR);
            nothing(near, "Paths begin at the root, without its name.")
        });
    }
    if let Ok(id) = text.parse::<OuId>() {
        return names.units.get_key_value(&id).map(|(ou, _)| ou).ok_or_else(|| {
            nothing(None, "The ID is of another organization, or the OU has been deleted.")
        });
    }
    let is_named = |name: &str, path: &str| !name.is_empty() && name_of(path) == name;
    let found: Vec<&(&OuId, &str)> =
        units.iter().filter(|(_, path)| is_named(text, path)).collect();
    match found.as_slice() {
        [(ou, _)] => Ok(*ou),
        [] => {
            let near = nearest(text, units.iter().map(|(_, path)| name_of(path)), NEAR);
            let path = units.iter().find(|(_, path)| near.is_some_and(|near| is_named(near, path)));
            let help = "Name it by its path, for example `/Workloads/Prod`.";
            Err(nothing(path.map(|(_, path)| *path), help))
        }
        several => {
            let paths: Vec<String> = several.iter().map(|(_, path)| format!("`{path}`")).collect();
            Err(Unselected::new(
                format!("{} organizational units are called `{text}`", several.len()),
                None,
                format!("Name one by its path: {}.", paths.join(", ")),
            ))
        }
    }
}

/// The last part of a path; nothing for the root.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The Regions that a plan says something of.
fn regions_of(plan: &Plan) -> BTreeSet<&Region> {
    let outlined = plan.rings.iter().flat_map(|ring| &ring.regions);
    let covered = plan
        .coverage
        .accounts
        .values()
        .flat_map(|change| change.added.iter().chain(&change.removed).chain(&change.kept));
    let named = plan.steps.iter().flat_map(|step| match &step.action {
        Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } => {
            targets.regions.iter().collect::<Vec<_>>()
        }
        _ => Vec::new(),
    });
    outlined.chain(covered).chain(named).collect()
}

/// The accounts that a plan says something of.
fn accounts_of(plan: &Plan) -> BTreeSet<&AccountId> {
    let named = plan.steps.iter().flat_map(|step| match &step.action {
        Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } => {
            targets.accounts.iter().collect::<Vec<_>>()
        }
        _ => Vec::new(),
    });
    plan.names.accounts.keys().chain(plan.coverage.accounts.keys()).chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(units: &[(&str, &str)]) -> Names {
        Names {
            units: units.iter().map(|(ou, path)| (ou.parse().unwrap(), (*path).into())).collect(),
            ..Names::default()
        }
    }

    fn tree() -> Names {
        names(&[
            ("r-ab12", "/"),
            ("ou-ab12-00000001", "/Workloads"),
            ("ou-ab12-00000002", "/Workloads/Prod"),
            ("ou-ab12-00000003", "/Sandbox/Prod"),
            ("ou-ab12-00000004", "/Workloads/Data"),
        ])
    }

    fn found(text: &str) -> Result<String, (String, String)> {
        let names = tree();
        unit(text, &names)
            .map(ToString::to_string)
            .map_err(|error| (error.to_string(), error.help().to_owned()))
    }

    #[test]
    fn an_ou_is_found_by_its_path_its_id_and_a_name_that_only_one_has() {
        assert_eq!(found("/").unwrap(), "r-ab12");
        for text in ["/Workloads/Data", "/Workloads/Data/", "ou-ab12-00000004", "Data"] {
            assert_eq!(found(text).unwrap(), "ou-ab12-00000004", "{text}");
        }
    }

    #[test]
    fn an_ou_that_is_not_there_is_told_the_nearest_one() {
        assert!(found("/Workloads/Prd").unwrap_err().1.contains("`/Workloads/Prod`"));
        assert!(found("Dataa").unwrap_err().1.contains("`/Workloads/Data`"));
        let (message, help) = found("Prod").unwrap_err();
        assert_eq!(message, "2 organizational units are called `Prod`");
        assert!(help.contains("`/Workloads/Prod`, `/Sandbox/Prod`"), "{help}");
        assert!(found("").is_err());
        assert!(found("ou-ab12-00000009").is_err());
    }

    #[test]
    fn what_is_selected_reads_as_a_list() {
        let narrowed = Narrowed {
            rings: ["prod".parse().unwrap()].into(),
            ous: ["/A".to_owned(), "/B".to_owned(), "/C".to_owned()].into(),
            regions: ["eu-west-1".parse().unwrap()].into(),
            ..Narrowed::default()
        };

        assert_eq!(narrowed.to_string(), "ring prod, OUs /A, /B and /C, Region eu-west-1");
    }
}
