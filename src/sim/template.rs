//! What CloudFormation makes of a template, as far as it matters here: parameters, buckets, outputs.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    cloud::{Call, CloudError},
    ids::{AccountId, BucketName, Region, StackName},
    sim::{bucket::Bucket, failure::refused, intrinsic::Scope, random},
};

/// Refuses parameters that the template does not have, and those that it lacks.
///
/// A template that is not JSON, or has no section `Parameters`, takes any.
pub(super) fn check_parameters(
    call: Call,
    template: &str,
    given: &BTreeMap<String, String>,
) -> Result<(), CloudError> {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    let Some(declared) = template.get("Parameters").and_then(Value::as_object) else {
        return Ok(());
    };
    let unknown: Vec<&str> =
        given.keys().map(String::as_str).filter(|name| !declared.contains_key(*name)).collect();
    let missing: Vec<&str> = declared
        .iter()
        .filter(|(name, rules)| !given.contains_key(*name) && rules.get("Default").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Err(refused(call, format!("Parameters: [{names}] do not exist in the template")));
    }
    if !missing.is_empty() {
        let names = missing.join(", ");
        return Err(refused(call, format!("Parameters: [{names}] must have values")));
    }
    Ok(())
}

/// What a stack consists of.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) buckets: BTreeMap<BucketName, Bucket>,
    pub(super) outputs: BTreeMap<String, String>,
}

/// Works out what a template makes in a stack that was born then. One that is not JSON makes nothing.
pub(super) fn made(
    template: &str,
    parameters: &BTreeMap<String, String>,
    account: &AccountId,
    region: &Region,
    stack: &StackName,
    born: Duration,
) -> Made {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    let section = |name: &str| template.get(name).and_then(Value::as_object).into_iter().flatten();

    let mut names: BTreeMap<String, String> = section("Parameters")
        .filter_map(|(name, rules)| {
            let default = rules.get("Default")?;
            let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            Some((name.clone(), text))
        })
        .collect();
    names.extend(parameters.clone());
    names.extend(section("Resources").map(|(name, _)| (name.clone(), format!("{stack}-{name}"))));
    names.extend([
        ("AWS::AccountId".to_owned(), account.to_string()),
        ("AWS::Region".to_owned(), region.to_string()),
        ("AWS::Partition".to_owned(), region.partition().to_owned()),
        ("AWS::StackName".to_owned(), stack.to_string()),
        ("AWS::StackId".to_owned(), stack_id(account, region, stack, born)),
        ("AWS::URLSuffix".to_owned(), "amazonaws.com".to_owned()),
    ]);
    let mut scope = Scope::new(&template, names);

    let exists = |scope: &Scope<'_>, resource: &Value| {
        resource.get("Condition").and_then(Value::as_str).is_none_or(|name| scope.condition(name))
    };
    let buckets: Vec<(&String, &Value)> = section("Resources")
        .filter(|(_, resource)| resource.get("Type").is_some_and(|kind| kind == "AWS::S3::Bucket"))
        .filter(|(_, resource)| exists(&scope, resource))
        .collect();
    let mut made = Made::default();
    let mut found = Vec::new();
    for (logical, resource) in buckets {
        let name = resource
            .pointer("/Properties/BucketName")
            .and_then(|name| scope.text(name)?.parse().ok())
            .unwrap_or_else(|| made_up(stack, logical, born));
        scope.name_bucket(logical, name.as_str());
        found.push((name, resource));
    }
    for (name, resource) in found {
        let logs_to = resource
            .pointer("/Properties/LoggingConfiguration/DestinationBucketName")
            .and_then(|name| scope.text(name)?.parse().ok());
        let policy = resource.get("DeletionPolicy").and_then(Value::as_str);
        let retained = matches!(policy, Some("Retain" | "RetainExceptOnCreate"));
        let key = resource
            .pointer("/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault")
            .and_then(|rule| scope.text(scope.chosen(rule)?.get("KMSMasterKeyID")?));
        let objects = BTreeMap::new();
        made.buckets.insert(name, Bucket { logs_to, retained, key, objects });
    }
    made.outputs = section("Outputs")
        .filter(|(_, output)| exists(&scope, output))
        .filter_map(|(name, output)| Some((name.clone(), scope.text(output.get("Value")?)?)))
        .collect();
    made
}

/// The ARN of a stack, with a UUID that is another one for every stack that is made.
fn stack_id(account: &AccountId, region: &Region, stack: &StackName, born: Duration) -> String {
    let partition = region.partition();
    let born = born.as_millis().to_string();
    let part =
        |salt| random::fixed(&[account.as_str(), region.as_str(), stack.as_str(), &born, salt]);
    let hex = format!("{:016x}{:016x}", part("first"), part("second"));
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    format!("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/{groups}")
}

/// A bucket name such as CloudFormation makes up: another one for every stack that is made.
fn made_up(stack: &StackName, logical: &str, born: Duration) -> BucketName {
    let hash = random::fixed(&[stack.as_str(), logical, &born.as_millis().to_string()]);
    let start: String = format!("{stack}-{logical}").to_lowercase().chars().take(44).collect();
    format!("{start}-{hash:016x}").parse().expect("letters, digits and hyphens, at most 61")
}
