//! A page in logical pixels over any plotters backend: lines with dashes, boxes with hatches, text that is measured.

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{Circle, DrawingBackend, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::{Drawn, colour};

/// A place in logical pixels from the top left corner.
pub(super) type Place = (f64, f64);

/// How a line is broken, so that lines are told apart without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    Dashed,
    Dotted,
    Mixed,
}

impl Dash {
    /// Lengths of ink and gap in turn.
    fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[7.0, 4.0],
            Self::Dotted => &[2.0, 3.0],
            Self::Mixed => &[9.0, 3.0, 2.0, 3.0],
        }
    }
}

/// A line's colour, width and dash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) colour: RGBAColor,
    pub(super) width: f64,
    pub(super) dash: Dash,
}

impl Stroke {
    /// An unbroken line.
    pub(super) fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour: colour.to_rgba(), width, dash: Dash::Solid }
    }

    /// The same line, broken.
    pub(super) fn dashed(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// Where text stands relative to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// Size, weight and colour of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) is_bold: bool,
    pub(super) colour: RGBColor,
}

/// Text of axes and labels.
pub(super) const LABEL: Type = Type { size: 14.0, is_bold: false, colour: colour::DARK_GREY };
/// Text that names a thing.
pub(super) const NAME: Type = Type { size: 15.0, is_bold: false, colour: colour::BLACK };
const TITLE: Type = Type { size: 21.0, is_bold: true, colour: colour::BLACK };
/// Distance of lines of text, as a multiple of the size.
const LINE: f64 = 1.25;

/// A page to draw on.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    scale: f64,
    /// By which share of its size text is lowered: where a backend's middle of text lies too high.
    lowered: f64,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    /// The whole area, in which a logical pixel is `scale` pixels and text is lowered by a share of its size.
    pub(super) fn new(area: &'a DrawingArea<DB, Shift>, scale: f64, lowered: f64) -> Self {
        Self { area, scale, lowered }
    }

    fn pixel(&self, place: Place) -> (i32, i32) {
        ((place.0 * self.scale).round() as i32, (place.1 * self.scale).round() as i32)
    }

    fn shape(&self, stroke: &Stroke) -> ShapeStyle {
        let width = (stroke.width * self.scale).round().max(1.0) as u32;
        ShapeStyle { color: stroke.colour, filled: false, stroke_width: width }
    }

    /// A line through places, broken by its dash.
    pub(super) fn line(&self, places: &[Place], stroke: Stroke) -> Drawn<DB> {
        for part in broken(places, stroke.dash.pattern()) {
            let pixels: Vec<_> = part.iter().map(|place| self.pixel(*place)).collect();
            self.area.draw(&PathElement::new(pixels, self.shape(&stroke)))?;
        }
        Ok(())
    }

    /// A filled area inside of places.
    pub(super) fn area(&self, places: &[Place], fill: RGBAColor) -> Drawn<DB> {
        let pixels: Vec<_> = places.iter().map(|place| self.pixel(*place)).collect();
        self.area.draw(&Polygon::new(pixels, fill.filled()))
    }

    /// A filled box between two corners.
    pub(super) fn fill(&self, from: Place, to: Place, fill: RGBAColor) -> Drawn<DB> {
        self.area.draw(&Rectangle::new([self.pixel(from), self.pixel(to)], fill.filled()))
    }

    /// A box with diagonal lines, so that it differs from a plain one without colour.
    pub(super) fn hatch(&self, from: Place, to: Place, ink: RGBColor) -> Drawn<DB> {
        let (left, right) = (from.0.min(to.0), from.0.max(to.0));
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        let height = bottom - top;
        let mut start = left - height + 3.0;
        while start < right {
            // From the bottom at `start` to the top at `start + height`, cut to the box.
            let (a, b) = (start.max(left), (start + height).min(right));
            if a < b {
                self.line(&[(a, bottom - (a - start)), (b, bottom - (b - start))], Stroke::solid(ink, 1.2))?;
            }
            start += 7.0;
        }
        Ok(())
    }

    /// A dot, filled or as a ring.
    pub(super) fn dot(&self, at: Place, radius: f64, stroke: Stroke, is_filled: bool) -> Drawn<DB> {
        let mut style = self.shape(&stroke);
        style.filled = is_filled;
        self.area.draw(&Circle::new(self.pixel(at), (radius * self.scale).round() as i32, style))
    }

    fn text_style(&self, kind: Type, align: Align) -> TextStyle<'static> {
        let weight = if kind.is_bold { FontStyle::Bold } else { FontStyle::Normal };
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        ("sans-serif", kind.size * self.scale, weight)
            .into_font()
            .color(&kind.colour)
            .pos(Pos::new(horizontal, VPos::Center))
    }

    /// Text whose middle is at the height of `at`.
    pub(super) fn text(&self, text: &str, at: Place, kind: Type, align: Align) -> Drawn<DB> {
        let style = self.text_style(kind, align);
        self.area.draw(&Text::new(
            text.to_owned(),
            self.pixel((at.0, at.1 + self.lowered * kind.size)),
            style,
        ))
    }

    /// Width of text. A few percent are added, since a viewer of SVG may use another font.
    pub(super) fn width_of(&self, text: &str, kind: Type) -> f64 {
        let style = self.text_style(kind, Align::Left);
        let pixels = self.area.estimate_text_size(text, &style).map_or(0, |(width, _)| width);
        f64::from(pixels) / self.scale * 1.04
    }

    /// A bold title and a plain line below, broken into lines of `width`. Returns the height below which to go on.
    pub(super) fn title(
        &self,
        title: &str,
        below: &str,
        width: f64,
    ) -> Result<f64, plotters::drawing::DrawingAreaErrorKind<DB::ErrorType>> {
        let mut y = 12.0;
        for (text, kind) in [(title, TITLE), (below, LABEL)] {
            for line in self.wrapped(text, kind, width) {
                y += kind.size * LINE / 2.0;
                self.text(&line, (16.0, y), kind, Align::Left)?;
                y += kind.size * LINE / 2.0;
            }
            y += 3.0;
        }
        Ok(y)
    }

    fn wrapped(&self, text: &str, kind: Type, width: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match lines.last_mut() {
                Some(line) if self.width_of(&format!("{line} {word}"), kind) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

/// Cuts a line into the pieces that get ink.
fn broken(places: &[Place], pattern: &[f64]) -> Vec<Vec<Place>> {
    if pattern.is_empty() || places.len() < 2 {
        return vec![places.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece = vec![places[0]];
    let (mut step, mut left) = (0, pattern[0]);
    for pair in places.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = libm::hypot(to.0 - from.0, to.1 - from.1);
        while length > left {
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            length -= left;
            if step % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            step = (step + 1) % pattern.len();
            left = pattern[step];
        }
        left -= length;
        if step % 2 == 0 {
            piece.push(to);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashed_line_has_ink_and_gaps_in_turn_across_corners() {
        let pieces = broken(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[7.0, 4.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (7.0, 0.0)], vec![(10.0, 1.0), (10.0, 8.0)],]);
    }
}
