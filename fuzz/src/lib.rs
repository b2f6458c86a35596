//! What must hold for any text, whoever reads it: an answer or an explained refusal, and an account that adds up.

use fleetsim::scenario::import::{ImportKind as FileKind, Input, import};
use fleetsim::scenario::resolve;
use fleetsim::workload::{BadRows, ImportKind, ImportOptions, JobMap, import_jobs};
use std::fmt::Write;

/// Imports `data` as a file of `kind`, named `name`. What comes out is TOML with places that exist, and resolves or is
/// refused like any scenario.
pub fn file(name: &str, kind: FileKind, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [Some(kind), None] {
        match import(&[Input { name, text }], kind) {
            Ok(imported) => {
                let document: Result<toml::Table, _> = toml::from_str(&imported.toml);
                if let Err(error) = document {
                    panic!("the result is not TOML: {error}\n{}", imported.toml);
                }
                let mut shown = String::new();
                for remark in &imported.remarks {
                    let _ = write!(shown, "{:?} {}", remark.span, remark.text);
                }
                for (path, span) in &imported.unused {
                    let _ = write!(shown, "{span:?} {path}");
                }
                scenario(&imported.toml, b"");
            }
            Err(problems) => {
                assert!(!problems.is_empty());
                for problem in problems.iter().take(20) {
                    assert!(!problem.render(false).is_empty());
                }
            }
        }
    }
}

/// Resolves `text`; every file it names holds `bytes`.
pub fn scenario(text: &str, bytes: &[u8]) {
    let mut files = |_: &str| if bytes.is_empty() { Err("no file".to_owned()) } else { Ok(bytes.to_vec()) };
    if let Err(problems) = resolve(text, "fuzz.toml", &mut files) {
        assert!(!problems.is_empty());
        for problem in problems.iter().take(20) {
            assert!(!problem.render(false).is_empty());
        }
    }
}

/// Imports `data` as jobs of `kind`, once dropping and once refusing records that cannot be used. Every record is a job or
/// counted, and what comes out is a trace that is read back with as many jobs.
pub fn jobs(kind: ImportKind, data: &[u8], map: Option<JobMap>) {
    for bad_rows in [BadRows::Drop, BadRows::Refuse] {
        let options =
            ImportOptions { kind: Some(kind), bad_rows, map: map.clone(), ..ImportOptions::default() };
        match import_jobs([("fuzz", Ok(data))], &options) {
            Ok((table, account)) => {
                let left_out: u64 = account.dropped.iter().map(|(_, count, _)| count).sum();
                assert_eq!(account.rows, table.len() as u64 + left_out, "every record is accounted for");
                let mut csv = Vec::new();
                table.write_csv(&mut csv).expect("memory can be written");
                let options = ImportOptions { kind: Some(ImportKind::Trace), ..ImportOptions::default() };
                if !table.is_empty() {
                    let (again, _) = import_jobs([("again", Ok(csv.as_slice()))], &options)
                        .unwrap_or_else(|error| panic!("the trace cannot be read back: {error}"));
                    assert_eq!(again.len(), table.len());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A scenario whose jobs are a file.
pub const TRACED: &str = r#"
name = "traced"
seed = 1
horizon = "1h"
[workload]
trace = "jobs.csv"
bad_rows = "drop"
[[workload.rule]]
class = "any"
cpu = "1"
memory = "1Gi"
duration = "1m"
[[runner]]
name = "all"
run_untagged = true
[[node_pool]]
name = "all"
"#;

/// A few jobs for maps to match.
pub const SOME_JOBS: &[u8] =
    b"job_id,submitted_s,duration_s,tags,pipeline,stage,name\n1,0,60,amd64;big,7,build,compile\n\
    2,5,70,,7,test,unit 1/2\n3,6,8,arm64,8,test,\"odd, name\"\n";
