//! A runner's config.toml.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::file("config.toml", fleetsim::scenario::import::ImportKind::RunnerToml, data);
});
