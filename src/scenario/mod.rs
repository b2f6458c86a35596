//! Scenario text (TOML) turned into a validated plan, with spans, hints and every error at once. Reads no file.

mod check;
mod codes;
mod defaults;
mod diagnostic;
mod document;
mod doubts;
pub mod import;
mod job_export;
mod keys;
mod layers;
mod leaf;
mod lint;
mod named_imports;
mod objectives;
mod overlay;
mod plan;
mod read;
mod reference;
mod resolve;
mod resolved;
mod schema;
mod shape;
mod source;
mod starter;

pub use codes::{CodeDoc, code_doc};
pub use diagnostic::{Code, Diagnostic};
pub use job_export::import_problem;
pub use layers::FileProvider;
pub use lint::{Finding, lint};
pub use named_imports::NamedImport;
pub use reference::{KeyDoc, element_names, key_doc};
pub use resolve::{Fleet, Scenario, resolve, resolve_with};
pub use schema::json_schema;
pub use source::{Source, Span};
pub use starter::starter;
