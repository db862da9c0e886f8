//! Vectors of 128 bits in WebAssembly SIMD; the same functions as in `lanes_portable.rs`.

use core::arch::wasm32::{
    f32x4, f32x4_add, f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_splat, i16x8, i16x8_extract_lane,
    i16x8_shl, i16x8_shr, i16x8_splat, i32x4_add, i32x4_dot_i16x8, i32x4_splat, u16x8_shr, v128, v128_and,
};

/// Eight 16-bit integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct I16x8(v128);

impl I16x8 {
    pub(super) fn new([a, b, c, d, e, f, g, h]: [i16; 8]) -> Self {
        Self(i16x8(a, b, c, d, e, f, g, h))
    }

    pub(super) fn lanes(self) -> [i16; 8] {
        [
            i16x8_extract_lane::<0>(self.0),
            i16x8_extract_lane::<1>(self.0),
            i16x8_extract_lane::<2>(self.0),
            i16x8_extract_lane::<3>(self.0),
            i16x8_extract_lane::<4>(self.0),
            i16x8_extract_lane::<5>(self.0),
            i16x8_extract_lane::<6>(self.0),
            i16x8_extract_lane::<7>(self.0),
        ]
    }

    /// The same two numbers, the low half first, four times.
    #[inline(always)]
    pub(super) fn splat_pair(pair: i32) -> Self {
        Self(i32x4_splat(pair))
    }

    /// The `n`-th lowest four bits of each lane, unsigned.
    #[inline(always)]
    pub(super) fn nibble(self, n: usize) -> Self {
        match n {
            0 => Self(v128_and(self.0, i16x8_splat(15))),
            1 => Self(v128_and(u16x8_shr(self.0, 4), i16x8_splat(15))),
            2 => Self(v128_and(u16x8_shr(self.0, 8), i16x8_splat(15))),
            _ => Self(u16x8_shr(self.0, 12)),
        }
    }

    /// The low (0) or high (1) byte of each lane, signed.
    #[inline(always)]
    pub(super) fn byte(self, n: usize) -> Self {
        if n == 0 { Self(i16x8_shr(i16x8_shl(self.0, 8), 8)) } else { Self(i16x8_shr(self.0, 8)) }
    }

    /// Sums of the products of neighboring lanes.
    #[inline(always)]
    pub(super) fn dot(self, other: Self) -> I32x4 {
        I32x4(i32x4_dot_i16x8(self.0, other.0))
    }
}

/// Four 32-bit integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct I32x4(v128);

impl I32x4 {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self(i32x4_splat(0))
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(super) fn to_f32(self) -> F32x4 {
        F32x4(f32x4_convert_i32x4(self.0))
    }
}

/// Four floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct F32x4(v128);

impl F32x4 {
    pub(super) fn new([a, b, c, d]: [f32; 4]) -> Self {
        Self(f32x4(a, b, c, d))
    }

    #[inline(always)]
    pub(super) fn lanes(self) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(self.0),
            f32x4_extract_lane::<1>(self.0),
            f32x4_extract_lane::<2>(self.0),
            f32x4_extract_lane::<3>(self.0),
        ]
    }

    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }
}
