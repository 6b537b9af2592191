//! Giving a ring the approvals that an earlier one has.

use std::{collections::BTreeSet, sync::Arc};

use jiff::civil::Date;

use crate::{ids::RingName, state::Approvals};

use super::{
    approvals::{self, Extent},
    check, edit,
    error::{self, Problems},
    rules::BaselineWish,
    values::{Policy, RingWish},
};

/// What a ring is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// What the earlier ring has in force today.
    InForce,
    /// Patches released up to this day, in UTC, which is included.
    Until(Date),
    /// These patches, and no other.
    Only(Vec<String>),
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Promoted {
    /// The ring has it.
    Already(Approvals),
    /// The file has to be edited.
    Edited(Box<Edited>),
}

/// An edited policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The text before.
    pub old_text: Arc<str>,
    /// The text that is to be written.
    pub text: String,
    /// What it says.
    pub policy: Policy,
    /// What the ring approved.
    pub before: Approvals,
    /// What it approves now.
    pub after: Approvals,
    /// What there is to know about it.
    pub notes: Vec<String>,
}

/// Why a ring is not given the approvals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpromoted {
    /// No ring has that name.
    #[error("the policy has no ring `{ring}`")]
    NoSuchRing {
        /// The name.
        ring: RingName,
        /// The rings that there are.
        rings: Vec<RingName>,
    },
    /// A ring can't give itself anything.
    #[error("`--from` and `--to` are the same ring, `{0}`")]
    SameRing(RingName),
    /// The ring that gives is the later one.
    #[error("the ring `{from}` comes behind the ring `{to}` in the rollout")]
    Behind {
        /// The ring that gives.
        from: RingName,
        /// The ring that takes.
        to: RingName,
    },
    /// The day is to come.
    #[error("{date} is in the future: today is {today} in UTC")]
    Future {
        /// The day.
        date: Date,
        /// Today.
        today: Date,
    },
    /// The day is later than that of the ring that gives.
    #[error(
        "`{to}` would get patches that `{from}` has not: `{from}` has those released up to {has}, and not up to {date}"
    )]
    NotYet {
        /// The ring that gives.
        from: RingName,
        /// The ring that takes.
        to: RingName,
        /// The day of the ring that gives.
        has: Date,
        /// The day that was asked for.
        date: Date,
    },
    /// The ring that gives has no day.
    #[error("`{to}` would get patches that `{from}` has not: `{from}` has only {names}", names = .patches.join(", "))]
    ByName {
        /// The ring that gives.
        from: RingName,
        /// The ring that takes.
        to: RingName,
        /// What it has.
        patches: Vec<String>,
    },
    /// Patches that the ring that gives has not.
    #[error("`{to}` would get patches that `{from}` has not: {names}", names = .missing.join(", "))]
    NotListed {
        /// The ring that gives.
        from: RingName,
        /// The ring that takes.
        to: RingName,
        /// The patches.
        missing: Vec<String>,
        /// What it has.
        patches: Vec<String>,
    },
    /// The ring that takes has more.
    #[error("`{to}` has patches released up to {has}, and {date} would take some of them back")]
    Back {
        /// The ring that takes.
        to: RingName,
        /// Its day.
        has: Date,
        /// The day that it would be given.
        date: Date,
    },
    /// The file is written in a way in which only a person can edit it.
    #[error(
        "{file}:{line}: the ring `{to}` is written in a way that can't be edited without changing something else"
    )]
    Unedited {
        /// The file.
        file: Arc<str>,
        /// The line of the ring.
        line: u64,
        /// The ring that takes.
        to: RingName,
        /// What is written there.
        by_hand: String,
    },
    /// A patch that no policy may name, for example.
    #[error("{0}")]
    NotAPolicy(Problems),
}

impl Unpromoted {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoSuchRing { ring, rings } => {
                let names: Vec<&str> = rings.iter().map(RingName::as_str).collect();
                match error::nearest(ring.as_str(), names.iter().copied()) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => format!("There is {}.", names.join(", ")),
                }
            }
            Self::SameRing(_) => {
                "Name the ring that has the patches, and one behind it.".to_owned()
            }
            Self::Behind { .. } => {
                "Approvals go from a ring to one behind it, in the order of the file.".to_owned()
            }
            Self::Future { today, .. } => format!("Give {today} at the latest."),
            Self::NotYet { has, .. } => {
                format!("Give {has} at the latest, or leave `--until` out: then it is that day.")
            }
            Self::ByName { .. } => "Leave `--until` out: then it is these patches.".to_owned(),
            Self::NotListed { from, patches, .. } => {
                format!("`{from}` has only {}. Approve the others there first.", patches.join(", "))
            }
            Self::Back { has, .. } => format!(
                "Give a day after {has}. To take patches back on purpose, edit the file by hand, or name them under `exceptions`."
            ),
            Self::Unedited { by_hand, .. } => {
                format!("Write it by hand, in that ring: `{by_hand}`.")
            }
            Self::NotAPolicy(_) => return None,
        })
    }
}

/// Gives the ring `to` approvals of the ring `from`, by an edit that leaves everything else in the file as it is.
///
/// # Errors
///
/// Where a ring is missing, or the later ring would get what the earlier one has not, or would lose
/// something; and where the file can't be edited without changing anything else.
pub fn promote(
    policy: &Policy,
    from: &RingName,
    to: &RingName,
    promotion: &Promotion,
    today: Date,
) -> Result<Promoted, Unpromoted> {
    let number = |ring: &RingName| {
        policy.rings.iter().position(|wish| wish.name == *ring).ok_or_else(|| {
            let rings = policy.rings.iter().map(|wish| wish.name.clone()).collect();
            Unpromoted::NoSuchRing { ring: ring.clone(), rings }
        })
    };
    let (giver, taker) = (number(from)?, number(to)?);
    if giver == taker {
        return Err(Unpromoted::SameRing(to.clone()));
    }
    if giver > taker {
        return Err(Unpromoted::Behind { from: from.clone(), to: to.clone() });
    }
    let (giver, wish) = (&policy.rings[giver], &policy.rings[taker]);
    let mut notes = Vec::new();
    let extent = given(giver, to, promotion, today, &mut notes)?;
    let approve = wish.approve.as_ref().map(|approve| &approve.value);
    let before = approvals::in_force(approve, today);
    match news(&Extent::of(approve, today), &extent) {
        News::None => return Ok(Promoted::Already(before)),
        News::Back { has, date } => {
            return Err(Unpromoted::Back { to: to.clone(), has, date });
        }
        News::Good(note) => notes.extend(note),
    }
    if let Approvals::AfterDays { .. } = before {
        notes.push(format!(
            "`{to}` went by days after release, which moves on by itself; from now on it stays where it is until somebody promotes again"
        ));
    }
    if let Extent::UpTo(_) = extent {
        notes.extend(untouched(wish));
        notes.extend(untouched(giver).map(|lines| {
            format!("{lines}; where that is less, `{to}` gets patches that `{from}` has not had")
        }));
    }
    let Some(text) = edit::approve(&policy.text, taker, &extent) else {
        return Err(Unpromoted::Unedited {
            file: policy.file.clone(),
            line: wish.place.line,
            to: to.clone(),
            by_hand: edit::by_hand(&extent),
        });
    };
    let edited = check::parse(&policy.file, &text).map_err(Unpromoted::NotAPolicy)?;
    Ok(Promoted::Edited(Box::new(Edited {
        old_text: policy.text.clone(),
        text,
        policy: edited,
        before,
        after: extent.words(),
        notes,
    })))
}

/// What a ring can give, and is asked to.
fn given(
    giver: &RingWish,
    to: &RingName,
    promotion: &Promotion,
    today: Date,
    notes: &mut Vec<String>,
) -> Result<Extent, Unpromoted> {
    let from = &giver.name;
    let has = Extent::of(giver.approve.as_ref().map(|approve| &approve.value), today);
    match (promotion, has) {
        (Promotion::InForce, has) => Ok(has),
        (Promotion::Until(date), _) if *date > today => {
            Err(Unpromoted::Future { date: *date, today })
        }
        (Promotion::Until(date), Extent::UpTo(has)) if *date > has => {
            Err(Unpromoted::NotYet { from: from.clone(), to: to.clone(), has, date: *date })
        }
        (Promotion::Until(date), Extent::UpTo(_)) => Ok(Extent::UpTo(*date)),
        (Promotion::Until(_), Extent::Only(patches)) => {
            Err(Unpromoted::ByName { from: from.clone(), to: to.clone(), patches })
        }
        (Promotion::Only(named), Extent::Only(patches)) => {
            let named = once_each(named);
            let is_missing = |patch: &&String| !patches.contains(patch);
            let missing: Vec<String> = named.iter().filter(is_missing).cloned().collect();
            if missing.is_empty() {
                Ok(Extent::Only(named))
            } else {
                Err(Unpromoted::NotListed { from: from.clone(), to: to.clone(), missing, patches })
            }
        }
        (Promotion::Only(named), Extent::UpTo(date)) => {
            let named = once_each(named);
            notes.push(format!(
                "`{from}` approves by day of release, up to {date}: whether it has had {} can't be told from the file",
                named.join(", ")
            ));
            Ok(Extent::Only(named))
        }
    }
}

fn once_each(patches: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    patches.iter().filter(|patch| seen.insert(patch.as_str())).cloned().collect()
}

/// What other approvals mean for a ring.
enum News {
    /// They are those that it has.
    None,
    /// They are fewer.
    Back { has: Date, date: Date },
    /// They are others, of which there may be something to know.
    Good(Option<String>),
}

fn news(has: &Extent, given: &Extent) -> News {
    match (has, given) {
        (Extent::UpTo(has), Extent::UpTo(date)) if has == date => News::None,
        (Extent::UpTo(has), Extent::UpTo(date)) if has > date => {
            News::Back { has: *has, date: *date }
        }
        (Extent::UpTo(_), Extent::UpTo(_)) => News::Good(None),
        (Extent::Only(has), Extent::Only(patches)) => {
            let gone: Vec<&str> =
                has.iter().filter(|patch| !patches.contains(patch)).map(String::as_str).collect();
            if !gone.is_empty() {
                News::Good(Some(format!("approved no longer: {}", gone.join(", "))))
            } else if patches.iter().all(|patch| has.contains(patch)) {
                News::None
            } else {
                News::Good(None)
            }
        }
        (Extent::Only(has), Extent::UpTo(date)) => News::Good(Some(format!(
            "so far approved by name: {}; from now on they are approved if they were released up to {date}",
            has.join(", ")
        ))),
        (Extent::UpTo(has), Extent::Only(_)) => News::Good(Some(format!(
            "so far approved: all released up to {has}; from now on only those that are named, and no other"
        ))),
    }
}

/// Rules of a ring that do not go by its day, since they have their own.
fn untouched(ring: &RingWish) -> Option<String> {
    let rules = ring.baselines.values().filter_map(|baseline| match &baseline.value {
        BaselineWish::Rules(rules) => Some(&rules.rules),
        BaselineWish::Aws | BaselineWish::Existing(_) | BaselineWish::Named(_) => None,
    });
    let own = rules.flatten().filter(|rule| rule.approve.is_some());
    let lines: Vec<String> = own.map(|rule| rule.place.line.to_string()).collect();
    (!lines.is_empty()).then(|| {
        format!(
            "rules of `{}` that have their own `approve` keep it: line {}",
            ring.name,
            lines.join(", ")
        )
    })
}
