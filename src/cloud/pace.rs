//! How often AWS may be asked: its published rates, and a limiter that keeps below them.
//!
//! Being throttled costs more than waiting, for everybody who shares the quota. The limiter knows no
//! clock: whoever makes the calls tells it the time, real or virtual.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use crate::{cloud::Call, ids::Region};

/// A token bucket: calls a second, and calls at once when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many tokens come a second.
    pub per_second: u32,
    /// How many there are at most.
    pub burst: u32,
}

impl Rate {
    /// The time in which one token comes.
    pub fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }

    /// The least time that so many calls take, from a full bucket.
    pub fn least_time(self, calls: u64) -> Duration {
        let waiting = calls.saturating_sub(u64::from(self.burst));
        self.interval() * u32::try_from(waiting).unwrap_or(u32::MAX)
    }
}

/// What `--max-rate` sets: no bucket gives more calls a second than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxRate(pub NonZeroU32);

impl MaxRate {
    fn lower(self, rate: Rate) -> Rate {
        let most = self.0.get();
        Rate { per_second: rate.per_second.min(most), burst: rate.burst.min(most) }
    }
}

/// Calls that take from one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// `organizations:ListAccounts`.
    Accounts,
    /// `organizations:ListAccountsForParent` and `ListOrganizationalUnitsForParent`. Whether each has a
    /// bucket of its own is not published, so they share one here.
    ForParent,
    /// `organizations:ListRoots`.
    Roots,
    /// `organizations:DescribeOrganization`.
    Organization,
    /// `account:ListRegions`.
    Regions,
    /// CloudFormation's calls in one Region.
    CloudFormation,
    /// Systems Manager's calls for baselines in one Region.
    Baselines,
    /// Reading objects.
    ReadObjects,
    /// Writing, deleting and listing objects.
    WriteObjects,
    /// `sts:GetCallerIdentity` and `AssumeRole`.
    Identity,
    /// `ssm:ListAssociations` in one account and Region.
    Associations,
    /// `ssm:DescribeAssociation` in one account and Region.
    Association,
    /// Systems Manager's calls for maintenance windows and patch groups in one account and Region.
    Windows,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Accounts,
        Self::ForParent,
        Self::Roots,
        Self::Organization,
        Self::Regions,
        Self::CloudFormation,
        Self::Baselines,
        Self::ReadObjects,
        Self::WriteObjects,
        Self::Identity,
        Self::Associations,
        Self::Association,
        Self::Windows,
    ];

    /// The bucket that a call takes from.
    pub fn of(call: Call) -> Self {
        match call {
            Call::ListAccounts => Self::Accounts,
            Call::ListAccountsForParent | Call::ListOrganizationalUnitsForParent => Self::ForParent,
            Call::ListRoots => Self::Roots,
            Call::DescribeOrganization => Self::Organization,
            Call::ListRegions => Self::Regions,
            Call::DescribePatchBaselines
            | Call::GetPatchBaseline
            | Call::DescribePatchProperties
            | Call::ListTagsForResource
            | Call::CreatePatchBaseline
            | Call::AddTagsToResource
            | Call::UpdatePatchBaseline
            | Call::DeletePatchBaseline
            | Call::RemoveTagsFromResource => Self::Baselines,
            Call::GetObject => Self::ReadObjects,
            Call::PutObject
            | Call::ListObjects
            | Call::ListObjectVersions
            | Call::DeleteObjects => Self::WriteObjects,
            Call::Connect | Call::GetCallerIdentity | Call::AssumeRole => Self::Identity,
            Call::ListAssociations => Self::Associations,
            Call::DescribeAssociation => Self::Association,
            Call::DescribeMaintenanceWindows
            | Call::DescribeMaintenanceWindowTasks
            | Call::DescribeMaintenanceWindowTargets
            | Call::GetMaintenanceWindowTask
            | Call::DescribePatchGroups => Self::Windows,
            Call::DescribeOrganizationsAccess
            | Call::ListStackSets
            | Call::ListStacks
            | Call::DescribeStackSet
            | Call::DescribeStackSetOperation
            | Call::ListStackInstances
            | Call::ListStackSetAutoDeploymentTargets
            | Call::ListStackSetOperations
            | Call::ListStackSetOperationResults
            | Call::CreateStackSet
            | Call::UpdateStackSet
            | Call::CreateStackInstances
            | Call::DeleteStackInstances
            | Call::DeleteStackSet
            | Call::DescribeStacks
            | Call::GetTemplate
            | Call::DescribeStackEvents
            | Call::ValidateTemplate
            | Call::CreateChangeSet
            | Call::DescribeChangeSet
            | Call::ExecuteChangeSet
            | Call::DeleteChangeSet
            | Call::DeleteStack => Self::CloudFormation,
        }
    }

    /// Its rate, for one account.
    pub fn rate(self) -> Rate {
        let of = |per_second, burst| Rate { per_second, burst };
        match self {
            // Organizations user guide, "Quotas and service limits", throttling limits per account.
            // Those per organization are a little higher, and shared with everybody else.
            Self::Accounts => of(8, 12),
            Self::ForParent => of(5, 8),
            Self::Roots | Self::Organization => of(1, 2),
            // Account Management reference guide, "Quotas".
            Self::Regions => of(5, 5),
            // No number is published for these. Assumed: as many as one caller makes who waits for each
            // answer a tenth of a second.
            Self::CloudFormation | Self::Baselines | Self::Identity | Self::Windows => of(10, 20),
            // Systems Manager endpoints and quotas.
            Self::Associations => of(4, 4),
            Self::Association => of(2, 2),
            // Amazon S3 user guide, "Best practices design patterns": at least so many a second and prefix.
            Self::ReadObjects => of(5_500, 5_500),
            Self::WriteObjects => of(3_500, 3_500),
        }
    }

    /// Whether AWS publishes its rate; the others are assumed.
    pub fn is_published(self) -> bool {
        !matches!(self, Self::CloudFormation | Self::Baselines | Self::Identity | Self::Windows)
    }

    /// Whether each Region has a bucket of its own.
    fn is_regional(self) -> bool {
        match self {
            Self::CloudFormation
            | Self::Baselines
            | Self::ReadObjects
            | Self::WriteObjects
            | Self::Associations
            | Self::Association
            | Self::Windows => true,
            Self::Accounts
            | Self::ForParent
            | Self::Roots
            | Self::Organization
            | Self::Regions
            | Self::Identity => false,
        }
    }
}

/// Says how long each call has to wait so that no bucket runs dry: one bucket a quota and Region.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    most: Option<MaxRate>,
    /// When each bucket will be full, if it isn't.
    full_at: BTreeMap<(Quota, Option<Region>), Duration>,
}

impl Limiter {
    /// A limiter whose buckets are full.
    pub fn new(most: Option<MaxRate>) -> Self {
        Self { most, full_at: BTreeMap::new() }
    }

    /// The rate that a quota is kept to.
    pub fn rate(&self, quota: Quota) -> Rate {
        self.most.map_or(quota.rate(), |most| most.lower(quota.rate()))
    }

    /// Takes a token for a call, and says how long to wait before making it. Tokens are taken in the
    /// order of asking. A quarter of the burst is left alone, since requests may arrive closer together
    /// than they were sent. `now` is the time since any fixed moment.
    pub fn reserve(&mut self, call: Call, region: Option<&Region>, now: Duration) -> Duration {
        let quota = Quota::of(call);
        let rate = self.rate(quota);
        let region = region.filter(|_| quota.is_regional()).cloned();
        let full_at = self.full_at.entry((quota, region)).or_default();
        let from = now.max(*full_at);
        *full_at = from + rate.interval();
        let credit = rate.interval() * (rate.burst - 1 - rate.burst / 4);
        from.saturating_sub(now).saturating_sub(credit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    /// The waits of so many calls that are asked for at once, in milliseconds.
    fn waits(limiter: &mut Limiter, call: Call, count: usize, now: Duration) -> Vec<u128> {
        (0..count).map(|_| limiter.reserve(call, None, now).as_millis()).collect()
    }

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let mut limiter = Limiter::default();

        let waits = waits(&mut limiter, Call::ListAccountsForParent, 9, START);

        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn a_bucket_fills_again_but_not_beyond_its_burst() {
        let mut limiter = Limiter::default();
        let later = START + Duration::from_mins(1);

        assert_eq!(waits(&mut limiter, Call::ListRoots, 2, START), [0, 0]);
        assert_eq!(waits(&mut limiter, Call::ListRoots, 4, later), [0, 0, 1000, 2000]);
    }

    #[test]
    fn calls_of_one_quota_share_a_bucket_and_others_do_not() {
        let mut limiter = Limiter::default();
        waits(&mut limiter, Call::ListAccountsForParent, 6, START);

        assert_eq!(waits(&mut limiter, Call::ListAccounts, 1, START), [0]);
        assert_eq!(waits(&mut limiter, Call::ListOrganizationalUnitsForParent, 1, START), [200]);
    }

    #[test]
    fn each_region_has_a_bucket_of_cloudformation_but_organizations_has_one() {
        let mut limiter = Limiter::default();
        let regions: [Region; 2] =
            ["eu-west-1", "us-east-1"].map(|name| name.parse().expect("a Region"));
        let mut wait = |call, region| limiter.reserve(call, Some(region), START);

        for _ in 0..15 {
            assert_eq!(wait(Call::DescribeStacks, &regions[0]), Duration::ZERO);
        }
        assert_eq!(wait(Call::DescribeStacks, &regions[1]), Duration::ZERO);
        assert_eq!(wait(Call::DescribeStacks, &regions[0]), Duration::from_millis(100));
        wait(Call::ListRoots, &regions[0]);
        wait(Call::ListRoots, &regions[0]);
        assert_eq!(wait(Call::ListRoots, &regions[1]), Duration::from_secs(1));
    }

    #[test]
    fn a_lower_rate_holds_for_every_quota_and_never_raises_one() {
        let most = MaxRate(NonZeroU32::new(2).expect("not zero"));
        let limiter = Limiter::new(Some(most));

        for quota in Quota::ALL {
            let (rate, published) = (limiter.rate(quota), quota.rate());
            assert!(rate.per_second <= 2 && rate.burst <= 2, "{quota:?}");
            assert!(rate.per_second <= published.per_second, "{quota:?}");
        }
        assert_eq!(limiter.rate(Quota::Roots), Quota::Roots.rate());
    }
}
