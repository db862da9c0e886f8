//! A run in the form of the language model evaluation harness: one results file and one line a sample.
//!
//! `acc` is 1 for a right answer and for declining what cannot be known. The harness has one round of requests a sample,
//! so a sample shows the first; whether a continuation is the greedy one is not known here and stays null. Items on
//! which the engine failed are left out and counted in `n-samples`.

use serde_json::{Map, Value, json};

use super::comparison::acted_rightly;
use super::inspect_log::target_text;
use crate::eval::engine::{Prompt, Request, Response};
use crate::eval::run::{ItemResult, Run};
use crate::eval::runner::sha256_hex;
use crate::eval::score::Verdict;
use crate::eval::transcript::transcript;

/// The results file and the samples file.
#[derive(Debug, Clone, PartialEq)]
pub struct LmEvalFiles {
    /// `results_<time>.json`.
    pub results: Value,
    /// `samples_<task>_<time>.jsonl`.
    pub samples: String,
}

fn prompt_text(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Raw(text) | Prompt::Text(text) => text.clone(),
        Prompt::Chat(messages) => serde_json::to_string(messages).unwrap_or_default(),
        Prompt::Tokens(ids) => format!("{ids:?}"),
    }
}

/// Arguments and responses of the first request, as the harness names them.
fn first_request(request: &Request, response: &Response) -> (Map<String, Value>, Vec<Value>) {
    let mut arguments = Map::new();
    let mut resps = Vec::new();
    match (request, response) {
        (Request::Choose { prompt, options }, Response::Choice { options: scores, .. }) => {
            let context = prompt_text(prompt);
            for (index, (option, score)) in options.iter().zip(scores).enumerate() {
                arguments.insert(format!("gen_args_{index}"), json!({"arg_0": context, "arg_1": option}));
                resps.push(json!([[score.logprob, null]]));
            }
        }
        (Request::Generate { prompt, stop, limit, .. }, Response::Text { text, .. }) => {
            let generation = json!({"until": stop, "max_gen_toks": limit});
            arguments.insert("gen_args_0".to_owned(), json!({"arg_0": prompt_text(prompt), "arg_1": generation}));
            resps.push(json!([text]));
        }
        _ => {}
    }
    (arguments, resps)
}

fn sample(run: &Run, result: &ItemResult) -> Value {
    let turns = transcript(run, result);
    let (arguments, resps) =
        turns.first().map(|(request, response)| first_request(request, response)).unwrap_or_default();
    let filtered: Vec<Value> = resps.iter().map(|it| it.get(0).cloned().unwrap_or(Value::Null)).collect();
    let doc = json!(result.item);
    let target = target_text(result);
    json!({
        "doc_id": result.index,
        "doc": doc,
        "target": target,
        "doc_hash": sha256_hex(&doc.to_string()),
        "prompt_hash": sha256_hex(&Value::Object(arguments.clone()).to_string()),
        "target_hash": sha256_hex(&target),
        "arguments": arguments,
        "resps": resps,
        "filtered_resps": filtered,
        "filter": "none",
        "metrics": ["acc"],
        "acc": f64::from(u8::from(acted_rightly(result.verdict))),
        "verdict": result.verdict,
        "answer": result.score.answer,
    })
}

/// Both files.
///
/// # Errors
/// What the JSON writer says.
pub fn lm_eval_files(run: &Run, results: &[ItemResult]) -> Result<LmEvalFiles, serde_json::Error> {
    let judged: Vec<&ItemResult> = results.iter().filter(|result| result.verdict != Verdict::Error).collect();
    let n = judged.len() as f64;
    let acc = judged.iter().filter(|result| acted_rightly(result.verdict)).count() as f64 / n.max(1.0);
    // The harness's standard error of a mean of zeros and ones, with n - 1.
    let stderr = if n > 1.0 { libm::sqrt(acc * (1.0 - acc) / (n - 1.0)) } else { 0.0 };
    let mut samples = String::new();
    for result in &judged {
        samples.push_str(&serde_json::to_string(&sample(run, result))?);
        samples.push('\n');
    }
    let task = &run.task_id;
    let settings = &run.settings;
    let results = json!({
        "results": {task: {"alias": task, "acc,none": acc, "acc_stderr,none": stderr}},
        "group_subtasks": {task: []},
        "configs": {task: {"task": task, "metadata": {"version": run.task_version}, "num_fewshot": 0}},
        "versions": {task: run.task_version},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"acc": true}},
        "n-samples": {task: {"original": run.n_items, "effective": judged.len()}},
        "config": {
            "model": "likewise",
            "model_args": {"model": run.engine.model_id, "quantization": run.engine.quantization},
            "model_sha": run.engine.weights_sha256,
            "device": run.engine.adapter,
            "limit": settings.n_items,
            "random_seed": settings.seed,
        },
        "date": run.started_at / 1e3,
        "model_source": "likewise",
        "model_name": run.engine.model_id,
        "system_instruction": settings.system,
        "total_evaluation_time_seconds": run.finished_at.map(|end| (end - run.started_at) / 1e3),
        "likewise": {"version": run.app_version, "items_sha256": run.items_sha256, "self_test": run.engine.self_test,
            "demo": run.demo, "failed": results.len() - judged.len()},
    });
    Ok(LmEvalFiles { results, samples })
}
