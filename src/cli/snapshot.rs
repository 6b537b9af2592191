//! `snapshot`: record the organization.

use crate::{
    cli::{
        args::SnapshotArgs,
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::World,
    },
    discover,
};

pub(super) async fn run(
    args: &SnapshotArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let aws = world.connect(args.region.as_ref(), terminal).await?;
    let snapshot = Box::pin(discover::snapshot(&aws, clock::now())).await?;
    let accounts = snapshot.organization.accounts().count();
    let units = snapshot.organization.units().count() - 1;
    let text = serde_json::to_string_pretty(&snapshot).map_err(|error| {
        Failure::new(Exit::Failed, format!("the snapshot can't be written: {error}"))
    })?;
    std::fs::write(&args.out, text + "\n").map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` can't be written: {error}", args.out.display()))
    })?;
    terminal.out(&format!("{}: {accounts} accounts in {units} OUs\n", args.out.display()));
    Ok(Exit::Done)
}
