//! `all-MiniLM-L6-v2` with its real weights, held to transformers with the published F32 weights (ours are kept as F16), and
//! to a forward pass in candle's tensor operations on the same file. The file is what `make model-minilm` fetches, or the one named by `LIKEWISE_MINILM`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use candle_core::{DType, Device, Tensor};
use likewise::inference::sentence_encoder::SentenceEncoder;
use serde_json::Value;

/// The repository and the file.
fn real() -> (PathBuf, Vec<u8>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    let path =
        env::var("LIKEWISE_MINILM").map_or_else(|_| root.join("models-cache/all-MiniLM-L6-v2.safetensors"), Into::into);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run make model-minilm", path.display()));
    (root, bytes)
}

#[test]
fn twenty_texts_are_embedded_as_transformers_does() {
    let (root, bytes) = real();
    let encoder = SentenceEncoder::from_bundle(&bytes).unwrap();
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(root.join("tests/golden/models/minilm.json")).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 20);
    let mut least = 1.0_f64;
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(encoder.tokens(text).unwrap().len() as u64, case["n_tokens"].as_u64().unwrap(), "{text:?}");
        let expected = BASE64_STANDARD.decode(case["embedding"].as_str().unwrap()).unwrap();
        let expected = expected.as_chunks::<4>().0.iter().map(|word| f64::from(f32::from_le_bytes(*word)));
        let found = encoder.embed(text).unwrap();
        assert_eq!(found.len(), 384);
        let cosine: f64 = found.iter().zip(expected).map(|(a, b)| f64::from(*a) * b).sum();
        assert!(cosine >= 0.9999, "{text:?}: {cosine}");
        least = least.min(cosine);
    }
    println!("least cosine 1 - {:.1e}", 1.0 - least);
}

/// BERT (Devlin et al. 2019, sections 3 and A; Vaswani et al. 2017, section 3) in candle's tensor operations, which share
/// no code with ours.
struct Reference(HashMap<String, Tensor>);

impl Reference {
    fn new(bytes: &[u8]) -> candle_core::Result<Self> {
        let loaded = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
        let wide = loaded.into_iter().map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)));
        wide.collect::<candle_core::Result<_>>().map(Self)
    }

    fn dense(&self, x: &Tensor, name: &str) -> candle_core::Result<Tensor> {
        let of = |part: &str| &self.0[&format!("{name}.{part}")];
        x.matmul(&of("weight").t()?)?.broadcast_add(of("bias"))
    }

    fn norm(&self, x: &Tensor, name: &str) -> candle_core::Result<Tensor> {
        let of = |part: &str| &self.0[&format!("{name}.LayerNorm.{part}")];
        let centered = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let deviation = (centered.sqr()?.mean_keepdim(1)? + 1e-12)?.sqrt()?;
        centered.broadcast_div(&deviation)?.broadcast_mul(of("weight"))?.broadcast_add(of("bias"))
    }

    fn layer(&self, x: &Tensor, at: usize) -> candle_core::Result<Tensor> {
        const HEADS: usize = 12;
        let name = format!("encoder.layer.{at}");
        let (tokens, width) = x.dims2()?;
        let heads = |part: &str| {
            let projected = self.dense(x, &format!("{name}.attention.self.{part}"))?;
            projected.reshape((tokens, HEADS, width / HEADS))?.transpose(0, 1)?.contiguous()
        };
        let (query, key, value) = (heads("query")?, heads("key")?, heads("value")?);
        let scores = (query.matmul(&key.transpose(1, 2)?.contiguous()?)? / ((width / HEADS) as f64).sqrt())?;
        let powers = scores.broadcast_sub(&scores.max_keepdim(2)?)?.exp()?;
        let weights = powers.broadcast_div(&powers.sum_keepdim(2)?)?;
        let mixed = weights.matmul(&value)?.transpose(0, 1)?.contiguous()?.reshape((tokens, width))?;
        let attended = (self.dense(&mixed, &format!("{name}.attention.output.dense"))? + x)?;
        let x = self.norm(&attended, &format!("{name}.attention.output"))?;
        let up = self.dense(&x, &format!("{name}.intermediate.dense"))?.gelu_erf()?;
        let down = (self.dense(&up, &format!("{name}.output.dense"))? + &x)?;
        self.norm(&down, &format!("{name}.output"))
    }

    fn embed(&self, tokens: &[u32]) -> candle_core::Result<Vec<f32>> {
        let rows = |table: &str, ids: &[u32]| {
            self.0[&format!("embeddings.{table}.weight")].index_select(&Tensor::new(ids, &Device::Cpu)?, 0)
        };
        let places: Vec<u32> = (0..tokens.len() as u32).collect();
        let sum = (rows("word_embeddings", tokens)? + rows("position_embeddings", &places)?)?;
        let sum = (sum + rows("token_type_embeddings", &vec![0; tokens.len()])?)?;
        let mut x = self.norm(&sum, "embeddings")?;
        for at in 0..6 {
            x = self.layer(&x, at)?;
        }
        let mean = x.mean(0)?;
        let length = mean.sqr()?.sum_all()?.sqrt()?;
        mean.broadcast_div(&length)?.to_vec1()
    }
}

#[test]
fn twenty_texts_are_embedded_as_candle_does() {
    let (root, bytes) = real();
    let encoder = SentenceEncoder::from_bundle(&bytes).unwrap();
    let reference = Reference::new(&bytes).unwrap();
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(root.join("tests/golden/models/minilm.json")).unwrap()).unwrap();
    let mut least = 1.0_f64;
    for case in golden["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let expected = reference.embed(&encoder.tokens(text).unwrap()).unwrap();
        let found = encoder.embed(text).unwrap();
        let cosine: f64 = found.iter().zip(&expected).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!(cosine >= 0.9999, "{text:?}: {cosine}");
        least = least.min(cosine);
    }
    println!("least cosine beside candle 1 - {:.1e}", 1.0 - least);
}
