//! Whose credentials are used, and whether there are any.

use aws_config::{
    SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_sdk_sts::config::{ProvideCredentials as _, SharedCredentialsProvider};

use crate::{
    aws::error::chain,
    cloud::{Call, CloudError, CloudErrorKind},
};

/// Takes the credentials from the profile that was asked for, and from nowhere else.
///
/// The SDK's own order is environment, then profile, whatever profile it is told: with
/// `AWS_ACCESS_KEY_ID` set it would go to another organization than the one that was named.
pub(super) fn of_profile(config: SdkConfig, profile: Option<&str>) -> SdkConfig {
    let Some(profile) = profile else { return config };
    // A profile that assumes a role needs a Region for the call to STS.
    let base = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips());
    let provider =
        ProfileFileCredentialsProvider::builder().configure(&base).profile_name(profile).build();
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// Asks for the credentials once, before any call: only the first failure says what is wrong.
pub(super) async fn check(config: &SdkConfig, profile: Option<&str>) -> Result<(), CloudError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(none("no credentials were found".to_owned()));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(none(explain(&chain(&error), profile))),
    }
}

fn none(message: String) -> CloudError {
    CloudError {
        call: Call::Connect,
        region: None,
        kind: CloudErrorKind::NoCredentials,
        code: None,
        message,
        request_id: None,
    }
}

/// The SDK's words, or ours where they leave the reader alone.
fn explain(text: &str, profile: Option<&str>) -> String {
    const EXPIRED: [&str; 3] = [
        "failed to load the cached SSO token",
        "the SSO token has expired",
        "SSO token is expired",
    ];
    if EXPIRED.iter().any(|expired| text.contains(expired)) {
        let option = profile.map_or_else(String::new, |profile| format!(" --profile {profile}"));
        return format!("the SSO session has expired: run aws sso login{option}");
    }
    let told = text.strip_prefix("the credential provider was not enabled").unwrap_or(text);
    match (told.trim_start_matches(": "), profile) {
        ("", Some(profile)) => format!(
            "there is no profile `{profile}` in ~/.aws/config and ~/.aws/credentials, or it has no credentials"
        ),
        ("", None) => "no credentials were found".to_owned(),
        (told, _) => told.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_sso_session_says_what_to_run() {
        let text =
            "an error occurred while loading credentials: failed to load the cached SSO token";

        assert_eq!(
            explain(text, Some("prod")),
            "the SSO session has expired: run aws sso login --profile prod"
        );
        assert_eq!(explain(text, None), "the SSO session has expired: run aws sso login");
    }

    #[test]
    fn a_profile_without_credentials_is_named() {
        let none = "the credential provider was not enabled";

        assert!(explain(none, Some("audit")).starts_with("there is no profile `audit`"));
        assert_eq!(explain(none, None), "no credentials were found");
        assert_eq!(
            explain(&format!("{none}: profile `x` was not defined"), Some("x")),
            "profile `x` was not defined"
        );
    }
}
