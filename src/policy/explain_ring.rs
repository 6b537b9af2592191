//! What a ring gives to its accounts, and which lines of the file say so.

use jiff::civil::Date;

use crate::{
    ids::{OperatingSystem, Region},
    state::{
        Approvals, ApprovalsExplained, BaselineExplained, BaselineOrigin, ExceptionExplained,
        FileLine, RingExplained, RunExplained, ScheduleLine,
    },
    templates::Nodes,
};

use super::{
    approvals, calendars, compile,
    error::Place,
    exceptions,
    rules::{Approve, BaselineWish, Rule},
    values::{At, Policy, RingWish},
};

/// The line of a place.
pub(super) fn line(policy: &Policy, place: &Place) -> FileLine {
    FileLine { file: policy.file.clone(), line: place.line }
}

/// What a ring gives, in all its Regions or in one. Which OU of the ring is meant is still to be said.
pub(super) fn ring(
    policy: &Policy,
    wish: &RingWish,
    only: Option<&Region>,
    today: Date,
) -> RingExplained {
    let regions: Vec<Region> = wish.regions.iter().map(|region| region.value.clone()).collect();
    let shown: Vec<&Region> =
        regions.iter().filter(|region| only.is_none_or(|only| only == *region)).collect();
    let (schedule, unsaid) = schedule(policy, wish, &shown, today);
    let calendars =
        shown.iter().flat_map(|region| calendars::of_region(&wish.schedule, region)).collect();
    RingExplained {
        name: wish.name.clone(),
        line: line(policy, &wish.place),
        target: None,
        passed_over: Vec::new(),
        nodes: nodes(&wish.nodes),
        schedule,
        unsaid,
        calendars,
        approvals: said(policy, wish.approve.as_ref(), today),
        baselines: OperatingSystem::ALL
            .into_iter()
            .map(|system| baseline(policy, wish, system, today))
            .collect(),
        exceptions: rejected(policy, wish, today),
        regions,
    }
}

fn nodes(nodes: &Nodes) -> String {
    match nodes {
        Nodes::All => "all managed nodes".to_owned(),
        Nodes::Tags(tags) => {
            let tags: Vec<String> = tags
                .iter()
                .map(|(key, values)| {
                    if values.is_empty() {
                        key.clone()
                    } else {
                        format!("{key} = {}", values.join(" or "))
                    }
                })
                .collect();
            format!("nodes with the tag {}", tags.join(" and the tag "))
        }
        Nodes::ResourceGroup(group) => format!("nodes of the resource group {group}"),
        Nodes::InstanceIds(ids) => format!("the nodes {}", ids.join(", ")),
    }
}

fn schedule(
    policy: &Policy,
    wish: &RingWish,
    regions: &[&Region],
    today: Date,
) -> (Vec<RunExplained>, Vec<String>) {
    let mut runs = Vec::new();
    let mut unsaid = Vec::new();
    let whens = [("scan", Some(&wish.schedule.scan)), ("install", wish.schedule.install.as_ref())];
    for (what, when) in whens {
        let Some(At { value: when, place }) = when else { continue };
        let line = line(policy, place);
        for &region in regions {
            match compile::compile(when, &wish.schedule.timezone, region, today) {
                Ok(compiled) => runs.push(RunExplained {
                    run: ScheduleLine {
                        region: region.clone(),
                        what,
                        expression: compiled.expression,
                        offset_days: compiled.offset_days,
                        local: compiled.local,
                    },
                    line: line.clone(),
                }),
                Err(error) => unsaid.push(format!("{line}: {}", error.message())),
            }
        }
    }
    (runs, unsaid)
}

/// Approvals by the word of the file, or by default.
fn said(policy: &Policy, approve: Option<&At<Approve>>, today: Date) -> ApprovalsExplained {
    ApprovalsExplained {
        approvals: approvals::in_force(approve.map(|approve| &approve.value), today),
        line: approve.map(|approve| line(policy, &approve.place)),
        rule: None,
    }
}

fn baseline(
    policy: &Policy,
    wish: &RingWish,
    system: OperatingSystem,
    today: Date,
) -> BaselineExplained {
    let found = wish.baselines.get(&system);
    let as_it_is =
        ApprovalsExplained { approvals: Approvals::AsTheBaselineSays, line: None, rule: None };
    let ring = said(policy, wish.approve.as_ref(), today);
    let rule = |rule: &Rule| {
        let approve = rule.approve.as_ref().or(wish.approve.as_ref());
        let rule = Some(line(policy, &rule.place));
        ApprovalsExplained { rule, ..undated(system, said(policy, approve, today)) }
    };
    let (origin, approvals) = match found.map(|found| &found.value) {
        // AWS's default says itself when its patches are approved, unless the file does.
        None | Some(BaselineWish::Aws) => {
            let is_said = wish.approve.is_some() && undated(system, ring.clone()) == ring;
            (BaselineOrigin::Aws, vec![if is_said { ring } else { as_it_is }])
        }
        Some(BaselineWish::Existing(id)) => {
            (BaselineOrigin::Existing { id: id.clone() }, vec![as_it_is])
        }
        Some(BaselineWish::Named(name)) => {
            (BaselineOrigin::Named { name: name.to_string() }, vec![as_it_is])
        }
        Some(BaselineWish::Rules(rules)) => {
            let origin = BaselineOrigin::Rules { count: rules.rules.len() };
            // Patches that a ring approves by name take the place of rules.
            if matches!(ring.approvals, Approvals::Only { .. }) {
                (origin, vec![ring])
            } else {
                (origin, rules.rules.iter().map(rule).collect())
            }
        }
    };
    BaselineExplained {
        system,
        origin,
        line: found.map(|found| line(policy, &found.place)),
        approvals,
    }
}

/// Neither days nor a day mean anything where there are no release dates.
fn undated(system: OperatingSystem, said: ApprovalsExplained) -> ApprovalsExplained {
    let is_dated = matches!(said.approvals, Approvals::AfterDays { .. } | Approvals::Until { .. });
    if is_dated && !system.tells_release_dates() {
        ApprovalsExplained { approvals: Approvals::AtOnce, ..said }
    } else {
        said
    }
}

fn rejected(policy: &Policy, wish: &RingWish, today: Date) -> Vec<ExceptionExplained> {
    policy
        .exceptions
        .iter()
        .filter(|exception| exceptions::is_in(exception, &wish.name))
        .filter(|exception| exception.until.value >= today)
        .map(|exception| ExceptionExplained {
            patch: exception.patch.value.clone(),
            system: exception.system,
            until: exception.until.value,
            owner: exception.owner.clone(),
            ticket: exception.ticket.clone(),
            line: line(policy, &exception.patch.place),
        })
        .collect()
}
