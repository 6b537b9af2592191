//! The `orgpatch` command: streams and runtime. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(orgpatch::cli::run(std::env::args_os(), std::env::vars_os()));
    // A read of standard input that nobody waits for any more must not keep the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}
