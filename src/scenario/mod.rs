//! Scenario text (TOML) turned into a validated plan, with spans, hints and every error at once. Reads no file.

mod check;
mod defaults;
mod diagnostic;
mod document;
pub mod import;
mod job_export;
mod keys;
mod layers;
mod leaf;
mod named_imports;
mod objectives;
mod overlay;
mod plan;
mod read;
mod resolve;
mod resolved;
mod schema;
mod shape;
mod source;
mod starter;

pub use diagnostic::{Code, Diagnostic};
pub use job_export::import_problem;
pub use layers::FileProvider;
pub use named_imports::NamedImport;
pub use resolve::{Fleet, Scenario, resolve, resolve_with};
pub use schema::json_schema;
pub use source::{Source, Span};
pub use starter::starter;
