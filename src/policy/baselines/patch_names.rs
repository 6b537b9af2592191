//! How patches are named in lists, by package manager.
//!
//! User guide, "Package name formats for approved and rejected patch lists". A name in another form is
//! taken by AWS and matches nothing, so it is refused here.

use crate::ids::OperatingSystem;

/// AWS takes names of at most so many characters.
const LONGEST: usize = 100;

/// Which list a name stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Listed {
    /// Approved patches.
    Approved,
    /// Rejected patches.
    Rejected,
}

/// Why a name matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Mismatch {
    /// What is wrong with it, as the end of a sentence that begins with the name.
    pub(in crate::policy) why: String,
    /// What to write instead, as a sentence.
    pub(in crate::policy) instead: String,
}

fn mismatch(why: impl Into<String>, instead: impl Into<String>) -> Mismatch {
    Mismatch { why: why.into(), instead: instead.into() }
}

/// Whether a name can match a patch of an operating system.
///
/// # Errors
///
/// Why it can't, and what to write.
pub(in crate::policy) fn check(
    system: OperatingSystem,
    listed: Listed,
    name: &str,
) -> Result<(), Mismatch> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST {
        return Err(mismatch(
            format!("has {length} characters; AWS takes 1 to {LONGEST}"),
            "Take a shorter name, for example one with a `*`.",
        ));
    }
    if let Some(right) = misspelled(name) {
        return Err(mismatch("is not written as AWS knows it", format!("Did you mean `{right}`?")));
    }
    match system {
        OperatingSystem::Windows => windows(name),
        OperatingSystem::Macos => macos(name),
        OperatingSystem::Debian | OperatingSystem::Raspbian | OperatingSystem::Ubuntu => apt(name),
        OperatingSystem::Suse => zypper(name),
        OperatingSystem::AlmaLinux
        | OperatingSystem::AmazonLinux
        | OperatingSystem::AmazonLinux2
        | OperatingSystem::AmazonLinux2022
        | OperatingSystem::AmazonLinux2023
        | OperatingSystem::Centos
        | OperatingSystem::OracleLinux
        | OperatingSystem::RedhatEnterpriseLinux
        | OperatingSystem::RockyLinux => yum(listed, name),
    }
}

/// Whether a name can stand in the approved patches of an operating system.
pub(in crate::policy) fn fits(system: OperatingSystem, name: &str) -> bool {
    check(system, Listed::Approved, name).is_ok()
}

fn windows(name: &str) -> Result<(), Mismatch> {
    if is_article(name) || is_bulletin(name) {
        return Ok(());
    }
    let instead = if digits(name) && (5..=8).contains(&name.len()) {
        format!("Did you mean `KB{name}`?")
    } else {
        "Write the number of an article or of a bulletin: `KB5034439` or `MS10-048`.".to_owned()
    };
    Err(mismatch("is no patch of Windows", instead))
}

fn macos(name: &str) -> Result<(), Mismatch> {
    let instead = "Write a package's full name: `XProtectPlistConfigData`.";
    if name.contains('*') {
        return Err(mismatch("has a `*`, which AWS does not take for macOS", instead));
    }
    if let Some(what) = identifier(name) {
        return Err(mismatch(format!("is {what}, and macOS has packages only"), instead));
    }
    if name.chars().any(|c| c.is_control() || c == ',' || c == ';') {
        return Err(mismatch("has a character that no package's name has", instead));
    }
    Ok(())
}

fn apt(name: &str) -> Result<(), Mismatch> {
    let instead = "Write the package's bare name: `openssl`.";
    if name.contains('*') {
        return Err(mismatch("has a `*`, which AWS does not take for packages of apt", instead));
    }
    if let Some(what) = identifier(name) {
        return Err(mismatch(format!("is {what}, and apt has packages only"), instead));
    }
    if let Some((bare, _)) = name.split_once([':', '=', '_', '/'])
        && is_apt_name(bare)
    {
        return Err(mismatch(
            "has more than the package's name",
            format!("Leave out architecture and version: `{bare}`."),
        ));
    }
    if !is_apt_name(name) {
        return Err(mismatch(
            "is no name of a package: those have a-z, 0-9, +, - and . only",
            instead,
        ));
    }
    Ok(())
}

/// Debian policy manual, section 5.6.1.
fn is_apt_name(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        })
}

fn zypper(name: &str) -> Result<(), Mismatch> {
    let instead = "Write a patch's name or a package's with its version, where one `*` may stand: `SUSE-SLE-Module-Basesystem-15-2023-*` or `openssl-*`.";
    if let Some(what) = identifier(name) {
        return Err(mismatch(format!("is {what}, which AWS does not take for SUSE"), instead));
    }
    rpm(name)?;
    if !name.contains(['-', '*']) {
        return Err(mismatch("is no full name", instead));
    }
    Ok(())
}

fn yum(listed: Listed, name: &str) -> Result<(), Mismatch> {
    if is_article(name) || is_bulletin(name) {
        return Err(mismatch(
            "is a patch of Windows",
            "Write a package, `kernel-*`, or what an update is announced by, `CVE-2018-1234567` or `RHSA-2017:0864`.",
        ));
    }
    if let Some(what) = identifier(name) {
        return match listed {
            Listed::Approved => Ok(()),
            Listed::Rejected => Err(mismatch(
                format!("is {what}, and only packages can be rejected"),
                "Write the package: `kernel-*`.",
            )),
        };
    }
    if name.strip_suffix(".rpm").is_some() {
        return Err(mismatch(
            "is the name of a file",
            format!("Leave out the ending: `{}`.", name.trim_end_matches(".rpm")),
        ));
    }
    rpm(name)
}

/// What names of yum, dnf and zypper have in common: one wildcard at most, in a name.
fn rpm(name: &str) -> Result<(), Mismatch> {
    let wrong = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._+-~^:*".contains(*c)));
    if let Some(wrong) = wrong {
        return Err(mismatch(
            format!("has a `{wrong}`, which no package's name has"),
            "Write a package's name, with as much of its version as is meant: `kernel-*`, `dbus-1.12.28` or `dbus.x86_64`.",
        ));
    }
    if name.matches('*').count() > 1 {
        return Err(mismatch(
            "has more than one `*`",
            "AWS takes one in a name. Write one name for each package.",
        ));
    }
    if name == "*" {
        return Err(mismatch(
            "would stand for every package",
            "Begin with the package's name: `kernel-*`.",
        ));
    }
    Ok(())
}

/// What a name is, where it is no package's.
fn identifier(name: &str) -> Option<&'static str> {
    if is_vulnerability(name) {
        Some("a vulnerability")
    } else if is_article(name) || is_bulletin(name) {
        Some("a patch of Windows")
    } else if is_advisory(name) {
        Some("an advisory")
    } else if digits(name) {
        Some("a number of Bugzilla")
    } else {
        None
    }
}

/// `CVE-2018-1234567`
fn is_vulnerability(name: &str) -> bool {
    let rest = name.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    rest.is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && number.len() >= 4 && digits(number)
    })
}

/// `RHSA-2017:0864`, `ALAS2023-2025-123`
fn is_advisory(name: &str) -> bool {
    let Some((source, rest)) = name.split_once('-') else { return false };
    let Some((year, number)) = rest.split_once(['-', ':']) else { return false };
    source.len() >= 4
        && source != "SUSE"
        && source.starts_with(|c: char| c.is_ascii_uppercase())
        && source.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.')
        && year.len() == 4
        && digits(year)
        && digits(number)
}

/// `KB5034439`
fn is_article(name: &str) -> bool {
    name.strip_prefix("KB").is_some_and(|rest| (5..=8).contains(&rest.len()) && digits(rest))
}

/// `MS10-048`
fn is_bulletin(name: &str) -> bool {
    let parts = name.strip_prefix("MS").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| {
        year.len() == 2 && digits(year) && number.len() == 3 && digits(number)
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// What a name probably means that is nearly an article, a bulletin or a vulnerability.
fn misspelled(name: &str) -> Option<String> {
    let upper = name.trim().to_ascii_uppercase();
    let article = upper
        .strip_prefix("KB")
        .map(|rest| format!("KB{}", rest.trim_start_matches(['-', '_', ' ', '#'])));
    let vulnerability = upper
        .strip_prefix("CVE")
        .map(|rest| format!("CVE-{}", rest.trim_start_matches(['-', '_', ' ', ':'])));
    let right = [article.filter(|text| is_article(text)), vulnerability, Some(upper)]
        .into_iter()
        .flatten()
        .find(|text| is_article(text) || is_bulletin(text) || is_vulnerability(text))?;
    (right != name).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Listed::{Approved, Rejected};
    use OperatingSystem::{AmazonLinux2023, Macos, Suse, Ubuntu, Windows};

    fn refused(system: OperatingSystem, listed: Listed, name: &str) -> String {
        let Mismatch { why, instead } = check(system, listed, name).unwrap_err();
        format!("{name} {why}. {instead}")
    }

    #[test]
    fn names_in_the_forms_of_the_user_guide_are_taken() {
        let packages = [
            "dbus",
            "dbus.x86_64",
            "dbus-1.12.28",
            "dbus-1:1.12.28-1.amzn2023.0.1.x86_64",
            "dbus.x86_64:1:1.12.28-1.amzn2023.0.1",
            "kernel-*",
            "dbus-*:1.12.28-1.amzn2023.0.1.x86_64",
        ];
        for name in packages {
            assert_eq!(check(AmazonLinux2023, Approved, name), Ok(()), "{name}");
            assert_eq!(check(AmazonLinux2023, Rejected, name), Ok(()), "{name}");
        }
        for name in ["1234567", "CVE-2018-1234567", "RHSA-2017:0864", "ALAS2023-2025-123"] {
            assert_eq!(check(AmazonLinux2023, Approved, name), Ok(()), "{name}");
        }
        for name in ["SUSE-SLE-Example-Package-15-2023-123", "example-pkg-2023.15.4-46.17.1.*.rpm"]
        {
            assert_eq!(check(Suse, Rejected, name), Ok(()), "{name}");
        }
        for name in ["KB2032276", "KB890830", "MS10-048"] {
            assert_eq!(check(Windows, Rejected, name), Ok(()), "{name}");
        }
        assert_eq!(check(Ubuntu, Rejected, "libstdc++6"), Ok(()));
        assert_eq!(check(Macos, Approved, "XProtectPlistConfigData"), Ok(()));
    }

    #[test]
    fn a_name_that_would_match_nothing_is_refused_with_what_to_write() {
        assert_eq!(
            refused(Windows, Rejected, "5034439"),
            "5034439 is no patch of Windows. Did you mean `KB5034439`?"
        );
        assert_eq!(
            refused(Windows, Approved, "kb-5034439"),
            "kb-5034439 is not written as AWS knows it. Did you mean `KB5034439`?"
        );
        assert_eq!(
            refused(AmazonLinux2023, Approved, "cve-2026-12345"),
            "cve-2026-12345 is not written as AWS knows it. Did you mean `CVE-2026-12345`?"
        );
        assert_eq!(
            refused(Ubuntu, Rejected, "openssl:amd64"),
            "openssl:amd64 has more than the package's name. Leave out architecture and version: `openssl`."
        );
        assert_eq!(
            refused(AmazonLinux2023, Rejected, "kernel-6.1.rpm"),
            "kernel-6.1.rpm is the name of a file. Leave out the ending: `kernel-6.1`."
        );
        for (system, listed, name) in [
            (AmazonLinux2023, Rejected, "CVE-2026-12345"),
            (AmazonLinux2023, Rejected, "1234567"),
            (AmazonLinux2023, Approved, "KB5034439"),
            (AmazonLinux2023, Approved, "*"),
            (AmazonLinux2023, Approved, "kernel-*-*"),
            (AmazonLinux2023, Approved, "kernel 6"),
            (Ubuntu, Approved, "linux-*"),
            (Ubuntu, Approved, "CVE-2026-12345"),
            (Ubuntu, Approved, "OpenSSL"),
            (Suse, Approved, "openssl"),
            (Suse, Approved, "CVE-2026-12345"),
            (Macos, Approved, "XProtect*"),
            (Windows, Approved, "CVE-2026-12345"),
        ] {
            assert!(check(system, listed, name).is_err(), "{system} {name}");
        }
    }

    #[test]
    fn a_name_has_at_most_a_hundred_characters() {
        assert!(fits(AmazonLinux2023, &"a".repeat(100)));
        assert!(!fits(AmazonLinux2023, &"a".repeat(101)));
        assert!(!fits(AmazonLinux2023, ""));
    }
}
