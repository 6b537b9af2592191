//! How AWS is reached: from which profile, in which Region, with how much patience.

use std::{collections::BTreeSet, time::Duration};

use aws_config::{AppName, BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

use crate::{cloud::MaxRate, ids::Region};

/// Attempts at one call, the first included.
const ATTEMPTS: u32 = 10;

/// What the first pause between attempts is drawn from; each further one doubles it, up to 20 s.
const BACKOFF: Duration = Duration::from_millis(200);

/// The SDK itself has no limit: a server that never answers would hang the program for ever.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// One call with all its attempts and pauses.
const CALL_TIMEOUT: Duration = Duration::from_mins(5);

/// How AWS is reached. `cli` fills it from arguments, environment and policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `--profile`, else [`Environment::profile`].
    pub profile: Option<String>,
    /// The policy's home Region, or `--region` of a command that reads no policy.
    pub region: Option<Region>,
    /// Whether bucket names go into the path: [`Environment::s3_path_style`].
    pub s3_path_style: bool,
    /// Who decides how often a call is tried: [`Environment::retries`].
    pub retries: Retries,
    /// `--max-rate`: no more calls a second than this, whatever AWS allows.
    pub max_rate: Option<MaxRate>,
}

/// Who decides how often a call is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retries {
    /// We do: standard mode, ten attempts. Never adaptive, whose limiter is shared by all calls to a
    /// service and waits some twenty seconds after one throttled call.
    #[default]
    Ours,
    /// The user does, with `AWS_RETRY_MODE` or `AWS_MAX_ATTEMPTS`.
    Environment,
}

impl Settings {
    pub(super) async fn load(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(CALL_TIMEOUT)
                .build(),
        );
        if let Ok(name) = AppName::new("orgpatch") {
            loader = loader.app_name(name);
        }
        if self.retries == Retries::Ours {
            loader = loader.retry_config(
                RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF),
            );
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(sdk_region(region));
        }
        loader.load().await
    }
}

/// The same configuration in another Region.
pub(super) fn in_region(config: &SdkConfig, region: &Region) -> SdkConfig {
    config.to_builder().region(sdk_region(region)).build()
}

fn sdk_region(region: &Region) -> aws_config::Region {
    aws_config::Region::new(region.to_string())
}

/// What the environment says of how AWS is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `AWS_PROFILE`, where it is set.
    pub profile: Option<String>,
    /// The variables that send calls elsewhere than to AWS, which people must be warned of.
    pub endpoint_variables: BTreeSet<String>,
    /// Whether one of those sends S3's calls elsewhere.
    pub s3_path_style: bool,
    /// Whether the user set how often a call is tried.
    pub retries: Retries,
}

/// Looks at the environment before the SDK does.
///
/// # Errors
///
/// Names an `AWS_ENDPOINT_URL*` that is no URL: at an empty one the SDK panics.
pub fn check_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Environment, String> {
    let mut environment = Environment::default();
    for (name, value) in variables {
        match name.as_str() {
            "AWS_PROFILE" if !value.is_empty() => environment.profile = Some(value),
            "AWS_RETRY_MODE" | "AWS_MAX_ATTEMPTS" if !value.is_empty() => {
                environment.retries = Retries::Environment;
            }
            _ if name == "AWS_ENDPOINT_URL" || name.starts_with("AWS_ENDPOINT_URL_") => {
                if value.is_empty() {
                    return Err(format!(
                        "the variable {name} is empty; unset it, or give it a URL"
                    ));
                }
                if !value.starts_with("http://") && !value.starts_with("https://") {
                    return Err(format!(
                        "the variable {name} is `{value}`, which is not a URL; it must begin with https:// or http://"
                    ));
                }
                environment.s3_path_style |=
                    matches!(name.as_str(), "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_S3");
                environment.endpoint_variables.insert(name);
            }
            _ => {}
        }
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)]) -> Result<Environment, String> {
        check_environment(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn an_empty_endpoint_is_refused_by_name() {
        assert_eq!(
            check(&[("AWS_ENDPOINT_URL_SSM", "")]),
            Err("the variable AWS_ENDPOINT_URL_SSM is empty; unset it, or give it a URL".to_owned())
        );
        assert!(check(&[("AWS_ENDPOINT_URL", "localhost:4566")]).is_err());
    }

    #[test]
    fn overrides_are_reported_and_only_those_of_s3_change_its_addressing() {
        let ssm =
            check(&[("AWS_ENDPOINT_URL_SSM", "https://vpce.example"), ("HOME", "/")]).unwrap();
        let all = check(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).unwrap();

        assert_eq!(
            ssm,
            Environment {
                endpoint_variables: ["AWS_ENDPOINT_URL_SSM".to_owned()].into(),
                ..Environment::default()
            }
        );
        assert!(all.s3_path_style);
    }

    #[test]
    fn the_users_own_retries_and_profile_are_found() {
        let found = check(&[("AWS_MAX_ATTEMPTS", "4"), ("AWS_PROFILE", "audit")]).unwrap();
        let empty = check(&[("AWS_MAX_ATTEMPTS", ""), ("AWS_PROFILE", "")]).unwrap();

        assert_eq!(found.retries, Retries::Environment);
        assert_eq!(found.profile.as_deref(), Some("audit"));
        assert_eq!(empty, Environment::default());
    }
}
