//! What a ring should be: templates filled, parameters, tags, and where they go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{
    ids::{AccountId, Digest, OuId, Region, RingName, StackSetName},
    state::{
        DIGEST_TAG, Deployment, Encryption, Organization, POLICY_TAG, RING_TAG, Reach, RingNames,
        ScheduleLine, StackSetSpec, StackSpec, Switch, Target, Template,
    },
    templates::{self, HomeParameters, RegionSchedule, Timing},
};

use super::{
    baselines, calendars, compile,
    cover::Cover,
    error::Problem,
    identity::{Identity, Surroundings},
    values::{At, NewAccounts, Policy, RingWish, Schedule, When},
};

/// The tag that holds a policy's `owner`.
const OWNER_TAG: &str = "orgpatch:owner";

/// Whether the management account gets stacks of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnStacks {
    Wanted,
    None,
}

/// Bytes that the OUs may take in the bucket policy, of the 20 KB that S3 takes in all.
const MOST_PATHS: usize = 18_000;

/// A parameter's value (CloudFormation quotas page).
const LONGEST_VALUE: usize = 4_096;

/// Stack instances of one stack set (CloudFormation quotas page; adjustable).
const MOST_INSTANCES: usize = 100_000;

/// What a ring should be: rendered templates, and where they go.
pub(super) fn deployment(
    (policy, wish): (&Policy, &RingWish),
    surroundings: Surroundings<'_>,
    cover: &Cover,
    own_stacks: OwnStacks,
    identity: &Identity,
    today: Date,
) -> Result<Deployment, Vec<Problem>> {
    let Surroundings { organization, account, .. } = surroundings;
    let Identity { ring, id, names } = identity;
    let home_region = policy.home_region.value.clone();
    let regions: BTreeSet<Region> =
        wish.regions.iter().map(|region| region.value.clone()).collect();
    let (schedules, lines) = schedules(&wish.schedule, &regions, today)?;
    let patching = templates::patching(&schedules, &wish.nodes);
    let parameters = templates::patching_parameters(&templates::PatchingParameters {
        policy: &policy.name,
        ring: id,
        owner_account: account,
        installs: wish.schedule.install.is_some(),
        scans_at_once: matches!(wish.schedule.scan.value, When::Rate(_)),
        reboot: wish.patching.reboot,
        concurrency: &wish.patching.concurrency,
        error_threshold: &wish.patching.error_threshold,
        attach_policies: policy.iam.attach,
        permissions_boundary: &policy.iam.permissions_boundary,
        logs: policy.logs.as_ref().map(|logs| (&logs.bucket, logs.prefix.as_str(), &logs.region)),
        explorer: policy.explorer,
        nodes: &wish.nodes,
    });
    if let Some((name, value)) = parameters.iter().find(|(_, value)| value.len() > LONGEST_VALUE) {
        let message = format!(
            "the template's parameter {name} would have {} bytes; CloudFormation takes {LONGEST_VALUE}",
            value.len()
        );
        return Err(vec![
            Problem::at(&wish.ous[0].place, message)
                .help("Name fewer tags, values or nodes in `targets.nodes`."),
        ]);
    }
    let home =
        home((policy, wish), organization, cover, identity).map_err(|problem| vec![problem])?;
    let patching_tags = tags(policy, ring, &patching, &parameters);

    let set = |name: &StackSetName, auto_deployment, reach, targets: &Accounts| StackSetSpec {
        name: name.clone(),
        description: format!("Patch policy {}, ring {ring} (orgpatch)", policy.name),
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
    let mut whole = cover.whole.clone();
    let auto_deployment = match policy.new_accounts {
        NewAccounts::Enroll => Switch::On,
        NewAccounts::NextApply => {
            // Without auto-deployment an OU without accounts has nothing to remember.
            whole.retain(|_, accounts| !accounts.is_empty());
            Switch::Off
        }
    };
    let whole = set(&names.whole, auto_deployment, Reach::WholeOu, &whole);
    let pinned = set(&names.pinned, Switch::Off, Reach::NamedAccounts, &cover.pinned);
    let stack_sets: BTreeMap<StackSetName, StackSetSpec> = [whole, pinned]
        .into_iter()
        .filter(|set| !set.targets.is_empty())
        .map(|set| (set.name.clone(), set))
        .collect();
    within_limits(wish, organization, &stack_sets).map_err(|problem| vec![problem])?;
    Ok(Deployment {
        own_stacks: match own_stacks {
            OwnStacks::Wanted => own(&patching, &parameters, &patching_tags, names, &regions),
            OwnStacks::None => BTreeMap::new(),
        },
        regions,
        schedule: lines,
        home,
        baselines: baselines::wanted(
            policy,
            wish,
            &|digest| tags_with(policy, ring, digest),
            today,
        ),
        encryption: policy.overrides.encryption.clone(),
        key_statement: match policy.overrides.encryption {
            Encryption::S3 => None,
            Encryption::Key(_) => Some(templates::key_statement(
                &home_region,
                &names.bucket,
                organization.id(),
                &org_paths(organization, cover),
            )),
        },
        stack_sets,
    })
}

/// Accounts by the OU in which they are named.
type Accounts = BTreeMap<OuId, BTreeSet<AccountId>>;

type Schedules = BTreeMap<Region, RegionSchedule>;

/// Schedules for State Manager, and lines for people.
fn schedules(
    schedule: &Schedule,
    regions: &BTreeSet<Region>,
    today: Date,
) -> Result<(Schedules, Vec<ScheduleLine>), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut lines = Vec::new();
    let mut schedules = BTreeMap::new();
    for region in regions {
        let mut compile = |what: &'static str, when: &At<When>| {
            let compiled = compile::compile(&when.value, &schedule.timezone, region, today);
            let compiled = compiled.map_err(|unsaid| problems.push(unsaid.at(when))).ok()?;
            lines.push(ScheduleLine {
                region: region.clone(),
                what,
                expression: compiled.expression.clone(),
                offset_days: compiled.offset_days,
                local: compiled.local,
            });
            Some(Timing { expression: compiled.expression, offset_days: compiled.offset_days })
        };
        let scan = compile("scan", &schedule.scan);
        let install = schedule.install.as_ref().and_then(|when| compile("install", when));
        let Some(scan) = scan else { continue };
        let calendars = calendars::of_region(schedule, region);
        schedules.insert(region.clone(), RegionSchedule { scan, install, calendars });
    }
    if problems.is_empty() { Ok((schedules, lines)) } else { Err(problems) }
}

fn home(
    (policy, wish): (&Policy, &RingWish),
    organization: &Organization,
    cover: &Cover,
    identity: &Identity,
) -> Result<StackSpec, Problem> {
    let Identity { ring, id, names } = identity;
    let paths = org_paths(organization, cover);
    let bytes: usize = paths.iter().map(|path| path.len() + 3).sum();
    if bytes > MOST_PATHS {
        let message = format!(
            "the bucket policy would have to name {} OUs in {bytes} bytes; {MOST_PATHS} fit into the 20 KB that S3 takes",
            paths.len()
        );
        return Err(Problem::at(&wish.ous[0].place, message)
            .help("Name fewer, larger OUs as targets, or write several policies, each for a part of them."));
    }
    let template = templates::home(id, &paths);
    let parameters = templates::home_parameters(&HomeParameters {
        policy: &policy.name,
        ring: id,
        organization: organization.id(),
        permissions_boundary: &policy.iam.permissions_boundary,
        encryption: &policy.overrides.encryption,
        auditor: policy.overrides.auditor.as_ref(),
    });
    Ok(StackSpec {
        name: names.home_stack.clone(),
        region: policy.home_region.value.clone(),
        tags: tags(policy, ring, &template, &parameters),
        template,
        parameters,
    })
}

/// Refuses more instances than a stack set takes, with the arithmetic.
fn within_limits(
    wish: &RingWish,
    organization: &Organization,
    stack_sets: &BTreeMap<StackSetName, StackSetSpec>,
) -> Result<(), Problem> {
    for set in stack_sets.values() {
        // Accounts that are not active have an instance too, where their OU is meant as a whole.
        let reached = |ou: &OuId, target: &Target| match target.reach {
            Reach::NamedAccounts => target.accounts.len(),
            Reach::WholeOu => {
                let units = organization.subtree(ou);
                let members = units.iter().flat_map(|unit| organization.members(unit));
                members.filter(|account| account.id != *organization.management_account()).count()
            }
        };
        let accounts: usize = set.targets.iter().map(|(ou, target)| reached(ou, target)).sum();
        let regions = set.regions.len();
        let instances = accounts * regions;
        if instances > MOST_INSTANCES {
            let message = format!(
                "{accounts} accounts × {regions} Regions are {instances} stack instances, those of suspended accounts included; a stack set takes {MOST_INSTANCES}"
            );
            return Err(Problem::at(&wish.ous[0].place, message)
                .help("Write several policies, or rings, each for a part of the OUs or Regions."));
        }
    }
    Ok(())
}

fn own(
    template: &Template,
    parameters: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
    names: &RingNames,
    regions: &BTreeSet<Region>,
) -> BTreeMap<Region, StackSpec> {
    regions
        .iter()
        .filter_map(|region| {
            let spec = StackSpec {
                name: names.own_stacks.get(region)?.clone(),
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
    ring: &RingName,
    template: &Template,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let made_from = serde_json::json!([template.digest(), parameters]).to_string();
    tags_with(policy, ring, &Digest::of(made_from))
}

/// The tags of a part of a ring that is made from something with this digest.
fn tags_with(policy: &Policy, ring: &RingName, made_from: &Digest) -> BTreeMap<String, String> {
    let mut tags = policy.tags.clone();
    tags.extend(policy.owner.iter().map(|owner| (OWNER_TAG.to_owned(), owner.clone())));
    tags.insert(POLICY_TAG.to_owned(), policy.name.to_string());
    tags.insert(RING_TAG.to_owned(), ring.to_string());
    tags.insert(DIGEST_TAG.to_owned(), made_from.short().to_owned());
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
    let paths: Vec<String> = whole.chain(direct.into_iter().map(path)).collect();
    // A condition without a value is none that S3 takes, and nobody is below this.
    if paths.is_empty() { vec![format!("{}/nobody/", organization.id())] } else { paths }
}
