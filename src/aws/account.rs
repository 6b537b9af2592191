//! The account itself: who is asking (STS), and which Regions it has (Account Management).

use std::{collections::BTreeMap, sync::Arc};

use aws_config::SdkConfig;

use crate::{
    aws::{
        answer::{all_pages, name, next, required},
        error::failure,
        pace::Pace,
    },
    cloud::{Call, Caller, CloudError, Page},
    ids::Region,
    state::RegionStatus,
};

#[derive(Debug)]
pub(super) struct Account {
    sts: aws_sdk_sts::Client,
    management: aws_sdk_account::Client,
    pace: Arc<Pace>,
}

impl Account {
    pub(super) fn new(config: &SdkConfig, pace: Arc<Pace>) -> Self {
        Self {
            sts: aws_sdk_sts::Client::new(config),
            management: aws_sdk_account::Client::new(config),
            pace,
        }
    }

    pub(super) async fn caller(&self) -> Result<Caller, CloudError> {
        const CALL: Call = Call::GetCallerIdentity;
        self.pace.take(CALL, None).await;
        let answer = self.sts.get_caller_identity().send().await.map_err(failure(CALL, None))?;
        Ok(Caller {
            account: name(CALL, "Account", answer.account())?,
            arn: required(CALL, "Arn", answer.arn())?,
        })
    }

    pub(super) async fn regions(&self) -> Result<BTreeMap<Region, RegionStatus>, CloudError> {
        const CALL: Call = Call::ListRegions;
        let regions = all_pages(CALL, async |token| {
            self.pace.take(CALL, None).await;
            let answer = self
                .management
                .list_regions()
                .max_results(50)
                .set_next_token(token)
                .send()
                .await
                .map_err(failure(CALL, None))?;
            let next = next(answer.next_token());
            Ok(Page { items: answer.regions.unwrap_or_default(), next })
        })
        .await?;
        regions
            .iter()
            .map(|region| {
                let status =
                    region.region_opt_status().map(|status| region_status(status.as_str()));
                Ok((
                    name(CALL, "RegionName", region.region_name())?,
                    status.unwrap_or(RegionStatus::Disabled),
                ))
            })
            .collect()
    }
}

/// A Region that is just being enabled cannot be used yet.
fn region_status(text: &str) -> RegionStatus {
    match text {
        "ENABLED" | "ENABLED_BY_DEFAULT" => RegionStatus::Enabled,
        _ => RegionStatus::Disabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_counts_once_it_is_fully_enabled() {
        let of = |text| region_status(text);

        assert_eq!(of("ENABLED"), RegionStatus::Enabled);
        assert_eq!(of("ENABLED_BY_DEFAULT"), RegionStatus::Enabled);
        for text in ["ENABLING", "DISABLING", "DISABLED", "SOMETHING_NEW"] {
            assert_eq!(of(text), RegionStatus::Disabled, "{text}");
        }
    }
}
