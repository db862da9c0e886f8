//! The conversation: turns, the tokens of each answer, and words with their probabilities.

use crate::eval::engine::{Finish, Message, Prompt, Response, Role, TokenStep};
use crate::protocol::{CommandId, Event, NoticeKind};

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// Its tokens, for a model's turn.
    pub steps: Vec<TokenStep>,
    /// Why it ended; `None` while it goes on.
    pub finish: Option<Finish>,
    /// Wall time of the answer in milliseconds.
    pub millis: Option<f64>,
}

/// The conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chat {
    /// Turns, oldest first.
    pub turns: Vec<Turn>,
    /// The command that is being answered.
    pub command: Option<CommandId>,
    /// Prompt tokens read, and to read, before the first token.
    pub prefill: Option<(u32, u32)>,
}

/// Neighboring tokens that read as one word, with the blank before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Index of its first token in the turn.
    pub start: usize,
    /// Its tokens.
    pub steps: Vec<TokenStep>,
}

impl Word {
    /// Its text.
    pub fn text(&self) -> String {
        self.steps.iter().map(|step| step.text.as_str()).collect()
    }
    /// Probability of the whole word given everything before it.
    pub fn probability(&self) -> f64 {
        libm::exp(self.steps.iter().map(|step| step.logprob).sum())
    }
    /// Five classes of probability, 0 for the most probable: from 90, 50, 20 and 5 percent on.
    pub fn class(&self) -> u8 {
        match self.probability() {
            p if p >= 0.9 => 0,
            p if p >= 0.5 => 1,
            p if p >= 0.2 => 2,
            p if p >= 0.05 => 3,
            _ => 4,
        }
    }
}

/// Groups tokens into words: one that begins with a blank begins a word, one without text (half a character)
/// belongs to the next.
pub fn words(steps: &[TokenStep]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match words.last_mut() {
            Some(word) if !step.text.starts_with(char::is_whitespace) => word.steps.push(step.clone()),
            _ => words.push(Word { start: index, steps: vec![step.clone()] }),
        }
    }
    words
}

impl Chat {
    /// Adds the person's turn and an empty answer to it.
    pub fn ask(&mut self, id: CommandId, text: String) {
        let turn = |role, text, finish| Turn { role, text, steps: Vec::new(), finish, millis: None };
        self.turns.push(turn(Role::User, text, Some(Finish::EndOfTurn)));
        self.turns.push(turn(Role::Assistant, String::new(), None));
        self.command = Some(id);
        self.prefill = None;
    }

    /// The conversation with one more turn of the person, as the model reads it; an empty answer is left out. A model
    /// that only `continues` reads one text: what it added stands right after what it went on with, and the person goes on
    /// in a new line.
    pub fn prompt(&self, text: String, continues: bool) -> Prompt {
        let said = self.turns.iter().filter(|turn| !turn.text.is_empty());
        if continues {
            let mut all = String::new();
            for turn in said {
                if turn.role == Role::User && !all.is_empty() {
                    all.push('\n');
                }
                all.push_str(&turn.text);
            }
            if !all.is_empty() {
                all.push('\n');
            }
            return Prompt::Text(all + &text);
        }
        let asked = Message { role: Role::User, content: text };
        Prompt::Chat(said.map(|turn| Message { role: turn.role, content: turn.text.clone() }).chain([asked]).collect())
    }

    /// Takes in an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Prefill { id, done, total } if self.command == Some(*id) => self.prefill = Some((*done, *total)),
            Event::Token { id, step } if self.command == Some(*id) => {
                self.prefill = None;
                if let Some(turn) = self.turns.last_mut() {
                    turn.text.push_str(&step.text);
                    turn.steps.push(step.clone());
                }
            }
            Event::ChatDone { id, response } if self.command == Some(*id) => {
                if let (Some(turn), Response::Text { text, tokens, finish, millis, .. }) =
                    (self.turns.last_mut(), response)
                {
                    turn.text.clone_from(text);
                    turn.steps.clone_from(tokens);
                    turn.finish = Some(*finish);
                    turn.millis = Some(*millis);
                }
                self.end(Finish::EndOfTurn);
            }
            Event::Failed { id, notice, .. } if self.command == Some(*id) => self.end(match notice {
                NoticeKind::Cancelled => Finish::Cancelled,
                _ => Finish::Interrupted,
            }),
            _ => {}
        }
    }

    /// Ends the answer where it is, if one is being given.
    pub fn end(&mut self, finish: Finish) {
        self.command = None;
        self.prefill = None;
        if let Some(turn) = self.turns.last_mut()
            && turn.finish.is_none()
        {
            turn.finish = Some(finish);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str, probability: f64) -> TokenStep {
        TokenStep { id: 0, text: text.into(), logprob: libm::log(probability), top: Vec::new() }
    }

    #[test]
    fn words_join_tokens_and_multiply_probabilities() {
        let words = words(&[step("Par", 0.5), step("is", 0.5), step(" is", 0.95), step(" nice", 0.01), step(".", 1.0)]);
        let texts: Vec<_> = words.iter().map(Word::text).collect();
        assert_eq!(texts, ["Paris", " is", " nice."]);
        assert!((words[0].probability() - 0.25).abs() < 1e-12);
        assert_eq!(words.iter().map(Word::class).collect::<Vec<_>>(), [2, 0, 4]);
        assert_eq!(words.iter().map(|word| word.start).collect::<Vec<_>>(), [0, 2, 3]);
    }

    #[test]
    fn tokens_of_another_command_are_ignored() {
        let mut chat = Chat::default();
        chat.ask(1, "hi".into());
        chat.apply(&Event::Token { id: 2, step: step("no", 1.0) });
        chat.apply(&Event::Token { id: 1, step: step("yes", 1.0) });
        assert_eq!(chat.turns[1].text, "yes");
        let notice = NoticeKind::DeviceLost;
        chat.apply(&Event::Failed { id: 1, notice, detail: String::new() });
        assert_eq!((chat.turns[1].finish, chat.command), (Some(Finish::Interrupted), None));
        chat.end(Finish::Cancelled);
        assert_eq!(chat.turns[1].finish, Some(Finish::Interrupted), "it had ended before");
        let prompt = |continues| chat.prompt("And then?".into(), continues);
        assert!(
            matches!(prompt(false), Prompt::Chat(messages) if messages.len() == 3 && messages[2].content == "And then?")
        );
        assert_eq!(prompt(true), Prompt::Text("hiyes\nAnd then?".into()));
    }
}
