//! Scenario text (TOML) turned into a validated plan, with spans, hints and every error at once. Reads no file.
