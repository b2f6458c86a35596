//! Job export.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::jobs(fleetsim::workload::ImportKind::GitlabJobs, data, None);
});
