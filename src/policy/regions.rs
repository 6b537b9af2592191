//! The Regions that exist, and the time zone of each.

use crate::ids::Region;

/// Regions and the IANA zone of the city that each is named for (AWS global infrastructure,
/// "Regions and Availability Zones"; general reference, "AWS regional endpoints").
const ZONES: [(&str, &str); 39] = [
    ("af-south-1", "Africa/Johannesburg"),
    ("ap-east-1", "Asia/Hong_Kong"),
    ("ap-east-2", "Asia/Taipei"),
    ("ap-northeast-1", "Asia/Tokyo"),
    ("ap-northeast-2", "Asia/Seoul"),
    ("ap-northeast-3", "Asia/Tokyo"),
    ("ap-south-1", "Asia/Kolkata"),
    ("ap-south-2", "Asia/Kolkata"),
    ("ap-southeast-1", "Asia/Singapore"),
    ("ap-southeast-2", "Australia/Sydney"),
    ("ap-southeast-3", "Asia/Jakarta"),
    ("ap-southeast-4", "Australia/Melbourne"),
    ("ap-southeast-5", "Asia/Kuala_Lumpur"),
    ("ap-southeast-6", "Pacific/Auckland"),
    ("ap-southeast-7", "Asia/Bangkok"),
    ("ca-central-1", "America/Toronto"),
    ("ca-west-1", "America/Edmonton"),
    ("cn-north-1", "Asia/Shanghai"),
    ("cn-northwest-1", "Asia/Shanghai"),
    ("eu-central-1", "Europe/Berlin"),
    ("eu-central-2", "Europe/Zurich"),
    ("eu-north-1", "Europe/Stockholm"),
    ("eu-south-1", "Europe/Rome"),
    ("eu-south-2", "Europe/Madrid"),
    ("eu-west-1", "Europe/Dublin"),
    ("eu-west-2", "Europe/London"),
    ("eu-west-3", "Europe/Paris"),
    ("eusc-de-east-1", "Europe/Berlin"),
    ("il-central-1", "Asia/Jerusalem"),
    ("me-central-1", "Asia/Dubai"),
    ("me-south-1", "Asia/Bahrain"),
    ("mx-central-1", "America/Mexico_City"),
    ("sa-east-1", "America/Sao_Paulo"),
    ("us-east-1", "America/New_York"),
    ("us-east-2", "America/New_York"),
    ("us-gov-east-1", "America/New_York"),
    ("us-gov-west-1", "America/Los_Angeles"),
    ("us-west-1", "America/Los_Angeles"),
    ("us-west-2", "America/Los_Angeles"),
];

/// The time zone of a Region; none where the Region is not known.
pub(super) fn zone(region: &Region) -> Option<&'static str> {
    ZONES.into_iter().find(|(name, _)| *name == region.as_str()).map(|(_, zone)| zone)
}

/// The names of all known Regions.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    ZONES.into_iter().map(|(name, _)| name)
}

/// Regions in a row: `eu-west-1, us-east-1`.
pub(super) fn listed<'a>(regions: impl IntoIterator<Item = &'a Region>) -> String {
    let names: Vec<&str> = regions.into_iter().map(Region::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_zone_that_the_database_knows() {
        for name in known() {
            let region: Region = name.parse().unwrap();
            let zone = zone(&region).unwrap();
            assert!(jiff::tz::TimeZone::get(zone).is_ok(), "{name}: {zone}");
        }
    }
}
