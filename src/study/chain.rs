//! A hash chain through the records of a session, and the completion code that follows from its end.
//!
//! Every judgment holds the SHA-256 of the record before it, the first that of the session's own record. A missing,
//! changed or reordered record breaks the chain. It shows accidents and careless edits; someone who rewrites all
//! records can make a new chain, so it proves nothing about who answered.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::judgment::Judgment;
use super::session::SessionRecord;

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a completion code; 50 bits.
const CODE_LENGTH: usize = 10;

/// Where a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} does not follow the one before it")]
pub struct Broken {
    /// Place of the first record that does not follow, from 0.
    pub seq: u32,
}

pub(super) fn hash(record: &impl Serialize) -> String {
    // Records are plain structs of texts and finite numbers, which JSON can always write.
    let json = serde_json::to_string(record).unwrap_or_default();
    hex(&Sha256::digest(json.as_bytes()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the first judgment of a session points to.
pub fn root(session: &SessionRecord) -> String {
    hash(session)
}

/// What the judgment after this one points to.
pub fn link(judgment: &Judgment) -> String {
    hash(judgment)
}

/// Checks the judgments of one session, in the order written.
///
/// # Errors
/// [`Broken`] names the first record that does not follow.
pub fn verify(session: &SessionRecord, judgments: &[Judgment]) -> Result<(), Broken> {
    let mut head = root(session);
    for (place, judgment) in judgments.iter().enumerate() {
        if judgment.previous != head || judgment.seq as usize != place {
            return Err(Broken { seq: place as u32 });
        }
        head = link(judgment);
    }
    Ok(())
}

/// The code of a finished session, from the end of its chain: the same data give the same code, and a researcher who
/// has the data can check it.
pub fn completion_code(head: &str) -> String {
    let digest = Sha256::digest(format!("likewise completion {head}").as_bytes());
    digest.iter().take(CODE_LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
