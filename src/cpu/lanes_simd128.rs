//! Vectors for eight rows in WebAssembly SIMD; the same functions as in `lanes_portable.rs`. Everything is written
//! out: the site is compiled for size, where arrays and closures would stay loops and calls.

use core::arch::wasm32::{
    f32x4, f32x4_add, f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_splat, i16x8, i16x8_extract_lane,
    i16x8_shl, i16x8_shr, i16x8_splat, i32x4_add, i32x4_dot_i16x8, i32x4_splat, u16x8_shr, v128, v128_and,
};

/// Two 16-bit integers for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct I16x16(v128, v128);

impl I16x16 {
    pub(super) fn new(l: [i16; 16]) -> Self {
        Self(
            i16x8(l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7]),
            i16x8(l[8], l[9], l[10], l[11], l[12], l[13], l[14], l[15]),
        )
    }

    pub(super) fn lanes(self) -> [i16; 16] {
        let mut lanes = [0; 16];
        for (vector, lanes) in [self.0, self.1].into_iter().zip(lanes.chunks_exact_mut(8)) {
            lanes.copy_from_slice(&[
                i16x8_extract_lane::<0>(vector),
                i16x8_extract_lane::<1>(vector),
                i16x8_extract_lane::<2>(vector),
                i16x8_extract_lane::<3>(vector),
                i16x8_extract_lane::<4>(vector),
                i16x8_extract_lane::<5>(vector),
                i16x8_extract_lane::<6>(vector),
                i16x8_extract_lane::<7>(vector),
            ]);
        }
        lanes
    }

    /// The lowest, second, third and highest four bits of each lane, unsigned.
    #[inline(always)]
    pub(super) fn nibbles(self) -> [Self; 4] {
        let mask = i16x8_splat(15);
        [
            Self(v128_and(self.0, mask), v128_and(self.1, mask)),
            Self(v128_and(u16x8_shr(self.0, 4), mask), v128_and(u16x8_shr(self.1, 4), mask)),
            Self(v128_and(u16x8_shr(self.0, 8), mask), v128_and(u16x8_shr(self.1, 8), mask)),
            Self(u16x8_shr(self.0, 12), u16x8_shr(self.1, 12)),
        ]
    }

    /// The low and the high byte of each lane, signed.
    #[inline(always)]
    pub(super) fn bytes(self) -> [Self; 2] {
        [
            Self(i16x8_shr(i16x8_shl(self.0, 8), 8), i16x8_shr(i16x8_shl(self.1, 8), 8)),
            Self(i16x8_shr(self.0, 8), i16x8_shr(self.1, 8)),
        ]
    }

    /// `sums` plus, for each row, its two numbers times the low and the high half of `pair`.
    #[inline(always)]
    pub(super) fn add_dot(self, pair: i32, sums: I32x8) -> I32x8 {
        let pair = i32x4_splat(pair);
        I32x8(i32x4_add(sums.0, i32x4_dot_i16x8(self.0, pair)), i32x4_add(sums.1, i32x4_dot_i16x8(self.1, pair)))
    }
}

/// An integer for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct I32x8(v128, v128);

impl I32x8 {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self(i32x4_splat(0), i32x4_splat(0))
    }

    #[inline(always)]
    pub(super) fn to_f32(self) -> F32x8 {
        F32x8(f32x4_convert_i32x4(self.0), f32x4_convert_i32x4(self.1))
    }
}

/// A float for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct F32x8(v128, v128);

impl F32x8 {
    #[inline(always)]
    pub(super) fn new(l: [f32; 8]) -> Self {
        Self(f32x4(l[0], l[1], l[2], l[3]), f32x4(l[4], l[5], l[6], l[7]))
    }

    #[inline(always)]
    pub(super) fn lanes(self) -> [f32; 8] {
        [
            f32x4_extract_lane::<0>(self.0),
            f32x4_extract_lane::<1>(self.0),
            f32x4_extract_lane::<2>(self.0),
            f32x4_extract_lane::<3>(self.0),
            f32x4_extract_lane::<0>(self.1),
            f32x4_extract_lane::<1>(self.1),
            f32x4_extract_lane::<2>(self.1),
            f32x4_extract_lane::<3>(self.1),
        ]
    }

    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self(f32x4_splat(value), f32x4_splat(value))
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0), f32x4_add(self.1, other.1))
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0), f32x4_mul(self.1, other.1))
    }
}
