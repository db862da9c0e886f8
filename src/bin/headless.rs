//! The same engine and tasks without a browser: JSON lines in, JSON lines out, messages on standard error. The exit
//! status is 0 only if every line was answered.
#![expect(clippy::print_stdout, reason = "standard output is this program's product")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use likewise::eval::abstention::{Abstention, Judge};
use likewise::eval::bench::measure;
use likewise::eval::engine::{
    Backend, Control, Engine, EngineInfo, Finish, Pool, Prompt, Request, Response, Sampling, SelfTest, Steering, Work,
};
use likewise::eval::import::import_items;
use likewise::eval::item::Item;
use likewise::eval::picture_set::{PictureSet, is_picture, is_table, source_of};
use likewise::eval::run::{ItemResult, Method, PromptFormat, RUN_SCHEMA, Run, RunStatus, Settings, Shard};
use likewise::eval::score::Verdict;
use likewise::eval::sight::{Operation, View, wanted_labels};
use likewise::eval::stimuli::{Imported, Reference, import as import_stimuli};
use likewise::eval::suite::all_tasks;
use likewise::eval::task::TaskEntry;
use likewise::eval::tasks::hidden_states::word_items;
use likewise::eval::tasks::pair_rating::{all_pairs, pair_items, with_wordings};
use likewise::eval::tasks::visalign;
use likewise::eval::{runner, tasks};
use likewise::formats::FormatError;
use likewise::formats::archive;
use likewise::formats::catalog::{Catalog, SelfTestProbe};
use likewise::formats::source::ByteSource;
use likewise::gpu::{Gpu, GpuError};
use likewise::inference::cpu_engine::CpuForward;
use likewise::inference::forward::{CpuModel, Forward};
use likewise::inference::json_lines::{self, field_or, prompt_of, steered, steering_of, text_field};
use likewise::inference::language_model::LanguageModel;
use likewise::inference::load::{ModelIdentity, load_cpu, load_gpu, probe_from_logits};
use likewise::inference::oracle::Oracle;
use likewise::inference::sentence_encoder::SentenceEncoder;
use likewise::platform;
use likewise::report::class_summary::class_summary;
use likewise::report::export::{RunFile, run_from_json, run_to_json, table_to_csv};
use likewise::report::merge::merge_runs;
use likewise::report::representation::{ModelSide, Pairing, StateDistance, group_level};
use likewise::report::resampling::agree;
use likewise::report::sight::sight_row;
use likewise::report::stats_command;
use likewise::report::study_formats::{self, Format};
use likewise::report::suite_summary::suite_table;
use likewise::stats::distance::Metric;
use likewise::stats::rdm_compare::{Measure, mean_pairwise};
use likewise::store::answers::Answers;
use likewise::study::gathering::{Gathered, Merged};
use likewise::study::simulation::Simulation;
use likewise::study::study::Study;
use likewise::vision::efficientnet::EfficientNet;
use likewise::vision::engine::{Pictures, VisionEngine, self_test};
use likewise::vision::picture::Picture;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

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
    /// For a file without stored values: computes some with the processor's f32 oracle before the file is used.
    #[arg(long, global = true)]
    check: bool,
    /// Most bytes of memory for weights, cache and passes.
    #[arg(long, global = true, default_value_t = 4 << 30)]
    budget_bytes: u64,
    /// Where the arithmetic runs; by default the GPU where there is an adapter, else the processor.
    #[arg(long, global = true)]
    backend: Option<BackendChoice>,
    /// How the processor computes.
    #[arg(long, global = true, default_value = "fast")]
    arithmetic: ArithmeticChoice,
    /// Seed of every random choice.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// JSON file with {"layer","vector","strength"} or a list of such: added to the residual stream of every token
    /// (layer 0 is after the embeddings, l + 1 what block l leaves). For logits, score, perplexity, logprobs, hidden,
    /// generate and kl.
    #[arg(long, global = true)]
    steer: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendChoice {
    Gpu,
    Cpu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodChoice {
    /// Log-likelihood of the options.
    Choose,
    /// Generated text, read by rules.
    Generate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AskChoice {
    /// Ratings of pairs, 1 to 7, by expectation.
    Ratings,
    /// Hidden states of the words at every layer.
    Hidden,
    /// Embeddings of the words by `--encoder`.
    Embeddings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArithmeticChoice {
    /// Weights stay quantized, activations are quantized to 16 bits for each product.
    Fast,
    /// Weights and activations in f32: what the GPU is checked against.
    Oracle,
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
    /// In: {"id","text"}, after {"prompt"}, {"tokens"} or {"messages"} if there are any; out: log-probability of each
    /// token of the text, their sum and mean.
    Logprobs {
        /// How many alternatives to report for each token (0 to 10).
        #[arg(long, default_value_t = 0)]
        top: u8,
    },
    /// In: {"id","prompt","continuation"} and `other_prompt`; out: KL divergence at each token of the continuation, of
    /// the distribution after the other prompt from that after the prompt. The other side is `--other`'s if that is
    /// given, and it alone is steered by `--steer`; then `other_prompt` may be missing.
    Kl {
        /// A second model file with the same tokenizer.
        #[arg(long)]
        other: Option<PathBuf>,
    },
    /// In: {"id","prompt"} or {"id","tokens"}, plus text (only its tokens are pooled; after the prompt), sites
    /// (`resid_post`, what a block leaves; `resid_pre`, what it gets), layers (blocks from 0; default all) and pool
    /// (mean or last, the default); out: the residual stream as vectors.
    Hidden {
        /// A vector for each token instead of one in all.
        #[arg(long)]
        per_token: bool,
    },
    /// In: {"id","prompt"} or {"id","messages"}, plus `max_tokens`, temperature, `top_p`, `top_k`, `min_p`,
    /// `repetition_penalty`, seed, stop and `allowed` (the answer is one of these texts).
    Generate,
    /// In: {"id","path"} of a JPEG or PNG file, plus `operation`, `severity` and `seed` to corrupt it first; out: the
    /// most probable of the 1000 classes, the eleven-slot answer and what it was abstained by. `--model` is the
    /// classifier's safetensors file.
    Classify {
        /// How many classes to report.
        #[arg(long, default_value_t = 5)]
        top: u8,
        /// Adds the 1280 pooled features.
        #[arg(long)]
        features: bool,
    },
    /// Runs the built-in pictures, clean and corrupted, like the page about pictures; the run and its results go into
    /// one JSON file. `--model` is the classifier's safetensors file.
    Sight {
        /// Severities of every operation.
        #[arg(long, value_delimiter = ',', default_value = "1,4,7,10")]
        severities: Vec<u8>,
        /// A ZIP archive of pictures in `VisAlign`'s shape, in place of the built-in ones.
        #[arg(long)]
        set: Option<PathBuf>,
        /// Looks at the four corners of each picture too (five times the work), for the function "crops".
        #[arg(long)]
        crops: bool,
        /// Abstention functions, by id, that standard output gets a line of numbers for; all of them if none is named.
        #[arg(long = "function", value_delimiter = ',')]
        functions: Vec<String>,
        /// Abstention rate from which the model abstains, in those lines.
        #[arg(long, default_value_t = 0.5)]
        threshold: f64,
        /// Where the record goes.
        #[arg(long)]
        out: PathBuf,
    },
    /// Runs tasks; each run and its item results go into one JSON file. Results are written as they come, to a file
    /// with `.partial` at its end that `--resume` goes on with.
    Run(Box<RunChoice>),
    /// Merges shards of one run by item id; out: the run as if it had never been shared out. Needs no model.
    Merge {
        /// Files that `run --shard` wrote.
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// Where the record goes.
        #[arg(long)]
        out: PathBuf,
    },
    /// The main shares of stored runs with intervals and counts, as CSV. Needs no model.
    Table {
        /// Files that `run` or `merge` wrote.
        #[arg(required = true)]
        runs: Vec<PathBuf>,
    },
    /// Asks the model about the words of a file and compares; out: one JSON object with agreement (interval over words),
    /// noise ceiling and, for hidden states, every layer.
    Similarity {
        /// Similarities: pairs with scores, raters as JSON, a table, an RDM (see the similarity page).
        #[arg(long)]
        reference: PathBuf,
        /// What is asked.
        #[arg(long, default_value = "ratings")]
        ask: AskChoice,
        /// File or folder of a sentence encoder, for embeddings.
        #[arg(long)]
        encoder: Option<PathBuf>,
        /// Rates each pair both ways round.
        #[arg(long)]
        both_orders: bool,
        /// Asks in every wording and adds agreement by wording and temperature.
        #[arg(long)]
        wordings: bool,
        /// For base models without a chat template.
        #[arg(long)]
        few_shot: bool,
        /// States of a word's last token instead of the mean over its tokens.
        #[arg(long)]
        last_token: bool,
        /// How matrices are compared.
        #[arg(long, default_value = "spearman")]
        measure: String,
        /// Bootstrap resamples over words.
        #[arg(long, default_value_t = 2000)]
        resamples: usize,
        /// Where the run goes, as `run` writes it.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// In: {"id","text"}; out: {"id","vector"}, a sentence embedding of length 1. Needs no GGUF model.
    Embed {
        /// File that `tools/model.py minilm` makes, or a folder with `model.safetensors`, `tokenizer.json` and
        /// `config.json` of a BERT encoder (`all-MiniLM-L6-v2`).
        #[arg(long)]
        encoder: PathBuf,
    },
    /// Measures speed, counts work a decoded token; tokens a second, seconds and bytes.
    Bench,
    /// In: one JSON object with the data; out: one with the statistic. Needs no model. An RDM is its upper triangle row
    /// by row, null is missing; a wrong field or name is answered with what is right.
    Stats {
        /// Such as spearman, rdm-compare, noise-ceiling, mantel, bradley-terry, krippendorff-alpha, ece, aurc, mds.
        name: String,
    },
    /// Answers a study as a program would; out: judgments marked as simulated. Needs no model.
    Simulate {
        /// The study file.
        #[arg(long)]
        study: PathBuf,
        /// Stimulus ids that are alike, "dog,horse/apple,bread": similarity 0.8 within a group, 0.2 across.
        #[arg(long)]
        groups: String,
        /// How many participants.
        #[arg(long, default_value_t = 1)]
        participants: u32,
        /// Half width of the uniform noise on a similarity between 0 and 1.
        #[arg(long, default_value_t = 0.25)]
        noise: f64,
    },
    /// What participants say together, from packets, saved answers or backups; out: the numbers of the class page as one
    /// JSON object. Needs no model.
    Analyze {
        /// The study file; not needed where a backup holds the study.
        #[arg(long)]
        study: Option<PathBuf>,
        /// Files of answers.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Writes judgments in a form that another program reads. Needs no model.
    Export {
        /// csv, psych-ds, jspsych, inspect-scores, triplets, salmon, things, vice, cblearn, arena, dpo or rsatoolbox.
        #[arg(long)]
        to: String,
        /// The study file; not needed where a backup holds the study.
        #[arg(long)]
        study: Option<PathBuf>,
        /// Folder for the files; by default standard output, for formats of one file.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Files of answers.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// In: {"id","prompt"}; out: a self-test probe for the catalog, always computed by the processor's f32 oracle.
    Probe {
        /// How many ids to store.
        #[arg(long, default_value_t = 20)]
        top: usize,
    },
}

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct RunChoice {
    /// Id of a task; may be given more than once, and then `--out` is a folder.
    #[arg(long, required_unless_present = "suite")]
    task: Vec<String>,
    /// Every task that has items of its own; `--out` is a folder.
    #[arg(long, conflicts_with_all = ["task", "items", "study"])]
    suite: bool,
    /// Items file; the task's own by default.
    #[arg(long)]
    items: Option<PathBuf>,
    /// Study file whose pairs of stimuli are the items; for `pair_rating`.
    #[arg(long, conflicts_with = "items")]
    study: Option<PathBuf>,
    /// Only the first so many items.
    #[arg(long)]
    limit: Option<usize>,
    /// How the question is put; the task's usual way by default.
    #[arg(long)]
    method: Option<MethodChoice>,
    /// System message before every item.
    #[arg(long, default_value = "")]
    system: String,
    /// For base models without a chat template: worked examples and `Question:`, `Answer:` lines.
    #[arg(long)]
    few_shot: bool,
    /// Marks the run as a demonstration wherever it is shown.
    #[arg(long)]
    demo: bool,
    /// Temperature of written answers.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Nucleus of written answers.
    #[arg(long, default_value_t = 1.0)]
    top_p: f32,
    /// Only a part of the items, such as 2/5: the second of five; `merge` puts the parts together.
    #[arg(long)]
    shard: Option<Shard>,
    /// Goes on with what an earlier call with the same arguments left.
    #[arg(long)]
    resume: bool,
    /// Where the record goes: a file, or for several tasks a folder of files named after them.
    #[arg(long)]
    out: PathBuf,
}

/// A file on disk, read by ranges.
struct FileSource {
    file: RefCell<File>,
    size: u64,
}

impl FileSource {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { size: file.metadata()?.len(), file: RefCell::new(file) })
    }
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
    identity_in(&arguments.model, &arguments.catalog)
}

fn identity_in(model: &Path, catalog: &Path) -> Result<ModelIdentity, Failure> {
    let sha256 = sha256_of(model)?;
    let catalog: Option<Catalog> = match std::fs::read_to_string(catalog) {
        Ok(text) => Some(serde_json::from_str(&text)?),
        Err(_) => None,
    };
    let card = catalog.iter().flat_map(|catalog| &catalog.models).find(|card| card.sha256 == sha256);
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let mut identity = card.map_or_else(|| ModelIdentity::of_file(&name), ModelIdentity::of_card);
    identity.sha256 = Some(sha256);
    Ok(identity)
}

/// Says on standard error what was loaded; a device that computes other numbers is never used.
fn accept(info: &EngineInfo) -> Result<(), Failure> {
    if let SelfTest::Failed { detail } = &info.self_test {
        return Err(format!("this device fails the self-test: {detail}").into());
    }
    eprintln!("{} {} on {}: {:?}", info.model_name, info.quantization, info.adapter, info.self_test);
    Ok(())
}

async fn ask<E: Engine>(engine: &mut E, request: Request) -> Result<Response, Failure> {
    Ok(json_lines::ask(engine, request, &control()).await?)
}

async fn answer<F: Forward>(
    engine: &mut LanguageModel<F>,
    other: Option<&mut LanguageModel<F>>,
    (command, seed, steering): (&Command, u64, &[Steering]),
    line: &Value,
) -> Result<Value, Failure> {
    match command {
        Command::Logits { top } => {
            let request = Request::Next { prompt: prompt_of(line)?, n_top: *top };
            let Response::Next { n_prompt_tokens, top, .. } = ask(engine, steered(request, steering)).await? else {
                return Err("unexpected answer".into());
            };
            let top: Vec<Value> = top
                .into_iter()
                .map(|(a, logit)| json!({"token": a.id, "text": a.text, "logit": logit, "logprob": a.logprob}))
                .collect();
            Ok(json!({"n_tokens": n_prompt_tokens, "top": top}))
        }
        Command::Perplexity => {
            let request =
                Request::Forced { prompt: Prompt::Raw(String::new()), text: text_field(line, "text")?, n_top: 0 };
            let Response::Forced { tokens, .. } = ask(engine, steered(request, steering)).await? else {
                return Err("unexpected answer".into());
            };
            let logprobs: Vec<f64> = tokens.iter().map(|token| token.logprob).collect();
            let mean_nll = -logprobs.iter().sum::<f64>() / logprobs.len() as f64;
            Ok(json!({"n_tokens": logprobs.len(), "logprobs": logprobs, "mean_nll": mean_nll}))
        }
        Command::Generate => {
            let sampling = Sampling {
                temperature: field_or(line, "temperature", 0.0)?,
                top_p: field_or(line, "top_p", 1.0)?,
                top_k: field_or(line, "top_k", 0)?,
                min_p: field_or(line, "min_p", 0.0)?,
                repetition_penalty: field_or(line, "repetition_penalty", 1.0)?,
            };
            let request = Request::Generate {
                prompt: prompt_of(line)?,
                sampling,
                seed: field_or(line, "seed", seed)?,
                limit: field_or(line, "max_tokens", 128)?,
                stop: field_or(line, "stop", Vec::new())?,
                allowed: field_or(line, "allowed", Vec::new())?,
                n_top: 0,
            };
            let Response::Text { text, tokens, finish, .. } = ask(engine, steered(request, steering)).await? else {
                return Err("unexpected answer".into());
            };
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
            let finish: Finish = finish;
            Ok(json!({"text": text, "tokens": ids, "finish": finish}))
        }
        Command::Hidden { per_token } => Ok(json_lines::hidden(engine, line, *per_token, steering, &control()).await?),
        Command::Logprobs { top } => Ok(json_lines::logprobs(engine, line, *top, steering, &control()).await?),
        Command::Kl { .. } => Ok(json_lines::divergence(engine, other, line, steering, &control()).await?),
        Command::Probe { top } => {
            let tokens = match prompt_of(line)? {
                Prompt::Tokens(tokens) => tokens,
                Prompt::Raw(text) | Prompt::Text(text) => engine.codec().encode(&text, true)?,
                Prompt::Chat(messages) => engine.codec().encode_chat(&messages)?,
            };
            let logits = engine.logits_after(&tokens, &control()).await?;
            let probe: SelfTestProbe = probe_from_logits(&tokens, &logits, *top)?;
            Ok(serde_json::to_value(probe)?)
        }
        Command::Score => Err("scores are answered many at a time".into()),
        Command::Run(_)
        | Command::Merge { .. }
        | Command::Table { .. }
        | Command::Similarity { .. }
        | Command::Embed { .. }
        | Command::Classify { .. }
        | Command::Sight { .. }
        | Command::Bench
        | Command::Simulate { .. }
        | Command::Stats { .. }
        | Command::Analyze { .. }
        | Command::Export { .. } => Err("this command reads no lines".into()),
    }
}

/// Answers of many lines at once, in order: prompts that begin alike are then read together.
async fn score<F: Forward>(
    engine: &mut LanguageModel<F>,
    steering: &[Steering],
    lines: &[Result<Value, Failure>],
) -> Vec<Result<Value, Failure>> {
    let request = |line: &Result<Value, Failure>| -> Result<Request, Failure> {
        let line = line.as_ref().map_err(ToString::to_string)?;
        let options = field_or(line, "options", Vec::new())?;
        Ok(steered(Request::Choose { prompt: prompt_of(line)?, options }, steering))
    };
    let requests: Vec<Result<Request, Failure>> = lines.iter().map(request).collect();
    let good: Vec<Request> = requests.iter().filter_map(|request| request.as_ref().ok().cloned()).collect();
    let mut answers = engine.respond(&good, &control()).await.into_iter();
    requests
        .into_iter()
        .map(|request| {
            request?;
            let Response::Choice { options, .. } = answers.next().ok_or("the engine gave no answer")?? else {
                return Err("unexpected answer".into());
            };
            let options: Vec<Value> = options
                .iter()
                .map(|o| {
                    json!({"logprob": o.logprob, "n_tokens": o.n_tokens, "logprob_per_token": o.logprob_per_token()})
                })
                .collect();
            Ok(json!({"options": options}))
        })
        .collect()
}

/// Most lines that are scored at once.
const SCORE_LINES: usize = 64;

/// Answers every line of standard input; the number of lines that failed.
async fn serve_lines<F: Forward>(
    engine: &mut LanguageModel<F>,
    mut other: Option<&mut LanguageModel<F>>,
    arguments: &Arguments,
) -> Result<usize, Failure> {
    let command = &arguments.command;
    let steering = match &arguments.steer {
        Some(path) => steering_of(&read_text(path)?)?,
        None => Vec::new(),
    };
    let mut n_failed = 0;
    let at_once = if matches!(command, Command::Score) { SCORE_LINES } else { 1 };
    let mut input = std::io::stdin().lock().lines();
    loop {
        let mut lines: Vec<Result<Value, Failure>> = Vec::new();
        for raw in input.by_ref() {
            let raw = raw?;
            if !raw.trim().is_empty() {
                lines.push(serde_json::from_str(&raw).map_err(Into::into));
            }
            if lines.len() == at_once {
                break;
            }
        }
        if lines.is_empty() {
            return Ok(n_failed);
        }
        let id_of = |line: &Value| line.get("id").cloned().unwrap_or(Value::Null);
        let ids: Vec<Value> = lines.iter().map(|line| line.as_ref().map_or(Value::Null, id_of)).collect();
        let results = if at_once > 1 {
            score(engine, &steering, &lines).await
        } else {
            let mut results = Vec::with_capacity(lines.len());
            for line in lines {
                results.push(match line {
                    Ok(line) => {
                        let other = other.as_deref_mut();
                        answer(engine, other, (command, arguments.seed, &steering), &line).await
                    }
                    Err(error) => Err(error),
                });
            }
            results
        };
        for (id, result) in ids.into_iter().zip(results) {
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
        }
        std::io::stdout().flush()?;
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn read_study(path: &Path) -> Result<Study, Failure> {
    Ok(Study::from_json(&read_text(path)?)?)
}

/// The items that the site asks a model about a study.
fn pair_lines(study: &Study) -> Result<String, Failure> {
    let words: Vec<&str> = study.stimuli.iter().map(|stimulus| stimulus.text.as_str()).collect();
    let lines: Result<Vec<String>, _> =
        pair_items(&all_pairs(&words), false).iter().map(serde_json::to_string).collect();
    Ok(lines?.join("\n"))
}

/// Judgments of made-up participants, one a line.
fn simulate_study(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Simulate { study, groups, participants, noise } = &arguments.command else {
        return Err("not a simulation".into());
    };
    let study = read_study(study)?;
    let simulation = Simulation {
        study_id: study.id.clone(),
        seed: arguments.seed,
        n_participants: *participants,
        noise: *noise,
        groups: groups.split('/').map(|group| group.split(',').map(|id| id.trim().to_owned()).collect()).collect(),
    };
    for judgment in simulation.judgments(&study)? {
        println!("{}", serde_json::to_string(&judgment)?);
    }
    Ok(())
}

/// The sessions of these files; returns how many were kept out besides.
fn gather(study: Option<&Path>, files: &[PathBuf]) -> Result<(Gathered, usize), Failure> {
    let mut read = Vec::new();
    for path in files {
        let answers = Answers::read(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        read.push((path, answers));
    }
    let study = if let Some(path) = study {
        read_study(path)?
    } else {
        let mut studies: Vec<&Study> = read.iter().flat_map(|(_, answers)| &answers.studies).collect();
        studies.dedup_by_key(|study| study.hash());
        match studies.as_slice() {
            [study] => (*study).clone(),
            [] => return Err("these files hold no study: name its file with --study".into()),
            _ => return Err("these files hold several studies: name one with --study".into()),
        }
    };
    let mut gathered = Gathered::new(study);
    let mut n_refused = 0;
    for (path, answers) in read {
        let mut merged = Merged::default();
        answers.merge(&mut gathered, &mut merged, &mut |_| {});
        n_refused += merged.refused.len();
        eprintln!(
            "{}: {} new, {} longer, {} already there, {} kept out",
            path.display(),
            merged.n_new,
            merged.n_longer,
            merged.n_duplicates,
            merged.refused.len()
        );
        for why in merged.refused {
            eprintln!("  {why}");
        }
    }
    Ok((gathered, n_refused))
}

fn analyze(study: Option<&Path>, files: &[PathBuf]) -> Result<usize, Failure> {
    let (gathered, n_refused) = gather(study, files)?;
    println!("{}", serde_json::to_string_pretty(&class_summary(&gathered))?);
    Ok(n_refused)
}

fn export_to(to: &str, study: Option<&Path>, out: Option<&Path>, files: &[PathBuf]) -> Result<usize, Failure> {
    let format = Format::parse(to).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("no format is called {to:?}; there are {}", names.join(", "))
    })?;
    let (gathered, n_refused) = gather(study, files)?;
    if !format.fits(gathered.study()) {
        return Err(format!("judgments of this design have no form {to}").into());
    }
    let made = study_formats::export(&gathered, format)?;
    match (out, made.as_slice()) {
        (None, [file]) => print!("{}", file.text),
        (None, _) => return Err("this format has several files: name a folder with --out".into()),
        (Some(folder), made) => {
            for file in made {
                let path = folder.join(&file.path);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(&path, &file.text)?;
                eprintln!("{}", path.display());
            }
        }
    }
    Ok(n_refused)
}

/// What a run leaves while it goes on: its record in the first line, then a result a line.
fn partial_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Whether an earlier run asks the same of the same engine.
fn is_configured_as(earlier: &Run, run: &Run) -> bool {
    earlier.task_id == run.task_id
        && earlier.task_version == run.task_version
        && earlier.items_sha256 == run.items_sha256
        && earlier.settings == run.settings
        && earlier.shard == run.shard
        && earlier.engine.is_same_as(&run.engine)
}

/// What an earlier call left of the same run; a last line that was cut by a kill is left out.
fn left_by(path: &Path, run: &Run) -> Result<Option<(Run, Vec<ItemResult>)>, Failure> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(None) };
    let mut lines = text.lines();
    let Some(Ok(earlier)) = lines.next().map(serde_json::from_str::<Run>) else { return Ok(None) };
    if !is_configured_as(&earlier, run) {
        let path = path.display();
        return Err(format!("{path} is of another run; leave out --resume to begin anew, which replaces it").into());
    }
    let results = lines.map_while(|line| serde_json::from_str(line).ok()).collect();
    Ok(Some((earlier, results)))
}

/// Whether a file has a complete run of the same configuration.
fn is_done(path: &Path, run: &Run) -> bool {
    let stored = std::fs::read_to_string(path).ok().and_then(|text| run_from_json(&text).ok());
    stored.is_some_and(|it| it.run.status == RunStatus::Complete && is_configured_as(&it.run, run))
}

/// Writes a file so that it is never half there.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".writing");
    std::fs::write(&name, text)?;
    Ok(std::fs::rename(&name, path)?)
}

fn read_run(path: &Path) -> Result<RunFile, Failure> {
    run_from_json(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Runs the chosen tasks one after the other; how many did not end well.
async fn run_tasks<E: Engine>(engine: &mut E, seed: u64, choice: &RunChoice) -> Result<usize, Failure> {
    let chosen = if choice.suite { all_tasks() } else { choice.task.clone() };
    let several = choice.suite || chosen.len() > 1;
    if several {
        std::fs::create_dir_all(&choice.out)?;
    }
    let mut n_failed = 0;
    for task in &chosen {
        let out = if several { choice.out.join(format!("{task}.json")) } else { choice.out.clone() };
        n_failed += run_task(engine, seed, choice, task, several, &out).await?;
    }
    Ok(n_failed)
}

async fn run_task<E: Engine>(
    engine: &mut E,
    seed: u64,
    choice: &RunChoice,
    task: &str,
    several: bool,
    out: &Path,
) -> Result<usize, Failure> {
    let entry = tasks::find(task).ok_or_else(|| format!("there is no task {task:?}"))?;
    let text = match &choice.study {
        Some(path) => pair_lines(&read_study(path)?)?,
        None => read_text(&choice.items.clone().unwrap_or_else(|| Path::new("public").join(entry.info.items_path)))?,
    };
    // Items of our own or an original file of a benchmark; the hash is that of the file as it is.
    let imported = import_items(&text)?;
    if !imported.license_note.is_empty() {
        eprintln!("{}: {} ({} rows skipped)", imported.source, imported.license_note, imported.skipped);
    }
    let mut all: Vec<_> = imported.items.into_iter().enumerate().collect();
    all.truncate(choice.limit.unwrap_or(usize::MAX));
    all.retain(|(index, _)| choice.shard.is_none_or(|shard| shard.has(*index)));
    let method = match choice.method {
        // Of several tasks, each is put in the wanted way if it has it.
        Some(MethodChoice::Choose) if several => entry.info.method(Method::Choose),
        Some(MethodChoice::Generate) if several => entry.info.method(Method::Generate),
        Some(MethodChoice::Choose) => Method::Choose,
        Some(MethodChoice::Generate) => Method::Generate,
        None => entry.info.methods.first().copied().unwrap_or(Method::Choose),
    };
    if !entry.info.methods.contains(&method) {
        return Err(format!("the task {task:?} is not put in this way").into());
    }
    let settings = Settings {
        method,
        sampling: Sampling { temperature: choice.temperature, top_p: choice.top_p, ..Sampling::GREEDY },
        seed,
        n_items: choice.limit,
        system: choice.system.clone(),
        format: if choice.few_shot { PromptFormat::FewShot } else { PromptFormat::Chat },
        ..Settings::default()
    };
    let begun = new_run(engine.info(), entry, all.len(), settings, runner::sha256_hex(&text));
    let mut run = Run { demo: choice.demo, shard: choice.shard, ..begun };
    let partial = partial_path(out);
    let mut earlier = Vec::new();
    if choice.resume {
        if is_done(out, &run) {
            eprintln!("{task}: complete in {}", out.display());
            return Ok(0);
        }
        if let Some((begun, results)) = left_by(&partial, &run)? {
            (run, earlier) = (begun, results);
        }
    }
    let done: BTreeSet<&str> = earlier.iter().map(|result: &ItemResult| result.item.id.as_str()).collect();
    all.retain(|(_, item)| !done.contains(item.id.as_str()));
    let mut file = File::create(&partial)?;
    writeln!(file, "{}", serde_json::to_string(&run)?)?;
    for result in &earlier {
        writeln!(file, "{}", serde_json::to_string(result)?)?;
    }
    let (file, lost) = (RefCell::new(file), RefCell::new(None));
    let keep = |result: &ItemResult| {
        let line = serde_json::to_string(result).map_err(std::io::Error::from);
        if let Err(error) = line.and_then(|line| writeln!(file.borrow_mut(), "{line}")) {
            lost.borrow_mut().get_or_insert(error);
        }
    };
    let (run, results) = run_items(engine, entry, &all, run, earlier, &keep).await;
    if let Some(error) = lost.into_inner() {
        return Err(format!("{}: {error}", partial.display()).into());
    }
    write_whole(out, &run_to_json(&run, &results)?)?;
    let complete = run.status == RunStatus::Complete;
    if complete {
        std::fs::remove_file(&partial)?;
    }
    Ok(usize::from(!complete))
}

/// The record of a run that is about to begin.
fn new_run(engine: &EngineInfo, entry: &TaskEntry, n_items: usize, settings: Settings, items_sha256: String) -> Run {
    Run {
        schema: RUN_SCHEMA,
        id: platform::random_id(),
        task_id: entry.info.id.to_owned(),
        task_version: entry.info.version,
        items_sha256,
        n_items,
        engine: engine.clone(),
        settings,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: platform::unix_millis(),
        finished_at: None,
        status: RunStatus::Running,
        demo: false,
        suite: None,
        shard: None,
    }
}

/// Takes a task through its items after the results that it has already; the run says how it ended.
async fn run_items<E: Engine>(
    engine: &mut E,
    entry: &TaskEntry,
    items: &[(usize, Item)],
    mut run: Run,
    earlier: Vec<ItemResult>,
    keep: &dyn Fn(&ItemResult),
) -> (Run, Vec<ItemResult>) {
    let results = RefCell::new(earlier);
    let on_result = |result: ItemResult| {
        eprintln!("{} {}: {}", run.task_id, result.item.id, result.verdict.label());
        keep(&result);
        results.borrow_mut().push(result);
    };
    let made = (entry.make)(&run.settings);
    let ended = runner::run_items(&run.id, made.as_ref(), items, engine, &control(), &on_result).await;
    run.finished_at = Some(platform::unix_millis());
    run.status = match &ended {
        Ok(()) => RunStatus::Complete,
        Err(error) => RunStatus::Failed { detail: error.to_string() },
    };
    let mut results = results.into_inner();
    results.sort_by_key(|result| result.index);
    (run, results)
}

/// Similarities from a file, and its name.
fn read_reference(path: &Path) -> Result<(Reference, String), Failure> {
    let text = read_text(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match import_stimuli(&text, &runner::sha256_hex(&text), &name)? {
        Imported::Reference(reference) => Ok((reference, name)),
        Imported::Words(_) => Err(format!("{name} has words alone; similarities are needed").into()),
    }
}

/// A model's side beside the raters of a reference: agreement at every layer and the noise ceiling.
fn compared(side: &ModelSide, reference: &Reference, measure: &str, resamples: usize) -> Result<Value, Failure> {
    let measure = Measure::parse(measure).ok_or_else(|| format!("there is no measure {measure:?}"))?;
    let pairing = Pairing::new(side, reference)?;
    let distance = StateDistance { metric: Metric::Cosine, center: true };
    let layers = if side.layers().is_empty() { vec![None] } else { side.layers().into_iter().map(Some).collect() };
    let mut points = Vec::new();
    for layer in layers {
        let rdm = side.rdm(&pairing.model_places, layer.unwrap_or(0), distance);
        let found = rdm.map_err(Failure::from).and_then(|rdm| {
            let agreement = agree(&rdm, &pairing.raters, measure, resamples)?;
            Ok((agreement, group_level(&rdm, &pairing.raters, measure)?))
        });
        points.push(match found {
            Ok((agreement, level)) => json!({
                "layer": layer,
                "value": agreement.value,
                "low": agreement.interval.map(|it| it.low),
                "high": agreement.interval.map(|it| it.high),
                "undefined": agreement.interval.map(|it| it.undefined),
                "with_mean": level.with_mean,
                "n_pairs": agreement.n_pairs,
                "n_words": agreement.n_words,
            }),
            Err(error) => json!({"layer": layer, "error": error.to_string()}),
        });
    }
    let ceiling = pairing.ceiling(measure);
    Ok(json!({
        "model": side.title,
        "reference": reference.title,
        "reference_sha256": reference.id,
        "measure": measure.name(),
        "resamples": resamples,
        "n_raters": pairing.raters.len(),
        "n_raters_left_out": pairing.n_dropped,
        "ceiling": ceiling.map(|it| json!({"lower": it.lower, "upper": it.upper})),
        "between_raters": mean_pairwise(&pairing.raters, measure).ok(),
        "points": points,
    }))
}

/// What the similarity page shows, as one JSON object: the model beside the raters of a file, at every layer where
/// hidden states are asked for.
async fn similarity<E: Engine>(engine: &mut E, arguments: &Arguments) -> Result<usize, Failure> {
    let Command::Similarity {
        reference,
        ask,
        both_orders,
        wordings,
        few_shot,
        last_token,
        measure,
        resamples,
        out,
        ..
    } = &arguments.command
    else {
        return Err("not a comparison".into());
    };
    let (reference, _) = read_reference(reference)?;
    let set = reference.stimuli();
    let (task, items) = match ask {
        AskChoice::Ratings => {
            let items = pair_items(&set.pairs(), *both_orders);
            ("pair_rating", if *wordings { with_wordings(items) } else { items })
        }
        AskChoice::Hidden => {
            ("hidden_states", word_items(&set.words, if *last_token { Pool::Last } else { Pool::Mean }))
        }
        AskChoice::Embeddings => return Err("embeddings need no model".into()),
    };
    let entry = tasks::find(task).ok_or("the task is gone")?;
    let format = if *few_shot { PromptFormat::FewShot } else { PromptFormat::Chat };
    let settings = Settings { seed: arguments.seed, format, ..Settings::default() };
    let items: Vec<_> = items.into_iter().enumerate().collect();
    let run = new_run(engine.info(), entry, items.len(), settings, reference.id.clone());
    let (run, results) = run_items(engine, entry, &items, run, Vec::new(), &|_| {}).await;
    let side = ModelSide::of_run(&run, &results)?;
    let mut record = compared(&side, &reference, measure, *resamples)?;
    if let Some(fields) = record.as_object_mut() {
        if *wordings {
            fields.insert("sweep".to_owned(), swept(&side, &reference, measure, *resamples)?);
        }
        let more = json!({
            "weights_sha256": run.engine.weights_sha256,
            "quantization": run.engine.quantization,
            "adapter": run.engine.adapter,
            "task": task,
            "task_version": run.task_version,
            "few_shot": few_shot,
            "both_orders": both_orders,
            "n_failed": results.iter().filter(|it| it.verdict == Verdict::Error).count(),
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    println!("{record}");
    if let Some(out) = out {
        std::fs::write(out, serde_json::to_vec(&json!({"run": run, "results": results}))?)?;
    }
    Ok(usize::from(run.status != RunStatus::Complete))
}

/// Agreement by wording and temperature.
fn swept(side: &ModelSide, reference: &Reference, measure: &str, resamples: usize) -> Result<Value, Failure> {
    let measure = Measure::parse(measure).ok_or("there is no such measure")?;
    let pairing = Pairing::new(side, reference)?;
    let sweep = side.sweep.as_ref().ok_or("there are no probabilities of ratings")?;
    let points = sweep.settings().into_iter().map(|(wording, temperature)| {
        let rdm = sweep.rdm(&pairing.model_places, wording, temperature)?;
        let found = agree(&rdm, &pairing.raters, measure, resamples);
        // Ratings that are all alike have no order, so no agreement either.
        let (value, interval) = found.map_or((None, None), |it| (Some(it.value), it.interval.map(|it| [it.low, it.high])));
        Ok(json!({"wording": wording.map(|it| it + 1), "temperature": temperature, "value": value, "interval": interval}))
    });
    Ok(Value::Array(points.collect::<Result<_, Failure>>()?))
}

/// A sentence encoder from its one file, or a folder with `model.safetensors`, `tokenizer.json` and `config.json`.
fn read_encoder(folder: &Path) -> Result<SentenceEncoder, Failure> {
    if folder.is_file() {
        return Ok(SentenceEncoder::from_bundle(&std::fs::read(folder)?)?);
    }
    let read = |name: &str| -> Result<Vec<u8>, Failure> {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    };
    Ok(SentenceEncoder::new(&read("model.safetensors")?, &read("tokenizer.json")?, &read("config.json")?)?)
}

/// Embeddings of the texts on standard input.
fn embed(folder: &Path) -> Result<usize, Failure> {
    let encoder = read_encoder(folder)?;
    let mut n_failed = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let read: Result<Value, Failure> = serde_json::from_str(&line).map_err(Into::into);
        let id = read.as_ref().ok().and_then(|line| line.get("id").cloned()).unwrap_or(Value::Null);
        let found = read.and_then(|line| Ok(encoder.embed(&text_field(&line, "text")?)?));
        match found {
            Ok(vector) => println!("{}", json!({"id": id, "vector": vector})),
            Err(error) => {
                n_failed += 1;
                eprintln!("{id}: {error}");
                println!("{}", json!({"id": id, "error": error.to_string()}));
            }
        }
    }
    Ok(n_failed)
}

/// As [`similarity`] with the embeddings of an encoder.
fn embedding_similarity(arguments: &Arguments) -> Result<usize, Failure> {
    let Command::Similarity { reference, encoder: Some(folder), measure, resamples, .. } = &arguments.command else {
        return Err("embeddings need --encoder FOLDER".into());
    };
    let encoder = read_encoder(folder)?;
    let (reference, _) = read_reference(reference)?;
    let embedded = |word: &String| Ok(encoder.embed(word)?.into_iter().map(f64::from).collect());
    let rows: Result<Vec<Vec<f64>>, Failure> = reference.names.iter().map(embedded).collect();
    let title = folder.file_name().unwrap_or_default().to_string_lossy();
    let side = ModelSide::of_vectors(&title, reference.names.clone(), rows?, "Sentence embeddings of single words.");
    let mut record = compared(&side, &reference, measure, *resamples)?;
    if let Some(fields) = record.as_object_mut() {
        fields.extend([("task".to_owned(), json!("embeddings")), ("n_failed".to_owned(), json!(0))]);
    }
    println!("{record}");
    Ok(0)
}

fn merge(runs: &[PathBuf], out: &Path) -> Result<(), Failure> {
    let files: Vec<RunFile> = runs.iter().map(|path| read_run(path)).collect::<Result<_, _>>()?;
    let merged = merge_runs(files)?;
    eprintln!("{} of {} items: {:?}", merged.results.len(), merged.run.n_items, merged.run.status);
    write_whole(out, &run_to_json(&merged.run, &merged.results)?)
}

fn table(runs: &[PathBuf]) -> Result<(), Failure> {
    for (index, path) in runs.iter().enumerate() {
        let file = read_run(path)?;
        let csv = table_to_csv(&suite_table(&[(file.run, file.results)]))?;
        for line in csv.lines().skip(usize::from(index > 0)) {
            println!("{line}");
        }
    }
    Ok(())
}

/// The measurement that the page makes too, as rates and as work for each token.
async fn bench<E: Engine>(engine: &mut E, load_s: f64, weight_bytes: Option<u64>) -> Result<(), Failure> {
    let measures = measure(engine, &control(), &|_| {}).await?;
    let n_decoded = f64::from(measures.decode.n);
    let per_token = |count: fn(&Work) -> u64| measures.decode_work.as_ref().map(|work| count(work) as f64 / n_decoded);
    let cost = measures.token_cost.as_ref();
    let read_per_s = weight_bytes.map(|bytes| bytes as f64 * measures.decode.per_second());
    let copied_per_s = cost.map(|cost| cost.copy_bytes_per_second);
    eprintln!("{} on {}", measures.engine.model_name, measures.engine.adapter);
    let row = |name: &str, value: f64, unit: &str| eprintln!("{name:<32} {value:>12.3} {unit}");
    row("load", load_s, "s");
    row("prefill", measures.prefill.per_second(), "tokens/s");
    row("decode", measures.decode.per_second(), "tokens/s");
    row("score", measures.score.per_second(), "prompts/s");
    let gemm = cost.and_then(|cost| cost.gemm);
    if let (Some(gemm), Some(share)) = (gemm, measures.score_share()) {
        row(&format!("best products of {} rows", gemm.rows), gemm.flops_per_second / 1e9, "GFLOP/s");
        row("share of it while scoring", share * 100.0, "%");
    }
    if let (Some(read), Some(copied)) = (read_per_s, copied_per_s) {
        row("weights read while decoding", read / 1e9, "GB/s");
        row("plain copy", copied / 1e9, "GB/s");
    }
    for kernel in cost.map(|cost| cost.kernels.as_slice()).unwrap_or_default() {
        row(&format!("{} x {}", kernel.dispatches, kernel.name), kernel.millis, "ms a token");
    }
    println!(
        "{}",
        json!({
            "prefill_tokens_per_s": measures.prefill.per_second(),
            "decode_tokens_per_s": measures.decode.per_second(),
            "score_prompts_per_s": measures.score.per_second(),
            "load_s": load_s,
            "prompt_tokens": measures.prefill.n,
            "decoded_tokens": measures.decode.n,
            "scored_prompts": measures.score_timed,
            "gemm": gemm,
            "score_share_of_gemm": measures.score_share(),
            "dispatches_per_token": per_token(|work| work.dispatches),
            "passes_per_token": per_token(|work| work.passes),
            "submits_per_token": per_token(|work| work.submits),
            "uploads_per_token": per_token(|work| work.uploads),
            "upload_bytes_per_token": per_token(|work| work.upload_bytes),
            "read_bytes_per_token": per_token(|work| work.read_bytes),
            "weight_bytes_per_token": weight_bytes,
            "peak_gpu_bytes": measures.decode_work.map(|work| work.peak_bytes),
            "copy_bytes_per_s": copied_per_s,
            "kernels": cost.map(|cost| &cost.kernels),
            "backend": measures.engine.backend,
            "model": measures.engine.model_name,
            "quantization": measures.engine.quantization,
            "adapter": measures.engine.adapter,
        })
    );
    Ok(())
}

async fn perform<F: Forward>(
    engine: &mut LanguageModel<F>,
    other: Option<&mut LanguageModel<F>>,
    arguments: &Arguments,
    load_s: f64,
    weight_bytes: Option<u64>,
) -> Result<usize, Failure> {
    accept(engine.info())?;
    if let Some(other) = &other {
        accept(other.info())?;
    }
    match &arguments.command {
        Command::Run(choice) => run_tasks(engine, arguments.seed, choice).await,
        Command::Similarity { .. } => similarity(engine, arguments).await,
        Command::Bench => bench(engine, load_s, weight_bytes).await.map(|()| 0),
        _ => serve_lines(engine, other, arguments).await,
    }
}

/// Next-token distributions of the f32 oracle, for a file whose catalog card has none or that has no card.
async fn oracle_probes(
    source: &FileSource,
    identity: &ModelIdentity,
    budget_bytes: u64,
) -> Result<Vec<SelfTestProbe>, Failure> {
    let mut oracle = load_cpu::<Oracle>(source, identity, budget_bytes, &|_, _, _| {}, &control()).await?;
    let mut probes = Vec::new();
    for text in
        ["Once", "The capital of France is", "The river ran past the old mill and two bridges, where 17 boats lay"]
    {
        let tokens = oracle.codec().encode(text, true)?;
        let logits = oracle.logits_after(&tokens, &control()).await?;
        probes.push(probe_from_logits(&tokens, &logits, 20)?);
    }
    Ok(probes)
}

/// One statistic for each JSON object on standard input; returns how many were not answered.
fn statistics(name: &str) -> Result<usize, Failure> {
    let mut failed = 0;
    for input in serde_json::Deserializer::from_reader(std::io::stdin().lock()).into_iter::<Value>() {
        match stats_command::answer(name, &input?) {
            Ok(found) => println!("{found}"),
            Err(error) => {
                eprintln!("{error}");
                failed += 1;
            }
        }
    }
    Ok(failed)
}

/// Pictures of a folder and of an opened set, decoded here.
struct FolderPictures {
    folder: PathBuf,
    set: BTreeMap<String, Vec<u8>>,
}

/// Pictures by their source.
type SetPictures = BTreeMap<String, Vec<u8>>;

/// Reads an archive of pictures in `VisAlign`'s shape.
fn open_set(path: &Path) -> Result<(PictureSet, SetPictures), Failure> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (pictures, tables): (Vec<_>, Vec<_>) = archive::unzip(&bytes, |path| is_picture(path) || is_table(path))?
        .into_iter()
        .partition(|it| is_picture(&it.0));
    let names: Vec<String> = pictures.iter().map(|(path, _)| path.clone()).collect();
    let tables: Result<Vec<(String, String)>, std::string::FromUtf8Error> =
        tables.into_iter().map(|(path, content)| Ok((path, String::from_utf8(content)?))).collect();
    let key = &runner::hex(&Sha256::digest(&bytes))[..12];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let set = PictureSet::new(&name, key, &names, &tables?)?;
    Ok((set, pictures.into_iter().map(|(path, content)| (source_of(key, &path), content)).collect()))
}

impl Pictures for FolderPictures {
    async fn open(&mut self, source: &str) -> Result<Picture, String> {
        if let Some(bytes) = self.set.get(source) {
            return decode(bytes);
        }
        let bytes = std::fs::read(self.folder.join(source)).map_err(|error| error.to_string())?;
        decode(&bytes)
    }
}

/// A JPEG or 8-bit PNG file.
fn decode(bytes: &[u8]) -> Result<Picture, String> {
    if bytes.starts_with(&[0xff, 0xd8]) {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let pixels = decoder.decode().map_err(|error| error.to_string())?;
        let (width, height) = decoder.dimensions().ok_or("the file says no size")?;
        return Picture::new(width, height, pixels).map_err(|error| error.to_string());
    }
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(|error| format!("neither a JPEG nor a PNG file: {error}"))?;
    let size = reader.output_buffer_size().ok_or("the file says no size")?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    let rgba: Vec<u8> = match frame.color_type {
        png::ColorType::GrayscaleAlpha => pixels.chunks_exact(2).flat_map(|it| [it[0], it[0], it[0], it[1]]).collect(),
        _ => pixels,
    };
    Picture::from_rgba(frame.width as usize, frame.height as usize, &rgba).map_err(|error| error.to_string())
}

/// The abstention functions of these ids; all if none is given.
fn functions_of(ids: &[String]) -> Result<Vec<Abstention>, Failure> {
    if ids.is_empty() {
        return Ok(Abstention::ALL.to_vec());
    }
    let known = || Abstention::ALL.map(Abstention::id).join(", ");
    let find = |id: &String| Abstention::from_id(id).ok_or_else(|| format!("there is no {id:?}; known: {}", known()));
    Ok(ids.iter().map(find).collect::<Result<_, _>>()?)
}

/// The commands about pictures, which need no language model.
async fn pictures(arguments: &Arguments) -> Result<usize, Failure> {
    let bytes = std::fs::read(&arguments.model).map_err(|error| format!("{}: {error}", arguments.model.display()))?;
    // The classifier has a list of its own.
    let identity = identity_in(&arguments.model, &arguments.catalog.with_file_name("vision.json"))?;
    let network = EfficientNet::from_safetensors(&bytes)?;
    let info = EngineInfo {
        model_id: identity.id,
        model_name: identity.name,
        weights_sha256: identity.sha256,
        size_bytes: bytes.len() as u64,
        family: "efficientnet-lite0".to_owned(),
        quantization: "F32".to_owned(),
        context_length: 0,
        backend: Backend::Cpu,
        adapter: "processor, pictures".to_owned(),
        self_test: self_test(&network, &identity.self_test),
        has_chat_template: None,
    };
    accept(&info)?;
    let folder = if matches!(arguments.command, Command::Sight { .. }) { "public" } else { "." };
    let mut engine = VisionEngine::new(network, info, FolderPictures { folder: folder.into(), set: BTreeMap::new() });
    match &arguments.command {
        Command::Sight { severities, set, crops, functions, threshold, out } => {
            let functions = functions_of(functions)?;
            let items = match set {
                Some(path) => {
                    let (set, pictures) = open_set(path)?;
                    eprintln!("{}: {} pictures, {} files refused", set.name, set.items.len(), set.n_refused);
                    engine.pictures_mut().set = pictures;
                    set.items
                }
                None => visalign::set_items(&Operation::ALL, severities, arguments.seed),
            };
            let items = if *crops { visalign::with_crops(items) } else { items };
            let lines: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
            let all: Vec<(usize, Item)> = items.into_iter().enumerate().collect();
            let settings = Settings { seed: arguments.seed, ..Settings::default() };
            let sha256 = runner::sha256_hex(&lines?.join("\n"));
            let run = new_run(engine.info(), &visalign::ENTRY, all.len(), settings, sha256);
            let (run, results) = run_items(&mut engine, &visalign::ENTRY, &all, run, Vec::new(), &|_| {}).await;
            let n_failed = usize::from(run.status != RunStatus::Complete);
            write_whole(out, &run_to_json(&run, &results)?)?;
            for function in functions {
                println!("{}", sight_row(&results, function, *threshold));
            }
            Ok(n_failed)
        }
        Command::Classify { top, features } => {
            let mut n_failed = 0;
            for raw in std::io::stdin().lock().lines() {
                let raw = raw?;
                if raw.trim().is_empty() {
                    continue;
                }
                let line: Value = serde_json::from_str(&raw)?;
                let mut out = match classify(&mut engine, &line, (*top, *features), arguments.seed).await {
                    Ok(found) => found,
                    Err(error) => {
                        n_failed += 1;
                        eprintln!("{error}");
                        json!({"error": error.to_string()})
                    }
                };
                out["id"] = line.get("id").cloned().unwrap_or(Value::Null);
                println!("{out}");
            }
            Ok(n_failed)
        }
        _ => Err("not about pictures".into()),
    }
}

async fn classify(
    engine: &mut VisionEngine<EfficientNet, FolderPictures>,
    line: &Value,
    (n_top, features): (u8, bool),
    seed: u64,
) -> Result<Value, Failure> {
    let view = View {
        source: text_field(line, "path")?,
        operation: field_or(line, "operation", Operation::GaussianNoise)?,
        severity: field_or(line, "severity", 0)?,
        seed: field_or(line, "seed", seed)?,
        crops: field_or(line, "crops", false)?,
    };
    let request = Request::Classify { view, labels: wanted_labels(), n_top, features };
    let response = ask(engine, request).await?;
    let evidence = visalign::evidence_of(&response).ok_or("unexpected answer")?;
    let Response::Classified { top, features, millis, .. } = response else {
        return Err("unexpected answer".into());
    };
    let confidence: serde_json::Map<String, Value> = Abstention::ALL
        .into_iter()
        .filter_map(|it| Some((it.id().to_owned(), json!(evidence.confidence(it)?))))
        .collect();
    let judge = Judge::new(Abstention::Mass, &[])?;
    let answer = judge.rate("", &evidence).map(|rate| judge.answer(&evidence, rate));
    Ok(json!({"top": top, "answer": answer, "confidence": confidence, "features": features, "millis": millis}))
}

/// Loads one or two models on the processor and does what is asked of them.
async fn on_processor<M: CpuModel>(
    arguments: &Arguments,
    (source, identity): (&FileSource, &ModelIdentity),
    other: Option<&(FileSource, ModelIdentity)>,
    started: f64,
) -> Result<usize, Failure> {
    let budget = arguments.budget_bytes;
    let mut engine = load_cpu::<M>(source, identity, budget, &|_, _, _| {}, &control()).await?;
    let load_s = (platform::now_millis() - started) / 1e3;
    let mut other = match other {
        Some((source, identity)) => Some(load_cpu::<M>(source, identity, budget, &|_, _, _| {}, &control()).await?),
        None => None,
    };
    perform(&mut engine, other.as_mut(), arguments, load_s, None).await
}

async fn work(arguments: &Arguments) -> Result<usize, Failure> {
    match &arguments.command {
        Command::Simulate { .. } => return simulate_study(arguments).map(|()| 0),
        Command::Stats { name } => return statistics(name),
        Command::Embed { encoder } => return embed(encoder),
        Command::Similarity { ask: AskChoice::Embeddings, .. } => return embedding_similarity(arguments),
        Command::Merge { runs, out } => return merge(runs, out).map(|()| 0),
        Command::Table { runs } => return table(runs).map(|()| 0),
        Command::Classify { .. } | Command::Sight { .. } => return pictures(arguments).await,
        Command::Export { to, study, out, files } => return export_to(to, study.as_deref(), out.as_deref(), files),
        Command::Analyze { study, files } => return analyze(study.as_deref(), files),
        _ => {}
    }
    let started = platform::now_millis();
    let source = FileSource::open(&arguments.model)?;
    let other = match &arguments.command {
        Command::Kl { other: Some(path) } => Some((FileSource::open(path)?, identity_in(path, &arguments.catalog)?)),
        _ => None,
    };
    let mut identity = identity(arguments)?;
    let probing = matches!(arguments.command, Command::Probe { .. });
    if probing {
        // The values that it would be checked against are what is being made.
        identity.self_test.clear();
    }
    if arguments.check && !probing && identity.self_test.is_empty() {
        identity.self_test = oracle_probes(&source, &identity, arguments.budget_bytes).await?;
    }
    let gpu = match arguments.backend {
        _ if probing => None,
        Some(BackendChoice::Cpu) => None,
        Some(BackendChoice::Gpu) => Some(Gpu::new().await?),
        None => match Gpu::new().await {
            Ok(gpu) => Some(gpu),
            Err(error @ (GpuError::NoAdapter { .. } | GpuError::NoDevice { .. })) => {
                eprintln!("{error}; the processor computes instead");
                None
            }
            Err(error) => return Err(error.into()),
        },
    };
    let (budget, control) = (arguments.budget_bytes, control());
    let seconds = || (platform::now_millis() - started) / 1e3;
    if let Some(gpu) = gpu {
        let mut engine = load_gpu(&source, gpu.clone(), &identity, budget, &|_, _, _| {}, &control).await?;
        let weight_bytes = engine.forward().weight_bytes();
        let mut other = match &other {
            Some((source, identity)) => Some(load_gpu(source, gpu, identity, budget, &|_, _, _| {}, &control).await?),
            None => None,
        };
        perform(&mut engine, other.as_mut(), arguments, seconds(), Some(weight_bytes)).await
    } else if probing || arguments.arithmetic == ArithmeticChoice::Oracle {
        on_processor::<Oracle>(arguments, (&source, &identity), other.as_ref(), started).await
    } else {
        on_processor::<CpuForward>(arguments, (&source, &identity), other.as_ref(), started).await
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
