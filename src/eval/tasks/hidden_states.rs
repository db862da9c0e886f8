//! Hidden states: what a model makes of a word inside, layer by layer, without asking it anything.
//!
//! The word stands after a neutral carrier ("the"), so that it is not the first token, whose state every decoder uses as
//! a sink for attention. The states are pooled over the word's own tokens (K5 of the task definitions). There is no
//! right answer; the vectors are in the response.

use crate::eval::engine::{Pool, Prompt, Request, Response};
use crate::eval::item::Item;
use crate::eval::metrics::{Metric, TaskSummary, Unit, counted, judged, mean_of};
use crate::eval::run::{ItemResult, Method};
use crate::eval::score::Score;
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};

/// What stands before the word.
pub const CARRIER: &str = "the";

const INFO: TaskInfo = TaskInfo {
    id: "hidden_states",
    version: 1,
    title: "Hidden states of words",
    question: "How alike are words inside the model, layer by layer?",
    citation: "After representational similarity analysis (Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008) of \
               language models' layers",
    aspect: "Similarity",
    methods: &[Method::Choose],
    graded_words: ["read", "not read"],
    parts: &[],
    items_path: "",
};

/// The registry's line.
pub const ENTRY: TaskEntry = TaskEntry { info: &INFO, make: |_| Box::new(HiddenStates), summary };

fn summary(results: &[ItemResult]) -> TaskSummary {
    let read = judged(results);
    let tokens: Metric = mean_of("Tokens a word", Unit::Number, &read, "tokens");
    TaskSummary {
        sentence: format!(
            "It read {}; the similarity page compares their states.",
            counted(read.len(), "word", "words")
        ),
        metrics: vec![tokens],
        notes: vec![if read.iter().any(|it| !it.item.part("carrier").is_empty()) {
            format!("States are the mean over a word's own tokens after the carrier \"{CARRIER}\".")
        } else {
            "States are the mean over all tokens of the word alone, as a sentence encoder is pooled.".to_owned()
        }],
        ..TaskSummary::default()
    }
}

/// One item a word; words that were there before are left out.
pub fn word_items<S: AsRef<str>>(words: &[S], pool: Pool) -> Vec<Item> {
    let mut seen = std::collections::BTreeSet::new();
    let pool = match pool {
        Pool::Last => "last",
        Pool::Mean | Pool::Each => "mean",
    };
    words
        .iter()
        .map(AsRef::as_ref)
        .filter(|word| seen.insert((*word).to_owned()))
        .map(|word| Item {
            id: word.to_owned(),
            prompt: word.to_owned(),
            parts: [("carrier", CARRIER), ("pool", pool)].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            tags: vec![word.to_owned()],
            ..Item::default()
        })
        .collect()
}

/// The words alone, for a sentence encoder.
pub fn embedding_items<S: AsRef<str>>(words: &[S]) -> Vec<Item> {
    let mut items = word_items(words, Pool::Mean);
    for item in &mut items {
        item.parts.insert("carrier".to_owned(), String::new());
    }
    items
}

struct HiddenStates;

impl Task for HiddenStates {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        Step::Done(match responses.first() {
            None => {
                let carrier = item.part("carrier");
                let space = if carrier.is_empty() { "" } else { " " };
                return Step::Ask(vec![Request::Features {
                    prompt: Prompt::Text(carrier.to_owned()),
                    text: format!("{space}{}", item.prompt),
                    layers: Vec::new(),
                    pool: if item.part("pool") == "last" { Pool::Last } else { Pool::Mean },
                }]);
            }
            Some(Response::Features { n_tokens, states, .. }) => {
                let explanation = format!("{n_tokens} tokens, {} layers", states.len());
                Score::graded(true, item.prompt.clone(), explanation).with("tokens", f64::from(*n_tokens))
            }
            Some(_) => Score::failed("the engine answered another question"),
        })
    }
}
