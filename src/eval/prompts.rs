//! How tasks put a conversation to a model: one place for the system message, the sampling of a run and the form for
//! base models.

use super::engine::{Message, OptionScore, Prompt, Request, Response, Role};
use super::run::{PromptFormat, Settings};

/// Worked examples before a base model's question. One of them declines, so that declining is a known move.
pub const FEW_SHOT: &[(&str, &str)] = &[
    ("How many wheels does a bicycle have?", "Two"),
    ("What did my neighbor dream about last night?", "I don't know"),
    ("Which animal barks?", "A dog"),
];

/// One turn of a conversation.
pub fn turn(role: Role, content: impl Into<String>) -> Message {
    Message { role, content: content.into() }
}

/// A conversation of one question.
pub fn question(text: impl Into<String>) -> Vec<Message> {
    vec![turn(Role::User, text)]
}

/// A conversation as `Question:` and `Answer:` lines after [`FEW_SHOT`], ready for the answer. A last turn of the
/// assistant is left open, so that the model goes on with it.
fn few_shot(system: &str, messages: &[Message]) -> String {
    let mut text = String::new();
    if !system.is_empty() {
        text.push_str(system);
        text.push_str("\n\n");
    }
    for (question, answer) in FEW_SHOT {
        text.push_str("Question: ");
        text.push_str(question);
        text.push_str("\nAnswer: ");
        text.push_str(answer);
        text.push_str("\n\n");
    }
    let mut ended = true;
    for (index, message) in messages.iter().enumerate() {
        let last = index + 1 == messages.len();
        match message.role {
            Role::System => {
                text.push_str(&message.content);
                text.push_str("\n\n");
            }
            Role::User => {
                text.push_str("Question: ");
                text.push_str(&message.content);
                text.push('\n');
                ended = true;
            }
            Role::Assistant => {
                text.push_str("Answer: ");
                text.push_str(&message.content);
                if !last {
                    text.push_str("\n\n");
                }
                ended = false;
            }
        }
    }
    if ended {
        text.push_str("Answer:");
    }
    text
}

/// The prompt for a conversation under a run's settings: its system message first, then the turns.
pub fn prompt(settings: &Settings, messages: Vec<Message>) -> Prompt {
    match settings.format {
        PromptFormat::FewShot => Prompt::Text(few_shot(&settings.system, &messages)),
        PromptFormat::Chat if settings.system.is_empty() => Prompt::Chat(messages),
        PromptFormat::Chat => {
            let mut all = vec![turn(Role::System, settings.system.clone())];
            all.extend(messages);
            Prompt::Chat(all)
        }
    }
}

/// An option as it continues the prompt: after `Answer:` a word begins with a space, after a chat template it does
/// not.
pub fn continuation(settings: &Settings, text: &str) -> String {
    match settings.format {
        PromptFormat::Chat => text.to_owned(),
        PromptFormat::FewShot => format!(" {text}"),
    }
}

/// Asks how likely each option is as the next turn.
pub fn choose<S: AsRef<str>>(settings: &Settings, messages: Vec<Message>, options: &[S]) -> Request {
    Request::Choose {
        prompt: prompt(settings, messages),
        options: options.iter().map(|option| continuation(settings, option.as_ref())).collect(),
    }
}

/// Asks for a written answer with the run's sampling and seed.
pub fn generate(settings: &Settings, messages: Vec<Message>) -> Request {
    generate_with(settings, messages, settings.seed)
}

/// Asks for a written answer with the run's sampling and another seed.
pub fn generate_with(settings: &Settings, messages: Vec<Message>, seed: u64) -> Request {
    let stop = match settings.format {
        PromptFormat::Chat => Vec::new(),
        PromptFormat::FewShot => vec!["\nQuestion:".to_owned(), "\n\n".to_owned()],
    };
    Request::Generate {
        prompt: prompt(settings, messages),
        sampling: settings.sampling,
        seed,
        limit: settings.limit,
        stop,
        allowed: Vec::new(),
        n_top: 0,
    }
}

/// The option scores of a response, if it is one to `Choose` with `n` options.
pub fn options_of(response: Option<&Response>, n: usize) -> Option<&[OptionScore]> {
    match response {
        Some(Response::Choice { options, .. }) if options.len() == n => Some(options),
        _ => None,
    }
}

/// The written text of a response, if it is one to `Generate`.
pub fn text_of(response: Option<&Response>) -> Option<&str> {
    match response {
        Some(Response::Text { text, .. }) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_model_sees_examples_and_an_open_answer() {
        let settings =
            Settings { format: PromptFormat::FewShot, system: "Be brief.".to_owned(), ..Settings::default() };
        let Request::Choose { prompt: Prompt::Text(text), options } =
            choose(&settings, question("Is ice cold?"), &["Yes", "No"])
        else {
            panic!()
        };
        assert!(text.starts_with("Be brief.\n\nQuestion: How many wheels"), "{text}");
        assert!(text.ends_with("Question: Is ice cold?\nAnswer:"), "{text}");
        assert_eq!(options, [" Yes", " No"]);
        let begun = [turn(Role::User, "Is ice cold?"), turn(Role::Assistant, "I am")].to_vec();
        let Prompt::Text(text) = prompt(&settings, begun) else { panic!() };
        assert!(text.ends_with("Question: Is ice cold?\nAnswer: I am"), "{text}");
    }
}
