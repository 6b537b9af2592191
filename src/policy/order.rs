//! Installations that come too early: a later ring's before an earlier one's, or before Microsoft publishes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, Time},
    tz::TimeZone,
};

use crate::ids::Region;

use super::{
    compile::{clock, words},
    regions::listed,
    runs::{meant, patch_tuesday},
    values::{Monthly, Policy, RingWish, When},
    zones,
};

/// How far is looked ahead.
const MONTHS: i64 = 12;

/// The time of day at which Microsoft publishes on Patch Tuesday, and where (Microsoft Learn, "Update release
/// cycle for Windows clients").
const PUBLISHED: (Time, &str) = (Time::constant(10, 0, 0, 0), "America/Los_Angeles");

/// Installations in the next twelve months that come too early.
pub(super) fn order_warnings(policy: &Policy, today: Date) -> Vec<String> {
    let installing = policy.rings.iter().filter(|ring| ring.schedule.install.is_some());
    // Most policies have nothing to find here: one ring, or an installation every week in each.
    let may_overtake =
        installing.clone().count() > 1 && installing.clone().any(may_pause_for_weeks);
    let rings: Vec<(&RingWish, Installs<'_>)> = installing
        .filter(|ring| may_overtake || counts_from_patch_tuesday(ring).is_some())
        .filter_map(|ring| Some((ring, installs(ring, today)?)))
        .collect();
    let mut warnings = Vec::new();
    for (number, (later, installs)) in rings.iter().enumerate() {
        for (earlier, before) in &rings[..number] {
            warnings.extend(overtakes(earlier, before, later, installs));
        }
    }
    warnings.extend(rings.iter().filter_map(|(ring, installs)| unpublished(ring, installs)));
    warnings
}

/// Whether a ring may let more than a week go by between installations.
fn may_pause_for_weeks(ring: &RingWish) -> bool {
    let install = ring.schedule.install.as_ref().map(|install| &install.value);
    matches!(install, Some(When::Monthly(..) | When::Cron(_)))
}

/// When a ring installs, Region by Region.
type Installs<'a> = BTreeMap<&'a Region, InRegion<'a>>;

/// When a ring installs in one Region.
struct InRegion<'a> {
    zone_name: &'a str,
    zone: TimeZone,
    moments: Vec<Timestamp>,
    /// From when on it matters which comes first.
    today: Timestamp,
}

impl InRegion<'_> {
    fn day(&self, moment: Timestamp) -> Date {
        self.zone.to_datetime(moment).date()
    }

    /// The first installation of each month by the local clock, under the month's first day. What counts
    /// from Patch Tuesday is of the month of that Tuesday, so many days before.
    fn firsts(&self, days: u8) -> BTreeMap<Date, Timestamp> {
        let mut firsts = BTreeMap::new();
        for moment in &self.moments {
            let day = self.day(*moment).saturating_sub(i64::from(days).days());
            firsts.entry(day.first_of_month()).or_insert(*moment);
        }
        firsts
    }

    /// Whether there is one every week at least. Which of two such rings comes first only depends on where one
    /// begins to count.
    fn is_weekly(&self) -> bool {
        let most = SignedDuration::from_hours(8 * 24);
        let mut gaps = self.moments.windows(2).map(|pair| pair[1].duration_since(pair[0]));
        self.moments.len() > 1 && gaps.all(|gap| gap < most)
    }

    fn words(&self, moment: Timestamp) -> String {
        let local = self.zone.to_datetime(moment);
        format!("{} {} {}", local.date(), clock(local.time()), self.zone_name)
    }
}

/// None for a ring that installs nothing.
fn installs(ring: &RingWish, today: Date) -> Option<Installs<'_>> {
    let install = ring.schedule.install.as_ref()?;
    let first = today.first_of_month();
    let end = first.saturating_add(MONTHS.months());
    let of_region = |region| {
        let (zone_name, zone) = zones::zone(&ring.schedule.timezone, region);
        let midnight = |date: Date| zone.to_timestamp(date.to_datetime(Time::midnight())).ok();
        let moments = meant(&install.value, &zone, midnight(first)?, midnight(end)?).moments();
        let today = midnight(today)?;
        Some((region, InRegion { zone_name, zone, moments, today }))
    };
    Some(ring.regions.iter().filter_map(|region| of_region(&region.value)).collect())
}

/// Says where a later ring installs before an earlier one in the same month.
fn overtakes(
    earlier: &RingWish,
    before: &Installs<'_>,
    later: &RingWish,
    installs: &Installs<'_>,
) -> Option<String> {
    let counted = |ring| counts_from_patch_tuesday(ring).map(|(_, days, _)| days);
    let days = counted(earlier).zip(counted(later)).unwrap_or_default();
    let mut months: BTreeMap<Date, BTreeMap<&Region, (String, String)>> = BTreeMap::new();
    for (region, installs) in installs {
        let Some(before) = before.get(region) else { continue };
        if before.is_weekly() && installs.is_weekly() {
            continue;
        }
        let firsts = before.firsts(days.0);
        let installing = installs.firsts(days.1).into_iter();
        for (month, moment) in installing.filter(|(_, moment)| *moment >= installs.today) {
            let Some(first) = firsts.get(&month).filter(|first| moment < **first) else { continue };
            let both = (installs.words(moment), before.words(*first));
            months.entry(month).or_default().insert(*region, both);
        }
    }
    let regions: BTreeSet<&Region> = months.values().flat_map(BTreeMap::keys).copied().collect();
    let (month, first) = months.first_key_value()?;
    let (_, (too_early, due)) = first.first_key_value()?;
    Some(format!(
        "ring {} comes after {}, but installs before it in {} of the next {MONTHS} months, in {}: first in {}, {} on {too_early} and {} on {due}",
        later.name,
        earlier.name,
        months.len(),
        listed(regions),
        month.strftime("%B %Y"),
        later.name,
        earlier.name,
    ))
}

/// The day and time of an install that counts from Patch Tuesday, with the days after it.
fn counts_from_patch_tuesday(ring: &RingWish) -> Option<(Monthly, u8, Time)> {
    match ring.schedule.install.as_ref()?.value {
        When::Monthly(day @ Monthly::PatchTuesday(days), time) => Some((day, days, time)),
        _ => None,
    }
}

/// Says where a schedule that counts from Patch Tuesday runs before there is anything to install.
fn unpublished(ring: &RingWish, installs: &Installs<'_>) -> Option<String> {
    let (day, days, time) = counts_from_patch_tuesday(ring)?;
    let (ten, place) = PUBLISHED;
    let pacific = TimeZone::get(place).ok()?;
    let published_on = |tuesday: Date| pacific.to_timestamp(tuesday.to_datetime(ten)).ok();
    let mut found: BTreeMap<&Region, String> = BTreeMap::new();
    for (region, installs) in installs {
        let early = installs.moments.iter().find_map(|moment| {
            let tuesday = patch_tuesday(installs.day(*moment), days)?;
            let published = published_on(tuesday)?;
            (*moment < published).then(|| {
                format!("{}, published {}", installs.words(*moment), installs.words(published))
            })
        });
        found.extend(early.map(|early| (*region, early)));
    }
    let first = found.values().next()?;
    Some(format!(
        "ring {} installs at {} {}, before Microsoft publishes (10:00 Pacific time on Patch Tuesday), in {}: first on {first}",
        ring.name,
        words(day),
        clock(time),
        listed(found.keys().copied()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse;

    /// The warnings about two rings, in Tokyo and Dublin.
    fn told(timezone: &str, staging: &str, prod: &str) -> Vec<String> {
        let text = format!(
            "\
version: 1
name: p
home_region: eu-west-1
targets: {{ ous: [/], regions: [ap-northeast-1, eu-west-1] }}
schedule: {{ scan: daily 01:00, timezone: {timezone} }}
rings:
  - name: staging
    ous: [/Workloads/Test]
    schedule: {{ install: {staging} }}
  - name: prod
    ous: [/Workloads/Prod]
    schedule: {{ install: {prod} }}
"
        );
        let policy = parse("p.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        order_warnings(&policy, "2026-11-22".parse().unwrap())
    }

    #[test]
    fn a_later_ring_that_installs_first_is_told_with_the_first_month() {
        assert_eq!(
            told("UTC", "sun#2 02:00", "wed#2 02:00"),
            [
                "ring prod comes after staging, but installs before it in 5 of the next 12 months, in ap-northeast-1, eu-west-1: first in December 2026, prod on 2026-12-09 02:00 UTC and staging on 2026-12-13 02:00 UTC"
            ]
        );
    }

    #[test]
    fn rings_in_their_order_are_not_warned_of() {
        for (staging, prod) in [
            ("sun#1 02:00", "sun#2 02:00"),
            ("sun#2 02:00", "sun#2 03:00"),
            ("patch-tuesday+5d 02:00", "patch-tuesday+12d 02:00"),
            ("patch-tuesday+5d 02:00", "patch-tuesday+20d 02:00"),
            // A week has no beginning, so neither of these is the first.
            ("sun 02:00", "tue 02:00"),
            ("daily 02:00", "daily 01:00"),
            ("sun#2 02:00", "never"),
            ("never", "sun#2 02:00"),
        ] {
            assert_eq!(told("region", staging, prod), [""; 0], "{staging}, {prod}");
        }
    }

    #[test]
    fn a_ring_every_week_overtakes_one_every_month() {
        let told = told("UTC", "sun#2 02:00", "sun 02:00");

        assert!(told[0].contains("in 11 of the next 12 months"), "{told:?}");
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn what_runs_before_microsoft_publishes_is_told_by_region() {
        assert_eq!(
            told("region", "patch-tuesday+1d 02:30", "patch-tuesday+1d 03:00"),
            [
                "ring staging installs at patch-tuesday+1d 02:30, before Microsoft publishes (10:00 Pacific time on Patch Tuesday), in ap-northeast-1: first on 2026-11-11 02:30 Asia/Tokyo, published 2026-11-11 03:00 Asia/Tokyo"
            ]
        );
        let both = told("region", "patch-tuesday 03:00", "patch-tuesday 19:00");
        assert_eq!(both.len(), 2);
        assert!(both[0].contains("in ap-northeast-1, eu-west-1:"), "{both:?}");
        assert!(both[1].contains("in ap-northeast-1:"), "{both:?}");
        assert_eq!(told("region", "patch-tuesday+1d 04:00", "patch-tuesday+2d 00:00"), [""; 0]);
    }
}
