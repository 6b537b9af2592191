//! When a policy scans and installs, as a calendar (RFC 5545).

use jiff::{Timestamp, tz::Offset};

use crate::{
    report::next_runs::{marks, said},
    state::{NextRuns, Run, ScheduledRuns},
};

/// The most octets of a line, without its end; longer ones are folded (section 3.1).
const OCTETS: usize = 75;

/// The runs as iCalendar, an event each. A rate has none, since it has no times.
///
/// The same runs give the same text: an event is named for what runs where and when, and its stamp is the
/// moment from which on runs were asked for.
pub fn next_runs_ics(runs: &NextRuns) -> String {
    let mut text = String::new();
    for content in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//orgpatch//next-runs//EN"] {
        line(&mut text, content);
    }
    for ring in &runs.rings {
        for region in &ring.regions {
            let whats = [("scan", Some(&region.scan)), ("install", region.install.as_ref())];
            for (what, scheduled) in whats {
                let Some(scheduled) = scheduled else { continue };
                let names =
                    [runs.policy.as_str(), ring.ring.as_str(), region.region.as_str(), what];
                for run in scheduled.runs() {
                    event(&mut text, names, scheduled, run, runs.from);
                }
            }
        }
    }
    line(&mut text, "END:VCALENDAR");
    text
}

/// Adds the event of a run. It is named by policy, ring, Region and what runs.
fn event(
    text: &mut String,
    names: [&str; 4],
    scheduled: &ScheduledRuns,
    run: &Run,
    stamp: Timestamp,
) {
    let [policy, ring, region, what] = names;
    let at = date_time(run.at);
    let local = run.local.strftime("%Y-%m-%d %H:%M");
    let mut description =
        vec![format!("{local} {}", scheduled.zone), format!("Schedule: {}", said(scheduled))];
    description.extend(marks(run));
    line(text, "BEGIN:VEVENT");
    // No name has a dot, so no two runs share one of these.
    line(text, &format!("UID:{}.{at}@orgpatch", names.join(".")));
    line(text, &format!("DTSTAMP:{}", date_time(stamp)));
    line(text, &format!("DTSTART:{at}"));
    line(text, &format!("SUMMARY:{}", escaped(&format!("{policy} {ring}: {what} in {region}"))));
    line(text, &format!("DESCRIPTION:{}", escaped(&description.join("\n"))));
    line(text, &format!("CATEGORIES:{what}"));
    line(text, "TRANSP:TRANSPARENT");
    line(text, "END:VEVENT");
}

/// A moment in UTC: `20261213T020000Z`.
fn date_time(moment: Timestamp) -> String {
    Offset::UTC.to_datetime(moment).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a property takes it (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\n' => escaped.push_str("\\n"),
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// Adds a line, folded between letters where it is too long.
fn line(text: &mut String, content: &str) {
    let mut octets = 0;
    for letter in content.chars() {
        if octets + letter.len_utf8() > OCTETS {
            text.push_str("\r\n ");
            octets = 1;
        }
        text.push(letter);
        octets += letter.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_folded_between_letters_and_has_75_octets_at_most() {
        for content in ["x".repeat(75), "x".repeat(76), "ö€𐍈".repeat(40), "x".repeat(400)] {
            let mut text = String::new();
            line(&mut text, &content);

            assert!(text.split("\r\n").all(|line| line.len() <= OCTETS), "{text:?}");
            assert_eq!(text.replace("\r\n ", ""), format!("{content}\r\n"));
        }
        let mut text = String::new();
        line(&mut text, &"x".repeat(75));
        assert_eq!(text.matches("\r\n").count(), 1);
    }

    #[test]
    fn what_means_something_in_a_text_is_escaped() {
        assert_eq!(escaped("a, b; c\\d\ne:f"), "a\\, b\\; c\\\\d\\ne:f");
    }
}
