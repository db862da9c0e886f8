//! Bytes that can be read by ranges: a file in memory, on disk, in the browser's storage or on a server.

use std::ops::Range;

use super::FormatError;

/// A file whose length is known and whose bytes are read by ranges.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait ByteSource {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Replaces `into` by exactly the bytes of `range`.
    ///
    /// # Errors
    /// [`FormatError::Read`] if the bytes could not be had, [`FormatError::Truncated`] if the range goes past the end.
    async fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), FormatError>;
}

impl ByteSource for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    async fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), FormatError> {
        let total = <[u8]>::len(self) as u64;
        let bytes = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .and_then(|(start, end)| self.get(start..end))
            .ok_or(FormatError::Truncated { needed: range.end, total })?;
        into.clear();
        into.extend_from_slice(bytes);
        Ok(())
    }
}
