//! `schema`: the JSON Schema of the policy file.

use crate::{
    cli::{failure::Exit, terminal::Terminal},
    policy,
};

/// Prints it.
pub(super) fn run(terminal: &Terminal) -> Exit {
    terminal.out(&format!("{:#}\n", policy::schema()));
    Exit::Done
}
