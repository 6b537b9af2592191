//! `validate`: check a policy file by itself.

use crate::cli::{
    args::ValidateArgs,
    failure::{Exit, Failure},
    terminal::Terminal,
    world,
};

/// Reads the file; what is wrong with it is the failure.
pub(super) fn run(args: &ValidateArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    terminal.out(&format!("{}: the policy `{}` is valid\n", args.policy.display(), policy.name));
    Ok(Exit::Done)
}
