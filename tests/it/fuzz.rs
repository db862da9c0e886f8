//! Valid files changed in 2,000 ways each, the same ways every time; `tests/fuzz` looks further on demand.

use likewise::formats::quant::Dtype;

#[path = "../fuzz/entries.rs"]
mod entries;

/// The same changes on every machine.
struct Changes(u64);

impl Changes {
    /// The next number below `n` (splitmix64).
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % n.max(1)
    }

    /// One to eight changes among the first `front` bytes: bits, bytes, words of an extreme value, pieces doubled, moved
    /// or cut out, an end cut off.
    fn of(&mut self, file: &[u8], front: usize) -> Vec<u8> {
        let mut bytes = file.to_vec();
        for _ in 0..=self.below(8) {
            let len = front.min(bytes.len()).max(1);
            // Counts and lengths stand mostly at the front.
            let at = if self.below(3) == 0 { self.below(len.min(128)) } else { self.below(len) };
            if at >= bytes.len() {
                break;
            }
            let length = (1 + self.below(24)).min(bytes.len() - at);
            match self.below(8) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.below(256) as u8,
                2 => bytes[at..at + length].fill([0, 0xff, 0x7f, 0x80][self.below(4)]),
                3 => {
                    let values = [0, 1, u64::MAX, 1 << 31, 1 << 62, u64::from(u32::MAX), file.len() as u64];
                    let word = values[self.below(values.len())].to_le_bytes();
                    let n = length.min(if self.below(2) == 0 { 4 } else { 8 });
                    bytes[at..at + n].copy_from_slice(&word[..n]);
                }
                4 => {
                    let piece = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, piece);
                }
                5 => drop(bytes.drain(at..at + length)),
                6 => {
                    let from = self.below(bytes.len() - length + 1);
                    bytes.copy_within(from..from + length, at);
                }
                _ if self.below(8) == 0 => bytes.truncate(at),
                _ => bytes[at] = b"\"{}[]:,0-e\\"[self.below(11)],
            }
        }
        bytes
    }
}

const N: u64 = 2_000;

fn survives(name: &str, file: &[u8], front: usize, entry: fn(&[u8])) {
    for seed in 0..N {
        let bytes = Changes(seed).of(file, front);
        let outcome = std::panic::catch_unwind(|| entry(&bytes));
        assert!(outcome.is_ok(), "{name}: change {seed} is not survived");
    }
}

#[test]
fn changed_model_files_are_values_or_errors() {
    let file = include_bytes!("../golden/models/tiny-llama-q4_1.gguf");
    // The header with a little of the weights: these are all alike, and copying them takes the time.
    let header = pollster::block_on(likewise::formats::gguf::read_header(&file.as_slice())).unwrap();
    let front = header.tensors.iter().map(|tensor| tensor.range().start).min().unwrap() as usize;
    survives("gguf", file, front, entries::gguf);
}

#[test]
fn changed_sentencepiece_files_are_values_or_errors() {
    let file = include_bytes!("../golden/models/tiny-gemma3.gguf");
    let header = pollster::block_on(likewise::formats::gguf::read_header(&file.as_slice())).unwrap();
    let front = header.tensors.iter().map(|tensor| tensor.range().start).min().unwrap() as usize;
    survives("gguf", file, front, entries::gguf);
}

#[test]
fn changed_safetensors_files_are_values_or_errors() {
    let file = include_bytes!("../golden/models/tiny-bert.safetensors");
    let table = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    survives("safetensors", file, 8 + table, entries::safetensors);
}

#[test]
fn changed_tokenizer_files_are_values_or_errors() {
    let file = include_bytes!("../golden/models/tiny-bert-tokenizer.json");
    survives("tokenizer", file, file.len(), entries::tokenizer);
}

#[test]
fn any_bits_are_blocks_of_weights() {
    let mut changes = Changes(7);
    for dtype in 0..Dtype::SUPPORTED.len() as u8 {
        for n in [0, 1, 33, 500, 2048] {
            let mut file: Vec<u8> = (0..n).map(|_| changes.below(256) as u8).collect();
            file.insert(0, dtype);
            entries::quants(&file);
        }
    }
    let file: Vec<u8> = (0..2200).map(|i| (i * 37) as u8).collect();
    survives("quants", &file, file.len(), entries::quants);
}
