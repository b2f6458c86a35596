//! Ctrl-C: the first asks to finish early and keep what is done, the second ends the process.

use super::exit::{Exit, Failed};
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);
static IS_LISTENING: AtomicBool = AtomicBool::new(false);

/// The flag that the first Ctrl-C sets, the same for all who ask.
pub(super) fn flag() -> Result<&'static AtomicBool, Failed> {
    if IS_LISTENING.swap(true, Ordering::Relaxed) {
        return Ok(&STOP);
    }
    let handler = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
        super::terminal::say("finishing what runs; once more ends at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failed::Output(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(&STOP)
}
