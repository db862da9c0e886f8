//! Similarity: how alike are two words, on the same scale of 1 to 7 that people use?
//!
//! By `Choose`, the rating is the expectation over the probabilities of "1" to "7" (K2 of the task definitions). No
//! rating is the beginning of another, so no terminator token is needed. An item may carry the question with the words
//! in the other order; then both are asked and the two expectations averaged. By `Generate`, it is the first number from
//! 1 to 7 in the text. There is no right answer: the rating is in `Score::value`. The words stand at the end of the
//! question, so that an engine reads what all pairs share only once.

use crate::eval::engine::Response;
use crate::eval::item::Item;
use crate::eval::metrics::no_summary;
use crate::eval::prompts::{choose, generate, options_of, question, text_of};
use crate::eval::run::{Method, Settings};
use crate::eval::score::{Outcome, Score};
use crate::eval::scorers::choice::softmax;
use crate::eval::scorers::text_match::words;
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};

/// The ratings, in order.
pub const RATINGS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];
/// Name of the item's part that holds the question with the words in the other order.
const SWAPPED: &str = "swapped";
/// Names of the item's parts that hold the question in other wordings.
const WORDINGS: [&str; 3] = ["wording_2", "wording_3", "wording_4"];
/// How many wordings there are, the usual one included.
pub const N_WORDINGS: usize = WORDINGS.len() + 1;

const INFO: TaskInfo = TaskInfo {
    id: "pair_rating",
    version: 2,
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

fn asked(first: &str, second: &str) -> String {
    format!(
        "Rate how similar two things are with one number from 1 (not similar at all) to 7 (almost the same). The things \
         are \"{first}\" and \"{second}\"."
    )
}

/// One item for each pair, in order. The words are kept as the item's two tags; pairs that were there before (in
/// either order) are left out, because ids are unique. With `both_orders` each pair is asked both ways round, which
/// takes twice as long and takes the effect of the order out.
pub fn pair_items(pairs: &[(&str, &str)], both_orders: bool) -> Vec<Item> {
    let mut seen = std::collections::BTreeSet::new();
    pairs
        .iter()
        .filter(|(first, second)| seen.insert(pair_id(first, second)))
        .map(|(first, second)| Item {
            id: pair_id(first, second),
            prompt: asked(first, second),
            parts: both_orders.then(|| (SWAPPED.to_owned(), asked(second, first))).into_iter().collect(),
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

/// The question in another wording; 0 is the usual one. All have the scale and its direction in common.
pub fn asked_in(wording: usize, first: &str, second: &str) -> String {
    match wording {
        1 => format!(
            "How much are two things alike? Answer with one number only, from 1 for nothing in common to 7 for nearly \
             identical. The two: \"{first}\", \"{second}\"."
        ),
        2 => format!(
            "People were asked how similar two things are, on a scale from 1 (completely different) to 7 (extremely \
             similar). Give the number that most people would choose for \"{first}\" and \"{second}\"."
        ),
        3 => format!(
            "7 means that two words mean nearly the same, 1 that they have nothing to do with each other. Choose a \
             number from 1 to 7 for the words \"{first}\" and \"{second}\"."
        ),
        _ => asked(first, second),
    }
}

/// Adds the question in every other wording, so that one run shows how much hangs on the wording: it takes
/// [`N_WORDINGS`] times as long. The rating stays that of the usual one.
pub fn with_wordings(items: Vec<Item>) -> Vec<Item> {
    let add = |mut item: Item| {
        if let [first, second] = item.tags.as_slice() {
            let other = |(at, name): (usize, &&str)| ((*name).to_owned(), asked_in(at + 1, first, second));
            item.parts.extend(WORDINGS.iter().enumerate().map(other));
        }
        item
    };
    items.into_iter().map(add).collect()
}

/// The ratings' probabilities in each wording that was asked, the usual one first, as log-likelihoods; an item that was
/// asked both ways round has two of the usual one.
pub fn log_likelihoods(item: &Item, responses: &[Response]) -> Vec<Vec<Vec<f64>>> {
    let n_orders = 1 + usize::from(!item.part(SWAPPED).is_empty());
    let each: Vec<Vec<f64>> = responses
        .iter()
        .map_while(|response| options_of(Some(response), RATINGS.len()))
        .map(|options| options.iter().map(|option| option.logprob).collect())
        .collect();
    if each.len() < n_orders {
        return Vec::new();
    }
    let (usual, others) = each.split_at(n_orders);
    std::iter::once(usual.to_vec()).chain(others.iter().map(|it| vec![it.clone()])).collect()
}

/// The expected rating at a temperature, averaged over the orders: probabilities are those of the log-likelihoods
/// divided by it. `None` without finite values.
pub fn expected_at(orders: &[Vec<f64>], temperature: f64) -> Option<f64> {
    let each = orders.iter().map(|logs| {
        let tempered: Vec<f64> = logs.iter().map(|it| it / temperature).collect();
        softmax(&tempered).map(|shares| expectation(&shares))
    });
    let each: Vec<f64> = each.collect::<Option<_>>()?;
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
}

struct PairRating {
    settings: Settings,
}

fn rated(answer: String, explanation: String, value: f64) -> Score {
    // A rating has no right or wrong; the grade only says that there is one.
    Score::graded(true, answer, explanation).with_value(value)
}

/// The ratings' probabilities after one question.
fn shares(response: &Response) -> Option<Vec<f64>> {
    let options = options_of(Some(response), RATINGS.len())?;
    softmax(&options.iter().map(|option| option.logprob).collect::<Vec<f64>>())
}

fn expectation(shares: &[f64]) -> f64 {
    (1_u8..).zip(shares).map(|(rating, share)| f64::from(rating) * share).sum()
}

/// The expected rating, averaged over the orders that were asked.
fn expected(responses: &[Response]) -> Score {
    let Some(all) = responses.iter().map(shares).collect::<Option<Vec<_>>>() else {
        return Score::failed("the engine answered another question, or the ratings have no log-likelihoods");
    };
    let each: Vec<f64> = all.iter().map(|shares| expectation(shares)).collect();
    let value = each.iter().sum::<f64>() / each.len() as f64;
    let mean = |rating: usize| all.iter().map(|shares| shares[rating]).sum::<f64>() / all.len() as f64;
    let mode = (0..RATINGS.len()).rev().max_by(|&a, &b| mean(a).total_cmp(&mean(b))).unwrap_or(0);
    let explanation =
        format!("expected rating {value:.2}; the most probable is {} with {:.0} %", RATINGS[mode], 100.0 * mean(mode));
    let score = rated(RATINGS[mode].to_owned(), explanation, value);
    if let [first, second] = each.as_slice() { score.with("order_difference", first - second) } else { score }
}

/// The first rating in a text.
fn written(text: &str) -> Score {
    let found = words(text).iter().find_map(|word| {
        let value: f64 = word.parse().ok()?;
        (1.0..=7.0).contains(&value).then(|| (word.clone(), value))
    });
    match found {
        Some((word, value)) => rated(word, "the first number from 1 to 7 in the text".to_owned(), value),
        None => {
            Score::new(Outcome::Unparsed { text: text.to_owned() }, text.trim(), "no number from 1 to 7 in the text")
        }
    }
}

impl Task for PairRating {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        Step::Done(match (responses, self.settings.method) {
            ([], Method::Choose) => {
                let swapped = item.part(SWAPPED);
                let others = WORDINGS.iter().map(|name| item.part(name));
                let texts = [item.prompt.as_str(), swapped].into_iter().chain(others).filter(|text| !text.is_empty());
                return Step::Ask(texts.map(|text| choose(&self.settings, question(text), &RATINGS)).collect());
            }
            ([], Method::Generate) => {
                return Step::Ask(vec![generate(&self.settings, question(item.prompt.clone()))]);
            }
            (_, Method::Choose) => {
                let n_orders = 1 + usize::from(!item.part(SWAPPED).is_empty());
                let score = expected(&responses[..n_orders.min(responses.len())]);
                let others = log_likelihoods(item, responses);
                let others = WORDINGS.iter().zip(others.iter().skip(1));
                others.fold(score, |score, (name, logs)| match expected_at(logs, 1.0) {
                    Some(value) => score.with(name, value),
                    None => score,
                })
            }
            ([response, ..], Method::Generate) => match text_of(Some(response)) {
                Some(text) => written(text),
                None => Score::failed("the engine answered another question"),
            },
        })
    }
}
