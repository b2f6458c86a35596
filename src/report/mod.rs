//! Outcomes turned into CSV, charts and tables. Computes no metric and writes no file.
