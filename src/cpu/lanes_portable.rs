//! Vectors for eight rows as arrays, in the shape that compilers turn into SIMD instructions.

use std::array::from_fn;

/// Two 16-bit integers for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct I16x16([i16; 16]);

impl I16x16 {
    pub(super) fn new(lanes: [i16; 16]) -> Self {
        Self(lanes)
    }

    pub(super) fn lanes(self) -> [i16; 16] {
        self.0
    }

    /// The lowest, second, third and highest four bits of each lane, unsigned.
    #[inline(always)]
    pub(super) fn nibbles(self) -> [Self; 4] {
        [0, 4, 8, 12].map(|shift| Self(self.0.map(|lane| (lane as u16 >> shift & 15) as i16)))
    }

    /// The low and the high byte of each lane, signed.
    #[inline(always)]
    pub(super) fn bytes(self) -> [Self; 2] {
        [Self(self.0.map(|lane| lane << 8 >> 8)), Self(self.0.map(|lane| lane >> 8))]
    }

    /// `sums` plus, for each row, its two numbers times the low and the high half of `pair`.
    #[inline(always)]
    pub(super) fn add_dot(self, pair: i32, sums: I32x8) -> I32x8 {
        let pair = [pair as i16, (pair >> 16) as i16];
        // This way round compilers see that products and sum are one instruction.
        let products: [i32; 16] = from_fn(|i| i32::from(self.0[i]) * i32::from(pair[i % 2]));
        I32x8(from_fn(|i| sums.0[i].wrapping_add(products[2 * i].wrapping_add(products[2 * i + 1]))))
    }
}

/// An integer for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct I32x8([i32; 8]);

impl I32x8 {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self([0; 8])
    }

    #[inline(always)]
    pub(super) fn to_f32(self) -> F32x8 {
        F32x8(self.0.map(|lane| lane as f32))
    }
}

/// A float for each of eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct F32x8([f32; 8]);

impl F32x8 {
    #[inline(always)]
    pub(super) fn new(lanes: [f32; 8]) -> Self {
        Self(lanes)
    }

    #[inline(always)]
    pub(super) fn lanes(self) -> [f32; 8] {
        self.0
    }

    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] * other.0[i]))
    }
}
