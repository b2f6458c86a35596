//! Tables for terminals of 80 columns, without lines and without blanks at the ends of rows. Not what stands in them.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

/// Width of a terminal on which everything must fit.
pub(super) const COLUMNS: u16 = 80;

/// The room for names of things in the first column, beside the other columns and a last one of words that may be broken into
/// lines of `words`: never less than 12 characters.
pub(super) fn name_room(header: &[&str], rows: &[Vec<String>], words: usize) -> usize {
    let length = |text: &str| text.chars().count();
    let last = header.len() - 1;
    let others = (1..last).map(|column| {
        let cells = rows.iter().map(|row| length(&row[column]));
        cells.chain([length(header[column])]).max().unwrap_or(0) + 1
    });
    let taken: usize = others.sum::<usize>() + words + 2;
    usize::from(COLUMNS).saturating_sub(taken).max(12)
}

/// A name in lines of at most `most` characters, broken behind hyphens and other joints; within a part only where that alone is
/// longer.
pub(super) fn name_lines(name: &str, most: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(['-', '_', '.', '#', '/', ' ']) {
        let length = |text: &str| text.chars().count();
        match lines.last_mut() {
            Some(line) if length(line) + length(part) <= most => line.push_str(part),
            _ => {
                let letters: Vec<char> = part.chars().collect();
                lines.extend(letters.chunks(most.max(1)).map(|piece| piece.iter().collect::<String>()));
            }
        }
    }
    lines.join("\n")
}

/// The table of `rows` below `header`. `is_text` columns stand to the left, the others to the right; `constraint` says of a
/// column (by index, and whether it is text) what its width must be.
pub(super) fn text_table(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    is_text: impl Fn(usize) -> bool,
    constraint: impl Fn(usize, bool) -> Option<ColumnConstraint>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(COLUMNS)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        let is_text = is_text(index);
        column.set_cell_alignment(if is_text { CellAlignment::Left } else { CellAlignment::Right });
        column.set_padding((0, 1));
        if let Some(constraint) = constraint(index, is_text) {
            column.set_constraint(constraint);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_behind_hyphens_only() {
        assert_eq!(name_lines("cluster-autoscaler", 24), "cluster-autoscaler");
        assert_eq!(name_lines("cluster-autoscaler", 12), "cluster-\nautoscaler");
        assert_eq!(name_lines("peak#graviton-on-demand", 14), "peak#graviton-\non-demand");
        assert_eq!(name_lines("abcdefgh", 3), "abc\ndef\ngh");
        let rows = [["one".to_owned(), "38 ±2".to_owned(), "−20 %, slower".to_owned()].to_vec()];
        assert_eq!(name_room(&["fleet", "p95", "cost, wait"], &rows, 12), 80 - 6 - 14);
    }
}
