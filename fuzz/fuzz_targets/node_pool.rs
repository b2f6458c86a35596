//! Karpenter objects, HelmReleases, ConfigMaps.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fleetsim_fuzz::file("nodepool.yaml", fleetsim::scenario::import::ImportKind::Kubernetes, data);
});
