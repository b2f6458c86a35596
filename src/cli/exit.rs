//! Exit codes, and the ways in which a command fails.

use crate::scenario::Diagnostic;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// All went well.
    Success = 0,
    /// A file could not be written, or fleetsim itself is wrong.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A scenario, trace or price file is wrong.
    InvalidInput = 3,
    /// A baseline does not fit: another seed, another format, no fleet in common.
    Incompatible = 4,
    /// An objective is missed.
    ObjectiveMissed = 10,
    /// Clearly worse than the baseline by more than the tolerance.
    Regression = 11,
    /// The intervals are too wide to tell: more replications are needed.
    Inconclusive = 12,
    /// `validate --strict` found a costly surprise.
    Linted = 13,
    /// Stopped by Ctrl-C; what was finished is kept.
    Interrupted = 130,
}

impl Exit {
    /// Every way to end, by number.
    pub(super) const ALL: [Self; 10] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::InvalidInput,
        Self::Incompatible,
        Self::ObjectiveMissed,
        Self::Regression,
        Self::Inconclusive,
        Self::Linted,
        Self::Interrupted,
    ];

    /// What it says to a script.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "all went well, or the gate is passed",
            Self::Failure => "a file cannot be written, or fleetsim itself is wrong",
            Self::Usage => "the command line is wrong",
            Self::InvalidInput => "a scenario, trace or price file is wrong",
            Self::Incompatible => "a baseline or the parts of a run do not fit: format, seed, fleets",
            Self::ObjectiveMissed => "an objective is missed",
            Self::Regression => "clearly worse than the baseline by more than the tolerance",
            Self::Inconclusive => "inconclusive: more replications are needed",
            Self::Linted => "`validate --strict` found a costly surprise",
            Self::Interrupted => "stopped by Ctrl-C; what was finished is kept",
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) enum Failed {
    /// The input is wrong: exit code 3.
    Input(Vec<Diagnostic>),
    /// A scenario that cannot be read at all: exit code 3.
    Unreadable(String),
    /// The command line asks for something that does not exist: exit code 2.
    Usage(String),
    /// A baseline that does not fit: exit code 4.
    Incompatible(String),
    /// A file or the terminal: exit code 1.
    Output(String),
}

impl Failed {
    /// The exit code.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Input(_) | Self::Unreadable(_) => Exit::InvalidInput,
            Self::Usage(_) => Exit::Usage,
            Self::Incompatible(_) => Exit::Incompatible,
            Self::Output(_) => Exit::Failure,
        }
    }
}
