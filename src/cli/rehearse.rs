//! `rehearse`: the whole rollout on a simulated AWS.

use crate::{
    apply::{Event, Stop},
    cli::{
        args::RehearseArgs,
        execute::{conclude, execute},
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Look, Wish},
    },
    discover,
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
    let standing = discover::standing(&aws).await?;
    let Look { plan, .. } = world::look(&policy, Wish::Kept, &standing, &aws).await?;
    terminal.out(&plan_text(&plan, Detail::Folded));
    let consent = Consent { removals: Removals::AsThePolicySays, expected_digest: None };
    let approved = plan.approve(&consent)?;
    world::check_templates(approved.plan(), &aws, terminal).await?;
    terminal.say("\nRollout, in simulated time:");
    let show = terminal.progress(args.progress, approved.plan().steps.len());
    let (switch, stop) = Stop::new();
    let on_event = |event: Event<'_>| show.show(&event, Some(aws.now()));
    let executing =
        execute(&approved, &aws, "rehearsal", (&switch, &stop), show.as_ref(), on_event);
    let outcome = Box::pin(executing).await;
    let exit = conclude(approved.plan(), outcome.as_ref(), terminal);
    let Look { desired, observed, plan } =
        world::look(&policy, Wish::Kept, &standing, &aws).await?;
    terminal.out(&format!("\n{}", status_text(&plan, &plan::status(&desired, &observed))));
    let minutes = aws.now().as_secs().div_ceil(60);
    terminal.out(&format!("The rehearsal took {minutes} simulated minutes, at an assumed pace.\n"));
    Ok(exit)
}
