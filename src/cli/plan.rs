//! `plan`: show what `apply` would change. It holds a `CloudRead` and nothing else.

use crate::{
    cli::{
        args::{PlanArgs, PlanOutput},
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    cloud::CloudRead,
    discover,
    plan::{Consent, Plan, Refusal, Removals},
    policy::Policy,
    report::{plan_json, plan_markdown, plan_text},
    sim::SimulatedAws,
};

pub(super) async fn run(
    args: &PlanArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    if let Some(path) = &args.org {
        let snapshot = world::snapshot(path)?;
        terminal.say(&format!(
            "Offline: over the organization recorded in {} on {}. What is deployed is not recorded, so everything is shown as new.",
            path.display(),
            snapshot.taken_at
        ));
        world::warn_of_other_region(&policy, &snapshot, terminal);
        return show(args, &policy, &SimulatedAws::new(snapshot), terminal).await;
    }
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    show(args, &policy, &aws, terminal).await
}

async fn show(
    args: &PlanArgs,
    policy: &Policy,
    cloud: &impl CloudRead,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let standing = discover::standing(cloud).await?;
    let found = world::find(policy, &standing, cloud).await;
    let Look { plan, .. } = world::look(policy, Wish::Kept, &standing, found, cloud).await?;
    let plan = args.selection.narrow(plan)?;
    terminal.out(&match args.output {
        PlanOutput::Text => plan_text(&plan, args.show.into()),
        PlanOutput::Json => format!("{:#}\n", plan_json(&plan)),
        PlanOutput::Markdown => plan_markdown(&[&plan], None),
    });
    if let Some(refusal) = refusal(&plan) {
        terminal.say(&format!("`orgpatch apply` will refuse this: {refusal}. {}", refusal.help()));
    }
    Ok(exit(&plan, args.detailed_exitcode))
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
