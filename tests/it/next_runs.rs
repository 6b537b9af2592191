//! The next runs are told to people, programs and calendars, and what Change Calendars hold back is marked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use orgpatch::{
    cloud::Call,
    discover,
    ids::CalendarArn,
    policy,
    report::{Detail, next_runs_ics, next_runs_json, next_runs_text},
    sim::{SimulatedAws, example_snapshot},
    state::{CalendarGate, ClockShift, NextRuns, RunTimes, ScheduledRuns},
};
use serde_json::Value;

use crate::builders::{assert_reads, edited, parsed, plain, policy, run};

const POLICY: &str = "\
version: 1
name: corp-patch
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1, ap-northeast-3, eu-west-1, us-east-1]
schedule:
  timezone: { eu-west-1: Europe/Berlin, default: region }
  scan: every 4h
  install: patch-tuesday+5d 02:00
  calendars: [arn:aws:ssm:ap-northeast-1:111122223333:document/holidays]
rings:
  - name: lab
    ous: [/Workloads/Lab]
    regions: [us-east-1]
    schedule: { scan: rate(12 hours), install: never, timezone: UTC }
  - name: staging
    ous: [/Workloads/NonProd]
  - name: prod
    ous: [/Workloads/Prod]
    regions: [eu-west-1, us-east-1]
    schedule: { install: last-sun 03:00, timezone: region }
";

const CALENDAR: &str = "arn:aws:ssm:ap-northeast-1:111122223333:document/holidays";

/// Before the clocks change in New York and in Berlin.
const NOW: &str = "2027-03-01T09:00:00Z";

fn next(text: &str) -> NextRuns {
    policy::next_runs(&policy(text), parsed(NOW), 60)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn words(runs: &NextRuns, detail: Detail) -> String {
    plain(&next_runs_text(runs, detail))
}

/// The installations of a ring in a Region.
fn installs<'a>(runs: &'a NextRuns, ring: &str, region: &str) -> &'a ScheduledRuns {
    let ring = runs.rings.iter().find(|found| found.ring.as_str() == ring).unwrap();
    let region = ring.regions.iter().find(|found| found.region.as_str() == region).unwrap();
    region.install.as_ref().unwrap()
}

/// An AWS in which the calendar is closed in these spans.
fn aws(closed: &[(&str, &str)]) -> SimulatedAws {
    let aws = SimulatedAws::new(example_snapshot());
    let closed = closed.iter().map(|(from, to)| (parsed(from), parsed(to))).collect();
    aws.put_calendar(parsed(CALENDAR), closed);
    aws
}

fn ask(aws: &SimulatedAws, runs: &mut NextRuns) {
    run(discover::ask_calendars(aws, &mut runs.rings));
}

fn gates(scheduled: &ScheduledRuns) -> Vec<&CalendarGate> {
    scheduled.runs().iter().map(|run| &run.gate).collect()
}

#[test]
fn the_next_runs_read_well() {
    let runs = next(POLICY);

    assert_reads("next_runs", &words(&runs, Detail::Folded));
    let all = words(&runs, Detail::Everything);
    assert!(!all.contains(" more"), "{all}");
    let lines =
        all.lines().filter(|line| line.starts_with("    ") && line.contains(" UTC ")).count();
    // No two Regions of a ring are alike: those in Japan differ by the calendar.
    assert_eq!(lines, runs.runs().count());
}

#[test]
fn regions_that_run_at_the_same_times_are_told_together() {
    let runs = next(&edited(
        POLICY,
        "  calendars: [arn:aws:ssm:ap-northeast-1:111122223333:document/holidays]\n",
        "",
    ));

    let text = words(&runs, Detail::Folded);

    assert!(
        text.contains("  scan     ap-northeast-1, ap-northeast-3  every 4h Asia/Tokyo"),
        "{text}"
    );
    assert!(!text.contains("--online"), "{text}");
}

#[test]
fn runs_after_a_change_of_clocks_are_marked() {
    let runs = next(POLICY);
    let prod = installs(&runs, "prod", "eu-west-1");

    let told: Vec<(String, ClockShift)> =
        prod.runs().iter().map(|run| (run.local.to_string(), run.shift)).collect();

    // The last Sunday of March is the day of the change; the last one of April comes after it.
    assert_eq!(
        told,
        [
            ("2027-03-28T04:00:00+01:00[Europe/Dublin]".to_owned(), ClockShift(3_600)),
            ("2027-04-25T04:00:00+01:00[Europe/Dublin]".to_owned(), ClockShift(3_600)),
        ]
    );
    let staging = installs(&runs, "staging", "us-east-1");
    let shifts: Vec<i64> = staging.runs().iter().map(|run| run.shift.0).collect();
    assert_eq!(shifts, [3_600, 3_600]);
    let tuesdays: Vec<String> =
        staging.runs().iter().map(|run| run.patch_tuesday.unwrap().to_string()).collect();
    assert_eq!(tuesdays, ["2027-03-09", "2027-04-13"]);
}

#[test]
fn a_rate_has_no_times_and_a_ring_may_never_install() {
    let runs = next(POLICY);
    let lab = &runs.rings[0].regions[0];

    assert_eq!((&lab.scan.times, &lab.install), (&RunTimes::Rate, &None));
    let json = next_runs_json(&runs);
    assert_eq!(json["rings"][0]["regions"][0]["scan"]["runs"], Value::Null);
    assert_eq!(json["rings"][0]["regions"][0]["install"], Value::Null);
}

#[test]
fn programs_are_told_every_run_in_both_times() {
    let runs = next(POLICY);

    let json = next_runs_json(&runs);

    assert_eq!(json["format_version"], 1);
    assert_eq!(json["from"], NOW);
    assert_eq!(json["until"], "2027-04-30T09:00:00Z");
    let mut seen = 0;
    for ring in json["rings"].as_array().unwrap() {
        for region in ring["regions"].as_array().unwrap() {
            for what in ["scan", "install"] {
                for run in region[what]["runs"].as_array().into_iter().flatten() {
                    let time = |key: &str| run[key].as_str().unwrap().parse::<Timestamp>().unwrap();
                    assert_eq!(time("utc"), time("local"), "{run}");
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, runs.runs().count());
}

#[test]
fn a_calendar_is_well_formed_and_has_every_run_once() {
    let runs = next(POLICY);

    let text = next_runs_ics(&runs);

    assert_eq!(text, next_runs_ics(&next(POLICY)));
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    assert!(lines.iter().all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{text}");
    let unfolded = text.replace("\r\n ", "");
    let mut lines = unfolded.lines();
    assert_eq!(lines.next(), Some("BEGIN:VCALENDAR"));
    assert_eq!(lines.next_back(), Some("END:VCALENDAR"));
    let body: Vec<&str> = lines.collect();
    let of = |property: &str| -> Vec<&str> {
        body.iter().filter_map(|line| line.strip_prefix(property)?.strip_prefix(':')).collect()
    };
    let count = runs.runs().count();
    let once = ["BEGIN", "END", "UID", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION"];
    for property in once {
        assert_eq!(of(property).len(), count, "{property}");
    }
    assert_eq!(of("VERSION"), ["2.0"]);
    assert_eq!(of("PRODID").len(), 1);
    assert_eq!(of("UID").into_iter().collect::<BTreeSet<_>>().len(), count);
    assert_eq!(of("DTSTAMP").into_iter().collect::<BTreeSet<_>>(), ["20270301T090000Z"].into());
    let is_time = |text: &&str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        text.len() == 16 && digits == 14 && text.as_bytes()[8] == b'T' && text.ends_with('Z')
    };
    assert!(of("DTSTART").iter().all(is_time));
    assert!(of("SUMMARY").contains(&"corp-patch prod: install in eu-west-1"));
}

#[test]
fn installations_are_held_back_by_the_calendar_of_their_region_only() {
    let mut runs = next(POLICY);
    let aws = aws(&[("2027-03-13T00:00:00Z", "2027-03-15T00:00:00Z")]);

    ask(&aws, &mut runs);

    // 02:00 on the fourteenth in Tokyo, and the next one in April.
    let closed = CalendarGate::Closed {
        calendar: parsed(CALENDAR),
        until: Some(parsed("2027-03-15T00:00:00Z")),
    };
    assert_eq!(gates(installs(&runs, "staging", "ap-northeast-1")), [&closed, &CalendarGate::Open]);
    for (ring, region) in [("staging", "ap-northeast-3"), ("prod", "eu-west-1")] {
        let gates = gates(installs(&runs, ring, region));
        assert!(gates.iter().all(|gate| **gate == CalendarGate::None), "{gates:?}");
    }
    assert_reads("next_runs_held_back", &words(&runs, Detail::Folded));
}

#[test]
fn a_calendar_is_not_asked_again_before_it_changes() {
    let daily = edited(POLICY, "  install: patch-tuesday+5d 02:00", "  install: daily 02:00");
    let mut runs = next(&daily);
    let aws = aws(&[
        ("2027-03-20T00:00:00Z", "2027-04-10T00:00:00Z"),
        ("2027-06-01T00:00:00Z", "2027-06-02T00:00:00Z"),
    ]);

    ask(&aws, &mut runs);

    assert_eq!(aws.calls()[&Call::GetCalendarState], 3);
    let scheduled = installs(&runs, "staging", "ap-northeast-1");
    let held =
        gates(scheduled).iter().filter(|gate| matches!(gate, CalendarGate::Closed { .. })).count();
    assert_eq!((scheduled.runs().len(), held), (60, 21));
}

#[test]
fn a_calendar_that_can_t_be_asked_is_not_taken_for_an_open_one() {
    let none = SimulatedAws::new(example_snapshot());
    let denied = aws(&[]);
    denied.deny_read(Call::GetCalendarState);

    for (aws, reason) in [(none, "InvalidDocument"), (denied, "AccessDenied")] {
        let mut runs = next(POLICY);
        ask(&aws, &mut runs);

        let gates = gates(installs(&runs, "staging", "ap-northeast-1"));
        assert_eq!(gates.len(), 2);
        for gate in gates {
            let CalendarGate::Unknown(because) = gate else { panic!("{gate:?}") };
            assert!(because.contains(reason), "{because}");
        }
        let text = words(&runs, Detail::Folded);
        assert!(text.contains("Calendars that could not be asked\n"), "{text}");
        assert!(text.contains(reason), "{text}");
        assert_eq!(aws.calls()[&Call::GetCalendarState], 1);
    }
}

#[test]
fn a_schedule_that_can_t_be_said_is_a_problem_of_the_file() {
    let text = edited(POLICY, "last-sun 03:00", "last-sun 00:30");

    let problems = policy::next_runs(&policy(&text), parsed(NOW), 60).unwrap_err();

    let told = problems.to_string();
    assert!(told.contains("last-sun 00:30 Europe/Dublin in eu-west-1"), "{told}");
    assert!(told.contains("policy.yaml:22:"), "{told}");
}

#[test]
fn a_calendar_is_for_its_own_region_only() {
    let calendar: CalendarArn = parsed(CALENDAR);
    let runs = next(POLICY);

    let asked: Vec<&CalendarArn> = runs
        .rings
        .iter()
        .flat_map(|ring| &ring.regions)
        .flat_map(|region| &region.calendars)
        .collect();

    assert_eq!(asked, [&calendar]);
}
