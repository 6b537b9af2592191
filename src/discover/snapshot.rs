//! Recording an organization.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    cloud::CloudRead,
    discover::{AT_A_TIME, DiscoverError, organization, standing},
    ids::BaselineId,
    state::{BaselineSeen, Snapshot},
};

/// Records the organization with what a plan needs to know beside it.
///
/// # Errors
///
/// Any read that failed: a snapshot with holes would make plans that lie.
pub async fn snapshot(cloud: &impl CloudRead, taken_at: String) -> Result<Snapshot, DiscoverError> {
    let standing = standing(cloud).await?;
    let organization = organization(cloud, &standing.facts).await?;
    let regions = cloud.regions().await?;
    let defaults = cloud.aws_baselines().await?;
    let own = cloud.own_baselines().await?;
    let aws = read(cloud, defaults.values().cloned().collect()).await?;
    Ok(Snapshot {
        format_version: Snapshot::FORMAT_VERSION,
        taken_at,
        account: standing.caller.account,
        call_as: standing.call_as,
        region: cloud.home_region().clone(),
        organization,
        regions,
        aws_baselines: aws.into_iter().map(|seen| (seen.content.operating_system, seen)).collect(),
        own_baselines: read(cloud, own).await?,
    })
}

async fn read(
    cloud: &impl CloudRead,
    ids: Vec<BaselineId>,
) -> Result<Vec<BaselineSeen>, DiscoverError> {
    let seen: Vec<Option<BaselineSeen>> =
        stream::iter(&ids).map(|id| cloud.baseline(id)).buffered(AT_A_TIME).try_collect().await?;
    Ok(seen.into_iter().flatten().collect())
}
