//! Model cards: `public/models/catalog.json`.

use serde::{Deserialize, Serialize};

/// Next-token values that a device must reproduce after loading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTestProbe {
    /// Token ids of the prompt.
    pub tokens: Vec<u32>,
    /// Ids of the oracle's most probable next tokens, best first.
    pub top_ids: Vec<u32>,
    /// Their natural log-probabilities over the whole vocabulary.
    pub top_logprobs: Vec<f64>,
}

/// One model of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Stable id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Architecture name in the file.
    pub family: String,
    /// Quantization of most weights.
    pub quantization: String,
    /// Path relative to the site's root, or an https address.
    pub url: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the whole file, lower-case hexadecimal.
    pub sha256: String,
    /// SHA-256 of each 4 MiB chunk (the last one shorter), so that one bad chunk is fetched again alone.
    #[serde(default)]
    pub chunk_sha256: Vec<String>,
    /// Licence (SPDX).
    pub licence: String,
    /// Where it comes from.
    pub source: String,
    /// It continues text and has no chat template, so it is asked with worked examples.
    #[serde(default)]
    pub base: bool,
    /// Values of the f32 oracle for the check after loading.
    #[serde(default)]
    pub self_test: Vec<SelfTestProbe>,
}

/// The catalog file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Id of the model that is offered first.
    pub default: String,
    /// The models.
    pub models: Vec<ModelCard>,
}
