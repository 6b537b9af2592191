//! Which approvals are in force on a day.

use jiff::{ToSpan as _, civil::Date};

use crate::state::Approvals;

use super::{
    baselines::{DEFAULT_DAYS, day},
    rules::{Approve, Until},
};

/// How far approvals reach on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Patches released up to this day, in UTC, which is included.
    UpTo(Date),
    /// These patches, and no other.
    Only(Vec<String>),
}

impl Extent {
    /// How far a word of the policy reaches, or the default where there is none. What is released later than
    /// today is approved by nobody yet.
    pub(super) fn of(approve: Option<&Approve>, today: Date) -> Self {
        match in_force(approve, today) {
            Approvals::Only { patches } => Self::Only(patches),
            Approvals::Until { date, word: _ } => Self::UpTo(date.min(today)),
            Approvals::AfterDays { days } => {
                Self::UpTo(today.saturating_sub(i64::from(days).days()))
            }
            Approvals::AsTheBaselineSays | Approvals::AtOnce => Self::UpTo(today),
        }
    }

    /// What the file has to say for it, in words.
    pub(super) fn words(&self) -> Approvals {
        match self {
            Self::UpTo(date) => Approvals::Until { date: *date, word: None },
            Self::Only(patches) => Approvals::Only { patches: patches.clone() },
        }
    }
}

/// What a word of the policy means on a day, or the default where there is none.
pub(super) fn in_force(approve: Option<&Approve>, today: Date) -> Approvals {
    match approve {
        None => Approvals::AfterDays { days: DEFAULT_DAYS },
        Some(Approve::AfterDays(days)) => Approvals::AfterDays { days: *days },
        Some(Approve::Until(until)) => Approvals::Until {
            date: day(*until, today),
            word: match until {
                Until::Date(_) => None,
                Until::MonthStart => Some("month-start"),
                Until::PreviousMonthStart => Some("previous-month-start"),
            },
        },
        Some(Approve::Only(patches)) => {
            Approvals::Only { patches: patches.iter().map(|patch| patch.value.clone()).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn reach(approve: &Approve, today: &str) -> Extent {
        Extent::of(Some(approve), date(today))
    }

    #[test]
    fn without_a_word_patches_are_approved_after_a_week() {
        assert_eq!(Extent::of(None, date("2026-11-22")), Extent::UpTo(date("2026-11-15")));
    }

    #[test]
    fn days_are_counted_back_over_months() {
        let after = |days| reach(&Approve::AfterDays(days), "2026-03-01");

        assert_eq!(after(0), Extent::UpTo(date("2026-03-01")));
        assert_eq!(after(1), Extent::UpTo(date("2026-02-28")));
        assert_eq!(after(360), Extent::UpTo(date("2025-03-06")));
    }

    #[test]
    fn months_begin_on_their_first_day() {
        let start = |until, today| reach(&Approve::Until(until), today);

        assert_eq!(start(Until::MonthStart, "2026-11-22"), Extent::UpTo(date("2026-11-01")));
        assert_eq!(start(Until::MonthStart, "2026-11-01"), Extent::UpTo(date("2026-11-01")));
        assert_eq!(
            start(Until::PreviousMonthStart, "2026-01-31"),
            Extent::UpTo(date("2025-12-01"))
        );
        assert_eq!(
            start(Until::PreviousMonthStart, "2026-03-31"),
            Extent::UpTo(date("2026-02-01"))
        );
    }

    #[test]
    fn a_day_to_come_reaches_to_today() {
        let until = Approve::Until(Until::Date(date("2027-01-01")));

        assert_eq!(reach(&until, "2026-11-22"), Extent::UpTo(date("2026-11-22")));
    }
}
