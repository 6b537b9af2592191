//! ARNs of things that are not ours.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{InvalidName, Region};

/// `arn:partition:service:region:account:resource`, cut up.
fn parts(text: &str) -> Option<[&str; 5]> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let mut part = || parts.next();
    let parts = [part()?, part()?, part()?, part()?, part()?];
    let partition = parts[0];
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    // Patterns would match more than one thing, where one is meant.
    let is_one = !text.contains(|c: char| c.is_whitespace() || ['*', '?'].contains(&c));
    (is_partition && is_one).then_some(parts)
}

fn is_account(text: &str) -> bool {
    text.parse::<super::AccountId>().is_ok()
}

fn is_region(text: &str, partition: &str) -> bool {
    text.parse::<Region>().is_ok_and(|region| region.partition() == partition)
}

/// What stands behind one of these beginnings, if anything does.
fn behind<'a>(resource: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|start| resource.strip_prefix(start)).filter(|rest| !rest.is_empty())
}

name! {
    /// The ARN of a KMS key.
    KeyArn, "the ARN of a KMS key (arn:…:kms:…:key/…)", |text| {
        parts(text).is_some_and(|[partition, service, region, account, resource]| {
            service == "kms"
                && is_region(region, partition)
                && is_account(account)
                && behind(resource, &["key/"]).is_some()
        })
    }
}

name! {
    /// The ARN of an IAM role or user.
    PrincipalArn, "the ARN of a role or user (arn:…:iam::…:role/…)", |text| {
        parts(text).is_some_and(|[_, service, region, account, resource]| {
            service == "iam"
                && region.is_empty()
                && is_account(account)
                && behind(resource, &["role/", "user/"]).is_some()
        })
    }
}

name! {
    /// The ARN of a Change Calendar, which is a Systems Manager document.
    CalendarArn, "the ARN of a Change Calendar (arn:…:ssm:…:document/…)", |text| {
        parts(text).is_some_and(|[partition, service, region, account, resource]| {
            service == "ssm"
                && is_region(region, partition)
                && is_account(account)
                && behind(resource, &["document/"]).is_some()
        })
    }
}

/// An ARN, of which only its place matters here.
pub trait Arn {
    /// The text.
    fn text(&self) -> &str;

    /// The partition, for example `aws-cn`.
    fn partition(&self) -> &str {
        parts(self.text()).map_or("", |[partition, ..]| partition)
    }

    /// The Region; none for a service that has none.
    fn region(&self) -> Option<Region> {
        parts(self.text()).and_then(|[_, _, region, ..]| region.parse().ok())
    }
}

impl Arn for KeyArn {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Arn for PrincipalArn {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Arn for CalendarArn {
    fn text(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_one_of_the_right_kind() {
        assert!("arn:aws:kms:eu-west-1:111122223333:key/0a1b".parse::<KeyArn>().is_ok());
        assert!("arn:aws:kms:eu-west-1:111122223333:alias/a".parse::<KeyArn>().is_err());
        assert!("arn:aws:kms::111122223333:key/0a1b".parse::<KeyArn>().is_err());
        assert!("arn:aws-cn:kms:eu-west-1:111122223333:key/0a1b".parse::<KeyArn>().is_err());
        assert!("arn:aws:iam::111122223333:role/*".parse::<PrincipalArn>().is_err());
        assert!("arn:aws-cn:iam::111122223333:role/a/b".parse::<PrincipalArn>().is_ok());
        assert!("arn:aws:iam::111122223333:root".parse::<PrincipalArn>().is_err());
        assert!("arn:aws:iam::111122223333:role/".parse::<PrincipalArn>().is_err());
        assert!("arn:aws:ssm:eu-west-1:111122223333:document/b".parse::<CalendarArn>().is_ok());
        assert!("arn:azure:ssm:eu-west-1:111122223333:document/b".parse::<CalendarArn>().is_err());
    }

    #[test]
    fn an_arn_tells_its_place() {
        let arn: CalendarArn =
            "arn:aws-us-gov:ssm:us-gov-west-1:111122223333:document/b".parse().unwrap();

        assert_eq!(arn.partition(), "aws-us-gov");
        assert_eq!(arn.region().unwrap().as_str(), "us-gov-west-1");
    }
}
