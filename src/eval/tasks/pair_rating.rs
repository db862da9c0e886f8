//! Similarity: how alike are two words, on the same scale of 1 to 7 that people use?
//!
//! By `Choose`, the rating is the expectation over the probabilities of "1" to "7" (K2 of the task definitions). No
//! rating is the beginning of another, so no terminator token is needed. By `Generate`, it is the first
//! number from 1 to 7 in the text. There is no right answer: the rating is in `Score::value`.

use crate::eval::engine::Response;
use crate::eval::item::Item;
use crate::eval::metrics::no_summary;
use crate::eval::prompts::{choose, generate, question};
use crate::eval::run::{Method, Settings};
use crate::eval::score::{Outcome, Score};
use crate::eval::scorers::choice::softmax;
use crate::eval::scorers::text_match::words;
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};

/// The ratings, in order.
pub const RATINGS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

const INFO: TaskInfo = TaskInfo {
    id: "pair_rating",
    version: 1,
    title: "Similarity ratings",
    question: "How similar does the model find two words, on the scale that people use?",
    citation: "After pairwise similarity ratings for representational similarity analysis (Kriegeskorte et al. 2008, \
               doi:10.3389/neuro.06.004.2008) and Turing RSA (Ogg et al. 2024)",
    aspect: "Similarity",
    methods: &[Method::Choose, Method::Generate],
    graded_words: ["rated", "not rated"],
    parts: &[],
    items_path: "",
};

/// The registry's line.
pub const ENTRY: TaskEntry = TaskEntry {
    info: &INFO,
    make: |settings| Box::new(PairRating { settings: settings.clone() }),
    summary: no_summary,
};

/// Id of a pair, the same whichever word comes first.
pub fn pair_id(first: &str, second: &str) -> String {
    let (low, high) = if first <= second { (first, second) } else { (second, first) };
    format!("{low}|{high}")
}

/// One item for each pair, in order. The words are kept as the item's two tags; pairs that were there before (in
/// either order) are left out, because ids are unique.
pub fn pair_items(pairs: &[(&str, &str)]) -> Vec<Item> {
    let mut seen = std::collections::BTreeSet::new();
    pairs
        .iter()
        .filter(|(first, second)| seen.insert(pair_id(first, second)))
        .map(|(first, second)| Item {
            id: pair_id(first, second),
            prompt: format!(
                "How similar are \"{first}\" and \"{second}\"? Answer with one number from 1 (not similar at all) to 7 \
                 (almost the same)."
            ),
            tags: vec![(*first).to_owned(), (*second).to_owned()],
            ..Item::default()
        })
        .collect()
}

/// Every pair of different words, in reading order of the upper triangle.
pub fn all_pairs<'a>(words: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    for (index, first) in words.iter().enumerate() {
        pairs.extend(words[index + 1..].iter().map(|second| (*first, *second)));
    }
    pairs
}

struct PairRating {
    settings: Settings,
}

fn rated(answer: String, explanation: String, value: f64) -> Score {
    // A rating has no right or wrong; the grade only says that there is one.
    Score::graded(true, answer, explanation).with_value(value)
}

impl Task for PairRating {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        let score = match responses.first() {
            None => {
                let messages = question(item.prompt.clone());
                return Step::Ask(vec![match self.settings.method {
                    Method::Choose => choose(&self.settings, messages, &RATINGS),
                    Method::Generate => generate(&self.settings, messages),
                }]);
            }
            Some(Response::Choice { options, .. }) if options.len() == RATINGS.len() => {
                let logprobs: Vec<f64> = options.iter().map(|option| option.logprob).collect();
                match softmax(&logprobs) {
                    Some(shares) => {
                        let value = (1_u8..).zip(&shares).map(|(rating, share)| f64::from(rating) * share).sum();
                        let mode =
                            (0..shares.len()).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
                        let explanation = format!(
                            "expected rating {value:.2}; the most probable is {} with {:.0} %",
                            RATINGS[mode],
                            100.0 * shares[mode]
                        );
                        rated(RATINGS[mode].to_owned(), explanation, value)
                    }
                    None => Score::failed("the ratings have no log-likelihoods"),
                }
            }
            Some(Response::Text { text, .. }) => {
                let found = words(text).iter().find_map(|word| {
                    let value: f64 = word.parse().ok()?;
                    (1.0..=7.0).contains(&value).then(|| (word.clone(), value))
                });
                match found {
                    Some((word, value)) => rated(word, "the first number from 1 to 7 in the text".to_owned(), value),
                    None => Score::new(
                        Outcome::Unparsed { text: text.clone() },
                        text.trim(),
                        "no number from 1 to 7 in the text",
                    ),
                }
            }
            Some(_) => Score::failed("the engine answered another question"),
        };
        Step::Done(score)
    }
}
