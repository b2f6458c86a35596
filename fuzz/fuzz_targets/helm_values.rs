//! Values of the gitlab-runner chart.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::file("values.yaml", fleetsim::scenario::import::ImportKind::HelmValues, data);
});
