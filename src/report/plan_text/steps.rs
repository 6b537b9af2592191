//! The steps of a ring, each with what it changes.

use std::fmt::Write as _;

use crate::{
    plan::{Plan, RingOutline, Step},
    report::{
        plan_text::{Detail, heading_of},
        step_marks::{difference, differences, step_symbol},
        step_words::step_words,
        style::{bad, caution, good},
    },
};

pub(super) fn of_ring(text: &mut String, plan: &Plan, ring: &RingOutline, detail: Detail) {
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.ring == ring.name).collect();
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", heading_of("Steps", plan, ring));
    for step in steps {
        let mark = match step_symbol(step) {
            "+" => good("+"),
            "~" => caution("~"),
            "-" => bad("-"),
            other => other.to_owned(),
        };
        let _ = writeln!(text, "{mark} {}: {}", step_words(step), step.because);
        let changes = differences(step);
        for change in changes.iter().take(detail.most()) {
            let _ = writeln!(text, "    {}", difference(change));
        }
        if changes.len() > detail.most() {
            let more = changes.len() - detail.most();
            let _ = writeln!(text, "    … and {more} more (`--show all` has all)");
        }
    }
}
