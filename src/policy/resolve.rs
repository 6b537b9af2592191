//! From a [`Policy`] and an organization to [`Desired`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::Date;

use crate::{
    ids::{AccountId, CallAs, Digest, OperatingSystem, OuId, Region, RingId, RingName, StackSetName},
    state::{
        AccountState, BaselineSource, DIGEST_TAG, Deployment, Desired, Names, Organization, Owner, POLICY_TAG, RING_TAG,
        Reach, RegionStatus, Ring, RingNames, ScheduleLine, SkipReason, StackSetSpec, StackSpec, Switch,
        Target, Template,
    },
    templates,
};

use super::{
    cover::{self, Cover, Excluded},
    error::{Problem, Problems},
    schedule,
    values::{At, ManagementAccount, NewAccounts, OuRef, Policy, When},
};

/// OUs of these names are taken out wherever they are, unless the policy lists its own.
const EXCLUDED_BY_DEFAULT: [&str; 2] = ["Suspended", "PolicyStaging"];

/// The tag that holds a policy's `owner`.
const OWNER_TAG: &str = "orgpatch:owner";

/// Stack instances of one stack set (CloudFormation quotas page; adjustable).
const MOST_INSTANCES: usize = 100_000;

/// What a policy is laid over.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The tree.
    pub organization: &'a Organization,
    /// The account that orgpatch runs in.
    pub account: &'a AccountId,
    /// As what that account speaks.
    pub call_as: CallAs,
    /// The Regions that the account can use, and those that it cannot.
    pub regions: &'a BTreeMap<Region, RegionStatus>,
}

/// What a policy is called in an organization, without asking what it should be: all of it should be gone.
///
/// This is what `destroy` plans with; it needs no target that still exists.
pub fn names(policy: &Policy, surroundings: Surroundings<'_>) -> Desired {
    let Surroundings { organization, account, call_as, regions } = surroundings;
    let ring = RingName::main();
    let id = RingId::derive(organization.id(), &policy.name, &ring);
    let prefix = format!("orgpatch-{}-{ring}", policy.name);
    let own_regions: BTreeSet<&Region> = match call_as {
        // Only the management account has stacks of its own, in any Region that was ever named.
        CallAs::ManagementAccount => regions
            .iter()
            .filter(|(_, status)| **status == RegionStatus::Enabled)
            .map(|(region, _)| region)
            .chain(policy.targets.regions.iter().map(|region| &region.value))
            .collect(),
        CallAs::DelegatedAdministrator => BTreeSet::new(),
    };
    let names = RingNames {
        home_stack: named(&format!("{prefix}-home")),
        bucket: named(&format!("aws-quicksetup-patchpolicy-{account}-{id}")),
        whole: named(&prefix),
        pinned: named(&format!("{prefix}-pinned")),
        own_stacks: own_regions
            .into_iter()
            .map(|region| (region.clone(), named(&format!("{prefix}-{region}"))))
            .collect(),
    };
    Desired {
        policy: policy.name.clone(),
        organization: organization.id().clone(),
        owner: Owner {
            account: account.clone(),
            call_as,
            home_region: policy.home_region.value.clone(),
        },
        guards: policy.guards,
        rings: vec![Ring { name: ring, id, names, deployment: None }],
        skipped: Vec::new(),
        warnings: Vec::new(),
        names: what_people_say(organization),
    }
}

/// A name made of names that were checked, so that it is one too.
fn named<T: std::str::FromStr<Err = crate::ids::InvalidName>>(text: &str) -> T {
    text.parse().expect("parts that are names make a name")
}

fn what_people_say(organization: &Organization) -> Names {
    Names {
        units: organization
            .units()
            .map(|unit| (unit.id.clone(), Arc::from(organization.path(&unit.id))))
            .collect(),
        accounts: organization
            .accounts()
            .map(|account| (account.id.clone(), Arc::from(account.name.as_str())))
            .collect(),
        parents: organization
            .accounts()
            .map(|account| (account.id.clone(), account.parent.clone()))
            .collect(),
        active: organization
            .accounts()
            .filter(|account| account.state == AccountState::Active)
            .map(|account| account.id.clone())
            .collect(),
        management_account: Some(organization.management_account().clone()),
    }
}

/// Lays a policy over an organization.
///
/// # Errors
///
/// Everything in the policy that does not fit the organization: OUs and accounts that do not exist,
/// Regions that are not enabled, targets that reach nobody, limits of StackSets.
pub fn resolve(policy: &Policy, surroundings: Surroundings<'_>, today: Date) -> Result<Desired, Problems> {
    let Surroundings { organization, account: _, call_as, regions } = surroundings;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let tree = Paths::of(organization);

    enabled(policy, regions, &mut problems);
    let targets: BTreeSet<OuId> =
        policy.targets.ous.iter().filter_map(|ou| tree.find(ou, "targets.ous", &mut problems)).collect();
    let excluded = excluded(policy, &tree, organization, today, &mut problems, &mut warnings);
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }

    let mut cover = cover::cover(organization, &targets, &excluded);
    let own_stacks = own_stacks(policy, organization, call_as, &excluded, &mut warnings);
    if own_stacks {
        cover.skipped.retain(|skipped| skipped.because != SkipReason::ManagementAccount);
    }
    for target in &policy.targets.ous {
        let inside = tree
            .find(target, "targets.ous", &mut Vec::new())
            .and_then(|id| organization.ancestors(&id).find(|above| excluded.ous.contains(*above)).cloned());
        if let Some(ou) = inside {
            warnings.push(format!(
                "the target {} covers nothing: it is in the excluded OU {}",
                target.value,
                organization.path(&ou)
            ));
        }
    }
    let accounts = cover.whole.values().chain(cover.pinned.values()).map(BTreeSet::len).sum::<usize>();
    if accounts == 0 && !own_stacks {
        problems.push(
            Problem::at(&policy.targets.ous[0].place, "the policy matches no active account")
                .help(left_out(&cover)),
        );
    }
    let mut desired = names(policy, surroundings);
    desired.rings[0].deployment =
        Some(deployment(policy, surroundings, &cover, own_stacks, &desired.rings[0], today, &mut problems));
    if !problems.is_empty() {
        return Err(policy.problems(problems));
    }
    warnings.extend(clock_changes(policy, today));
    desired.skipped = cover.skipped;
    desired.warnings = warnings;
    Ok(desired)
}

/// Regions must be enabled in the account that orgpatch runs in, or StackSets refuses them.
fn enabled(policy: &Policy, regions: &BTreeMap<Region, RegionStatus>, problems: &mut Vec<Problem>) {
    let named = std::iter::once(&policy.home_region).chain(&policy.targets.regions);
    for region in named {
        match regions.get(&region.value) {
            Some(RegionStatus::Enabled) => {}
            Some(RegionStatus::Disabled) => problems.push(
                Problem::at(&region.place, format!("the Region `{}` is not enabled in this account", region.value))
                    .help("Enable it under Account, AWS Regions (it must be enabled in every covered account too), or leave it out."),
            ),
            None => problems.push(
                Problem::at(&region.place, format!("this account does not know the Region `{}`", region.value))
                    .or_nearest(region.value.as_str(), regions.keys().map(Region::as_str)),
            ),
        }
    }
}

fn excluded(
    policy: &Policy,
    tree: &Paths<'_>,
    organization: &Organization,
    today: Date,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Excluded {
    let mut excluded = Excluded::default();
    match &policy.targets.excluded_ous {
        None => {
            for name in EXCLUDED_BY_DEFAULT {
                excluded.ous.extend(tree.named(name));
            }
        }
        Some(ous) => {
            for ou in ous {
                if let OuRef::Name(name) = &ou.value {
                    let found = tree.named(name);
                    if found.is_empty() {
                        warnings.push(format!("`targets.exclude.ous` names `{name}`, and no OU is called so"));
                    }
                    excluded.ous.extend(found);
                } else {
                    excluded.ous.extend(tree.find(ou, "targets.exclude.ous", problems));
                }
            }
        }
    }
    for account in &policy.targets.excluded_accounts {
        let id = &account.id.value;
        if organization.account(id).is_none() {
            problems.push(
                Problem::at(&account.id.place, format!("the organization has no account {id}"))
                    .help("Check the ID. If the account has left the organization, take the line out."),
            );
            continue;
        }
        match account.until {
            Some(until) if until < today => warnings.push(format!(
                "the exclusion of account {id} ended on {until}, so it is covered again{}",
                if account.reason.is_empty() { String::new() } else { format!(" ({})", account.reason) }
            )),
            until => {
                excluded.accounts.insert(
                    id.clone(),
                    SkipReason::ExcludedAccount {
                        reason: account.reason.clone(),
                        until: until.map(|day| day.to_string()),
                    },
                );
            }
        }
    }
    excluded
}

/// Whether the management account gets stacks of its own.
fn own_stacks(
    policy: &Policy,
    organization: &Organization,
    call_as: CallAs,
    excluded: &Excluded,
    warnings: &mut Vec<String>,
) -> bool {
    match (policy.management_account, call_as) {
        (ManagementAccount::Exclude, _) => false,
        (ManagementAccount::Include, CallAs::DelegatedAdministrator) => {
            warnings.push(format!(
                "the management account {} can't be covered from a delegated administrator's account; run orgpatch in the management account for that",
                organization.management_account()
            ));
            false
        }
        (ManagementAccount::Include, CallAs::ManagementAccount) => {
            !excluded.accounts.contains_key(organization.management_account())
        }
    }
}

fn left_out(cover: &Cover) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in &cover.skipped {
        *reasons.entry(skipped.because.to_string()).or_default() += 1;
    }
    let reasons: Vec<String> =
        reasons.into_iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    if reasons.is_empty() {
        "The organization has no account.".to_owned()
    } else {
        format!("Left out: {}.", reasons.join("; "))
    }
}

fn deployment(
    policy: &Policy,
    surroundings: Surroundings<'_>,
    cover: &Cover,
    own_stacks: bool,
    ring: &Ring,
    today: Date,
    problems: &mut Vec<Problem>,
) -> Deployment {
    let Surroundings { organization, account, .. } = surroundings;
    let regions: BTreeSet<Region> = policy.targets.regions.iter().map(|region| region.value.clone()).collect();
    let mut lines = Vec::new();
    let mut schedules = BTreeMap::new();
    for region in &regions {
        let mut compile = |what: &'static str, when: &When| {
            let compiled = schedule::compile(when, policy.schedule.timezone, region, today);
            lines.push(ScheduleLine {
                region: region.clone(),
                what,
                expression: compiled.expression.clone(),
                local: compiled.local,
            });
            compiled.expression
        };
        let scan = compile("scan", &policy.schedule.scan.value);
        let install = policy.schedule.install.as_ref().map(|install| compile("install", &install.value));
        schedules.insert(region.clone(), templates::RegionSchedule { scan, install });
    }
    let patching = templates::patching(&schedules, &policy.targets.nodes);
    let parameters = templates::patching_parameters(&templates::PatchingParameters {
        policy: &policy.name,
        ring: &ring.id,
        owner_account: account,
        installs: policy.schedule.install.is_some(),
        scans_at_once: matches!(policy.schedule.scan.value, When::Rate(_)),
        reboot: policy.patching.reboot,
        concurrency: &policy.patching.concurrency,
        error_threshold: &policy.patching.error_threshold,
        attach_policies: policy.iam.attach,
        permissions_boundary: &policy.iam.permissions_boundary,
        logs: policy.logs.as_ref().map(|logs| (&logs.bucket, logs.prefix.as_str(), &logs.region)),
        explorer: policy.explorer,
        nodes: &policy.targets.nodes,
    });
    let home = StackSpec {
        name: ring.names.home_stack.clone(),
        region: policy.home_region.value.clone(),
        template: templates::home(&ring.id, &org_paths(organization, cover)),
        parameters: templates::home_parameters(
            &policy.name,
            &ring.id,
            organization.id(),
            &policy.iam.permissions_boundary,
        ),
        tags: BTreeMap::new(),
    };
    let home = StackSpec { tags: tags(policy, ring, &home.template, &home.parameters), ..home };
    let patching_tags = tags(policy, ring, &patching, &parameters);

    let set = |name: &StackSetName, auto_deployment, reach, targets: &BTreeMap<OuId, BTreeSet<AccountId>>| StackSetSpec {
        name: name.clone(),
        description: format!("Patch policy {}, ring {} (orgpatch)", policy.name, ring.name),
        template: patching.clone(),
        parameters: parameters.clone(),
        tags: patching_tags.clone(),
        auto_deployment,
        targets: targets
            .iter()
            .map(|(ou, accounts)| (ou.clone(), Target { reach, accounts: accounts.clone() }))
            .collect(),
        regions: regions.clone(),
        preferences: policy.rollout,
    };
    let (auto_deployment, mut whole) = match policy.new_accounts {
        NewAccounts::Enroll => (Switch::On, cover.whole.clone()),
        NewAccounts::NextApply => (Switch::Off, cover.whole.clone()),
    };
    if auto_deployment == Switch::Off {
        // Without auto-deployment an OU without accounts has nothing to remember.
        whole.retain(|_, accounts| !accounts.is_empty());
    }
    let mut stack_sets = BTreeMap::new();
    if !whole.is_empty() {
        let set = set(&ring.names.whole, auto_deployment, Reach::WholeOu, &whole);
        stack_sets.insert(set.name.clone(), set);
    }
    if !cover.pinned.is_empty() {
        let set = set(&ring.names.pinned, Switch::Off, Reach::NamedAccounts, &cover.pinned);
        stack_sets.insert(set.name.clone(), set);
    }
    for set in stack_sets.values() {
        let accounts: usize = set.targets.values().map(|target| target.accounts.len()).sum();
        let instances = accounts * regions.len();
        if instances > MOST_INSTANCES {
            problems.push(
                Problem::at(
                    &policy.targets.ous[0].place,
                    format!(
                        "{accounts} accounts × {} Regions are {instances} stack instances; a stack set takes {MOST_INSTANCES}",
                        regions.len()
                    ),
                )
                .help("Write several policies, each for a part of the OUs or Regions."),
            );
        }
    }
    Deployment {
        own_stacks: if own_stacks { own(&patching, &parameters, &patching_tags, ring, &regions) } else { BTreeMap::new() },
        regions,
        schedule: lines,
        home,
        baselines: OperatingSystem::ALL
            .into_iter()
            .map(|system| (system, policy.baselines.get(&system).cloned().unwrap_or(BaselineSource::Aws)))
            .collect(),
        stack_sets,
    }
}

fn own(
    template: &Template,
    parameters: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
    ring: &Ring,
    regions: &BTreeSet<Region>,
) -> BTreeMap<Region, StackSpec> {
    regions
        .iter()
        .filter_map(|region| {
            let spec = StackSpec {
                name: ring.names.own_stacks.get(region)?.clone(),
                region: region.clone(),
                template: template.clone(),
                parameters: parameters.clone(),
                tags: tags.clone(),
            };
            Some((region.clone(), spec))
        })
        .collect()
}

fn tags(
    policy: &Policy,
    ring: &Ring,
    template: &Template,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let parts: String = parameters.iter().map(|(key, value)| format!("\n{key}={value}")).collect();
    let mut tags = policy.tags.clone();
    tags.extend(policy.owner.iter().map(|owner| (OWNER_TAG.to_owned(), owner.clone())));
    tags.insert(POLICY_TAG.to_owned(), policy.name.to_string());
    tags.insert(RING_TAG.to_owned(), ring.name.to_string());
    tags.insert(DIGEST_TAG.to_owned(), Digest::of(format!("{}{parts}", template.digest())).short().to_owned());
    tags
}

/// The organization paths whose principals may read the override object: whole OUs with all below
/// them, and for single accounts the OUs that they sit in, without what is below.
fn org_paths(organization: &Organization, cover: &Cover) -> Vec<String> {
    let path = |ou: &OuId| {
        let mut parts: Vec<&str> = organization.ancestors(ou).map(OuId::as_str).collect();
        parts.reverse();
        format!("{}/{}/", organization.id(), parts.join("/"))
    };
    let whole = cover.whole.keys().map(|ou| format!("{}*", path(ou)));
    let direct: BTreeSet<&OuId> = cover
        .pinned
        .values()
        .flatten()
        .filter_map(|account| organization.account(account))
        .map(|account| &account.parent)
        .collect();
    whole.chain(direct.into_iter().map(path)).collect()
}

/// One line for each zone whose clocks change, since runs then move by the local clock.
fn clock_changes(policy: &Policy, today: Date) -> Vec<String> {
    let mut zones: BTreeMap<(&str, Date, &str), BTreeSet<&Region>> = BTreeMap::new();
    let whens = std::iter::once(&policy.schedule.scan).chain(&policy.schedule.install);
    for when in whens {
        for At { value: region, .. } in &policy.targets.regions {
            let shift = schedule::next_shift(&when.value, policy.schedule.timezone, region, today);
            if let Some((day, shift, zone)) = shift {
                zones.entry((zone, day, shift)).or_default().insert(region);
            }
        }
    }
    zones
        .into_iter()
        .map(|((zone, day, shift), regions)| {
            let regions: Vec<&str> = regions.into_iter().map(Region::as_str).collect();
            format!(
                "clocks change in {zone} on {day}: from then on runs in {} are an hour {shift} by the local clock, until `orgpatch apply` runs again",
                regions.join(", ")
            )
        })
        .collect()
}

/// The OUs by the ways in which a policy can name them.
struct Paths<'a> {
    organization: &'a Organization,
    paths: BTreeMap<String, &'a OuId>,
}

impl<'a> Paths<'a> {
    fn of(organization: &'a Organization) -> Self {
        let paths = organization.units().map(|unit| (organization.path(&unit.id), &unit.id)).collect();
        Self { organization, paths }
    }

    /// All OUs of a name, wherever they are. Case, spaces, `-` and `_` make no difference.
    fn named(&self, name: &str) -> Vec<OuId> {
        self.organization
            .units()
            .filter(|unit| unit.parent.is_some() && same_name(&unit.name, name))
            .map(|unit| unit.id.clone())
            .collect()
    }

    /// The one OU that is meant.
    fn find(&self, ou: &At<OuRef>, key: &str, problems: &mut Vec<Problem>) -> Option<OuId> {
        let nothing = || Problem::at(&ou.place, format!("`{key}`: there is no organizational unit `{}`", ou.value));
        let problem = match &ou.value {
            OuRef::Path(path) => match self.paths.get(path) {
                Some(id) => return Some((*id).clone()),
                None => nothing().or_nearest(path, self.paths.keys().map(String::as_str)),
            },
            OuRef::Id(id) => match self.organization.unit(id) {
                Some(_) => return Some(id.clone()),
                None => nothing().help("The ID is of another organization, or the OU has been deleted."),
            },
            OuRef::Name(name) => {
                let exact: Vec<&OuId> = self
                    .organization
                    .units()
                    .filter(|unit| unit.parent.is_some() && unit.name == *name)
                    .map(|unit| &unit.id)
                    .collect();
                match exact.as_slice() {
                    [id] => return Some((*id).clone()),
                    [] => nothing().or_nearest(&format!("/{name}"), self.paths.keys().map(String::as_str)),
                    several => {
                        let paths: Vec<String> =
                            several.iter().map(|id| format!("`{}`", self.organization.path(id))).collect();
                        Problem::at(
                            &ou.place,
                            format!("`{key}`: {} organizational units are called `{name}`", several.len()),
                        )
                        .help(format!("Name one by its path: {}.", paths.join(", ")))
                    }
                }
            }
        };
        problems.push(problem);
        None
    }
}

fn same_name(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect()
    };
    plain(a) == plain(b)
}
