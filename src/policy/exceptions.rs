//! The `exceptions` key: patches that are rejected in some rings until a day, and who answers for that.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::ids::{OperatingSystem, RingName};

use super::{
    baselines,
    error::{self, Problem},
    fields::{self, Fields},
    file::{Node, Value},
    rules::{BaselineWish, Exception},
    values::{At, RingWish},
};

const KEYS: [&str; 6] = ["patch", "os", "rings", "owner", "ticket", "until"];

/// Reads the list.
pub(super) fn read(node: &Node, problems: &mut Vec<Problem>) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for item in fields::list(node, "exceptions", problems) {
        let Some(exception) = exception(item, problems) else { continue };
        if exceptions.iter().any(|other| say_the_same(other, &exception)) {
            problems.push(
                Problem::at(
                    &exception.patch.place,
                    format!(
                        "`{}` on {} has an exception already",
                        exception.patch.value, exception.system
                    ),
                )
                .help("Take one of the two out, or name other `rings`."),
            );
        } else {
            exceptions.push(exception);
        }
    }
    exceptions
}

/// Whether two exceptions reject the same patch in some ring.
fn say_the_same(one: &Exception, other: &Exception) -> bool {
    let in_one_ring = match (&one.rings, &other.rings) {
        (Some(one), Some(other)) => {
            one.iter().any(|ring| other.iter().any(|other| other.value == ring.value))
        }
        (None, _) | (_, None) => true,
    };
    one.patch.value == other.patch.value && one.system == other.system && in_one_ring
}

fn exception(node: &Node, problems: &mut Vec<Problem>) -> Option<Exception> {
    if !matches!(node.value, Value::Map(_)) {
        let wrong = format!("an exception must be a map, and is {}", node.value.kind());
        problems.push(Problem::at(&node.place, wrong).help(
            "It has the keys `patch`, `os`, `owner`, `ticket` and `until`, and may have `rings`.",
        ));
        return None;
    }
    let fields = fields::map(node, "exceptions", &KEYS, problems)?;
    let patch = fields
        .need("patch", "patch: \"kernel-*\"", problems)
        .and_then(|node| fields::text(node, "exceptions.patch", problems));
    let system = fields
        .need("os", "os: amazon_linux_2023", problems)
        .and_then(|node| system(node, problems));
    if let (Some(patch), Some(system)) = (&patch, system) {
        problems.extend(baselines::patch_problem(
            patch,
            system,
            baselines::Listed::Rejected,
            "exceptions.patch",
        ));
    }
    let rings = match fields.get("rings", problems) {
        None => Some(None),
        Some(node) => rings(node, problems).map(Some),
    };
    let owner = words(&fields, "owner", "owner: linux-team", problems);
    let ticket = words(&fields, "ticket", "ticket: OPS-812", problems);
    let until = fields
        .need("until", "until: 2026-12-31", problems)
        .and_then(|node| fields::date(node, "exceptions.until", problems));
    Some(Exception {
        patch: patch?,
        system: system?,
        rings: rings?,
        owner: owner?,
        ticket: ticket?,
        until: until?,
    })
}

fn system(node: &Node, problems: &mut Vec<Problem>) -> Option<OperatingSystem> {
    let name = fields::text(node, "exceptions.os", problems)?;
    let system = baselines::operating_system(&name.value);
    if system.is_none() {
        problems.push(baselines::no_operating_system(&name));
    }
    system
}

fn rings(node: &Node, problems: &mut Vec<Problem>) -> Option<Vec<At<RingName>>> {
    const PATH: &str = "exceptions.rings";
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        problems.push(
            Problem::at(&node.place, format!("`{PATH}` is empty"))
                .help("Name a ring at least, or leave the key out: then it holds in all of them."),
        );
        return None;
    }
    let mut wrong = Vec::new();
    let mut rings = Vec::new();
    for At { value: name, place } in fields::texts(node, PATH, &mut wrong) {
        match name.parse() {
            Ok(value) => rings.push(At { value, place }),
            Err(error) => wrong.push(Problem::at(&place, format!("`{PATH}`: {error}"))),
        }
    }
    let is_right = wrong.is_empty();
    problems.append(&mut wrong);
    is_right.then_some(rings)
}

/// A text that must say something.
fn words(
    fields: &Fields<'_>,
    key: &str,
    example: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let path = fields.full(key);
    let node = fields.need(key, example, problems)?;
    let At { value, place } = fields::text(node, &path, problems)?;
    if value.trim().is_empty() {
        problems.push(
            Problem::at(&place, format!("`{path}` is empty"))
                .help("An exception says who answers for it, and where it is written why."),
        );
        return None;
    }
    Some(value)
}

/// Whether the exceptions and the rings go together.
pub(super) fn fit(exceptions: &[Exception], rings: &[RingWish], problems: &mut Vec<Problem>) {
    for ring in exceptions.iter().flat_map(|exception| exception.rings.iter().flatten()) {
        if !rings.iter().any(|other| other.name == ring.value) {
            problems.push(no_such_ring(ring, rings));
        }
    }
    for ring in rings {
        let mut rejected: BTreeMap<OperatingSystem, Vec<&str>> = BTreeMap::new();
        for exception in exceptions.iter().filter(|exception| is_in(exception, &ring.name)) {
            let Exception { patch, system, .. } = exception;
            let wish = ring.baselines.get(system).map(|wish| &wish.value);
            let of_rules: &[String] = match wish {
                Some(BaselineWish::Existing(_) | BaselineWish::Named(_)) => {
                    problems.push(not_ours(exception, ring));
                    continue;
                }
                Some(BaselineWish::Rules(rules)) => rules.rejected.as_slice(),
                None | Some(BaselineWish::Aws) => &[],
            };
            let names = rejected
                .entry(*system)
                .or_insert_with(|| of_rules.iter().map(String::as_str).collect());
            if names.contains(&patch.value.as_str()) {
                continue;
            }
            names.push(&patch.value);
            if names.len() == baselines::MOST_PATCHES + 1 {
                problems.push(
                    Problem::at(
                        &patch.place,
                        format!(
                            "more than {} patches are rejected for {system} in the ring `{}`, which is what AWS takes",
                            baselines::MOST_PATCHES,
                            ring.name
                        ),
                    )
                    .help("Write fewer: a `*` stands for any part of a package's name."),
                );
            }
        }
    }
}

fn no_such_ring(ring: &At<RingName>, rings: &[RingWish]) -> Problem {
    let names = || rings.iter().map(|ring| ring.name.as_str());
    let problem = Problem::at(&ring.place, format!("there is no ring `{}`", ring.value));
    match error::nearest(ring.value.as_str(), names()) {
        Some(near) => problem.help(format!("Did you mean `{near}`?")),
        None => problem.help(format!("There are {}.", names().collect::<Vec<_>>().join(", "))),
    }
}

fn not_ours(exception: &Exception, ring: &RingWish) -> Problem {
    let Exception { patch, system, .. } = exception;
    Problem::at(
        &patch.place,
        format!(
            "`{}` can't be rejected in the ring `{}`: its baseline for {system} is not orgpatch's",
            patch.value, ring.name
        ),
    )
    .help("Write rules or `aws` there, or reject the patch in that baseline yourself and name the other `rings` here.")
}

/// Whether an exception holds in a ring.
pub(super) fn is_in(exception: &Exception, ring: &RingName) -> bool {
    exception.rings.as_ref().is_none_or(|rings| rings.iter().any(|name| name.value == *ring))
}

/// The patches that are rejected in a ring on a day, in the order of the file.
pub(super) fn in_force(
    exceptions: &[Exception],
    ring: &RingName,
    system: OperatingSystem,
    today: Date,
) -> Vec<String> {
    exceptions
        .iter()
        .filter(|exception| exception.system == system && exception.until.value >= today)
        .filter(|exception| is_in(exception, ring))
        .map(|exception| exception.patch.value.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::policy::file;

    fn exceptions(text: &str) -> (Vec<Exception>, Vec<String>) {
        let mut problems = Vec::new();
        let exceptions = super::read(&file::read(text).unwrap(), &mut problems);
        (exceptions, problems.into_iter().map(|problem| problem.message).collect())
    }

    const KERNEL: &str = "patch: \"kernel-*\", os: amazon_linux_2023, owner: linux-team, ticket: OPS-812, until: 2026-12-31";

    #[test]
    fn an_exception_holds_in_its_rings_to_the_end_of_its_last_day() {
        let text = format!("[{{ {KERNEL}, rings: [prod] }}]");
        let (exceptions, problems) = exceptions(&text);
        assert!(problems.is_empty(), "{problems:?}");
        let of = |ring: &str, day| {
            let ring = ring.parse().unwrap();
            in_force(&exceptions, &ring, OperatingSystem::AmazonLinux2023, day)
        };

        assert_eq!(of("prod", date(2026, 12, 31)), ["kernel-*"]);
        assert!(of("prod", date(2027, 1, 1)).is_empty());
        assert!(of("staging", date(2026, 12, 31)).is_empty());
        let ring = "prod".parse().unwrap();
        let day = date(2026, 12, 31);
        assert!(in_force(&exceptions, &ring, OperatingSystem::Suse, day).is_empty());
    }

    #[test]
    fn without_rings_it_holds_in_all_of_them() {
        let (exceptions, _) = exceptions(&format!("[{{ {KERNEL} }}]"));
        let ring = "any".parse().unwrap();

        let rejected =
            in_force(&exceptions, &ring, OperatingSystem::AmazonLinux2023, date(2026, 11, 24));

        assert_eq!(rejected, ["kernel-*"]);
    }

    #[test]
    fn the_same_patch_is_excepted_once_in_a_ring() {
        let twice = |one: &str, other: &str| {
            let (_, problems) =
                exceptions(&format!("[{{ {KERNEL}, {one} }}, {{ {KERNEL}, {other} }}]"));
            problems.len()
        };

        assert_eq!(twice("rings: [prod]", "rings: [staging, prod]"), 1);
        assert_eq!(twice("rings: [prod]", "rings: [staging]"), 0);
        let (_, problems) = exceptions(&format!("[{{ {KERNEL} }}, {{ {KERNEL}, rings: [a] }}]"));
        assert_eq!(problems, ["`kernel-*` on amazon_linux_2023 has an exception already"]);
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let (exceptions, problems) = exceptions("[{}]");

        assert!(exceptions.is_empty());
        assert_eq!(
            problems,
            [
                "`exceptions.patch` is missing",
                "`exceptions.os` is missing",
                "`exceptions.owner` is missing",
                "`exceptions.ticket` is missing",
                "`exceptions.until` is missing",
            ]
        );
    }

    #[test]
    fn a_patch_must_be_one_that_can_be_rejected_there() {
        let (_, problems) = exceptions(
            "[{ patch: CVE-2026-12345, os: amazon_linux_2023, owner: a, ticket: b, until: 2026-12-31 }]",
        );

        assert_eq!(
            problems,
            [
                "`exceptions.patch`: `CVE-2026-12345` is a vulnerability, and only packages can be rejected"
            ]
        );
    }
}
