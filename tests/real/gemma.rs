//! Gemma 3 270M in `Q4_K_M` on the GPU against transformers: quantizations of five kinds, a table over the binding limit,
//! windows. The file is in `LIKEWISE_GEMMA`, or the one that `tools/model.py gemma` fetches.

use likewise::eval::engine::{Control, Engine, Prompt, Request, Response, Sampling, SelfTest};
use likewise::formats::catalog::{Catalog, SelfTestProbe};
use likewise::formats::quant::Dtype;
use likewise::gpu::Gpu;
use likewise::inference::load::{ModelIdentity, kl_from_probe, load_gpu, open};
use serde_json::Value;

use super::files::gemma_bytes;

/// Distributions of `tests/golden/make/gemma_real.py`; the last prompt is longer than the window of 512.
fn cases() -> Vec<SelfTestProbe> {
    let golden: Value = serde_json::from_str(include_str!("../golden/models/gemma-3-270m.json")).unwrap();
    serde_json::from_value(golden["cases"].clone()).unwrap()
}

/// The file is the one that the catalog describes, and the card's probes are those of transformers.
#[test]
fn the_card_describes_the_file() {
    let catalog: Catalog = serde_json::from_str(include_str!("../../public/models/catalog.json")).unwrap();
    let card = catalog.models.iter().find(|card| card.id == "gemma-3-270m-q4_k_m").unwrap();
    assert_eq!(card.size_bytes, gemma_bytes().len() as u64);
    assert_ne!(catalog.default, card.id, "its licence is a choice of the visitor's");
    let cases = cases();
    assert!(!card.self_test.is_empty());
    assert!(card.self_test.iter().all(|probe| cases.contains(probe)));
    let opened = pollster::block_on(open(&gemma_bytes())).unwrap();
    assert_eq!(opened.family.name, card.family);
    for dtype in [Dtype::F32, Dtype::Q8_0, Dtype::Q5_0, Dtype::Q4K, Dtype::Q6K] {
        assert!(opened.header.tensors.iter().any(|tensor| tensor.dtype == dtype), "{dtype}");
    }
}

#[test]
fn the_gpu_agrees_with_transformers_also_past_the_window() {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let mut cases = cases();
    let long = cases.pop().unwrap();
    assert!(long.tokens.len() > 512 + 64);
    let identity = ModelIdentity { self_test: cases, ..ModelIdentity::of_file("gemma") };
    let (progress, control) = (|_, _, _| {}, Control::quiet());
    let mut model = pollster::block_on(load_gpu(&gemma_bytes(), gpu, &identity, 1 << 30, &progress, &control)).unwrap();
    // Measured: at most 3e-11 for the short prompts and 8e-11 for the long one.
    let SelfTest::Passed { max_kl } = model.info().self_test else { panic!("{:?}", model.info().self_test) };
    assert!(max_kl < 1e-8, "{max_kl}");
    let logits = pollster::block_on(model.logits_after(&long.tokens, &control)).unwrap();
    let kl = kl_from_probe(&long, &logits).unwrap().unwrap();
    assert!(kl.abs() < 1e-8, "{kl}");

    let generate = |limit| Request::Generate {
        prompt: Prompt::Tokens(long.tokens[..8].to_vec()),
        sampling: Sampling::GREEDY,
        seed: 0,
        limit,
        stop: Vec::new(),
        allowed: Vec::new(),
        n_top: 0,
    };
    // The first token comes with the prompt.
    let counts: Vec<u64> = [1, 3]
        .map(|limit| {
            let before = model.work().unwrap();
            let answer = pollster::block_on(model.respond(&[generate(limit)], &control)).remove(0).unwrap();
            let Response::Text { tokens, .. } = answer else { panic!("{answer:?}") };
            assert_eq!(tokens.len(), limit as usize);
            model.work().unwrap().since(&before).dispatches
        })
        .to_vec();
    let per_token = (counts[1] - counts[0]) / 2;
    assert!(per_token <= 120, "{per_token} dispatches a token");
}
