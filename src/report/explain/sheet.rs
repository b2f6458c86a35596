//! What an explanation says, piece by piece (paragraphs, lines with a head, columns, facts), and how it is written: as text of
//! a given width, as Markdown, JSON or CSV. Knows nothing of what is said.

use serde_json::{Map, Value, json};

use crate::report::markdown::escaped;

/// The version of explanations as JSON and CSV, to be raised when a field changes its meaning or goes away.
pub const EXPLANATION_SCHEMA: &str = "fleetsim.explanation/1";

/// How an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplanationFormat {
    /// Text of so many columns, at least 40.
    Text(usize),
    /// Markdown.
    Markdown,
    /// JSON of [`EXPLANATION_SCHEMA`].
    Json,
    /// CSV: `kind`, `head`, `text`; kinds are fact, text, line and row.
    Csv,
}

/// A piece of an explanation.
enum Piece {
    Blank,
    /// A head, may be empty, and a text.
    Line(String, String),
    Rows(Vec<Vec<String>>),
}

/// An explanation that grows piece by piece.
pub(super) struct Sheet {
    format: ExplanationFormat,
    facts: Map<String, Value>,
    pieces: Vec<Piece>,
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Sheet {
    /// An empty sheet.
    pub(super) fn new(format: ExplanationFormat) -> Self {
        Self { format, facts: Map::new(), pieces: Vec::new() }
    }

    /// Something that a program wants to know without reading sentences; people read it in these.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// An empty line, unless the sheet is empty.
    pub(super) fn blank(&mut self) {
        if !self.pieces.is_empty() {
            self.pieces.push(Piece::Blank);
        }
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.hanging("", text);
    }

    /// `head`, then `text`; its further lines start below its first.
    pub(super) fn hanging(&mut self, head: &str, text: &str) {
        self.pieces.push(Piece::Line(head.to_owned(), text.to_owned()));
    }

    /// Rows whose last cell is text that may wrap; the cells before it form columns, to the right where they start with a
    /// digit, a sign or a currency.
    pub(super) fn rows(&mut self, rows: &[Vec<String>]) {
        self.pieces.push(Piece::Rows(rows.to_vec()));
    }

    /// The whole in its format.
    pub(super) fn finish(self) -> String {
        match self.format {
            ExplanationFormat::Text(width) => text(&self.pieces, width.max(40)),
            ExplanationFormat::Markdown => markdown(&self.pieces),
            ExplanationFormat::Json => json_text(self.facts, &self.pieces),
            ExplanationFormat::Csv => csv(&self.facts, &self.pieces),
        }
    }
}

/// Text that grows line by line and never beyond `width`, as long as its words are shorter.
fn text(pieces: &[Piece], width: usize) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Blank => out.push('\n'),
            Piece::Line(head, text) => hanging(&mut out, head, text, width),
            Piece::Rows(rows) => columns(&mut out, rows, width),
        }
    }
    out
}

fn hanging(out: &mut String, head: &str, text: &str, width: usize) {
    let mut push = |line: &str| {
        out.push_str(line.trim_end_matches(' '));
        out.push('\n');
    };
    let indent = length(head);
    let mut line = head.to_owned();
    let mut used = indent;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if used > indent && used + 1 + length(word) > width {
            push(&line);
            line = " ".repeat(indent);
            used = indent;
        }
        if used > indent {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length(word);
    }
    push(&line);
}

fn columns(out: &mut String, rows: &[Vec<String>], width: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let mut head = String::from("  ");
        for (cell, width) in row.iter().zip(&widths).take(columns - 1) {
            let space = " ".repeat(width - length(cell));
            let is_number = cell.starts_with(|c: char| c.is_ascii_digit() || "+−-±$–".contains(c));
            head.push_str(&if is_number { format!("{space}{cell}  ") } else { format!("{cell}{space}  ") });
        }
        hanging(out, &head, row.get(columns - 1).map_or("", String::as_str), width);
    }
}

/// The cells that a head holds: they stand two blanks or more apart.
fn cells(head: &str) -> Vec<String> {
    head.split("  ").map(plain).filter(|cell| !cell.is_empty()).collect()
}

fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ").trim().to_owned()
}

fn markdown(pieces: &[Piece]) -> String {
    let mut out = String::new();
    let mut was_item = false;
    for piece in pieces {
        let is_item = matches!(piece, Piece::Line(head, _) if !head.is_empty());
        if was_item && !is_item && !matches!(piece, Piece::Blank) {
            out.push('\n');
        }
        was_item = is_item || (was_item && matches!(piece, Piece::Blank));
        match piece {
            Piece::Blank => {}
            Piece::Line(head, text) => {
                let heads: Vec<String> =
                    cells(head).iter().map(|cell| format!("**{}**", escaped(cell))).collect();
                match heads.is_empty() {
                    true if head.is_empty() => out.push_str(&format!("{}\n\n", escaped(&plain(text)))),
                    true => out.push_str(&format!("- {}\n", escaped(&plain(text)))),
                    false => out.push_str(&format!("- {} {}\n", heads.join(" "), escaped(&plain(text)))),
                }
            }
            Piece::Rows(rows) => {
                let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
                out.push_str(&format!("|{}\n|{}\n", " |".repeat(columns), "---|".repeat(columns)));
                for row in rows {
                    let cell =
                        |column: usize| row.get(column).map_or(String::new(), |cell| escaped(&plain(cell)));
                    let cells: Vec<String> = (0..columns).map(cell).collect();
                    out.push_str(&format!("| {} |\n", cells.join(" | ")));
                }
                out.push('\n');
            }
        }
    }
    out.trim_end().to_owned() + "\n"
}

fn json_text(facts: Map<String, Value>, pieces: &[Piece]) -> String {
    let parts: Vec<Value> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Blank => None,
            Piece::Line(head, text) if head.is_empty() => Some(json!({ "text": plain(text) })),
            Piece::Line(head, text) => Some(json!({ "head": cells(head), "text": plain(text) })),
            Piece::Rows(rows) => {
                let rows: Vec<Vec<String>> =
                    rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
                Some(json!({ "rows": rows }))
            }
        })
        .collect();
    let document = json!({ "schema": EXPLANATION_SCHEMA, "facts": facts, "parts": parts });
    let mut text = serde_json::to_string_pretty(&document).expect("texts and numbers");
    text.push('\n');
    text
}

fn csv(facts: &Map<String, Value>, pieces: &[Piece]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut record = |kind: &str, head: &str, text: &str| {
        writer.write_record([kind, head, text]).expect("memory can be written");
    };
    record("kind", "head", "text");
    record("schema", "", EXPLANATION_SCHEMA);
    for (name, value) in facts {
        record("fact", name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    for piece in pieces {
        match piece {
            Piece::Blank => {}
            Piece::Line(head, text) => {
                let heads = cells(head).join("; ");
                record(if heads.is_empty() { "text" } else { "line" }, &heads, &plain(text));
            }
            Piece::Rows(rows) => {
                for row in rows {
                    let (last, first) = row
                        .split_last()
                        .map_or((String::new(), &[][..]), |(last, first)| (plain(last), first));
                    let heads: Vec<String> = first.iter().map(|cell| plain(cell)).collect();
                    record("row", &heads.join("; "), &last);
                }
            }
        }
    }
    String::from_utf8(writer.into_inner().expect("memory can be written")).expect("fields are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(format: ExplanationFormat) -> String {
        let mut sheet = Sheet::new(format);
        sheet.fact("wait_ms", 1500);
        sheet.hanging("12:00  ", "one two three four five six seven eight nine");
        sheet.blank();
        sheet.rows(&[
            vec!["9".into(), "node".into(), "short".into()],
            vec!["120".into(), "queue".into(), "a text that is so long that it wraps".into()],
        ]);
        sheet.finish()
    }

    #[test]
    fn text_wraps_below_its_head_and_numbers_stand_to_the_right() {
        let expected = "12:00  one two three four five six seven\n       eight nine\n\n    9  node   short\n  120  queue  a text that is so long\n              that it wraps\n";
        assert_eq!(sheet(ExplanationFormat::Text(40)), expected);
    }

    #[test]
    fn the_same_is_there_for_programs_and_for_merge_requests() {
        let document: Value = serde_json::from_str(&sheet(ExplanationFormat::Json)).unwrap();
        assert_eq!(document["schema"], EXPLANATION_SCHEMA);
        assert_eq!(document["facts"]["wait_ms"], 1500);
        assert_eq!(document["parts"][0]["head"], json!(["12:00"]));
        assert_eq!(document["parts"][1]["rows"][1][1], "queue");
        let csv = sheet(ExplanationFormat::Csv);
        assert!(
            csv.starts_with("kind,head,text\nschema,,fleetsim.explanation/1\nfact,wait_ms,1500\n"),
            "{csv}"
        );
        assert!(csv.contains("row,9; node,short\n"), "{csv}");
        let markdown = sheet(ExplanationFormat::Markdown);
        assert!(
            markdown.contains("- **12:00** one two") && markdown.contains("| 9 | node | short |"),
            "{markdown}"
        );
    }
}
