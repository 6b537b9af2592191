//! The commands. Thin: each reads its arguments, calls the rooms in order, and prints what `report` words.
//!
//! Results go to standard output, everything else to standard error. Every way to end has an exit code
//! ([`Exit`]).

mod apply;
mod args;
mod clock;
mod conflicts;
mod destroy;
mod execute;
mod failure;
mod history;
mod iam_policy;
mod locked;
mod plan;
mod policies;
mod rehearse;
mod render;
mod schema;
mod selection;
mod signals;
mod snapshot;
mod status;
mod terminal;
mod validate;
mod world;

use std::ffi::OsString;

use clap::Parser as _;

pub use args::Arguments;
pub use failure::{Exit, Failure};

use args::Command;
use terminal::Terminal;
use world::World;

/// Runs one command and returns its exit code.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).code(),
    };
    let terminal = Terminal::new(arguments.color);
    let world = World::new(&arguments.aws, environment);
    // The futures of commands are large, so they live on the heap.
    let result = match &arguments.command {
        Command::Validate(args) => Box::pin(validate::run(args, &world, &terminal)).await,
        Command::Plan(args) => Box::pin(plan::run(args, &world, &terminal)).await,
        Command::Conflicts(args) => Box::pin(conflicts::run(args, &world, &terminal)).await,
        Command::Apply(args) => Box::pin(apply::run(args, &world, &terminal)).await,
        Command::Destroy(args) => Box::pin(destroy::run(args, &world, &terminal)).await,
        Command::Status(args) => Box::pin(status::run(args, &world, &terminal)).await,
        Command::History(args) => Box::pin(history::run(args, &world, &terminal)).await,
        Command::Render(args) => Box::pin(render::run(args, &world, &terminal)).await,
        Command::Snapshot(args) => Box::pin(snapshot::run(args, &world, &terminal)).await,
        Command::Schema => Ok(schema::run(&terminal)),
        Command::IamPolicy(args) => Ok(iam_policy::run(args, &terminal)),
        Command::Rehearse(args) => {
            Box::pin(rehearse::run(args, arguments.aws.max_rate, &terminal)).await
        }
    };
    match result {
        Ok(exit) => exit.code(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit.code()
        }
    }
}

/// Prints what clap has to say: help and version are results, everything else is wrong usage.
fn usage(error: &clap::Error) -> Exit {
    // Nothing can be done where even this can't be printed.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}
