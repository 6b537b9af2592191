//! `iam-policy`: the least IAM policy for whoever runs orgpatch.

use crate::{
    cli::{
        args::{IamPolicyArgs, RunnerArg},
        failure::Exit,
        terminal::Terminal,
    },
    cloud::{Runner, permissions},
    ids::Region,
};

/// Prints it. ARNs are those of the partition of `--region`, and of `aws` without one.
pub(super) fn run(args: &IamPolicyArgs, terminal: &Terminal) -> Exit {
    let runner = match args.runner {
        RunnerArg::Plan => Runner::Looks,
        RunnerArg::Operator => Runner::Changes,
        RunnerArg::Deep => Runner::LooksDeep(args.role_name.clone()),
        RunnerArg::Member => Runner::Member,
    };
    let partition = args.region.as_ref().map_or("aws", Region::partition);
    terminal.out(&format!(
        "{:#}
",
        permissions(&runner, partition)
    ));
    Exit::Done
}
