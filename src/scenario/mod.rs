//! Scenario text (TOML) turned into a validated plan, with spans, hints and every error at once. Reads no file.

mod check;
mod defaults;
mod diagnostic;
mod document;
mod keys;
mod layers;
mod leaf;
mod overlay;
mod shape;
mod read;
mod resolve;
mod resolved;
mod schema;
mod source;
mod starter;

pub use diagnostic::{Code, Diagnostic, sorted_once};
pub use document::{Entry, Item, Table, Value};
pub use layers::FileProvider;
pub use resolve::{Fleet, Scenario, resolve, resolve_with};
pub use schema::json_schema;
pub use source::{Source, Span};
pub use starter::starter;
