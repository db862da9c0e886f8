//! The real engines: a decoder on the GPU or the processor behind `eval::Engine`.

pub mod forward;
