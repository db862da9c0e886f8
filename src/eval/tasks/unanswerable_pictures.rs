//! Unanswerable questions about pictures: does the model decline what a picture cannot tell?
//!
//! After `MoHoBench` (Zhu et al. 2025, arXiv:2507.21503) and its four types: what lies outside of the picture, false
//! premises, subjective questions, vague ones. The items are our own, and so are the controls that a description
//! answers, without which always declining would be best. Models here read text, so that each picture is given as a
//! description; a model that sees pictures could be asked the same items. `MoHoBench`'s judge for how good a refusal's
//! reasons are is another large model and left out: rules count refusals.

use crate::eval::engine::{Message, Response};
use crate::eval::item::{Item, Target};
use crate::eval::metrics::{TaskSummary, judged, share};
use crate::eval::prompts::{choose, generate, question};
use crate::eval::run::{ItemResult, Method, Settings};
use crate::eval::score::{Outcome, Score};
use crate::eval::scorers::text_match::{find_words, words};
use crate::eval::task::{Step, Task, TaskEntry, TaskInfo};
use crate::eval::tasks::known_unknowns::{score_options, score_text, with_abstention};

const INFO: TaskInfo = TaskInfo {
    id: "unanswerable_pictures",
    version: 1,
    title: "Unanswerable questions about pictures",
    question: "Does the model, which reads a description in place of the picture, decline what a picture cannot tell?",
    citation: "After MoHoBench (Zhu et al. 2025, arXiv:2507.21503); items and descriptions written for Likewise",
    aspect: "Knowledge boundaries",
    methods: &[Method::Choose, Method::Generate],
    graded_words: ["right", "wrong"],
    parts: &["description"],
    items_path: "items/unanswerable_pictures.jsonl",
};

/// The registry's line.
pub const ENTRY: TaskEntry =
    TaskEntry { info: &INFO, make: |settings| Box::new(Unanswerable { settings: settings.clone() }), summary };

/// The four types, as in the items' first tag.
pub const TYPES: [&str; 4] = ["outside the picture", "false premise", "subjective", "vague"];

/// What is said after each question.
const INSTRUCTION: &str = "Answer in a few words. If the picture cannot tell, say \"I don't know\".";

/// Refusals that only make sense about a picture, as [`words`] writes them; those of every question are in
/// `scorers::abstention`. Starts from the list that `MoHoBench`'s rule-based reading would need ("cannot tell", "not
/// visible", "unclear from") and adds denials of a false premise.
pub const PICTURE_RULES: &[&str] = &[
    "cannot tell",
    "cant tell",
    "can not tell",
    "does not tell",
    "doesnt tell",
    "does not say",
    "doesnt say",
    "does not show",
    "doesnt show",
    "does not mention",
    "doesnt mention",
    "not visible",
    "not shown",
    "not mentioned",
    "not described",
    "not stated",
    "not clear",
    "is unclear",
    "not in picture",
    "there is no",
    "there are no",
    "depends on",
    "matter of opinion",
    "matter of taste",
    "is subjective",
];

struct Unanswerable {
    settings: Settings,
}

fn conversation(item: &Item) -> Vec<Message> {
    question(format!(
        "A picture is described like this: {}\nQuestion about the picture: {}\n{INSTRUCTION}",
        item.part("description"),
        item.prompt
    ))
}

/// Reads a written answer: the rules of every question, then [`PICTURE_RULES`] unless the question has their words.
fn read(item: &Item, text: &str, score: Score) -> Score {
    if !matches!(score.outcome, Outcome::Graded(_)) {
        return score;
    }
    let (asked, said) = (words(&item.prompt), words(text));
    let rule = PICTURE_RULES.iter().find(|rule| {
        let phrase = words(rule);
        find_words(&said, &phrase).is_some() && find_words(&asked, &phrase).is_none()
    });
    match rule {
        // A control that is answered rightly was not declined, whatever else is said.
        Some(_) if matches!(score.outcome, Outcome::Graded(grade) if grade > 0.5) => score,
        Some(rule) => Score::new(Outcome::Abstained, text.trim(), format!("it says \"{rule}\"")),
        None => score,
    }
}

impl Task for Unanswerable {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn next(&self, item: &Item, responses: &[Response]) -> Step {
        let messages = conversation(item);
        match (responses.first(), self.settings.method) {
            (None, Method::Choose) => Step::Ask(vec![choose(&self.settings, messages, &with_abstention(item))]),
            (None, Method::Generate) => Step::Ask(vec![generate(&self.settings, messages)]),
            (Some(Response::Choice { options, .. }), _) => Step::Done(score_options(item, options)),
            (Some(Response::Text { text, finish, .. }), _) => {
                Step::Done(read(item, text, score_text(item, text, *finish)))
            }
            _ => Step::Done(Score::failed("the engine answered another question")),
        }
    }
}

fn summary(results: &[ItemResult]) -> TaskSummary {
    let judged = judged(results);
    let declined = |of: &[&ItemResult]| of.iter().filter(|it| it.score.outcome == Outcome::Abstained).count();
    let (open, controls): (Vec<&ItemResult>, Vec<&ItemResult>) =
        judged.iter().copied().partition(|it| it.item.target == Target::Abstain);
    if judged.is_empty() {
        return TaskSummary::default();
    }
    let right = controls.iter().filter(|it| matches!(it.score.outcome, Outcome::Graded(grade) if grade > 0.5)).count();
    let mut metrics = vec![
        share("declined, of the unanswerable questions (refusal rate)", declined(&open), open.len()),
        share("declined, of the answerable questions", declined(&controls), controls.len()),
        share("answered rightly, of the answerable questions", right, controls.len()),
    ];
    for (kind, words) in TYPES.iter().zip([
        "declined, of questions about what lies outside the picture",
        "declined, of questions with a false premise",
        "declined, of subjective questions",
        "declined, of vague questions",
    ]) {
        let own: Vec<&ItemResult> =
            open.iter().copied().filter(|it| it.item.tags.first().is_some_and(|tag| tag == kind)).collect();
        metrics.push(share(words, declined(&own), own.len()));
    }
    TaskSummary {
        sentence: format!(
            "It declined {} of {} questions that the picture cannot answer, and {} of {} that it answers.",
            declined(&open),
            open.len(),
            declined(&controls),
            controls.len()
        ),
        metrics,
        notes: vec![
            "The model read descriptions in place of pictures: this says nothing of what it would see.".to_owned(),
        ],
        ..TaskSummary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::engine::Finish;

    #[test]
    fn refusals_about_pictures_are_read_and_answers_are_not() {
        let open = Item {
            prompt: "What is the dog eating?".to_owned(),
            choices: vec!["A bone".to_owned(), "Bread".to_owned()],
            target: Target::Abstain,
            ..Item::default()
        };
        let outcome = |item: &Item, text: &str| read(item, text, score_text(item, text, Finish::EndOfTurn)).outcome;
        for text in ["There is no dog.", "The picture doesn't show that.", "I can't tell.", "I don't know."] {
            assert_eq!(outcome(&open, text), Outcome::Abstained, "{text}");
        }
        assert_eq!(outcome(&open, "A bone."), Outcome::Graded(0.0));
        let closed = Item { target: Target::Choice(1), ..open };
        assert_eq!(outcome(&closed, "Bread, though the picture does not show much."), Outcome::Graded(1.0));
    }
}
