//! `plan`: show what `apply` would change. It holds a `CloudRead` and nothing else.

use crate::{
    cli::{
        args::{PlanArgs, PlanOutput},
        failure::{Exit, Failure},
        policies::{self, Given},
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    cloud::CloudRead,
    discover,
    plan::{self, Conflict, Consent, Plan, Refusal, Removals},
    report::{between_text, file_heading, plan_json, plan_markdown, plan_text, plans_json},
    sim::SimulatedAws,
    state::{ConflictCheck, Desired, Names, Observed},
};

pub(super) async fn run(
    args: &PlanArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let given = policies::read(&args.policies)?;
    of(&given, args, world, terminal).await
}

/// Plans policies that have been read.
pub(super) async fn of(
    given: &[Given],
    args: &PlanArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if let Some(path) = &args.org {
        let snapshot = world::snapshot(path)?;
        terminal.say(&format!(
            "Offline: over the organization recorded in {} on {}. What is deployed is not recorded, so everything is shown as new.",
            path.display(),
            snapshot.taken_at
        ));
        for Given { policy, .. } in given {
            world::warn_of_other_region(policy, &snapshot, terminal);
        }
        let aws = SimulatedAws::new(snapshot);
        let clouds: Vec<&SimulatedAws> = given.iter().map(|_| &aws).collect();
        return show(args, given, &clouds, terminal).await;
    }
    let connected = policies::connect(given, world, terminal).await?;
    let clouds: Vec<_> =
        given.iter().map(|given| &connected[&given.policy.home_region.value]).collect();
    show(args, given, &clouds, terminal).await
}

/// Plans each policy with the cloud that stands at its place.
async fn show<C: CloudRead>(
    args: &PlanArgs,
    given: &[Given],
    clouds: &[&C],
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let Some(first) = clouds.first() else { return Ok(Exit::Done) };
    let standing = discover::standing(*first).await?;
    let grounds = Box::pin(world::grounds(&standing, *first)).await?;
    let is_one = policies::is_one_file(&args.policies);
    let mut looks: Vec<Look> = Vec::new();
    let mut end = Exit::Done;
    for (Given { file, policy }, cloud) in given.iter().zip(clouds) {
        let found = world::find(policy, &standing, *cloud).await;
        let look = world::look_on(&grounds, policy, Wish::Kept, &standing, found, *cloud);
        let look = match Box::pin(look).await {
            Ok(look) => look,
            Err(failure) if is_one => return Err(failure),
            Err(failure) => {
                terminal.failure(&failure);
                end = end.or_worse(failure.exit);
                continue;
            }
        };
        let plan = match args.selection.narrow(look.plan) {
            Ok(plan) => plan,
            Err(failure) if is_one => return Err(failure),
            Err(failure) => {
                terminal.say(&format!("{}:", file.display()));
                terminal.failure(&failure);
                end = end.or_worse(failure.exit);
                continue;
            }
        };
        let look = Look { plan, ..look };
        match (args.output, is_one) {
            (PlanOutput::Text, true) => terminal.out(&plan_text(&look.plan, args.show.into())),
            (PlanOutput::Text, false) => {
                let heading = file_heading(&file.display().to_string());
                let text = plan_text(&look.plan, args.show.into());
                terminal.out(&format!("{heading}{text}\n"));
            }
            (PlanOutput::Json, true) => terminal.out(&format!("{:#}\n", plan_json(&look.plan))),
            (PlanOutput::Markdown, true) => terminal.out(&plan_markdown(&[&look.plan], None)),
            (PlanOutput::Json | PlanOutput::Markdown, false) => {}
        }
        if let Some(refusal) = refusal(&look.plan) {
            let what = if is_one { "this".to_owned() } else { format!("`{}`", policy.name) };
            terminal.say(&format!(
                "`orgpatch apply` will refuse {what}: {refusal}. {}",
                refusal.help()
            ));
        }
        end = end.or_worse(exit(&look.plan, args.detailed_exitcode));
        looks.push(look);
    }
    if is_one {
        return Ok(end);
    }
    let pairs: Vec<(&Desired, &Observed)> =
        looks.iter().map(|look| (&look.desired, &look.observed)).collect();
    let conflicts = plan::between(&pairs);
    let names: Vec<&Names> = pairs.iter().map(|(desired, _)| &desired.names).collect();
    let plans: Vec<&Plan> = looks.iter().map(|look| &look.plan).collect();
    match args.output {
        PlanOutput::Text => terminal.out(&between_text(&conflicts, &names)),
        PlanOutput::Markdown => {
            let between = between_text(&conflicts, &names);
            terminal.out(&plan_markdown(&plans, Some(&between)));
        }
        PlanOutput::Json => {
            terminal.out(&format!("{:#}\n", plans_json(&plans, &conflicts)));
        }
    }
    let refuses = |conflict: &Conflict| conflict.check == ConflictCheck::Error;
    Ok(if conflicts.iter().any(refuses) { end.or_worse(Exit::Refused) } else { end })
}

/// What the policy's guards say to a plan. What stands in its way it says itself.
fn refusal(plan: &Plan) -> Option<Refusal> {
    let consent = Consent { removals: Removals::AsThePolicySays, expected_digest: None };
    let refusal = plan.clone().approve(&consent).err()?;
    matches!(refusal, Refusal::Removals { .. } | Refusal::Changes { .. }).then_some(refusal)
}

/// A plan with holes is not a success, whatever was asked.
fn exit(plan: &Plan, detailed: bool) -> Exit {
    let in_the_way = plan.blocked.iter().any(|blocked| blocked.because.refuses());
    if in_the_way {
        Exit::Refused
    } else if !plan.blocked.is_empty() {
        Exit::Failed
    } else if detailed && !plan.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    }
}
