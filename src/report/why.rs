//! Why an account or an OU is in a policy, or is not.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    ids::Region,
    report::{
        FORMAT_VERSION, count,
        style::{bad, caution, good, heading},
        why_ring::{cited, ring_text},
    },
    state::{
        About, AccountExplained, AccountReach, Explanation, Joiners, LeftOut, Obstacle,
        OuExplained, OuReach, Reason, RegionExplained, RegionStatus, RingCount, RingExplained,
    },
};

/// Obstacles that are named before the list is cut.
const SHOWN: usize = 12;

/// Words an answer: in or out, every reason with its line, and what the ring gives.
pub fn explanation_text(explanation: &Explanation) -> String {
    let Explanation { policy: _, about, region, notes } = explanation;
    let mut text = String::new();
    let ring = match about {
        About::Account(account) => {
            account_text(&mut text, account);
            account.ring.as_ref().filter(|_| account.is_in())
        }
        About::Ou(ou) => {
            ou_text(&mut text, ou);
            ou.ring.as_ref().filter(|_| ou.reach.is_some())
        }
    };
    if let Some(region) = region {
        region_text(&mut text, region, ring);
    }
    if let Some(ring) = ring {
        ring_text(&mut text, ring);
    }
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{}", heading("Notes"));
        for note in notes {
            let _ = writeln!(text, "  {note}");
        }
    }
    text
}

/// The same for programs.
pub fn explanation_json(explanation: &Explanation) -> Value {
    let Explanation { policy, about, region, notes } = explanation;
    let (account, ou) = match about {
        About::Account(account) => (Some(account), None),
        About::Ou(ou) => (None, Some(ou)),
    };
    let words = |reasons: &[Reason]| reasons.iter().map(reason_words).collect::<Vec<_>>();
    let is_in = match about {
        About::Account(account) => account.is_in(),
        About::Ou(ou) => ou.reach.is_some(),
    };
    json!({
        "format_version": FORMAT_VERSION,
        "policy": policy,
        "in": is_in,
        "because": match about {
            About::Account(account) => words(&account.reasons),
            About::Ou(ou) => words(&ou.reasons),
        },
        "account": account,
        "ou": ou,
        "region": region,
        "notes": notes,
    })
}

fn reason_words(reason: &Reason) -> String {
    let Reason { because, line, remark } = reason;
    let remark = remark.as_ref().map(|remark| format!("; {remark}")).unwrap_or_default();
    format!("{because}{}{remark}", cited(line.as_ref()))
}

fn account_text(text: &mut String, account: &AccountExplained) {
    let AccountExplained { id, name, ou, state: _, reasons, reach, ring } = account;
    let subject = heading(&format!("{id} {name}"));
    match ring {
        Some(ring) if account.is_in() => {
            let _ = writeln!(
                text,
                "{subject} in {ou}: {}, by ring {} ({})",
                good("in"),
                ring.name,
                ring.line
            );
            ring_choice(text, ring);
        }
        _ => {
            let _ = writeln!(text, "{subject} in {ou}: {}", bad("out"));
            for reason in reasons {
                let _ = writeln!(text, "  {}", reason_words(reason));
            }
            if let Some(RingExplained { name, line, .. }) = ring {
                let _ = writeln!(text, "  its OU is in the ring {name} ({line})");
            }
        }
    }
    match reach {
        Some(AccountReach::WholeOu { ou, joiners }) => {
            let _ = writeln!(text, "  reached with the whole OU {ou}; {}", joining(*joiners));
        }
        Some(AccountReach::NamedAccount { through, because }) => {
            let _ = writeln!(
                text,
                "  reached by its ID through {through}; accounts that join its OU are enrolled by the next apply, since the OU can't be had as a whole:"
            );
            obstacles(text, because);
        }
        Some(AccountReach::OwnStacks) => {
            let _ = writeln!(text, "  reached by stacks of its own, as the management account");
        }
        None => {}
    }
}

/// Which OU of the ring decides.
fn ring_choice(text: &mut String, ring: &RingExplained) {
    match &ring.target {
        Some(target) => {
            let _ = writeln!(text, "  the ring names {} ({})", target.ou, target.line);
        }
        None => {
            let _ = writeln!(text, "  no ring names an OU above it, so it is in the last one");
        }
    }
    for other in &ring.passed_over {
        let _ = writeln!(
            text,
            "  ring {} names {} ({}), which is above that: the deepest OU decides",
            other.ring, other.ou, other.line
        );
    }
}

fn joining(joiners: Joiners) -> &'static str {
    match joiners {
        Joiners::Enrolled => "accounts that join it are enrolled by themselves",
        Joiners::NextApply => "accounts that join it are enrolled by the next apply",
    }
}

fn obstacles(text: &mut String, obstacles: &[Obstacle]) {
    for obstacle in obstacles.iter().take(SHOWN) {
        let words = match obstacle {
            Obstacle::ExcludedOu { ou, line: Some(line) } => format!("{ou} is excluded ({line})"),
            Obstacle::ExcludedOu { ou, line: None } => format!("{ou} is excluded by default"),
            Obstacle::ExcludedAccount { account, ou, line } => {
                format!("account {account} in {ou} is excluded{}", cited(line.as_ref()))
            }
            Obstacle::OtherRing { ou, ring, line } => {
                format!("{ou} is in the ring {ring}{}", cited(line.as_ref()))
            }
        };
        let _ = writeln!(text, "    {words}");
    }
    if obstacles.len() > SHOWN {
        let _ = writeln!(text, "    … and {} more (`-o json` has all)", obstacles.len() - SHOWN);
    }
}

fn ou_text(text: &mut String, ou: &OuExplained) {
    let OuExplained { id, path, accounts, rings, left_out, reasons, reach, targets_below, ring } =
        ou;
    let covered: usize = rings.iter().map(|ring| ring.accounts).sum();
    let verdict = match covered {
        0 => bad("none in"),
        all if all == *accounts => good("all in"),
        some => caution(&format!("{some} in, {} out", accounts - some)),
    };
    let subject = heading(&format!("{path} ({id})"));
    let _ = writeln!(text, "{subject}: {}, {verdict}", count(*accounts, "account"));
    for RingCount { ring, line, accounts } in rings {
        let _ = writeln!(text, "  {accounts} in, by ring {ring} ({line})");
    }
    for LeftOut { because, accounts } in left_out {
        let _ = writeln!(text, "  {accounts} out: {because}");
    }
    for reason in reasons {
        let _ = writeln!(text, "  the OU itself is out: {}", reason_words(reason));
    }
    match (reach, ring) {
        (Some(reach), Some(ring)) => {
            let _ = writeln!(text, "  the OU itself is in the ring {} ({})", ring.name, ring.line);
            ring_choice(text, ring);
            ou_reach(text, reach);
        }
        (_, Some(RingExplained { name, line, .. })) => {
            let _ =
                writeln!(text, "  were it not for that, it would be in the ring {name} ({line})");
        }
        (_, None) => {}
    }
    for target in targets_below.iter().take(SHOWN) {
        let _ =
            writeln!(text, "  ring {} names {} below it ({})", target.ring, target.ou, target.line);
    }
    if targets_below.len() > SHOWN {
        let more = targets_below.len() - SHOWN;
        let _ = writeln!(text, "  … and {more} more below it (`-o json` has all)");
    }
}

fn ou_reach(text: &mut String, reach: &OuReach) {
    match reach {
        OuReach::WholeOu { ou, joiners } => {
            let _ = writeln!(text, "  reached with the whole OU {ou}; {}", joining(*joiners));
        }
        OuReach::InPart { whole, named_accounts, because } => {
            let _ = writeln!(
                text,
                "  reached in part: {} as a whole, {} by ID, since it can't be had as a whole:",
                count(whole.len(), "OU"),
                count(*named_accounts, "account")
            );
            obstacles(text, because);
        }
    }
}

fn region_text(text: &mut String, region: &RegionExplained, ring: Option<&RingExplained>) {
    let RegionExplained { region, line, status } = region;
    let named = match (line, ring) {
        (Some(line), _) => format!("{} of the ring's Regions ({line})", good("one")),
        (None, Some(ring)) => format!(
            "{} of the ring's Regions, which are {}",
            bad("none"),
            ring.regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
        ),
        (None, None) => "of no ring".to_owned(),
    };
    let status = match status {
        Some(RegionStatus::Enabled) => {
            "enabled in the account that orgpatch runs in; whether it is in each covered account can't be told from here"
        }
        Some(RegionStatus::Disabled) => "not enabled in the account that orgpatch runs in",
        None => "not known to the account that orgpatch runs in",
    };
    let _ = writeln!(text, "  Region {region}: {named}; {status}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{AccountState, FileLine, SkipReason};

    fn line(number: u64) -> FileLine {
        FileLine { file: "x.yaml".into(), line: number }
    }

    fn explained(about: AccountExplained) -> Explanation {
        Explanation {
            policy: "weekly".parse().unwrap(),
            about: About::Account(Box::new(about)),
            region: None,
            notes: Vec::new(),
        }
    }

    fn account() -> AccountExplained {
        AccountExplained {
            id: "123456789012".parse().unwrap(),
            name: "web-1".to_owned(),
            ou: "/Prod/Suspended".to_owned(),
            state: AccountState::Closed,
            reasons: vec![
                Reason {
                    because: SkipReason::ExcludedAccount {
                        reason: "vendor appliance".to_owned(),
                        until: None,
                    },
                    line: Some(line(9)),
                    remark: None,
                },
                Reason {
                    because: SkipReason::NotActive { state: AccountState::Closed },
                    line: None,
                    remark: None,
                },
            ],
            reach: None,
            ring: None,
        }
    }

    #[test]
    fn who_is_out_is_told_every_reason_with_its_line() {
        let text = explanation_text(&explained(account()));

        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "123456789012 web-1 in /Prod/Suspended: out\n  excluded by the policy: vendor appliance (x.yaml:9)\n  the account is closed\n"
        );
    }

    #[test]
    fn programs_are_told_the_same() {
        let json = explanation_json(&explained(account()));

        assert_eq!(json["format_version"], FORMAT_VERSION);
        assert_eq!(json["in"], false);
        assert_eq!(json["because"][1], "the account is closed");
        assert_eq!(json["account"]["reasons"][0]["line"]["line"], 9);
        assert_eq!(json["ou"], Value::Null);
    }
}
