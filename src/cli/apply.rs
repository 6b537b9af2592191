//! `apply`: show the plan, ask, and carry it out.

use crate::{
    apply::Respect,
    cli::{
        args::ApplyArgs,
        failure::{Exit, Failure},
        locked::Run,
        signals::Signals,
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    discover,
    plan::{Approved, Consent, Plan, Refusal, Removals},
    report::{Detail, plan_text},
};

pub(super) async fn run(
    args: &ApplyArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    let consent = Consent {
        removals: args.allow_removals.map_or(Removals::AsThePolicySays, Removals::UpTo),
        expected_digest: args.expect.clone(),
    };
    let wish = if args.retry_failed { Wish::Repaired } else { Wish::Kept };
    let mut respect = if args.break_lock { Respect::Nobody } else { Respect::Lock };
    let mut signals = Signals::new();
    let standing = signals.or_leave(async { Ok(discover::standing(&aws).await?) }).await?;
    loop {
        let preparing = Box::pin(async {
            let begun =
                Run::begin("apply", &policy, &standing, respect, (&aws, world), terminal).await?;
            let found = world::find(&policy, &standing, &aws).await;
            let Look { plan, .. } = world::look(&policy, wish, &standing, found, &aws).await?;
            let plan = args.selection.narrow(plan)?;
            terminal.out(&plan_text(&plan, args.show.into()));
            let approved = approve(&plan, consent.clone(), args, terminal).await?;
            world::check_templates(approved.plan(), &aws, terminal).await?;
            Ok((begun, approved))
        });
        let (begun, approved) = signals.or_leave(preparing).await?;
        if approved.plan().is_empty() {
            return Ok(Exit::Done);
        }
        let running = begun.carry_out(&approved, args.progress, &mut signals, terminal);
        let exit = Box::pin(running).await?;
        // The lock that was to be broken has been.
        respect = Respect::Lock;
        // What was waited for has changed what is there, so the plan was only its first part.
        if exit != Exit::Done || !approved.plan().waits() {
            return Ok(exit);
        }
        if args.expect.is_some() {
            terminal.say("What was running has ended, and this plan is carried out as far as it went: what comes now has another digest. Run `orgpatch plan` again, look at it, and expect its digest.");
            return Ok(Exit::InPart);
        }
        terminal.say("\nWhat was running has ended. Looking again.\n");
    }
}

/// Asks what has to be asked. Without anybody to ask, `--yes` must have been given.
async fn approve(
    plan: &Plan,
    consent: Consent,
    args: &ApplyArgs,
    terminal: &Terminal,
) -> Result<Approved, Failure> {
    let may_ask = !args.yes && terminal.is_interactive();
    let approved = match plan.clone().approve(&consent) {
        Err(Refusal::Removals { accounts, .. }) if may_ask => {
            let question = format!(
                "This plan takes something away from {accounts} accounts. Type the policy's name to allow it:"
            );
            let answer = terminal.ask(&question).await;
            let name =
                answer.and_then(|answer| answer.parse().ok()).filter(|name| *name == plan.policy);
            let name = name.ok_or_else(cancelled)?;
            plan.clone().approve(&Consent { removals: Removals::ByName(name), ..consent })?
        }
        other => other?,
    };
    if approved.plan().steps.is_empty() || args.yes {
        return Ok(approved);
    }
    if !may_ask {
        return Err(Failure::new(
            Exit::Refused,
            "there is no terminal to ask on; nothing was changed",
        )
        .help(
            "Run it with `--yes`, best with `--expect DIGEST` of a plan that somebody has seen.",
        ));
    }
    loop {
        match terminal.ask("Apply this plan? yes / no / details:").await.as_deref() {
            Some("yes") => return Ok(approved),
            Some("details") => terminal.out(&plan_text(approved.plan(), Detail::Everything)),
            Some("no") | None => return Err(cancelled()),
            Some(_) => terminal.say("Please answer `yes`, `no` or `details`."),
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(Exit::Refused, "cancelled; nothing was changed")
}
