//! The real engines: a decoder on the GPU or the processor behind `eval::Engine`.

pub mod chat_template;
mod choices;
pub mod compare;
pub mod cpu_engine;
pub mod encoder_engine;
pub mod error;
pub mod forward;
mod generate;
pub mod gpu_engine;
pub mod json_lines;
pub mod language_model;
pub mod load;
pub mod oracle;
pub mod sampler;
pub mod sentence_encoder;
pub mod token_trie;
pub mod tokenizer;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod golden;
