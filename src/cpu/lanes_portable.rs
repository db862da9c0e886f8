//! Vectors of 128 bits as arrays, in the shape that compilers turn into SIMD instructions.

use std::array::from_fn;

/// Eight 16-bit integers.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct I16x8([i16; 8]);

impl I16x8 {
    pub(super) fn new(lanes: [i16; 8]) -> Self {
        Self(lanes)
    }

    pub(super) fn lanes(self) -> [i16; 8] {
        self.0
    }

    /// The same two numbers, the low half first, four times.
    #[inline(always)]
    pub(super) fn splat_pair(pair: i32) -> Self {
        let (low, high) = (pair as i16, (pair >> 16) as i16);
        Self([low, high, low, high, low, high, low, high])
    }

    /// The `n`-th lowest four bits of each lane, unsigned.
    #[inline(always)]
    pub(super) fn nibble(self, n: usize) -> Self {
        Self(self.0.map(|lane| ((lane as u16) >> (4 * n) & 15) as i16))
    }

    /// The low (0) or high (1) byte of each lane, signed.
    #[inline(always)]
    pub(super) fn byte(self, n: usize) -> Self {
        Self(self.0.map(|lane| if n == 0 { lane << 8 >> 8 } else { lane >> 8 }))
    }

    /// Sums of the products of neighboring lanes.
    #[inline(always)]
    pub(super) fn dot(self, other: Self) -> I32x4 {
        let (a, b) = (self.0, other.0);
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        I32x4([product(0) + product(1), product(2) + product(3), product(4) + product(5), product(6) + product(7)])
    }
}

/// Four 32-bit integers.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct I32x4([i32; 4]);

impl I32x4 {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self([0; 4])
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    #[inline(always)]
    pub(super) fn to_f32(self) -> F32x4 {
        F32x4(self.0.map(|lane| lane as f32))
    }
}

/// Four floats.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct F32x4([f32; 4]);

impl F32x4 {
    pub(super) fn new(lanes: [f32; 4]) -> Self {
        Self(lanes)
    }

    pub(super) fn lanes(self) -> [f32; 4] {
        self.0
    }

    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self([value; 4])
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
