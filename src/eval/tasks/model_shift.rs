//! Token shift between two models: which words of one model's honest answer would another model have said as well?
//!
//! The answers are those of a finished run of [`super::token_shift`] by the first model. The loaded model reads the same
//! question and then the first model's words, split by its own tokenizer, and each of its tokens is looked up in its own
//! distribution. Rank 1 is unshifted, 2 and 3 are marginal, above is shifted (URIAL, arXiv 2312.01552, §2, where the
//! first is an aligned model and the second its base). Because the second model's own tokens are counted, the two need
//! not share a tokenizer; there is no divergence of whole distributions for the same reason.

use super::known_unknowns::honest_question;
use super::token_shift::{LIMIT, by_position, shift_metrics, shift_sentence, with_shifts};
use crate::eval::engine::{Prompt, Request, Response};
use crate::eval::item::Item;
use crate::eval::metrics::{TaskSummary, counted, judged};
use crate::eval::prompts::{continuation, prompt};
use crate::eval::run::{ItemResult, Method, Settings};
use crate::eval::score::Score;
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};

const INFO: TaskInfo = TaskInfo {
    id: "model_shift",
    version: 1,
    title: "Token shift between models",
    question: "Which words of another model's answer would this model have said as well?",
    citation: "After URIAL's token distribution shift (Lin et al. 2023, arXiv:2312.01552)",
    aspect: "Depth",
    methods: &[Method::Generate],
    graded_words: ["compared", "not compared"],
    parts: &[SAID],
    items_path: "",
};

/// The registry's line.
pub const ENTRY: TaskEntry =
    TaskEntry { info: &INFO, make: |settings| Box::new(ModelShift { settings: settings.clone() }), summary };

/// Name of the item's part that holds the other model's answer.
pub const SAID: &str = "said";

/// The items of a run of `token_shift` with the answers that its model gave; items without one are left out.
pub fn said_items(results: &[ItemResult]) -> Vec<Item> {
    results
        .iter()
        .filter_map(|result| match result.responses.first() {
            Some(Response::Text { text, .. }) if !text.trim().is_empty() => {
                let mut item = result.item.clone();
                item.parts.insert(SAID.to_owned(), text.trim().to_owned());
                Some(item)
            }
            _ => None,
        })
        .collect()
}

struct ModelShift {
    settings: Settings,
}

impl Task for ModelShift {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        match responses {
            [] => {
                let read = prompt(&self.settings, honest_question(item));
                let said = continuation(&self.settings, item.part(SAID));
                Step::Ask(vec![Request::Compare { prompt: read.clone(), other: read, continuation: Prompt::Raw(said) }])
            }
            [Response::Compared { tokens, .. }] => {
                let tokens = &tokens[..tokens.len().min(LIMIT as usize)];
                let mut score = with_shifts(Score::graded(true, item.part(SAID), "the other model's words"), tokens);
                for (place, token) in tokens.iter().enumerate() {
                    score = score.with(&format!("surprisal_{place:02}"), -token.other_logprob);
                }
                Step::Done(score)
            }
            _ => Step::Done(Score::failed("the engine answered another question")),
        }
    }
}

fn summary(results: &[ItemResult]) -> TaskSummary {
    let judged = judged(results);
    let Some(metrics) = shift_metrics(&judged, "first choice of this model") else { return TaskSummary::default() };
    TaskSummary {
        sentence: shift_sentence(&judged, &metrics, "have been this model's first choice too"),
        metrics,
        series: vec![by_position(
            &judged,
            "surprisal",
            "How surprising the other model's words are",
            "Surprisal, nats",
        )],
        notes: vec![
            "Later positions rest on fewer, longer answers.".to_owned(),
            format!(
                "Tokens are this model's own; {} of the other model were read.",
                counted(judged.len(), "answer", "answers")
            ),
        ],
    }
}
