//! What is deployed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, future, stream};

use crate::{
    cloud::{CloudError, CloudRead, Object, StackSetDescription},
    discover::{AT_A_TIME, Found, found::prefix},
    ids::{BaselineId, BaselineName, CallAs, OperatingSystem, StackSetName},
    state::{
        Baseline, BaselineSeen, BaselineSource, ConflictCheck, Desired, HOST_MANAGEMENT_SETS,
        OVERRIDE_KEY, Observed, OverrideSeen, PATCH_POLICY_SETS, Seen, Sought, StackSetSeen,
    },
};

/// What has to be looked at for a policy.
pub fn sought(desired: &Desired) -> Sought {
    let mut stacks = BTreeSet::new();
    let mut buckets = BTreeSet::new();
    let mut baselines = BTreeSet::new();
    for ring in &desired.rings {
        stacks.insert((desired.owner.home_region.clone(), ring.names.home_stack.clone()));
        stacks.extend(
            ring.names.own_stacks.iter().map(|(region, name)| (region.clone(), name.clone())),
        );
        buckets.insert(ring.names.bucket.clone());
        if let Some(deployment) = ring.deployment() {
            baselines.extend(
                deployment
                    .baselines
                    .iter()
                    .filter_map(|(system, wanted)| Some((*system, wanted.source()?))),
            );
        }
    }
    let stack_set_prefixes = match desired.conflict_check {
        ConflictCheck::Off => vec![prefix(&desired.policy)],
        ConflictCheck::Error | ConflictCheck::Warn => {
            ["orgpatch-", PATCH_POLICY_SETS, HOST_MANAGEMENT_SETS].map(str::to_owned).to_vec()
        }
    };
    Sought { stack_set_prefixes, stacks, buckets, baselines }
}

/// Looks at all of it, given what was found before. Whatever can't be read is unknown, with its reason.
pub async fn observe(
    cloud: &impl CloudRead,
    call_as: CallAs,
    sought: &Sought,
    found: Found,
) -> Observed {
    let stacks = stream::iter(&sought.stacks)
        .map(|(region, name)| async move {
            ((region.clone(), name.clone()), seen(cloud.stack(region, name).await))
        })
        .buffered(AT_A_TIME)
        .collect::<BTreeMap<_, _>>();
    let overrides = stream::iter(&sought.buckets)
        .map(|bucket| async move {
            let object = seen(cloud.object(bucket, OVERRIDE_KEY).await);
            (bucket.clone(), understood(object))
        })
        .buffered(AT_A_TIME)
        .collect::<BTreeMap<_, _>>();
    let (stack_sets, stacks, overrides, baselines) = future::join4(
        stack_sets(cloud, call_as, found.stack_sets, &sought.stack_set_prefixes),
        stacks,
        overrides,
        baselines(cloud, &sought.baselines),
    )
    .await;
    let own_baselines = match found.baselines {
        Ok(own) => Seen::Present(own),
        Err(error) => Seen::Unknown(error.reason()),
    };
    Observed { stack_sets, stacks, overrides, baselines, own_baselines }
}

fn seen<T>(result: Result<Option<T>, CloudError>) -> Seen<T> {
    match result {
        Ok(Some(thing)) => Seen::Present(thing),
        Ok(None) => Seen::Absent,
        Err(error) => Seen::Unknown(error.reason()),
    }
}

fn understood(object: Seen<Object>) -> Seen<OverrideSeen> {
    match object {
        Seen::Absent => Seen::Absent,
        Seen::Unknown(because) => Seen::Unknown(because),
        Seen::Present(Object { body, etag, key }) => Seen::Present(OverrideSeen {
            etag,
            key,
            content: serde_json::from_slice::<Vec<Baseline>>(&body).ok(),
        }),
    }
}

async fn stack_sets(
    cloud: &impl CloudRead,
    call_as: CallAs,
    names: Result<Vec<StackSetName>, CloudError>,
    prefixes: &[String],
) -> Seen<BTreeMap<StackSetName, Seen<StackSetSeen>>> {
    let names = match names {
        Ok(names) => names,
        Err(error) => return Seen::Unknown(error.reason()),
    };
    let sought =
        |name: &StackSetName| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix));
    let names = names.into_iter().filter(sought);
    let sets = stream::iter(names)
        .map(|name| async move {
            let set = seen(stack_set(cloud, call_as, &name).await);
            (name, set)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    Seen::Present(sets)
}

async fn stack_set(
    cloud: &impl CloudRead,
    call_as: CallAs,
    name: &StackSetName,
) -> Result<Option<StackSetSeen>, CloudError> {
    let Some(description) = cloud.stack_set(call_as, name).await? else { return Ok(None) };
    let StackSetDescription { template, parameters, tags, auto_deployment, managed_execution } =
        description;
    // Operations are read first: one that ends in between then only makes a plan wait for nothing.
    let operations = cloud.running_operations(call_as, name).await?;
    let (instances, targets) = future::try_join(
        cloud.instances(call_as, name),
        cloud.auto_deployment_targets(call_as, name),
    )
    .await?;
    Ok(Some(StackSetSeen {
        template,
        parameters,
        tags,
        auto_deployment,
        managed_execution,
        targets,
        instances,
        running: operations,
    }))
}

async fn baselines(
    cloud: &impl CloudRead,
    sources: &BTreeSet<(OperatingSystem, BaselineSource)>,
) -> BTreeMap<(OperatingSystem, BaselineSource), Seen<BaselineSeen>> {
    let needs_aws = sources.iter().any(|(_, source)| *source == BaselineSource::Aws);
    let defaults = if needs_aws { cloud.aws_baselines().await } else { Ok(BTreeMap::new()) };
    let defaults = &defaults;
    stream::iter(sources)
        .map(|(system, source)| async move {
            let id: Result<BaselineId, Seen<BaselineSeen>> = match (source, defaults) {
                (BaselineSource::Existing(id), _) => Ok(id.clone()),
                (BaselineSource::Named(name), _) => named(cloud, name).await,
                (BaselineSource::Aws, Ok(defaults)) => {
                    defaults.get(system).cloned().ok_or(Seen::Absent)
                }
                (BaselineSource::Aws, Err(error)) => Err(Seen::Unknown(error.reason())),
            };
            let seen = match id {
                Ok(id) => seen(cloud.baseline(&id).await),
                Err(seen) => seen,
            };
            ((*system, source.clone()), seen)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// The one baseline of a name. SSM lets several have one.
async fn named(
    cloud: &impl CloudRead,
    name: &BaselineName,
) -> Result<BaselineId, Seen<BaselineSeen>> {
    match cloud.baselines_named(name).await {
        Ok(ids) => match ids.as_slice() {
            [] => Err(Seen::Absent),
            [id] => Ok(id.clone()),
            several => {
                let ids: Vec<&str> = several.iter().map(BaselineId::as_str).collect();
                let because = format!(
                    "{} baselines are called {name}: name one by its ID ({})",
                    several.len(),
                    ids.join(", ")
                );
                Err(Seen::Unknown(because))
            }
        },
        Err(error) => Err(Seen::Unknown(error.reason())),
    }
}
