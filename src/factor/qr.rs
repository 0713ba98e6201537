//! Key URIs as pictures: QR codes of error-correction level M, as PNG, as SVG and for a terminal.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::render::{svg, unicode};
use qrcode::{Color, EcLevel, QrCode};

/// Why a picture cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undrawable {
    /// It has so many modules each way, which is more than the pixels asked for.
    #[error("can not scale barcode to an image smaller than {modules}x{modules}")]
    TooSmall {
        /// Modules each way.
        modules: u32,
    },
    /// The text is longer than the largest QR code holds.
    #[error("the text is too long for a QR code")]
    TooLong,
}

/// The quiet zone that ISO/IEC 18004 asks for, in modules on each side.
const QUIET_MODULES: u32 = 4;

const DARK: Luma<u8> = Luma([0]);
const LIGHT: Luma<u8> = Luma([255]);

/// A PNG of exactly `size` pixels each way: the code at its largest whole multiple, in the middle of white. The quiet zone is kept wherever
/// the size allows it, and given up before a module gets smaller than a pixel.
pub fn png(text: &str, size: u32) -> Result<Vec<u8>, Undrawable> {
    let code = encode(text)?;
    let modules = u32::try_from(code.width()).map_err(|_| Undrawable::TooLong)?;
    let scale_within =
        |quiet: u32| size.checked_div(modules.saturating_add(quiet.saturating_mul(2))).filter(|n| *n > 0);
    let scale = scale_within(QUIET_MODULES).or_else(|| scale_within(0)).ok_or(Undrawable::TooSmall { modules })?;
    let drawn = modules.saturating_mul(scale);
    let margin = size.saturating_sub(drawn) / 2;
    let picture = GrayImage::from_fn(size, size, |x, y| {
        let module = |at: u32| at.checked_sub(margin).and_then(|at| at.checked_div(scale)).filter(|at| *at < modules);
        let at = module(x).zip(module(y)).and_then(|(x, y)| Some((usize::try_from(x).ok()?, usize::try_from(y).ok()?)));
        if at.is_some_and(|at| code[at] == Color::Dark) { DARK } else { LIGHT }
    });
    let mut file = Cursor::new(Vec::new());
    #[expect(clippy::expect_used, reason = "a greyscale picture of bounded size always encodes into memory")]
    picture.write_to(&mut file, ImageFormat::Png).expect("memory takes every picture");
    Ok(file.into_inner())
}

/// An SVG document, with its quiet zone.
pub fn svg(text: &str) -> Result<String, Undrawable> {
    Ok(encode(text)?.render::<svg::Color<'_>>().min_dimensions(256, 256).build())
}

/// Lines of half blocks for a terminal, two modules to a character, with a quiet zone. Light modules are drawn and dark ones left out, so that
/// a dark terminal shows dark on light, which every phone reads.
pub fn terminal(text: &str) -> Result<String, Undrawable> {
    let code = encode(text)?;
    Ok(code.render().dark_color(unicode::Dense1x2::Light).light_color(unicode::Dense1x2::Dark).build())
}

fn encode(text: &str) -> Result<QrCode, Undrawable> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| Undrawable::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/vault:caeac75b-dbfe-58be-e3fc-957549b7292e?algorithm=SHA1&digits=6&issuer=vault&period=30&secret=XVE7TOZWJVEWQOATOD7U53IEAJG72Z2I";

    fn read(png: &[u8]) -> String {
        let picture = image::load_from_memory(png).unwrap().to_luma8();
        let mut prepared = rqrr::PreparedImage::prepare(picture);
        prepared.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn a_picture_has_exactly_the_size_asked_for_and_reads_back() {
        for size in [57, 64, 100, 147, 200, 201, 256, 512, 1000, 2048] {
            let png = png(URI, size).unwrap();
            let picture = image::load_from_memory(&png).unwrap();
            assert_eq!((picture.width(), picture.height()), (size, size));
            assert_eq!(read(&png), URI, "{size}");
        }
    }

    #[test]
    fn a_picture_without_room_for_its_modules_is_refused_with_their_number() {
        let modules = u32::try_from(encode(URI).unwrap().width()).unwrap();
        assert_eq!(png(URI, modules - 1), Err(Undrawable::TooSmall { modules }));
        assert_eq!(png(URI, 0), Err(Undrawable::TooSmall { modules }));
        assert!(png(URI, modules).is_ok());
        let text = Undrawable::TooSmall { modules: 49 }.to_string();
        assert_eq!(text, "can not scale barcode to an image smaller than 49x49");
    }

    #[test]
    fn a_text_too_long_for_any_code_is_refused() {
        let text = "x".repeat(4_000);
        assert_eq!(png(&text, 2_048), Err(Undrawable::TooLong));
        assert_eq!(svg(&text), Err(Undrawable::TooLong));
        assert_eq!(terminal(&text), Err(Undrawable::TooLong));
    }

    #[test]
    fn a_terminal_shows_the_same_modules_as_the_picture() {
        let code = encode("hello").unwrap();
        let lines: Vec<Vec<char>> = terminal("hello").unwrap().lines().map(|line| line.chars().collect()).collect();
        for y in 0..code.width() {
            for x in 0..code.width() {
                let character = lines[usize::midpoint(y, 4)][x + 4];
                let drawn = match (y + 4) % 2 {
                    0 => matches!(character, '█' | '▀'),
                    _ => matches!(character, '█' | '▄'),
                };
                assert_eq!(drawn, code[(x, y)] == Color::Light, "{x} {y}");
            }
        }
    }

    #[test]
    fn an_svg_is_one_document() {
        let svg = svg(URI).unwrap();
        assert!(svg.starts_with("<?xml") && svg.contains("<svg") && svg.trim_end().ends_with("</svg>"));
    }
}
