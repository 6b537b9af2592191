//! A plan for people.

mod accounts;
mod around;
mod ring;
mod steps;

use std::fmt::Write as _;

use crate::{ids::CallAs, plan::Plan, report::style::heading};

/// How much of a plan is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What changes, by OU; long lists are cut, and say so.
    Folded,
    /// Every account, every difference.
    Everything,
}

/// Differences of one step, and accounts of one line, that are shown before a list is cut.
const SHOWN: usize = 12;

impl Detail {
    /// How much of a list is shown.
    fn most(self) -> usize {
        match self {
            Self::Folded => SHOWN,
            Self::Everything => usize::MAX,
        }
    }
}

/// Words a plan: per ring what happens to which OUs and by which steps, then what is left out, what is in
/// the way, and one last line with the counts.
pub fn plan_text(plan: &Plan, detail: Detail) -> String {
    let mut text = String::new();
    header(&mut text, plan);
    for ring in &plan.rings {
        ring::outline(&mut text, ring, detail);
        accounts::of_ring(&mut text, plan, ring, detail);
        steps::of_ring(&mut text, plan, ring, detail);
    }
    around::losses(&mut text, plan, detail);
    around::skipped(&mut text, plan, detail);
    around::blocked(&mut text, plan);
    around::warnings(&mut text, plan);
    if plan.waits() {
        let _ = writeln!(
            text,
            "\nThis is the first part only: what comes of what is running is not known yet. `orgpatch apply` waits for it, looks again and plans the rest."
        );
    }
    text.push_str(&around::last_line(plan));
    text.push('\n');
    text
}

fn header(text: &mut String, plan: &Plan) {
    let speaker = match plan.owner.call_as {
        CallAs::ManagementAccount => "management account",
        CallAs::DelegatedAdministrator => "delegated administrator",
    };
    let _ = writeln!(
        text,
        "{} from account {} ({speaker}), home Region {}",
        heading(&format!("Policy {}", plan.policy)),
        plan.owner.account,
        plan.owner.home_region
    );
    if let Some(narrowed) = &plan.narrowed {
        let _ = writeln!(text, "Only {narrowed}; everything else is left as it is");
    }
}

/// The heading of a part of a ring, which names the ring where there are several.
fn heading_of(part: &str, plan: &Plan, ring: &crate::plan::RingOutline) -> String {
    match plan.rings.len() {
        1 => heading(part),
        _ => heading(&format!("{part} of ring {}", ring.name)),
    }
}
