//! Hostile files: an error or a value, never a panic, and memory bounded by the caps.

use std::cell::Cell;
use std::ops::Range;

use likewise::formats::FormatError;
use likewise::formats::gguf::{FIRST_PREFIX_BYTES, GgufHeader, MAX_ARRAY_ELEMENTS, MAX_HEADER_BYTES, read_header};
use likewise::formats::source::ByteSource;
use likewise::inference::chat_template::ChatTemplate;
use likewise::inference::tokenizer::Tokenizer;
use proptest::prelude::*;

const VALID: &[u8] = include_bytes!("../golden/models/tiny-llama-q4_1.gguf");
/// Bytes of the valid file's header, roughly: its tensors start here.
fn header_len() -> usize {
    usize::try_from(read(VALID).unwrap().data_offset).unwrap()
}

fn read(bytes: &[u8]) -> Result<GgufHeader, FormatError> {
    pollster::block_on(read_header(&bytes))
}

/// Reads the header and, if there is one, builds everything that is built from it.
fn read_all(bytes: &[u8]) -> Result<GgufHeader, FormatError> {
    let header = read(bytes)?;
    for tensor in &header.tensors {
        assert!(tensor.range().end <= bytes.len() as u64);
    }
    if let Ok(tokenizer) = Tokenizer::from_gguf(&header.metadata) {
        drop(ChatTemplate::from_gguf(&header.metadata, &tokenizer));
        drop(tokenizer.encode("a b <|im_end|> 12", true));
    }
    Ok(header)
}

/// A source that claims a length and remembers the longest range it was asked for.
struct Claims {
    start: Vec<u8>,
    len: u64,
    longest: Cell<u64>,
}

impl ByteSource for Claims {
    fn len(&self) -> u64 {
        self.len
    }

    async fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), FormatError> {
        assert!(range.end <= self.len);
        self.longest.set(self.longest.get().max(range.end - range.start));
        into.clear();
        into.extend_from_slice(&self.start);
        into.resize(usize::try_from(range.end - range.start).unwrap(), 0);
        Ok(())
    }
}

fn claims(start: Vec<u8>, len: u64) -> (Result<GgufHeader, FormatError>, u64) {
    let source = Claims { start, len, longest: Cell::new(0) };
    let result = pollster::block_on(read_header(&source));
    (result, source.longest.get())
}

/// Magic, version 3, the two counts.
fn start(n_tensors: u64, n_metadata: u64) -> Vec<u8> {
    [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &n_tensors.to_le_bytes(), &n_metadata.to_le_bytes()].concat()
}

fn key(name: &str, value_type: u32) -> Vec<u8> {
    [&(name.len() as u64).to_le_bytes(), name.as_bytes(), &value_type.to_le_bytes()].concat()
}

#[test]
fn valid_file_is_read() {
    let header = read_all(VALID).unwrap();
    assert_eq!((header.version, header.tensors.len()), (3, 20));
    assert_eq!(header.metadata.u32("llama.block_count"), Ok(2));
    assert_eq!(header.tensor("token_embd.weight").unwrap().shape, [320, 64]);
    assert_eq!(header.main_dtype().unwrap().name(), "Q4_1");
    assert_eq!(header.check_supported(), Ok(()));
}

#[test]
fn every_truncation_is_told() {
    let len = VALID.len();
    for end in (0..header_len()).step_by(7).chain([header_len(), len - 33]) {
        assert!(matches!(read(&VALID[..end]), Err(FormatError::Truncated { .. })), "{end}");
    }
}

/// Counts that a file of a terabyte could hold are refused by the caps, before anything is read for them.
#[test]
fn claimed_sizes_take_no_memory() {
    let terabyte = 1 << 40;
    let huge_array = |element: u32, n: u64| {
        [start(0, 1), key("k", 9), element.to_le_bytes().to_vec(), n.to_le_bytes().to_vec()].concat()
    };
    for bytes in [
        start(1 << 30, 0),
        start(0, 1 << 30),
        start(u64::MAX, u64::MAX),
        [start(0, 1), u64::MAX.to_le_bytes().to_vec()].concat(),
        [start(0, 1), key("k", 8), (1_u64 << 30).to_le_bytes().to_vec()].concat(),
        huge_array(4, MAX_ARRAY_ELEMENTS + 1),
        huge_array(8, u64::MAX),
        huge_array(9, 1),
        [start(0, 1), key("general.alignment", 4), 0_u32.to_le_bytes().to_vec()].concat(),
    ] {
        let (result, longest) = claims(bytes, terabyte);
        assert!(matches!(result, Err(FormatError::Header { .. })), "{result:?}");
        assert_eq!(longest, FIRST_PREFIX_BYTES);
    }
    // A header that only goes on is given up at the cap.
    let (result, longest) =
        claims([start(0, 4096), key("k", 8), (4_u64 << 20).to_le_bytes().to_vec()].concat(), terabyte);
    assert!(result.is_err());
    assert!(longest <= MAX_HEADER_BYTES, "{longest}");
}

#[test]
fn wrong_magic_and_version_are_named() {
    assert_eq!(read(b"PK\x03\x04....").unwrap_err(), FormatError::NotGguf { found: *b"PK\x03\x04" });
    let mut old = VALID.to_vec();
    old[4] = 1;
    assert_eq!(read(&old).unwrap_err(), FormatError::Version { version: 1 });
}

/// Ids of an independent BPE and of transformers; see the script named in the fixture.
#[test]
fn token_ids_are_golden() {
    use candle_core::quantized::gguf_file::{Content, Value};
    use likewise::formats::gguf::Metadata;
    let golden: serde_json::Value = serde_json::from_str(include_str!("../golden/models/tokenizer_ids.json")).unwrap();
    let values = Content::read(&mut std::io::Cursor::new(VALID)).unwrap().metadata;
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    let ids = golden["ids"].as_object().unwrap();
    assert_eq!(ids.len(), 5);
    for (pre, expected) in ids {
        let mut values = values.clone();
        values.insert("tokenizer.ggml.pre".to_owned(), Value::String(pre.clone()));
        let tokenizer = Tokenizer::from_gguf(&Metadata::from_values(values)).unwrap();
        let expected: Vec<Vec<u32>> = serde_json::from_value(expected.clone()).unwrap();
        for (text, expected) in texts.iter().zip(&expected) {
            let ours = tokenizer.encode(text, false).unwrap();
            assert_eq!(ours, *expected, "{pre}: {text:?}");
            assert_eq!(tokenizer.decode(&ours), *text);
        }
        assert_eq!(expected.len(), texts.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048), with_magic in any::<bool>()) {
        let bytes = if with_magic { [start(1, 2), bytes].concat() } else { bytes };
        drop(read_all(&bytes));
    }
}
