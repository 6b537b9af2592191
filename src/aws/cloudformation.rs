//! What stack sets and stacks have in common.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client, config,
    config::{
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
    },
    error::ProvideErrorMetadata as _,
    operation::{
        create_change_set::CreateChangeSetError, create_stack_instances::CreateStackInstancesError,
        create_stack_set::CreateStackSetError,
    },
    types::{Parameter, Tag},
};

use crate::{cloud::TemplateFrom, ids::Region};

pub(super) fn client(config: &SdkConfig) -> Client {
    Client::from_conf(config::Builder::from(config).retry_classifier(QuotaIsFinal).build())
}

/// Does not try again at a full quota. The SDK takes `LimitExceededException` for throttling.
#[derive(Debug)]
struct QuotaIsFinal;

impl ClassifyRetry for QuotaIsFinal {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let code = error.as_operation_error().and_then(|error| {
            let set = error.downcast_ref::<CreateStackSetError>().map(|error| error.code());
            let instances =
                || error.downcast_ref::<CreateStackInstancesError>().map(|error| error.code());
            let change_set =
                || error.downcast_ref::<CreateChangeSetError>().map(|error| error.code());
            set.or_else(instances).or_else(change_set).flatten()
        });
        match code {
            Some("LimitExceededException") => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "orgpatch: a full quota is final"
    }
}

/// Every parameter with its value: one that is not sent would fall back to the template's default.
pub(super) fn parameters(parameters: &BTreeMap<String, String>) -> Vec<Parameter> {
    parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect()
}

/// All tags. Where tags are given they replace those that were there.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// `TemplateBody` and `TemplateURL`, of which a request has exactly one.
pub(super) fn template(
    body: &str,
    from: TemplateFrom<'_>,
    home: &Region,
) -> (Option<String>, Option<String>) {
    match from {
        TemplateFrom::Body => (Some(body.to_owned()), None),
        TemplateFrom::Object { bucket, key } => {
            let suffix = dns_suffix(home);
            (None, Some(format!("https://{bucket}.s3.{home}.{suffix}/{}", path(key))))
        }
    }
}

/// The domain of a partition's endpoints (botocore's `partitions.json`).
fn dns_suffix(region: &Region) -> &'static str {
    match region.partition() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

/// A key as it stands in a URL.
fn path(key: &str) -> String {
    use std::fmt::Write as _;

    key.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_template_is_named_by_the_url_of_its_object() {
        let bucket = "aws-quicksetup-patchpolicy-111122223333-ab1cd".parse().unwrap();
        let from = TemplateFrom::Object { bucket: &bucket, key: "templates/a b.json" };
        let url = |region: &str| template("{}", from, &region.parse().unwrap()).1;

        assert_eq!(
            url("eu-west-1").as_deref(),
            Some(
                "https://aws-quicksetup-patchpolicy-111122223333-ab1cd.s3.eu-west-1.amazonaws.com/templates/a%20b.json"
            )
        );
        assert!(url("cn-north-1").unwrap().contains(".s3.cn-north-1.amazonaws.com.cn/"));
    }

    #[test]
    fn a_template_in_the_request_has_no_url() {
        assert_eq!(
            template("{}", TemplateFrom::Body, &"eu-west-1".parse().unwrap()),
            (Some("{}".to_owned()), None)
        );
    }
}
