//! GGUF headers: candle-core's `gguf_file` reads them, this file adds limits, a tensor table with checked byte
//! ranges and typed metadata.
//!
//! A header is hostile until shown otherwise. [`scan`] walks its structure over borrowed bytes and takes no memory
//! for what it announces; only a header that passed it is handed to candle-core, whose own caps (2^30) are those of
//! a server. Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::HashMap;
use std::io::{Cursor, Read, Seek, SeekFrom};

use candle_core::quantized::gguf_file::{Content, Value};

use super::FormatError;
use super::quant::Dtype;
use super::source::ByteSource;

/// Bytes of the first prefix that is read.
pub const FIRST_PREFIX_BYTES: u64 = 256 << 10;
/// Longest header. The largest vocabularies in use (256 k tokens with merges) need about 16 MiB.
pub const MAX_HEADER_BYTES: u64 = 64 << 20;
/// Most metadata entries.
pub const MAX_METADATA_ENTRIES: u64 = 1 << 12;
/// Most tensors.
pub const MAX_TENSORS: u64 = 1 << 14;
/// Longest key or tensor name in bytes (ggml's own limit is 64 for names).
pub const MAX_NAME_BYTES: u64 = 1 << 10;
/// Longest string value in bytes.
pub const MAX_STRING_BYTES: u64 = 4 << 20;
/// Most elements of all arrays together: a value takes 32 bytes in memory, so arrays take at most 64 MiB and
/// the characters of their strings.
pub const MAX_ARRAY_ELEMENTS: u64 = 1 << 21;
/// Most dimensions of a tensor (ggml's limit).
pub const MAX_DIMENSIONS: u32 = 4;
/// Largest alignment of the data section that is accepted.
pub const MAX_ALIGNMENT: u64 = 1 << 16;

/// The key-value pairs of a header, read by type.
#[derive(Debug, Clone, Default)]
pub struct Metadata(HashMap<String, Value>);

impl Metadata {
    /// Builds metadata from values, for tests.
    pub fn from_values(values: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn value(&self, key: &str) -> Result<&Value, FormatError> {
        self.0.get(key).ok_or_else(|| FormatError::MissingKey { key: key.to_owned() })
    }

    fn wrong_type(&self, key: &str, wanted: &str) -> FormatError {
        let found = self.0.get(key).map(Value::value_type);
        FormatError::Header { detail: format!("{key} is {found:?}, not {wanted}") }
    }

    /// An integer of any width that fits `u32`.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type or a value out of range.
    pub fn u32(&self, key: &str) -> Result<u32, FormatError> {
        integer(self.value(key)?)
            .and_then(|value| u32::try_from(value).ok())
            .ok_or_else(|| self.wrong_type(key, "an integer of 32 bits without sign"))
    }

    /// A floating-point number.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type or a value that is not finite.
    pub fn f32(&self, key: &str) -> Result<f32, FormatError> {
        match self.value(key)? {
            Value::F32(value) if value.is_finite() => Ok(*value),
            Value::F64(value) if (*value as f32).is_finite() => Ok(*value as f32),
            _ => Err(self.wrong_type(key, "a finite number")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type.
    pub fn str(&self, key: &str) -> Result<&str, FormatError> {
        match self.value(key)? {
            Value::String(value) => Ok(value),
            _ => Err(self.wrong_type(key, "a text")),
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type.
    pub fn bool(&self, key: &str) -> Result<bool, FormatError> {
        match self.value(key)? {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.wrong_type(key, "a truth value")),
        }
    }

    fn array<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        element: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, FormatError> {
        match self.value(key)? {
            Value::Array(values) => {
                values.iter().map(element).collect::<Option<Vec<T>>>().ok_or_else(|| self.wrong_type(key, wanted))
            }
            _ => Err(self.wrong_type(key, wanted)),
        }
    }

    /// An array of texts.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type.
    pub fn str_array(&self, key: &str) -> Result<Vec<&str>, FormatError> {
        self.array(key, "an array of texts", |value| match value {
            Value::String(value) => Some(value.as_str()),
            _ => None,
        })
    }

    /// An array of floating-point numbers.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type.
    pub fn f32_array(&self, key: &str) -> Result<Vec<f32>, FormatError> {
        self.array(key, "an array of numbers", |value| match value {
            Value::F32(value) => Some(*value),
            Value::F64(value) => Some(*value as f32),
            _ => None,
        })
    }

    /// An array of integers of any width that fit `i32`.
    ///
    /// # Errors
    /// [`FormatError::MissingKey`], or [`FormatError::Header`] for another type.
    pub fn i32_array(&self, key: &str) -> Result<Vec<i32>, FormatError> {
        self.array(key, "an array of integers", |value| integer(value).and_then(|value| i32::try_from(value).ok()))
    }
}

/// Any integer value.
fn integer(value: &Value) -> Option<i64> {
    match *value {
        Value::U8(v) => Some(v.into()),
        Value::I8(v) => Some(v.into()),
        Value::U16(v) => Some(v.into()),
        Value::I16(v) => Some(v.into()),
        Value::U32(v) => Some(v.into()),
        Value::I32(v) => Some(v.into()),
        Value::U64(v) => i64::try_from(v).ok(),
        Value::I64(v) => Some(v),
        _ => None,
    }
}

/// Turns "the key is missing" into `None` and keeps every other error.
///
/// # Errors
/// Whatever the getter said, except [`FormatError::MissingKey`].
pub fn optional<T>(result: Result<T, FormatError>) -> Result<Option<T>, FormatError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(FormatError::MissingKey { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where one tensor lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// Its name in the file.
    pub name: String,
    /// How its values are stored.
    pub dtype: Dtype,
    /// Sizes, outermost first (the file has them innermost first).
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Bytes it takes.
    pub size_bytes: u64,
}

impl TensorEntry {
    /// Its bytes in the file.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.offset..self.offset + self.size_bytes
    }

    /// Number of values.
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A checked header.
#[derive(Debug, Clone)]
pub struct GgufHeader {
    /// 2 or 3.
    pub version: u32,
    /// The key-value pairs.
    pub metadata: Metadata,
    /// The tensors, in the order of their bytes in the file.
    pub tensors: Vec<TensorEntry>,
    /// First byte of the data section.
    pub data_offset: u64,
}

impl GgufHeader {
    /// The tensor of that name.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorEntry, FormatError> {
        self.tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .ok_or_else(|| FormatError::MissingTensor { name: name.to_owned() })
    }

    /// Checks that our kernels read every tensor.
    ///
    /// # Errors
    /// [`FormatError::Quantization`] with the first tensor that has another type.
    pub fn check_supported(&self) -> Result<(), FormatError> {
        match self.tensors.iter().find(|tensor| !tensor.dtype.is_supported()) {
            None => Ok(()),
            Some(tensor) => {
                Err(FormatError::Quantization { dtype: tensor.dtype.name().to_owned(), tensor: tensor.name.clone() })
            }
        }
    }

    /// The type that holds most of the values in matrices, embeddings aside where there is anything else: what model
    /// pages name a file after.
    pub fn main_dtype(&self) -> Option<Dtype> {
        let most = |is_counted: &dyn Fn(&TensorEntry) -> bool| {
            let mut n_values = std::collections::BTreeMap::<Dtype, usize>::new();
            for tensor in self.tensors.iter().filter(|tensor| is_counted(tensor)) {
                *n_values.entry(tensor.dtype).or_default() += tensor.n_values();
            }
            n_values.into_iter().max_by_key(|&(_, n)| n).map(|(dtype, _)| dtype)
        };
        most(&|tensor| tensor.shape.len() > 1 && tensor.name.starts_with("blk.")).or_else(|| most(&|_| true))
    }
}

/// Reads the header of a file, by prefixes that double from [`FIRST_PREFIX_BYTES`] to [`MAX_HEADER_BYTES`].
///
/// # Errors
/// [`FormatError::NotGguf`], [`FormatError::Version`], [`FormatError::Header`] for what cannot be true or exceeds a cap,
/// [`FormatError::Quantization`] for a type that candle-core does not know, [`FormatError::Truncated`] if the file ends
/// before its tensors do, and whatever the source says.
pub async fn read_header(source: &impl ByteSource) -> Result<GgufHeader, FormatError> {
    let total = source.len();
    let mut prefix = Vec::new();
    let mut len = FIRST_PREFIX_BYTES.min(total);
    loop {
        source.read(0..len, &mut prefix).await?;
        match scan(&prefix, total) {
            Ok(scanned) => return read_scanned(&prefix, total, scanned),
            Err(ScanError::Damaged(error)) => return Err(error),
            Err(ScanError::PrefixTooShort { needed }) if len >= total => {
                return Err(FormatError::Truncated { needed, total });
            }
            Err(ScanError::PrefixTooShort { .. }) if len >= MAX_HEADER_BYTES => {
                return Err(damaged(format!("it is longer than {MAX_HEADER_BYTES} bytes")));
            }
            Err(ScanError::PrefixTooShort { needed }) => {
                len = (2 * len).max(needed.min(MAX_HEADER_BYTES)).min(MAX_HEADER_BYTES).min(total);
            }
        }
    }
}

/// What the walk over a header found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scanned {
    version: u32,
    n_metadata: u64,
    n_tensors: u64,
}

/// Why a walk over a prefix ended early.
#[derive(Debug)]
enum ScanError {
    /// The header goes on at least up to `needed`.
    PrefixTooShort { needed: u64 },
    /// No prefix would help.
    Damaged(FormatError),
}

fn damaged(detail: impl Into<String>) -> FormatError {
    FormatError::Header { detail: detail.into() }
}

impl From<FormatError> for ScanError {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error)
    }
}

/// Walks over a header without taking memory for what it announces.
struct Walk<'a> {
    prefix: &'a [u8],
    at: u64,
    /// Length of the whole file.
    total: u64,
    /// Elements of all arrays so far.
    n_elements: u64,
}

impl<'a> Walk<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], ScanError> {
        let end = self.at.checked_add(len).ok_or_else(|| damaged("a length overflows"))?;
        if end > self.total {
            return Err(FormatError::Truncated { needed: end, total: self.total }.into());
        }
        // Both ends lie within the prefix where it is long enough, so they fit `usize`.
        let bytes = usize::try_from(end)
            .ok()
            .and_then(|end| self.prefix.get(self.at as usize..end))
            .ok_or(ScanError::PrefixTooShort { needed: end })?;
        self.at = end;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, ScanError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn u64(&mut self) -> Result<u64, ScanError> {
        let low = u64::from(self.u32()?);
        Ok(low | u64::from(self.u32()?) << 32)
    }

    /// A count of things of at least `min_bytes` each: capped, and no more than the rest of the file can hold.
    fn count(&mut self, cap: u64, min_bytes: u64, what: &str) -> Result<u64, ScanError> {
        let count = self.u64()?;
        if count > cap {
            return Err(damaged(format!("{count} {what}, at most {cap} are read")).into());
        }
        let needed = count.saturating_mul(min_bytes).saturating_add(self.at);
        if needed > self.total {
            return Err(FormatError::Truncated { needed, total: self.total }.into());
        }
        Ok(count)
    }

    fn string(&mut self, cap: u64, what: &str) -> Result<&'a [u8], ScanError> {
        let len = self.count(cap, 1, what)?;
        self.take(len)
    }

    /// Walks over one value; arrays of arrays do not occur in model files and are refused.
    fn value(&mut self, key: &[u8], value_type: u32) -> Result<(), ScanError> {
        if key == b"general.alignment" {
            // candle-core divides by it.
            let alignment = match value_type {
                4 => u64::from(self.u32()?),
                other => return Err(damaged(format!("the alignment has type {other}, not u32")).into()),
            };
            if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
                return Err(damaged(format!("an alignment of {alignment} bytes")).into());
            }
            return Ok(());
        }
        match value_type {
            7 => self.flags(1),
            8 => self.string(MAX_STRING_BYTES, "bytes of text").map(drop),
            9 => {
                let element_type = self.u32()?;
                let min_bytes = match element_type {
                    8 => 8,
                    other => scalar_bytes(other)?,
                };
                let n = self.count(MAX_ARRAY_ELEMENTS, min_bytes, "array elements")?;
                self.n_elements += n;
                if self.n_elements > MAX_ARRAY_ELEMENTS {
                    return Err(damaged(format!("more than {MAX_ARRAY_ELEMENTS} array elements")).into());
                }
                match element_type {
                    7 => self.flags(n),
                    8 => (0..n).try_for_each(|_| self.string(MAX_STRING_BYTES, "bytes of text").map(drop)),
                    _ => self.take(n * min_bytes).map(drop),
                }
            }
            other => self.take(scalar_bytes(other)?).map(drop),
        }
    }

    fn flags(&mut self, n: u64) -> Result<(), ScanError> {
        match self.take(n)?.iter().find(|&&byte| byte > 1) {
            None => Ok(()),
            Some(byte) => Err(damaged(format!("a truth value of {byte}")).into()),
        }
    }
}

fn scalar_bytes(value_type: u32) -> Result<u64, ScanError> {
    match value_type {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        other => Err(damaged(format!("a value of unknown type {other}")).into()),
    }
}

/// Checks everything that candle-core would take memory for or divide by.
fn scan(prefix: &[u8], total: u64) -> Result<Scanned, ScanError> {
    let mut walk = Walk { prefix, at: 0, total, n_elements: 0 };
    let magic = walk.take(4)?;
    // candle-core also takes the bytes in reverse, which no program writes.
    if magic != b"GGUF" {
        return Err(FormatError::NotGguf { found: [magic[0], magic[1], magic[2], magic[3]] }.into());
    }
    let version = walk.u32()?;
    if !(2..=3).contains(&version) {
        return Err(FormatError::Version { version }.into());
    }
    let n_tensors = walk.count(MAX_TENSORS, 24, "tensors")?;
    let n_metadata = walk.count(MAX_METADATA_ENTRIES, 13, "metadata entries")?;
    for _ in 0..n_metadata {
        let key = walk.string(MAX_NAME_BYTES, "bytes of a key")?;
        let value_type = walk.u32()?;
        walk.value(key, value_type)?;
    }
    for _ in 0..n_tensors {
        let name = walk.string(MAX_NAME_BYTES, "bytes of a tensor's name")?;
        let n_dimensions = walk.u32()?;
        if n_dimensions > MAX_DIMENSIONS {
            return Err(damaged(format!("a tensor of {n_dimensions} dimensions")).into());
        }
        for _ in 0..n_dimensions {
            let size = walk.u64()?;
            // Every size must fit the 32-bit `usize` of wasm, where candle-core would cut it.
            if size > i32::MAX as u64 {
                return Err(damaged(format!("a tensor with a side of {size}")).into());
            }
        }
        let dtype = walk.u32()?;
        if Dtype::from_ggml_id(dtype).is_none() {
            return Err(FormatError::Quantization {
                dtype: format!("number {dtype} of ggml"),
                tensor: String::from_utf8_lossy(name).into_owned(),
            }
            .into());
        }
        walk.u64()?;
    }
    Ok(Scanned { version, n_metadata, n_tensors })
}

/// A prefix that reports the length of the whole file, so that candle-core's own checks see the truth.
struct PrefixOf<'a> {
    prefix: Cursor<&'a [u8]>,
    total: u64,
}

impl Read for PrefixOf<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.prefix.read(buf)
    }
}

impl Seek for PrefixOf<'_> {
    fn seek(&mut self, pos: SeekFrom) -> std::io::Result<u64> {
        match pos {
            SeekFrom::End(offset) => {
                let at = self.total.checked_add_signed(offset).ok_or(std::io::ErrorKind::InvalidInput)?;
                self.prefix.seek(SeekFrom::Start(at))
            }
            other => self.prefix.seek(other),
        }
    }
}

/// Lets candle-core read a header that passed [`scan`], and checks the tensor table against the file's length.
fn read_scanned(prefix: &[u8], total: u64, scanned: Scanned) -> Result<GgufHeader, FormatError> {
    let content = Content::read(&mut PrefixOf { prefix: Cursor::new(prefix), total })
        .map_err(|error| damaged(error.to_string()))?;
    if content.metadata.len() as u64 != scanned.n_metadata || content.tensor_infos.len() as u64 != scanned.n_tensors {
        return Err(damaged("two entries have the same name"));
    }
    let data_offset = content.tensor_data_offset;
    let mut tensors = Vec::with_capacity(content.tensor_infos.len());
    #[expect(clippy::iter_over_hash_type, reason = "sorted below")]
    for (name, info) in content.tensor_infos {
        let dtype = Dtype::from(info.ggml_dtype);
        let shape = info.shape.dims().to_vec();
        let row_is_whole = shape.last().is_some_and(|&row| row.is_multiple_of(dtype.block_len()));
        let size_bytes = shape
            .iter()
            .try_fold(1_u64, |n, &side| n.checked_mul(side as u64))
            .filter(|&n| row_is_whole && n > 0)
            .and_then(|n| dtype.size_bytes(n))
            .ok_or_else(|| damaged(format!("tensor {name} of type {dtype} has shape {shape:?}")))?;
        let end = data_offset
            .checked_add(info.offset)
            .and_then(|offset| offset.checked_add(size_bytes))
            .ok_or_else(|| damaged(format!("tensor {name} has offset {}", info.offset)))?;
        if end > total {
            return Err(FormatError::Truncated { needed: end, total });
        }
        tensors.push(TensorEntry { name, dtype, shape, offset: end - size_bytes, size_bytes });
    }
    tensors.sort_by(|a, b| a.offset.cmp(&b.offset).then_with(|| a.name.cmp(&b.name)));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].range().end > pair[1].offset) {
        return Err(damaged(format!("tensors {} and {} overlap", pair[0].name, pair[1].name)));
    }
    Ok(GgufHeader { version: scanned.version, metadata: Metadata(content.metadata), tensors, data_offset })
}
