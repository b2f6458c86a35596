//! .gitlab-ci.yml.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::file(".gitlab-ci.yml", fleetsim::scenario::import::ImportKind::Pipeline, data);
});
