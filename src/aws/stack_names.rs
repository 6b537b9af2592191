//! Which stacks there are.

use aws_sdk_cloudformation::types::StackStatus;

use crate::{
    aws::{
        answer::{all_pages, next},
        error::failure,
        stacks::Stacks,
    },
    cloud::{Call, CloudError, Page},
    ids::{Region, StackName},
};

impl Stacks {
    /// The names of the stacks in a Region that begin so, but for deleted ones.
    pub(super) async fn names(
        &self,
        region: &Region,
        prefix: &str,
    ) -> Result<Vec<StackName>, CloudError> {
        const CALL: Call = Call::ListStacks;
        // Without a filter, stacks are listed for ninety days after their end.
        let there: Vec<StackStatus> = StackStatus::values()
            .iter()
            .filter(|status| **status != "DELETE_COMPLETE")
            .map(|status| StackStatus::from(*status))
            .collect();
        let summaries = all_pages(CALL, async |token| {
            self.pace.take(CALL, Some(region)).await;
            let request = self.client(region).list_stacks().set_next_token(token);
            let answer = request
                .set_stack_status_filter(Some(there.clone()))
                .send()
                .await
                .map_err(failure(CALL, Some(region)))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.stack_summaries.unwrap_or_default(), next })
        })
        .await?;
        let names = summaries.iter().filter_map(|summary| summary.stack_name());
        // Nested stacks and those of others have names of all kinds.
        Ok(names
            .filter(|name| name.starts_with(prefix))
            .filter_map(|name| name.parse().ok())
            .collect())
    }
}
