//! Tables for terminals of 80 columns, without lines and without blanks at the ends of rows. Not what stands in them.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

/// Width of a terminal on which everything must fit.
pub(super) const COLUMNS: u16 = 80;

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
