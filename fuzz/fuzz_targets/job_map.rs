//! A map from jobs to what they need, laid over some jobs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(map) = fleetsim::workload::JobMap::parse(text, "map.toml") {
        fleetsim_fuzz::jobs(fleetsim::workload::ImportKind::Trace, fleetsim_fuzz::SOME_JOBS, Some(map));
    }
});
