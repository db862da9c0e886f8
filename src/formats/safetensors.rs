//! Safetensors: a JSON table of names, types, shapes and byte ranges, then the bytes
//! (<https://github.com/huggingface/safetensors#format>). Only `F32` tensors are read.

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
        table.remove("__metadata__");
        let mut entries = BTreeMap::new();
        for (name, value) in table {
            entries.insert(name, serde_json::from_value(value).map_err(damaged)?);
        }
        Ok(Self { entries, data })
    }

    /// The little-endian bytes of an `F32` tensor of this shape.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`], [`FormatError::Shape`], [`FormatError::Quantization`] for another type,
    /// [`FormatError::Header`] for a range outside of the file.
    pub fn bytes(&self, name: &str, shape: &[usize]) -> Result<&'a [u8], FormatError> {
        let entry = self.entries.get(name).ok_or_else(|| FormatError::MissingTensor { name: name.to_owned() })?;
        if entry.shape != shape {
            let (expected, found) = (shape.to_vec(), entry.shape.clone());
            return Err(FormatError::Shape { name: name.to_owned(), expected, found });
        }
        if entry.dtype != "F32" {
            return Err(FormatError::Quantization { tensor: name.to_owned(), dtype: entry.dtype.clone() });
        }
        let (start, end) = entry.data_offsets;
        let bytes = self.data.get(start..end).filter(|bytes| bytes.len() == shape.iter().product::<usize>() * 4);
        bytes.ok_or_else(|| damaged(format!("tensor {name} is not where the table says")))
    }

    /// The values of an `F32` tensor of this shape.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FormatError> {
        let bytes = self.bytes(name, shape)?;
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
        let table = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"c":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#;
        let bytes = file(table, &[0, 0, 128, 63, 0, 0, 0, 64]);
        let tensors = Safetensors::new(&bytes).unwrap();
        assert_eq!(tensors.values("a", &[2]).unwrap(), [1.0, 2.0]);
        assert_eq!(tensors.shape("b"), Some([1].as_slice()));
        assert!(matches!(tensors.values("a", &[1, 2]), Err(FormatError::Shape { .. })));
        assert!(matches!(tensors.values("b", &[1]), Err(FormatError::Quantization { .. })));
        assert!(matches!(tensors.values("c", &[3]), Err(FormatError::Header { .. })));
        assert!(matches!(tensors.values("d", &[3]), Err(FormatError::MissingTensor { .. })));
        assert!(matches!(Safetensors::new(&bytes[..40]), Err(FormatError::Truncated { .. })));
        assert!(matches!(Safetensors::new(&[255; 40]), Err(FormatError::Header { .. })));
        assert!(matches!(Safetensors::new(&file("[]", &[])), Err(FormatError::Header { .. })));
    }
}
