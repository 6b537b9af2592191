//! What there is of a policy, whatever its file says: rings that it names no more are found here.

use std::collections::BTreeSet;

use crate::{
    cloud::{CloudError, CloudRead},
    ids::{CallAs, PolicyName, RingName, StackName, StackSetName},
    state::{OwnBaselines, ring_of},
};

/// What was found of a policy before anybody asked what it should be.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its rings.
    pub rings: BTreeSet<RingName>,
    /// Why there may be others that were not seen.
    pub unseen: Option<String>,
    /// The names of all stack sets.
    pub(super) stack_sets: Result<Vec<StackSetName>, CloudError>,
    /// The account's own baselines.
    pub(super) baselines: Result<OwnBaselines, CloudError>,
}

/// How the names of a policy's parts begin. Those of a policy with a longer name may begin so too.
pub(super) fn prefix(policy: &PolicyName) -> String {
    format!("orgpatch-{policy}-")
}

/// Looks for a policy's rings, by the names and tags of their parts. `known` are those of the file, of which
/// no tag has to be read.
pub async fn find(
    cloud: &impl CloudRead,
    call_as: CallAs,
    policy: &PolicyName,
    known: &[RingName],
) -> Found {
    let prefix = prefix(policy);
    let (stack_sets, stacks, baselines) = futures_util::future::join3(
        cloud.stack_set_names(call_as),
        cloud.stack_names(cloud.home_region(), &prefix),
        cloud.own_baselines_named(&prefix),
    )
    .await;
    let mut search = Search { cloud, call_as, policy, known, rings: BTreeSet::new(), unseen: None };
    match &stack_sets {
        Ok(names) => search.in_stack_sets(names, &prefix).await,
        Err(error) => search.unseen = Some(error.reason()),
    }
    match &stacks {
        Ok(names) => search.in_stacks(names, &prefix).await,
        Err(error) => search.unseen = Some(error.reason()),
    }
    match &baselines {
        Ok(own) => {
            let made = own.named.iter();
            search.rings.extend(made.filter_map(|made| ring_of(&made.tags, policy)));
        }
        Err(error) => search.unseen = Some(error.reason()),
    }
    let Search { rings, unseen, .. } = search;
    Found { rings, unseen, stack_sets, baselines }
}

struct Search<'a, C> {
    cloud: &'a C,
    call_as: CallAs,
    policy: &'a PolicyName,
    known: &'a [RingName],
    rings: BTreeSet<RingName>,
    unseen: Option<String>,
}

impl<C: CloudRead> Search<'_, C> {
    async fn in_stack_sets(&mut self, names: &[StackSetName], prefix: &str) {
        for name in names {
            let Some(rest) = name.as_str().strip_prefix(prefix) else { continue };
            let rest = rest.strip_suffix("-pinned").unwrap_or(rest);
            if self.is_known(rest) {
                continue;
            }
            match self.cloud.stack_set(self.call_as, name).await {
                Ok(Some(set)) => self.rings.extend(ring_of(&set.tags, self.policy)),
                Ok(None) => {}
                Err(error) => self.unseen = Some(error.reason()),
            }
        }
    }

    async fn in_stacks(&mut self, names: &[StackName], prefix: &str) {
        for name in names {
            let rest =
                name.as_str().strip_prefix(prefix).and_then(|rest| rest.strip_suffix("-home"));
            let Some(rest) = rest else { continue };
            if self.is_known(rest) {
                continue;
            }
            match self.cloud.stack(self.cloud.home_region(), name).await {
                Ok(Some(stack)) => self.rings.extend(ring_of(&stack.tags, self.policy)),
                Ok(None) => {}
                Err(error) => self.unseen = Some(error.reason()),
            }
        }
    }

    /// Whether the file names this ring. That something of it is there is noted.
    fn is_known(&mut self, ring: &str) -> bool {
        let known = self.known.iter().find(|known| known.as_str() == ring);
        self.rings.extend(known.cloned());
        known.is_some()
    }
}
