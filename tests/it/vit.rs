//! Vision transformers and CLIP on tiny models of three published shapes, held to transformers
//! (`tests/golden/make/tiny_vit.py`).

use std::fs;

use likewise::formats::FormatError;
use likewise::vision::clip::Clip;
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
    assert!(matches!(wrong("\"clip\"", "\"blip\""), Some(FormatError::Family { .. })));
    assert!(matches!(
        wrong("\"num_attention_heads\": 4", "\"num_attention_heads\": 5"),
        Some(FormatError::Header { .. })
    ));
    assert!(matches!(wrong("\"patch_size\": 8", "\"patch_size\": 0"), Some(FormatError::Header { .. })));
    assert!(matches!(wrong("\"patch_size\": 8", "\"patch_size\": 4"), Some(FormatError::Shape { .. })));
    assert!(matches!(
        wrong("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
        Some(FormatError::MissingTensor { .. })
    ));
    assert!(matches!(wrong("quick_gelu", "relu"), Some(FormatError::Family { .. })));
    let cut = Clip::new(&weights[..200], &tokenizer, config.as_bytes(), &["a"]);
    assert!(matches!(cut.err(), Some(FormatError::Truncated { .. })));
    let other = Vit::from_files(&golden("tiny-dinov2.safetensors"), &golden("tiny-siglip-config.json"));
    assert!(matches!(other.err(), Some(FormatError::MissingTensor { .. })));
}
