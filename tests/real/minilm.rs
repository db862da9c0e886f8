//! `all-MiniLM-L6-v2` with its real weights, held to transformers with the published F32 weights (ours are kept as F16). The
//! file is what `make model-minilm` fetches, or the one named by `LIKEWISE_MINILM`.

use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use likewise::inference::sentence_encoder::SentenceEncoder;
use serde_json::Value;

#[test]
fn twenty_texts_are_embedded_as_transformers_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path =
        env::var("LIKEWISE_MINILM").map_or_else(|_| root.join("models-cache/all-MiniLM-L6-v2.safetensors"), Into::into);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run make model-minilm", path.display()));
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
