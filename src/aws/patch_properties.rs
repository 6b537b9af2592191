//! Which values the properties of patches have.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::PatchSet;

use crate::{
    aws::{
        answer::{all_pages, next},
        baselines::Baselines,
        error::failure,
    },
    cloud::{Call, CloudError, Page},
    ids::OperatingSystem,
    state::PatchProperty,
};

impl Baselines {
    /// All values of a property. For Windows those of the system and of applications, which are asked for
    /// one by one.
    pub(super) async fn properties(
        &self,
        system: OperatingSystem,
        property: PatchProperty,
    ) -> Result<BTreeSet<String>, CloudError> {
        const CALL: Call = Call::DescribePatchProperties;
        let sets: &[Option<PatchSet>] = match system {
            OperatingSystem::Windows => &[Some(PatchSet::Os), Some(PatchSet::Application)],
            _ => &[None],
        };
        let mut values = BTreeSet::new();
        for set in sets {
            let entries = all_pages(CALL, async |token| {
                self.pace.take(CALL, Some(&self.home)).await;
                let answer = self
                    .client
                    .describe_patch_properties()
                    .operating_system(system.aws_name().into())
                    .property(property.aws_name().into())
                    .set_patch_set(set.clone())
                    .set_next_token(token)
                    .send()
                    .await
                    .map_err(failure(CALL, Some(&self.home)))?;
                let next = next(answer.next_token());
                Ok(Page { items: answer.properties.unwrap_or_default(), next })
            })
            .await?;
            // An entry is a map whose keys are documented by examples only: `Name`, and for products others.
            values.extend(entries.into_iter().flat_map(std::collections::HashMap::into_values));
        }
        Ok(values)
    }
}
