//! Vision transformers and CLIP on tiny models of three published shapes, held to transformers
//! (`tests/golden/make/tiny_vit.py`).

use std::fs;

use likewise::eval::abstention::{Abstention, Judge};
use likewise::eval::engine::{Backend, EngineInfo, Response, SelfTest};
use likewise::eval::sight::{CLIP_FAMILY, Labels, Operation, PROMPTS, View};
use likewise::eval::tasks::visalign::evidence_of;
use likewise::formats::FormatError;
use likewise::vision::clip::Clip;
use likewise::vision::engine::{Pictures, VisionEngine};
use likewise::vision::picture::Picture;
use likewise::vision::vit::Vit;
use serde_json::Value;

fn golden(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/golden/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
}

fn picture(side: usize, phase: usize) -> Picture {
    let pixels = (0..side * side * 3)
        .map(|at| {
            let (y, x, c) = (at / 3 / side, at / 3 % side, at % 3);
            ((x * (3 + phase) + y * 5 + c * 40 + phase * 17) % 256) as u8
        })
        .collect();
    Picture::new(side, side, pixels).unwrap()
}

#[track_caller]
fn agree(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |most, it| most.max(it.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((f64::from(*a) - b).abs() < 1e-4 * largest, "{a} {b} of {largest}");
    }
}

#[test]
fn pooled_features_of_siglip_and_dinov2_are_those_of_transformers() {
    for kind in ["siglip", "dinov2"] {
        let config = golden(&format!("tiny-{kind}-config.json"));
        let vit = Vit::from_files(&golden(&format!("tiny-{kind}.safetensors")), &config).unwrap();
        let expected: Value = serde_json::from_slice(&golden(&format!("tiny-{kind}.json"))).unwrap();
        let side = expected["side"].as_u64().unwrap() as usize;
        for (phase, features) in expected["features"].as_array().unwrap().iter().enumerate() {
            agree(&vit.features(&picture(side, phase)), &numbers(features));
        }
    }
}

#[test]
fn clip_compares_pictures_and_texts_as_transformers_does() {
    let expected: Value = serde_json::from_slice(&golden("tiny-clip.json")).unwrap();
    let texts: Vec<&str> = expected["texts"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let (weights, tokenizer, config) =
        (golden("tiny-clip.safetensors"), golden("tiny-clip-tokenizer.json"), golden("tiny-clip-config.json"));
    let clip = Clip::new(&weights, &tokenizer, &config, &texts).unwrap();
    let side = expected["side"].as_u64().unwrap() as usize;
    for phase in 0..2 {
        let (features, logits) = clip.compare(&picture(side, phase)).unwrap();
        agree(&features, &numbers(&expected["features"][phase]));
        agree(&logits, &numbers(&expected["logits"][phase]));
    }
}

#[test]
fn other_files_are_refused() {
    let (weights, tokenizer) = (golden("tiny-clip.safetensors"), golden("tiny-clip-tokenizer.json"));
    let config = String::from_utf8(golden("tiny-clip-config.json")).unwrap();
    let wrong = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        Clip::new(&weights, &tokenizer, config.replacen(from, to, 1).as_bytes(), &["a"]).err()
    };
    let says = |error: Option<FormatError>, file: &str, why: &str| {
        let words = error.expect("a wrong file is refused").to_string();
        assert!(words.starts_with(&format!("{file}: ")) && words.contains(why), "{words}");
    };
    says(wrong("\"clip\"", "\"blip\""), "config.json", "type is \"blip\"");
    says(wrong("\"num_attention_heads\": 4", "\"num_attention_heads\": 5"), "config.json", "5 heads");
    says(wrong("\"patch_size\": 8", "\"patch_size\": 0"), "model.safetensors", "patches of 0");
    says(wrong("\"patch_size\": 8", "\"patch_size\": 4"), "model.safetensors", "shape");
    says(wrong("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), "model.safetensors", "lacks the tensor");
    says(wrong("quick_gelu", "relu"), "model.safetensors", "relu");
    says(wrong("\"eos_token_id\": 1", "\"eos_token_id\": 199"), "tokenizer.json", "does not end with token 199");
    let of = |weights: &[u8], tokenizer: &[u8]| Clip::new(weights, tokenizer, config.as_bytes(), &["a"]).err();
    says(of(&weights[..200], &tokenizer), "model.safetensors", "cut short");
    says(of(&weights, b"{}"), "tokenizer.json", "");
    says(of(&golden("tiny-siglip.safetensors"), &tokenizer), "model.safetensors", "lacks the tensor");
    says(of(&weights, &golden("tiny-bert-tokenizer.json")), "tokenizer.json", "");
    let other = Vit::from_files(&golden("tiny-dinov2.safetensors"), &golden("tiny-siglip-config.json"));
    assert!(matches!(other.err(), Some(FormatError::MissingTensor { .. })));
}

/// Pictures of any name are the same one.
struct OnePicture;

impl Pictures for OnePicture {
    async fn open(&mut self, _: &str) -> Result<Picture, String> {
        Ok(picture(256, 0))
    }
}

#[test]
fn the_engine_answers_with_eleven_prompts_whatever_labels_are_asked_for() {
    let (weights, tokenizer, config) =
        (golden("tiny-clip.safetensors"), golden("tiny-clip-tokenizer.json"), golden("tiny-clip-config.json"));
    let clip = || Clip::new(&weights, &tokenizer, &config, &PROMPTS).unwrap();
    let info = EngineInfo {
        model_id: "tiny-clip".to_owned(),
        model_name: "tiny CLIP".to_owned(),
        weights_sha256: None,
        size_bytes: weights.len() as u64,
        family: CLIP_FAMILY.to_owned(),
        quantization: "F32".to_owned(),
        context_length: 0,
        backend: Backend::Cpu,
        adapter: "a test".to_owned(),
        self_test: SelfTest::Unverified { reason: "a test".to_owned() },
        has_chat_template: None,
    };
    let mut engine = VisionEngine::new(clip(), info, OnePicture);
    let view = View { source: "a".into(), operation: Operation::Fog, severity: 0, seed: 1, crops: true };
    let (response, _) = pollster::block_on(engine.look(&view, || 0.0)).unwrap();
    let evidence = evidence_of(&response).unwrap();
    assert_eq!((evidence.labels, evidence.logits.len(), evidence.crops.len()), (Labels::Prompts, 10, 4));
    assert!(evidence.crops.iter().all(|it| it.labels == Labels::Prompts));
    let (features, logits) = clip().compare(&picture(256, 0).cropped(224, 224)).unwrap();
    assert_eq!(evidence.features, features);
    let exact: Vec<f64> = logits.iter().map(|it| f64::from(*it)).collect();
    assert_eq!(evidence.logits, exact[..10]);
    let all: f64 = exact.iter().map(|it| it.exp()).sum();
    assert!((evidence.log_sum_exp - all.ln()).abs() < 1e-9);
    let judge = Judge::alone(Abstention::Mass, Labels::Prompts).unwrap();
    let rate = judge.rate("a", &evidence).unwrap();
    assert!((rate - exact[10].exp() / all).abs() < 1e-9, "what is left is the eleventh prompt's");
    let Response::Classified { top, .. } = response else { panic!("no classification") };
    assert!(top[0].name.starts_with("a photo of"), "{}", top[0].name);
}
