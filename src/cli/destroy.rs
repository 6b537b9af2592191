//! `destroy`: take away all that a policy has made.

use crate::{
    apply::Respect,
    cli::{
        args::DestroyArgs,
        failure::{Exit, Failure},
        locked::Run,
        signals::Signals,
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    discover,
    plan::{Consent, Removals},
    policy::{AccessLogs, Additions, Policy},
    report::{Detail, plan_text},
};

pub(super) async fn run(
    args: &DestroyArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    let wish = Wish::Removed(
        if args.keep_roles { Additions::Left } else { Additions::TakenBack },
        if args.keep_logs { AccessLogs::Kept } else { AccessLogs::Deleted },
    );
    let mut has_said_so = false;
    let mut respect = if args.break_lock { Respect::Nobody } else { Respect::Lock };
    let mut signals = Signals::new();
    let standing = signals.or_leave(async { Ok(discover::standing(&aws).await?) }).await?;
    loop {
        let preparing = Box::pin(async {
            let begun =
                Run::begin("destroy", &policy, &standing, respect, (&aws, world), terminal).await?;
            let found = world::find(&policy, &standing, &aws).await;
            let Look { plan, .. } = world::look(&policy, wish, &standing, found, &aws).await?;
            if plan.is_empty() {
                return Ok(None);
            }
            terminal.out(&plan_text(&plan, Detail::Folded));
            if !has_said_so {
                ask(args, &policy, terminal).await?;
                has_said_so = true;
            }
            let consent =
                Consent { removals: Removals::ByName(policy.name.clone()), expected_digest: None };
            let approved = plan.approve(&consent)?;
            world::check_templates(approved.plan(), &aws, terminal).await?;
            Ok(Some((begun, approved)))
        });
        let Some((begun, approved)) = signals.or_leave(preparing).await? else {
            if !has_said_so {
                terminal.out(&format!(
                    "Nothing of the policy {} is there: looked in account {}, home Region {}.\n",
                    policy.name, standing.caller.account, policy.home_region.value
                ));
            }
            return Ok(Exit::Done);
        };
        let running = begun.carry_out(&approved, args.progress, &mut signals, terminal);
        let exit = Box::pin(running).await?;
        // The lock that was to be broken has been.
        respect = Respect::Lock;
        if exit != Exit::Done || !approved.plan().waits() {
            return Ok(exit);
        }
        terminal.say("\nWhat was running has ended. Looking again.\n");
    }
}

/// Has the policy's name typed, or takes it from `--yes`.
async fn ask(args: &DestroyArgs, policy: &Policy, terminal: &Terminal) -> Result<(), Failure> {
    let refused = |why: String| Failure::new(Exit::Refused, format!("{why}; nothing was changed"));
    let typed = match &args.yes {
        Some(name) => name.to_string(),
        None if terminal.is_interactive() => terminal
            .ask("This takes all of it away. Type the policy's name to go on:")
            .await
            .ok_or_else(|| refused("cancelled".to_owned()))?,
        None => {
            return Err(refused("there is no terminal to ask on".to_owned())
                .help(format!("Run it with `--yes {}`.", policy.name)));
        }
    };
    if typed == policy.name.as_str() {
        return Ok(());
    }
    Err(refused(format!("the policy is called `{}`, and `{typed}` was given", policy.name))
        .help("The name is asked for so that nothing is taken away by mistake."))
}
