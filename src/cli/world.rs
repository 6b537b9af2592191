//! What every command needs: the policy, AWS or a recorded organization, and a look at it.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use crate::{
    cli::{
        args::AwsArgs,
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
    },
    cloud::{CloudErrorKind, CloudRead},
    discover::{self, Found, Standing},
    ids::Region,
    plan::{self, Plan},
    policy::{self, AccessLogs, Additions, Policy, Problems, Surroundings},
    state::{Desired, NoSnapshot, Observed, Organization, RegionStatus, Snapshot, read_snapshot},
};

/// What a connection speaks to.
#[cfg(feature = "aws")]
pub(super) type Cloud = crate::aws::Aws;

/// What a connection would speak to, if this binary could make one.
#[cfg(not(feature = "aws"))]
pub(super) type Cloud = crate::sim::SimulatedAws;

/// The environment and the options that say how AWS is reached.
#[derive(Debug)]
pub(super) struct World {
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the wire needs it"))]
    aws: AwsArgs,
    environment: Vec<(String, String)>,
}

impl World {
    pub(super) fn new(
        aws: &AwsArgs,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { aws: aws.clone(), environment }
    }

    /// What this machine calls itself, where it says so.
    pub(super) fn host(&self) -> Option<String> {
        let named = |name: &str| {
            let found = self.environment.iter().find(|(variable, _)| variable == name);
            found.map(|(_, value)| value.clone())
        };
        named("HOSTNAME")
            .or_else(|| named("COMPUTERNAME"))
            .or_else(|| std::fs::read_to_string("/etc/hostname").ok())
            .map(|host| host.trim().to_owned())
            .filter(|host| !host.is_empty())
    }

    /// Connects to AWS in a policy's home Region, or in the one that was named where there is no policy.
    ///
    /// # Errors
    ///
    /// Where there are no usable credentials, or the settings are wrong.
    #[cfg(feature = "aws")]
    pub(super) async fn connect(
        &self,
        region: Option<&crate::ids::Region>,
        terminal: &Terminal,
    ) -> Result<Cloud, Failure> {
        let environment = crate::aws::check_environment(self.environment.iter().cloned())
            .map_err(|message| Failure::new(Exit::Usage, message))?;
        if !environment.endpoint_variables.is_empty() {
            let names: Vec<&str> =
                environment.endpoint_variables.iter().map(String::as_str).collect();
            terminal
                .say(&format!("warning: {} is set, so this is not AWS itself", names.join(", ")));
        }
        let settings = crate::aws::Settings {
            profile: self.aws.profile.clone().or(environment.profile),
            region: region.cloned(),
            s3_path_style: environment.s3_path_style,
            retries: environment.retries,
            max_rate: self.aws.max_rate,
        };
        Ok(Box::pin(crate::aws::Aws::connect(settings)).await?)
    }

    /// Refuses, since this binary can't speak to AWS.
    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the same form as with the feature")]
    pub(super) async fn connect(
        &self,
        _region: Option<&crate::ids::Region>,
        _terminal: &Terminal,
    ) -> Result<Cloud, Failure> {
        Err(Failure::new(Exit::Usage, "this orgpatch was built without AWS (`--no-default-features`)").help(
            "Build it with its default features, or use `rehearse` or `--org SNAPSHOT`, which need no AWS.",
        ))
    }
}

/// Reads a policy file.
pub(super) fn policy(path: &Path) -> Result<Policy, Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("the policy file `{name}` can't be read: {error}"))
            .help("Give the path of a policy file; the folder policies/ has examples.")
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::new(Exit::Usage, format!("`{name}` is not a text file: byte {place} is not UTF-8"))
            .help("Is this really a policy file?")
    })?;
    let refused = |problems: Problems| Failure::policy(Exit::Usage, &problems);
    let policy = policy::parse(&name, &text).map_err(refused)?;
    // What no day of the plan can mean is wrong with the file, too.
    policy.on(clock::today()).map_err(refused)?;
    Ok(policy)
}

/// Reads a recorded organization.
pub(super) fn snapshot(path: &Path) -> Result<Snapshot, Failure> {
    let name = path.display().to_string();
    let unreadable = |why: String, help: &str| {
        let message = format!("the snapshot `{name}` can't be read: {why}");
        Failure::new(Exit::Usage, message).help(help)
    };
    let anew = "Record it anew with `orgpatch snapshot --out FILE`.";
    let text =
        std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string(), anew))?;
    read_snapshot(&text).map_err(|error| {
        let help = match &error {
            NoSnapshot::OtherVersion(version) if *version > Snapshot::FORMAT_VERSION.into() => {
                "A newer orgpatch wrote it. Use that one, or record it anew with `orgpatch snapshot --out FILE`."
            }
            _ => anew,
        };
        unreadable(error.to_string(), help)
    })
}

/// Says where a recorded organization does not fit a policy: baselines are those of its Region.
pub(super) fn warn_of_other_region(policy: &Policy, snapshot: &Snapshot, terminal: &Terminal) {
    let (home, recorded) = (&policy.home_region.value, &snapshot.region);
    if home != recorded {
        terminal.say(&format!(
            "warning: the organization was recorded in {recorded}, so the baselines are those of {recorded} and not of the policy's home Region {home}"
        ));
    }
}

/// Has CloudFormation look at the templates of a plan before anything is changed. What it would refuse
/// must not stop a rollout half-way.
pub(super) async fn check_templates(
    plan: &Plan,
    cloud: &impl CloudRead,
    terminal: &Terminal,
) -> Result<(), Failure> {
    for template in plan.templates().into_values().filter(|template| !template.is_large()) {
        match cloud.check_template(template.body()).await {
            Ok(()) => {}
            Err(error) if error.kind == CloudErrorKind::Refused => {
                let message = format!("{error}; nothing was changed");
                return Err(Failure::new(Exit::Failed, message).help(
                    "orgpatch makes the templates, so please report it, with the policy and what `orgpatch render` writes.",
                ));
            }
            Err(error) => {
                terminal
                    .say(&format!("warning: a template could not be checked beforehand: {error}"));
            }
        }
    }
    Ok(())
}

/// What a look at the world gives.
pub(super) struct Look {
    /// What the policy asks for.
    pub(super) desired: Desired,
    /// What is there.
    pub(super) observed: Observed,
    /// What would have to change.
    pub(super) plan: Plan,
}

/// Whether a policy should be there, or be taken away, and then how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Kept,
    /// What failed is tried again, and nothing else.
    Repaired,
    Removed(Additions, AccessLogs),
}

/// Looks for what there is of a policy.
pub(super) async fn find(policy: &Policy, standing: &Standing, cloud: &impl CloudRead) -> Found {
    discover::find(cloud, standing.call_as, &policy.name, &policy.ring_names()).await
}

/// What all policies of an organization are laid over. It is the same in every Region.
pub(super) struct Grounds {
    organization: Organization,
    regions: BTreeMap<Region, RegionStatus>,
}

/// Looks at the organization.
pub(super) async fn grounds(
    standing: &Standing,
    cloud: &impl CloudRead,
) -> Result<Grounds, Failure> {
    let organization = discover::organization(cloud, &standing.facts).await?;
    Ok(Grounds { organization, regions: cloud.regions().await? })
}

/// Looks at the organization, lays the policy over it, looks at what is deployed, and plans.
pub(super) async fn look(
    policy: &Policy,
    wish: Wish,
    standing: &Standing,
    found: Found,
    cloud: &impl CloudRead,
) -> Result<Look, Failure> {
    let grounds = grounds(standing, cloud).await?;
    look_on(&grounds, policy, wish, standing, found, cloud).await
}

/// The same over an organization that has been looked at.
pub(super) async fn look_on(
    grounds: &Grounds,
    policy: &Policy,
    wish: Wish,
    standing: &Standing,
    found: Found,
    cloud: &impl CloudRead,
) -> Result<Look, Failure> {
    let surroundings = Surroundings {
        rings: &found.rings,
        organization: &grounds.organization,
        account: &standing.caller.account,
        call_as: standing.call_as,
        regions: &grounds.regions,
    };
    let mut desired = match wish {
        Wish::Kept | Wish::Repaired => policy::resolve(policy, surroundings, clock::today())
            .map_err(|problems| Failure::policy(Exit::Failed, &problems))?,
        Wish::Removed(additions, logs) => policy::removal(policy, surroundings, additions, logs),
    };
    desired.unseen.clone_from(&found.unseen);
    let sought = discover::sought(&desired);
    let observed = discover::observe(cloud, standing.call_as, &sought, found).await;
    let plan = match wish {
        Wish::Repaired => plan::retry_failed(&desired, &observed),
        Wish::Kept | Wish::Removed(..) => plan::plan(&desired, &observed),
    };
    Ok(Look { desired, observed, plan })
}
