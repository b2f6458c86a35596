//! Questions about an imported job export, and about the JSON it was read from.

use std::collections::BTreeSet;
use std::io::Cursor;

use fleetsim::report::import_account_text;
use fleetsim::workload::{
    Identifier, ImportAccount, ImportError, ImportOptions, JobRow, JobTable, import_jobs,
};
use serde_json::Value;

/// An export as it was read.
pub(crate) struct Export {
    table: JobTable,
    account: ImportAccount,
    json: Value,
}

impl Export {
    /// Reads `text`, the content of the file `name`.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, ImportError> {
        let files = [(name, Ok(Cursor::new(text.as_bytes())))];
        let (table, account) = import_jobs(files, &ImportOptions::default())?;
        Ok(Self { table, account, json: serde_json::from_str(text).unwrap_or(Value::Null) })
    }

    /// The account as the command prints it.
    pub(crate) fn text(&self) -> String {
        import_account_text(&self.account)
    }

    /// The answer to a question about the import.
    pub(crate) fn answer(&self, question: &str) -> String {
        let account = &self.account;
        let counted = |found: Option<u64>| found.unwrap_or(0).to_string();
        let by_name = |all: &[(String, u64)], name: &str| {
            counted(all.iter().find(|(known, _)| known == name).map(|(_, count)| *count))
        };
        if let Some(state) = question.strip_prefix("state ") {
            return by_name(&account.states, state);
        }
        if let Some(status) = question.strip_prefix("ended ") {
            return by_name(&account.statuses, status);
        }
        if let Some(reason) = question.strip_prefix("dropped ") {
            let mut all = account.dropped.iter();
            return counted(all.find(|(own, ..)| own.reason().contains(reason)).map(|(_, count, _)| *count));
        }
        if let Some(note) = question.strip_prefix("note ") {
            let mut all = account.notes.iter();
            return counted(all.find(|(own, ..)| own.text().contains(note)).map(|(_, count, _)| *count));
        }
        if let Some(column) = question.strip_prefix("unknown ") {
            let mut all = account.unknown.iter();
            return counted(all.find(|(own, _)| *own == column).map(|(_, count)| *count));
        }
        if let Some((id, field)) = question.strip_prefix("job ").and_then(|rest| rest.split_once(' ')) {
            let id = Identifier::Number(id.parse().unwrap());
            let row = self.table.rows().find(|row| row.id == id);
            return row.map_or_else(|| format!("no job {id:?}"), |row| of_row(&row, field));
        }
        if let Some(field) = question.strip_prefix("only ") {
            return of_row(&self.table.rows().next().unwrap(), field);
        }
        let durations = || self.table.rows().map(|row| row.duration_ms);
        match question {
            "kind" => account.kinds[0].label().to_owned(),
            "rows" => account.rows.to_string(),
            "jobs" => account.jobs.to_string(),
            "pipelines" => account.pipelines.to_string(),
            "first submit" => instant(account.span_ms.unwrap().0),
            "shortest above zero" => durations().all(|ms| ms > 0).to_string(),
            "sum of durations" => format!("{:.1}", durations().sum::<u64>() as f64 / 1000.0),
            "sorted" => self.table.rows().map(|row| row.submitted_ms).is_sorted().to_string(),
            "before" => seconds(account.dependencies.total.as_ms()),
            other => panic!("no question {other}"),
        }
    }

    /// The answer to a question about the file itself.
    pub(crate) fn raw(&self, question: &str) -> String {
        let wrapped = self.json.get("jobs").and_then(Value::as_array);
        let records = wrapped.or_else(|| self.json.as_array()).unwrap();
        let at = |record: &Value, path: &str| {
            path.split('.').try_fold(record, |at, key| at.get(key)).cloned().unwrap_or(Value::Null)
        };
        let count = |is: &dyn Fn(&Value) -> bool| records.iter().filter(|record| is(record)).count();
        let text = |record: &Value, key: &str| at(record, key).as_str().unwrap_or_default().to_owned();
        match question.split_once(' ').unwrap() {
            ("distinct", path) => {
                let all: BTreeSet<String> =
                    records.iter().map(|record| at(record, path).to_string()).collect();
                all.len().to_string()
            }
            ("least", key) => records.iter().map(|record| text(record, key)).min().unwrap(),
            ("most", key) => records.iter().map(|record| text(record, key)).max().unwrap(),
            ("null", key) => count(&|record| at(record, key).is_null()).to_string(),
            ("concluded", word) => {
                count(&|record| text(record, "conclusion") == word && text(record, "status") == "completed")
                    .to_string()
            }
            ("failed", _) => count(&|record| {
                text(record, "status") == "failed"
                    && at(record, "started_at").is_null()
                    && at(record, "finished_at").is_string()
            })
            .to_string(),
            ("first", _) => {
                let step = records[0]["steps"][0]["started_at"].as_str().unwrap();
                instant(step.parse::<jiff::Timestamp>().unwrap().as_millisecond())
            }
            ("in", _) => count(&|record| {
                text(record, "status") == "in_progress"
                    && at(record, "conclusion").is_null()
                    && at(record, "completed_at").is_string()
            })
            .to_string(),
            other => panic!("no question {other:?}"),
        }
    }
}

fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn seconds(ms: u64) -> String {
    format!("{}s", ms as f64 / 1000.0)
}

fn of_row(row: &JobRow<'_>, field: &str) -> String {
    match field {
        "submitted" => instant(row.submitted_ms),
        "duration" => seconds(row.duration_ms),
        "wait" => row.observed_wait_ms.map_or("unknown".to_owned(), |ms| seconds(u64::from(ms))),
        "status" => row.status.to_owned(),
        "tags" => row.tags.to_owned(),
        "name" => row.name.to_owned(),
        other => panic!("no field {other}"),
    }
}
