//! What the exit codes mean.

use std::io;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Done.
    Done = 0,
    /// Failed, not healthy, or not found.
    Failed = 1,
    /// An argument's value is wrong (clap's own code).
    Usage = 2,
    /// A journal is intact, with records after the last checkpoint (as `medgate-verify`).
    Unsealed = 3,
    /// Something stands against it for now; try again later (EX_TEMPFAIL of sysexits).
    NotNow = 75,
    /// The settings are wrong (EX_CONFIG of sysexits).
    Settings = 78,
}

impl Exit {
    /// Whoever closed the pipe has read enough; any other failure to print is a failure.
    pub(super) fn of_print_error(error: io::Error) -> Exit {
        if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
