//! The adapters: AWS itself behind the ports. The only room that names the SDK.
//!
//! [`Aws`] implements [`CloudRead`](crate::cloud::CloudRead) and
//! [`CloudWrite`](crate::cloud::CloudWrite). One file a service; `error` turns the SDK's errors into
//! [`CloudError`], `pace` keeps below the published quotas, and `settings` and `credentials` say who
//! asks, where, and how often.
//!
//! How a call is made belongs here: pages, retries, pace, time-outs, the spelling of a request and
//! of its answer. Whether it should be made does not.

mod account;
mod answer;
mod baseline_changes;
mod baselines;
mod cloudformation;
mod credentials;
mod error;
mod member;
mod objects;
mod operations;
mod organizations;
mod pace;
mod patch_properties;
mod read;
mod settings;
mod stack_events;
mod stack_names;
mod stack_sets;
mod stacks;
mod write;

pub use settings::{Environment, Retries, Settings, check_environment};

use std::sync::Arc;

use aws_config::SdkConfig;

use crate::{
    cloud::{Call, CloudError, CloudErrorKind, MaxRate},
    ids::Region,
};

/// AWS, spoken to with one set of credentials.
#[derive(Debug)]
pub struct Aws {
    home_region: Region,
    account: account::Account,
    organizations: organizations::Organizations,
    stack_sets: stack_sets::StackSets,
    stacks: stacks::Stacks,
    baselines: baselines::Baselines,
    objects: objects::Objects,
    members: member::Members,
}

impl Aws {
    /// Finds credentials and a Region, and makes the clients. Nothing is called yet.
    ///
    /// # Errors
    ///
    /// Says what is missing, and what to run or set.
    pub async fn connect(settings: Settings) -> Result<Self, CloudError> {
        let config = settings.load().await;
        let config = credentials::of_profile(config, settings.profile.as_deref());
        credentials::check(&config, settings.profile.as_deref()).await?;
        let home_region = region_of(&config)?;
        Ok(Self::from_config(&config, home_region, settings.s3_path_style, settings.max_rate))
    }

    /// Makes the clients for a configuration that is complete.
    ///
    /// `s3_path_style` puts the bucket's name into the path, which emulators need. `max_rate` lowers the
    /// published rates, for organizations that other tools read too.
    pub fn from_config(
        config: &SdkConfig,
        home_region: Region,
        s3_path_style: bool,
        max_rate: Option<MaxRate>,
    ) -> Self {
        let home = settings::in_region(config, &home_region);
        let pace = Arc::new(pace::Pace::new(max_rate));
        let paced = || Arc::clone(&pace);
        Self {
            account: account::Account::new(&home, paced()),
            organizations: organizations::Organizations::new(&home, paced()),
            stack_sets: stack_sets::StackSets::new(&home, home_region.clone(), paced()),
            stacks: stacks::Stacks::new(home.clone(), home_region.clone(), paced()),
            baselines: baselines::Baselines::new(&home, home_region.clone(), paced()),
            objects: objects::Objects::new(&home, home_region.clone(), s3_path_style, paced()),
            members: member::Members::new(home, paced(), max_rate),
            home_region,
        }
    }
}

fn region_of(config: &SdkConfig) -> Result<Region, CloudError> {
    let refused = |message: String| CloudError {
        call: Call::Connect,
        region: None,
        kind: CloudErrorKind::Settings,
        code: None,
        message,
        request_id: None,
    };
    let Some(region) = config.region() else {
        return Err(refused(
            "no Region is set; set `home_region` in the policy, --region or AWS_REGION".to_owned(),
        ));
    };
    region.as_ref().parse().map_err(|error| {
        refused(format!("{error}; set `home_region` in the policy, --region or AWS_REGION"))
    })
}
