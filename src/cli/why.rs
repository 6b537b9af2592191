//! `why`: why an account or an OU is in or out.

use std::collections::BTreeSet;

use crate::{
    cli::{
        args::{Output, WhyArgs},
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, World},
    },
    cloud::CloudRead,
    discover,
    policy::{Policy, Subject, Surroundings, explain},
    report::{explanation_json, explanation_text},
    sim::SimulatedAws,
};

pub(super) async fn run(
    args: &WhyArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    if let Some(path) = &args.org {
        let snapshot = world::snapshot(path)?;
        return answer(args, &policy, &SimulatedAws::new(snapshot), terminal).await;
    }
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    answer(args, &policy, &aws, terminal).await
}

async fn answer(
    args: &WhyArgs,
    policy: &Policy,
    cloud: &impl CloudRead,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let standing = discover::standing(cloud).await?;
    let organization = discover::organization(cloud, &standing.facts).await?;
    let regions = cloud.regions().await?;
    let surroundings = Surroundings {
        // What is deployed has no say in who is meant.
        rings: &BTreeSet::new(),
        organization: &organization,
        account: &standing.caller.account,
        call_as: standing.call_as,
        regions: &regions,
    };
    let subject = Subject::from(args.subject.as_str());
    let region = args.in_region.as_ref();
    let explanation = explain(policy, surroundings, &subject, region, clock::today())?;
    terminal.out(&match args.output {
        Output::Text => explanation_text(&explanation),
        Output::Json => format!("{:#}\n", explanation_json(&explanation)),
    });
    Ok(Exit::Done)
}
