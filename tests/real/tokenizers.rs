//! Token ids of 1,000 strings against transformers (`tests/golden/make/tokenizer_strings.py`) with whole vocabularies.

use candle_core::quantized::gguf_file::{Content, Value};
use likewise::formats::gguf::Metadata;
use likewise::inference::tokenizer::Tokenizer;

/// 32-bit FNV-1a of ids as little-endian numbers.
fn hash(ids: &[u32]) -> u32 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    bytes.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Compares the tokenizer of a file, under another pre-tokenizer if one is given.
fn check(file: &[u8], pre: Option<&str>, name: &str) {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../golden/models/tokenizer_strings.json")).unwrap();
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    let expected: Vec<u32> = serde_json::from_value(golden["hashes"][name].clone()).unwrap();
    let mut values = Content::read(&mut std::io::Cursor::new(file)).unwrap().metadata;
    if let Some(pre) = pre {
        values.insert("tokenizer.ggml.pre".to_owned(), Value::String(pre.to_owned()));
    }
    let tokenizer = Tokenizer::from_gguf(&Metadata::from_values(values)).unwrap();
    assert_eq!(expected.len(), texts.len());
    for (text, expected) in texts.iter().zip(expected) {
        let ids = tokenizer.encode(text, true).unwrap();
        assert_eq!(hash(&ids), expected, "{name}: {text:?} became {ids:?}");
    }
}

#[test]
fn smollm2_vocabulary_under_every_pre_tokenizer() {
    for pre in ["smollm", "gpt-2", "llama-bpe", "qwen2"] {
        check(super::files::smollm2_bytes(), Some(pre), &format!("SmolLM2 as {pre}"));
    }
}

#[test]
fn gemma_vocabulary_with_merges_from_scores() {
    check(super::files::gemma_bytes(), None, "gemma-3-270m");
}
