//! A study taken by a model: its questions put to the model as they are put to people, and what it answered.
//!
//! Items come from a study ([`crate::report::model_participant`](../../../report/model_participant) makes them). What is
//! listed in an order (things, labels, two answers) is asked in every rotation of it, which puts each thing in each place
//! once, and the log-likelihoods are averaged: the place of a name moves small models more than its meaning. So the same
//! question would get the same answer a second time, and repeats are not asked. Two answers to a prompt are judged as in
//! MT-Bench (Zheng et al. 2023, arXiv:2306.05685), with both orders and with a tie and "neither" as answers.

use crate::eval::abstention::{Abstention, Judge};
use crate::eval::engine::{Request, Response};
use crate::eval::item::Item;
use crate::eval::metrics::{TaskSummary, Unit, counted, judged, mean_of, share_of};
use crate::eval::prompts::{choose, generate, options_of, question, text_of};
use crate::eval::run::{ItemResult, Method, Settings};
use crate::eval::score::{Outcome, Score};
use crate::eval::scorers::choice::softmax;
use crate::eval::sight::{ABSTAIN, Operation, View, slot_name};
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};

use super::visalign::{THRESHOLD, evidence_of, request};

/// Name of the item's part that says what kind of question it is: an [`Ask::id`].
pub const ASK: &str = "ask";
/// Name of the item's part with the prompt that answers were given to.
pub const TO: &str = "to";
/// Name of the item's part with the address of a picture.
pub const SOURCE: &str = "source";
/// Name of the item's part with the slots of a picture's labels, in the order of the choices; `-` for none.
pub const SLOTS: &str = "slots";
/// What is said for not knowing.
pub const CANNOT_TELL: &str = "I can't tell";
/// Place of "equally good" and "neither" among the answers to a preference, after the two.
pub const TIE: usize = 2;
/// See [`TIE`].
pub const NEITHER: usize = 3;
/// How the four answers to a preference are called.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];
/// Longest name in tokens.
const NAME_TOKENS: u32 = 16;

/// Kinds of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A number of a scale; the expectation over the numbers' probabilities.
    Rating,
    /// One of several things.
    OneOf,
    /// Which of two answers is better, a tie, or neither.
    Better,
    /// One of several labels, or that it cannot be told.
    Label,
    /// A name in the model's own words.
    Name,
    /// What a picture shows; for the classifier of pictures.
    Picture,
}

impl Ask {
    const ALL: [Self; 6] = [Self::Rating, Self::OneOf, Self::Better, Self::Label, Self::Name, Self::Picture];

    /// Name in items.
    pub fn id(self) -> &'static str {
        match self {
            Self::Rating => "rating",
            Self::OneOf => "one_of",
            Self::Better => "better",
            Self::Label => "label",
            Self::Name => "name",
            Self::Picture => "picture",
        }
    }

    fn of(item: &Item) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.id() == item.part(ASK))
    }
}

const INFO: TaskInfo = TaskInfo {
    id: "study_participant",
    version: 1,
    title: "A study taken by the model",
    question: "What does the model answer when it takes a study as one participant?",
    citation: "Pairs after Kriegeskorte et al. 2008, triplets after Hebart et al. 2020, preferences after MT-Bench (Zheng \
               et al. 2023, arXiv:2306.05685), pictures after VisAlign (Lee et al. 2023)",
    aspect: "Similarity",
    methods: &[Method::Choose],
    graded_words: ["answered", "not as expected"],
    parts: &[],
    items_path: "",
};

/// The registry's line.
pub const ENTRY: TaskEntry =
    TaskEntry { info: &INFO, make: |settings| Box::new(StudyParticipant { settings: settings.clone() }), summary };

fn summary(results: &[ItemResult]) -> TaskSummary {
    let read = judged(results);
    let declined = read.iter().filter(|it| it.score.outcome == Outcome::Abstained).count();
    TaskSummary {
        sentence: format!(
            "It answered {} of {}, {declined} of them with \"{CANNOT_TELL}\".",
            read.len(),
            counted(results.len(), "question", "questions")
        ),
        metrics: vec![
            mean_of("Probability of its answer", Unit::Share, &read, "share"),
            share_of("Same answer in every order", &read, "same_in_every_order"),
        ],
        notes: vec![
            "These are a model's answers to a study made for people. They are kept as its run and counted as nobody's."
                .to_owned(),
        ],
        ..TaskSummary::default()
    }
}

struct StudyParticipant {
    settings: Settings,
}

/// `places` turned by `by`.
fn rotation(n: usize, by: usize) -> Vec<usize> {
    (0..n).map(|place| (place + by) % n).collect()
}

/// The orders in which an item's choices are listed: each puts the choice of a place elsewhere.
fn orders(ask: Ask, n: usize) -> Vec<Vec<usize>> {
    match ask {
        Ask::OneOf => (0..n).map(|by| rotation(n, by)).collect(),
        // Two are enough for long lists, where every rotation would take as many questions as labels.
        Ask::Label => vec![(0..n).collect(), (0..n).rev().collect()],
        Ask::Better => vec![vec![0, 1, TIE, NEITHER], vec![1, 0, TIE, NEITHER]],
        Ask::Rating | Ask::Name | Ask::Picture => vec![(0..n).collect()],
    }
}

fn best(values: &[f64]) -> usize {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

/// What can be said: the item's choices, with "I can't tell" where that is an answer.
fn options(ask: Ask, item: &Item) -> Vec<String> {
    let mut all = item.choices.clone();
    match ask {
        Ask::Label => all.push(CANNOT_TELL.to_owned()),
        Ask::Better => all.extend(["both are equally good".to_owned(), "neither is any good".to_owned()]),
        Ask::Rating | Ask::OneOf | Ask::Name | Ask::Picture => {}
    }
    all
}

impl StudyParticipant {
    fn asked(&self, ask: Ask, item: &Item, order: &[usize]) -> Request {
        let options = options(ask, item);
        let listed: Vec<&str> = order.iter().filter_map(|&place| options.get(place)).map(String::as_str).collect();
        match ask {
            Ask::Better => {
                let text = format!(
                    "A person asked:\n{}\n\nAnswer A:\n{}\n\nAnswer B:\n{}\n\n{} Reply with one letter: A if answer A is \
                     better, B if answer B is better, C if both are equally good, D if neither is any good.",
                    item.part(TO),
                    listed.first().copied().unwrap_or_default(),
                    listed.get(1).copied().unwrap_or_default(),
                    item.prompt
                );
                choose(&self.settings, question(text), &LETTERS)
            }
            Ask::OneOf | Ask::Label => {
                let text = format!("{}\nThe choices are: {}. Reply with one of them.", item.prompt, listed.join(", "));
                choose(&self.settings, question(text), &listed)
            }
            Ask::Rating | Ask::Name | Ask::Picture => choose(&self.settings, question(item.prompt.as_str()), &listed),
        }
    }

    fn ask(&self, ask: Ask, item: &Item) -> Step {
        match ask {
            Ask::Picture => {
                let source = item.part(SOURCE).to_owned();
                let view = View { source, operation: Operation::GaussianNoise, severity: 0, seed: 0, crops: false };
                Step::Ask(vec![request(view)])
            }
            Ask::Name => {
                let settings = Settings { limit: NAME_TOKENS, ..self.settings.clone() };
                Step::Ask(vec![generate(&settings, question(item.prompt.as_str()))])
            }
            _ => {
                let n = options(ask, item).len();
                Step::Ask(orders(ask, n).iter().map(|order| self.asked(ask, item, order)).collect())
            }
        }
    }
}

/// The answer by the mean log-likelihood over the orders, and whether every order alone would have given it.
fn chosen(ask: Ask, item: &Item, responses: &[Response]) -> Score {
    let options = options(ask, item);
    let orders = orders(ask, options.len());
    let mut sums = vec![0.0; options.len()];
    let mut alone = Vec::new();
    for (order, response) in orders.iter().zip(responses) {
        let Some(scores) = options_of(Some(response), options.len()) else {
            return Score::failed("the engine answered another question");
        };
        let mut logs = vec![f64::NEG_INFINITY; options.len()];
        for (&place, score) in order.iter().zip(scores) {
            // Labels of several tokens are compared by the token, names and letters as they are.
            logs[place] = if ask == Ask::Label { score.logprob_per_token() } else { score.logprob };
            sums[place] += logs[place] / orders.len() as f64;
        }
        alone.push(best(&logs));
    }
    let Some(shares) = softmax(&sums) else { return Score::failed("the answers have no log-likelihoods") };
    if ask == Ask::Rating {
        let numbers: Vec<f64> = item.choices.iter().filter_map(|it| it.parse().ok()).collect();
        let value: f64 = numbers.iter().zip(&shares).map(|(number, share)| number * share).sum();
        let mode = best(&shares);
        let words = format!("expected rating {value:.2}; the most probable is {}", options[mode]);
        return Score::graded(true, options[mode].clone(), words).with_value(value).with("share", shares[mode]);
    }
    let answer = best(&shares);
    let steady = alone.iter().all(|it| *it == answer);
    let words = format!(
        "{:.0} % of the shares over {}; {}",
        100.0 * shares[answer],
        counted(orders.len(), "order", "orders"),
        if steady { "every order alone gives it" } else { "not every order alone gives it" }
    );
    let outcome =
        if ask == Ask::Label && answer + 1 == options.len() { Outcome::Abstained } else { Outcome::Graded(1.0) };
    Score::new(outcome, options[answer].clone(), words)
        .with_value(answer as f64)
        .with("share", shares[answer])
        .with("same_in_every_order", f64::from(u8::from(steady)))
}

/// The first line of what was said, without the marks around it.
fn named(text: &str) -> Score {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let name = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '.' | '*' | '`'));
    if name.is_empty() {
        return Score::new(Outcome::Unparsed { text: text.to_owned() }, "", "it said nothing");
    }
    let plain: String = name.to_lowercase().replace('’', "'");
    if plain.starts_with("i can't tell") || plain.starts_with("i cannot tell") {
        return Score::new(Outcome::Abstained, CANNOT_TELL, "it said so");
    }
    Score::graded(true, name, "the first line of what it said")
}

/// What the classifier of pictures sees: as in `VisAlign`, by the share of all classes' probability on the ten.
fn seen(item: &Item, response: &Response) -> Score {
    let Some(evidence) = evidence_of(response) else {
        return Score::failed("a text model does not see pictures; this needs the classifier of pictures");
    };
    let judged = Judge::new(Abstention::Mass, &[]).ok().and_then(|judge| {
        let rate = judge.rate(item.part(SOURCE), &evidence)?;
        Some((judge.decide(&evidence, rate, THRESHOLD), rate))
    });
    let Some((slot, rate)) = judged else { return Score::failed("the answer has no confidence") };
    let place = item.part(SLOTS).split_whitespace().position(|it| it.parse() == Ok(slot));
    let words = format!("{}: {:.0} % of all classes' probability is on the ten", slot_name(slot), 100.0 * (1.0 - rate));
    match place {
        Some(place) if slot != ABSTAIN => {
            let label = item.choices.get(place).cloned().unwrap_or_default();
            Score::graded(true, label, words).with_value(place as f64)
        }
        _ => Score::new(Outcome::Abstained, CANNOT_TELL, words),
    }
}

impl Task for StudyParticipant {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        let Some(ask) = Ask::of(item) else {
            return Step::Done(Score::failed("the item is not a question of a study"));
        };
        let Some(first) = responses.first() else { return self.ask(ask, item) };
        Step::Done(match ask {
            Ask::Picture => seen(item, first),
            Ask::Name => {
                text_of(Some(first)).map_or_else(|| Score::failed("the engine answered another question"), named)
            }
            _ => chosen(ask, item, responses),
        })
    }
}
