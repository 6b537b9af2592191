//! Words for values: plans, running applies, outcomes, and how a policy stands.
//!
//! Pure: every function returns a text and prints nothing. Text carries ANSI styles, which
//! [`cli`](crate::cli) strips where nobody would see them. JSON output has a `format_version`.

mod conflicts;
mod history;
mod markdown;
mod ou_rows;
mod outcome;
mod plan_json;
mod plan_markdown;
mod plan_text;
mod progress;
mod rehearsal;
mod status;
mod step_marks;
mod step_words;
mod style;

pub use conflicts::{
    Depth, between_text, conflicts_json, conflicts_text, file_heading, plans_json,
};
pub use history::{history_json, history_text, lock_news};
pub use outcome::outcome_text;
pub use plan_json::plan_json;
pub use plan_markdown::plan_markdown;
pub use plan_text::{Detail, plan_text};
pub use progress::{Progress, event_json, said_json};
pub use rehearsal::{fault_words, rehearsal_json, rehearsal_text};
pub use status::{status_json, status_text};
pub use step_words::step_words;

/// The version of all JSON output.
pub const FORMAT_VERSION: u32 = 1;

/// A count with its noun: `1 account`, `2 accounts`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
