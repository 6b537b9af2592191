//! How a policy names OUs, and which one is meant.

use std::collections::BTreeMap;

use crate::{ids::OuId, state::Organization};

use super::{
    error::Problem,
    values::{At, OuRef},
};

/// The OUs by the ways in which a policy can name them.
pub(super) struct Paths<'a> {
    organization: &'a Organization,
    paths: BTreeMap<String, &'a OuId>,
}

impl<'a> Paths<'a> {
    pub(super) fn of(organization: &'a Organization) -> Self {
        let paths =
            organization.units().map(|unit| (organization.path(&unit.id), &unit.id)).collect();
        Self { organization, paths }
    }

    /// The path of an OU.
    pub(super) fn path(&self, ou: &OuId) -> String {
        self.organization.path(ou)
    }

    /// All OUs of a name, wherever they are. Case, spaces, `-` and `_` make no difference.
    pub(super) fn named(&self, name: &str) -> Vec<OuId> {
        self.organization
            .units()
            .filter(|unit| unit.parent.is_some() && same_name(&unit.name, name))
            .map(|unit| unit.id.clone())
            .collect()
    }

    /// The one OU that is meant.
    pub(super) fn find(
        &self,
        ou: &At<OuRef>,
        key: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<OuId> {
        let nothing = || {
            Problem::at(
                &ou.place,
                format!("`{key}`: there is no organizational unit `{}`", ou.value),
            )
        };
        let problem = match &ou.value {
            OuRef::Path(path) => {
                if let Some(id) = self.paths.get(path) {
                    return Some((*id).clone());
                }
                let problem = nothing().or_nearest(path, self.paths.keys().map(String::as_str));
                if problem.help.is_some() { problem } else { problem.help(MOVED) }
            }
            OuRef::Id(id) => match self.organization.unit(id) {
                Some(_) => return Some(id.clone()),
                None => {
                    nothing().help("The ID is of another organization, or the OU has been deleted.")
                }
            },
            OuRef::Name(name) => {
                let exact: Vec<&OuId> = self
                    .organization
                    .units()
                    .filter(|unit| unit.parent.is_some() && unit.name == *name)
                    .map(|unit| &unit.id)
                    .collect();
                match exact.as_slice() {
                    [id] => return Some((*id).clone()),
                    [] => self.or_nearest_name(nothing(), name),
                    several => {
                        let paths: Vec<String> = several
                            .iter()
                            .map(|id| format!("`{}`", self.organization.path(id)))
                            .collect();
                        Problem::at(
                            &ou.place,
                            format!(
                                "`{key}`: {} organizational units are called `{name}`",
                                several.len()
                            ),
                        )
                        .help(format!("Name one by its path: {}.", paths.join(", ")))
                    }
                }
            }
        };
        problems.push(problem);
        None
    }
}

/// What may have become of an OU that is not found.
const MOVED: &str = "If it was renamed or moved, write its new path, or its ID, which stays the same. Nothing is taken away as long as it can't be found.";

impl Paths<'_> {
    /// The problem of a name that no OU has.
    pub(super) fn no_such_name(&self, ou: &At<OuRef>, name: &str, key: &str) -> Problem {
        let message = format!("`{key}`: no organizational unit is called `{name}`");
        self.or_nearest_name(Problem::at(&ou.place, message), name)
    }

    /// Adds the path of the OU whose name is nearest, or equal but for its spelling.
    fn or_nearest_name(&self, problem: Problem, name: &str) -> Problem {
        let names = self.organization.units().filter(|unit| unit.parent.is_some());
        let near = super::error::nearest(name, names.map(|unit| unit.name.as_str()));
        let unit = near.and_then(|near| self.organization.units().find(|unit| unit.name == near));
        match unit {
            Some(unit) => {
                problem.help(format!("Did you mean `{}`?", self.organization.path(&unit.id)))
            }
            None => problem.help("Name it by its path, for example `/Workloads/Prod`."),
        }
    }
}

fn same_name(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| !matches!(c, ' ' | '-' | '_'))
            .flat_map(char::to_lowercase)
            .collect()
    };
    plain(a) == plain(b)
}
