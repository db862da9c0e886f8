//! Pictures of 8-bit red, green and blue, and how they are made one size.

use super::PictureError;

/// Pixels of a side of a prepared picture, as in `VisAlign`.
pub const SIDE: usize = 256;
/// Most pixels of a picture that is taken in.
const MAX_PIXELS: usize = 1 << 26;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// (height, width, 3), row-major.
    pixels: Vec<u8>,
}

/// How a picture is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Triangle of radius 1.
    Bilinear,
    /// Keys' cubic with a = -0.5, radius 2.
    Bicubic,
    /// The mean of the covered pixels.
    Area,
}

impl Filter {
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Area => 0.5,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let t = x.abs();
        match self {
            Self::Bilinear => (1.0 - t).max(0.0),
            Self::Bicubic if t < 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
            Self::Bicubic if t < 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
            Self::Bicubic => 0.0,
            Self::Area => f64::from(u8::from(x > -0.5 && x <= 0.5)),
        }
    }
}

/// For each of `to` places along a side of `from` pixels: the first pixel and the weights from it on. Pillow's
/// convolution: the filter is stretched when the picture shrinks, so that nothing is skipped.
fn weights(from: usize, to: usize, filter: Filter) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let radius = filter.radius() * stretch;
    (0..to)
        .map(|place| {
            let center = (place as f64 + 0.5) * scale;
            let first = (center - radius + 0.5).max(0.0) as usize;
            let end = ((center + radius + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end).map(|at| filter.weight((at as f64 - center + 0.5) / stretch)).collect();
            let sum: f64 = raw.iter().sum();
            (first, raw.iter().map(|weight| (weight / sum) as f32).collect())
        })
        .collect()
}

/// A value of 0 to 255 as a byte.
pub(super) fn byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

impl Picture {
    /// From bytes (height, width, 3).
    ///
    /// # Errors
    /// A size of zero or above 64 million pixels, another number of bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, PictureError> {
        let n = width.checked_mul(height).filter(|n| (1..=MAX_PIXELS).contains(n));
        let expected = n.ok_or(PictureError::Size { width, height })? * 3;
        if pixels.len() != expected {
            return Err(PictureError::Bytes { found: pixels.len(), expected });
        }
        Ok(Self { width, height, pixels })
    }

    /// From bytes (height, width, 4); what is not opaque is laid on white.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_rgba(width: usize, height: usize, rgba: &[u8]) -> Result<Self, PictureError> {
        let pixels = rgba
            .chunks_exact(4)
            .flat_map(|pixel| {
                let alpha = u32::from(pixel[3]);
                [0, 1, 2].map(|c| ((u32::from(pixel[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
            })
            .collect();
        Self::new(width, height, pixels)
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// (height, width, 3).
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// In another size, as Pillow's `resize`: first along rows, then along columns, each rounded to bytes.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize, filter: Filter) -> Self {
        let mut middle = vec![0; width * self.height * 3];
        if width == self.width {
            middle.clone_from(&self.pixels);
        } else {
            let weights = weights(self.width, width, filter);
            for (row, out) in self.pixels.chunks_exact(self.width * 3).zip(middle.chunks_exact_mut(width * 3)) {
                for ((first, weights), out) in weights.iter().zip(out.chunks_exact_mut(3)) {
                    let mut sums = [0.0_f32; 3];
                    for (weight, pixel) in weights.iter().zip(row[first * 3..].chunks_exact(3)) {
                        for (sum, value) in sums.iter_mut().zip(pixel) {
                            *sum += weight * f32::from(*value);
                        }
                    }
                    out.copy_from_slice(&sums.map(byte));
                }
            }
        }
        if height == self.height {
            return Self { width, height, pixels: middle };
        }
        let mut pixels = vec![0; width * height * 3];
        let mut sums = vec![0.0_f32; width * 3];
        for ((first, weights), out) in
            weights(self.height, height, filter).iter().zip(pixels.chunks_exact_mut(width * 3))
        {
            sums.fill(0.0);
            for (weight, row) in weights.iter().zip(middle[first * width * 3..].chunks_exact(width * 3)) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += weight * f32::from(*value);
                }
            }
            for (out, sum) in out.iter_mut().zip(&sums) {
                *out = byte(*sum);
            }
        }
        Self { width, height, pixels }
    }

    /// The middle `width` x `height`; a side that is shorter stays.
    #[must_use]
    pub fn cropped(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.clamp(1, self.width), height.clamp(1, self.height));
        let (left, top) = ((self.width - width) / 2, (self.height - height) / 2);
        let pixels = self
            .pixels
            .chunks_exact(self.width * 3)
            .skip(top)
            .take(height)
            .flat_map(|row| &row[left * 3..(left + width) * 3])
            .copied()
            .collect();
        Self { width, height, pixels }
    }

    /// The four corners of `side` x `side`, as far as the picture is that large.
    #[must_use]
    pub fn corners(&self, side: usize) -> [Self; 4] {
        let (width, height) = (side.clamp(1, self.width), side.clamp(1, self.height));
        let (right, bottom) = (self.width - width, self.height - height);
        [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(left, top)| {
            let rows = self.pixels.chunks_exact(self.width * 3).skip(top).take(height);
            let pixels = rows.flat_map(|row| &row[left * 3..(left + width) * 3]).copied().collect();
            Self { width, height, pixels }
        })
    }

    /// The shorter side made 256 by bicubic interpolation, and the middle 256 x 256 of that.
    #[must_use]
    pub fn prepared(&self) -> Self {
        let scale = SIDE as f64 / self.width.min(self.height) as f64;
        let scaled = |side: usize| ((side as f64 * scale).round() as usize).max(SIDE);
        self.resized(scaled(self.width), scaled(self.height), Filter::Bicubic).cropped(SIDE, SIDE)
    }

    /// Root of the mean squared difference to a picture of the same size, in units of 0 to 1.
    pub fn distance(&self, other: &Self) -> f64 {
        let sum: f64 = self
            .pixels
            .iter()
            .zip(&other.pixels)
            .map(|(a, b)| {
                let difference = (f64::from(*a) - f64::from(*b)) / 255.0;
                difference * difference
            })
            .sum();
        libm::sqrt(sum / self.pixels.len().max(1) as f64)
    }

    /// As an address that an `img` element shows: a 24-bit BMP in base64, which needs no encoder of the browser's.
    pub fn data_url(&self) -> String {
        let row = (self.width * 3).next_multiple_of(4);
        let size = 54 + row * self.height;
        let mut file = Vec::with_capacity(size);
        file.extend_from_slice(b"BM");
        // File header, then the 40-byte information header; rows stand from the bottom up.
        let (width, height, n) = (self.width as u32, self.height as u32, (row * self.height) as u32);
        for word in [size as u32, 0, 54, 40, width, height, 1 | (24 << 16), 0, n, 2835, 2835, 0, 0] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for line in self.pixels.chunks_exact(self.width * 3).rev() {
            file.extend(line.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]));
            file.resize(54 + (file.len() - 54).next_multiple_of(row), 0);
        }
        let mut url = String::with_capacity(size * 4 / 3 + 32);
        url.push_str("data:image/bmp;base64,");
        for part in file.chunks(3) {
            let word = part.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
            for place in 0..4 {
                let six = (word >> (18 - 6 * place)) as usize & 63;
                url.push(if place <= part.len() { char::from(BASE64[six]) } else { '=' });
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_size_is_refused() {
        assert!(Picture::new(0, 3, Vec::new()).is_err());
        assert!(Picture::new(2, 2, vec![0; 11]).is_err());
        assert!(Picture::new(usize::MAX, 2, Vec::new()).is_err());
    }

    #[test]
    fn resizing_keeps_a_flat_color_and_cropping_takes_the_middle() {
        let flat = Picture::new(31, 17, [9, 80, 200].repeat(31 * 17)).unwrap();
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Area] {
            let small = flat.resized(10, 40, filter);
            assert_eq!(small.pixels(), [9, 80, 200].repeat(400));
        }
        let wide = Picture::new(4, 1, (0..12).collect()).unwrap();
        assert_eq!(wide.cropped(2, 1).pixels(), [3, 4, 5, 6, 7, 8]);
        let square = Picture::new(2, 2, (0..12).collect()).unwrap();
        assert_eq!(square.corners(1).map(|it| it.pixels()[0]), [0, 3, 6, 9]);
        assert_eq!(square.corners(5), std::array::from_fn(|_| square.clone()));
        assert_eq!((flat.prepared().width(), flat.prepared().height()), (SIDE, SIDE));
    }

    #[test]
    fn a_data_url_is_a_bitmap() {
        let picture = Picture::new(1, 1, vec![1, 2, 3]).unwrap();
        let url = picture.data_url();
        // Python: base64 of the same header, then 3 2 1 0.
        assert!(url.starts_with("data:image/bmp;base64,Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgA"), "{url}");
        assert!(url.ends_with("AwIBAA=="), "{url}");
    }

    #[test]
    fn transparent_pixels_are_white() {
        let picture = Picture::from_rgba(2, 1, &[10, 20, 30, 255, 10, 20, 30, 0]).unwrap();
        assert_eq!(picture.pixels(), [10, 20, 30, 255, 255, 255]);
    }
}
