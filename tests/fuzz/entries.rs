//! What reads files that nobody vouches for. The targets of cargo-fuzz and `tests/it/fuzz.rs` call the same functions; a
//! panic in one is a fault.
#![allow(dead_code, reason = "each target calls one of them")]

use likewise::cpu::{self, Activations, Matrix};
use likewise::formats::gguf::read_header;
use likewise::formats::quant::{self, Dtype};
use likewise::formats::safetensors::Safetensors;
use likewise::inference::load::open;
use likewise::inference::sentence_encoder::SentenceEncoder;
use likewise::inference::tokenizer::Tokenizer;

const WEIGHTS: &[u8] = include_bytes!("../golden/models/tiny-bert.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../golden/models/tiny-bert-tokenizer.json");
const CONFIG: &[u8] = include_bytes!("../golden/models/tiny-bert-config.json");
const TEXT: &str = "It isn't 1999: two  spaces,\n<|im_end|> \u{1f600} e\u{301}";

/// A model file: header, tensor table, sizes, tokenizer, chat template.
pub(super) fn gguf(bytes: &[u8]) {
    pollster::block_on(async {
        if let Ok(header) = read_header(&bytes).await {
            drop(header.check_supported());
            // What the table says lies in the file.
            assert!(header.tensors.iter().all(|tensor| tensor.range().end <= bytes.len() as u64));
            if let Ok(tokenizer) = Tokenizer::from_gguf(&header.metadata) {
                let ids = tokenizer.encode(TEXT, true).unwrap_or_default();
                drop(tokenizer.decode(&ids));
            }
        }
        if let Ok(opened) = open(&bytes).await {
            drop(opened.gpu_bytes());
        }
    });
}

/// Weights of an encoder.
pub(super) fn safetensors(bytes: &[u8]) {
    if let Ok(file) = Safetensors::new(bytes) {
        drop(file.values("embeddings.word_embeddings.weight", &[96, 32]));
    }
    if let Ok(encoder) = SentenceEncoder::new(bytes, TOKENIZER, CONFIG) {
        drop(encoder.embed("word"));
    }
}

/// A `tokenizer.json` in front of weights that are in order.
pub(super) fn tokenizer(bytes: &[u8]) {
    if let Ok(encoder) = SentenceEncoder::new(WEIGHTS, bytes, CONFIG) {
        drop(encoder.tokens(TEXT));
        drop(encoder.embed(TEXT));
    }
}

/// Blocks of weights: the first byte chooses their type, any bits may follow.
pub(super) fn quants(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let dtype = Dtype::SUPPORTED[usize::from(first) % Dtype::SUPPORTED.len()];
    let row = 256;
    let row_bytes = dtype.block_bytes() * row / dtype.block_len();
    let whole = bytes.len() - bytes.len() % row_bytes;
    // A piece that ends inside of a block is an error or its whole part.
    drop(cpu::dequantize(dtype, bytes));
    drop(quant::dequantize(dtype, bytes));
    let n = whole / row_bytes * row;
    for values in [cpu::dequantize(dtype, &bytes[..whole]), quant::dequantize(dtype, &bytes[..whole])] {
        assert!(values.is_ok_and(|values| values.len() == n), "{dtype:?}");
    }
    let Ok(mut matrix) = Matrix::with_capacity(dtype, whole / row_bytes, row) else { return };
    if matrix.push_rows(&bytes[..whole]).is_ok() && matrix.rows() > 0 {
        let mut x = Activations::default();
        x.set(&vec![0.5; row], row);
        let mut out = vec![0.0; matrix.rows()];
        matrix.apply(&x, &mut out);
        matrix.row(0, &mut vec![0.0; row]);
    }
}
