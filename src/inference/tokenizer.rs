//! Text to ids and back: a `tokenizers::Tokenizer` built from the vocabulary and merges in a GGUF file.
//!
//! Byte-level BPE only (`tokenizer.ggml.model` = `gpt2`). The splitting before BPE follows `tokenizer.ggml.pre` with
//! the regular expressions of the models' own tokenizers, as llama.cpp lists them. Golden ids:
//! `tests/golden/models/tokenizer_*.json`.

use std::collections::BTreeSet;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

use crate::formats::FormatError;
use crate::formats::gguf::{Metadata, optional};

/// GPT-2's words; runs of spaces at the end of a text are covered by what no alternative matches.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// Llama 3's words: numbers in groups of three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen 2's words: numbers digit by digit.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Tokens that end a turn in chat models, beside the file's own end-of-sequence token.
const END_OF_TURN: [&str; 7] =
    ["<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>", "<|eom_id|>"];

/// ggml's `token_type` of a control token.
const CONTROL: i32 = 3;
/// ggml's `token_type` of a token that the model's authors added as text.
const USER_DEFINED: i32 = 4;

/// A piece of text that stands for one token, whatever is around it.
#[derive(Debug, Clone)]
struct Added {
    text: String,
    id: u32,
    is_control: bool,
}

/// Turns text into token ids and ids into bytes.
pub struct Tokenizer {
    bpe: tokenizers::Tokenizer,
    /// Sorted by falling length, so that the longest one wins.
    added: Vec<Added>,
    /// Bytes of all tokens in a row; token `i` has `ends[i - 1]..ends[i]`.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    eos_ids: BTreeSet<u32>,
    eos: Option<u32>,
    bos: Option<u32>,
    add_bos: bool,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("n_vocab", &self.n_vocab())
            .field("eos_ids", &self.eos_ids)
            .finish_non_exhaustive()
    }
}

fn failed(detail: impl Into<String>) -> FormatError {
    FormatError::Tokenizer { detail: detail.into() }
}

impl Tokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    ///
    /// # Errors
    /// [`FormatError::Tokenizer`] for another kind than byte-level BPE, an unknown pre-tokenizer or merges that do not
    /// fit the vocabulary; [`FormatError::MissingKey`] and [`FormatError::Header`] for metadata that are missing or
    /// have another type.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, FormatError> {
        let model = metadata.str("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(failed(format!("its kind is {model:?}; only byte-level BPE (\"gpt2\") is read so far")));
        }
        let tokens = metadata.str_array("tokenizer.ggml.tokens")?;
        let merges = metadata.str_array("tokenizer.ggml.merges")?;
        let types = optional(metadata.i32_array("tokenizer.ggml.token_type"))?.unwrap_or_default();
        if tokens.is_empty() {
            return Err(failed("the vocabulary is empty"));
        }
        if !types.is_empty() && types.len() != tokens.len() {
            return Err(failed(format!("{} tokens have {} types", tokens.len(), types.len())));
        }
        let token_type = |id: usize| types.get(id).copied().unwrap_or(1);

        let bpe = build_bpe(&tokens, &merges, optional(metadata.str("tokenizer.ggml.pre"))?.unwrap_or("default"))?;

        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(tokens.len());
        let mut added = Vec::new();
        for (id, token) in tokens.iter().enumerate() {
            let kind = token_type(id);
            if kind == CONTROL || kind == USER_DEFINED {
                bytes.extend(token.as_bytes());
                if !token.is_empty() {
                    added.push(Added { text: (*token).to_owned(), id: id as u32, is_control: kind == CONTROL });
                }
            } else {
                push_bytes_of(token, &mut bytes);
            }
            ends.push(bytes.len());
        }
        added.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then(a.id.cmp(&b.id)));

        let id_of = |key: &str| -> Result<Option<u32>, FormatError> {
            match optional(metadata.u32(key))? {
                Some(id) if id as usize >= tokens.len() => {
                    Err(failed(format!("{key} is {id}, the vocabulary has {} tokens", tokens.len())))
                }
                id => Ok(id),
            }
        };
        let bos = id_of("tokenizer.ggml.bos_token_id")?;
        let eos = id_of("tokenizer.ggml.eos_token_id")?;
        let eos_ids = eos
            .into_iter()
            .chain(id_of("tokenizer.ggml.eot_token_id")?)
            .chain(added.iter().filter(|t| t.is_control && END_OF_TURN.contains(&t.text.as_str())).map(|t| t.id))
            .collect();
        let add_bos = optional(metadata.bool("tokenizer.ggml.add_bos_token"))?.unwrap_or(false) && bos.is_some();
        Ok(Self { bpe, added, bytes, ends, eos_ids, eos, bos, add_bos })
    }

    /// Size of the vocabulary.
    pub fn n_vocab(&self) -> usize {
        self.ends.len()
    }

    /// Raw bytes of a token, to be joined before they are read as UTF-8; empty for an id out of range.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends.get(id - 1).copied().unwrap_or(0) };
        self.ends.get(id).and_then(|&end| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// The token's own text; partial UTF-8 is shown as U+FFFD.
    pub fn token_text(&self, id: u32) -> String {
        String::from_utf8_lossy(self.token_bytes(id)).into_owned()
    }

    /// Text of many tokens.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.token_bytes(id).iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tokens that end an answer: end of sequence and end of turn.
    pub fn eos_ids(&self) -> &BTreeSet<u32> {
        &self.eos_ids
    }

    /// The file's end-of-sequence token.
    pub fn eos_id(&self) -> Option<u32> {
        self.eos
    }

    /// The file's beginning-of-sequence token.
    pub fn bos_id(&self) -> Option<u32> {
        self.bos
    }

    /// Whether the model was trained with the beginning-of-sequence token before every text.
    pub fn add_bos(&self) -> bool {
        self.add_bos
    }

    /// Token ids of a text; no token is added. Control tokens are recognized only with `parse_specials`, so that a
    /// person's text cannot end a turn; tokens that the model's authors added as plain text always are, as in the
    /// models' own tokenizers.
    ///
    /// # Errors
    /// [`FormatError::Tokenizer`] with what the tokenizer said.
    pub fn encode(&self, text: &str, parse_specials: bool) -> Result<Vec<u32>, FormatError> {
        self.encode_protected(text, parse_specials, None)
    }

    /// As [`Self::encode`]; the character `guard` is removed after control tokens were looked for, so that a token
    /// interrupted by it is read as plain text.
    pub(crate) fn encode_protected(
        &self,
        text: &str,
        parse_specials: bool,
        guard: Option<char>,
    ) -> Result<Vec<u32>, FormatError> {
        let mut ids = Vec::new();
        let mut plain_start = 0;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let found = self.added.iter().find(|t| (parse_specials || !t.is_control) && rest.starts_with(&t.text));
            if let Some(found) = found {
                self.encode_plain(&text[plain_start..at], guard, &mut ids)?;
                ids.push(found.id);
                at += found.text.len();
                plain_start = at;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.encode_plain(&text[plain_start..], guard, &mut ids)?;
        Ok(ids)
    }

    fn encode_plain(&self, text: &str, guard: Option<char>, ids: &mut Vec<u32>) -> Result<(), FormatError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = match guard {
            Some(guard) if text.contains(guard) => std::borrow::Cow::Owned(text.replace(guard, "")),
            _ => std::borrow::Cow::Borrowed(text),
        };
        let encoding = self.bpe.encode_fast(text.as_ref(), false).map_err(|error| failed(error.to_string()))?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Puts `guard` after the first character of every control token in a text.
    pub(crate) fn guard_controls(&self, text: &str, guard: char) -> String {
        let mut out = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            out.push(c);
            if self.added.iter().any(|t| t.is_control && text[at..].starts_with(&t.text)) {
                out.push(guard);
            }
        }
        out
    }
}

fn build_bpe(tokens: &[&str], merges: &[&str], pre: &str) -> Result<tokenizers::Tokenizer, FormatError> {
    let vocab: Vocab = tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id as u32)).collect();
    let pairs = merges
        .iter()
        .map(|merge| {
            // The first character may itself be a space in no byte-level vocabulary: spaces are written as U+0120.
            let (left, right) =
                merge.split_once(' ').ok_or_else(|| failed(format!("the merge {merge:?} has no space")))?;
            // The builder would panic on a merge longer than every token.
            let joined = format!("{left}{right}");
            if [left, right, &joined].iter().all(|&part| vocab.contains_key(part)) {
                Ok((left.to_owned(), right.to_owned()))
            } else {
                Err(failed(format!("the merge {merge:?} is not in the vocabulary")))
            }
        })
        .collect::<Result<Merges, FormatError>>()?;
    let (pre_tokenizer, whole_words_first) = pre_tokenizer(pre)?;
    let bpe = BPE::builder()
        .vocab_and_merges(vocab, pairs)
        .ignore_merges(whole_words_first)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    Ok(tokenizer)
}

/// The splitting before BPE by its name in the file, and whether a word that is a token is taken whole.
fn pre_tokenizer(name: &str) -> Result<(Sequence, bool), FormatError> {
    let bytes = |use_regex| PreTokenizerWrapper::from(ByteLevel::new(false, false, use_regex));
    let split = |regex: &str| {
        Split::new(SplitPattern::Regex(regex.to_owned()), SplitDelimiterBehavior::Isolated, false)
            .map(PreTokenizerWrapper::from)
            .map_err(|error| failed(error.to_string()))
    };
    let steps = match name {
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
            vec![Digits::new(true).into(), bytes(true)]
        }
        "gpt-2" | "gpt2" | "phi-2" | "mpt" | "olmo" | "jais" => vec![bytes(true)],
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" => vec![split(LLAMA3)?, bytes(false)],
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "hunyuan" => vec![split(QWEN2)?, bytes(false)],
        // llama.cpp's choice for files that name none.
        "default" => vec![
            split(r"[\p{P}\$\+<=>\^~\|]+")?,
            split(GPT2)?,
            split(r"\p{N}+")?,
            split("[0-9][0-9][0-9]")?,
            bytes(false),
        ],
        other => return Err(failed(format!("its pre-tokenizer {other:?} is not supported yet"))),
    };
    Ok((Sequence::new(steps), matches!(name, "llama-bpe" | "llama3" | "llama-v3" | "falcon3")))
}

/// Appends the bytes that a byte-level token stands for. GPT-2 writes a printable byte as the character of the same
/// number and the others, in order, as the characters from U+0100. A token with any other character is its own text.
fn push_bytes_of(token: &str, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    for c in token.chars() {
        if let Some(byte) = byte_of(c) {
            bytes.push(byte);
        } else {
            bytes.truncate(start);
            bytes.extend(token.as_bytes());
            return;
        }
    }
}

fn byte_of(c: char) -> Option<u8> {
    let is_written_as_itself = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match u32::from(c) {
        code @ 0..=0xFF => u8::try_from(code).ok().filter(|&byte| is_written_as_itself(byte)),
        code @ 0x100..=0x143 => (0..=u8::MAX).filter(|&byte| !is_written_as_itself(byte)).nth(code as usize - 0x100),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::Value;

    use super::*;

    fn texts(values: &[&str]) -> Value {
        Value::Array(values.iter().map(|v| Value::String((*v).to_owned())).collect())
    }

    fn metadata(tokens: &[&str], merges: &[&str], types: &[i32], pre: &str) -> Metadata {
        Metadata::from_values([
            ("tokenizer.ggml.model".to_owned(), Value::String("gpt2".to_owned())),
            ("tokenizer.ggml.pre".to_owned(), Value::String(pre.to_owned())),
            ("tokenizer.ggml.tokens".to_owned(), texts(tokens)),
            ("tokenizer.ggml.merges".to_owned(), texts(merges)),
            ("tokenizer.ggml.token_type".to_owned(), Value::Array(types.iter().map(|&t| Value::I32(t)).collect())),
        ])
    }

    #[test]
    fn control_tokens_are_plain_text_unless_asked_for() {
        let tokens = ["<|im_end|>", "a", "b", "<", "|", "i", "m", "_", "e", "n", "d", ">", "ab", "<tab>", "t"];
        let types = [3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 1];
        let tokenizer = Tokenizer::from_gguf(&metadata(&tokens, &["a b"], &types, "smollm")).unwrap();
        assert_eq!(tokenizer.encode("ab<|im_end|>a", true).unwrap(), [12, 0, 1]);
        assert_eq!(tokenizer.encode("<|im_end|>", false).unwrap(), [3, 4, 5, 6, 7, 8, 9, 10, 4, 11]);
        // A token added as text is always one.
        assert_eq!(tokenizer.encode("a<tab>", false).unwrap(), [1, 13]);
        assert_eq!(tokenizer.decode(&[12, 0, 1]), "ab<|im_end|>a");
        let guarded = tokenizer.guard_controls("a<|im_end|>b", '\u{E000}');
        assert_eq!(tokenizer.encode_protected(&guarded, true, Some('\u{E000}')).unwrap().len(), 12);
        assert!(tokenizer.eos_ids().contains(&0));
        assert_eq!(tokenizer.token_bytes(99), b"");
    }

    #[test]
    fn merges_outside_the_vocabulary_are_errors() {
        for merges in [&["a c"][..], &["ab"], &["a b"]] {
            let error = Tokenizer::from_gguf(&metadata(&["a", "b"], merges, &[1, 1], "gpt-2")).unwrap_err();
            assert!(matches!(error, FormatError::Tokenizer { .. }), "{merges:?}: {error}");
        }
        assert!(Tokenizer::from_gguf(&metadata(&["a", "b"], &[], &[1], "gpt-2")).is_err());
        assert!(Tokenizer::from_gguf(&metadata(&["a"], &[], &[1], "unheard-of")).is_err());
    }

    /// The three ranges of GPT-2's table and its ends.
    #[test]
    fn byte_table_is_that_of_gpt2() {
        let all: BTreeSet<u8> = (0..0x144).filter_map(char::from_u32).filter_map(byte_of).collect();
        assert_eq!(all.len(), 256);
        for (c, byte) in [('Ġ', b' '), ('Ċ', b'\n'), ('ĉ', b'\t'), ('!', b'!'), ('ÿ', 0xFF), ('Ń', 0xAD), ('Ā', 0)]
        {
            assert_eq!(byte_of(c), Some(byte), "{c}");
        }
        assert_eq!(byte_of('€'), None);
    }
}
