//! The `baselines` key: where the rules of each operating system come from.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    ids::{Digest, OperatingSystem},
    state::{BaselineSource, BaselineWanted},
};

use super::{
    error::Problem,
    fields::{self, not_yet},
    file::{Node, Value},
    rules::BaselineWish,
    values::{At, Policy, RingWish},
};

/// Reads the key. Rules as code are not supported yet.
pub(super) fn read(
    node: &Node,
    path: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<OperatingSystem, At<BaselineWish>> {
    let mut sources = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        problems.push(fields::wrong_kind(node, path, "a map from operating systems"));
        return sources;
    };
    for (key, value) in entries {
        let Some(system) = OperatingSystem::ALL.into_iter().find(|system| system.key() == key.name)
        else {
            let keys = OperatingSystem::ALL.map(OperatingSystem::key);
            let problem =
                Problem::at(&key.place, format!("unknown operating system `{}`", key.name));
            problems.push(match super::error::nearest(&key.name, keys) {
                Some(near) => problem.help(format!("Did you mean `{near}`?")),
                None => problem.help(format!("There are {}.", keys.join(", "))),
            });
            continue;
        };
        let path = format!("{path}.{system}");
        let at = |wish| At { value: wish, place: value.place.clone() };
        match &value.value {
            Value::List(_) | Value::Map(_) => {
                let what = format!("`{path}` as rules");
                let instead = "Make a patch baseline in the home Region and write its ID (pb-…), or write `aws`.";
                problems.push(not_yet(&value.place, &what, instead));
            }
            Value::Text(text) if text == "aws" => {
                sources.insert(system, at(BaselineWish::Aws));
            }
            _ => {
                if let Some(text) = fields::text(value, &path, problems) {
                    match text.value.parse() {
                        Ok(id) => {
                            sources.insert(system, at(BaselineWish::Existing(id)));
                        }
                        Err(error) => problems.push(
                            Problem::at(&text.place, format!("`{path}`: {error}"))
                                .help("Write `aws` for AWS's default, or the ID of a baseline in the home Region."),
                        ),
                    }
                }
            }
        }
    }
    sources
}

/// What is wished of each operating system's rules in a ring.
pub(super) fn wanted(
    _policy: &Policy,
    ring: &RingWish,
    _tags: &dyn Fn(&Digest) -> BTreeMap<String, String>,
    _today: Date,
) -> BTreeMap<OperatingSystem, BaselineWanted> {
    let wanted = |system: &OperatingSystem| match ring.baselines.get(system).map(|at| &at.value) {
        None | Some(BaselineWish::Aws | BaselineWish::Rules(_)) => BaselineSource::Aws,
        Some(BaselineWish::Existing(id)) => BaselineSource::Existing(id.clone()),
        Some(BaselineWish::Named(name)) => BaselineSource::Named(name.clone()),
    };
    OperatingSystem::ALL
        .into_iter()
        .map(|system| (system, BaselineWanted::Taken(wanted(&system))))
        .collect()
}
