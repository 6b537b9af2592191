//! What a ring is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    ids::Region,
    plan::{Fate, RingOutline},
    report::{
        plan_text::Detail,
        step_words::regions,
        style::{columns, heading},
    },
    state::ScheduleLine,
};

/// Lines of a schedule that are shown each.
const MOST_LINES: usize = 6;

pub(super) fn outline(text: &mut String, ring: &RingOutline, detail: Detail) {
    let fate = match (ring.fate, &ring.because) {
        (Fate::Kept, _) => String::new(),
        (Fate::Removed, None) => ": to be removed".to_owned(),
        (Fate::Removed, Some(because)) => format!(": to be removed, since {because}"),
    };
    let _ = writeln!(text, "\n{}{fate}", heading(&format!("Ring {} ({})", ring.name, ring.id)));
    text.push_str(&columns("  ", schedule(&ring.schedule, detail)));
    let scans_only = !ring.schedule.iter().any(|line| line.what == "install");
    if ring.fate == Fate::Kept && scans_only && !ring.schedule.is_empty() {
        text.push_str("  nothing is installed: the policy has no `schedule.install`\n");
    }
}

/// The lines of a schedule. Of many, those that say the same of several Regions are one.
fn schedule(lines: &[ScheduleLine], detail: Detail) -> Vec<Vec<String>> {
    let each: Vec<Vec<String>> = lines
        .iter()
        .map(|line| row(line.what, line.region.to_string(), line.local.clone(), utc(line)))
        .collect();
    if detail == Detail::Everything || each.len() <= MOST_LINES {
        return each;
    }
    let mut same: BTreeMap<(&str, &str, String), BTreeSet<Region>> = BTreeMap::new();
    for line in lines {
        let said = (line.what, line.local.as_str(), utc(line));
        same.entry(said).or_default().insert(line.region.clone());
    }
    if same.len() <= MOST_LINES {
        let rows = same
            .into_iter()
            .map(|((what, local, utc), there)| row(what, regions(&there), local.to_owned(), utc));
        return rows.collect();
    }
    let mut by_clock: BTreeMap<(&str, &str), BTreeSet<Region>> = BTreeMap::new();
    for line in lines {
        let (clock, _) = clock_and_zone(&line.local);
        by_clock.entry((line.what, clock)).or_default().insert(line.region.clone());
    }
    let rows = by_clock.into_iter().map(|((what, clock), there)| {
        let meant: Vec<&ScheduleLine> = lines
            .iter()
            .filter(|line| line.what == what && clock_and_zone(&line.local).0 == clock)
            .collect();
        let zones: BTreeSet<Option<&str>> =
            meant.iter().map(|line| clock_and_zone(&line.local).1).collect();
        let utc: BTreeSet<String> = meant.iter().map(|line| utc(line)).collect();
        let local = match zones.iter().next() {
            Some(Some(zone)) if zones.len() == 1 => format!("{clock} {zone}"),
            Some(None) if zones.len() == 1 => clock.to_owned(),
            _ => format!("{clock} by the local clocks"),
        };
        let utc = if utc.len() == 1 { utc.into_iter().next() } else { None };
        row(what, regions(&there), local, utc.unwrap_or_default())
    });
    rows.collect()
}

fn row(what: &str, where_to: String, local: String, utc: String) -> Vec<String> {
    vec![what.to_owned(), where_to, local, utc]
}

/// What State Manager is told, where that is not what the policy says.
fn utc(line: &ScheduleLine) -> String {
    if line.local.contains(&line.expression) {
        return String::new();
    }
    let days = match line.offset_days {
        0 => String::new(),
        1 => " + 1 day".to_owned(),
        days => format!(" + {days} days"),
    };
    format!("= {}{days}", line.expression)
}

/// `sun 02:00 Europe/Dublin`, cut before the zone.
fn clock_and_zone(local: &str) -> (&str, Option<&str>) {
    match local.rsplit_once(' ') {
        Some((clock, zone)) if zone.contains('/') || zone == "UTC" => (clock, Some(zone)),
        _ => (local, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONES: [(&str, &str); 8] = [
        ("ap-northeast-1", "Asia/Tokyo"),
        ("ap-south-1", "Asia/Kolkata"),
        ("eu-central-1", "Europe/Berlin"),
        ("eu-west-1", "Europe/Dublin"),
        ("eu-west-2", "Europe/London"),
        ("sa-east-1", "America/Sao_Paulo"),
        ("us-east-1", "America/New_York"),
        ("us-west-2", "America/Los_Angeles"),
    ];

    fn line(region: &str, zone: &str) -> ScheduleLine {
        ScheduleLine {
            region: region.parse().unwrap(),
            what: "scan",
            expression: format!("cron({zone})"),
            offset_days: 0,
            local: format!("daily 01:00 {zone}"),
        }
    }

    fn said(lines: &[ScheduleLine], detail: Detail) -> Vec<String> {
        schedule(lines, detail).into_iter().map(|row| row.join("|")).collect()
    }

    #[test]
    fn few_lines_and_every_detail_name_each_region() {
        let few: Vec<ScheduleLine> =
            ZONES[..2].iter().map(|(region, zone)| line(region, zone)).collect();
        let many: Vec<ScheduleLine> =
            ZONES.iter().map(|(region, zone)| line(region, zone)).collect();

        assert_eq!(
            said(&few, Detail::Folded),
            [
                "scan|ap-northeast-1|daily 01:00 Asia/Tokyo|= cron(Asia/Tokyo)",
                "scan|ap-south-1|daily 01:00 Asia/Kolkata|= cron(Asia/Kolkata)",
            ]
        );
        assert_eq!(said(&many, Detail::Everything).len(), 8);
    }

    #[test]
    fn many_regions_of_one_schedule_are_one_line() {
        let same: Vec<ScheduleLine> = ZONES.iter().map(|(region, _)| line(region, "UTC")).collect();
        let many: Vec<ScheduleLine> =
            ZONES.iter().map(|(region, zone)| line(region, zone)).collect();

        assert_eq!(said(&same, Detail::Folded), ["scan|8 Regions|daily 01:00 UTC|= cron(UTC)"]);
        assert_eq!(
            said(&many, Detail::Folded),
            ["scan|8 Regions|daily 01:00 by the local clocks|"]
        );
    }

    #[test]
    fn a_rate_has_no_zone() {
        assert_eq!(clock_and_zone("rate(12 hours)"), ("rate(12 hours)", None));
        assert_eq!(clock_and_zone("cron(0 1 * * ? *) UTC"), ("cron(0 1 * * ? *)", Some("UTC")));
    }
}
