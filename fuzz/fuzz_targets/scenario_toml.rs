//! Scenario text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        fleetsim_fuzz::scenario(text, b"job_id,submitted_s,duration_s,name\n1,0,60,a\n2,5,70,b\n");
    }
});
