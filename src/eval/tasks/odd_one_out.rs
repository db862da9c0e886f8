//! Odd one out: which of three things is least like the other two, by the likelihood of the three names.
//!
//! All six orders are asked and their log-likelihoods averaged, because the place of a name moves small models more than
//! its meaning. The three shares are a softmax of the averages. Where people's answer is known it is the target.

use std::collections::BTreeSet;

use crate::eval::engine::Response;
use crate::eval::item::{Item, Target};
use crate::eval::metrics::{TaskSummary, Unit, counted, judged, mean_of, percent, share};
use crate::eval::prompts::{choose, options_of, question};
use crate::eval::run::{ItemResult, Method, Settings};
use crate::eval::score::{Score, Verdict};
use crate::eval::scorers::choice::softmax;
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};
use crate::stats::rng::Pcg32;

/// Orders in which the three are named.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]];
/// Names of the three shares.
pub const SHARES: [&str; 3] = ["share_first", "share_second", "share_third"];

const INFO: TaskInfo = TaskInfo {
    id: "odd_one_out",
    version: 1,
    title: "Odd one out of three",
    question: "Which of three words does the model find least like the other two?",
    citation: "After the triplets of THINGS (Hebart et al. 2020, doi:10.1038/s41562-020-00951-3)",
    aspect: "Similarity",
    methods: &[Method::Choose],
    graded_words: ["as people", "not as people"],
    parts: &[],
    items_path: "",
};

/// The registry's line.
pub const ENTRY: TaskEntry =
    TaskEntry { info: &INFO, make: |settings| Box::new(OddOneOut { settings: settings.clone() }), summary };

fn summary(results: &[ItemResult]) -> TaskSummary {
    let read = judged(results);
    let known: Vec<&&ItemResult> = read.iter().filter(|result| result.has_right_answer()).collect();
    let right = known.iter().filter(|result| result.verdict == Verdict::Right).count();
    let accuracy = share("Odd one as people chose", right, known.len());
    let sentence = if known.is_empty() {
        format!("It left one out of {}.", counted(read.len(), "triplet", "triplets"))
    } else {
        let shown = percent(accuracy.value);
        format!(
            "It left out the same one as people in {shown} of {}; chance is 33 %.",
            counted(known.len(), "triplet", "triplets")
        )
    };
    let mut metrics = vec![mean_of("Share of the odd one", Unit::Share, &read, "share")];
    if !known.is_empty() {
        metrics.insert(0, accuracy);
    }
    let notes = vec!["Each triplet is asked in all six orders; log-likelihoods of the names are averaged.".to_owned()];
    TaskSummary { sentence, metrics, notes, ..TaskSummary::default() }
}

/// An item of three words; `odd` is the place of the one that people left out, where that is known.
pub fn triplet_item(words: [&str; 3], odd: Option<usize>) -> Item {
    let mut sorted = words;
    sorted.sort_unstable();
    Item {
        id: sorted.join("|"),
        prompt: "Which of the three is least like the other two?".to_owned(),
        choices: words.map(str::to_owned).to_vec(),
        target: odd.filter(|odd| *odd < 3).map_or(Target::None, Target::Choice),
        tags: words.map(str::to_owned).to_vec(),
        ..Item::default()
    }
}

/// Random different triplets of these words, or all of them where there are no more than `most`.
pub fn random_triplets(n_words: usize, most: usize, seed: u64) -> Vec<[usize; 3]> {
    let possible = n_words * n_words.saturating_sub(1) * n_words.saturating_sub(2) / 6;
    if possible <= most {
        return (0..n_words)
            .flat_map(|a| (a + 1..n_words).flat_map(move |b| (b + 1..n_words).map(move |c| [a, b, c])))
            .collect();
    }
    let mut rng = Pcg32::new(seed);
    let mut found = BTreeSet::new();
    while found.len() < most {
        let mut triplet = [rng.below(n_words), rng.below(n_words), rng.below(n_words)];
        triplet.sort_unstable();
        if triplet[0] != triplet[1] && triplet[1] != triplet[2] {
            found.insert(triplet);
        }
    }
    found.into_iter().collect()
}

struct OddOneOut {
    settings: Settings,
}

impl OddOneOut {
    fn score(item: &Item, responses: &[Response]) -> Score {
        let mut sums = [0.0; 3];
        for (order, response) in ORDERS.iter().zip(responses) {
            let Some(options) = options_of(Some(response), 3) else {
                return Score::failed("the engine answered another question");
            };
            for (&choice, option) in order.iter().zip(options) {
                sums[choice] += option.logprob / ORDERS.len() as f64;
            }
        }
        let Some(shares) = softmax(&sums) else { return Score::failed("the names have no log-likelihoods") };
        let odd = (0..3).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
        let explanation = format!("{:.0} % of the three shares, over six orders", 100.0 * shares[odd]);
        let right = item.target == Target::None || item.is_right(odd);
        let mut score = Score::graded(right, item.choices[odd].clone(), explanation).with("share", shares[odd]);
        for (name, share) in SHARES.iter().zip(&shares) {
            score = score.with(name, *share);
        }
        score
    }
}

impl Task for OddOneOut {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        let [a, b, c] = item.choices.as_slice() else { return Step::Done(Score::failed("an item needs three words")) };
        if responses.is_empty() {
            let words = [a, b, c];
            let ask = |order: &[usize; 3]| {
                let named = order.map(|index| words[index].as_str());
                let text = format!(
                    "Of three things, name the odd one out: the one that is least like the other two.\nThings: {}.",
                    named.join(", ")
                );
                choose(&self.settings, question(text), &named)
            };
            return Step::Ask(ORDERS.iter().map(ask).collect());
        }
        Step::Done(Self::score(item, responses))
    }
}
