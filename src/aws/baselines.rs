//! Patch baselines of the home Region (Systems Manager).

use std::{collections::BTreeMap, sync::Arc};

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client,
    operation::get_patch_baseline::GetPatchBaselineOutput,
    types::{
        PatchAction, PatchBaselineIdentity, PatchComplianceLevel, PatchFilterGroup as SdkFilters,
        PatchOrchestratorFilter, PatchRule as SdkRule, ResourceTypeForTagging,
    },
};

use crate::{
    aws::{
        answer::{all_pages, name, next, pairs, unreadable},
        error::failure,
        pace::Pace,
    },
    cloud::{Call, CloudError, CloudErrorKind, Page},
    ids::{BaselineId, BaselineName, OperatingSystem, Region},
    state::{
        ApprovalRules, Baseline, BaselineMade, BaselineSeen, OwnBaselines, PatchFilter,
        PatchFilterGroup, PatchRule, PatchSource,
    },
};

const LIST: Call = Call::DescribePatchBaselines;

#[derive(Debug)]
pub(super) struct Baselines {
    pub(super) client: Client,
    pub(super) home: Region,
    pub(super) pace: Arc<Pace>,
}

impl Baselines {
    pub(super) fn new(config: &SdkConfig, home: Region, pace: Arc<Pace>) -> Self {
        Self { client: Client::new(config), home, pace }
    }

    pub(super) async fn of_aws(&self) -> Result<BTreeMap<OperatingSystem, BaselineId>, CloudError> {
        defaults(&self.list("AWS").await?)
    }

    pub(super) async fn own(&self) -> Result<Vec<BaselineId>, CloudError> {
        let own = self.list("Self").await?;
        own.iter().map(|baseline| name(LIST, "BaselineId", baseline.baseline_id())).collect()
    }

    pub(super) async fn named(&self, name: &BaselineName) -> Result<Vec<BaselineId>, CloudError> {
        let named = self.list_by("NAME_PREFIX", name.as_str()).await?;
        let named = named.iter().filter(|found| found.baseline_name() == Some(name.as_str()));
        named.map(|found| self::name(LIST, "BaselineId", found.baseline_id())).collect()
    }

    pub(super) async fn own_named(&self, prefix: &str) -> Result<OwnBaselines, CloudError> {
        let own = self.list("Self").await?;
        let mut named = Vec::new();
        for found in &own {
            let Some(name) = found.baseline_name().filter(|name| name.starts_with(prefix)) else {
                continue;
            };
            let Ok(name) = name.parse::<BaselineName>() else { continue };
            let id: BaselineId = self::name(LIST, "BaselineId", found.baseline_id())?;
            // One that has gone since it was listed is not there.
            let Some(seen) = self.get(&id).await? else { continue };
            let Some(tags) = self.tags(&id).await? else { continue };
            let description = found.baseline_description().unwrap_or_default().to_owned();
            named.push(BaselineMade { id, name, description, tags, content: seen.content });
        }
        Ok(OwnBaselines { count: own.len(), named })
    }

    async fn tags(&self, id: &BaselineId) -> Result<Option<BTreeMap<String, String>>, CloudError> {
        const CALL: Call = Call::ListTagsForResource;
        self.pace.take(CALL, Some(&self.home)).await;
        let request = self
            .client
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::PatchBaseline)
            .resource_id(id.as_str());
        match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            // A baseline that is gone has no other code here.
            Err(error) if error.code.as_deref() == Some("InvalidResourceId") => Ok(None),
            answer => {
                let answer = answer?;
                let tags = answer.tag_list().iter().map(|tag| (Some(tag.key()), Some(tag.value())));
                Ok(Some(pairs(tags)))
            }
        }
    }

    async fn list(&self, owner: &str) -> Result<Vec<PatchBaselineIdentity>, CloudError> {
        self.list_by("OWNER", owner).await
    }

    async fn list_by(
        &self,
        key: &str,
        value: &str,
    ) -> Result<Vec<PatchBaselineIdentity>, CloudError> {
        let filter = PatchOrchestratorFilter::builder().key(key).values(value).build();
        all_pages(LIST, async |token| {
            self.pace.take(LIST, Some(&self.home)).await;
            let answer = self
                .client
                .describe_patch_baselines()
                .filters(filter.clone())
                .max_results(100)
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(LIST, Some(&self.home)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.baseline_identities.unwrap_or_default(), next })
        })
        .await
    }

    pub(super) async fn get(&self, id: &BaselineId) -> Result<Option<BaselineSeen>, CloudError> {
        const CALL: Call = Call::GetPatchBaseline;
        self.pace.take(CALL, Some(&self.home)).await;
        let request = self.client.get_patch_baseline().baseline_id(id.as_str());
        match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            answer => seen(CALL, id, &answer?).map(Some),
        }
    }
}

/// Of AWS's own baselines, the one of each operating system that is used where nothing else is
/// chosen. Windows has three.
fn defaults(
    baselines: &[PatchBaselineIdentity],
) -> Result<BTreeMap<OperatingSystem, BaselineId>, CloudError> {
    let mut found = BTreeMap::new();
    for system in OperatingSystem::ALL {
        let of_system: Vec<&PatchBaselineIdentity> = baselines
            .iter()
            .filter(|baseline| {
                // Windows is what SSM means where it says nothing.
                baseline.operating_system().map_or("WINDOWS", |system| system.as_str())
                    == system.aws_name()
            })
            .collect();
        let by_name = of_system.iter().copied().find(|baseline| {
            baseline.baseline_name().is_some_and(|name| {
                name == system.default_baseline_name() || other_name(system) == Some(name)
            })
        });
        let only = match of_system.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        if let Some(baseline) = by_name.or(only) {
            found.insert(system, name(LIST, "BaselineId", baseline.baseline_id())?);
        }
    }
    Ok(found)
}

/// The user guide and the API disagree on the name of this one.
fn other_name(system: OperatingSystem) -> Option<&'static str> {
    (system == OperatingSystem::Raspbian).then_some("AWS-DefaultRaspbianPatchBaseline")
}

/// All nine keys, with SSM's own defaults where it leaves one out.
fn seen(
    call: Call,
    id: &BaselineId,
    answer: &GetPatchBaselineOutput,
) -> Result<BaselineSeen, CloudError> {
    let system = answer.operating_system().map_or("WINDOWS", |system| system.as_str());
    let system = OperatingSystem::ALL
        .into_iter()
        .find(|known| known.aws_name() == system)
        .ok_or_else(|| unreadable(call, format!("the operating system {system} is not known")))?;
    let empty = Baseline::empty(system);
    let rules = answer.approval_rules().map_or(&[][..], |rules| rules.patch_rules());
    Ok(BaselineSeen {
        id: id.clone(),
        name: answer.name().unwrap_or_default().to_owned(),
        content: Baseline {
            operating_system: system,
            global_filters: filters(answer.global_filters()),
            approval_rules: ApprovalRules { patch_rules: rules.iter().map(rule).collect() },
            approved_patches: answer.approved_patches().to_vec(),
            approved_patches_compliance_level: answer
                .approved_patches_compliance_level()
                .map(PatchComplianceLevel::as_str)
                .map_or(empty.approved_patches_compliance_level, str::to_owned),
            approved_patches_enable_non_security: answer
                .approved_patches_enable_non_security()
                .unwrap_or(empty.approved_patches_enable_non_security),
            rejected_patches: answer.rejected_patches().to_vec(),
            rejected_patches_action: answer
                .rejected_patches_action()
                .map(PatchAction::as_str)
                .map_or(empty.rejected_patches_action, str::to_owned),
            sources: answer
                .sources()
                .iter()
                .map(|source| PatchSource {
                    name: source.name().to_owned(),
                    products: source.products().to_vec(),
                    configuration: source.configuration().to_owned(),
                })
                .collect(),
        },
    })
}

fn rule(rule: &SdkRule) -> PatchRule {
    PatchRule {
        patch_filter_group: filters(rule.patch_filter_group()),
        compliance_level: rule.compliance_level().map(|level| level.as_str().to_owned()),
        approve_after_days: rule.approve_after_days(),
        approve_until_date: rule.approve_until_date().map(str::to_owned),
        enable_non_security: rule.enable_non_security(),
    }
}

fn filters(group: Option<&SdkFilters>) -> PatchFilterGroup {
    let filters = group.map_or(&[][..], |group| group.patch_filters());
    PatchFilterGroup {
        patch_filters: filters
            .iter()
            .map(|filter| PatchFilter {
                key: filter.key().as_str().to_owned(),
                values: filter.values().to_vec(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(system: &str, name: &str, number: u8) -> PatchBaselineIdentity {
        PatchBaselineIdentity::builder()
            .operating_system(system.into())
            .baseline_name(name)
            .baseline_id(format!(
                "arn:aws:ssm:us-east-1:075727635805:patchbaseline/pb-{number:017x}"
            ))
            .build()
    }

    #[test]
    fn the_default_of_a_system_is_found_by_name_and_else_where_there_is_one_only() {
        let found = defaults(&[
            listed("WINDOWS", "AWS-WindowsPredefinedPatchBaseline-OS", 1),
            listed("WINDOWS", "AWS-DefaultPatchBaseline", 2),
            listed("RASPBIAN", "AWS-DefaultRaspbianPatchBaseline", 3),
            listed("RASPBIAN", "AWS-SomethingElse", 4),
            listed("SUSE", "AWS-RenamedByAws", 5),
            listed("UBUNTU", "AWS-A", 6),
            listed("UBUNTU", "AWS-B", 7),
            listed("PLAN_9", "AWS-Plan9", 8),
        ])
        .unwrap();

        let ends: Vec<(OperatingSystem, char)> = found
            .iter()
            .map(|(system, id)| (*system, id.as_str().chars().last().unwrap()))
            .collect();
        assert_eq!(
            ends,
            [
                (OperatingSystem::Raspbian, '3'),
                (OperatingSystem::Suse, '5'),
                (OperatingSystem::Windows, '2'),
            ]
        );
    }

    #[test]
    fn a_key_that_ssm_leaves_out_has_its_default() {
        let id = "pb-0123456789abcdef0".parse().unwrap();
        let answer = GetPatchBaselineOutput::builder()
            .operating_system("DEBIAN".into())
            .name("mine")
            .build();

        let seen = seen(Call::GetPatchBaseline, &id, &answer).unwrap();

        assert_eq!(seen.content, Baseline::empty(OperatingSystem::Debian));
        assert_eq!(seen.name, "mine");
    }
}
