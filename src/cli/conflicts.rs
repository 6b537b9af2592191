//! `conflicts`: what else patches the same nodes. It holds a `CloudRead` and nothing else.

use crate::{
    cli::{
        args::{ConflictsArgs, Output},
        clock,
        failure::{Exit, Failure},
        policies::{self, Given},
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    cloud::CloudRead,
    discover,
    plan::{self, Findings},
    report::{Depth, conflicts_json, conflicts_text, count},
    sim::SimulatedAws,
    state::{ConflictCheck, Desired, Names, Observed},
};

pub(super) async fn run(
    args: &ConflictsArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let given = policies::read(&args.policies)?;
    for Given { file, policy } in &given {
        if policy.conflict_check == ConflictCheck::Off {
            terminal.say(&format!(
                "warning: `checks.conflicts` is `off` in {}, so nothing is looked for on its behalf",
                file.display()
            ));
        }
    }
    if let Some(path) = &args.org {
        let snapshot = world::snapshot(path)?;
        terminal.say(&format!(
            "Offline: over the organization recorded in {} on {}. What is deployed is not recorded, so the policies are held against each other only.",
            path.display(),
            snapshot.taken_at
        ));
        let aws = SimulatedAws::new(snapshot);
        let clouds: Vec<&SimulatedAws> = given.iter().map(|_| &aws).collect();
        return find(args, &given, &clouds, terminal).await;
    }
    let connected = policies::connect(&given, world, terminal).await?;
    let clouds: Vec<_> =
        given.iter().map(|given| &connected[&given.policy.home_region.value]).collect();
    find(args, &given, &clouds, terminal).await
}

async fn find<C: CloudRead>(
    args: &ConflictsArgs,
    given: &[Given],
    clouds: &[&C],
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let Some(first) = clouds.first() else { return Ok(Exit::Done) };
    let standing = discover::standing(*first).await?;
    let grounds = Box::pin(world::grounds(&standing, *first)).await?;
    let mut looks: Vec<Look> = Vec::new();
    let mut failures = Vec::new();
    for (Given { policy, .. }, cloud) in given.iter().zip(clouds) {
        let found = world::find(policy, &standing, *cloud).await;
        let look = world::look_on(&grounds, policy, Wish::Kept, &standing, found, *cloud);
        match Box::pin(look).await {
            Ok(look) => looks.push(look),
            Err(failure) => failures.push(failure),
        }
    }
    if let Some(failure) = Failure::together(failures) {
        return Err(failure);
    }
    let pairs: Vec<(&Desired, &Observed)> =
        looks.iter().map(|look| (&look.desired, &look.observed)).collect();
    let mut findings = plan::conflicts_of(&pairs);
    let mut depth = Depth::StackSets;
    if args.deep {
        let places = plan::deep_places(&pairs);
        terminal.say(&format!(
            "Looking into {} (account and Region) with the role {}.",
            count(places.len(), "place"),
            args.role_name
        ));
        let found = Box::pin(discover::deep(*first, &places, &args.role_name)).await;
        findings.extend(plan::deep_conflicts(&pairs, &found, clock::timestamp()));
        depth = Depth::Accounts(places.len());
    }
    let names: Vec<&Names> = pairs.iter().map(|(desired, _)| &desired.names).collect();
    terminal.out(&match args.output {
        Output::Text => conflicts_text(&findings, &names, depth),
        Output::Json => format!("{:#}\n", conflicts_json(&findings, depth)),
    });
    Ok(exit(&findings))
}

/// What could not be read is no success, whatever was found besides.
fn exit(findings: &Findings) -> Exit {
    let Findings { conflicts, unread } = findings;
    if conflicts.iter().any(|conflict| conflict.check == ConflictCheck::Error) {
        Exit::Refused
    } else if !unread.is_empty() {
        Exit::Failed
    } else {
        Exit::Done
    }
}
