//! Making, changing and deleting patch baselines of the home Region.

use std::collections::BTreeSet;

use aws_sdk_ssm::{
    error::BuildError,
    types::{
        PatchFilter as SdkFilter, PatchFilterGroup as SdkFilters, PatchRule as SdkRule,
        PatchRuleGroup, PatchSource as SdkSource, ResourceTypeForTagging, Tag,
    },
};

use crate::{
    aws::{answer::unreadable, baselines::Baselines, error::failure},
    cloud::{Call, CloudError, CloudErrorKind},
    ids::{BaselineId, OperatingSystem},
    state::{Baseline, BaselineSpec, PatchFilterGroup, PatchRule, PatchSource},
};

impl Baselines {
    pub(super) async fn create(&self, spec: &BaselineSpec, token: &str) -> Result<(), CloudError> {
        const CALL: Call = Call::CreatePatchBaseline;
        let Parts { filters, rules, sources, non_security } = parts(CALL, &spec.content)?;
        let content = &spec.content;
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .create_patch_baseline()
            .operating_system(content.operating_system.aws_name().into())
            .name(spec.name.as_str())
            .description(&spec.description)
            .global_filters(filters)
            .approval_rules(rules)
            .set_approved_patches(Some(content.approved_patches.clone()))
            .approved_patches_compliance_level(
                content.approved_patches_compliance_level.as_str().into(),
            )
            .set_approved_patches_enable_non_security(non_security)
            .set_rejected_patches(Some(content.rejected_patches.clone()))
            .rejected_patches_action(content.rejected_patches_action.as_str().into())
            .set_sources(sources)
            .set_tags(Some(tags(CALL, spec)?))
            .client_token(token)
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn update(
        &self,
        id: &BaselineId,
        spec: &BaselineSpec,
        untag: &BTreeSet<String>,
    ) -> Result<(), CloudError> {
        const CALL: Call = Call::UpdatePatchBaseline;
        let Parts { filters, rules, sources, non_security } = parts(CALL, &spec.content)?;
        let content = &spec.content;
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .update_patch_baseline()
            // What is not said is taken away.
            .replace(true)
            .baseline_id(id.as_str())
            .name(spec.name.as_str())
            .description(&spec.description)
            .global_filters(filters)
            .approval_rules(rules)
            .set_approved_patches(Some(content.approved_patches.clone()))
            .approved_patches_compliance_level(
                content.approved_patches_compliance_level.as_str().into(),
            )
            .set_approved_patches_enable_non_security(non_security)
            .set_rejected_patches(Some(content.rejected_patches.clone()))
            .rejected_patches_action(content.rejected_patches_action.as_str().into())
            .set_sources(sources)
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        self.tag(id, spec).await?;
        self.untag(id, untag).await
    }

    async fn tag(&self, id: &BaselineId, spec: &BaselineSpec) -> Result<(), CloudError> {
        const CALL: Call = Call::AddTagsToResource;
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .add_tags_to_resource()
            .resource_type(ResourceTypeForTagging::PatchBaseline)
            .resource_id(id.as_str())
            .set_tags(Some(tags(CALL, spec)?))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    async fn untag(&self, id: &BaselineId, keys: &BTreeSet<String>) -> Result<(), CloudError> {
        const CALL: Call = Call::RemoveTagsFromResource;
        if keys.is_empty() {
            return Ok(());
        }
        self.pace.take(CALL, Some(&self.home)).await;
        self.client
            .remove_tags_from_resource()
            .resource_type(ResourceTypeForTagging::PatchBaseline)
            .resource_id(id.as_str())
            .set_tag_keys(Some(keys.iter().cloned().collect()))
            .send()
            .await
            .map_err(failure(CALL, Some(&self.home)))?;
        Ok(())
    }

    pub(super) async fn delete(&self, id: &BaselineId) -> Result<(), CloudError> {
        const CALL: Call = Call::DeletePatchBaseline;
        self.pace.take(CALL, Some(&self.home)).await;
        let request = self.client.delete_patch_baseline().baseline_id(id.as_str());
        match request.send().await.map_err(failure(CALL, Some(&self.home))) {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// What takes a form of the SDK's.
struct Parts {
    filters: SdkFilters,
    rules: PatchRuleGroup,
    sources: Option<Vec<SdkSource>>,
    non_security: Option<bool>,
}

fn parts(call: Call, content: &Baseline) -> Result<Parts, CloudError> {
    let is_windows = content.operating_system == OperatingSystem::Windows;
    let build = || -> Result<Parts, BuildError> {
        let rules: Result<Vec<SdkRule>, BuildError> =
            content.approval_rules.patch_rules.iter().map(rule).collect();
        let sources: Result<Vec<SdkSource>, BuildError> =
            content.sources.iter().map(source).collect();
        Ok(Parts {
            filters: filters(&content.global_filters)?,
            rules: PatchRuleGroup::builder().set_patch_rules(Some(rules?)).build()?,
            sources: (!is_windows).then_some(sources?),
            non_security: (!is_windows).then_some(content.approved_patches_enable_non_security),
        })
    };
    build().map_err(|error| unreadable(call, format!("the baseline can't be sent: {error}")))
}

fn rule(rule: &PatchRule) -> Result<SdkRule, BuildError> {
    Ok(SdkRule::builder()
        .patch_filter_group(filters(&rule.patch_filter_group)?)
        .set_compliance_level(rule.compliance_level.as_deref().map(Into::into))
        .set_approve_after_days(rule.approve_after_days)
        .set_approve_until_date(rule.approve_until_date.clone())
        // SSM takes it for Linux only, and it is off where nothing is said.
        .set_enable_non_security(rule.enable_non_security.filter(|on| *on))
        .build())
}

fn filters(group: &PatchFilterGroup) -> Result<SdkFilters, BuildError> {
    let filters: Result<Vec<SdkFilter>, BuildError> = group
        .patch_filters
        .iter()
        .map(|filter| {
            SdkFilter::builder()
                .key(filter.key.as_str().into())
                .set_values(Some(filter.values.clone()))
                .build()
        })
        .collect();
    SdkFilters::builder().set_patch_filters(Some(filters?)).build()
}

fn source(source: &PatchSource) -> Result<SdkSource, BuildError> {
    SdkSource::builder()
        .name(&source.name)
        .set_products(Some(source.products.clone()))
        .configuration(&source.configuration)
        .build()
}

fn tags(call: Call, spec: &BaselineSpec) -> Result<Vec<Tag>, CloudError> {
    spec.tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, BuildError>>()
        .map_err(|error| unreadable(call, format!("the tags can't be sent: {error}")))
}
