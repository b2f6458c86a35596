//! A trace, imported and named by a scenario.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::jobs(fleetsim::workload::ImportKind::Trace, data, None);
    fleetsim_fuzz::scenario(fleetsim_fuzz::TRACED, data);
});
