//! What a store keeps beside the journal so that runs can be found: derived here
//! and nowhere else, written by stores as told.

use crate::{Outcome, Phase, Run, Timestamp};
use serde::{Deserialize, Serialize};

/// A run's status, in the words that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Accepted, waiting for its turn.
    Queued,
    /// Executing, or about to be taken up again.
    Running,
    /// Waiting: for a time, an event, or another function's end.
    Sleeping,
    /// Stopped until somebody resumes it.
    Paused,
    /// Over, with an output.
    Completed,
    /// Over, with a failure.
    Failed,
    /// Over, by somebody's wish.
    Cancelled,
}

/// The derived columns of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// What people see.
    pub status: Status,
    /// When the run wants to be claimed: its place in the queue. `None`: not by itself.
    pub wake_at: Option<Timestamp>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Status {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Sleeping,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Sleeping => "Sleeping",
            Self::Paused => "Paused",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// From the word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Queued | Self::Running | Self::Sleeping | Self::Paused => false,
        }
    }
}

impl Index {
    /// The status of a run that ended so.
    pub(crate) fn status_of(outcome: &Outcome) -> Status {
        match outcome {
            Outcome::Completed(_) => Status::Completed,
            Outcome::Failed(_) => Status::Failed,
            Outcome::Cancelled(_) => Status::Cancelled,
        }
    }

    /// The run's columns. A run that could go on now wakes at the time of its last entry.
    pub fn of(run: &Run) -> Self {
        let (status, wake_at) = match &run.phase {
            Phase::Queued => (Status::Queued, Some(run.last_at)),
            Phase::Running => (Status::Running, Some(run.last_at)),
            Phase::Sleeping { until } => (Status::Sleeping, Some(*until)),
            Phase::Paused { .. } => (Status::Paused, None),
            Phase::Finished(outcome) => (Self::status_of(outcome), None),
        };
        let ended_at = status.is_final().then_some(run.last_at);
        Self { status, wake_at, started_at: run.started_at, ended_at }
    }
}
