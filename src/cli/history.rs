//! `history`: who applied a policy when, and what came of it.

use crate::{
    apply::read_runs,
    cli::{
        args::{HistoryArgs, Output},
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, World},
    },
    discover,
    ids::BucketName,
    policy,
    report::{history_json, history_text},
};

pub(super) async fn run(
    args: &HistoryArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    let standing = discover::standing(&aws).await?;
    let found = world::find(&policy, &standing, &aws).await;
    let (organization, account) = (&standing.facts.id, &standing.caller.account);
    let homes = policy::ring_homes(&policy, &found.rings, organization, account);
    let buckets: Vec<BucketName> = homes.into_iter().map(|home| home.bucket).collect();
    let runs = read_runs(&aws, &buckets, args.limit).await?;
    terminal.out(&match args.output {
        Output::Text => history_text(&policy.name, &buckets, runs.as_deref()),
        Output::Json => format!("{:#}\n", history_json(&policy.name, &buckets, runs.as_deref())),
    });
    Ok(Exit::Done)
}
