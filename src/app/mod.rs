//! What the app knows: plain values that change only by [`protocol events`](crate::protocol::Event) and by what
//! a person does. No Leptos, no DOM, no clock of its own.

pub mod building;
pub mod chat;
pub mod judging;
pub mod models;
pub mod notices;
pub mod runs;
pub mod sight;

use crate::protocol::{CommandId, Event};

/// Which part of the app an event changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// [`models::Models`].
    Models,
    /// [`chat::Chat`].
    Chat,
    /// [`runs::Runs`].
    Runs,
    /// None, or all: the worker itself.
    Worker,
}

/// The part of the app that an event changes. A failure belongs to whoever waits for its command.
pub fn slice_of(event: &Event, models: &models::Models, chat: &chat::Chat, runs: &runs::Runs) -> Slice {
    let owner = |id: CommandId| {
        if models.command() == Some(id) {
            Slice::Models
        } else if chat.command == Some(id) {
            Slice::Chat
        } else if runs.command() == Some(id) {
            Slice::Runs
        } else {
            Slice::Worker
        }
    };
    match event {
        Event::Ready { .. } | Event::Checked { .. } | Event::Notice { .. } => Slice::Worker,
        Event::LoadProgress { .. }
        | Event::ModelReady { .. }
        | Event::Unloaded { .. }
        | Event::Looked { .. }
        | Event::SetOpened { .. }
        | Event::Measuring { .. }
        | Event::Measured { .. } => Slice::Models,
        Event::Token { .. } | Event::ChatDone { .. } => Slice::Chat,
        Event::RunStarted { .. } | Event::ItemDone { .. } | Event::RunEnded { .. } => Slice::Runs,
        Event::Prefill { id, .. } | Event::Failed { id, .. } => owner(*id),
    }
}

/// Bytes as people read them, in decimal units (`98.4 MB`).
pub fn bytes_in_words(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A span of seconds as people read it (`2 min 5 s`).
pub fn seconds_in_words(seconds: f64) -> String {
    let whole = seconds.max(0.0).ceil() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NoticeKind;

    #[test]
    fn sizes_and_spans_read_well() {
        assert_eq!(bytes_in_words(999), "999 B");
        assert_eq!(bytes_in_words(98_362_432), "98.4 MB");
        assert_eq!(bytes_in_words(2_500_000_000), "2.50 GB");
        assert_eq!(seconds_in_words(0.2), "1 s");
        assert_eq!(seconds_in_words(125.0), "2 min 5 s");
        assert_eq!(seconds_in_words(3_720.0), "1 h 2 min");
    }

    #[test]
    fn a_failure_goes_to_whoever_waits_for_it() {
        let models = models::Models::default();
        let runs = runs::Runs::default();
        let mut chat = chat::Chat::default();
        chat.ask(7, "hello".into());
        let failed = |id| Event::Failed { id, notice: NoticeKind::ContextFull, detail: String::new() };
        assert_eq!(slice_of(&failed(7), &models, &chat, &runs), Slice::Chat);
        assert_eq!(slice_of(&failed(8), &models, &chat, &runs), Slice::Worker);
    }
}
