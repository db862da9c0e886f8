//! Safetensors: a JSON table of names, types, shapes and byte ranges, then the bytes
//! (<https://github.com/huggingface/safetensors#format>). `F32` and `F16` tensors are read, as `f32`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::FormatError;

/// Longest table: names and shapes of some thousands of tensors.
const MAX_HEADER: usize = 16 << 20;

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// A file in memory.
pub struct Safetensors<'a> {
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
    data: &'a [u8],
}

fn damaged(detail: impl std::fmt::Display) -> FormatError {
    FormatError::Header { detail: detail.to_string() }
}

impl<'a> Safetensors<'a> {
    /// Reads the table.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] for a file cut short, [`FormatError::Header`] for a table that is no such JSON.
    pub fn new(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let total = bytes.len() as u64;
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(FormatError::Truncated { needed: 8, total })?;
        let length = u64::from_le_bytes(*length);
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_HEADER);
        let length = length.ok_or_else(|| damaged("the table is longer than any model's"))?;
        let (table, data) =
            rest.split_at_checked(length).ok_or(FormatError::Truncated { needed: 8 + length as u64, total })?;
        let mut table: BTreeMap<String, serde_json::Value> = serde_json::from_slice(table).map_err(damaged)?;
        let metadata = table.remove("__metadata__").and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default();
        let mut entries = BTreeMap::new();
        for (name, value) in table {
            entries.insert(name, serde_json::from_value(value).map_err(damaged)?);
        }
        Ok(Self { entries, metadata, data })
    }

    /// A text of the table's metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(String::as_str)
    }

    /// The little-endian bytes of a tensor of this shape, and whether its values have 16 bits.
    fn bytes(&self, name: &str, shape: &[usize]) -> Result<(&'a [u8], bool), FormatError> {
        let entry = self.entries.get(name).ok_or_else(|| FormatError::MissingTensor { name: name.to_owned() })?;
        if entry.shape != shape {
            let (expected, found) = (shape.to_vec(), entry.shape.clone());
            return Err(FormatError::Shape { name: name.to_owned(), expected, found });
        }
        let width = match entry.dtype.as_str() {
            "F32" => 4,
            "F16" => 2,
            other => return Err(FormatError::Quantization { tensor: name.to_owned(), dtype: other.to_owned() }),
        };
        // A product beyond any memory matches no range.
        let length = shape.iter().try_fold(width, |bytes: usize, side| bytes.checked_mul(*side));
        let (start, end) = entry.data_offsets;
        let bytes = self.data.get(start..end).filter(|bytes| Some(bytes.len()) == length);
        let bytes = bytes.ok_or_else(|| damaged(format!("tensor {name} is not where the table says")))?;
        Ok((bytes, width == 2))
    }

    /// The values of a tensor of this shape.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`], [`FormatError::Shape`], [`FormatError::Quantization`] for another type,
    /// [`FormatError::Header`] for a range outside of the file.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FormatError> {
        let (bytes, half) = self.bytes(name, shape)?;
        if half {
            return Ok(bytes.as_chunks::<2>().0.iter().map(|word| half::f16::from_le_bytes(*word).to_f32()).collect());
        }
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// Shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(table: &str, data: &[u8]) -> Vec<u8> {
        [&(table.len() as u64).to_le_bytes(), table.as_bytes(), data].concat()
    }

    #[test]
    fn tensors_are_read_and_damage_is_named() {
        let table = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"c":{"dtype":"F32","shape":[3],"data_offsets":[0,16]},"h":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#;
        let bytes = file(table, &[0, 0, 128, 63, 0, 0, 0, 64, 0, 0x3c, 0, 0xc0]);
        let tensors = Safetensors::new(&bytes).unwrap();
        assert_eq!(tensors.values("a", &[2]).unwrap(), [1.0, 2.0]);
        assert_eq!(tensors.shape("b"), Some([1].as_slice()));
        assert_eq!(tensors.metadata("format"), Some("pt"));
        assert_eq!(tensors.values("h", &[2]).unwrap(), [1.0, -2.0]);
        assert!(matches!(tensors.values("a", &[1, 2]), Err(FormatError::Shape { .. })));
        assert!(matches!(tensors.values("b", &[1]), Err(FormatError::Quantization { .. })));
        assert!(matches!(tensors.values("c", &[3]), Err(FormatError::Header { .. })));
        assert!(matches!(tensors.values("d", &[3]), Err(FormatError::MissingTensor { .. })));
        assert!(matches!(Safetensors::new(&bytes[..40]), Err(FormatError::Truncated { .. })));
        assert!(matches!(Safetensors::new(&[255; 40]), Err(FormatError::Header { .. })));
        assert!(matches!(Safetensors::new(&file("[]", &[])), Err(FormatError::Header { .. })));
    }
}
