//! Text of a given width: paragraphs, lines with a head, columns. Knows nothing of what is said.

/// Text that grows line by line and never beyond its width, as long as its words are shorter.
pub(super) struct Sheet {
    width: usize,
    text: String,
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Sheet {
    /// An empty sheet of so many columns, at least 40.
    pub(super) fn new(width: usize) -> Self {
        Self { width: width.max(40), text: String::new() }
    }

    /// An empty line, unless the sheet is empty.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.hanging("", text);
    }

    /// `head`, then `text`; its further lines start below its first.
    pub(super) fn hanging(&mut self, head: &str, text: &str) {
        let indent = length(head);
        let mut line = head.to_owned();
        let mut used = indent;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if used > indent && used + 1 + length(word) > self.width {
                self.push(&line);
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
        self.push(&line);
    }

    /// Rows whose last cell is text that may wrap; the cells before it form columns, to the right where they start with a
    /// digit, a sign or a currency.
    pub(super) fn rows(&mut self, rows: &[Vec<String>]) {
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
                head.push_str(&if is_number {
                    format!("{space}{cell}  ")
                } else {
                    format!("{cell}{space}  ")
                });
            }
            self.hanging(&head, row.get(columns - 1).map_or("", String::as_str));
        }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end_matches(' '));
        self.text.push('\n');
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_below_its_head_and_numbers_stand_to_the_right() {
        let mut sheet = Sheet::new(40);
        sheet.hanging("12:00  ", "one two three four five six seven eight nine");
        sheet.blank();
        sheet.rows(&[
            vec!["9".into(), "node".into(), "short".into()],
            vec!["120".into(), "queue".into(), "a text that is so long that it wraps".into()],
        ]);
        let expected = "12:00  one two three four five six seven\n       eight nine\n\n    9  node   short\n  120  queue  a text that is so long\n              that it wraps\n";
        assert_eq!(sheet.finish(), expected);
    }
}
