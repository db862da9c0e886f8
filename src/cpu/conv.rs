//! Convolutions of images in `f32`, channels last: a pixel's channels lie side by side, pixels row by row.

use super::lanes::F32x8;

/// Output channels that are computed together; weights are padded to a multiple of it.
const LANES: usize = 8;
/// Pixels that share a load of the weights.
const PIXELS: usize = 4;

/// An image of `channels` values a pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Planes {
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// (height, width, channels), row-major.
    pub values: Vec<f32>,
}

impl Planes {
    /// All zero.
    pub fn zeros(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels, values: vec![0.0; height * width * channels] }
    }
}

/// Rows (or columns) of the result and zeros before the first row, for TensorFlow's SAME padding:
/// `ceil(size / stride)` results, the odd zero behind.
fn same_padding(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let out = size.div_ceil(stride);
    let total = ((out.saturating_sub(1)) * stride + kernel).saturating_sub(size);
    (out, total / 2)
}

fn load(values: &[f32], at: usize) -> F32x8 {
    values
        .get(at..at + LANES)
        .and_then(|part| <[f32; LANES]>::try_from(part).ok())
        .map_or(F32x8::splat(0.0), F32x8::new)
}

/// A matrix applied to every pixel (a 1 x 1 convolution, or any dense layer on rows of features).
#[derive(Debug, Clone)]
pub struct Pointwise {
    inputs: usize,
    outputs: usize,
    /// (outputs / 8, inputs, 8).
    weights: Vec<f32>,
    /// Padded to a multiple of 8.
    bias: Vec<f32>,
}

impl Pointwise {
    /// From weights (outputs, inputs), row-major, and one bias an output.
    pub fn new(weights: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = bias.len();
        let blocks = outputs.div_ceil(LANES);
        let mut packed = vec![0.0; blocks * inputs * LANES];
        for (output, row) in weights.chunks_exact(inputs.max(1)).take(outputs).enumerate() {
            for (input, weight) in row.iter().enumerate() {
                packed[(output / LANES * inputs + input) * LANES + output % LANES] = *weight;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * LANES, 0.0);
        Self { inputs, outputs, weights: packed, bias }
    }

    /// Values a pixel of the result.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Values a pixel of the input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// `rows`: (n, inputs) to (n, outputs).
    pub fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let n = rows.len() / self.inputs.max(1);
        let mut out = vec![0.0; n * self.outputs];
        let mut first = 0;
        while first < n {
            if n - first >= PIXELS {
                self.pixels::<PIXELS>(rows, first, &mut out);
                first += PIXELS;
            } else {
                self.pixels::<1>(rows, first, &mut out);
                first += 1;
            }
        }
        out
    }

    #[inline(always)]
    fn pixels<const P: usize>(&self, rows: &[f32], first: usize, out: &mut [f32]) {
        let inputs: [&[f32]; P] =
            std::array::from_fn(|p| rows.get((first + p) * self.inputs..(first + p + 1) * self.inputs).unwrap_or(&[]));
        for (block, weights) in self.weights.chunks_exact(self.inputs * LANES).enumerate() {
            let mut sums = [load(&self.bias, block * LANES); P];
            for (input, weights) in weights.chunks_exact(LANES).enumerate() {
                let weights = load(weights, 0);
                for (sum, values) in sums.iter_mut().zip(&inputs) {
                    *sum = sum.plus(F32x8::splat(values[input]).times(weights));
                }
            }
            let from = block * LANES;
            let count = LANES.min(self.outputs - from);
            for (p, sum) in sums.into_iter().enumerate() {
                let to = (first + p) * self.outputs + from;
                out[to..to + count].copy_from_slice(&sum.lanes()[..count]);
            }
        }
    }
}

/// A convolution with SAME padding as a matrix over patches.
#[derive(Debug, Clone)]
pub struct Conv {
    kernel: usize,
    stride: usize,
    matrix: Pointwise,
}

impl Conv {
    /// From weights (outputs, inputs, kernel, kernel), as `PyTorch` stores them.
    pub fn new(weights: &[f32], bias: &[f32], inputs: usize, kernel: usize, stride: usize) -> Self {
        let mut rows = vec![0.0; weights.len()];
        let patch = inputs * kernel * kernel;
        for (at, weight) in weights.iter().enumerate() {
            let (output, rest) = (at / patch, at % patch);
            let (input, place) = (rest / (kernel * kernel), rest % (kernel * kernel));
            rows[output * patch + place * inputs + input] = *weight;
        }
        Self { kernel, stride, matrix: Pointwise::new(&rows, bias, patch) }
    }

    /// The convolution of an image.
    pub fn apply(&self, image: &Planes) -> Planes {
        let (height, top) = same_padding(image.height, self.kernel, self.stride);
        let (width, left) = same_padding(image.width, self.kernel, self.stride);
        let n = image.channels;
        let mut patches = vec![0.0; height * width * self.matrix.inputs()];
        for (at, patch) in patches.chunks_exact_mut(self.matrix.inputs()).enumerate() {
            let (y, x) = (at / width * self.stride, at % width * self.stride);
            for (place, cell) in patch.chunks_exact_mut(n).enumerate() {
                let (row, column) = (y + place / self.kernel, x + place % self.kernel);
                if (top..top + image.height).contains(&row) && (left..left + image.width).contains(&column) {
                    let from = ((row - top) * image.width + column - left) * n;
                    cell.copy_from_slice(&image.values[from..from + n]);
                }
            }
        }
        Planes { height, width, channels: self.matrix.outputs(), values: self.matrix.apply(&patches) }
    }
}

/// A convolution of each channel by itself, with SAME padding.
#[derive(Debug, Clone)]
pub struct Depthwise {
    kernel: usize,
    stride: usize,
    channels: usize,
    /// (kernel, kernel, channels).
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// From weights (channels, 1, kernel, kernel), as `PyTorch` stores them.
    pub fn new(weights: &[f32], bias: &[f32], kernel: usize, stride: usize) -> Self {
        let channels = bias.len();
        let area = kernel * kernel;
        let mut turned = vec![0.0; weights.len()];
        for (at, weight) in weights.iter().enumerate() {
            turned[at % area * channels + at / area] = *weight;
        }
        Self { kernel, stride, channels, weights: turned, bias: bias.to_vec() }
    }

    /// The convolution of an image.
    pub fn apply(&self, image: &Planes) -> Planes {
        let n = self.channels;
        let (height, top) = same_padding(image.height, self.kernel, self.stride);
        let (width, left) = same_padding(image.width, self.kernel, self.stride);
        let mut out = Planes::zeros(height, width, n);
        for (at, cell) in out.values.chunks_exact_mut(n).enumerate() {
            let (y, x) = (at / width * self.stride, at % width * self.stride);
            // Places of the kernel that lie on the image.
            let rows = top.saturating_sub(y)..self.kernel.min(image.height + top - y);
            let columns = left.saturating_sub(x)..self.kernel.min(image.width + left - x);
            let whole = n - n % LANES;
            for channel in (0..whole).step_by(LANES) {
                let mut sum = load(&self.bias, channel);
                for row in rows.clone() {
                    let line = ((y + row - top) * image.width) * n;
                    for column in columns.clone() {
                        let from = line + (x + column - left) * n + channel;
                        let weight = (row * self.kernel + column) * n + channel;
                        sum = sum.plus(load(&image.values, from).times(load(&self.weights, weight)));
                    }
                }
                cell[channel..channel + LANES].copy_from_slice(&sum.lanes());
            }
            for (channel, out) in cell.iter_mut().enumerate().skip(whole) {
                let mut sum = self.bias[channel];
                for row in rows.clone() {
                    for column in columns.clone() {
                        let from = ((y + row - top) * image.width + x + column - left) * n + channel;
                        sum += image.values[from] * self.weights[(row * self.kernel + column) * n + channel];
                    }
                }
                *out = sum;
            }
        }
        out
    }
}

/// min(max(x, 0), 6) in place.
pub fn relu6(values: &mut [f32]) {
    for value in values {
        *value = value.clamp(0.0, 6.0);
    }
}

/// Mean over all pixels of each channel.
pub fn mean_pool(image: &Planes) -> Vec<f32> {
    let mut sums = vec![0.0; image.channels];
    for pixel in image.values.chunks_exact(image.channels.max(1)) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    let n = (image.height * image.width).max(1) as f32;
    sums.iter().map(|sum| sum / n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_follows_tensorflow() {
        assert_eq!(same_padding(224, 3, 2), (112, 0));
        assert_eq!(same_padding(7, 5, 1), (7, 2));
        assert_eq!(same_padding(14, 5, 2), (7, 1));
    }

    #[test]
    fn a_convolution_by_hand() {
        let image = Planes { height: 3, width: 3, channels: 1, values: (1..=9_u8).map(f32::from).collect() };
        let ones = [1.0; 9];
        let out = Conv::new(&ones, &[0.5], 1, 3, 2).apply(&image);
        // SAME with stride 2 on 3 x 3: one zero on every side.
        assert_eq!(out.values, [12.5, 16.5, 24.5, 28.5]);
        assert_eq!(Depthwise::new(&ones, &[0.5], 3, 2).apply(&image).values, out.values);
    }

    #[test]
    fn many_channels_equal_one_at_a_time() {
        let channels = 13;
        let image = Planes {
            height: 5,
            width: 6,
            channels,
            values: (0..5 * 6 * channels).map(|at| ((at * 37 % 101) as f32 - 50.0) / 25.0).collect(),
        };
        let weights: Vec<f32> = (0..channels * 25).map(|at| ((at * 53 % 89) as f32 - 44.0) / 44.0).collect();
        let bias: Vec<f32> = (0..channels).map(|at| at as f32 / 10.0).collect();
        let all = Depthwise::new(&weights, &bias, 5, 2).apply(&image);
        for channel in 0..channels {
            let one = Planes {
                height: 5,
                width: 6,
                channels: 1,
                values: image.values.iter().skip(channel).step_by(channels).copied().collect(),
            };
            let own = Depthwise::new(&weights[channel * 25..][..25], &bias[channel..=channel], 5, 2).apply(&one);
            let found: Vec<f32> = all.values.iter().skip(channel).step_by(channels).copied().collect();
            assert!(own.values.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn a_dense_layer_by_hand() {
        let layer = Pointwise::new(&[1.0, 2.0, 3.0, -1.0, 0.0, 1.0], &[10.0, 20.0], 3);
        assert_eq!(layer.apply(&[1.0, 1.0, 1.0, 2.0, 0.0, 1.0]), [16.0, 20.0, 15.0, 19.0]);
    }
}
