//! Patch baselines of the account's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind},
    ids::{BaselineId, Digest, OperatingSystem},
    sim::{
        failure::{failed, not_found},
        world::World,
    },
    state::{BaselineMade, BaselineSeen, BaselineSpec, OwnBaselines, PatchProperty},
};

/// Baselines of its own that an account may have in a Region (Systems Manager quotas).
const MOST: usize = 50;

/// A baseline of the account's own.
#[derive(Clone, Debug)]
pub(super) struct OwnBaseline {
    pub(super) seen: BaselineSeen,
    description: String,
    /// None where it was recorded with the organization: records have no tags, and what orgpatch has
    /// deployed is no part of them.
    tags: Option<BTreeMap<String, String>>,
    /// What it was made with, by which a repeat is known.
    token: Option<String>,
}

impl OwnBaseline {
    /// One that was recorded with the organization.
    pub(super) fn recorded(seen: BaselineSeen) -> Self {
        Self { seen, description: String::new(), tags: None, token: None }
    }

    /// One that somebody else made.
    pub(super) fn put(seen: BaselineSeen) -> Self {
        Self { seen, description: String::new(), tags: Some(BTreeMap::new()), token: None }
    }

    fn made(&self) -> Option<BaselineMade> {
        Some(BaselineMade {
            id: self.seen.id.clone(),
            name: self.seen.name.parse().ok()?,
            description: self.description.clone(),
            tags: self.tags.clone()?,
            content: self.seen.content.clone(),
        })
    }
}

impl World {
    /// AWS's baselines and the account's own.
    pub(super) fn all_baselines(&self) -> impl Iterator<Item = &BaselineSeen> {
        self.aws_baselines.values().chain(self.own_baselines.iter().map(|own| &own.seen))
    }

    /// The values of a property, as far as AWS's own baselines speak of them.
    pub(super) fn patch_properties(
        &self,
        system: OperatingSystem,
        property: PatchProperty,
    ) -> BTreeSet<String> {
        let rules = self
            .aws_baselines
            .get(&system)
            .into_iter()
            .flat_map(|seen| &seen.content.approval_rules.patch_rules);
        rules
            .flat_map(|rule| &rule.patch_filter_group.patch_filters)
            .filter(|filter| filter.key == property.aws_name())
            .flat_map(|filter| filter.values.iter().cloned())
            .collect()
    }

    pub(super) fn own_baselines_named(&self, prefix: &str) -> OwnBaselines {
        let named = self.own_baselines.iter().filter(|own| own.seen.name.starts_with(prefix));
        OwnBaselines {
            count: self.own_baselines.len(),
            named: named.filter_map(OwnBaseline::made).collect(),
        }
    }

    pub(super) fn own(&self, id: &BaselineId) -> Option<BaselineMade> {
        self.own_baselines.iter().find(|own| own.seen.id == *id).and_then(OwnBaseline::made)
    }

    pub(super) fn create_baseline(
        &mut self,
        call: Call,
        spec: &BaselineSpec,
        token: &str,
    ) -> Result<(), CloudError> {
        if self.own_baselines.iter().any(|own| own.token.as_deref() == Some(token)) {
            return Ok(());
        }
        if self.own_baselines.len() >= MOST {
            let message = format!("Limit of {MOST} patch baselines exceeded");
            return Err(failed(call, CloudErrorKind::Refused, "ResourceLimitExceeded", message));
        }
        let digest = Digest::of(format!("{token} {}", spec.name));
        let id = format!("pb-{}", &digest.as_str()[..17]);
        self.own_baselines.push(OwnBaseline {
            seen: BaselineSeen {
                id: id.parse().expect("seventeen digits of a digest make an ID"),
                name: spec.name.to_string(),
                content: spec.content.normalized(),
            },
            description: spec.description.clone(),
            tags: Some(spec.tags.clone()),
            token: Some(token.to_owned()),
        });
        Ok(())
    }

    pub(super) fn update_baseline(
        &mut self,
        call: Call,
        id: &BaselineId,
        spec: &BaselineSpec,
        untag: &BTreeSet<String>,
    ) -> Result<(), CloudError> {
        let Some(own) = self.own_baselines.iter_mut().find(|own| own.seen.id == *id) else {
            let message = format!("Baseline {id} does not exist");
            return Err(not_found(call, "DoesNotExistException", message));
        };
        own.seen.name = spec.name.to_string();
        own.seen.content = spec.content.normalized();
        own.description.clone_from(&spec.description);
        let tags = own.tags.get_or_insert_default();
        tags.extend(spec.tags.clone());
        tags.retain(|key, _| !untag.contains(key));
        Ok(())
    }

    pub(super) fn delete_baseline(&mut self, id: &BaselineId) {
        self.own_baselines.retain(|own| own.seen.id != *id);
    }
}
