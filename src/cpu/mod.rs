//! A model's arithmetic on one processor thread: quantized matrices times 16-bit activations, norms, rotary
//! positions, attention, and convolutions of images. Plain slices in and out; knows no model.
//!
//! Weights keep the numbers of their file. Activations are quantized to 16 bits a block of 32 values: 8 bits, as
//! llama.cpp and candle-core use, are not enough for models with outlier activations (`SmolLM2` answers nonsense),
//! and 16 bits cost the same, because SIMD multiplies pairs of 16-bit numbers into 32-bit sums either way.
#![allow(clippy::inline_always, reason = "most functions here are one instruction; a call would cost more")]

mod activations;
mod blocks;
pub mod conv;
pub mod dense;
#[cfg(target_arch = "wasm32")]
#[path = "lanes_simd128.rs"]
mod lanes;
#[cfg(not(target_arch = "wasm32"))]
#[path = "lanes_portable.rs"]
mod lanes;
mod matrix;
pub mod ops;

pub use activations::Activations;
pub use blocks::dequantize;
pub use matrix::Matrix;

/// Values of one block: they share a scale.
const BLOCK: usize = 32;
/// Rows of a matrix that lie side by side.
const GROUP: usize = 8;
