//! The header of a trace: which spelling stands for which column, and in which unit.

use super::TraceError;

/// A number in a unit: value × `numerator` / `denominator` gives thousandths → whole target units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    numerator: i64,
    denominator: i64,
}

impl Scale {
    const fn by(numerator: i64, denominator: i64) -> Self {
        Self { numerator, denominator }
    }

    /// `thousandths` of the column's unit in whole target units (ms, millicores, MiB), rounded half away from zero.
    pub(super) fn apply(self, thousandths: i64) -> i64 {
        let (product, half) =
            (i128::from(thousandths) * i128::from(self.numerator), i128::from(self.denominator) / 2);
        let rounded = (product + if product < 0 { -half } else { half }) / i128::from(self.denominator);
        i64::try_from(rounded).unwrap_or(i64::MAX)
    }
}

const SECONDS: Scale = Scale::by(1, 1);
const MILLIS: Scale = Scale::by(1, 1000);
const MINUTES: Scale = Scale::by(60, 1);
const CORES: Scale = Scale::by(1, 1);
const MIB: Scale = Scale::by(1, 1000);
const GIB: Scale = Scale::by(1024, 1000);
const MEGABYTES: Scale = Scale::by(1_000_000, 1000 << 20);
const GIGABYTES: Scale = Scale::by(1_000_000_000, 1000 << 20);
const BYTES: Scale = Scale::by(1, 1000 << 20);
const TEXT: Scale = SECONDS;

/// One column: its canonical name, what it is, and every spelling in order of preference. Headers are compared in
/// lower case with spaces, dots and dashes as underscores.
pub(super) struct Column {
    what: &'static str,
    spellings: &'static [(&'static str, Scale)],
}

const SUBMITTED: Column = Column {
    what: "submit time",
    spellings: &[
        ("submitted_s", SECONDS),
        ("submitted_ms", MILLIS),
        ("submitted_at", SECONDS),
        ("submitted", SECONDS),
        ("submit_time", SECONDS),
        ("submit_s", SECONDS),
        ("submit", SECONDS),
        ("queued_at", SECONDS),
        ("pending_at", SECONDS),
        ("enqueued_at", SECONDS),
        ("arrival_s", SECONDS),
        ("arrival_ms", MILLIS),
        ("arrival_time", SECONDS),
        ("arrival", SECONDS),
        ("timestamp", SECONDS),
    ],
};
/// Of a GitLab job this is when its pipeline was created, so everything better is preferred.
const CREATED: Column = Column {
    what: "creation time",
    spellings: &[
        ("created_at", SECONDS),
        ("created", SECONDS),
        ("creation_time", SECONDS),
        ("create_time", SECONDS),
    ],
};
const STARTED: Column = Column {
    what: "start time",
    spellings: &[
        ("started_at", SECONDS),
        ("started_s", SECONDS),
        ("started", SECONDS),
        ("start_time", SECONDS),
        ("start_s", SECONDS),
        ("start", SECONDS),
    ],
};
const FINISHED: Column = Column {
    what: "end time",
    spellings: &[
        ("finished_at", SECONDS),
        ("finished_s", SECONDS),
        ("finished", SECONDS),
        ("completed_at", SECONDS),
        ("ended_at", SECONDS),
        ("end_time", SECONDS),
        ("end_s", SECONDS),
        ("end", SECONDS),
    ],
};
const DURATION: Column = Column {
    what: "duration",
    spellings: &[
        ("duration_s", SECONDS),
        ("duration_ms", MILLIS),
        ("duration_min", MINUTES),
        ("duration", SECONDS),
        ("duration_seconds", SECONDS),
        ("run_time", SECONDS),
        ("runtime_s", SECONDS),
        ("runtime", SECONDS),
        ("elapsed_s", SECONDS),
        ("elapsed", SECONDS),
        ("service_time", SECONDS),
    ],
};
const WAIT: Column = Column {
    what: "observed wait",
    spellings: &[
        ("observed_wait_s", SECONDS),
        ("queued_duration", SECONDS),
        ("queued_s", SECONDS),
        ("queue_time", SECONDS),
        ("wait_s", SECONDS),
        ("wait_ms", MILLIS),
        ("wait_time", SECONDS),
        ("wait", SECONDS),
    ],
};
const CPU: Column = Column {
    what: "CPU request",
    spellings: &[
        ("cpu_millis", MILLIS),
        ("cpu_milli", MILLIS),
        ("millicores", MILLIS),
        ("cpu_cores", CORES),
        ("cpus", CORES),
        ("cpu", CORES),
        ("cores", CORES),
        ("requested_cpus", CORES),
    ],
};
const MEMORY: Column = Column {
    what: "memory request",
    spellings: &[
        ("memory_mib", MIB),
        ("mem_mib", MIB),
        ("memory_gib", GIB),
        ("memory_mb", MEGABYTES),
        ("memory_gb", GIGABYTES),
        ("memory_bytes", BYTES),
    ],
};
const ARCH: Column =
    Column { what: "architecture", spellings: &[("arch", TEXT), ("architecture", TEXT), ("cpu_arch", TEXT)] };
const TAGS: Column = Column {
    what: "runner tags",
    spellings: &[("tags", TEXT), ("tag_list", TEXT), ("runner_tags", TEXT), ("labels", TEXT)],
};
const PIPELINE: Column = Column {
    what: "pipeline",
    spellings: &[
        ("pipeline", TEXT),
        ("pipeline_id", TEXT),
        ("run_id", TEXT),
        ("build_id", TEXT),
        ("build", TEXT),
    ],
};
const STAGE: Column = Column { what: "stage", spellings: &[("stage", TEXT), ("stage_name", TEXT)] };
const NAME: Column =
    Column { what: "job name", spellings: &[("name", TEXT), ("job_name", TEXT), ("job", TEXT)] };
const STATUS: Column = Column {
    what: "status",
    spellings: &[("status", TEXT), ("state", TEXT), ("conclusion", TEXT), ("result", TEXT)],
};

const CLASS: Column = Column { what: "class of the rules", spellings: &[("class", TEXT)] };

/// Every column with the header spellings that are understood, most preferred first: for the documentation.
pub fn trace_columns() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let all = [
        SUBMITTED, CREATED, STARTED, FINISHED, DURATION, WAIT, CPU, MEMORY, ARCH, TAGS, PIPELINE, STAGE,
        NAME, STATUS, CLASS,
    ];
    all.into_iter().map(|column| (column.what, column.spellings.iter().map(|(name, _)| *name).collect()))
}

/// A column that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) scale: Scale,
}

/// Where everything stands.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) header: Vec<String>,
    pub(super) submitted: Option<Found>,
    pub(super) created: Option<Found>,
    pub(super) started: Option<Found>,
    pub(super) finished: Option<Found>,
    pub(super) duration: Option<Found>,
    pub(super) wait: Option<Found>,
    pub(super) cpu: Option<Found>,
    pub(super) memory: Option<Found>,
    pub(super) arch: Option<Found>,
    pub(super) tags: Option<Found>,
    pub(super) pipeline: Option<Found>,
    pub(super) stage: Option<Found>,
    pub(super) name: Option<Found>,
    pub(super) status: Option<Found>,
    pub(super) class: Option<Found>,
}

impl Columns {
    /// Finds the columns of `header` in the trace called `file`.
    pub(super) fn of(header: Vec<String>, file: &str) -> Result<Self, TraceError> {
        let normal: Vec<String> = header
            .iter()
            .map(|name| {
                name.trim().trim_start_matches('\u{feff}').to_lowercase().replace([' ', '.', '-'], "_")
            })
            .collect();
        let find = |column: &Column| {
            column.spellings.iter().find_map(|(spelling, scale)| {
                let index = normal.iter().position(|name| name == spelling)?;
                Some(Found { index, scale: *scale })
            })
        };
        let columns = Self {
            submitted: find(&SUBMITTED),
            created: find(&CREATED),
            started: find(&STARTED),
            finished: find(&FINISHED),
            duration: find(&DURATION),
            wait: find(&WAIT),
            cpu: find(&CPU),
            memory: find(&MEMORY),
            arch: find(&ARCH),
            tags: find(&TAGS),
            pipeline: find(&PIPELINE),
            stage: find(&STAGE),
            name: find(&NAME),
            status: find(&STATUS),
            class: find(&CLASS),
            header,
        };
        let lacks = |column: &Column| TraceError::NoColumn {
            file: file.to_owned(),
            what: column.what,
            accepted: column
                .spellings
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let derived = columns.started.is_some() && columns.wait.is_some();
        if columns.submitted.is_none() && columns.created.is_none() && !derived {
            return Err(lacks(&SUBMITTED));
        }
        if columns.duration.is_none() && (columns.started.is_none() || columns.finished.is_none()) {
            return Err(lacks(&DURATION));
        }
        Ok(columns)
    }
}
