//! ggml's block formats: how many bytes a block takes, and what the bytes mean (candle-core's dequantization is
//! the truth that the WGSL kernels are tested against).

use candle_core::quantized::GgmlDType;
use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::{DType, Device};

use super::FormatError;

/// How the values of a tensor are stored; the names are ggml's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dtype {
    /// One `f32` a value.
    F32,
    /// One IEEE half a value.
    F16,
    /// One bfloat16 a value.
    Bf16,
    /// 32 values: `f16` scale, 32 signed 4-bit numbers offset by 8.
    Q4_0,
    /// 32 values: `f16` scale, `f16` minimum, 32 unsigned 4-bit numbers.
    Q4_1,
    /// 32 values: `f16` scale, 32 signed 5-bit numbers offset by 16.
    Q5_0,
    /// 32 values: `f16` scale, `f16` minimum, 32 unsigned 5-bit numbers.
    Q5_1,
    /// 32 values: `f16` scale, 32 signed bytes.
    Q8_0,
    /// 32 values: as `Q8_0` with the sum of the values.
    Q8_1,
    /// 256 values of 2 bits with 4-bit scales.
    Q2K,
    /// 256 values of 3 bits with 6-bit scales.
    Q3K,
    /// 256 values of 4 bits with 6-bit scales.
    Q4K,
    /// 256 values of 5 bits with 6-bit scales.
    Q5K,
    /// 256 values of 6 bits with 8-bit scales.
    Q6K,
    /// 256 values of 8 bits with an `f32` scale.
    Q8K,
}

impl Dtype {
    /// The types that models run with.
    pub const SUPPORTED: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Reads ggml's number of a type; `None` for types that candle-core cannot read either.
    pub fn from_ggml_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            9 => Self::Q8_1,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            15 => Self::Q8K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// ggml's name, as model pages write it (`Q4_1`).
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q8_1 => "Q8_1",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Q8K => "Q8_K",
        }
    }

    /// Whether our kernels read it: all but `Q8_1`, `Q2_K`, `Q3_K` and `Q8_K`.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }

    /// Values in one block.
    pub fn block_len(self) -> usize {
        self.ggml().block_size()
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> usize {
        self.ggml().type_size()
    }

    /// Bytes of `n_values` values; `None` if they are no whole number of blocks or the product overflows.
    pub fn size_bytes(self, n_values: u64) -> Option<u64> {
        let block_len = self.block_len() as u64;
        n_values
            .is_multiple_of(block_len)
            .then_some(n_values / block_len)
            .and_then(|n_blocks| n_blocks.checked_mul(self.block_bytes() as u64))
    }

    /// candle-core's name for it.
    pub fn ggml(self) -> GgmlDType {
        match self {
            Self::F32 => GgmlDType::F32,
            Self::F16 => GgmlDType::F16,
            Self::Bf16 => GgmlDType::BF16,
            Self::Q4_0 => GgmlDType::Q4_0,
            Self::Q4_1 => GgmlDType::Q4_1,
            Self::Q5_0 => GgmlDType::Q5_0,
            Self::Q5_1 => GgmlDType::Q5_1,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q8_1 => GgmlDType::Q8_1,
            Self::Q2K => GgmlDType::Q2K,
            Self::Q3K => GgmlDType::Q3K,
            Self::Q4K => GgmlDType::Q4K,
            Self::Q5K => GgmlDType::Q5K,
            Self::Q6K => GgmlDType::Q6K,
            Self::Q8K => GgmlDType::Q8K,
        }
    }
}

impl From<GgmlDType> for Dtype {
    fn from(dtype: GgmlDType) -> Self {
        match dtype {
            GgmlDType::F32 => Self::F32,
            GgmlDType::F16 => Self::F16,
            GgmlDType::BF16 => Self::Bf16,
            GgmlDType::Q4_0 => Self::Q4_0,
            GgmlDType::Q4_1 => Self::Q4_1,
            GgmlDType::Q5_0 => Self::Q5_0,
            GgmlDType::Q5_1 => Self::Q5_1,
            GgmlDType::Q8_0 => Self::Q8_0,
            GgmlDType::Q8_1 => Self::Q8_1,
            GgmlDType::Q2K => Self::Q2K,
            GgmlDType::Q3K => Self::Q3K,
            GgmlDType::Q4K => Self::Q4K,
            GgmlDType::Q5K => Self::Q5K,
            GgmlDType::Q6K => Self::Q6K,
            GgmlDType::Q8K => Self::Q8K,
        }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Dequantizes blocks to `f32` values with candle-core.
///
/// # Errors
/// [`FormatError::Header`] if the bytes are no whole number of blocks or candle-core cannot read the type.
pub fn dequantize(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, FormatError> {
    if !bytes.len().is_multiple_of(dtype.block_bytes()) {
        return Err(FormatError::Header {
            detail: format!("{} bytes are no whole number of {dtype} blocks", bytes.len()),
        });
    }
    let n_values = bytes.len() / dtype.block_bytes() * dtype.block_len();
    let values = aligned(bytes, |bytes| {
        qtensor_from_ggml(dtype.ggml(), bytes, vec![n_values], &Device::Cpu)?
            .dequantize(&Device::Cpu)?
            .to_dtype(DType::F32)?
            .to_vec1::<f32>()
    });
    values.map_err(|error| FormatError::Header { detail: format!("{dtype} blocks cannot be read: {error}") })
}

/// Calls `f` with bytes aligned for any block type: candle-core reinterprets the pointer it is given.
pub(crate) fn aligned<T>(bytes: &[u8], f: impl FnOnce(&[u8]) -> T) -> T {
    if bytes.as_ptr().addr().is_multiple_of(align_of::<f32>()) {
        return f(bytes);
    }
    let mut words = vec![0_u32; bytes.len().div_ceil(size_of::<u32>())];
    let copy = bytemuck::cast_slice_mut::<u32, u8>(&mut words);
    let (copy, _) = copy.split_at_mut(bytes.len());
    copy.copy_from_slice(bytes);
    f(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `Q4_1` block by ggml's definition: value `i` is `d · nibble + m`, low nibbles first.
    #[test]
    fn q4_1_block_follows_the_definition() {
        let mut block = Vec::new();
        block.extend(half::f16::from_f32(0.5).to_le_bytes());
        block.extend(half::f16::from_f32(-2.0).to_le_bytes());
        block.extend((0..16_u8).map(|i| i | ((15 - i) << 4)));
        let values = dequantize(Dtype::Q4_1, &block).unwrap();
        let expected: Vec<f32> =
            (0..16).map(|i| 0.5 * i as f32 - 2.0).chain((0..16).map(|i| 0.5 * (15 - i) as f32 - 2.0)).collect();
        assert_eq!(values, expected);
        // The same bytes at an odd address.
        let shifted: Vec<u8> = std::iter::once(0).chain(block.iter().copied()).collect();
        assert_eq!(dequantize(Dtype::Q4_1, &shifted[1..]).unwrap(), expected);
        assert!(dequantize(Dtype::Q4_1, &block[1..]).is_err());
    }

    #[test]
    fn sizes_are_whole_blocks() {
        assert_eq!(Dtype::Q4_1.size_bytes(64), Some(40));
        assert_eq!(Dtype::Q4_0.size_bytes(32), Some(18));
        assert_eq!(Dtype::Q8_0.size_bytes(32), Some(34));
        assert_eq!(Dtype::Q5_0.size_bytes(32), Some(22));
        assert_eq!(Dtype::Q5_1.size_bytes(32), Some(24));
        assert_eq!(Dtype::Q4K.size_bytes(512), Some(288));
        assert_eq!(Dtype::Q5K.size_bytes(256), Some(176));
        assert_eq!(Dtype::Q6K.size_bytes(256), Some(210));
        assert_eq!(Dtype::Q6K.size_bytes(128), None);
        assert_eq!(Dtype::Bf16.size_bytes(3), Some(6));
        assert_eq!(Dtype::Q8_0.size_bytes(33), None);
        assert_eq!(Dtype::F32.size_bytes(u64::MAX), None);
        for id in 0..64 {
            if let Some(dtype) = Dtype::from_ggml_id(id) {
                assert_eq!(Dtype::from(dtype.ggml()), dtype);
            }
        }
    }
}
