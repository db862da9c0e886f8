//! The default model on the GPU and on the processor, held to the f32 oracle. `make test-real` runs this; the model's
//! path is in `LIKEWISE_MODEL`, or the one that `make model` fetches.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in a test, what is not there is a failure, and measured figures are shown"
)]

mod files;
mod gemma;
mod minilm;
#[path = "../it/png_file.rs"]
mod png_file;
mod tokenizers;
mod vision;

use std::sync::OnceLock;

use likewise::eval::engine::{Control, Engine, Message, Prompt, Request, Response, Role, Sampling, SelfTest};
use likewise::formats::catalog::Catalog;
use likewise::gpu::Gpu;
use likewise::inference::cpu_engine::CpuForward;
use likewise::inference::forward::{CpuModel, Forward};
use likewise::inference::gpu_engine::GpuEngine;
use likewise::inference::language_model::LanguageModel;
use likewise::inference::load::{CPU_KL_LIMIT, GPU_KL_LIMIT, ModelIdentity, load_cpu, load_gpu};
use likewise::inference::oracle::Oracle;

use files::smollm2_bytes as model_bytes;

/// Texts of different kinds; the distribution after each of their tokens is compared.
const TEXTS: [&str; 4] = [
    "The harbor was quiet before dawn. Two gulls stood on the wall and watched the ferry come in, late again because \
     of the fog, with its lamps still burning and nobody on deck.",
    "def mean(values):\n    \"\"\"Arithmetic mean of a list of numbers.\"\"\"\n    if not values:\n        raise \
     ValueError(\"empty\")\n    return sum(values) / len(values)\n",
    "<|im_start|>user\nWhat is the capital of France, and which river runs through it?<|im_end|>\n<|im_start|>assistant\n\
     The capital of France is Paris, and the Seine runs through it.<|im_end|>\n",
    "1, 1, 2, 3, 5, 8, 13, 21, 34. Der Zug nach Köln hat heute zwölf Minuten Verspätung; ¿puede esperar?",
];

/// Questions that are answered greedily.
const QUESTIONS: [&str; 4] = [
    "What is the capital of Italy?",
    "Write one sentence about the sea.",
    "Name three animals that can fly.",
    "What is two plus three?",
];

/// New tokens of each answer.
const N_NEW: usize = 16;

/// The catalog's default model, which the file must be.
fn identity() -> ModelIdentity {
    let catalog: Catalog = serde_json::from_str(include_str!("../../public/models/catalog.json")).unwrap();
    let card = catalog.models.iter().find(|card| card.id == catalog.default).unwrap();
    assert_eq!(card.size_bytes, model_bytes().len() as u64, "the file is not the catalog's default model");
    ModelIdentity::of_card(card)
}

fn gpu_model() -> GpuEngine {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let (bytes, identity, control) = (model_bytes(), identity(), Control::quiet());
    pollster::block_on(load_gpu(&bytes, gpu, &identity, 1 << 30, &|_, _, _| {}, &control)).unwrap()
}

fn cpu_model<M: CpuModel>() -> LanguageModel<M> {
    let (bytes, identity, control) = (model_bytes(), identity(), Control::quiet());
    pollster::block_on(load_cpu(&bytes, &identity, 1 << 30, &|_, _, _| {}, &control)).unwrap()
}

fn tokens_of<F: Forward>(model: &LanguageModel<F>, text: &str) -> Vec<u32> {
    model.codec().encode(text, true).unwrap()
}

fn chat(question: &str) -> Prompt {
    Prompt::Chat(vec![Message { role: Role::User, content: question.to_owned() }])
}

fn respond<F: Forward>(model: &mut LanguageModel<F>, request: Request) -> Response {
    pollster::block_on(model.respond(&[request], &Control::quiet())).remove(0).unwrap()
}

/// Natural log-probabilities of every token.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let norm = max + logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum::<f64>().ln();
    logits.iter().map(|&logit| f64::from(logit) - norm).collect()
}

/// KL(p || q) in nats over the whole vocabulary, from log-probabilities.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len());
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

/// Logits after each token of each text, read one token at a time, and after whole prompts read at once.
fn distributions<F: Forward>(model: &mut LanguageModel<F>) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for text in TEXTS {
        let tokens = tokens_of(model, text);
        for n in 1..=tokens.len() {
            all.push(pollster::block_on(model.logits_after(&tokens[..n], &Control::quiet())).unwrap());
        }
        // The first token is another one, so nothing is taken from the cache and the rest is read in chunks.
        let fresh: Vec<u32> = std::iter::once(1).chain(tokens).collect();
        all.push(pollster::block_on(model.logits_after(&fresh, &Control::quiet())).unwrap());
    }
    all
}

/// Log-probability of every token but the first, and of the best in its place, read in scoring passes.
fn scores<F: Forward>(model: &mut LanguageModel<F>) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    for text in TEXTS {
        let request = Request::Forced { prompt: Prompt::Raw(String::new()), text: text.to_owned(), n_top: 1 };
        let Response::Forced { tokens, .. } = respond(model, request) else { panic!("not scored") };
        all.extend(tokens.iter().map(|token| (token.logprob, token.top[0].logprob)));
    }
    all
}

/// Greedy answers with the difference in probability between the best and the second token at each step.
fn answers<F: Forward>(model: &mut LanguageModel<F>) -> Vec<Vec<(u32, f64)>> {
    let answer = |question: &&str| {
        let request = Request::Generate {
            prompt: chat(question),
            sampling: Sampling::GREEDY,
            seed: 0,
            limit: N_NEW as u32,
            stop: Vec::new(),
            allowed: Vec::new(),
            n_top: 2,
        };
        let Response::Text { tokens, .. } = respond(model, request) else { panic!("no text") };
        tokens.iter().map(|step| (step.id, step.top[0].logprob.exp() - step.top[1].logprob.exp())).collect()
    };
    QUESTIONS.iter().map(answer).collect()
}

/// What the oracle says.
struct Truth {
    logprobs: Vec<Vec<f64>>,
    scores: Vec<(f64, f64)>,
    answers: Vec<Vec<(u32, f64)>>,
}

fn truth() -> &'static Truth {
    static TRUTH: OnceLock<Truth> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let mut oracle = cpu_model::<Oracle>();
        let logprobs = distributions(&mut oracle).iter().map(|logits| log_softmax(logits)).collect();
        Truth { logprobs, scores: scores(&mut oracle), answers: answers(&mut oracle) }
    })
}

/// Mean and largest divergence from the oracle; the largest difference of a score.
fn compare<F: Forward>(name: &str, model: &mut LanguageModel<F>) -> (f64, f64, f64) {
    let ours = distributions(model);
    assert_eq!(ours.len(), truth().logprobs.len());
    let kls: Vec<f64> =
        ours.iter().zip(&truth().logprobs).map(|(ours, truth)| divergence(truth, &log_softmax(ours))).collect();
    let (mean, max) = (kls.iter().sum::<f64>() / kls.len() as f64, kls.iter().copied().fold(0.0, f64::max));
    let ours = scores(model);
    assert_eq!(ours.len(), truth().scores.len());
    let differences = ours.iter().zip(&truth().scores).map(|(a, b)| (a.0 - b.0).abs().max((a.1 - b.1).abs()));
    let worst = differences.fold(0.0, f64::max);
    println!("{name}: KL from the f32 oracle over {} positions: mean {mean:.2e}, largest {max:.2e} nats", kls.len());
    println!("{name}: scored log-probabilities of {} tokens: largest difference {worst:.2e}", ours.len());
    (mean, max, worst)
}

/// Holds greedy answers to the oracle's while its choice is clear: by Pinsker's inequality a divergence of at most
/// `max_kl` moves no probability by more than sqrt(`max_kl` / 2), so a lead of sqrt(2 `max_kl`) cannot be lost.
fn compare_answers<F: Forward>(name: &str, model: &mut LanguageModel<F>, max_kl: f64, at_least: usize) {
    let clear = (2.0 * max_kl).sqrt();
    let mut n_clear = 0;
    for ((question, ours), theirs) in QUESTIONS.iter().zip(answers(model)).zip(&truth().answers) {
        for (step, ((ours, _), (theirs, lead))) in ours.iter().zip(theirs).enumerate() {
            if *lead > clear {
                assert_eq!(ours, theirs, "{name}, {question:?}, token {step}, lead {lead}");
                n_clear += 1;
            } else if ours != theirs {
                // From here on the two read different texts.
                break;
            }
        }
    }
    println!("{name}: {n_clear} greedy tokens with a lead of more than {clear:.4} are the oracle's");
    assert!(n_clear >= at_least, "only {n_clear} choices were clear");
}

#[test]
fn the_gpu_gives_the_oracles_distributions() {
    let mut model = gpu_model();
    assert!(matches!(model.info().self_test, SelfTest::Passed { .. }), "{:?}", model.info().self_test);
    let (_, max, worst) = compare("GPU", &mut model);
    assert!(max < GPU_KL_LIMIT, "{max}");
    assert!(worst < 0.01, "{worst}");
    compare_answers("GPU", &mut model, max, 40);
}

#[test]
fn the_processor_path_gives_the_oracles_distributions() {
    let mut model = cpu_model::<CpuForward>();
    assert!(matches!(model.info().self_test, SelfTest::Passed { .. }), "{:?}", model.info().self_test);
    let (_, max, worst) = compare("processor", &mut model);
    assert!(worst < 0.01, "{worst}");
    assert!(max < CPU_KL_LIMIT, "{max}");
    compare_answers("processor", &mut model, max, 40);
}
