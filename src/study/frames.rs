//! A packet as a sequence of short texts, one for each QR code, and back from codes read in any order and any number of
//! times. A code holds `lwq1:` id `:` number `/` how many `:` part `;`; the id is the start of the packet's SHA-256, which
//! says whether the parts that came together are the packet that was shown.

use std::collections::BTreeMap;
use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};

use super::chain;

/// What every code begins with.
const START: &str = "lwq1:";
/// Characters of the packet in one code; a code of this length has about 90 modules a side, which phones still read.
const PART: usize = 600;
/// Most codes of a sequence that is put together.
const MOST: usize = 2000;
/// Characters of the id.
const ID: usize = 10;

fn id_of(packet: &str) -> String {
    chain::hash(&packet).chars().take(ID).collect()
}

/// The texts of the codes of a packet, which is plain ASCII.
pub fn frames(packet: &str) -> Vec<String> {
    let id = id_of(packet);
    let characters: Vec<char> = packet.chars().collect();
    let parts: Vec<&[char]> = characters.chunks(PART).collect();
    let n = parts.len();
    parts
        .iter()
        .enumerate()
        .map(|(place, part)| format!("{START}{id}:{}/{n}:{};", place + 1, part.iter().collect::<String>()))
        .collect()
}

/// A QR code as a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Modules a side, with the quiet zone of four on each.
    pub size: i32,
    /// Path of the dark modules in units of a module, for an SVG.
    pub path: String,
}

/// The QR code of a text (ISO/IEC 18004, error correction L); `None` if the text is too long for one.
pub fn code(text: &str) -> Option<Code> {
    let qr = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let mut path = String::new();
    for y in 0..qr.size() {
        let mut x = 0;
        while x < qr.size() {
            let start = x;
            while x < qr.size() && qr.get_module(x, y) {
                x += 1;
            }
            if x > start {
                let width = x - start;
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{width}v1h-{width}z", start + 4, y + 4);
            }
            x += 1;
        }
    }
    Some(Code { size: qr.size() + 8, path })
}

/// What became of a text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is no code of a sequence.
    Other,
    /// A part of a packet of which so many of so many are here.
    Part {
        /// Parts that are here.
        have: usize,
        /// Parts of the sequence.
        of: usize,
    },
    /// The last part: the whole packet.
    Whole(String),
    /// All parts are here and do not give the packet that was shown.
    Damaged,
}

/// Packets that come together from codes.
#[derive(Debug, Clone, Default)]
pub struct Assembly {
    parts: BTreeMap<(String, usize), BTreeMap<usize, String>>,
}

impl Assembly {
    /// Takes in what one code says.
    pub fn take(&mut self, text: &str) -> Taken {
        let Some((id, place, of, part)) = read(text.trim()) else { return Taken::Other };
        let parts = self.parts.entry((id.clone(), of)).or_default();
        parts.insert(place, part);
        if parts.len() < of {
            return Taken::Part { have: parts.len(), of };
        }
        let packet: String = parts.values().map(String::as_str).collect();
        if id_of(&packet) == id { Taken::Whole(packet) } else { Taken::Damaged }
    }

    /// A text with its codes, in whichever order, put together to packets; codes of which some are missing are left out.
    pub fn joined(text: &str) -> String {
        if !text.contains(START) {
            return text.to_owned();
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut all = Self::default();
        let mut out = String::new();
        for (place, part) in text.split(START).enumerate() {
            let (code, rest) = if place == 0 { ("", part) } else { part.split_once(';').unwrap_or((part, "")) };
            if let Taken::Whole(packet) = all.take(&format!("{START}{code};")) {
                out.push_str(&packet);
            }
            out.push_str(rest);
        }
        out
    }
}

fn read(text: &str) -> Option<(String, usize, usize, String)> {
    let rest = text.strip_prefix(START)?.strip_suffix(';')?;
    let (id, rest) = rest.split_once(':')?;
    let (number, part) = rest.split_once(':')?;
    let (place, of) = number.split_once('/')?;
    let (place, of): (usize, usize) = (place.parse().ok()?, of.parse().ok()?);
    let fits = id.len() == ID && (1..=of).contains(&place) && of <= MOST && part.len() <= PART;
    fits.then(|| (id.to_owned(), place, of, part.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(n: usize) -> String {
        let data: String = (0..n).map(|it| char::from(b'A' + (it * 7 % 26) as u8)).collect();
        format!("likewise1:{data}.")
    }

    #[test]
    fn a_packet_comes_back_from_codes_in_any_order() {
        for n in [1, 599, 600, 5000] {
            let packet = packet(n);
            let mut texts = frames(&packet);
            texts.reverse();
            let mut all = Assembly::default();
            let (last, first) = texts.split_last().unwrap();
            for (place, text) in first.iter().enumerate() {
                let part = Taken::Part { have: place + 1, of: texts.len() };
                assert_eq!(all.take(text), part);
                assert_eq!(all.take(text), part, "twice is once");
            }
            assert_eq!(all.take("https://example.org"), Taken::Other);
            assert_eq!(all.take(last), Taken::Whole(packet.clone()));
            // Nothing of the codes stays behind, for a part of one would pass for a damaged packet.
            let joined = Assembly::joined(&format!("likewise1:Zm9v. Here:\n{} Best", texts.join(" and\n ")));
            assert_eq!(joined.replace("and", ""), format!("likewise1:Zm9v.Here:{packet}Best").replace("and", ""));
            assert_eq!(
                Assembly::joined(first.first().map_or("plain text", |it| it)),
                if first.is_empty() { "plain text" } else { "" }
            );
        }
    }

    #[test]
    fn a_code_of_another_packet_or_a_changed_one_gives_nothing() {
        let (one, other) = (frames(&packet(1300)), frames(&packet(1301)));
        let mut all = Assembly::default();
        for text in [&one[0], &one[1], &other[2]] {
            assert!(!matches!(all.take(text), Taken::Whole(_)));
        }
        assert_eq!(all.take(&one[2].replace("QXE", "QXF")), Taken::Damaged);
        for text in ["lwq1:", "lwq1:0123456789:2/1:a;", "lwq1:0123456789:1/99999:a;", "lwq1:0123456789:0/2:a;"] {
            assert_eq!(all.take(text), Taken::Other, "{text}");
        }
    }

    #[test]
    fn another_programs_reader_reads_the_codes() {
        for text in frames(&packet(1500)) {
            let code = code(&text).unwrap();
            let side = code.size as usize;
            // Drawn from the path, so that the path itself is tested: four pixels a module.
            let mut dark = vec![false; side * side];
            for run in code.path.split('M').skip(1) {
                let numbers: Vec<usize> =
                    run.split(|c: char| !c.is_ascii_digit()).filter_map(|it| it.parse().ok()).collect();
                for x in numbers[0]..numbers[0] + numbers[2] {
                    dark[numbers[1] * side + x] = true;
                }
            }
            let pixel = |x: usize, y: usize| if dark[y / 4 * side + x / 4] { 0 } else { 255 };
            let mut image = rqrr::PreparedImage::prepare_from_greyscale(4 * side, 4 * side, pixel);
            let grids = image.detect_grids();
            assert_eq!(grids.len(), 1);
            assert_eq!(grids[0].decode().unwrap().1, text);
        }
        assert_eq!(code(&"x".repeat(4000)), None);
    }
}
