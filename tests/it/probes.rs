//! Hidden states of each token, steering, teacher forcing and divergences on tiny models, against transformers
//! (`tests/golden/models/probes.json`; the script and versions stand in it).

use likewise::eval::engine::{
    Control, Engine, EngineError, Pool, Prompt, Request, Response, Sampling, Steering, TokenStep,
};
use likewise::gpu::Gpu;
use likewise::inference::cpu_engine::CpuForward;
use likewise::inference::forward::{CpuModel, Forward};
use likewise::inference::json_lines::{divergence, hidden, logprobs, steering_of};
use likewise::inference::language_model::LanguageModel;
use likewise::inference::load::{LoadStage, ModelIdentity, load_cpu, load_gpu};
use likewise::inference::oracle::Oracle;
use pollster::block_on;
use serde_json::{Value, json};

const BUDGET: u64 = 1 << 30;

fn path(name: &str) -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(name)
}

fn golden() -> Vec<Value> {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path("probes.json")).unwrap()).unwrap();
    serde_json::from_value(file["models"].clone()).unwrap()
}

fn of<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn quiet_load<M: CpuModel>(file: &str) -> LanguageModel<M> {
    let bytes = std::fs::read(path(file)).unwrap();
    let progress = |_: LoadStage, _: u64, _: u64| {};
    block_on(load_cpu(&bytes.as_slice(), &ModelIdentity::of_file(file), BUDGET, &progress, &Control::quiet())).unwrap()
}

fn on_gpu(file: &str, gpu: Gpu) -> LanguageModel<likewise::inference::gpu_engine::GpuForward> {
    let bytes = std::fs::read(path(file)).unwrap();
    let progress = |_: LoadStage, _: u64, _: u64| {};
    let identity = ModelIdentity::of_file(file);
    block_on(load_gpu(&bytes.as_slice(), gpu, &identity, BUDGET, &progress, &Control::quiet())).unwrap()
}

fn ask<E: Engine>(engine: &mut E, request: Request) -> Result<Response, EngineError> {
    block_on(engine.respond(&[request], &Control::quiet())).remove(0)
}

fn close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < tolerance, "{what}: {worst}");
}

fn next_logits<E: Engine>(engine: &mut E, tokens: &[u32], steering: &[Steering]) -> Vec<f64> {
    let next = Request::Next { prompt: Prompt::Tokens(tokens.to_vec()), n_top: u32::MAX };
    let request = Request::Steered { steering: steering.to_vec(), request: Box::new(next) };
    let Response::Next { top, .. } = ask(engine, request).unwrap() else { panic!("no logits") };
    let mut by_id: Vec<(u32, f64)> = top.into_iter().map(|(token, logit)| (token.id, f64::from(logit))).collect();
    by_id.sort_by_key(|(id, _)| *id);
    by_id.into_iter().map(|(_, logit)| logit).collect()
}

/// Everything that the golden file holds of one model, within `tolerance` (of values of up to 18) and `kl` nats.
fn check<F: Forward>(model: &mut LanguageModel<F>, golden: &Value, tolerance: f64, kl: f64) {
    let file = golden["file"].as_str().unwrap();
    let tokens: Vec<u32> = of(&golden["tokens"]);
    let flat = |value: &Value| -> Vec<f64> { of::<Vec<Vec<f64>>>(value).into_iter().flatten().collect() };
    let states = |model: &mut LanguageModel<F>| {
        let prompt = Prompt::Tokens(tokens.clone());
        let request = Request::Features { prompt, text: String::new(), layers: Vec::new(), pool: Pool::Each };
        let Response::Features { n_tokens, states, .. } = ask(model, request).unwrap() else { panic!("no states") };
        assert_eq!(n_tokens as usize, tokens.len());
        states.into_iter().map(|state| state.vector.into_iter().map(f64::from).collect()).collect::<Vec<Vec<f64>>>()
    };
    let plain_states = states(model);
    for (layer, (ours, theirs)) in plain_states.iter().zip(golden["states"].as_array().unwrap()).enumerate() {
        close(&format!("{file} states of layer {layer}"), ours, &flat(theirs), tolerance);
    }
    let plain = next_logits(model, &tokens, &[]);
    let vector: Vec<f32> = of(&golden["vector"]);
    let strength: f32 = of(&golden["strength"]);
    let as_prompt = |ids: &[u32]| Prompt::Tokens(ids.to_vec());
    let kls = |tokens: &[likewise::eval::engine::ComparedToken]| tokens.iter().map(|it| it.kl).collect::<Vec<f64>>();
    for steered in golden["steered"].as_array().unwrap() {
        let layer: u32 = of(&steered["layer"]);
        let steering = [Steering { layer, vector: vector.clone(), strength }];
        let what = format!("{file} steered at {layer}");
        close(&what, &next_logits(model, &tokens, &steering), &of::<Vec<f64>>(&steered["logits"]), tolerance);
        // The same at half the strength twice, which is another recording of nothing: only the vector changes.
        let half = Steering { strength: strength / 2.0, ..steering[0].clone() };
        let twice = [half.clone(), half];
        close(&what, &next_logits(model, &tokens, &twice), &of::<Vec<f64>>(&steered["logits"]), tolerance);
        let p =
            block_on(model.distributions(&as_prompt(&tokens[..4]), &as_prompt(&tokens[4..]), &[], &Control::quiet()));
        let q = block_on(model.distributions(
            &as_prompt(&tokens[..4]),
            &as_prompt(&tokens[4..]),
            &steering,
            &Control::quiet(),
        ));
        let compared = model.compared(&p.unwrap(), &q.unwrap()).unwrap();
        close(&what, &kls(&compared), &of::<Vec<f64>>(&steered["kl"]), kl);
        let theirs: Vec<f64> = of(&steered["next_logprobs"]);
        let other: Vec<f64> = compared.iter().map(|it| it.other_logprob).collect();
        close(&what, &other, &theirs[3..], tolerance);
    }
    // Steering ends with the request that asked for it.
    assert_eq!(next_logits(model, &tokens, &[]), plain);
    assert_eq!(states(model), plain_states);
    let (prompt, continuation) = (as_prompt(&tokens[..4]), as_prompt(&tokens[4..]));
    let other = as_prompt(&of::<Vec<u32>>(&golden["other"]));
    let Response::Compared { tokens: compared, .. } =
        ask(model, Request::Compare { prompt, other, continuation }).unwrap()
    else {
        panic!("nothing compared")
    };
    close(file, &kls(&compared), &of::<Vec<f64>>(&golden["other_kl"]), kl);
    let own: Vec<f64> = compared.iter().map(|it| it.logprob).collect();
    close(file, &own, &of::<Vec<f64>>(&golden["next_logprobs"])[3..], tolerance);
}

#[test]
fn probes_of_the_graphics_path_are_those_of_transformers() {
    let gpu = block_on(Gpu::new()).unwrap();
    for golden in golden() {
        let mut model = on_gpu(golden["file"].as_str().unwrap(), gpu.clone());
        check(&mut model, &golden, 3e-4, 2e-5);
        drop(model);
        assert_eq!(gpu.allocated_bytes(), 0, "steering vectors are given back");
    }
}

#[test]
fn probes_of_the_oracle_are_those_of_transformers() {
    for golden in golden() {
        check(&mut quiet_load::<Oracle>(golden["file"].as_str().unwrap()), &golden, 3e-4, 2e-5);
    }
}

/// Activations of 16 bits come in between.
#[test]
fn probes_of_the_processor_are_those_of_transformers() {
    for golden in golden() {
        check(&mut quiet_load::<CpuForward>(golden["file"].as_str().unwrap()), &golden, 6e-3, 2e-3);
    }
}

/// A text longer than a chunk of any backend, of which only the end is asked for.
#[test]
fn states_of_each_token_are_pooled_to_the_mean() {
    fn mean_is_pooled<F: Forward>(mut model: LanguageModel<F>) {
        let text = "the answer to the question is in the image and not on the mat ".repeat(5);
        let mut states = |pool| {
            let prompt = Prompt::Raw("The cat sat".to_owned());
            let request = Request::Features { prompt, text: text.clone(), layers: vec![2], pool };
            let Ok(Response::Features { n_tokens, states, .. }) = ask(&mut model, request) else { panic!("no states") };
            (n_tokens as usize, states[0].vector.clone())
        };
        let (n, each) = states(Pool::Each);
        let (_, mean) = states(Pool::Mean);
        let (_, last) = states(Pool::Last);
        let n_embd = mean.len();
        assert!(n > 70 && each.len() == n * n_embd, "{n}");
        for (column, mean) in mean.iter().enumerate() {
            let sum: f32 = each.iter().skip(column).step_by(n_embd).sum();
            assert!((sum / n as f32 - mean).abs() < 1e-4, "{column}");
        }
        assert_eq!(&each[(n - 1) * n_embd..], last);
    }
    mean_is_pooled(on_gpu("tiny-gemma3.gguf", block_on(Gpu::new()).unwrap()));
    mean_is_pooled(quiet_load::<CpuForward>("tiny-qwen3.gguf"));
    mean_is_pooled(quiet_load::<Oracle>("tiny-qwen3.gguf"));
}

/// Tokens that the device draws itself are steered as those that are read: each is the most probable one by the logits.
#[test]
fn a_written_answer_is_steered() {
    for file in ["tiny-llama-q4_1.gguf", "tiny-gemma3.gguf"] {
        let gpu = block_on(Gpu::new()).unwrap();
        let mut model = on_gpu(file, gpu.clone());
        let golden = golden().into_iter().find(|it| it["file"] == file).unwrap();
        let (prompt, vector): (Vec<u32>, Vec<f32>) = (of(&golden["tokens"]), of(&golden["vector"]));
        let write = |model: &mut LanguageModel<_>, strength: f32| {
            let steering = vec![Steering { layer: 1, vector: vector.clone(), strength }];
            let request = Request::Generate {
                prompt: Prompt::Tokens(prompt.clone()),
                sampling: Sampling::GREEDY,
                seed: 0,
                limit: 12,
                stop: Vec::new(),
                allowed: Vec::new(),
                n_top: 0,
            };
            let request = Request::Steered { steering, request: Box::new(request) };
            let Ok(Response::Text { tokens, .. }) = ask(model, request) else { panic!("no text") };
            tokens
        };
        let plain = write(&mut model, 0.0);
        let steered = write(&mut model, 4.0);
        let ids = |tokens: &[TokenStep]| tokens.iter().map(|token| token.id).collect::<Vec<u32>>();
        assert_ne!(ids(&plain), ids(&steered), "{file}: the vector is strong enough to change the answer");
        let mut read = prompt.clone();
        for token in &steered {
            let steering = [Steering { layer: 1, vector: vector.clone(), strength: 4.0 }];
            let logits = next_logits(&mut model, &read, &steering);
            let best = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert!(best - logits[token.id as usize] < 1e-4, "{file}: {}", token.id);
            read.push(token.id);
        }
        let (bytes, buffers) = (gpu.allocated_bytes(), gpu.n_buffers());
        for strength in 0..20 {
            write(&mut model, strength as f32);
        }
        assert_eq!((gpu.allocated_bytes(), gpu.n_buffers()), (bytes, buffers), "another strength takes no memory");
    }
}

#[test]
fn options_are_scored_with_and_without_steering_in_one_batch() {
    let mut model = on_gpu("tiny-qwen2.gguf", block_on(Gpu::new()).unwrap());
    let steering = vec![Steering { layer: 2, vector: vec![0.3; 64], strength: -1.0 }];
    let choose =
        Request::Choose { prompt: Prompt::Tokens(vec![5, 6, 7]), options: vec![" a".to_owned(), " the".to_owned()] };
    let steered = Request::Steered { steering, request: Box::new(choose.clone()) };
    let scores = |answer: &Result<Response, EngineError>| {
        let Ok(Response::Choice { options, .. }) = answer else { panic!("{answer:?}") };
        options.iter().map(|option| option.logprob).collect::<Vec<f64>>()
    };
    let alone: Vec<Vec<f64>> =
        [&choose, &steered].map(|request| scores(&ask(&mut model, request.clone()))).into_iter().collect();
    let together = block_on(model.respond(&[steered.clone(), choose.clone(), steered, choose], &Control::quiet()));
    for (answer, expected) in together.iter().zip([1, 0, 1, 0]) {
        close("options", &scores(answer), &alone[expected], 1e-5);
    }
    assert!(alone[0].iter().zip(&alone[1]).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn vectors_that_do_not_fit_are_refused_and_leave_the_model_as_it_was() {
    fn refused<F: Forward>(mut model: LanguageModel<F>) {
        let plain = next_logits(&mut model, &[1, 2, 3], &[]);
        let next = Request::Next { prompt: Prompt::Tokens(vec![1, 2, 3]), n_top: 1 };
        let steered = |layer, vector, strength, request| Request::Steered {
            steering: vec![Steering { layer, vector, strength }],
            request: Box::new(request),
        };
        let fine = || vec![0.1; 64];
        for request in [
            steered(3, fine(), 1.0, next.clone()),
            steered(0, vec![0.1; 63], 1.0, next.clone()),
            steered(0, fine(), f32::NAN, next.clone()),
            steered(0, vec![f32::INFINITY; 64], 1.0, next.clone()),
            steered(0, fine(), 1.0, steered(0, fine(), 1.0, next.clone())),
        ] {
            let answer = ask(&mut model, request);
            assert!(matches!(answer, Err(EngineError::Backend { .. })), "{answer:?}");
        }
        assert_eq!(next_logits(&mut model, &[1, 2, 3], &[]), plain);
    }
    refused(on_gpu("tiny-llama-q4_1.gguf", block_on(Gpu::new()).unwrap()));
    refused(quiet_load::<CpuForward>("tiny-llama-q4_1.gguf"));
    refused(quiet_load::<Oracle>("tiny-llama-q4_1.gguf"));
}

#[test]
fn json_lines_answer_what_requests_do() {
    let mut model = quiet_load::<Oracle>("tiny-llama-q4_1.gguf");
    let control = Control::quiet();
    let line = json!({"tokens": [5, 6, 7, 8], "layers": [1], "sites": ["resid_pre", "resid_post"]});
    let states = block_on(hidden(&mut model, &line, true, &[], &control)).unwrap();
    let pooled = block_on(hidden(&mut model, &line, false, &[], &control)).unwrap();
    for site in 0..2 {
        assert_eq!(states["states"][site]["vectors"].as_array().unwrap().len(), 4);
        assert_eq!(states["states"][site]["vectors"][3], pooled["states"][site]["vector"]);
    }
    let forced =
        block_on(logprobs(&mut model, &json!({"prompt": "The", "text": " cat sat"}), 2, &[], &control)).unwrap();
    let tokens: Vec<TokenStep> = of(&forced["tokens"]);
    let sum: f64 = tokens.iter().map(|token| token.logprob).sum();
    assert!((forced["sum"].as_f64().unwrap() - sum).abs() < 1e-12 && tokens.iter().all(|token| token.top.len() == 2));
    let line = json!({"prompt": "The", "continuation": " cat sat"});
    assert!(block_on(divergence(&mut model, None, &line, &[], &control)).is_err(), "nothing differs");
    // Another quantization of the same weights: small and not nothing. Another family: no common vocabulary.
    let mut other = quiet_load::<Oracle>("tiny-llama-q8_0.gguf");
    let found = block_on(divergence(&mut model, Some(&mut other), &line, &[], &control)).unwrap();
    let mean = found["mean_kl"].as_f64().unwrap();
    assert!(mean > 0.0 && mean.is_finite(), "{mean}");
    let mut stranger = quiet_load::<Oracle>("tiny-gemma3.gguf");
    let refused = block_on(divergence(&mut model, Some(&mut stranger), &line, &[], &control)).unwrap_err();
    assert!(refused.contains("cannot be compared"), "{refused}");
    let steering = steering_of(r#"[{"layer":1,"vector":[1.0,2.0]},{"layer":0,"vector":[3],"strength":-2}]"#).unwrap();
    assert_eq!((steering.len(), steering[0].strength, steering[1].strength), (2, 1.0, -2.0));
    assert!(steering_of(r#"{"layer":1}"#).is_err());
}
