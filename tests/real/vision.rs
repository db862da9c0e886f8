//! `EfficientNet-Lite0` with its real weights on 20 photographs, held to `PyTorch`. The file is what `make model-vision`
//! fetches, or the one named by `LIKEWISE_VISION_MODEL`.

use std::path::Path;
use std::{env, fs};

use likewise::vision::efficientnet::EfficientNet;
use serde_json::Value;

use super::png_file::picture;

#[test]
fn twenty_photographs_are_classified_as_pytorch_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = env::var("LIKEWISE_VISION_MODEL")
        .map_or_else(|_| root.join("models-cache/efficientnet-lite0.safetensors"), Into::into);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run make model-vision", path.display()));
    let network = EfficientNet::from_safetensors(&bytes).unwrap();
    let golden = root.join("tests/golden/vision");
    let expected: Value = serde_json::from_str(&fs::read_to_string(golden.join("photographs.json")).unwrap()).unwrap();
    let photographs = expected["photographs"].as_array().unwrap();
    assert_eq!(photographs.len(), 20);
    let (mut worst, started) = (0.0_f64, likewise::platform::now_millis());
    for photograph in photographs {
        let name = photograph["name"].as_str().unwrap();
        let logits = network.classify(&picture(&golden.join(format!("{name}.png"))).prepared()).logits;
        assert_eq!(logits.len(), 1000);
        let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let labels = photograph["labels"].as_array().unwrap();
        assert_eq!(best as u64, labels[0].as_u64().unwrap(), "{name}");
        for (label, probability) in labels.iter().zip(photograph["probabilities"].as_array().unwrap()) {
            let found = f64::from(logits[label.as_u64().unwrap() as usize]).exp() / total;
            let difference = (found - probability.as_f64().unwrap()).abs();
            assert!(difference < 1e-3, "{name} {label}: {found} {probability}");
            worst = worst.max(difference);
        }
    }
    println!(
        "largest difference of a probability {worst:.1e}, {:.0} ms a picture",
        (likewise::platform::now_millis() - started) / 20.0
    );
}
