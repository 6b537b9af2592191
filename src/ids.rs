//! AWS names as types, valid by construction.
//!
//! A value of one of these types has been checked once, at the edge where it came in. Nothing past
//! the parser passes a plain string for an account, an OU or a Region.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A text that is not the name that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidName {
    /// What was given.
    pub text: String,
    /// What would have been right, with its article: "a twelve-digit account ID".
    pub expected: &'static str,
}

/// Defines a name: a checked, cheaply cloned text.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as AWS spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { text: text.to_owned(), expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

mod arn;

pub use arn::{Arn, CalendarArn, KeyArn, PrincipalArn};

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `prefix` and then `length` characters of `[a-z0-9]`.
fn prefixed(text: &str, prefix: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| length.contains(&rest.len()) && all(rest, lower_or_digit))
}

name! {
    /// A twelve-digit AWS account ID.
    ///
    /// It is text, not a number: a leading zero is part of it.
    AccountId, "a twelve-digit account ID", |text| text.len() == 12 && all(text, |b| b.is_ascii_digit())
}

name! {
    /// The ID of an organization, `o-…`.
    OrganizationId, "an organization ID (o-…)", |text| prefixed(text, "o-", 10..=32)
}

name! {
    /// The ID of an organizational unit, `ou-…`, or of the root, `r-…`.
    ///
    /// StackSets take both in the same place (API reference of `DeploymentTargets`).
    OuId, "the ID of an organizational unit (ou-…) or a root (r-…)", |text| {
        prefixed(text, "r-", 4..=32)
            || text.strip_prefix("ou-").and_then(|rest| rest.split_once('-')).is_some_and(|(root, unit)| {
                (4..=32).contains(&root.len())
                    && (8..=32).contains(&unit.len())
                    && all(root, lower_or_digit)
                    && all(unit, lower_or_digit)
            })
    }
}

impl OuId {
    /// Whether this is the root of the organization.
    pub fn is_root(&self) -> bool {
        self.0.starts_with("r-")
    }
}

name! {
    /// A Region's name, for example `eu-west-1`. It has the right form; whether it exists is another question.
    Region, "a Region name such as eu-west-1", |text| {
        let mut parts = text.rsplit('-');
        let number = parts.next().unwrap_or_default();
        let words: Vec<&str> = parts.collect();
        (1..=2).contains(&number.len())
            && all(number, |b| b.is_ascii_digit())
            && words.len() >= 2
            && words.iter().all(|word| !word.is_empty() && all(word, |b| b.is_ascii_lowercase()))
    }
}

impl Region {
    /// The partition that the Region belongs to, by its prefix (botocore's `partitions.json`).
    pub fn partition(&self) -> &'static str {
        const PREFIXES: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-isob-", "aws-iso-b"),
            ("us-isof-", "aws-iso-f"),
            ("us-iso-", "aws-iso"),
            ("eu-isoe-", "aws-iso-e"),
            ("eusc-", "aws-eusc"),
        ];
        PREFIXES
            .iter()
            .find(|(prefix, _)| self.0.starts_with(prefix))
            .map_or("aws", |(_, partition)| partition)
    }
}

name! {
    /// A policy's name. It stands in stack-set names, tags and the node tag.
    PolicyName, "a policy name: a lower-case letter, then at most 30 of a-z, 0-9 and -", |text| {
        text.len() <= 31
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && all(text, |b| lower_or_digit(b) || b == b'-')
    }
}

name! {
    /// A ring's name. A policy that names no rings has one, `main`.
    RingName, "a ring name: a lower-case letter, then at most 30 of a-z, 0-9 and -", |text| {
        text.len() <= 31
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && all(text, |b| lower_or_digit(b) || b == b'-')
    }
}

impl RingName {
    /// The ring of a policy that names none.
    pub fn main() -> Self {
        Self("main".into())
    }
}

name! {
    /// A ring's five-character ID, which every name that a node sees ends with.
    RingId, "a ring ID of five characters a-z and 0-9", |text| prefixed(text, "", 5..=5)
}

impl RingId {
    /// Derives the ID from what names the ring, so that it need not be stored anywhere.
    pub fn derive(organization: &OrganizationId, policy: &PolicyName, ring: &RingName) -> Self {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let hash = Sha256::digest(format!("{organization}\n{policy}\n{ring}"));
        let text: String = hash
            .chunks(4)
            .take(5)
            .map(|bytes| {
                let number = bytes.iter().fold(0_usize, |sum, byte| sum * 256 + usize::from(*byte));
                char::from(LETTERS[number % LETTERS.len()])
            })
            .collect();
        Self(text.into())
    }
}

name! {
    /// A stack set's name: a letter, then letters, digits and hyphens, at most 128 (registry schema).
    StackSetName, "a stack set name", |text| stack_name(text)
}

name! {
    /// A stack's name, by the same rules.
    StackName, "a stack name", |text| stack_name(text)
}

fn stack_name(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && all(text, |b| b.is_ascii_alphanumeric() || b == b'-')
}

name! {
    /// An S3 bucket's name, at most 63 characters.
    BucketName, "a bucket name (3 to 63 of a-z, 0-9, . and -)", |text| {
        (3..=63).contains(&text.len())
            && all(text, |b| lower_or_digit(b) || b == b'-' || b == b'.')
            && text.bytes().next().is_some_and(lower_or_digit)
            && text.bytes().last().is_some_and(lower_or_digit)
    }
}

name! {
    /// The ID of a StackSets operation, which is also its idempotency token.
    OperationId, "an operation ID", |text| {
        (1..=128).contains(&text.len())
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && all(text, |b| b.is_ascii_alphanumeric() || b == b'-')
    }
}

impl OperationId {
    /// Derives an ID that is the same for the same parts, and another for others.
    pub fn derive(parts: &[&str]) -> Self {
        Self(format!("orgpatch-{}", &Digest::of(parts.join("\n")).0[..32]).into())
    }
}

name! {
    /// The name of an IAM role, without its path.
    RoleName, "the name of an IAM role (1 to 64 of letters, digits and +=,.@_-)", |text| {
        (1..=64).contains(&text.len())
            && all(text, |b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b))
    }
}

impl RoleName {
    /// The role that Organizations makes in each account that it creates.
    pub fn of_organizations() -> Self {
        Self("OrganizationAccountAccessRole".into())
    }
}

name! {
    /// A patch baseline's ID (`pb-…`) or ARN. AWS's own baselines must be named by ARN (API reference of `GetPatchBaseline`).
    BaselineId, "a patch baseline's ID (pb-…) or ARN", |text| {
        let id = if text.starts_with("arn:") {
            text.rsplit_once("patchbaseline/").map_or("", |(_, id)| id)
        } else {
            text
        };
        id.strip_prefix("pb-").is_some_and(|hex| hex.len() == 17 && all(hex, |b| b.is_ascii_hexdigit()))
    }
}

name! {
    /// A patch baseline's name (API reference of `CreatePatchBaseline`).
    BaselineName, "the name of a patch baseline (3 to 128 of A-Z, a-z, 0-9, _, - and .)", |text| {
        (3..=128).contains(&text.len())
            && all(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    }
}

name! {
    /// A SHA-256, in hexadecimal.
    Digest, "a hexadecimal SHA-256", |text| text.len() == 64 && all(text, |b| b.is_ascii_hexdigit())
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let hash = Sha256::digest(bytes);
        let mut text = String::with_capacity(64);
        for byte in hash {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// The first twelve characters: enough to name it to a person.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// Whether a call speaks for the account itself or for the organization as its delegated administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAs {
    /// The management account.
    ManagementAccount,
    /// A member account that is a delegated administrator of StackSets.
    DelegatedAdministrator,
}

/// Defines the operating systems with AWS's spelling, the policy's spelling and AWS's default baseline.
macro_rules! operating_systems {
    ($($(#[$doc:meta])* $name:ident, $aws:literal, $key:literal, $default:literal;)*) => {
        /// An operating system for which there are patch baselines, in the order of AWS's names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum OperatingSystem {
            $($(#[$doc])* #[serde(rename = $aws)] $name,)*
        }

        impl OperatingSystem {
            /// All fifteen.
            pub const ALL: [Self; 15] = [$(Self::$name,)*];

            /// As the APIs and the override object spell it.
            pub fn aws_name(self) -> &'static str {
                match self { $(Self::$name => $aws,)* }
            }

            /// As a policy file spells it.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// The name of the baseline that AWS applies where nothing else is chosen
            /// (user guide, "About predefined baselines").
            pub fn default_baseline_name(self) -> &'static str {
                match self { $(Self::$name => $default,)* }
            }
        }
    };
}

operating_systems! {
    /// AlmaLinux.
    AlmaLinux, "ALMA_LINUX", "alma_linux", "AWS-AlmaLinuxDefaultPatchBaseline";
    /// Amazon Linux (2018).
    AmazonLinux, "AMAZON_LINUX", "amazon_linux", "AWS-AmazonLinuxDefaultPatchBaseline";
    /// Amazon Linux 2.
    AmazonLinux2, "AMAZON_LINUX_2", "amazon_linux_2", "AWS-AmazonLinux2DefaultPatchBaseline";
    /// Amazon Linux 2022.
    AmazonLinux2022, "AMAZON_LINUX_2022", "amazon_linux_2022", "AWS-AmazonLinux2022DefaultPatchBaseline";
    /// Amazon Linux 2023.
    AmazonLinux2023, "AMAZON_LINUX_2023", "amazon_linux_2023", "AWS-AmazonLinux2023DefaultPatchBaseline";
    /// CentOS.
    Centos, "CENTOS", "centos", "AWS-CentOSDefaultPatchBaseline";
    /// Debian.
    Debian, "DEBIAN", "debian", "AWS-DebianDefaultPatchBaseline";
    /// macOS.
    Macos, "MACOS", "macos", "AWS-MacOSDefaultPatchBaseline";
    /// Oracle Linux.
    OracleLinux, "ORACLE_LINUX", "oracle_linux", "AWS-OracleLinuxDefaultPatchBaseline";
    /// Raspberry Pi OS.
    Raspbian, "RASPBIAN", "raspbian", "AWS-RaspbianDefaultPatchBaseline";
    /// Red Hat Enterprise Linux.
    RedhatEnterpriseLinux, "REDHAT_ENTERPRISE_LINUX", "redhat_enterprise_linux", "AWS-RedHatDefaultPatchBaseline";
    /// Rocky Linux.
    RockyLinux, "ROCKY_LINUX", "rocky_linux", "AWS-RockyLinuxDefaultPatchBaseline";
    /// SUSE Linux Enterprise Server.
    Suse, "SUSE", "suse", "AWS-SuseDefaultPatchBaseline";
    /// Ubuntu.
    Ubuntu, "UBUNTU", "ubuntu", "AWS-UbuntuDefaultPatchBaseline";
    /// Windows Server.
    Windows, "WINDOWS", "windows", "AWS-DefaultPatchBaseline";
}

impl OperatingSystem {
    /// Whether it is told when a patch was released. Where it is not, AWS takes neither days nor a date
    /// in a rule (API reference of `PatchRule`; Raspberry Pi OS by analogy).
    pub fn tells_release_dates(self) -> bool {
        !matches!(self, Self::Debian | Self::Raspbian | Self::Ubuntu)
    }

    /// Whether it is a Linux.
    pub fn is_linux(self) -> bool {
        !matches!(self, Self::Macos | Self::Windows)
    }
}

impl fmt::Display for OperatingSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_unless_aws_would_take_them() {
        assert!("012345678901".parse::<AccountId>().is_ok());
        assert!("12345678901".parse::<AccountId>().is_err());
        assert!("ou-ab12-cdef3456".parse::<OuId>().is_ok());
        assert!("r-ab12".parse::<OuId>().is_ok());
        assert!("ou-ab12".parse::<OuId>().is_err());
        assert!("us-gov-west-1".parse::<Region>().is_ok());
        assert!("us-east".parse::<Region>().is_err());
        assert!("Linux".parse::<PolicyName>().is_err());
        assert!(RoleName::of_organizations().as_str().parse::<RoleName>().is_ok());
        assert!("path/role".parse::<RoleName>().is_err());
        assert!("pb-0123456789abcdef0".parse::<BaselineId>().is_ok());
        assert!(
            "arn:aws:ssm:us-east-1:075727635805:patchbaseline/pb-05c9c9bf778d4c4d0"
                .parse::<BaselineId>()
                .is_ok()
        );
    }

    #[test]
    fn a_ring_id_depends_on_organization_policy_and_ring_only() {
        let derive = |organization: &str, policy: &str, ring: &str| {
            RingId::derive(
                &organization.parse().unwrap(),
                &policy.parse().unwrap(),
                &ring.parse().unwrap(),
            )
        };

        let id = derive("o-exampleorgid", "linux-weekly", "main");

        assert!(id.as_str().parse::<RingId>().is_ok());
        assert_eq!(id, derive("o-exampleorgid", "linux-weekly", "main"));
        assert_ne!(id, derive("o-exampleorgid", "linux-weekly", "prod"));
        assert_ne!(id, derive("o-otherorgidxx", "linux-weekly", "main"));
    }

    #[test]
    fn operating_systems_are_in_the_order_of_their_aws_names() {
        let names = OperatingSystem::ALL.map(OperatingSystem::aws_name);

        assert!(names.is_sorted());
    }
}
