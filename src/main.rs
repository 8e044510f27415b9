//! The `tillgate` binary: parse, run, print the error, exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong, 3 lines of a file were lost (`check`).

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tillgate::allocator::Allocator = tillgate::allocator::Allocator;

fn main() -> ExitCode {
    tillgate::app::main()
}
