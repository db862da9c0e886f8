//! Several tasks with one configuration: the link that reopens it, what is left of it, and what it asks of a device.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::bench::{self, Measures};
use super::engine::{Alternative, ComparedToken, Finish, OptionScore, Prompt, Request, Response, Sampling, TokenStep};
use super::item::Item;
use super::run::{Method, PromptFormat, Run, RunStatus, Settings};
use super::runner::MAX_ROUNDS;
use super::sight::Labels;
use super::task::{Step, Task};
use super::tasks;

/// Items of a task in the short preset.
pub const PRESET_ITEMS: usize = 10;

/// What the runs of one start have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Random id, the same in every run of the suite.
    pub id: String,
    /// Tasks in the order in which they are run.
    pub tasks: Vec<String>,
}

impl Suite {
    /// The newest run of each task of this suite.
    pub fn runs<'a>(&self, stored: &'a [Run]) -> BTreeMap<&'a str, &'a Run> {
        let mut found: BTreeMap<&str, &Run> = BTreeMap::new();
        for run in stored.iter().filter(|run| run.suite.as_ref().is_some_and(|suite| suite.id == self.id)) {
            let newest = found.entry(run.task_id.as_str()).or_insert(run);
            if run.started_at >= newest.started_at {
                *newest = run;
            }
        }
        found
    }

    /// Tasks without a complete run, in order.
    pub fn left(&self, stored: &[Run]) -> Vec<String> {
        let runs = self.runs(stored);
        let done = |task: &&String| runs.get(task.as_str()).is_none_or(|run| run.status != RunStatus::Complete);
        self.tasks.iter().filter(done).cloned().collect()
    }
}

/// Ids of the tasks that have items of their own, in the order of the registry: what a suite can be made of.
pub fn all_tasks() -> Vec<String> {
    let own = tasks::TASKS.iter().filter(|entry| !entry.info.items_path.is_empty());
    own.map(|entry| entry.info.id.to_owned()).collect()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Settings as the query of an address, without the question mark. Usual values are left out, except number of items and
/// seed.
pub fn settings_to_query(settings: &Settings) -> String {
    let usual = Settings::default();
    let (sampling, plain) = (&settings.sampling, &usual.sampling);
    let mut query = match settings.n_items {
        Some(n) => format!("n={n}"),
        None => "n=all".to_owned(),
    };
    let mut add = |name: &str, value: String, differs: bool| {
        if differs {
            let _ = write!(query, "&{name}={}", percent_encoded(&value));
        }
    };
    let unlike = |a: f32, b: f32| a.total_cmp(&b).is_ne();
    add("seed", settings.seed.to_string(), true);
    add("method", "generate".to_owned(), settings.method == Method::Generate);
    add("format", "few_shot".to_owned(), settings.format == PromptFormat::FewShot);
    add("temperature", sampling.temperature.to_string(), unlike(sampling.temperature, plain.temperature));
    add("top_p", sampling.top_p.to_string(), unlike(sampling.top_p, plain.top_p));
    add("top_k", sampling.top_k.to_string(), sampling.top_k != plain.top_k);
    add("min_p", sampling.min_p.to_string(), unlike(sampling.min_p, plain.min_p));
    let penalty = (sampling.repetition_penalty, plain.repetition_penalty);
    add("repetition_penalty", penalty.0.to_string(), unlike(penalty.0, penalty.1));
    add("limit", settings.limit.to_string(), settings.limit != usual.limit);
    add("system", settings.system.clone(), !settings.system.is_empty());
    query
}

/// Settings from the query of an address; what is missing or makes no sense has its usual value. `get` gives a
/// parameter's decoded text.
pub fn settings_from_query(get: &dyn Fn(&str) -> Option<String>) -> Settings {
    let usual = Settings::default();
    let plain = usual.sampling;
    let float = |name: &str, or: f32, low: f32, high: f32| {
        let typed = get(name).and_then(|text| text.parse::<f32>().ok()).filter(|value| value.is_finite());
        typed.unwrap_or(or).clamp(low, high)
    };
    let whole = |name: &str| get(name).and_then(|text| text.parse::<u64>().ok());
    Settings {
        method: if get("method").as_deref() == Some("generate") { Method::Generate } else { usual.method },
        sampling: Sampling {
            temperature: float("temperature", plain.temperature, 0.0, 5.0),
            top_p: float("top_p", plain.top_p, 0.01, 1.0),
            top_k: whole("top_k").map_or(plain.top_k, |k| k.min(1000) as u32),
            min_p: float("min_p", plain.min_p, 0.0, 1.0),
            repetition_penalty: float("repetition_penalty", plain.repetition_penalty, 0.1, 5.0),
        },
        // What a page's number field can hold exactly.
        seed: whole("seed").unwrap_or(usual.seed).min(u64::MAX >> 11),
        limit: whole("limit").map_or(usual.limit, |limit| limit.clamp(1, 1000) as u32),
        system: get("system").unwrap_or_default(),
        n_items: match get("n").as_deref() {
            Some("all") => None,
            Some(text) => Some(text.parse().unwrap_or(PRESET_ITEMS).clamp(1, 1000)),
            None => Some(PRESET_ITEMS),
        },
        format: if get("format").as_deref() == Some("few_shot") { PromptFormat::FewShot } else { usual.format },
    }
}

/// A suite's tasks and settings as the query of an address.
pub fn to_query(tasks: &[String], settings: &Settings) -> String {
    let tasks = if tasks == all_tasks() { "all".to_owned() } else { tasks.join(",") };
    format!("tasks={}&{}", percent_encoded(&tasks), settings_to_query(settings))
}

/// The tasks that a query names, in the order of the registry; all of them where it names none.
pub fn tasks_from_query(get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let all = all_tasks();
    match get("tasks") {
        Some(named) if named != "all" => all.into_iter().filter(|id| named.split(',').any(|it| it == id)).collect(),
        _ => all,
    }
}

/// What items ask of a device, in the units of its measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Prompts with options, counted in those of the measurement: one twice as long counts twice.
    pub scored: f64,
    /// Tokens read before something is written or looked at (a token is taken for four characters).
    pub read: f64,
    /// Tokens written at most.
    pub written: f64,
}

impl std::ops::AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.scored += other.scored;
        self.read += other.read;
        self.written += other.written;
    }
}

/// Characters of a token, roughly, in English text.
const CHARACTERS_A_TOKEN: f64 = 4.0;

fn characters(prompt: &Prompt) -> f64 {
    match prompt {
        Prompt::Raw(text) | Prompt::Text(text) => text.len() as f64,
        Prompt::Chat(messages) => messages.iter().map(|message| message.content.len() as f64).sum(),
        Prompt::Tokens(ids) => ids.len() as f64 * CHARACTERS_A_TOKEN,
    }
}

/// An answer that says nothing, so that a task goes on to its next round; and what a real one would cost.
fn pretend(request: &Request) -> (Response, Load) {
    let read = |characters: f64| Load { read: characters / CHARACTERS_A_TOKEN, ..Load::default() };
    let token = |text: &str| TokenStep { id: 0, text: text.to_owned(), logprob: -1.0, top: Vec::new() };
    match request {
        Request::Choose { prompt, options } => {
            let length = characters(prompt) + options.iter().map(|option| option.len() as f64).sum::<f64>();
            let scored = length / (bench::scored_tokens() * CHARACTERS_A_TOKEN);
            let options = vec![OptionScore { logprob: -1.0, n_tokens: 1 }; options.len()];
            (Response::Choice { options, n_prompt_tokens: 1, millis: 0.0 }, Load { scored, ..Load::default() })
        }
        Request::Generate { prompt, limit, .. } => {
            let text = "Something else".to_owned();
            let tokens = vec![token("Something"), token(" else")];
            let load = Load { written: f64::from(*limit), ..read(characters(prompt)) };
            (Response::Text { text, tokens, finish: Finish::EndOfTurn, n_prompt_tokens: 1, millis: 0.0 }, load)
        }
        Request::Forced { prompt, text, .. } => {
            let load = read(characters(prompt) + text.len() as f64);
            (Response::Forced { tokens: vec![token(text)], millis: 0.0 }, load)
        }
        Request::Compare { prompt, other, continuation } => {
            let load = read(characters(prompt) + characters(other) + 2.0 * characters(continuation));
            let zero = ComparedToken {
                id: 0,
                text: String::new(),
                logprob: -1.0,
                other_logprob: -1.0,
                other_rank: 1,
                kl: 0.0,
            };
            (Response::Compared { tokens: vec![zero; 5], millis: 0.0 }, load)
        }
        Request::Features { prompt, text, .. } => {
            let load = read(characters(prompt) + text.len() as f64);
            (Response::Features { n_tokens: 1, states: Vec::new(), millis: 0.0 }, load)
        }
        Request::Next { prompt, .. } => {
            let top = vec![(Alternative { id: 0, text: "a".to_owned(), logprob: -1.0 }, 0.0)];
            (Response::Next { n_prompt_tokens: 1, top, millis: 0.0 }, read(characters(prompt)))
        }
        Request::Steered { request, .. } => pretend(request),
        Request::Classify { labels: asked, .. } => {
            let (logits, log_sum_exp) = (vec![0.0; asked.len()], 1.0);
            let labels = Labels::ImageNet;
            let (top, features, crops) = (Vec::new(), Vec::new(), Vec::new());
            (Response::Classified { labels, top, logits, log_sum_exp, features, crops, millis: 0.0 }, Load::default())
        }
    }
}

/// What a task asks about these items when every answer is a wrong one: for tasks that ask again after a wrong answer,
/// the most that it can be.
pub fn load_of(task: &dyn Task, items: &[Item]) -> Load {
    let mut load = Load::default();
    for item in items {
        let mut responses: Vec<Response> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let Step::Ask(requests) = task.next(item, &responses) else { break };
            for request in &requests {
                let (response, cost) = pretend(request);
                load += cost;
                responses.push(response);
            }
            if requests.is_empty() {
                break;
            }
        }
    }
    load
}

/// Rates of a device, for turning a [`Load`] into time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Prompts scored a second.
    pub score: f64,
    /// Tokens read a second.
    pub prefill: f64,
    /// Tokens written a second.
    pub decode: f64,
}

impl Rates {
    /// Rates of nothing in particular: only their proportions count, where a finished task says how fast the device is.
    pub const NOMINAL: Self = Self { score: 2.0, prefill: 150.0, decode: 15.0 };

    /// The rates that were measured.
    pub fn of(measures: &Measures) -> Self {
        Self {
            score: measures.score.per_second(),
            prefill: measures.prefill.per_second(),
            decode: measures.decode.per_second(),
        }
    }

    /// Milliseconds for a load.
    pub fn millis(&self, load: &Load) -> f64 {
        1e3 * (load.scored / self.score + load.read / self.prefill + load.written / self.decode)
    }
}

/// A time in the words of a person: `40 s`, `12 min`, `3.5 h`.
pub fn time_in_words(millis: f64) -> String {
    let seconds = millis / 1e3;
    if seconds < 90.0 {
        format!("{:.0} s", seconds.max(1.0))
    } else if seconds < 5400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> impl Fn(&str) -> Option<String> + use<> {
        let pairs: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| {
                // The browser's own decoding, as far as this test needs it.
                let mut bytes = Vec::new();
                let mut rest = value.bytes();
                while let Some(byte) = rest.next() {
                    if byte == b'%' {
                        let hex: String = rest.by_ref().take(2).map(char::from).collect();
                        bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                    } else {
                        bytes.push(byte);
                    }
                }
                (name.to_owned(), String::from_utf8(bytes).unwrap())
            })
            .collect();
        move |name| pairs.get(name).cloned()
    }

    #[test]
    fn a_link_reopens_exactly_the_same_configuration() {
        let settings = Settings {
            method: Method::Generate,
            sampling: Sampling { temperature: 0.7, top_p: 0.95, top_k: 40, min_p: 0.05, repetition_penalty: 1.1 },
            seed: 77,
            limit: 20,
            system: "Sei ehrlich & knapp: 100 % + \"ja\"?".to_owned(),
            n_items: None,
            format: PromptFormat::FewShot,
        };
        let tasks = vec!["known_unknowns".to_owned(), "pressure".to_owned()];
        let get = parsed(&to_query(&tasks, &settings));
        assert_eq!(settings_from_query(&get), settings);
        assert_eq!(tasks_from_query(&get), tasks);
        let usual = Settings { n_items: Some(PRESET_ITEMS), ..Settings::default() };
        assert_eq!(to_query(&all_tasks(), &usual), "tasks=all&n=10&seed=1");
        assert_eq!(settings_from_query(&parsed("")), usual);
        assert_eq!(tasks_from_query(&parsed("")), all_tasks());
    }

    #[test]
    fn nonsense_in_a_link_becomes_usual_values() {
        let get = parsed("n=-3&seed=x&temperature=NaN&top_p=7&tasks=nothing");
        let found = settings_from_query(&get);
        assert_eq!(found, Settings { n_items: Some(PRESET_ITEMS), ..Settings::default() });
        assert_eq!(tasks_from_query(&get), Vec::<String>::new());
    }

    #[test]
    fn every_task_has_a_load_that_grows_with_its_items() {
        for entry in tasks::TASKS.iter().filter(|entry| !entry.info.items_path.is_empty()) {
            let path = format!("{}/public/{}", env!("CARGO_MANIFEST_DIR"), entry.info.items_path);
            let items = crate::eval::item::items_from_jsonl(&std::fs::read_to_string(path).unwrap()).unwrap();
            for method in entry.info.methods {
                let task = (entry.make)(&Settings { method: *method, ..Settings::default() });
                let few = Rates::NOMINAL.millis(&load_of(task.as_ref(), &items[..5]));
                let more = Rates::NOMINAL.millis(&load_of(task.as_ref(), &items[..20]));
                assert!(few > 0.0 && more > 2.0 * few, "{}: {few} and {more} ms", entry.info.id);
            }
        }
    }

    #[test]
    fn a_load_takes_the_time_that_the_rates_say() {
        let rates = Rates { score: 4.0, prefill: 100.0, decode: 10.0 };
        assert_eq!(rates.millis(&Load { scored: 8.0, read: 50.0, written: 5.0 }), 3000.0);
        assert_eq!(time_in_words(3000.0), "3 s");
        assert_eq!(time_in_words(600_000.0), "10 min");
        assert_eq!(time_in_words(9_000_000.0), "2.5 h");
    }
}
