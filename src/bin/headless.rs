//! The same engine and tasks without a browser: JSON lines in, JSON lines out, messages on standard error. The exit
//! status is 0 only if every line was answered.
#![expect(clippy::print_stdout, reason = "standard output is this program's product")]

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use likewise::eval::engine::{
    Control, Engine, EngineError, Finish, Message, Prompt, Request, Response, Sampling, SelfTest,
};
use likewise::eval::item::items_from_jsonl;
use likewise::eval::run::{ItemResult, RUN_SCHEMA, Run, RunStatus, Settings};
use likewise::eval::{runner, tasks};
use likewise::formats::FormatError;
use likewise::formats::catalog::{Catalog, SelfTestProbe};
use likewise::formats::source::ByteSource;
use likewise::gpu::Gpu;
use likewise::inference::gpu_engine::GpuEngine;
use likewise::inference::load::{ModelIdentity, load_gpu, probe_from_logits};
use likewise::platform;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(about = "Small models without a browser: JSON lines in, JSON lines out")]
struct Arguments {
    /// The GGUF file.
    #[arg(long, global = true, default_value = "models-cache/SmolLM2-135M-Instruct.Q4_1.gguf")]
    model: PathBuf,
    /// Catalog with the values for the check after loading; matched by the file's SHA-256.
    #[arg(long, global = true, default_value = "public/models/catalog.json")]
    catalog: PathBuf,
    /// Most bytes of GPU memory.
    #[arg(long, global = true, default_value_t = 4 << 30)]
    budget_bytes: u64,
    /// Seed of every random choice.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// In: {"id","prompt"} or {"id","tokens"}; out: the most probable next tokens.
    Logits {
        /// How many tokens to report.
        #[arg(long, default_value_t = 10)]
        top: u32,
    },
    /// In: {"id","prompt","options"}; out: log-probability of each option.
    Score,
    /// In: {"id","text"}; out: log-probability of every token but the first, which has nothing before it.
    Perplexity,
    /// In: {"id","prompt"} or {"id","messages"}, plus `max_tokens`, temperature, `top_p`, `top_k`, seed, stop.
    Generate,
    /// Runs a task; the run and its item results go into one JSON file.
    Run {
        /// Id of the task.
        #[arg(long)]
        task: String,
        /// Items file; the task's own by default.
        #[arg(long)]
        items: Option<PathBuf>,
        /// Only the first so many items.
        #[arg(long)]
        limit: Option<usize>,
        /// Where the record goes.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measures speed and counts work a token.
    Bench,
    /// In: {"id","prompt"}; out: a self-test probe of this engine's next-token distribution.
    Probe {
        /// How many ids to store.
        #[arg(long, default_value_t = 20)]
        top: usize,
    },
}

/// A file on disk, read by ranges.
struct FileSource {
    file: RefCell<File>,
    size: u64,
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), FormatError> {
        if range.end > self.size || range.start > range.end {
            return Err(FormatError::Truncated { needed: range.end, total: self.size });
        }
        let mut file = self.file.borrow_mut();
        let wrong = |error: std::io::Error| FormatError::Read { detail: error.to_string() };
        into.resize((range.end - range.start) as usize, 0);
        file.seek(SeekFrom::Start(range.start)).map_err(wrong)?;
        file.read_exact(into).map_err(wrong)
    }
}

fn sha256_of(path: &Path) -> Result<String, Failure> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(runner::hex(&hasher.finalize()))
}

fn control() -> Control<'static> {
    Control { now: platform::now_millis, ..Control::quiet() }
}

/// What a catalog says of the file, or the file's own name.
fn identity(arguments: &Arguments) -> Result<ModelIdentity, Failure> {
    let sha256 = sha256_of(&arguments.model)?;
    let catalog: Option<Catalog> = match std::fs::read_to_string(&arguments.catalog) {
        Ok(text) => Some(serde_json::from_str(&text)?),
        Err(_) => None,
    };
    let card = catalog.iter().flat_map(|catalog| &catalog.models).find(|card| card.sha256 == sha256);
    let name = arguments.model.file_name().unwrap_or_default().to_string_lossy();
    let mut identity = card.map_or_else(|| ModelIdentity::of_file(&name), ModelIdentity::of_card);
    identity.sha256 = Some(sha256);
    Ok(identity)
}

async fn load(arguments: &Arguments) -> Result<GpuEngine, Failure> {
    let file = File::open(&arguments.model).map_err(|error| format!("{}: {error}", arguments.model.display()))?;
    let source = FileSource { size: file.metadata()?.len(), file: RefCell::new(file) };
    let identity = identity(arguments)?;
    let gpu = Gpu::new().await?;
    let engine = load_gpu(&source, gpu, &identity, arguments.budget_bytes, &|_, _, _| {}, &control()).await?;
    match &engine.info().self_test {
        SelfTest::Failed { detail } => Err(format!("this device fails the self-test: {detail}").into()),
        verdict => {
            eprintln!("{} on {}: {verdict:?}", engine.info().model_name, engine.info().adapter);
            Ok(engine)
        }
    }
}

async fn ask<E: Engine>(engine: &mut E, request: Request) -> Result<Response, Failure> {
    let answer = engine.respond(&[request], &control()).await.pop();
    Ok(answer.ok_or("the engine gave no answer")??)
}

fn text_field(line: &Value, key: &str) -> Result<String, Failure> {
    Ok(line
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("the field {key:?} is missing or no text"))?
        .to_owned())
}

fn prompt_of(line: &Value) -> Result<Prompt, Failure> {
    if let Some(tokens) = line.get("tokens") {
        return Ok(Prompt::Tokens(serde_json::from_value(tokens.clone())?));
    }
    if let Some(messages) = line.get("messages") {
        let messages: Vec<Message> = serde_json::from_value(messages.clone())?;
        return Ok(Prompt::Chat(messages));
    }
    Ok(Prompt::Raw(text_field(line, "prompt")?))
}

fn texts(line: &Value, key: &str) -> Result<Vec<String>, Failure> {
    line.get(key).map_or_else(|| Ok(Vec::new()), |value| Ok(serde_json::from_value(value.clone())?))
}

fn number<T: serde::de::DeserializeOwned>(line: &Value, key: &str, default: T) -> Result<T, Failure> {
    line.get(key).map_or(Ok(default), |value| {
        serde_json::from_value(value.clone()).map_err(|error| format!("field {key:?}: {error}").into())
    })
}

async fn answer(engine: &mut GpuEngine, command: &Command, seed: u64, line: &Value) -> Result<Value, Failure> {
    match command {
        Command::Logits { top } => {
            let request = Request::Next { prompt: prompt_of(line)?, n_top: *top };
            let Response::Next { n_prompt_tokens, top, .. } = ask(engine, request).await? else {
                return Err("unexpected answer".into());
            };
            let top: Vec<Value> = top
                .into_iter()
                .map(|(a, logit)| json!({"token": a.id, "text": a.text, "logit": logit, "logprob": a.logprob}))
                .collect();
            Ok(json!({"n_tokens": n_prompt_tokens, "top": top}))
        }
        Command::Score => {
            let request = Request::Choose { prompt: prompt_of(line)?, options: texts(line, "options")? };
            let Response::Choice { options, .. } = ask(engine, request).await? else {
                return Err("unexpected answer".into());
            };
            let options: Vec<Value> = options
                .iter()
                .map(|o| {
                    json!({"logprob": o.logprob, "n_tokens": o.n_tokens, "logprob_per_token": o.logprob_per_token()})
                })
                .collect();
            Ok(json!({"options": options}))
        }
        Command::Perplexity => {
            let request =
                Request::Forced { prompt: Prompt::Raw(String::new()), text: text_field(line, "text")?, n_top: 0 };
            let Response::Forced { tokens, .. } = ask(engine, request).await? else {
                return Err("unexpected answer".into());
            };
            let logprobs: Vec<f64> = tokens.iter().map(|token| token.logprob).collect();
            let mean_nll = -logprobs.iter().sum::<f64>() / logprobs.len() as f64;
            Ok(json!({"n_tokens": logprobs.len(), "logprobs": logprobs, "mean_nll": mean_nll}))
        }
        Command::Generate => {
            let sampling = Sampling {
                temperature: number(line, "temperature", 0.0)?,
                top_p: number(line, "top_p", 1.0)?,
                top_k: number(line, "top_k", 0)?,
            };
            let request = Request::Generate {
                prompt: prompt_of(line)?,
                sampling,
                seed: number(line, "seed", seed)?,
                limit: number(line, "max_tokens", 128)?,
                stop: texts(line, "stop")?,
                n_top: 0,
            };
            let Response::Text { text, tokens, finish, .. } = ask(engine, request).await? else {
                return Err("unexpected answer".into());
            };
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
            let finish: Finish = finish;
            Ok(json!({"text": text, "tokens": ids, "finish": finish}))
        }
        Command::Probe { top } => {
            let tokens = match prompt_of(line)? {
                Prompt::Tokens(tokens) => tokens,
                Prompt::Raw(text) => engine.codec().encode(&text, true)?,
                Prompt::Chat(messages) => engine.codec().encode_chat(&messages)?,
            };
            let logits = engine.logits_after(&tokens, &control()).await?;
            let probe: SelfTestProbe = probe_from_logits(&tokens, &logits, *top)?;
            Ok(serde_json::to_value(probe)?)
        }
        Command::Run { .. } | Command::Bench => Err("this command reads no lines".into()),
    }
}

/// Answers every line of standard input; the number of lines that failed.
async fn serve_lines(engine: &mut GpuEngine, command: &Command, seed: u64) -> Result<usize, Failure> {
    let mut n_failed = 0;
    for raw in std::io::stdin().lock().lines() {
        let raw = raw?;
        if raw.trim().is_empty() {
            continue;
        }
        let parsed: Result<Value, Failure> = serde_json::from_str(&raw).map_err(Into::into);
        let id = parsed.as_ref().ok().and_then(|line| line.get("id").cloned()).unwrap_or(Value::Null);
        let result = match parsed {
            Ok(line) => answer(engine, command, seed, &line).await,
            Err(error) => Err(error),
        };
        let mut out = match result {
            Ok(value) => value,
            Err(error) => {
                n_failed += 1;
                eprintln!("{id}: {error}");
                json!({"error": error.to_string()})
            }
        };
        if let Some(fields) = out.as_object_mut() {
            fields.insert("id".to_owned(), id);
        }
        println!("{out}");
        std::io::stdout().flush()?;
    }
    Ok(n_failed)
}

async fn run_task(engine: &mut GpuEngine, arguments: &Arguments) -> Result<usize, Failure> {
    let Command::Run { task, items, limit, out } = &arguments.command else { return Err("not a run".into()) };
    let entry = tasks::find(task).ok_or_else(|| format!("there is no task {task:?}"))?;
    let path = items.clone().unwrap_or_else(|| Path::new("public").join(entry.info.items_path));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut all: Vec<_> = items_from_jsonl(&text)?.into_iter().enumerate().collect();
    all.truncate(limit.unwrap_or(usize::MAX));
    let settings = Settings { seed: arguments.seed, n_items: *limit, ..Settings::default() };
    let mut run = Run {
        schema: RUN_SCHEMA,
        id: platform::random_id(),
        task_id: entry.info.id.to_owned(),
        task_version: entry.info.version,
        items_sha256: runner::sha256_hex(&text),
        n_items: all.len(),
        engine: engine.info().clone(),
        settings: settings.clone(),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: platform::unix_millis(),
        finished_at: None,
        status: RunStatus::Running,
        demo: false,
    };
    let results: RefCell<Vec<ItemResult>> = RefCell::default();
    let on_result = |result: ItemResult| {
        eprintln!("{}: {}", result.item.id, result.verdict.label());
        results.borrow_mut().push(result);
    };
    let made = (entry.make)(&settings);
    let ended: Result<(), EngineError> =
        runner::run_items(&run.id, made.as_ref(), &all, engine, &control(), &on_result).await;
    run.finished_at = Some(platform::unix_millis());
    run.status = match &ended {
        Ok(()) => RunStatus::Complete,
        Err(error) => RunStatus::Failed { detail: error.to_string() },
    };
    let record = json!({"run": run, "results": results.into_inner()});
    std::fs::write(out, serde_json::to_vec_pretty(&record)?)?;
    Ok(usize::from(ended.is_err()))
}

async fn bench(engine: &mut GpuEngine, load_s: f64) -> Result<(), Failure> {
    let prompt: Vec<u32> = (0..256).map(|i| 1000 + i * 7 % 997).collect();
    // The first pass of each size compiles; what follows is measured.
    engine.logits_after(&prompt, &control()).await?;
    let other: Vec<u32> = prompt.iter().map(|token| token + 1).collect();
    let started = platform::now_millis();
    engine.logits_after(&other, &control()).await?;
    let prefill = other.len() as f64 / (platform::now_millis() - started) * 1e3;

    let decode = |seed| Request::Generate {
        prompt: Prompt::Tokens(prompt.clone()),
        sampling: Sampling { temperature: 1.0, top_p: 1.0, top_k: 0 },
        seed,
        limit: 33,
        stop: Vec::new(),
        n_top: 0,
    };
    ask(engine, decode(1)).await?;
    engine.logits_after(&prompt, &control()).await?;
    let before = engine.forward().counters();
    let started = platform::now_millis();
    let Response::Text { tokens, .. } = ask(engine, decode(2)).await? else { return Err("unexpected answer".into()) };
    let seconds = (platform::now_millis() - started) / 1e3;
    let after = engine.forward().counters();
    // The first token comes from the prompt's logits.
    let n_read = (after.submits - before.submits).max(1) as f64;

    let score = |i: usize| Request::Choose {
        prompt: Prompt::Raw(format!("Question {i}: is the sky blue? Answer:")),
        options: vec![" yes, it is".to_owned(), " no, it is not".to_owned()],
    };
    ask(engine, score(0)).await?;
    let started = platform::now_millis();
    for i in 1..=8 {
        ask(engine, score(i)).await?;
    }
    let scored = 8.0 / (platform::now_millis() - started) * 1e3;
    println!(
        "{}",
        json!({
            "prefill_tokens_per_s": prefill,
            "decode_tokens_per_s": tokens.len().saturating_sub(1) as f64 / seconds,
            "score_prompts_per_s": scored,
            "load_s": load_s,
            "dispatches_per_token": (after.dispatches - before.dispatches) as f64 / n_read,
            "uploads_per_token": (after.uploads - before.uploads) as f64 / n_read,
            "weight_bytes_per_token": engine.forward().weight_bytes(),
            "gpu_bytes": engine.forward().gpu().allocated_bytes(),
            "adapter": engine.info().adapter,
        })
    );
    Ok(())
}

async fn work(arguments: &Arguments) -> Result<usize, Failure> {
    let started = platform::now_millis();
    let mut engine = load(arguments).await?;
    let load_s = (platform::now_millis() - started) / 1e3;
    match &arguments.command {
        Command::Run { .. } => run_task(&mut engine, arguments).await,
        Command::Bench => bench(&mut engine, load_s).await.map(|()| 0),
        command => serve_lines(&mut engine, command, arguments.seed).await,
    }
}

fn main() -> ExitCode {
    platform::init_logging();
    match pollster::block_on(work(&Arguments::parse())) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(n_failed) => {
            eprintln!("{n_failed} not answered");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
