//! Time zones: reading the `timezone` key, and the zone of a schedule in a Region.

use std::collections::BTreeSet;

use jiff::tz::{self, TimeZone};

use crate::ids::Region;

use super::{
    error::{Problem, nearest},
    fields,
    file::{Key, Node, Value},
    regions::{self, listed},
    values::{At, RingWish, Schedule, Timezone, ZonesByRegion},
};

/// What a zone can be besides a name of the database.
const WORDS: [&str; 2] = ["region", "UTC"];

const HELP: &str = "Write `region` (each Region's own zone), `UTC`, or a place in the IANA database, for example `Europe/Berlin`; abbreviations and offsets are not taken.";

/// The zone that a schedule is meant in, in a Region, with its name.
pub(super) fn zone<'a>(timezone: &'a Timezone, region: &Region) -> (&'a str, TimeZone) {
    named(name(timezone, region))
}

/// The zone in which times are shown: the one that is meant, and the Region's own where that is UTC.
pub(super) fn shown<'a>(timezone: &'a Timezone, region: &Region) -> (&'a str, TimeZone) {
    match name(timezone, region) {
        "UTC" => named(regions::zone(region).unwrap_or("UTC")),
        meant => named(meant),
    }
}

fn named(name: &str) -> (&str, TimeZone) {
    // Names were checked against the same database.
    (name, TimeZone::get(name).unwrap_or(TimeZone::UTC))
}

fn name<'a>(timezone: &'a Timezone, region: &Region) -> &'a str {
    match timezone {
        Timezone::Utc => "UTC",
        // Regions were checked against the same table.
        Timezone::Region => regions::zone(region).unwrap_or("UTC"),
        Timezone::Zone(name) => name,
        Timezone::PerRegion(map) => {
            let named = map.zones.iter().find(|(named, _)| named.value == *region);
            let zone = named.map(|(_, zone)| zone).or(map.default.as_deref());
            zone.map_or("UTC", |zone| self::name(zone, region))
        }
    }
}

/// Reads the key, which stands at `path`.
pub(super) fn read(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Timezone> {
    let Value::Map(entries) = &node.value else { return one(node, path, problems) };
    let before = problems.len();
    if entries.is_empty() {
        problems.push(Problem::at(&node.place, format!("`{path}` names no time zone")).help(HELP));
    }
    let mut map = ZonesByRegion { place: node.place.clone(), zones: Vec::new(), default: None };
    for (key, value) in entries {
        let zone = one(value, &format!("{path}.{}", key.name), problems);
        if key.name == "default" {
            map.default = zone.map(Box::new);
            continue;
        }
        let region = region(key, problems);
        map.zones.extend(region.zip(zone));
    }
    (problems.len() == before).then_some(Timezone::PerRegion(map))
}

/// A key that is a Region.
fn region(key: &Key, problems: &mut Vec<Problem>) -> Option<At<Region>> {
    match key.name.parse::<Region>() {
        Ok(value) if regions::zone(&value).is_some() => {
            Some(At { value, place: key.place.clone() })
        }
        _ => {
            let problem = Problem::at(&key.place, format!("there is no Region `{}`", key.name));
            problems.push(problem.or_nearest(&key.name, regions::known().chain(["default"])));
            None
        }
    }
}

fn one(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Timezone> {
    let At { value, place } = fields::text(node, path, problems)?;
    match value.as_str() {
        "region" => Some(Timezone::Region),
        "UTC" => Some(Timezone::Utc),
        name if is_known(name) => Some(Timezone::Zone(name.to_owned())),
        name => {
            let problem = Problem::at(
                &place,
                if !is_place(name)
                    && TimeZone::get(name).is_ok_and(|zone| zone.iana_name() == Some(name))
                {
                    format!(
                        "`{path}`: `{name}` is an abbreviation or an offset, and no place's time zone"
                    )
                } else {
                    format!("`{path}`: there is no time zone `{name}`")
                },
            );
            problems.push(match meant(name) {
                Some(near) => problem.help(format!("Did you mean `{near}`?")),
                None => problem.help(HELP),
            });
            None
        }
    }
}

/// Whether the database has a zone of exactly this name. By itself it does not tell letters from capitals.
fn is_known(name: &str) -> bool {
    is_place(name)
        && TimeZone::get(name)
            .is_ok_and(|zone| !zone.is_unknown() && zone.iana_name() == Some(name))
}

/// Whether a name is that of a place. The database has others too: abbreviations, the machine's own zone,
/// and offsets whose sign is the other way round.
fn is_place(name: &str) -> bool {
    name.contains('/') && !name.starts_with("Etc/")
}

/// Whether somebody wrote an offset, which is no zone.
fn is_offset(text: &str) -> bool {
    let text = text.trim().to_ascii_uppercase();
    let rest = text.trim_start_matches("ETC/").trim_start_matches("GMT").trim_start_matches("UTC");
    rest.starts_with(['+', '-']) && rest[1..].starts_with(|c: char| c.is_ascii_digit())
}

/// The zone that was probably meant: one of this name but for capitals, one of this city, or the nearest.
fn meant(wrong: &str) -> Option<String> {
    if is_offset(wrong) {
        return None;
    }
    let names = tz::db().available().map(|name| name.as_str().to_owned());
    let names: Vec<String> = names.filter(|name| is_place(name)).collect();
    let words = || WORDS.into_iter().chain(names.iter().map(String::as_str));
    let city = wrong.trim().replace(' ', "_");
    let is_city = |name: &&str| {
        name.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&city))
    };
    words()
        .find(|name| name.eq_ignore_ascii_case(wrong))
        .or_else(|| words().find(is_city))
        .or_else(|| nearest(wrong, words()))
        .map(str::to_owned)
}

/// Whether each map of zones fits the Regions of the rings that it is for.
pub(super) fn fit(schedule: &Schedule, rings: &[RingWish], problems: &mut Vec<Problem>) {
    let mut seen: Vec<&ZonesByRegion> = Vec::new();
    let of_rings = rings.iter().map(|ring| &ring.schedule.timezone);
    for timezone in std::iter::once(&schedule.timezone).chain(of_rings) {
        let Timezone::PerRegion(map) = timezone else { continue };
        if seen.contains(&map) {
            continue;
        }
        seen.push(map);
        let used = rings.iter().filter(|ring| ring.schedule.timezone == *timezone);
        let regions: BTreeSet<&Region> =
            used.flat_map(|ring| &ring.regions).map(|region| &region.value).collect();
        // A map that every ring replaces by its own says nothing that could be wrong.
        if regions.is_empty() {
            continue;
        }
        fit_map(map, &regions, problems);
    }
}

fn fit_map(map: &ZonesByRegion, regions: &BTreeSet<&Region>, problems: &mut Vec<Problem>) {
    for (region, _) in &map.zones {
        if !regions.contains(&region.value) {
            problems.push(
                Problem::at(
                    &region.place,
                    format!("`timezone` has a zone for {}, where nothing is covered", region.value),
                )
                .help(format!("The Regions here are {}.", listed(regions.iter().copied()))),
            );
        }
    }
    let is_named = |region: &Region| map.zones.iter().any(|(named, _)| named.value == *region);
    let missing: Vec<&Region> =
        regions.iter().copied().filter(|region| !is_named(region)).collect();
    if map.default.is_none() && !missing.is_empty() {
        problems.push(
            Problem::at(
                &map.place,
                format!("`timezone` has no zone for {}, and no `default`", listed(missing)),
            )
            .help(
                "Add `default: region` (each Region's own zone), or name the zone of each Region.",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::error::Place;

    const HERE: Place = Place { line: 1, column: 1, bytes: None };

    fn read_one(name: &str) -> Result<Timezone, Option<String>> {
        let node = Node { value: Value::Text(name.to_owned()), place: HERE };
        let mut problems = Vec::new();
        read(&node, "schedule.timezone", &mut problems)
            .ok_or_else(|| problems.pop().and_then(|problem| problem.help))
    }

    fn read_said(name: &str) -> String {
        let node = Node { value: Value::Text(name.to_owned()), place: HERE };
        let mut problems = Vec::new();
        read(&node, "schedule.timezone", &mut problems);
        problems.pop().unwrap().message
    }

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn a_zone_is_a_word_or_a_name_of_the_database() {
        assert_eq!(read_one("region"), Ok(Timezone::Region));
        assert_eq!(read_one("UTC"), Ok(Timezone::Utc));
        for name in ["Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"] {
            assert_eq!(read_one(name), Ok(Timezone::Zone(name.to_owned())));
        }
    }

    #[test]
    fn a_wrong_zone_is_told_the_right_one() {
        for (wrong, right) in [
            ("utc", "UTC"),
            ("Region", "region"),
            ("europe/berlin", "Europe/Berlin"),
            ("Europe/Berlni", "Europe/Berlin"),
            ("Tokyo", "Asia/Tokyo"),
            ("New York", "America/New_York"),
        ] {
            assert_eq!(read_one(wrong), Err(Some(format!("Did you mean `{right}`?"))), "{wrong}");
        }
        assert!(read_said("Etc/GMT+9").contains("an abbreviation or an offset"));
        for wrong in ["CET", "Etc/GMT+9", "Etc/Unknown", "Mars/Olympus", "+09:00", ""] {
            assert!(read_one(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_map_gives_each_region_its_zone_and_the_others_the_default() {
        let at = |name| At { value: region(name), place: HERE };
        let map = |default| {
            Timezone::PerRegion(ZonesByRegion {
                place: HERE,
                zones: vec![(at("eu-west-1"), Timezone::Zone("Europe/Berlin".to_owned()))],
                default: Some(Box::new(default)),
            })
        };
        let (local, utc) = (map(Timezone::Region), map(Timezone::Utc));

        assert_eq!(zone(&local, &region("eu-west-1")).0, "Europe/Berlin");
        assert_eq!(zone(&local, &region("us-east-1")).0, "America/New_York");
        assert_eq!(zone(&utc, &region("us-east-1")).0, "UTC");
        assert_eq!(shown(&utc, &region("us-east-1")).0, "America/New_York");
        assert_eq!(shown(&utc, &region("eu-west-1")).0, "Europe/Berlin");
    }
}
