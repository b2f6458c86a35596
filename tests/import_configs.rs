//! Imports of other people's real files, which are not part of this repository: `../shared/configs`. Without that folder
//! the tests print a notice and check nothing.
#![expect(clippy::print_stdout, reason = "tests say how many facts agree")]

#[path = "import_configs/facts.rs"]
mod facts;
#[path = "import_configs/karpenter.rs"]
mod karpenter;
#[path = "import_configs/pipelines.rs"]
mod pipelines;
#[path = "import_configs/runners.rs"]
mod runners;
