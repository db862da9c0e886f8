//! The image classifier and the corruptions, held to reference implementations (`tests/golden/make/vision.py`).

use std::fs;
use std::path::{Path, PathBuf};

use likewise::eval::sight::{MAX_SEVERITY, Operation};
use likewise::vision::corruption::{corrupt, moved};
use likewise::vision::efficientnet::EfficientNet;
use likewise::vision::picture::{Picture, SIDE};
use serde_json::Value;

use super::png_file::picture;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vision").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(golden(name)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
}

#[test]
fn a_narrow_model_gives_the_references_logits_and_features() {
    let network = EfficientNet::from_safetensors(&fs::read(golden("tiny.safetensors")).unwrap()).unwrap();
    let expected = json("tiny.json");
    let side = expected["side"].as_u64().unwrap() as usize;
    for answer in expected["answers"].as_array().unwrap() {
        let phase = answer["phase"].as_u64().unwrap() as usize;
        let pixels = (0..side * side * 3)
            .map(|at| {
                let (y, x, c) = (at / 3 / side, at / 3 % side, at % 3);
                ((x * (3 + phase) + y * 5 + c * 40 + phase * 17) % 256) as u8
            })
            .collect();
        let found = network.classify(&Picture::new(side, side, pixels).unwrap());
        for (found, expected) in [(&found.logits, &answer["logits"]), (&found.features, &answer["features"])] {
            let expected = numbers(expected);
            assert_eq!(found.len(), expected.len());
            // Rounding of 32-bit sums over fifty layers, against 64-bit ones.
            let largest = expected.iter().fold(0.0_f64, |most, it| most.max(it.abs()));
            for (a, b) in found.iter().zip(&expected) {
                assert!((f64::from(*a) - b).abs() < 2e-4 * largest, "{a} {b} of {largest}");
            }
        }
    }
}

#[test]
fn a_damaged_model_is_refused_in_words() {
    let bytes = fs::read(golden("tiny.safetensors")).unwrap();
    for wrong in [&bytes[..100], &bytes[..bytes.len() - 4], b"GGUF....", &[]] {
        assert!(EfficientNet::from_safetensors(wrong).is_err());
    }
    // A tensor of the same length under another name is missing.
    let at = bytes.windows(16).position(|part| part == b"_conv_head.weigh").unwrap();
    let mut renamed = bytes;
    renamed[at] = b'x';
    let error = EfficientNet::from_safetensors(&renamed).unwrap_err();
    assert!(error.to_string().contains("_conv_head.weight"), "{error}");
}

#[test]
fn pictures_are_prepared_as_pillow_does() {
    for photograph in json("photographs.json")["photographs"].as_array().unwrap() {
        let name = photograph["name"].as_str().unwrap();
        let prepared = picture(&golden(&format!("{name}.png"))).prepared();
        let places = (0..SIDE).step_by(37).flat_map(|y| (0..SIDE).step_by(37).map(move |x| (y, x)));
        for ((y, x), expected) in places.zip(photograph["pixels"].as_array().unwrap()) {
            let found = &prepared.pixels()[(y * SIDE + x) * 3..][..3];
            for (a, b) in found.iter().zip(numbers(expected)) {
                assert!((f64::from(*a) - b).abs() <= 1.0, "{name} {y} {x}: {found:?}");
            }
        }
    }
}

/// The pixels that the script samples.
fn sampled(picture: &Picture, golden: &Value) -> Vec<f64> {
    let (rows, columns) = (numbers(&golden["rows"]), numbers(&golden["columns"]));
    rows.iter()
        .flat_map(|y| columns.iter().map(move |x| (*y as usize * SIDE + *x as usize) * 3))
        .flat_map(|at| picture.pixels()[at..at + 3].to_vec())
        .map(f64::from)
        .collect()
}

#[test]
fn corruptions_without_chance_equal_the_libraries() {
    let golden_values = json("corruptions.json");
    let clean = picture(&golden("jaguar.png")).prepared();
    let operations = &golden_values["operations"];
    let mut problems = Vec::new();
    // Tolerance in levels of 255: what is computed twice is rounded twice (cropping resizes two times).
    for (name, tolerance) in [
        ("defocus_blur", 1.0),
        ("contrast", 1.0),
        ("brightness", 1.0),
        ("pixelate", 1.0),
        ("cropping", 2.0),
        ("motion_blur", 1.0),
        ("zoom_blur", 1.0),
    ] {
        for (step, expected) in operations[name].as_array().unwrap().iter().enumerate() {
            let severity = step as u8 + 1;
            let found = if name == "motion_blur" {
                moved(&clean, severity, golden_values["angle"].as_f64().unwrap())
            } else {
                corrupt(&clean, Operation::from_id(name).unwrap(), severity, 1)
            };
            let worst = sampled(&found, &golden_values)
                .iter()
                .zip(numbers(expected))
                .fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
            // The package smooths its disk inside of a square that larger disks touch.
            let tolerance = if name == "defocus_blur" && severity > 3 { 3.0 } else { tolerance };
            if worst > tolerance {
                problems.push(format!("{name} {severity}: {worst}"));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn jpeg_loses_what_a_jpeg_file_loses() {
    let golden_values = json("corruptions.json");
    let clean = picture(&golden("jaguar.png")).prepared();
    for (step, expected) in golden_values["operations"]["jpeg"].as_array().unwrap().iter().enumerate() {
        let severity = step as u8 + 1;
        let found = corrupt(&clean, Operation::Jpeg, severity, 1);
        let distance = expected["distance"].as_f64().unwrap();
        assert!((found.distance(&clean) / distance - 1.0).abs() < 0.02, "{severity}: {}", found.distance(&clean));
        let mut differences = Vec::new();
        let mut expected = numbers(&expected["means"]).into_iter();
        for block in (0..16).step_by(3).flat_map(|y| (0..16).step_by(3).map(move |x| (y, x))) {
            for channel in 0..3 {
                let sum: f64 = (0..256)
                    .map(|at| {
                        let (y, x) = (block.0 * 16 + at / 16, block.1 * 16 + at % 16);
                        f64::from(found.pixels()[(y * SIDE + x) * 3 + channel])
                    })
                    .sum();
                differences.push((sum / 256.0 - expected.next().unwrap()).abs());
            }
        }
        // A value between two steps of the table may be rounded to either by another arithmetic: few blocks differ.
        let close = differences.iter().filter(|it| **it < 1.0).count() as f64 / differences.len() as f64;
        assert!(close > 0.85, "{severity}: {close} of the blocks are close");
    }
}

#[test]
fn every_corruption_repeats_with_its_seed_and_grows_with_its_severity() {
    let pictures: Vec<Picture> =
        ["jaguar", "camels", "rocket"].map(|name| picture(&golden(&format!("{name}.png"))).prepared()).to_vec();
    let mut problems = Vec::new();
    for operation in Operation::ALL {
        let distances: Vec<f64> = (0..=MAX_SEVERITY)
            .map(|severity| {
                pictures.iter().map(|clean| corrupt(clean, operation, severity, 7).distance(clean)).sum::<f64>() / 3.0
            })
            .collect();
        // Published steps of frost and snow weigh picture and weather anew each time, so that a step may come closer.
        let least = if matches!(operation, Operation::Frost | Operation::Snow) { 0.85 } else { 0.97 };
        let grows = distances.windows(2).all(|pair| pair[1] > pair[0] * least);
        let spans = distances[0] == 0.0 && distances[1] > 0.005 && distances[10] > 1.3 * distances[1];
        if !grows || !spans {
            problems.push(format!("{operation:?}: {distances:.3?}"));
        }
        let last = corrupt(&pictures[0], operation, MAX_SEVERITY, 7);
        assert_eq!(last, corrupt(&pictures[0], operation, MAX_SEVERITY, 7), "{operation:?}");
    }
    assert_eq!(problems, Vec::<String>::new());
    let noisy = |seed| corrupt(&pictures[0], Operation::GaussianNoise, 3, seed);
    assert_ne!(noisy(1), noisy(2));
}

#[test]
fn noise_has_its_strength() {
    let gray = Picture::new(SIDE, SIDE, vec![128; SIDE * SIDE * 3]).unwrap();
    // Standard deviation 0.08 around 0.5 is never cut off.
    let found = corrupt(&gray, Operation::GaussianNoise, 1, 3).distance(&gray);
    assert!((found - 0.08).abs() < 0.001, "{found}");
    let hit = corrupt(&gray, Operation::ImpulseNoise, 5, 3);
    let share = hit.pixels().iter().filter(|value| **value != 128).count() as f64 / hit.pixels().len() as f64;
    assert!((share - 0.27).abs() < 0.005, "{share}");
}
