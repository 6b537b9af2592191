//! A whole rollout on a simulated AWS, on this machine, without credentials.
//!
//! [`rehearse`] looks, plans and applies as the commands do, and tells what came of it: which step ran
//! when, what became of each Region, what one failing account would do, and, with a [`FaultKind`], how a
//! second run finishes what a mishap left. All that looks like chance comes from a seed.
//!
//! It decides nothing about a policy: that is `plan`'s. How AWS behaves is `sim`'s.

mod failing;
mod fault;
mod run;
mod timeline;

pub use failing::FailingAccount;
pub use fault::{FaultKind, FaultTold};
pub use run::Run;
pub use timeline::{RegionRow, Row, Timeline};

use std::time::Duration;

use jiff::civil::Date;

use crate::{
    apply::{Event, Outcome},
    cloud::MaxRate,
    discover::{self, DiscoverError},
    plan::{self, Approved, Consent, Plan, Refusal, Removals, RingStatus},
    policy::{self, Policy, Problems, Surroundings},
    rehearsal::run::Tries,
    sim::{Assumptions, SimulatedAws},
    state::{Desired, Observed, Snapshot},
};

/// Runs after a mishap, at most. One is enough where nothing was running any more.
const MOST_RUNS: usize = 5;

/// How a rehearsal goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What looks like chance.
    pub seed: u64,
    /// The mishap, if there is to be one.
    pub fault: Option<FaultKind>,
    /// How long things take.
    pub assumptions: Assumptions,
    /// The most calls a second, where AWS's own rates are not to be used up.
    pub max_rate: Option<MaxRate>,
    /// The day of the plan.
    pub today: Date,
}

/// What can be seen of a rehearsal while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Watched<'a> {
    /// The first plan, before anything is done.
    Planned(&'a Plan),
    /// What goes wrong, before the first run begins.
    Fault(&'a FaultTold, &'a Plan),
    /// A run begins; the second and later ones finish what the one before left.
    Begins(&'a Plan, usize),
    /// Something happened, at this time.
    Event(&'a Event<'a>, Duration),
    /// A run has ended; none where the process was killed.
    Ended(&'a Plan, Option<&'a Outcome>),
}

/// What a rehearsal showed.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The plan of the first run.
    pub plan: Plan,
    /// The runs: one, and those that finish what a mishap left.
    pub runs: Vec<Run>,
    /// The mishap.
    pub fault: Option<FaultTold>,
    /// What one account that fails would do; none where the plan gives nothing to anybody.
    pub failing: Option<FailingAccount>,
    /// What is still to be done at the end: nothing, if all went well.
    pub left: Plan,
    /// How the policy stands at the end.
    pub rings: Vec<RingStatus>,
    /// The simulated time that it took.
    pub took: Duration,
    /// How many calls were made.
    pub calls: u64,
    /// How many of them were refused for coming too fast, and made again.
    pub throttled: u64,
    /// How long things were assumed to take.
    pub assumptions: Assumptions,
    /// What looked like chance.
    pub seed: u64,
}

/// Why nothing can be rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum Unrehearsed {
    /// The organization can't be planned for.
    #[error(transparent)]
    Organization(#[from] DiscoverError),
    /// The policy does not fit the organization.
    #[error("{0}")]
    Policy(Problems),
    /// The plan may not be carried out.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What a look gives.
struct Look {
    desired: Desired,
    observed: Observed,
    plan: Plan,
}

/// Rehearses the first rollout of a policy over a recorded organization in which nothing is deployed.
///
/// # Errors
///
/// Where the policy does not fit the organization, or the plan may not be carried out.
pub async fn rehearse(
    policy: &Policy,
    snapshot: Snapshot,
    settings: &Settings,
    mut watch: impl FnMut(Watched<'_>),
) -> Result<Rehearsal, Unrehearsed> {
    let Settings { seed, fault, assumptions, max_rate, today } = settings;
    let aws = SimulatedAws::new(snapshot).with_seed(*seed).with_assumptions(assumptions.clone());
    let aws = match max_rate {
        Some(most) => aws.with_max_rate(*most),
        None => aws,
    };
    let Look { plan, .. } = look(policy, &aws, *today).await?;
    watch(Watched::Planned(&plan));
    let approved = approve(plan.clone())?;

    let failing = failing::one_failing_account(&approved, &aws, *seed).await;
    let mishap = match fault {
        Some(kind) => Some(fault::work_out(*kind, &approved, &aws, *seed).await),
        None => None,
    };
    if let Some(mishap) = &mishap {
        watch(Watched::Fault(&mishap.told, &plan));
    }
    watch(Watched::Begins(&plan, 1));
    let mut tries = Tries::default();
    let mut runs = vec![tries.carry_out(&approved, &aws, mishap.as_ref(), &mut watch).await];
    fault::pass(&aws);
    let Look { mut desired, mut observed, plan: mut left } = look(policy, &aws, *today).await?;
    if mishap.is_some() {
        while !left.steps.is_empty() && runs.len() < MOST_RUNS {
            watch(Watched::Begins(&left, runs.len() + 1));
            let again = approve(left)?;
            runs.push(tries.carry_out(&again, &aws, None, &mut watch).await);
            Look { desired, observed, plan: left } = look(policy, &aws, *today).await?;
        }
    }
    Ok(Rehearsal {
        plan,
        runs,
        fault: mishap.map(|mishap| mishap.told),
        failing,
        rings: plan::status(&desired, &observed),
        left,
        took: aws.now(),
        calls: aws.calls().values().sum(),
        throttled: aws.throttled(),
        assumptions: assumptions.clone(),
        seed: *seed,
    })
}

fn approve(plan: Plan) -> Result<Approved, Refusal> {
    plan.approve(&Consent { removals: Removals::AsThePolicySays, expected_digest: None })
}

async fn look(policy: &Policy, aws: &SimulatedAws, today: Date) -> Result<Look, Unrehearsed> {
    let standing = discover::standing(aws).await?;
    let organization = discover::organization(aws, &standing.facts).await?;
    let regions = crate::cloud::CloudRead::regions(aws).await.map_err(DiscoverError::from)?;
    let found = discover::find(aws, standing.call_as, &policy.name, &policy.ring_names()).await;
    let surroundings = Surroundings {
        rings: &found.rings,
        organization: &organization,
        account: &standing.caller.account,
        call_as: standing.call_as,
        regions: &regions,
    };
    let mut desired = policy::resolve(policy, surroundings, today).map_err(Unrehearsed::Policy)?;
    desired.unseen.clone_from(&found.unseen);
    let observed =
        discover::observe(aws, standing.call_as, &discover::sought(&desired), found).await;
    let plan = plan::plan(&desired, &observed);
    Ok(Look { desired, observed, plan })
}
