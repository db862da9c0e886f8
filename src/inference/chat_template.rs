//! Chat templates: the file's own Jinja template turns a conversation into the text that the model was trained on.

use minijinja::{Environment, Error, ErrorKind, context};

use super::tokenizer::Tokenizer;
use crate::eval::engine::{Message, Role};
use crate::formats::FormatError;
use crate::formats::gguf::{Metadata, optional};

/// Instructions that one rendering may take; a template with a loop without end stops here.
const FUEL: u64 = 2_000_000;
/// Longest rendered text in bytes.
const MAX_RENDERED_BYTES: usize = 8 << 20;
/// ChatML, for files without a template.
const FALLBACK: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const NAME: &str = "chat";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
    is_fallback: bool,
}

fn failed(error: &Error) -> FormatError {
    // The whole chain: the outermost error often says no more than that a call failed.
    let mut detail = format!("chat template: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        detail = format!("{detail}: {inner}");
        source = inner.source();
    }
    FormatError::Tokenizer { detail }
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

impl ChatTemplate {
    /// Compiles `tokenizer.chat_template`, or ChatML if the file has none.
    ///
    /// # Errors
    /// [`FormatError::Tokenizer`] if the template cannot be compiled.
    pub fn from_gguf(metadata: &Metadata, tokenizer: &Tokenizer) -> Result<Self, FormatError> {
        let source = optional(metadata.str("tokenizer.chat_template"))?;
        let text = |id: Option<u32>| id.map(|id| tokenizer.token_text(id)).unwrap_or_default();
        Self::new(source, text(tokenizer.bos_id()), text(tokenizer.eos_id()))
    }

    fn new(source: Option<&str>, bos_token: String, eos_token: String) -> Result<Self, FormatError> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // As transformers sets them.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned(NAME, source.unwrap_or(FALLBACK).to_owned()).map_err(|error| failed(&error))?;
        Ok(Self { environment, bos_token, eos_token, is_fallback: source.is_none() })
    }

    /// Whether the file has no template and ChatML is used in its place.
    pub fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// The conversation as text, with the generation prompt appended.
    ///
    /// # Errors
    /// [`FormatError::Tokenizer`] if the template fails, raises an exception or does not end.
    pub fn render(&self, messages: &[Message]) -> Result<String, FormatError> {
        let messages: Vec<_> = messages
            .iter()
            .map(|message| {
                let role = match message.role {
                    Role::System => "system",
                    Role::User => "user",
                    Role::Assistant => "assistant",
                };
                context! { role, content => message.content }
            })
            .collect();
        let mut rendered = Capped(Vec::new());
        let template = self.environment.get_template(NAME).map_err(|error| failed(&error))?;
        let values = context! {
            messages,
            bos_token => self.bos_token,
            eos_token => self.eos_token,
            add_generation_prompt => true,
        };
        template.render_captured_to(values, &mut rendered).map_err(|error| failed(&error))?;
        String::from_utf8(rendered.0).map_err(|error| FormatError::Tokenizer { detail: error.to_string() })
    }

    /// The conversation as token ids. The template's control tokens are recognized, those in the messages are plain
    /// text: a character of the private-use area that no message has interrupts them until the template is rendered.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn encode(&self, messages: &[Message], tokenizer: &Tokenizer) -> Result<Vec<u32>, FormatError> {
        let guard = ('\u{E000}'..='\u{F8FF}')
            .find(|&c| messages.iter().all(|message| !message.content.contains(c)))
            .ok_or_else(|| FormatError::Tokenizer { detail: "the text uses every private character".to_owned() })?;
        let guarded: Vec<Message> = messages
            .iter()
            .map(|message| Message { role: message.role, content: tokenizer.guard_controls(&message.content, guard) })
            .collect();
        let mut ids = tokenizer.encode_protected(&self.render(&guarded)?, true, Some(guard))?;
        // Most templates write it themselves.
        if let Some(bos) = tokenizer.bos_id().filter(|&bos| tokenizer.add_bos() && ids.first() != Some(&bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }
}

/// Output that refuses to grow past [`MAX_RENDERED_BYTES`].
struct Capped(Vec<u8>);

impl std::io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(std::io::Error::other("the rendered text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(content: &str) -> Vec<Message> {
        vec![Message { role: Role::User, content: content.to_owned() }]
    }

    fn template(source: Option<&str>) -> Result<ChatTemplate, FormatError> {
        ChatTemplate::new(source, "<s>".to_owned(), "</s>".to_owned())
    }

    #[test]
    fn fallback_is_chatml() {
        let rendered = template(None).unwrap().render(&user("Hi")).unwrap();
        assert_eq!(rendered, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    }

    #[test]
    fn python_methods_tokens_and_blocks_work() {
        let source =
            "{{ bos_token }}\n{%- for m in messages %}\n  {{ m.content.strip().title() }}{{ eos_token }}\n{% endfor %}";
        assert_eq!(template(Some(source)).unwrap().render(&user(" hi ")).unwrap(), "<s>  Hi</s>\n");
    }

    #[test]
    fn failures_are_values() {
        assert!(template(Some("{% for %}")).is_err());
        let raised = template(Some("{{ raise_exception('no system role') }}")).unwrap().render(&user("Hi"));
        assert!(raised.unwrap_err().to_string().contains("no system role"));
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a %}{% endfor %}{% endfor %}";
        assert!(template(Some(endless)).unwrap().render(&user("Hi")).is_err());
        let long = "{% for a in range(99999) %}{{ messages[0].content }}{% endfor %}";
        assert!(template(Some(long)).unwrap().render(&user(&"x".repeat(1000))).is_err());
    }
}
