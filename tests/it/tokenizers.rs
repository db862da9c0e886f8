//! Token ids of 1,000 strings against transformers (`tests/golden/make/tokenizer_strings.py`), for the tiny vocabularies;
//! `tests/real` does the same for whole ones.

use likewise::formats::gguf::read_header;
use likewise::inference::tokenizer::Tokenizer;
use serde_json::Value;

/// 32-bit FNV-1a of ids as little-endian numbers.
fn hash(ids: &[u32]) -> u32 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    bytes.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[test]
fn ids_of_a_thousand_strings_are_those_of_transformers() {
    let golden: Value = serde_json::from_str(include_str!("../golden/models/tokenizer_strings.json")).unwrap();
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    assert_eq!(texts.len(), 1000);
    for (name, file) in [
        ("tiny-llama-q8_0", &include_bytes!("../golden/models/tiny-llama-q8_0.gguf")[..]),
        ("tiny-qwen2", include_bytes!("../golden/models/tiny-qwen2.gguf")),
        ("tiny-gemma3", include_bytes!("../golden/models/tiny-gemma3.gguf")),
    ] {
        let header = pollster::block_on(read_header(&file)).unwrap();
        let tokenizer = Tokenizer::from_gguf(&header.metadata).unwrap();
        let expected: Vec<u32> = serde_json::from_value(golden["hashes"][name].clone()).unwrap();
        assert_eq!(expected.len(), texts.len());
        for (text, expected) in texts.iter().zip(expected) {
            let ids = tokenizer.encode(text, true).unwrap();
            assert_eq!(hash(&ids), expected, "{name}: {text:?} became {ids:?}");
            // SentencePiece cannot tell its own mark from a space.
            let read_back = if name == "tiny-gemma3" { text.replace('\u{2581}', " ") } else { text.clone() };
            assert_eq!(tokenizer.decode(&ids), read_back, "{name}");
        }
    }
}
