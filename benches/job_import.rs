//! A million jobs of GitLab's API, about 700 bytes each, newest first in pages of a hundred as the API gives them: the
//! import must take less than ten seconds and 100 MiB. The export is made while it is read, so no file is needed.

use std::fmt::Write;
use std::io::{self, Read};
use std::time::Instant;

use fleetsim::workload::{ImportOptions, import_jobs};

const JOBS: u64 = 1_000_000;
const PER_PAGE: u64 = 100;
const MOST_SECONDS: f64 = 10.0;
const MOST_MIB: u64 = 100;

/// The pages, one job after the other.
struct Export {
    next: u64,
    page: String,
    given: usize,
    bytes: u64,
}

impl Export {
    fn write_job(&mut self) {
        let id = JOBS - self.next;
        let started =
            jiff::Timestamp::from_millisecond(1_770_000_000_000 + id as i64 * 1_700).expect("a time of 2026");
        let duration = 30 + id * 7919 % 900;
        let finished = jiff::Timestamp::from_millisecond(started.as_millisecond() + duration as i64 * 1000);
        let finished = finished.expect("a time of 2026");
        let (pipeline, kind) = (id / 20, id % 20);
        self.page.push(if self.next.is_multiple_of(PER_PAGE) { '[' } else { ',' });
        let _ = write!(
            self.page,
            r#"{{"id":{id},"status":"success","stage":"test","name":"unit {kind}/20","ref":"topic/cache-keys","tag":false,"coverage":null,"allow_failure":false,"created_at":"{started}","started_at":"{started}","finished_at":"{finished}","erased_at":null,"duration":{duration}.214,"queued_duration":{wait}.772,"archived":false,"tag_list":["arm64","medium"],"user":{{"id":412,"username":"mbell"}},"commit":{{"id":"7d0c3b5e","short_id":"7d0c3b5e","title":"Tidy cache keys"}},"pipeline":{{"id":{pipeline},"iid":811,"project_id":77,"sha":"7d0c3b5e","ref":"topic/cache-keys","status":"failed"}},"web_url":"https://git.acme.test/core/api/-/jobs/{id}","runner":{{"id":31,"description":"eks-arm","active":true}}}}"#,
            wait = id % 97,
        );
        self.next += 1;
        if self.next.is_multiple_of(PER_PAGE) || self.next == JOBS {
            self.page.push_str("]\n");
        }
    }
}

impl Read for Export {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.page.len() {
            (self.given, self.page) = (0, std::mem::take(&mut self.page));
            self.page.clear();
            while self.next < JOBS && self.page.len() < 1 << 16 {
                self.write_job();
            }
        }
        let count = (self.page.len() - self.given).min(into.len());
        into[..count].copy_from_slice(&self.page.as_bytes()[self.given..self.given + count]);
        self.given += count;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Most memory this process has held, in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures wall time and says so")]
fn main() {
    let export = || Export { next: 0, page: String::new(), given: 0, bytes: 0 };
    let begin = Instant::now();
    let mut alone = export();
    let bytes = io::copy(&mut alone, &mut io::sink()).expect("nothing can fail here");
    let making = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let (table, account) =
        import_jobs([("export", Ok(export()))], &ImportOptions::default()).expect("a sound export");
    let importing = begin.elapsed().as_secs_f64() - making;
    table.write_csv(io::sink()).expect("nothing can fail here");
    let whole = begin.elapsed().as_secs_f64();
    assert_eq!((account.rows, table.len() as u64), (JOBS, JOBS));
    println!(
        "{} MB made in {making:.2} s; imported in {importing:.2} s; made, imported and written in {whole:.2} s; {:?} MiB at most",
        bytes / 1_000_000,
        peak_mib(),
    );
    assert!(importing < MOST_SECONDS, "{importing:.2} s");
    assert!(peak_mib().is_none_or(|mib| mib <= MOST_MIB), "{:?} MiB", peak_mib());
}
