//! Which chunks of a model's file are there: the journal beside a cached file. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Bytes of a chunk; the last one of a file may be shorter.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// Version of the journal's shape.
pub const JOURNAL_SCHEMA: u32 = 1;
/// Largest file that is cached: 64 GiB, far above any model for a browser.
const MAX_BYTES: u64 = 64 << 30;

/// Chunks of a file of this many bytes.
pub fn n_chunks(total: u64) -> usize {
    total.div_ceil(CHUNK_BYTES) as usize
}

/// Bytes of a chunk.
pub fn chunk_range(chunk: usize, total: u64) -> Range<u64> {
    let start = (chunk as u64).saturating_mul(CHUNK_BYTES).min(total);
    start..(start + CHUNK_BYTES).min(total)
}

/// What is known of a cached file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// [`JOURNAL_SCHEMA`].
    pub schema: u32,
    /// Name for people: the card's name or the address.
    pub name: String,
    /// Size of the whole file in bytes.
    pub total: u64,
    /// One character a chunk: `1` there and checked, `0` missing.
    done: String,
    /// Whether the whole file was compared with its hash, for files without hashes of chunks.
    pub whole_checked: bool,
}

impl Journal {
    /// Of a file of which nothing is there.
    pub fn new(name: &str, total: u64) -> Self {
        let done = "0".repeat(n_chunks(total.min(MAX_BYTES)));
        Self { schema: JOURNAL_SCHEMA, name: name.to_owned(), total, done, whole_checked: false }
    }

    /// Reads a journal; `None` if it is damaged, which means starting over.
    pub fn from_json(json: &str) -> Option<Self> {
        let journal: Self = serde_json::from_str(json).ok()?;
        let fits = journal.schema == JOURNAL_SCHEMA
            && journal.total <= MAX_BYTES
            && journal.done.len() == n_chunks(journal.total)
            && journal.done.bytes().all(|byte| matches!(byte, b'0' | b'1'));
        fits.then_some(journal)
    }

    /// Whether a chunk is there.
    pub fn has(&self, chunk: usize) -> bool {
        self.done.as_bytes().get(chunk) == Some(&b'1')
    }

    /// Notes that a chunk is there or is not.
    pub fn set(&mut self, chunk: usize, there: bool) {
        if chunk < self.done.len() {
            self.done.replace_range(chunk..=chunk, if there { "1" } else { "0" });
        }
    }

    /// Whether every chunk is there.
    pub fn is_complete(&self) -> bool {
        !self.done.contains('0')
    }

    /// Bytes that are there.
    pub fn bytes(&self) -> u64 {
        (0..self.done.len()).filter(|chunk| self.has(*chunk)).map(|chunk| length(chunk, self.total)).sum()
    }

    /// The first stretch of missing chunks.
    pub fn missing(&self) -> Option<Range<usize>> {
        let start = self.done.find('0')?;
        let length = self.done.bytes().skip(start).take_while(|byte| *byte == b'0').count();
        Some(start..start + length)
    }
}

fn length(chunk: usize, total: u64) -> u64 {
    let range = chunk_range(chunk, total);
    range.end - range.start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_file_once() {
        for total in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 98_362_432] {
            let mut next = 0;
            for chunk in 0..n_chunks(total) {
                let range = chunk_range(chunk, total);
                assert_eq!(range.start, next);
                assert!(range.start < range.end);
                next = range.end;
            }
            assert_eq!(next, total);
        }
        assert_eq!(n_chunks(98_362_432), 24);
    }

    #[test]
    fn a_journal_knows_what_is_missing_and_survives_writing() {
        let mut journal = Journal::new("model", 3 * CHUNK_BYTES + 5);
        assert_eq!((journal.missing(), journal.bytes()), (Some(0..4), 0));
        journal.set(1, true);
        assert_eq!((journal.missing(), journal.bytes()), (Some(0..1), CHUNK_BYTES));
        journal.set(0, true);
        journal.set(3, true);
        assert_eq!((journal.missing(), journal.bytes()), (Some(2..3), 2 * CHUNK_BYTES + 5));
        let json = serde_json::to_string(&journal).unwrap();
        assert_eq!(Journal::from_json(&json), Some(journal.clone()));
        journal.set(2, true);
        journal.set(9, true);
        assert_eq!((journal.missing(), journal.bytes(), journal.is_complete()), (None, journal.total, true));
        journal.set(3, false);
        assert_eq!(journal.missing(), Some(3..4));
    }

    #[test]
    fn damaged_journals_mean_starting_over() {
        let json = serde_json::to_string(&Journal::new("model", 3 * CHUNK_BYTES)).unwrap();
        for damaged in [
            json.replace("\"000\"", "\"00\""),
            json.replace("\"000\"", "\"0x0\""),
            json.replace("\"schema\":1", "\"schema\":2"),
            json.replace(&(3 * CHUNK_BYTES).to_string(), &u64::MAX.to_string()),
            json[..json.len() / 2].to_owned(),
            String::new(),
        ] {
            assert_eq!(Journal::from_json(&damaged), None, "{damaged}");
        }
    }
}
