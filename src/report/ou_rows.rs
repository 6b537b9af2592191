//! Accounts by OU: the part of a plan that people look at first.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{AccountId, Region, RingName},
    plan::{AccountChange, Change, Plan},
    report::step_words::regions,
};

/// Rows of one ring before OUs are folded into those above them.
pub(super) const MOST_ROWS: usize = 40;

/// OUs in which nothing changes that are each shown.
const MOST_UNCHANGED: usize = 3;

/// The accounts of an OU, or of several, to which the same happens.
pub(super) struct OuRow<'a> {
    /// The path of the OU, or of the one above several.
    path: &'a str,
    /// The paths of the OUs.
    ous: BTreeSet<&'a str>,
    /// Whether they are several below the path.
    is_folded: bool,
    /// What happens.
    pub(super) change: Change,
    /// The ring that they move out of.
    from: Option<&'a RingName>,
    /// The accounts.
    pub(super) accounts: Vec<(&'a AccountId, &'a AccountChange)>,
}

impl<'a> OuRow<'a> {
    /// What tells rows apart that must not be folded together.
    fn kind(&self) -> (Change, Option<&'a RingName>) {
        (self.change, self.from)
    }

    /// The path above; none for the root, and for what is in no OU.
    fn parent(&self) -> Option<&'a str> {
        match self.path.rsplit_once('/')? {
            (_, "") => None,
            ("", _) => Some("/"),
            (above, _) => Some(above),
        }
    }

    /// Where they are: `/Workloads/Prod`, or `/Workloads/Prod/* (41 OUs)`.
    pub(super) fn place(&self) -> String {
        if !self.is_folded {
            return self.path.to_owned();
        }
        format!("{}/* ({} OUs)", self.path.trim_end_matches('/'), self.ous.len())
    }

    /// What happens to them, by Region.
    pub(super) fn words(&self) -> String {
        what_happens(&self.accounts)
    }
}

/// The accounts of a ring, by OU and what happens to them.
pub(super) fn ou_rows<'a>(plan: &'a Plan, ring: &RingName) -> Vec<OuRow<'a>> {
    let mut rows: BTreeMap<(&str, Change, Option<&RingName>), Vec<_>> = BTreeMap::new();
    for (account, change) in &plan.coverage.accounts {
        if change.ring == *ring {
            let key = (path_of(plan, account), change.change, change.left.as_ref());
            rows.entry(key).or_default().push((account, change));
        }
    }
    rows.into_iter()
        .map(|((path, change, from), accounts)| OuRow {
            path,
            ous: BTreeSet::from([path]),
            is_folded: false,
            change,
            from,
            accounts,
        })
        .collect()
}

/// OUs in which nothing changes, counted.
pub(super) struct Unchanged {
    pub(super) ous: usize,
    pub(super) accounts: usize,
}

/// Takes the rows apart in which nothing changes, unless they are few.
pub(super) fn without_unchanged(rows: Vec<OuRow<'_>>) -> (Vec<OuRow<'_>>, Option<Unchanged>) {
    let is_unchanged = |row: &OuRow<'_>| row.change == Change::Unchanged;
    if rows.iter().filter(|row| is_unchanged(row)).count() <= MOST_UNCHANGED {
        return (rows, None);
    }
    let (unchanged, changing): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_unchanged);
    let accounts = unchanged.iter().map(|row| row.accounts.len()).sum();
    (changing, Some(Unchanged { ous: unchanged.len(), accounts }))
}

/// Folds OUs to which the same happens into the one above them, the largest families first, until there are
/// at most so many rows, or nothing is left to fold.
pub(super) fn folded(mut rows: Vec<OuRow<'_>>, most: usize) -> Vec<OuRow<'_>> {
    while rows.len() > most {
        let mut families: BTreeMap<_, usize> = BTreeMap::new();
        for row in &rows {
            let folded_there = row.is_folded.then_some(row.path);
            for path in row.parent().into_iter().chain(folded_there) {
                *families.entry((path, row.kind())).or_default() += 1;
            }
        }
        let families = families.into_iter().filter(|(_, members)| *members > 1);
        // Of families of one size the deepest, which says most.
        let largest = families.max_by_key(|((path, _), members)| (*members, path.len()));
        let Some(((path, kind), _)) = largest else { break };
        let is_of_family = |row: &OuRow<'_>| {
            let is_folded_there = row.is_folded && row.path == path;
            row.kind() == kind && (row.parent() == Some(path) || is_folded_there)
        };
        let (members, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_of_family);
        rows = others;
        let mut family = OuRow {
            path,
            ous: BTreeSet::new(),
            is_folded: true,
            change: kind.0,
            from: kind.1,
            accounts: Vec::new(),
        };
        for member in members {
            family.ous.extend(member.ous);
            family.accounts.extend(member.accounts);
        }
        family.accounts.sort_by_key(|(account, _)| *account);
        rows.push(family);
    }
    rows.sort_by_key(|row| (row.path, row.kind()));
    rows
}

/// The path of the OU that an account is in.
fn path_of<'a>(plan: &'a Plan, account: &AccountId) -> &'a str {
    let unit = plan.names.parents.get(account);
    unit.and_then(|unit| plan.names.units.get(unit)).map_or("(not listed by AWS)", |path| path)
}

/// The name of an account, where it has one.
pub(super) fn name_of(plan: &Plan, account: &AccountId) -> String {
    plan.names.accounts.get(account).map(ToString::to_string).unwrap_or_default()
}

/// The Regions that accounts get, lose and keep; where they differ, those of any.
pub(super) fn what_happens(accounts: &[(&AccountId, &AccountChange)]) -> String {
    let union = |pick: fn(&AccountChange) -> &BTreeSet<Region>| -> BTreeSet<Region> {
        accounts.iter().flat_map(|(_, change)| pick(change)).cloned().collect()
    };
    let added = union(|change| &change.added);
    let removed = union(|change| &change.removed);
    let remade = union(|change| &change.remade);
    let mut kept = union(|change| &change.kept);
    kept.retain(|region| !remade.contains(region));
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(format!("+ {}", regions(&added)));
    }
    if !removed.is_empty() {
        parts.push(format!("- {}", regions(&removed)));
    }
    if !remade.is_empty() {
        parts.push(format!("deleted and made anew in {}", regions(&remade)));
    }
    let mut changed = union(|change| &change.changed);
    changed.retain(|region| !remade.contains(region));
    kept.retain(|region| !changed.contains(region));
    if !changed.is_empty() {
        parts.push(format!("~ {}", regions(&changed)));
    }
    if !kept.is_empty() {
        parts.push(format!("= {}", regions(&kept)));
    }
    let from: BTreeSet<&RingName> =
        accounts.iter().filter_map(|(_, change)| change.left.as_ref()).collect();
    if !from.is_empty() {
        let from: Vec<&str> = from.into_iter().map(RingName::as_str).collect();
        parts.push(format!("from ring {}", from.join(", ")));
    }
    if accounts.iter().all(|(_, change)| change.change == Change::Blocked) {
        parts.push("nothing can be planned for now".to_owned());
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, change: Change) -> OuRow<'_> {
        OuRow {
            path,
            ous: [path].into(),
            is_folded: false,
            change,
            from: None,
            accounts: Vec::new(),
        }
    }

    fn places(rows: &[OuRow<'_>]) -> Vec<String> {
        rows.iter().map(OuRow::place).collect()
    }

    #[test]
    fn the_largest_families_are_folded_first_and_others_stay() {
        let paths = ["/A", "/A/1", "/A/2", "/A/3", "/B", "/B/1", "/B/2", "(not listed by AWS)"];
        let rows = || paths.map(|path| row(path, Change::Add)).into_iter().collect::<Vec<_>>();

        assert_eq!(places(&folded(rows(), 8)).len(), 8);
        assert_eq!(
            places(&folded(rows(), 6)),
            ["(not listed by AWS)", "/A", "/A/* (3 OUs)", "/B", "/B/1", "/B/2"]
        );
        // Everything that has the root above it, and what has not.
        assert_eq!(places(&folded(rows(), 1)), ["(not listed by AWS)", "/* (7 OUs)"]);
    }

    #[test]
    fn ous_to_which_something_else_happens_are_not_folded_together() {
        let rows = vec![
            row("/A/1", Change::Add),
            row("/A/2", Change::Remove),
            row("/A/3", Change::Add),
            row("/", Change::Add),
        ];

        assert_eq!(places(&folded(rows, 1)), ["/", "/A/* (2 OUs)", "/A/2"]);
    }

    #[test]
    fn ous_without_a_change_are_counted_where_they_are_many() {
        let rows = |number: usize| {
            let paths = ["/A", "/B", "/C", "/D"];
            let rows = paths.iter().take(number).map(|path| row(path, Change::Unchanged));
            rows.chain([row("/E", Change::Add)]).collect::<Vec<_>>()
        };

        let (all, none) = without_unchanged(rows(3));
        assert_eq!((all.len(), none.is_none()), (4, true));
        let (changing, unchanged) = without_unchanged(rows(4));
        assert_eq!(places(&changing), ["/E"]);
        assert_eq!(unchanged.unwrap().ous, 4);
    }
}
