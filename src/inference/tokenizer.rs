//! Text to ids and back: a `tokenizers::Tokenizer` built from the vocabulary and merges in a GGUF file.
//!
//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`) splits a text first as `tokenizer.ggml.pre` says, with the regular
//! expressions of the models' own tokenizers, as llama.cpp lists them. `SentencePiece`'s BPE (`llama`) writes spaces as
//! U+2581, does not split, and falls back to bytes. Golden ids: `tests/golden/models/tokenizer_*.json`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

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
/// ggml's `token_type` of a token `<0xAB>` that stands for one byte.
const BYTE: i32 = 6;

/// Longest token that merges are derived for; the work grows with its square. Gemma's longest has 31 characters.
const MAX_PIECE_CHARS: usize = 256;

/// How `SentencePiece` writes a space.
const SPACE: char = '\u{2581}';

/// How text becomes symbols before merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words of bytes, GPT-2's way.
    ByteLevel,
    /// Characters, spaces as [`SPACE`]; with another one before the text if `space_prefix`.
    SentencePiece { space_prefix: bool },
}

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
    kind: Kind,
    /// By first character; sorted by falling length, so that the longest one wins.
    added: HashMap<char, Vec<Added>>,
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
    /// [`FormatError::Tokenizer`] for another kind than BPE, an unknown pre-tokenizer or merges that do not fit the
    /// vocabulary; [`FormatError::MissingKey`] and [`FormatError::Header`] for metadata that are missing or have another
    /// type.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, FormatError> {
        let kind = match metadata.str("tokenizer.ggml.model")? {
            "gpt2" => Kind::ByteLevel,
            "llama" => Kind::SentencePiece {
                space_prefix: optional(metadata.bool("tokenizer.ggml.add_space_prefix"))?.unwrap_or(true),
            },
            other => return Err(failed(format!("its kind is {other:?}; \"gpt2\" and \"llama\" are read so far"))),
        };
        let tokens = metadata.str_array("tokenizer.ggml.tokens")?;
        let types = optional(metadata.i32_array("tokenizer.ggml.token_type"))?.unwrap_or_default();
        if tokens.is_empty() {
            return Err(failed("the vocabulary is empty"));
        }
        if !types.is_empty() && types.len() != tokens.len() {
            return Err(failed(format!("{} tokens have {} types", tokens.len(), types.len())));
        }
        let token_type = |id: usize| types.get(id).copied().unwrap_or(1);
        let bpe = match kind {
            Kind::ByteLevel => {
                let merges = metadata.str_array("tokenizer.ggml.merges")?;
                let pre = optional(metadata.str("tokenizer.ggml.pre"))?.unwrap_or("default");
                byte_level_bpe(&tokens, &merges, pre)?
            }
            Kind::SentencePiece { .. } => sentence_piece_bpe(metadata, &tokens, token_type)?,
        };

        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(tokens.len());
        let mut added: HashMap<char, Vec<Added>> = HashMap::new();
        let mut end_of_turn = Vec::new();
        for (id, token) in tokens.iter().enumerate() {
            let token_type = token_type(id);
            if token_type == CONTROL || token_type == USER_DEFINED {
                bytes.extend(token.as_bytes());
                let is_control = token_type == CONTROL;
                let text = if is_control { (*token).to_owned() } else { as_piece(kind, token) };
                if is_control && END_OF_TURN.contains(token) {
                    end_of_turn.push(id as u32);
                }
                if let Some(first) = text.chars().next() {
                    added.entry(first).or_default().push(Added { text, id: id as u32, is_control });
                }
            } else if kind == Kind::ByteLevel {
                push_bytes_of(token, &mut bytes);
            } else if let Some(byte) = (token_type == BYTE).then(|| byte_token(token)).flatten() {
                bytes.push(byte);
            } else {
                bytes.extend(token.replace(SPACE, " ").as_bytes());
            }
            ends.push(bytes.len());
        }
        #[expect(clippy::iter_over_hash_type, reason = "every list is sorted alone")]
        for tokens in added.values_mut() {
            tokens.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then(a.id.cmp(&b.id)));
        }

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
        let eos_ids = eos.into_iter().chain(id_of("tokenizer.ggml.eot_token_id")?).chain(end_of_turn).collect();
        let add_bos = optional(metadata.bool("tokenizer.ggml.add_bos_token"))?.unwrap_or(false) && bos.is_some();
        Ok(Self { bpe, kind, added, bytes, ends, eos_ids, eos, bos, add_bos })
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
        while let Some(rest) = text.get(at..)
            && let Some(first) = rest.chars().next()
        {
            if let Some(found) = self.added_at(rest, parse_specials) {
                self.encode_plain(&text[plain_start..at], plain_start == 0, guard, &mut ids)?;
                ids.push(found.id);
                at += found.text.len();
                plain_start = at;
            } else {
                at += first.len_utf8();
            }
        }
        self.encode_plain(&text[plain_start..], plain_start == 0, guard, &mut ids)?;
        Ok(ids)
    }

    /// The longest added token that a text begins with.
    fn added_at(&self, text: &str, controls: bool) -> Option<&Added> {
        let starting_alike = self.added.get(&text.chars().next()?)?;
        starting_alike.iter().find(|t| (controls || !t.is_control) && text.starts_with(&t.text))
    }

    fn encode_plain(
        &self,
        text: &str,
        is_first: bool,
        guard: Option<char>,
        ids: &mut Vec<u32>,
    ) -> Result<(), FormatError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut text = Cow::Borrowed(text);
        if let Some(guard) = guard.filter(|&guard| text.contains(guard)) {
            text = Cow::Owned(text.replace(guard, ""));
        }
        if let Kind::SentencePiece { space_prefix } = self.kind {
            let prefix = if space_prefix && is_first { " " } else { "" };
            text = Cow::Owned(as_piece(self.kind, &format!("{prefix}{text}")));
        }
        let encoding = self.bpe.encode_fast(text.as_ref(), false).map_err(|error| failed(error.to_string()))?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Puts `guard` after the first character of every control token in a text.
    pub(crate) fn guard_controls(&self, text: &str, guard: char) -> String {
        let mut out = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            out.push(c);
            let starting_alike = self.added.get(&c).map_or(&[][..], Vec::as_slice);
            if starting_alike.iter().any(|t| t.is_control && text[at..].starts_with(&t.text)) {
                out.push(guard);
            }
        }
        out
    }
}

fn byte_level_bpe(tokens: &[&str], merges: &[&str], pre: &str) -> Result<tokenizers::Tokenizer, FormatError> {
    let vocab = vocab_of(tokens.iter().map(|&token| token.to_owned()));
    let pairs = pairs_of(merges, &vocab)?;
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

fn vocab_of(tokens: impl Iterator<Item = String>) -> Vocab {
    tokens.enumerate().map(|(id, token)| (token, id as u32)).collect()
}

/// Merges as they stand in the file.
fn pairs_of(merges: &[&str], vocab: &Vocab) -> Result<Merges, FormatError> {
    merges
        .iter()
        .map(|merge| {
            // The first character may itself be a space in no vocabulary: spaces are written as U+0120 or U+2581.
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
        .collect()
}

fn sentence_piece_bpe(
    metadata: &Metadata,
    tokens: &[&str],
    token_type: impl Fn(usize) -> i32,
) -> Result<tokenizers::Tokenizer, FormatError> {
    let kind = Kind::SentencePiece { space_prefix: false };
    let pieces: Vec<String> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| if token_type(id) == USER_DEFINED { as_piece(kind, token) } else { (*token).to_owned() })
        .collect();
    let vocab = vocab_of(pieces.iter().cloned());
    let pairs = if let Some(merges) = optional(metadata.str_array("tokenizer.ggml.merges"))? {
        pairs_of(&merges, &vocab)?
    } else {
        let mut scores = metadata.f32_array("tokenizer.ggml.scores")?;
        if scores.len() != pieces.len() || scores.iter().any(|score| score.is_nan()) {
            return Err(failed("the vocabulary has no number for every token's score"));
        }
        // SentencePiece gives them 0, the best score; files do not keep it.
        for (id, score) in scores.iter_mut().enumerate() {
            if token_type(id) == USER_DEFINED {
                *score = 0.0;
            }
        }
        merges_from_scores(&pieces, &scores, &vocab)
    };
    let unknown = optional(metadata.u32("tokenizer.ggml.unknown_token_id"))?.unwrap_or(0);
    let unknown = pieces.get(unknown as usize).ok_or_else(|| failed("the unknown token is not in the vocabulary"))?;
    let bpe = BPE::builder()
        .vocab_and_merges(vocab, pairs)
        .unk_token(unknown.clone())
        .fuse_unk(true)
        .byte_fallback(true)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    Ok(tokenizers::Tokenizer::new(bpe))
}

/// Every pair of tokens that joins to a token, best score first, as transformers derives merges from a
/// `SentencePiece` model (`generate_merges` in `convert_slow_tokenizer.py`): longer parts first on a tie, then in the
/// order of the vocabulary.
fn merges_from_scores(pieces: &[String], scores: &[f32], vocab: &Vocab) -> Merges {
    struct Merge {
        score: f32,
        n_left: usize,
        n_right: usize,
        whole: u32,
        left: u32,
        right: u32,
        left_bytes: usize,
    }
    let mut merges = Vec::new();
    for (whole, (piece, &score)) in pieces.iter().zip(scores).enumerate() {
        let n_chars = piece.chars().count();
        if n_chars > MAX_PIECE_CHARS {
            continue;
        }
        for (n_left, (left_bytes, _)) in piece.char_indices().enumerate().skip(1) {
            let (left, right) = piece.split_at(left_bytes);
            if let (Some(&left), Some(&right)) = (vocab.get(left), vocab.get(right)) {
                let n_right = n_chars - n_left;
                merges.push(Merge { score, n_left, n_right, whole: whole as u32, left, right, left_bytes });
            }
        }
    }
    merges.sort_unstable_by(|a, b| {
        // Scores are no NaN; 0 and -0 are one score.
        let by_score = b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal);
        by_score
            .then(b.n_left.cmp(&a.n_left))
            .then(b.n_right.cmp(&a.n_right))
            .then(a.whole.cmp(&b.whole))
            .then(a.left.cmp(&b.left))
            .then(a.right.cmp(&b.right))
    });
    let halves = |merge: &Merge| pieces.get(merge.whole as usize)?.split_at_checked(merge.left_bytes);
    merges.iter().filter_map(halves).map(|(left, right)| (left.to_owned(), right.to_owned())).collect()
}

/// A text as `SentencePiece` writes it.
fn as_piece(kind: Kind, text: &str) -> String {
    if kind == Kind::ByteLevel { text.to_owned() } else { text.replace(' ', &SPACE.to_string()) }
}

/// The byte of `<0xAB>`.
fn byte_token(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
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
