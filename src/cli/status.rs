//! `status`: how a policy stands.

use crate::{
    cli::{
        args::{Output, StatusArgs},
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    discover, plan,
    report::{status_json, status_text},
};

pub(super) async fn run(
    args: &StatusArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    let standing = discover::standing(&aws).await?;
    let found = world::find(&policy, &standing, &aws).await;
    let look = world::look(&policy, Wish::Kept, &standing, found, &aws);
    let Look { desired, observed, plan } = Box::pin(look).await?;
    let selection = args.selection.find(&plan)?;
    let plan = plan::narrow(plan, &selection);
    let rings = plan::status_within(&desired, &observed, &selection);
    terminal.out(&match args.output {
        Output::Text => status_text(&plan, &rings),
        Output::Json => format!("{:#}\n", status_json(&plan, &rings)),
    });
    // What could not be read is no standing at all.
    Ok(if plan.blocked.is_empty() { Exit::Done } else { Exit::Failed })
}
