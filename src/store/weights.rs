//! Model files in the browser: downloaded once, in chunks, checked on the way, kept in the origin's private file
//! system. Bytes stay outside of the WebAssembly heap until a range of them is read.
//!
//! [`open`] is for workers (it uses synchronous file access); [`list_cached`], [`delete_cached`], [`estimate`] and
//! [`persist`] work in pages too.

use std::cell::Cell;
use std::future::Future;
use std::ops::Range;

use futures_util::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use sha2::{Digest, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemReadWriteOptions, FileSystemSyncAccessHandle, ReadableStreamDefaultReader, Response,
};

use super::chunks::{CHUNK_BYTES, Journal, chunk_range, n_chunks};
use super::web_file::{call, call_async, describe, error_name, fetch, object, resolve};
use crate::eval::engine::CancelFlag;
use crate::eval::runner::hex;
use crate::formats::FormatError;
use crate::formats::catalog::ModelCard;
use crate::formats::source::ByteSource;
use crate::platform::now_millis;

/// Folder of the cache in the origin's private file system.
const FOLDER: &str = "weights";
/// Milliseconds between two progress reports, and between two looks at the cancel flag while the network is silent.
const REPORT_MILLIS: f64 = 100.0;
/// Milliseconds between two looks at a download of another tab, and without a new chunk after which it is not waited for.
const WAIT_MILLIS: u32 = 500;
const PATIENCE_MILLIS: f64 = 30_000.0;
/// Failures in a row, without a new chunk between them, after which a download gives up.
const MAX_FAILURES: u32 = 3;
/// Bytes that are on the heap at a time while hashing.
const HASH_BYTES: u32 = 256 << 10;

/// Where a model's file comes from.
#[derive(Debug, Clone)]
pub enum WeightOrigin<'a> {
    /// The catalog; hashes are known.
    Card(&'a ModelCard),
    /// An address the person typed.
    Url(&'a str),
    /// A file of the person's own; read where it lies, never copied into the cache.
    File(File),
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadProgress {
    /// Bytes that are there, the cached ones included.
    pub done_bytes: u64,
    /// Bytes of the file.
    pub total_bytes: u64,
    /// Bytes that were in the cache when the download began.
    pub cached_bytes: u64,
}

/// Why a file was not kept, though it can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// The browser's storage is full.
    Quota,
    /// The browser gives no private files here.
    Unavailable,
    /// Another tab is writing the same file.
    OtherTab,
}

/// Bytes of a chunk that is not in the cache: kept by the browser, outside of the WebAssembly heap.
type Part = Option<Uint8Array>;

#[derive(Debug)]
enum Backing {
    /// The cache's file, held by this worker alone.
    Cache(SyncFile),
    /// A file or blob of the browser's.
    Blob(Blob),
    /// Only parts in memory.
    None,
}

/// A model's file, ready to be read by ranges.
#[derive(Debug)]
pub struct Weights {
    total: u64,
    backing: Backing,
    parts: Vec<Part>,
    /// Whether the next load needs no network.
    pub cached: bool,
    /// Why not, where the file was to be kept.
    pub not_kept: Option<NotKept>,
}

impl ByteSource for Weights {
    fn len(&self) -> u64 {
        self.total
    }

    async fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), FormatError> {
        if range.end > self.total || range.start > range.end {
            return Err(FormatError::Truncated { needed: range.end, total: self.total });
        }
        let length = usize::try_from(range.end - range.start)
            .map_err(|error| FormatError::Read { detail: error.to_string() })?;
        into.clear();
        into.resize(length, 0);
        let mut at = range.start;
        while at < range.end {
            let chunk = (at / CHUNK_BYTES) as usize;
            let whole = chunk_range(chunk, self.total);
            // Without parts one read does it all.
            let end = if self.parts.is_empty() { range.end } else { whole.end.min(range.end) };
            let target = into
                .get_mut((at - range.start) as usize..(end - range.start) as usize)
                .ok_or(FormatError::Truncated { needed: end, total: self.total })?;
            if let Some(part) = self.parts.get(chunk).and_then(Option::as_ref) {
                part.subarray((at - whole.start) as u32, (end - whole.start) as u32).copy_to(target);
            } else {
                match &self.backing {
                    Backing::Cache(file) => file.read(at, target).map_err(|error| read_error(&error))?,
                    Backing::Blob(blob) => read_blob(blob, at, end, target).await?,
                    Backing::None => return Err(FormatError::Read { detail: "a chunk is missing".into() }),
                }
            }
            at = end;
        }
        Ok(())
    }
}

async fn read_blob(blob: &Blob, start: u64, end: u64, target: &mut [u8]) -> Result<(), FormatError> {
    let piece = blob.slice_with_f64_and_f64(start as f64, end as f64).map_err(|error| read_error(&error))?;
    let buffer = JsFuture::from(piece.array_buffer()).await.map_err(|error| read_error(&error))?;
    let bytes = Uint8Array::new(&buffer);
    if bytes.length() as usize != target.len() {
        // The person changed or removed the file meanwhile.
        return Err(FormatError::Truncated { needed: end, total: start + u64::from(bytes.length()) });
    }
    bytes.copy_to(target);
    Ok(())
}

/// A file of the cache that this worker alone may write.
#[derive(Debug)]
struct SyncFile(FileSystemSyncAccessHandle);

impl Drop for SyncFile {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl SyncFile {
    async fn open(folder: &JsValue, name: &str) -> Result<Self, JsValue> {
        let file = call_async(folder, "getFileHandle", &[name.into(), object("create", true)?]).await?;
        call_async(&file, "createSyncAccessHandle", &[]).await?.dyn_into().map(Self)
    }

    fn read(&self, at: u64, target: &mut [u8]) -> Result<(), JsValue> {
        let mut done = 0;
        while done < target.len() {
            let options = FileSystemReadWriteOptions::new();
            options.set_at((at + done as u64) as f64);
            let rest = target.get_mut(done..).unwrap_or_default();
            let n = self.0.read_with_u8_array_and_options(rest, &options)? as usize;
            if n == 0 {
                return Err(JsValue::from_str("the cached file is shorter than it was"));
            }
            done += n;
        }
        Ok(())
    }

    /// Writes all of it to disk, or fails with the browser's error; a short write is a full disk.
    fn write(&self, at: u64, bytes: &Uint8Array) -> Result<(), JsValue> {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(at as f64);
        let n = self.0.write_with_js_u8_array_and_options(bytes, &options)?;
        if n < f64::from(bytes.length()) {
            return Err(JsValue::from_str(QUOTA));
        }
        self.0.flush()
    }

    fn replace(&self, text: &str) -> Result<(), JsValue> {
        let bytes = Uint8Array::from(text.as_bytes());
        self.write(0, &bytes)?;
        self.0.truncate_with_u32(bytes.length())?;
        self.0.flush()
    }
}

/// Stands for a short write.
const QUOTA: &str = "QuotaExceededError";

fn is_quota(error: &JsValue) -> bool {
    error_name(error) == QUOTA || error.as_string().as_deref() == Some(QUOTA)
}

fn read_error(error: &JsValue) -> FormatError {
    FormatError::Read { detail: describe(error) }
}

/// Opens a model's file; downloads what is missing of it, and goes on where an earlier download stopped.
///
/// A chunk with another hash than the card's is fetched once more. A download of the same file in another tab is waited
/// for, then shared. Where the cache cannot be used the download goes
/// to memory outside of the WebAssembly heap, and [`Weights::not_kept`] says why.
///
/// # Errors
/// [`FormatError::Read`] if the network or the file fails, [`FormatError::Hash`] if the bytes are not the card's,
/// [`FormatError::Header`] for a card whose hashes do not fit its size, [`FormatError::Cancelled`].
pub async fn open(
    origin: WeightOrigin<'_>,
    site_root: &str,
    progress: &dyn Fn(DownloadProgress),
    cancel: &CancelFlag,
) -> Result<Weights, FormatError> {
    let plan = match origin {
        WeightOrigin::File(file) => {
            let total = file.size() as u64;
            let backing = Backing::Blob(file.into());
            return Ok(Weights { total, backing, parts: Vec::new(), cached: false, not_kept: None });
        }
        WeightOrigin::Card(card) => {
            if !card.chunk_sha256.is_empty() && card.chunk_sha256.len() != n_chunks(card.size_bytes) {
                let detail = format!("{} chunk hashes for {} bytes", card.chunk_sha256.len(), card.size_bytes);
                return Err(FormatError::Header { detail });
            }
            let sha256 = card.sha256.to_ascii_lowercase();
            if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(FormatError::Header { detail: "the card's SHA-256 is not one".into() });
            }
            Plan {
                url: resolve(site_root, &card.url).map_err(|error| read_error(&error))?,
                key: sha256.clone(),
                name: card.name.clone(),
                total: Some(card.size_bytes),
                chunk_sha256: card.chunk_sha256.iter().map(|hash| hash.to_ascii_lowercase()).collect(),
                sha256: Some(sha256),
            }
        }
        WeightOrigin::Url(url) => Plan {
            url: resolve(site_root, url).map_err(|error| read_error(&error))?,
            key: format!("url-{}", hex(&Sha256::digest(url.as_bytes()))),
            name: url.to_owned(),
            total: None,
            chunk_sha256: Vec::new(),
            sha256: None,
        },
    };
    let mut cache = Cache::open_or_wait(&plan, progress, cancel).await?;
    let total = match plan.total.or_else(|| cache.journal.as_ref().map(|journal| journal.total)) {
        Some(total) => total,
        None => match content_length(&plan.url).await? {
            Some(total) => total,
            None => return whole_blob(&plan.url).await,
        },
    };
    let journal = cache
        .journal
        .take()
        .filter(|journal| journal.total == total)
        .unwrap_or_else(|| Journal::new(&plan.name, total));
    let mut download = Download {
        cached_bytes: journal.bytes(),
        parts: vec![None; n_chunks(total)],
        attempts: vec![0; n_chunks(total)],
        plan,
        total,
        journal,
        cache,
        progress,
        cancel,
        reported_at: Cell::new(f64::NEG_INFINITY),
    };
    download.spot_check().await?;
    download.run().await?;
    download.check_whole().await?;
    Ok(download.finish())
}

/// What is to be had, and how it is checked.
struct Plan {
    url: String,
    key: String,
    name: String,
    total: Option<u64>,
    chunk_sha256: Vec<String>,
    sha256: Option<String>,
}

/// The files of one model in the cache, as far as they can be had.
struct Cache {
    backing: Backing,
    journal_file: Option<SyncFile>,
    journal: Option<Journal>,
    not_kept: Option<NotKept>,
}

impl Cache {
    async fn open(plan: &Plan) -> Self {
        let without = |not_kept| Self { backing: Backing::None, journal_file: None, journal: None, not_kept };
        let Ok(folder) = folder(true).await else {
            return without(Some(NotKept::Unavailable));
        };
        let journal = read_journal(&folder, &plan.key).await;
        let data_name = format!("{}.part", plan.key);
        let data = SyncFile::open(&folder, &data_name).await;
        let journal_file = SyncFile::open(&folder, &format!("{}.journal", plan.key)).await;
        match (data, journal_file) {
            (Ok(data), Ok(journal_file)) => {
                let length = data.0.get_size().unwrap_or(0.0) as u64;
                // A journal that promises more than the file has is a lie of a crash; start over.
                let journal = journal.filter(|journal| end_of(journal) <= length);
                Self { backing: Backing::Cache(data), journal_file: Some(journal_file), journal, not_kept: None }
            }
            (Err(error), _) | (_, Err(error)) if error_name(&error) == "NoModificationAllowedError" => {
                // Another tab holds it. If it is whole it can be read beside that tab.
                let file = match journal.as_ref().filter(|journal| journal.is_complete()) {
                    Some(_) => get_file(&folder, &data_name).await.ok(),
                    None => None,
                };
                match (file, journal) {
                    (Some(file), Some(journal)) if file.size() as u64 == journal.total => Self {
                        backing: Backing::Blob(file.into()),
                        journal_file: None,
                        journal: Some(journal),
                        not_kept: None,
                    },
                    (_, journal) => Self { journal, ..without(Some(NotKept::OtherTab)) },
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(error = describe(&error), "the weight cache cannot be used");
                without(Some(if is_quota(&error) { NotKept::Quota } else { NotKept::Unavailable }))
            }
        }
    }

    /// [`Self::open`], but while another tab downloads the same file, waits for it as long as that goes on.
    async fn open_or_wait(
        plan: &Plan,
        progress: &dyn Fn(DownloadProgress),
        cancel: &CancelFlag,
    ) -> Result<Self, FormatError> {
        let (mut seen, mut since) = (0, now_millis());
        loop {
            let mut cache = Self::open(plan).await;
            if cache.not_kept != Some(NotKept::OtherTab) {
                return Ok(cache);
            }
            // What the other tab has is not this one's.
            let theirs = cache.journal.take();
            let done_bytes = theirs.as_ref().map_or(0, Journal::bytes);
            if done_bytes > seen {
                (seen, since) = (done_bytes, now_millis());
            } else if now_millis() - since > PATIENCE_MILLIS {
                return Ok(cache);
            }
            if cancel.is_cancelled() {
                return Err(FormatError::Cancelled);
            }
            let total_bytes = plan.total.or(theirs.map(|journal| journal.total)).unwrap_or(0);
            progress(DownloadProgress { done_bytes, total_bytes, cached_bytes: 0 });
            TimeoutFuture::new(WAIT_MILLIS).await;
        }
    }

    /// Keeps a chunk; `false` if it has to stay in memory.
    fn write(&mut self, at: u64, bytes: &Uint8Array) -> bool {
        let Backing::Cache(file) = &self.backing else { return false };
        if self.not_kept.is_some() {
            return false;
        }
        match file.write(at, bytes) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = describe(&error), "a chunk could not be kept");
                self.not_kept = Some(if is_quota(&error) { NotKept::Quota } else { NotKept::Unavailable });
                false
            }
        }
    }

    fn write_journal(&mut self, journal: &Journal) {
        let Some(file) = &self.journal_file else { return };
        let Ok(json) = serde_json::to_string(journal) else { return };
        if let Err(error) = file.replace(&json) {
            tracing::warn!(error = describe(&error), "the journal of a cached model could not be written");
            self.not_kept.get_or_insert(if is_quota(&error) { NotKept::Quota } else { NotKept::Unavailable });
        }
    }
}

/// Where the last chunk that is there ends.
fn end_of(journal: &Journal) -> u64 {
    (0..n_chunks(journal.total))
        .rev()
        .find(|chunk| journal.has(*chunk))
        .map_or(0, |chunk| chunk_range(chunk, journal.total).end)
}

struct Download<'a> {
    plan: Plan,
    total: u64,
    /// Chunks that are in the cache's file.
    journal: Journal,
    cache: Cache,
    /// Chunks that are in memory.
    parts: Vec<Part>,
    /// Wrong hashes of each chunk.
    attempts: Vec<u8>,
    cached_bytes: u64,
    progress: &'a dyn Fn(DownloadProgress),
    cancel: &'a CancelFlag,
    reported_at: Cell<f64>,
}

/// Why a request ended early.
enum Stop {
    /// Asking again may help.
    Network(String),
    /// It may not.
    Final(FormatError),
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self::Final(error)
    }
}

impl Download<'_> {
    fn has(&self, chunk: usize) -> bool {
        self.journal.has(chunk) || self.parts.get(chunk).is_some_and(Option::is_some)
    }

    fn missing(&self) -> Option<Range<usize>> {
        let n = n_chunks(self.total);
        let start = (0..n).find(|chunk| !self.has(*chunk))?;
        let end = (start..n).find(|chunk| self.has(*chunk)).unwrap_or(n);
        // A chunk that came wrong is fetched alone.
        let retried = |chunk: &usize| self.attempts.get(*chunk).is_some_and(|attempts| *attempts > 0);
        Some(if retried(&start) { start..start + 1 } else { start..(start..end).find(retried).unwrap_or(end) })
    }

    fn done_bytes(&self) -> u64 {
        let memory = self.parts.iter().flatten().map(|part| u64::from(part.length())).sum::<u64>();
        self.journal.bytes() + memory
    }

    fn report(&self, partial: u64, always: bool) {
        let now = now_millis();
        if always || now - self.reported_at.get() >= REPORT_MILLIS {
            self.reported_at.set(now);
            let done_bytes = (self.done_bytes() + partial).min(self.total);
            (self.progress)(DownloadProgress { done_bytes, total_bytes: self.total, cached_bytes: self.cached_bytes });
        }
    }

    /// Looks at the first chunk and one other of a cached file; wrong ones are fetched again.
    async fn spot_check(&mut self) -> Result<(), FormatError> {
        let n = n_chunks(self.total);
        if self.plan.chunk_sha256.is_empty() || n == 0 {
            return Ok(());
        }
        let other = (crate::platform::random_u64() % n as u64) as usize;
        for chunk in [0, other] {
            if !self.journal.has(chunk) {
                continue;
            }
            let mut hasher = Sha256::new();
            let read = self.hash_range(chunk_range(chunk, self.total), &mut hasher).await;
            let found = hex(&hasher.finalize());
            if read.is_err() || self.plan.chunk_sha256.get(chunk) != Some(&found) {
                tracing::warn!(chunk, "a cached chunk is damaged and is fetched again");
                // One bad chunk makes the others doubtful.
                self.journal = Journal::new(&self.plan.name, self.total);
                self.cached_bytes = 0;
                self.cache.write_journal(&self.journal);
                if matches!(self.cache.backing, Backing::Blob(_)) {
                    self.cache.not_kept = Some(NotKept::OtherTab);
                }
                break;
            }
        }
        Ok(())
    }

    async fn run(&mut self) -> Result<(), FormatError> {
        let mut failures = 0;
        self.report(0, true);
        while let Some(run) = self.missing() {
            if self.cancel.is_cancelled() {
                return Err(FormatError::Cancelled);
            }
            let before = self.done_bytes();
            match self.request(run).await {
                Ok(()) => failures = 0,
                Err(Stop::Final(error)) => return Err(error),
                Err(Stop::Network(detail)) => {
                    failures = if self.done_bytes() > before { 1 } else { failures + 1 };
                    if failures >= MAX_FAILURES {
                        return Err(FormatError::Read { detail });
                    }
                    tracing::warn!(detail, "the download is interrupted, trying again");
                    TimeoutFuture::new(400 * failures).await;
                }
            }
        }
        self.report(0, true);
        Ok(())
    }

    /// One request for a stretch of missing chunks.
    async fn request(&mut self, run: Range<usize>) -> Result<(), Stop> {
        let start = chunk_range(run.start, self.total).start;
        let end = chunk_range(run.end.saturating_sub(1), self.total).end;
        let range = (start > 0 || end < self.total).then_some((start, end));
        let network = |error: JsValue| Stop::Network(describe(&error));
        let response = self.until_cancelled(fetch(&self.plan.url, range)).await?.map_err(network)?;
        let status = response.status();
        // 200 in answer to a range: the server sends everything, and what is there already is skipped.
        let mut at = match status {
            206 => start,
            200 => 0,
            408 | 429 | 500..=599 => return Err(Stop::Network(format!("status {status}"))),
            _ => return Err(Stop::Final(FormatError::Read { detail: format!("status {status}") })),
        };
        let body = response.body().ok_or_else(|| Stop::Network("the answer has no body".into()))?;
        let reader = ReadableStreamDefaultReader::new(&body).map_err(network)?;
        let outcome = self.stream(&reader, &mut at, end).await;
        // Also ends a download that sends more than was asked for.
        drop(reader.cancel());
        outcome
    }

    async fn stream(&mut self, reader: &ReadableStreamDefaultReader, at: &mut u64, end: u64) -> Result<(), Stop> {
        let mut buffer: Option<Uint8Array> = None;
        while *at < end {
            let result = self
                .until_cancelled(JsFuture::from(reader.read()))
                .await?
                .map_err(|error| Stop::Network(describe(&error)))?;
            let field = |key: &str| Reflect::get(&result, &key.into()).unwrap_or_default();
            if field("done").is_truthy() {
                return Err(Stop::Network(format!("the answer ended at byte {at} of {end}")));
            }
            let piece = Uint8Array::new(&field("value"));
            let mut used = 0;
            while used < piece.length() && *at < end {
                let chunk = (*at / CHUNK_BYTES) as usize;
                let range = chunk_range(chunk, self.total);
                let n = u64::from(piece.length() - used).min(range.end - *at) as u32;
                if !self.has(chunk) {
                    let length = (range.end - range.start) as u32;
                    let buffer = buffer.get_or_insert_with(|| Uint8Array::new_with_length(length));
                    buffer.set(&piece.subarray(used, used + n), (*at - range.start) as u32);
                }
                used += n;
                *at += u64::from(n);
                if *at == range.end
                    && let Some(bytes) = buffer.take()
                {
                    self.keep(chunk, bytes)?;
                } else if buffer.is_some() {
                    self.report(*at - range.start, false);
                }
            }
        }
        Ok(())
    }

    /// Checks a whole chunk and puts it away. A wrong one stays missing the first time.
    fn keep(&mut self, chunk: usize, bytes: Uint8Array) -> Result<(), FormatError> {
        if let Some(expected) = self.plan.chunk_sha256.get(chunk) {
            let mut hasher = Sha256::new();
            hash_js(&bytes, &mut hasher);
            let found = hex(&hasher.finalize());
            if *expected != found {
                let attempts = self.attempts.get_mut(chunk).map_or(u8::MAX, |attempts| {
                    *attempts = attempts.saturating_add(1);
                    *attempts
                });
                tracing::warn!(chunk, attempts, "a chunk has the wrong hash");
                return if attempts > 1 { Err(FormatError::Hash { found }) } else { Ok(()) };
            }
        }
        if self.cache.write(chunk_range(chunk, self.total).start, &bytes) {
            self.journal.set(chunk, true);
            self.cache.write_journal(&self.journal);
        } else if let Some(part) = self.parts.get_mut(chunk) {
            *part = Some(bytes);
        }
        self.report(0, false);
        Ok(())
    }

    /// Awaits the network, but not longer than the person does.
    async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, FormatError> {
        let mut work = Box::pin(work);
        loop {
            if self.cancel.is_cancelled() {
                return Err(FormatError::Cancelled);
            }
            match select(work, TimeoutFuture::new(REPORT_MILLIS as u32)).await {
                Either::Left((value, _)) => return Ok(value),
                Either::Right(((), rest)) => work = rest,
            }
        }
    }

    /// Compares the whole file with the card's hash where its chunks have none; once a download.
    async fn check_whole(&mut self) -> Result<(), FormatError> {
        let Some(expected) = self.plan.sha256.clone() else { return Ok(()) };
        if !self.plan.chunk_sha256.is_empty() || self.journal.whole_checked {
            return Ok(());
        }
        let mut hasher = Sha256::new();
        for chunk in 0..n_chunks(self.total) {
            if self.cancel.is_cancelled() {
                return Err(FormatError::Cancelled);
            }
            let part = self.parts.get(chunk).and_then(Clone::clone);
            match part {
                Some(part) => hash_js(&part, &mut hasher),
                None => self.hash_range(chunk_range(chunk, self.total), &mut hasher).await?,
            }
            crate::platform::breathe().await;
        }
        let found = hex(&hasher.finalize());
        if found != expected {
            // Nothing tells which chunk is wrong; the next try starts over.
            self.journal = Journal::new(&self.plan.name, self.total);
            self.cache.write_journal(&self.journal);
            return Err(FormatError::Hash { found });
        }
        self.journal.whole_checked = true;
        self.cache.write_journal(&self.journal);
        Ok(())
    }

    /// Hashes cached bytes a little at a time.
    async fn hash_range(&self, range: Range<u64>, hasher: &mut Sha256) -> Result<(), FormatError> {
        let mut bytes = vec![0; HASH_BYTES as usize];
        let mut at = range.start;
        while at < range.end {
            let n = (range.end - at).min(u64::from(HASH_BYTES));
            let piece = bytes.get_mut(..n as usize).unwrap_or_default();
            match &self.cache.backing {
                Backing::Cache(file) => file.read(at, piece).map_err(|error| read_error(&error))?,
                Backing::Blob(blob) => read_blob(blob, at, at + n, piece).await?,
                Backing::None => return Err(FormatError::Read { detail: "a chunk is missing".into() }),
            }
            hasher.update(&*piece);
            at += n;
        }
        Ok(())
    }

    fn finish(self) -> Weights {
        let cached = self.journal.is_complete();
        let not_kept = if cached { None } else { self.cache.not_kept };
        let parts = if self.parts.iter().all(Option::is_none) { Vec::new() } else { self.parts };
        Weights { total: self.total, backing: self.cache.backing, parts, cached, not_kept }
    }
}

/// Size of what an address gives, where the server says it. Compressed answers say another size.
async fn content_length(url: &str) -> Result<Option<u64>, FormatError> {
    let response = fetch_ok(url).await?;
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let length = match header("content-encoding") {
        Some(encoding) if encoding != "identity" => None,
        _ => header("content-length").and_then(|length| length.parse().ok()).filter(|length| *length > 0),
    };
    if let Some(body) = response.body() {
        drop(body.cancel());
    }
    Ok(length)
}

/// Everything an address gives, held by the browser: for servers that do not say a size.
async fn whole_blob(url: &str) -> Result<Weights, FormatError> {
    let response = fetch_ok(url).await?;
    let promise = response.blob().map_err(|error| read_error(&error))?;
    let blob: Blob = JsFuture::from(promise).await.and_then(JsCast::dyn_into).map_err(|error| read_error(&error))?;
    let total = blob.size() as u64;
    let not_kept = Some(NotKept::Unavailable);
    Ok(Weights { total, backing: Backing::Blob(blob), parts: Vec::new(), cached: false, not_kept })
}

async fn fetch_ok(url: &str) -> Result<Response, FormatError> {
    let response = fetch(url, None).await.map_err(|error| read_error(&error))?;
    if response.ok() {
        Ok(response)
    } else {
        Err(FormatError::Read { detail: format!("status {}", response.status()) })
    }
}

fn hash_js(bytes: &Uint8Array, hasher: &mut Sha256) {
    let mut at = 0;
    while at < bytes.length() {
        let end = (at + HASH_BYTES).min(bytes.length());
        hasher.update(bytes.subarray(at, end).to_vec());
        at = end;
    }
}

/// A model's file in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedModel {
    /// Key for [`delete_cached`]: the file's SHA-256, or `url-` and that of its address.
    pub key: String,
    /// The card's name or the address.
    pub name: String,
    /// Bytes that are there.
    pub bytes: u64,
    /// Whether the whole file is there.
    pub complete: bool,
}

/// The files in the cache; none where the browser keeps no private files.
///
/// # Errors
/// [`FormatError::Read`] if the cache is there but cannot be listed.
pub async fn list_cached() -> Result<Vec<CachedModel>, FormatError> {
    let Ok(folder) = folder(false).await else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    let names = call(&folder, "keys", &[]).map_err(|error| read_error(&error))?;
    loop {
        let next = call_async(&names, "next", &[]).await.map_err(|error| read_error(&error))?;
        let field = |key: &str| Reflect::get(&next, &key.into()).unwrap_or_default();
        if field("done").is_truthy() {
            break;
        }
        keys.extend(field("value").as_string().and_then(|name| name.strip_suffix(".journal").map(str::to_owned)));
    }
    keys.sort_unstable();
    let mut models = Vec::new();
    for key in keys {
        if let Some(journal) = read_journal(&folder, &key).await {
            let (bytes, complete) = (journal.bytes(), journal.is_complete());
            models.push(CachedModel { key, name: journal.name, bytes, complete });
        }
    }
    Ok(models)
}

/// Removes a file from the cache.
///
/// # Errors
/// [`FormatError::Read`] if it is not there, or a tab has it loaded.
pub async fn delete_cached(key: &str) -> Result<(), FormatError> {
    let remove = async || {
        let folder = folder(false).await?;
        // The bytes first: a journal without bytes means starting over, bytes without a journal would be lost space.
        for name in [format!("{key}.part"), format!("{key}.journal")] {
            call_async(&folder, "removeEntry", &[name.into()]).await?;
        }
        Ok::<(), JsValue>(())
    };
    remove().await.map_err(|error| read_error(&error))
}

/// Bytes this origin uses and may use; `None` where the browser does not say.
pub async fn estimate() -> Option<(u64, u64)> {
    let estimate = call_async(&storage().ok()?, "estimate", &[]).await.ok()?;
    let field = |key: &str| Reflect::get(&estimate, &key.into()).ok()?.as_f64().map(|bytes| bytes as u64);
    Some((field("usage")?, field("quota")?))
}

/// Asks the browser not to delete this origin's data on its own; whether it agreed. Only pages can ask.
pub async fn persist() -> bool {
    let Ok(storage) = storage() else { return false };
    call_async(&storage, "persist", &[]).await.is_ok_and(|granted| granted.is_truthy())
}

/// Whether the browser has promised not to delete this origin's data on its own.
pub async fn is_persisted() -> bool {
    let Ok(storage) = storage() else { return false };
    call_async(&storage, "persisted", &[]).await.is_ok_and(|granted| granted.is_truthy())
}

fn storage() -> Result<JsValue, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    Reflect::get(&navigator, &"storage".into())
}

async fn folder(create: bool) -> Result<JsValue, JsValue> {
    let root = call_async(&storage()?, "getDirectory", &[]).await?;
    call_async(&root, "getDirectoryHandle", &[FOLDER.into(), object("create", create)?]).await
}

async fn get_file(folder: &JsValue, name: &str) -> Result<File, JsValue> {
    let handle = call_async(folder, "getFileHandle", &[name.into()]).await?;
    call_async(&handle, "getFile", &[]).await?.dyn_into()
}

async fn read_journal(folder: &JsValue, key: &str) -> Option<Journal> {
    let file = get_file(folder, &format!("{key}.journal")).await.ok()?;
    let text = call_async(&file, "text", &[]).await.ok()?.as_string()?;
    Journal::from_json(&text)
}
