//! Values of rules, held against those that AWS tells.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::OperatingSystem,
    state::{PatchFilter, PatchProperty, Seen},
};

use super::{
    error::{Place, Problem, Problems},
    rules::BaselineWish,
    values::Policy,
};

impl Policy {
    /// The properties of which the policy's rules name values, by operating system.
    pub fn properties_named(&self) -> BTreeSet<(OperatingSystem, PatchProperty)> {
        self.filters().filter_map(|(system, filter, _)| Some((system, property(filter)?))).collect()
    }

    /// What AWS does not know of the values that the rules name, and what could not be asked.
    ///
    /// # Errors
    ///
    /// The values that AWS does not know, with their rules.
    pub fn held_against(
        &self,
        known: &BTreeMap<(OperatingSystem, PatchProperty), Seen<BTreeSet<String>>>,
    ) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for (system, filter, place) in self.filters() {
            let Some(property) = property(filter) else { continue };
            let Some(Seen::Present(known)) = known.get(&(system, property)) else { continue };
            for value in filter.values.iter().filter(|value| *value != "*") {
                if known.contains(value) {
                    continue;
                }
                let key = property.aws_name().to_lowercase();
                let problem = Problem::at(
                    place,
                    format!("AWS knows no `{key}` called `{value}` for {system}"),
                );
                let problem = problem.or_nearest(value, known.iter().map(String::as_str));
                problems.push(if problem.help.is_some() || known.len() > 40 {
                    problem
                } else {
                    let all: Vec<&str> = known.iter().map(String::as_str).collect();
                    problem.help(format!("It knows {}.", all.join(", ")))
                });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(self.problems(problems)) }
    }

    /// The filters of all rules, with their places.
    fn filters(&self) -> impl Iterator<Item = (OperatingSystem, &PatchFilter, &Place)> {
        self.rings.iter().flat_map(|ring| &ring.baselines).flat_map(|(system, at)| {
            let rules = match &at.value {
                BaselineWish::Rules(rules) => Some(rules),
                BaselineWish::Aws | BaselineWish::Existing(_) | BaselineWish::Named(_) => None,
            };
            rules.into_iter().flat_map(move |rules| {
                let of_all = rules.filters.iter().map(|filter| (filter, &at.place));
                let of_rules = rules
                    .rules
                    .iter()
                    .flat_map(|rule| rule.filters.iter().map(|filter| (filter, &rule.place)));
                of_all.chain(of_rules).map(|(filter, place)| (*system, filter, place))
            })
        })
    }
}

fn property(filter: &PatchFilter) -> Option<PatchProperty> {
    PatchProperty::ALL.into_iter().find(|property| property.aws_name() == filter.key)
}
