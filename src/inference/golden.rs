//! The tiny golden models (`tests/golden/models`) and what every forward pass on the processor must do with them.

use crate::eval::engine::{Control, EngineError};
use crate::formats::gguf::read_header;
use crate::models::family_of;

use super::forward::{CpuModel, Forward};
use super::sampler::top;

#[derive(serde::Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

/// A prompt with what transformers say to it.
#[derive(serde::Deserialize)]
pub(super) struct Case {
    pub(super) tokens: Vec<u32>,
    pub(super) logits: Vec<f32>,
    pub(super) next_logprobs: Vec<f64>,
    pub(super) greedy: Vec<u32>,
}

macro_rules! golden {
    ($name:literal) => {
        (
            include_bytes!(concat!("../../tests/golden/models/tiny-", $name, ".gguf")),
            include_str!(concat!("../../tests/golden/models/tiny-", $name, ".json")),
        )
    };
}

/// Files and their cases.
pub(super) const MODELS: [(&[u8], &str); 7] = [
    golden!("llama-q4_1"),
    golden!("llama-q8_0"),
    golden!("llama-f16"),
    golden!("llama-q4_0"),
    golden!("qwen2"),
    golden!("qwen3"),
    golden!("gemma3"),
];

pub(super) fn cases(golden: &str) -> Vec<Case> {
    serde_json::from_str::<Golden>(golden).unwrap().cases
}

pub(super) fn load<M: CpuModel>(file: &[u8]) -> M {
    pollster::block_on(async {
        let header = read_header(&file).await.unwrap();
        let family = family_of(&header).unwrap();
        let spec = (family.spec)(&header).unwrap();
        M::load(&file, &header, &spec, family.names, 128, &|_| {}).await.unwrap()
    })
}

pub(super) fn next(model: &mut impl Forward, tokens: &[u32], pos: usize) -> Result<Vec<f32>, EngineError> {
    pollster::block_on(model.next_logits(tokens, pos, &Control::quiet(), &|_| {}))
}

pub(super) fn argmax(logits: &[f32]) -> u32 {
    top(logits, 1)[0].0
}

/// Logits after a case's prompt, and scores of its second half read again, within `tolerance`.
pub(super) fn check(model: &mut impl Forward, case: &Case, tolerance: f32) {
    let logits = next(model, &case.tokens, 0).unwrap();
    assert_eq!(logits.len(), case.logits.len());
    for (ours, theirs) in logits.iter().zip(&case.logits) {
        assert!((ours - theirs).abs() < tolerance, "{ours} {theirs}");
    }
    let (half, n) = (case.tokens.len() / 2, case.tokens.len());
    let (read, targets) = (&case.tokens[half..n - 1], &case.tokens[half + 1..]);
    let scored = pollster::block_on(model.target_logprobs(read, half, targets, 3, &Control::quiet())).unwrap();
    for (ours, theirs) in scored.iter().zip(&case.next_logprobs[half..]) {
        assert!((ours.logprob - theirs).abs() < f64::from(tolerance), "{} {theirs}", ours.logprob);
        assert!(ours.top.len() == 3 && ours.top[0].1 >= ours.top[2].1);
    }
    assert_eq!(scored.len(), n - 1 - half);
}

/// A prompt longer than a chunk gives the same logits as one token at a time.
pub(super) fn chunks_do_not_change_the_result<M: CpuModel>() {
    for (file, _) in MODELS {
        let mut model: M = load(file);
        let tokens: Vec<u32> = (0..101).map(|i| 3 + (i * 37) % 300).collect();
        let at_once = next(&mut model, &tokens, 0).unwrap();
        let mut one_by_one = Vec::new();
        for (pos, &token) in tokens.iter().enumerate() {
            one_by_one = next(&mut model, &[token], pos).unwrap();
        }
        for (a, b) in at_once.iter().zip(&one_by_one) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}

pub(super) fn bad_requests_are_errors<M: CpuModel>() {
    let mut model: M = load(MODELS[0].0);
    assert_eq!(next(&mut model, &[], 0), Err(EngineError::EmptyInput));
    assert!(matches!(next(&mut model, &[1; 129], 0), Err(EngineError::ContextTooLong { .. })));
    assert!(matches!(next(&mut model, &[320], 0), Err(EngineError::Tokenize { .. })));
    assert!(matches!(next(&mut model, &[1], 5), Err(EngineError::Backend { .. })));
    let unequal = pollster::block_on(model.target_logprobs(&[1, 2], 0, &[2], 0, &Control::quiet()));
    assert!(matches!(unequal, Err(EngineError::Backend { .. })));
    let control = Control::quiet();
    control.cancel.cancel();
    let cancelled = pollster::block_on(model.next_logits(&[1], 0, &control, &|_| {}));
    assert_eq!(cancelled, Err(EngineError::Cancelled));
    // A cancelled read leaves a model that still answers.
    assert!(next(&mut model, &[1, 2, 3], 0).is_ok());
}
