//! Pictures in, class probabilities and altered pictures out. Pure: decoding a file is its caller's work.
//!
//! A picture is made 256 x 256 first ([`picture::Picture::prepared`]), corrupted there ([`corruption::corrupt`]), and its
//! middle 224 x 224 is classified ([`efficientnet`]). [`engine::VisionEngine`] puts the three behind the one trait of
//! engines.

pub mod clip;
pub mod corruption;
mod corruption_parts;
pub mod efficientnet;
pub mod engine;
pub mod jpeg;
pub mod picture;
pub mod vit;

/// Names of the ImageNet-1k classes in the order of the logits (torchvision's list).
const IMAGENET_LABELS: &str = include_str!("imagenet_labels.txt");

/// The name of an ImageNet-1k class; empty outside of 0..1000.
pub fn imagenet_label(index: usize) -> &'static str {
    IMAGENET_LABELS.lines().nth(index).unwrap_or_default()
}

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It has no pixels, or more than can be held.
    #[error("a picture of {width} x {height} pixels cannot be used")]
    Size {
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The number of bytes is not three a pixel.
    #[error("{found} bytes where {expected} were expected")]
    Bytes {
        /// Bytes there.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
}
