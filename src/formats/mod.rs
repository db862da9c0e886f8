//! File parsers: bytes in, values out, never a panic. Every count is checked against the file's own length
//! and against a cap before memory is taken for it.

pub mod archive;
pub mod catalog;
pub mod gguf;
pub mod quant;
pub mod safetensors;
pub mod source;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file ends before its own header says it does.
    #[error("the file is cut short: {needed} bytes needed, {total} there")]
    Truncated {
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        total: u64,
    },
    /// Not a GGUF file.
    #[error("not a GGUF file: it starts with {found:02x?}")]
    NotGguf {
        /// Its first four bytes.
        found: [u8; 4],
    },
    /// A version of the format that we do not read.
    #[error("GGUF version {version} is not supported (2 and 3 are)")]
    Version {
        /// The version.
        version: u32,
    },
    /// A count, length or offset that cannot be true.
    #[error("the header is damaged: {detail}")]
    Header {
        /// What.
        detail: String,
    },
    /// One of several files of a model.
    #[error("{file}: {detail}")]
    InFile {
        /// Its name.
        file: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A metadata key that the family needs.
    #[error("the file lacks {key}")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A tensor that the family needs.
    #[error("the file lacks the tensor {name}")]
    MissingTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor with another shape than the header's sizes ask for.
    #[error("tensor {name} has shape {found:?} where {expected:?} was expected")]
    Shape {
        /// The tensor.
        name: String,
        /// Expected, outermost first.
        expected: Vec<usize>,
        /// Found, outermost first.
        found: Vec<usize>,
    },
    /// An architecture that no family file covers.
    #[error("the model family {family:?} is not supported yet")]
    Family {
        /// Its name in the file.
        family: String,
    },
    /// A quantization that no kernel covers.
    #[error("the quantization {dtype} (tensor {tensor}) is not supported yet")]
    Quantization {
        /// ggml's name.
        dtype: String,
        /// The first tensor that has it.
        tensor: String,
    },
    /// More memory than the budget allows.
    #[error("{needed} bytes are needed, the budget is {budget}")]
    OverBudget {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// The tokenizer in the file cannot be built.
    #[error("the tokenizer cannot be built: {detail}")]
    Tokenizer {
        /// What it said.
        detail: String,
    },
    /// The bytes have another hash than the catalog says.
    #[error("the bytes are not the ones the catalog lists (SHA-256 {found})")]
    Hash {
        /// Hash of what came.
        found: String,
    },
    /// The bytes could not be had.
    #[error("reading failed: {detail}")]
    Read {
        /// What the network or the disk said.
        detail: String,
    },
    /// The browser's storage is full.
    #[error("the browser's storage is full")]
    Quota,
    /// The person stopped it.
    #[error("cancelled")]
    Cancelled,
}
