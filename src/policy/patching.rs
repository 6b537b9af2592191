//! The `patching` key: how nodes are patched.

use crate::templates::Reboot;

use super::{error::Problem, fields, file::Node, values::Patching};

/// What stands where the key is missing.
pub(super) fn default() -> Patching {
    Patching {
        reboot: Reboot::IfNeeded,
        concurrency: "10%".to_owned(),
        error_threshold: "2%".to_owned(),
    }
}

/// Reads the key; what it does not say is as in `base`.
pub(super) fn read(
    node: &Node,
    path: &str,
    base: &Patching,
    problems: &mut Vec<Problem>,
) -> Option<Patching> {
    let keys = ["reboot", "concurrency", "error_threshold"];
    let fields = fields::map(node, path, &keys, problems)?;
    let reboot = fields.or_default("reboot", base.reboot, problems, |node, problems| {
        let choices = [("if_needed", Reboot::IfNeeded), ("never", Reboot::Never)];
        fields::choice(node, &format!("{path}.reboot"), &choices, problems)
    });
    let concurrency =
        fields.or_default("concurrency", base.concurrency.clone(), problems, |node, problems| {
            rate_control(node, &format!("{path}.concurrency"), 1, problems)
        });
    let error_threshold = fields.or_default(
        "error_threshold",
        base.error_threshold.clone(),
        problems,
        |node, problems| rate_control(node, &format!("{path}.error_threshold"), 0, problems),
    );
    Some(Patching { reboot: reboot?, concurrency: concurrency?, error_threshold: error_threshold? })
}

/// `MaxConcurrency` and `MaxErrors`: a number or a whole percentage of at most seven characters.
fn rate_control(
    node: &Node,
    path: &str,
    least: u32,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let text = fields::text(node, path, problems)?.value;
    let right = match text.strip_suffix('%') {
        Some(percent) => {
            percent.parse::<u32>().is_ok_and(|percent| (least..=100).contains(&percent))
        }
        None => text.len() <= 7 && text.parse::<u32>().is_ok_and(|number| number >= least),
    };
    // The API's pattern has no leading zeros.
    let right = right && (text == "0" || text == "0%" || !text.starts_with('0'));
    if !right {
        problems.push(
            Problem::at(
                &node.place,
                format!("`{path}` must be a number from {least}, or a percentage from {least}% to 100%, and is `{text}`"),
            )
            .help("For example `10` or `10%`."),
        );
    }
    right.then_some(text)
}
