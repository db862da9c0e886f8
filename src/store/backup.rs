//! All records as one JSONL text: a header line, then one [`Record`] a line exactly as stored.
//!
//! Export, erase, import gives back the same records; importing twice adds nothing. A file is read and checked as a
//! whole before any of it is written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Collection, Record, Store, StoreError};
use crate::eval::engine::DeviceCheck;
use crate::eval::overrule::HumanVerdict;
use crate::eval::run::{ItemResult, Run};
use crate::eval::stimuli::Reference;
use crate::study::delivery::Delivery;
use crate::study::judgment::Judgment;
use crate::study::packet::Packet;
use crate::study::recruitment::Recruitment;
use crate::study::session::{SessionRecord, Withdrawal};
use crate::study::study::Study;

/// What the header's `format` says.
pub const FORMAT: &str = "likewise-backup";
/// Version of this file format.
pub const VERSION: u32 = 1;
/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;
/// Longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 8 << 20;
/// Most records.
pub const MAX_RECORDS: u64 = 1_000_000;
/// Deepest nesting of a record's JSON.
pub const MAX_DEPTH: u32 = 32;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Version of the program that wrote it.
    pub app_version: String,
    /// Records that follow.
    pub n: u64,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Records that were written.
    pub n_new: usize,
    /// Records that were there already.
    pub n_present: usize,
    /// Records of sessions that were withdrawn; they stay deleted.
    pub n_withdrawn: usize,
}

/// Writes every record of a store, collection by collection, in the order written; hashed ids of recruitment platforms
/// only if they are asked for.
///
/// # Errors
/// Those of the store.
pub async fn export<S: Store>(store: &S, with_recruitment: bool) -> Result<String, StoreError> {
    let mut records = Vec::new();
    let asked = |it: &Collection| with_recruitment || *it != Collection::Recruitments;
    for collection in Collection::ALL.into_iter().filter(asked) {
        let listed = store.list(collection, None).await?;
        // What a check found on this device says nothing of another one.
        records.extend(listed.into_iter().filter(|record| !record.id.starts_with(DeviceCheck::ID_PREFIX)));
    }
    to_jsonl(&records)
}

/// The text of a backup of these records.
///
/// # Errors
/// [`StoreError::Backend`] if JSON could not be written.
pub fn to_jsonl(records: &[Record]) -> Result<String, StoreError> {
    let failed = |error: serde_json::Error| StoreError::Backend { detail: error.to_string() };
    let app_version = env!("CARGO_PKG_VERSION").to_owned();
    let header = Header { format: FORMAT.into(), version: VERSION, app_version, n: records.len() as u64 };
    let mut text = serde_json::to_string(&header).map_err(failed)?;
    text.push('\n');
    for record in records {
        text.push_str(&serde_json::to_string(record).map_err(failed)?);
        text.push('\n');
    }
    Ok(text)
}

/// Reads and checks a backup without writing anything.
///
/// # Errors
/// [`StoreError::Import`] names the line and what is wrong with it: too large, too deep, cut short, of another
/// format or version, or not a record of its collection.
pub fn parse(text: &str) -> Result<Vec<Record>, StoreError> {
    let wrong = |line: u64, detail: String| StoreError::Import { line, detail };
    if text.len() > MAX_BYTES {
        return Err(wrong(1, format!("{} bytes, {MAX_BYTES} are read at most", text.len())));
    }
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let first = lines.next().unwrap_or_default();
    check_text(first, MAX_LINE_BYTES).map_err(|detail| wrong(1, detail))?;
    let header: Header = serde_json::from_str(first)
        .ok()
        .filter(|header: &Header| header.format == FORMAT)
        .ok_or_else(|| wrong(1, "not a backup of this program".into()))?;
    if header.version != VERSION {
        return Err(wrong(1, format!("version {}, this program reads {VERSION}", header.version)));
    }
    if header.n > MAX_RECORDS {
        return Err(wrong(1, format!("{} records, {MAX_RECORDS} are read at most", header.n)));
    }
    let mut records = Vec::new();
    for (index, text) in lines.enumerate() {
        let line = index as u64 + 2;
        if records.len() as u64 == header.n {
            if text.trim().is_empty() {
                continue;
            }
            return Err(wrong(line, format!("more than the {} records of the header", header.n)));
        }
        check_text(text, MAX_LINE_BYTES).map_err(|detail| wrong(line, detail))?;
        let record: Record = serde_json::from_str(text).map_err(|error| {
            // The last line of a file that was cut ends in the middle.
            let detail = if error.is_eof() { "the file is cut short here".into() } else { error.to_string() };
            wrong(line, detail)
        })?;
        check_record(&record).map_err(|detail| wrong(line, detail))?;
        records.push(record);
    }
    if (records.len() as u64) < header.n {
        let detail = format!("the file is cut short: {} of {} records are there", records.len(), header.n);
        return Err(wrong(records.len() as u64 + 1, detail));
    }
    Ok(records)
}

/// Adds the records of a backup that are not there yet, in one transaction. A withdrawal counts here as there: a
/// withdrawn session does not come back with an older file, and a session that was withdrawn elsewhere is deleted.
///
/// # Errors
/// [`StoreError::Import`] for a bad file, else those of the store. Nothing is written in either case.
pub async fn import<S: Store>(store: &S, text: &str) -> Result<Imported, StoreError> {
    let records = parse(text)?;
    // Counted, not just looked up: a store may hold the same record twice, and its backup then does too.
    let mut present: BTreeMap<(Collection, String, String, String), usize> = BTreeMap::new();
    for collection in Collection::ALL {
        for record in store.list(collection, None).await? {
            *present.entry((record.collection, record.id, record.parent, record.json)).or_default() += 1;
        }
    }
    let mut withdrawn = BTreeSet::new();
    for record in store.list(Collection::Withdrawals, None).await? {
        withdrawn.insert(record.id);
    }
    let elsewhere: Vec<&Record> = records
        .iter()
        .filter(|record| record.collection == Collection::Withdrawals && withdrawn.insert(record.id.clone()))
        .collect();
    for withdrawal in &elsewhere {
        store.withdraw(withdrawal).await?;
    }
    let n_elsewhere = elsewhere.len();
    let total = records.len();
    let mut n_withdrawn = 0;
    let mut is_new = |record: &Record| {
        if record.session_id().is_some_and(|id| withdrawn.contains(id)) {
            n_withdrawn += 1;
            return false;
        }
        if record.collection == Collection::Withdrawals {
            return false;
        }
        let key = (record.collection, record.id.clone(), record.parent.clone(), record.json.clone());
        match present.get_mut(&key) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        }
    };
    let new: Vec<Record> = records.iter().filter(|record| is_new(record)).cloned().collect();
    if !new.is_empty() {
        store.append(&new).await?;
    }
    let n_new = new.len() + n_elsewhere;
    Ok(Imported { n_new, n_present: total - n_new - n_withdrawn, n_withdrawn })
}

/// Caps that hold before any parser sees the text.
pub(super) fn check_text(text: &str, most: usize) -> Result<(), String> {
    if text.len() > most {
        return Err(format!("{} bytes long, {most} are read at most", text.len()));
    }
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
    }
    Ok(())
}

/// Whether the value is one of its collection.
fn check_record(record: &Record) -> Result<(), String> {
    fn reads<'a, T: Deserialize<'a>>(json: &'a str) -> Result<(), String> {
        serde_json::from_str::<T>(json).map(drop).map_err(|error| error.to_string())
    }
    if record.id.is_empty() {
        return Err("the record has no id".into());
    }
    check_text(&record.json, MAX_LINE_BYTES)?;
    match record.collection {
        Collection::Runs => reads::<Run>(&record.json),
        Collection::ItemResults => reads::<ItemResult>(&record.json),
        Collection::Sessions => reads::<SessionRecord>(&record.json),
        Collection::Judgments => reads::<Judgment>(&record.json),
        Collection::Settings => reads::<serde_json::Value>(&record.json),
        Collection::Verdicts => reads::<HumanVerdict>(&record.json),
        Collection::Studies => reads::<Study>(&record.json),
        Collection::Withdrawals => reads::<Withdrawal>(&record.json),
        Collection::References => reads::<Reference>(&record.json),
        Collection::Packets => reads::<Packet>(&record.json),
        Collection::Recruitments => reads::<Recruitment>(&record.json),
        Collection::Deliveries => reads::<Delivery>(&record.json),
    }
    .map_err(|detail| format!("record {:?} is not of its kind: {detail}", record.id))
}
