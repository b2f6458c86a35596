//! Imports of other people's real files, which are not part of this repository: `../shared/configs`, with a row for every
//! fact that its EXPECTED.md states. Without that folder the tests print a notice and check nothing.
#![expect(clippy::print_stdout, reason = "tests say how many facts agree")]

#[path = "import_configs/expected.rs"]
mod expected;
#[path = "import_configs/exports.rs"]
mod exports;
#[path = "import_configs/facts.rs"]
mod facts;
#[path = "import_configs/pipelines.rs"]
mod pipelines;
