//! Texts under discussion and places in them: what a diagnostic points at. Owns no file access.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One input text with the name people know it by: a path, or `--set` for a command line override.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as given by the user, or what stands in its place.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A place in a [`Source`], in bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub source: Arc<Source>,
    /// First byte and the byte after the last.
    pub range: Range<usize>,
}

impl Source {
    /// A named text, ready to be pointed into.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), text: text.to_owned() })
    }
}

impl Span {
    /// A place in `source`; a range that does not lie on characters of the text is moved to the nearest that does.
    #[must_use]
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let text = &source.text;
        let mut start = range.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = range.end.clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Self { source: Arc::clone(source), range: start..end }
    }

    /// The first byte of `source`: for complaints about something that is absent.
    #[must_use]
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// Line and column of the first byte, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.range.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The text at this place.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source::new("a.toml", "x = 1\ngröße = 2\n");
        assert_eq!(Span::new(&source, 0..1).line_and_column(), (1, 1));
        let two = source.text.find('2').unwrap();
        assert_eq!(Span::new(&source, two..two + 1).line_and_column(), (2, 9));
        assert_eq!(
            Span::new(&source, 9..9999).text(),
            "öße = 2\n",
            "ranges are cut to the text's characters"
        );
    }
}
