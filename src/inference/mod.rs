//! The real engines: a decoder on the GPU or the processor behind `eval::Engine`.

mod choices;
pub mod forward;
mod generate;
pub mod language_model;
pub mod sampler;

#[cfg(test)]
mod fake;
