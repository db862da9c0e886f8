//! Weight matrices as the products read them: eight rows side by side, so that no sum has to cross a vector.

use std::array::from_fn;

use crate::formats::FormatError;
use crate::formats::quant::Dtype;

use super::activations::{ActivationBlock, Activations};
use super::blocks::{Decoded, decode, dequantize};
use super::lanes::{F32x8, I16x16, I32x8};
use super::{BLOCK, GROUP};

/// 32 columns of one group of rows, all in one place, so that a product reads memory in one stream.
trait Block: Copy {
    /// Whether columns 16 to 31 have a scale of their own.
    const HALVES: bool = false;
    fn pack(rows: &[Decoded; GROUP]) -> Self;
    /// Integers of pairs of columns `4q` to `4q + 3`: lane `2r + c` of pair `p` is row `r`, column `2p + c`.
    fn quad(&self, q: usize) -> [I16x16; 4];
    /// Scales for columns 0-15 (0) or 16-31 (1).
    fn scale(&self, half: usize) -> F32x8;
    fn min(&self) -> Option<F32x8> {
        None
    }
}

/// `bits` bits of the integers of pair `first`, above them those of pair `first + 1` and so on.
fn interleave(rows: &[Decoded; GROUP], first: usize, bits: usize) -> I16x16 {
    I16x16::new(from_fn(|lane| {
        let field = |n: usize| rows[lane / 2].quants[2 * (first + n) + lane % 2] as u16 & ((1 << bits) - 1);
        (0..16 / bits).fold(0, |lanes, n| lanes | field(n) << (bits * n)) as i16
    }))
}

fn of_rows(rows: &[Decoded; GROUP], value: impl Fn(&Decoded) -> f32) -> F32x8 {
    F32x8::new(from_fn(|row| value(&rows[row])))
}

/// Integers from 0 to 15 with minimum: `Q4_0` (whose minimum is −8 scales), `Q4_1`, `Q4_K`.
#[derive(Clone, Copy)]
struct Nibbles {
    quants: [I16x16; 4],
    scale: F32x8,
    min: F32x8,
}

impl Block for Nibbles {
    fn pack(rows: &[Decoded; GROUP]) -> Self {
        Self {
            quants: from_fn(|q| interleave(rows, 4 * q, 4)),
            scale: of_rows(rows, |row| row.scales[0]),
            min: of_rows(rows, |row| row.min),
        }
    }

    #[inline(always)]
    fn quad(&self, q: usize) -> [I16x16; 4] {
        self.quants[q].nibbles()
    }

    #[inline(always)]
    fn scale(&self, _half: usize) -> F32x8 {
        self.scale
    }

    #[inline(always)]
    fn min(&self) -> Option<F32x8> {
        Some(self.min)
    }
}

/// Signed bytes: `Q8_0`, `Q5_0`.
#[derive(Clone, Copy)]
struct Bytes {
    quants: [[I16x16; 2]; 4],
    scale: F32x8,
}

impl Block for Bytes {
    fn pack(rows: &[Decoded; GROUP]) -> Self {
        Self {
            quants: from_fn(|q| [interleave(rows, 4 * q, 8), interleave(rows, 4 * q + 2, 8)]),
            scale: of_rows(rows, |row| row.scales[0]),
        }
    }

    #[inline(always)]
    fn quad(&self, q: usize) -> [I16x16; 4] {
        let [[a, b], [c, d]] = [self.quants[q][0].bytes(), self.quants[q][1].bytes()];
        [a, b, c, d]
    }

    #[inline(always)]
    fn scale(&self, _half: usize) -> F32x8 {
        self.scale
    }
}

/// Bytes with minimum: `Q5_1`, `Q5_K`.
#[derive(Clone, Copy)]
struct BytesAndMin {
    bytes: Bytes,
    min: F32x8,
}

impl Block for BytesAndMin {
    fn pack(rows: &[Decoded; GROUP]) -> Self {
        Self { bytes: Bytes::pack(rows), min: of_rows(rows, |row| row.min) }
    }

    #[inline(always)]
    fn quad(&self, q: usize) -> [I16x16; 4] {
        self.bytes.quad(q)
    }

    #[inline(always)]
    fn scale(&self, half: usize) -> F32x8 {
        self.bytes.scale(half)
    }

    #[inline(always)]
    fn min(&self) -> Option<F32x8> {
        Some(self.min)
    }
}

/// Bytes with a scale for each 16: `Q6_K`.
#[derive(Clone, Copy)]
struct HalvesOfBytes {
    bytes: Bytes,
    second: F32x8,
}

impl Block for HalvesOfBytes {
    const HALVES: bool = true;

    fn pack(rows: &[Decoded; GROUP]) -> Self {
        Self { bytes: Bytes::pack(rows), second: of_rows(rows, |row| row.scales[1]) }
    }

    #[inline(always)]
    fn quad(&self, q: usize) -> [I16x16; 4] {
        self.bytes.quad(q)
    }

    #[inline(always)]
    fn scale(&self, half: usize) -> F32x8 {
        if half == 0 { self.bytes.scale } else { self.second }
    }
}

/// Blocks (or, unquantized, columns) of one group of rows after another.
enum Held {
    Dense(Vec<F32x8>),
    Nibbles(Vec<Nibbles>),
    Bytes(Vec<Bytes>),
    BytesAndMin(Vec<BytesAndMin>),
    HalvesOfBytes(Vec<HalvesOfBytes>),
}

/// A matrix of weights, (`rows`, `cols`), with the numbers of its file.
pub struct Matrix {
    rows: usize,
    cols: usize,
    dtype: Dtype,
    held: Held,
    /// Rows pushed so far.
    n_pushed: usize,
}

/// A vector for as many elements as memory has room for.
fn with_room<T>(n: usize) -> Result<Vec<T>, FormatError> {
    let mut values = Vec::new();
    let wanted = (n * size_of::<T>()) as u64;
    values.try_reserve_exact(n).map_err(|_error| FormatError::OverBudget { needed: wanted, budget: 0 })?;
    Ok(values)
}

/// Bytes of one group's block of 32 columns (of one column where the type has no blocks).
const fn unit_bytes(dtype: Dtype) -> usize {
    match dtype {
        Dtype::Q4_0 | Dtype::Q4_1 | Dtype::Q4K => size_of::<Nibbles>(),
        Dtype::Q5_0 | Dtype::Q8_0 => size_of::<Bytes>(),
        Dtype::Q5_1 | Dtype::Q5K => size_of::<BytesAndMin>(),
        Dtype::Q6K => size_of::<HalvesOfBytes>(),
        _ => size_of::<F32x8>(),
    }
}

impl Matrix {
    /// Rows must be pushed in multiples of this, but for the last ones.
    pub const ROW_STEP: usize = GROUP;

    /// Bytes of memory that a matrix takes.
    pub fn bytes_for(dtype: Dtype, rows: usize, cols: usize) -> u64 {
        let units = if dtype.block_len() == 1 { cols } else { cols.div_ceil(BLOCK) };
        (rows.div_ceil(GROUP) * units) as u64 * unit_bytes(dtype) as u64
    }

    /// Takes memory for a matrix whose rows are still to be [pushed](Self::push_rows).
    ///
    /// # Errors
    /// [`FormatError::Quantization`] for types that are not supported, [`FormatError::Header`] for rows that are no
    /// whole number of blocks, [`FormatError::OverBudget`] if memory is out.
    pub fn with_capacity(dtype: Dtype, rows: usize, cols: usize) -> Result<Self, FormatError> {
        if cols == 0 || !cols.is_multiple_of(dtype.block_len()) {
            let detail = format!("rows of {cols} values are no whole number of {dtype} blocks");
            return Err(FormatError::Header { detail });
        }
        let n_groups = rows.div_ceil(GROUP);
        let n_blocks = n_groups * cols.div_ceil(BLOCK);
        let held = match dtype {
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => Held::Dense(with_room(n_groups * cols)?),
            Dtype::Q4_0 | Dtype::Q4_1 | Dtype::Q4K => Held::Nibbles(with_room(n_blocks)?),
            Dtype::Q5_0 | Dtype::Q8_0 => Held::Bytes(with_room(n_blocks)?),
            Dtype::Q5_1 | Dtype::Q5K => Held::BytesAndMin(with_room(n_blocks)?),
            Dtype::Q6K => Held::HalvesOfBytes(with_room(n_blocks)?),
            Dtype::Q8_1 | Dtype::Q2K | Dtype::Q3K | Dtype::Q8K => {
                return Err(FormatError::Quantization { dtype: dtype.name().to_owned(), tensor: String::new() });
            }
        };
        Ok(Self { rows, cols, dtype, held, n_pushed: 0 })
    }

    /// Appends rows as the file stores them: a multiple of [`Self::ROW_STEP`] at a time, but for the last time.
    ///
    /// # Errors
    /// [`FormatError::Header`] if the bytes are no such rows.
    pub fn push_rows(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let row_bytes = self.cols / self.dtype.block_len() * self.dtype.block_bytes();
        let n_rows = bytes.len() / row_bytes;
        let end = self.n_pushed + n_rows;
        if !bytes.len().is_multiple_of(row_bytes)
            || !self.n_pushed.is_multiple_of(GROUP)
            || end > self.rows
            || (end < self.rows && !end.is_multiple_of(GROUP))
        {
            let detail = format!("{} bytes after row {} of {}", bytes.len(), self.n_pushed, self.rows);
            return Err(FormatError::Header { detail });
        }
        self.n_pushed = end;
        for group in bytes.chunks(GROUP * row_bytes) {
            match &mut self.held {
                Held::Dense(columns) => {
                    let mut values = dequantize(self.dtype, group)?;
                    values.resize(GROUP * self.cols, 0.0);
                    let value = |row: usize, col: usize| values[row * self.cols + col];
                    columns.extend((0..self.cols).map(|col| F32x8::new(from_fn(|row| value(row, col)))));
                }
                Held::Nibbles(blocks) => push_group(blocks, self.dtype, group, self.cols),
                Held::Bytes(blocks) => push_group(blocks, self.dtype, group, self.cols),
                Held::BytesAndMin(blocks) => push_group(blocks, self.dtype, group, self.cols),
                Held::HalvesOfBytes(blocks) => push_group(blocks, self.dtype, group, self.cols),
            }
        }
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The values of one row into `out`: (`cols`).
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_pushed && out.len() == self.cols, "row {row} of {}", self.n_pushed);
        let (group, row) = (row / GROUP, row % GROUP);
        match &self.held {
            Held::Dense(columns) => {
                for (value, column) in out.iter_mut().zip(&columns[group * self.cols..]) {
                    *value = column.lanes()[row];
                }
            }
            Held::Nibbles(blocks) => unpack_row(blocks, group, row, out),
            Held::Bytes(blocks) => unpack_row(blocks, group, row, out),
            Held::BytesAndMin(blocks) => unpack_row(blocks, group, row, out),
            Held::HalvesOfBytes(blocks) => unpack_row(blocks, group, row, out),
        }
    }

    /// `x`: (T, `cols`) times the transpose of this matrix into `out`: (T, `rows`).
    pub fn apply(&self, x: &Activations, out: &mut [f32]) {
        assert_eq!((x.cols(), out.len(), self.n_pushed), (self.cols, x.n_rows() * self.rows, self.rows));
        match &self.held {
            Held::Dense(columns) => {
                for (x, out) in x.rows().zip(out.chunks_exact_mut(self.rows)) {
                    for (columns, out) in columns.chunks_exact(self.cols).zip(out.chunks_mut(GROUP)) {
                        let mut sums = F32x8::splat(0.0);
                        for (column, &value) in columns.iter().zip(x) {
                            sums = sums.plus(column.times(F32x8::splat(value)));
                        }
                        store(sums, out);
                    }
                }
            }
            Held::Nibbles(blocks) => product(blocks, x, self.rows, out),
            Held::Bytes(blocks) => product(blocks, x, self.rows, out),
            Held::BytesAndMin(blocks) => product(blocks, x, self.rows, out),
            Held::HalvesOfBytes(blocks) => product(blocks, x, self.rows, out),
        }
    }
}

/// Packs the rows of one group.
fn push_group<B: Block>(blocks: &mut Vec<B>, dtype: Dtype, bytes: &[u8], cols: usize) {
    let n_blocks = cols / BLOCK;
    let mut decoded = Vec::with_capacity(GROUP * n_blocks);
    decode(dtype, bytes, &mut decoded);
    decoded.resize(GROUP * n_blocks, Decoded::ZERO);
    blocks.extend((0..n_blocks).map(|b| B::pack(&from_fn(|row| decoded[row * n_blocks + b]))));
}

fn unpack_row<B: Block>(blocks: &[B], group: usize, row: usize, out: &mut [f32]) {
    let n_blocks = out.len() / BLOCK;
    for (out, block) in out.chunks_exact_mut(BLOCK).zip(&blocks[group * n_blocks..]) {
        let min = block.min().map_or(0.0, |min| min.lanes()[row]);
        for (q, out) in out.chunks_exact_mut(8).enumerate() {
            let scale = block.scale(q / 2).lanes()[row];
            for (pair, out) in block.quad(q).into_iter().zip(out.chunks_exact_mut(2)) {
                let lanes = pair.lanes();
                out[0] = scale * f32::from(lanes[2 * row]) + min;
                out[1] = scale * f32::from(lanes[2 * row + 1]) + min;
            }
        }
    }
}

#[inline(always)]
fn store(sums: F32x8, out: &mut [f32]) {
    for (out, sum) in out.iter_mut().zip(sums.lanes()) {
        *out = sum;
    }
}

/// Products of all groups of rows with all tokens. A group's weights stay in the nearest cache for all tokens.
/// (Unpacking them once for four tokens was measured, in V8: a fifth slower, for want of registers.)
fn product<B: Block>(blocks: &[B], x: &Activations, rows: usize, out: &mut [f32]) {
    let n_blocks = x.cols() / BLOCK;
    for (group, blocks) in blocks.chunks_exact(n_blocks).enumerate() {
        let columns = group * GROUP..rows.min((group + 1) * GROUP);
        for (x, out) in x.blocks().chunks_exact(n_blocks).zip(out.chunks_exact_mut(rows)) {
            store(dots(blocks, x), &mut out[columns.clone()]);
        }
    }
}

/// `dots` plus the products of four pairs of columns.
#[inline(always)]
fn add_quad(dots: I32x8, weights: &[I16x16; 4], x: &[i32; 4]) -> I32x8 {
    let dots = weights[0].add_dot(x[0], dots);
    let dots = weights[1].add_dot(x[1], dots);
    let dots = weights[2].add_dot(x[2], dots);
    weights[3].add_dot(x[3], dots)
}

/// `sums` plus `dots` by the scales of the weights and of one token.
#[inline(always)]
fn add_scaled(sums: F32x8, dots: I32x8, scale: F32x8, x: &ActivationBlock) -> F32x8 {
    sums.plus(dots.to_f32().times(scale.times(F32x8::splat(x.scale))))
}

/// Products of one group of rows with one token.
#[inline(always)]
fn dots<B: Block>(blocks: &[B], x: &[ActivationBlock]) -> F32x8 {
    let mut sums = F32x8::splat(0.0);
    for (block, x) in blocks.iter().zip(x) {
        let mut dots = I32x8::zero();
        // Four pairs are written out and the rest is a loop, because the site is compiled for size.
        for q in 0..4 {
            dots = add_quad(dots, &block.quad(q), &x.pairs[q]);
            if B::HALVES && q == 1 {
                sums = add_scaled(sums, dots, block.scale(0), x);
                dots = I32x8::zero();
            }
        }
        sums = add_scaled(sums, dots, block.scale(1), x);
        if let Some(min) = block.min() {
            sums = sums.plus(min.times(F32x8::splat(x.sum)));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::formats::quant;

    fn noise(n: usize, seed: u64) -> Vec<f32> {
        (0..n as u64).map(|i| ((i * 7919 + seed * 104_729) % 10_007) as f32 / 5003.0 - 1.0).collect()
    }

    fn ggml(dtype: Dtype, rows: usize, cols: usize) -> Vec<u8> {
        let values = Tensor::from_vec(noise(rows * cols, 5), (rows, cols), &Device::Cpu).unwrap();
        QTensor::quantize(&values, dtype.ggml()).unwrap().data().unwrap().to_vec()
    }

    fn matrix(dtype: Dtype, bytes: &[u8], rows: usize, cols: usize) -> Matrix {
        let mut matrix = Matrix::with_capacity(dtype, rows, cols).unwrap();
        // In two parts where that is allowed.
        let (head, tail) = if rows > GROUP { bytes.split_at(bytes.len() / rows * GROUP) } else { (bytes, &[][..]) };
        matrix.push_rows(head).unwrap();
        if !tail.is_empty() {
            matrix.push_rows(tail).unwrap();
        }
        matrix
    }

    /// Products of every type with one to seven tokens, over odd numbers of rows, against candle's values in f64;
    /// activations with an outlier that 8 bits would not survive.
    #[test]
    fn products_agree_with_f64_over_what_candle_reads() {
        for dtype in Dtype::SUPPORTED {
            for (rows, cols) in [(1, 256), (8, 512), (13, 768), (64, 256)] {
                let bytes = ggml(dtype, rows, cols);
                let truth = quant::dequantize(dtype, &bytes).unwrap();
                let matrix = matrix(dtype, &bytes, rows, cols);
                let mut row = vec![0.0; cols];
                for (r, truth) in truth.chunks_exact(cols).enumerate() {
                    matrix.row(r, &mut row);
                    for (ours, theirs) in row.iter().zip(truth) {
                        assert!((ours - theirs).abs() < 1e-6, "{dtype} {ours} {theirs}");
                    }
                }
                for n_tokens in [1, 2, 3, 7] {
                    let mut x = noise(n_tokens * cols, 9);
                    x[11] = 800.0;
                    let mut activations = Activations::default();
                    activations.set(&x, cols);
                    let mut out = vec![f32::NAN; n_tokens * rows];
                    matrix.apply(&activations, &mut out);
                    for (t, x) in x.chunks_exact(cols).enumerate() {
                        for (r, weights) in truth.chunks_exact(cols).enumerate() {
                            let products = || weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                            let (expected, size) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                            let rounding: f64 = weights.chunks(BLOCK).zip(x.chunks(BLOCK)).map(rounding).sum();
                            let error = (f64::from(out[t * rows + r]) - expected).abs();
                            assert!(error < rounding + 1e-6 * size, "{dtype} {rows} {n_tokens}: {error}");
                        }
                    }
                }
            }
        }
    }

    /// The most that rounding a block's activations to 16 bits can do to a product.
    fn rounding((weights, x): (&[f32], &[f32])) -> f64 {
        let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        f64::from(largest) / 65534.0 * weights.iter().map(|w| f64::from(w.abs())).sum::<f64>()
    }

    /// Blocks of any bits, not only such as a quantizer makes, mean what candle says; the bits of their halves that
    /// are no numbers are left out.
    #[test]
    fn values_are_those_that_candle_reads() {
        for dtype in Dtype::SUPPORTED {
            let bytes: Vec<u8> =
                noise(dtype.block_bytes() * 64, 3).iter().map(|x| (x * 128.0) as i8 as u8 & 0xbb).collect();
            let ours = dequantize(dtype, &bytes).unwrap();
            let theirs = quant::dequantize(dtype, &bytes).unwrap();
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!(
                    theirs.is_finite() && (ours - theirs).abs() <= 1e-6 * theirs.abs().max(1e-3),
                    "{dtype} {ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn memory_is_as_announced_and_damage_is_an_error() {
        assert_eq!(Matrix::bytes_for(Dtype::Q4_1, 8, 64), 2 * 8 * 24);
        assert_eq!(Matrix::bytes_for(Dtype::Q8_0, 9, 32), 2 * 8 * 36);
        assert_eq!(Matrix::bytes_for(Dtype::Q6K, 8, 256), 8 * 8 * 40);
        assert_eq!(Matrix::bytes_for(Dtype::F16, 8, 3), 8 * 3 * 4);
        assert!(Matrix::with_capacity(Dtype::Q4_1, 8, 33).is_err());
        assert!(Matrix::with_capacity(Dtype::Q2K, 8, 256).is_err());
        let mut matrix = Matrix::with_capacity(Dtype::Q4_1, 10, 32).unwrap();
        assert!(matrix.push_rows(&[0; 19]).is_err());
        assert!(matrix.push_rows(&[0; 20 * 11]).is_err());
        assert!(matrix.push_rows(&[0; 20 * 4]).is_err());
        assert!(matrix.push_rows(&[0; 20 * 8]).is_ok());
        assert!(matrix.push_rows(&[0; 20 * 2]).is_ok());
        assert!(matrix.push_rows(&[0; 20]).is_err());
    }
}
