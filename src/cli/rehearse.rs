//! `rehearse`: the whole rollout on a simulated AWS.

use crate::{
    cli::{
        args::RehearseArgs,
        execute::execute,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Look, Wish},
    },
    plan::{self, Consent, Removals},
    report::{Detail, plan_text, status_text},
    sim::{SimulatedAws, example_snapshot},
};

pub(super) async fn run(args: &RehearseArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let snapshot = match &args.org {
        Some(path) => world::snapshot(path)?,
        None => example_snapshot(),
    };
    let whose = args
        .org
        .as_ref()
        .map_or("the example organization".to_owned(), |path| path.display().to_string());
    terminal.say(&format!("Rehearsal on a simulated AWS over {whose}: nothing real is touched.\n"));
    if args.org.is_some() {
        world::warn_of_other_region(&policy, &snapshot, terminal);
    }
    let aws = SimulatedAws::new(snapshot);
    let Look { plan, .. } = world::look(&policy, Wish::Kept, &aws).await?;
    terminal.out(&plan_text(&plan, Detail::Folded));
    let consent = Consent { removals: Removals::AsThePolicySays, expected_digest: None };
    let approved = plan.approve(&consent)?;
    world::check_templates(approved.plan(), &aws, terminal).await?;
    terminal.say("\nRollout, in simulated time:");
    let exit =
        Box::pin(execute(&approved, &aws, args.progress, || Some(aws.now()), terminal)).await?;
    let Look { desired, observed, plan } = world::look(&policy, Wish::Kept, &aws).await?;
    terminal.out(&format!("\n{}", status_text(&plan, &plan::status(&desired, &observed))));
    let minutes = aws.now().as_secs().div_ceil(60);
    terminal.out(&format!("The rehearsal took {minutes} simulated minutes, at an assumed pace.\n"));
    Ok(exit)
}
