//! From drawings to bytes: SVG text with title, and PNG at twice the size. Registers the embedded font.

use std::io::Write;
use std::sync::OnceLock;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};

use super::canvas::Canvas;
use super::{Drawing, colour};

/// Pixels of a PNG per logical pixel.
const PNG_SCALE: u32 = 2;
/// The bitmap backend centres the box of the font, not its letters, whose middle lies lower (measured on DejaVu Sans).
const LOWERED: f64 = 0.15;

/// Why a chart could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// The embedded font is damaged.
    #[error("the embedded font cannot be read")]
    Font,
    /// The drawing backend failed.
    #[error("a chart cannot be drawn: {0}")]
    Backend(String),
}

fn with_fonts() -> Result<(), ChartError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *registered { Ok(()) } else { Err(ChartError::Font) }
}

fn draw_on<DB: DrawingBackend>(
    backend: DB,
    scale: f64,
    lowered: f64,
    drawing: &impl Drawing,
) -> Result<(), ChartError> {
    let failed = |error: &dyn std::fmt::Display| ChartError::Backend(error.to_string());
    let area = backend.into_drawing_area();
    area.fill(&colour::WHITE).map_err(|error| failed(&error))?;
    drawing.draw(&Canvas::new(&area, scale, lowered)).map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}

/// The drawing as SVG, with `title` for screen readers.
pub(super) fn svg(drawing: &impl Drawing, title: &str) -> Result<String, ChartError> {
    with_fonts()?;
    let mut text = String::new();
    draw_on(SVGBackend::with_string(&mut text, drawing.size()), 1.0, 0.0, drawing)?;
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // The root element is the first to be closed with a bracket after `<svg`.
    let Some(end) = text.find("<svg").and_then(|start| text[start..].find('>').map(|end| start + end)) else {
        return Ok(text);
    };
    text.insert_str(end + 1, &format!("\n<title>{escaped}</title>"));
    text.insert_str(end, " role=\"img\"");
    Ok(text)
}

/// The drawing as PNG.
pub(super) fn png(drawing: &impl Drawing) -> Result<Vec<u8>, ChartError> {
    with_fonts()?;
    let (width, height) = drawing.size();
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; (width * height * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    draw_on(backend, f64::from(PNG_SCALE), LOWERED, drawing)?;
    encode(&pixels, width, height).map_err(|error| ChartError::Backend(error.to_string()))
}

/// RGB pixels as a PNG file (W3C, *Portable Network Graphics*, 2003): header, one compressed stream of rows, end. Rows
/// are filtered by *Up* (the difference to the row above), which suits large flat areas.
fn encode(pixels: &[u8], width: u32, height: u32) -> std::io::Result<Vec<u8>> {
    let row_bytes = width as usize * 3;
    let mut compressed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let mut above = vec![0; row_bytes];
    let mut filtered = Vec::with_capacity(row_bytes + 1);
    for row in pixels.chunks_exact(row_bytes) {
        filtered.clear();
        filtered.push(2);
        filtered.extend(row.iter().zip(&above).map(|(byte, up)| byte.wrapping_sub(*up)));
        compressed.write_all(&filtered)?;
        above.copy_from_slice(row);
    }
    let mut header = Vec::with_capacity(13);
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // Eight bits per channel, RGB, deflate, adaptive filters, not interlaced.
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &compressed.finish()?);
    chunk(&mut file, *b"IEND", &[]);
    Ok(file)
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut sum = flate2::Crc::new();
    sum.update(&kind);
    sum.update(data);
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(sum.sum().to_be_bytes());
}
