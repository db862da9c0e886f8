//! What is known about pictures: the loaded classifier, the picture that was looked at last, a run over a set.

use super::models::Models;
use super::runs::Runs;
use crate::eval::engine::Response;
use crate::eval::picture_set::PictureSet;
use crate::eval::sight::View;
use crate::protocol::{CommandId, Event};

/// A picture that the model looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The picture and what was done to it.
    pub view: View,
    /// What the model said.
    pub response: Response,
    /// The picture as the model saw it, as a data address.
    pub picture: String,
}

/// The part of the app that belongs to the picture worker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sight {
    /// The classifier.
    pub models: Models,
    /// A run over a set of pictures.
    pub runs: Runs,
    /// Why the last model could not be loaded.
    pub load_refused: Option<String>,
    /// The look that is going on.
    looking: Option<(CommandId, View)>,
    /// The last finished one.
    pub seen: Option<Seen>,
    /// The set that is being opened.
    opening: Option<CommandId>,
    /// Why the last set could not be opened.
    pub set_refused: Option<String>,
    /// The set that was opened last; its pictures are in the worker.
    pub set: Option<PictureSet>,
}

/// Which of the chosen files are a CLIP-style model's weights, tokenizer and configuration, in this order; or what is
/// missing, in one sentence.
///
/// # Errors
/// The sentence.
pub fn clip_files(names: &[String]) -> Result<[usize; 3], String> {
    let one = |fits: &dyn Fn(&str) -> bool, what: &str| {
        let found: Vec<usize> = (0..names.len()).filter(|at| fits(&names[*at])).collect();
        match found.as_slice() {
            [at] => Ok(*at),
            [] => Err(format!(
                "{what} is not among the chosen files: choose model.safetensors, tokenizer.json and config.json together."
            )),
            more => Err(format!("{} files could be {what}: choose one.", more.len())),
        }
    };
    Ok([
        one(&|name| name.ends_with(".safetensors"), "The file of weights (.safetensors)")?,
        one(&|name| name.ends_with("tokenizer.json"), "tokenizer.json")?,
        one(&|name| name.ends_with("config.json") && !name.ends_with("tokenizer_config.json"), "config.json")?,
    ])
}

impl Sight {
    /// Whether a look is going on.
    pub fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// Notes that a look was asked for.
    pub fn look(&mut self, id: CommandId, view: View) {
        self.looking = Some((id, view));
    }

    /// Whether a set is being opened.
    pub fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Whether this command opens a set: the page says itself what was wrong with it.
    pub fn opens_set(&self, id: CommandId) -> bool {
        self.opening == Some(id)
    }

    /// Notes that a set was asked for.
    pub fn open_set(&mut self, id: CommandId) {
        self.opening = Some(id);
    }

    /// Takes in an event; `now` in milliseconds. Records were stored before.
    pub fn apply(&mut self, event: &Event, now: f64) {
        match event {
            Event::Looked { id, response, picture } => {
                if let Some((_, view)) = self.looking.take_if(|(looking, _)| looking == id) {
                    self.seen = Some(Seen { view, response: response.clone(), picture: picture.clone() });
                }
            }
            Event::SetOpened { id, set } if self.opening == Some(*id) => {
                self.opening = None;
                self.set_refused = None;
                self.set = Some(PictureSet::clone(set));
            }
            Event::Failed { id, detail, .. } if self.opening == Some(*id) => {
                self.opening = None;
                self.set_refused = Some(detail.clone());
            }
            Event::Failed { id, .. } if self.looking.as_ref().is_some_and(|(looking, _)| looking == id) => {
                self.looking = None;
            }
            _ => {
                match event {
                    Event::Failed { id, detail, .. } if self.models.command() == Some(*id) => {
                        self.load_refused = Some(detail.clone());
                    }
                    Event::LoadProgress { .. } | Event::ModelReady { .. } => self.load_refused = None,
                    _ => {}
                }
                self.models.apply(event, now);
                self.runs.apply(event);
            }
        }
    }

    /// The worker is gone, and the model with it; what was seen stays.
    pub fn worker_stopped(&mut self) {
        self.models.worker_stopped();
        self.looking = None;
        self.opening = None;
        self.set = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::sight::Operation;
    use crate::protocol::NoticeKind;

    fn view(severity: u8) -> View {
        View { source: "a.jpg".into(), operation: Operation::Fog, severity, seed: 1, crops: false }
    }

    fn looked(id: CommandId) -> Event {
        let response = Response::Classified {
            labels: crate::eval::sight::Labels::ImageNet,
            top: Vec::new(),
            logits: vec![0.0; 11],
            log_sum_exp: 1.0,
            features: Vec::new(),
            crops: Vec::new(),
            millis: 1.0,
        };
        Event::Looked { id, response, picture: "data:".into() }
    }

    #[test]
    fn an_answer_belongs_to_the_look_that_was_asked() {
        let mut sight = Sight::default();
        sight.look(4, view(3));
        sight.apply(&looked(3), 0.0);
        assert!(sight.seen.is_none() && sight.is_looking());
        sight.apply(&looked(4), 0.0);
        assert_eq!(sight.seen.as_ref().map(|seen| seen.view.severity), Some(3));
        assert!(!sight.is_looking());
    }

    #[test]
    fn the_three_files_are_told_apart_by_their_names() {
        let names = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
        let folder = names(&["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"]);
        assert_eq!(clip_files(&folder), Ok([3, 2, 0]));
        let missing = clip_files(&names(&["model.safetensors", "config.json"])).unwrap_err();
        assert!(missing.starts_with("tokenizer.json is not among"), "{missing}");
        let two = clip_files(&names(&["a.safetensors", "b.safetensors", "config.json", "tokenizer.json"])).unwrap_err();
        assert!(two.starts_with("2 files could be"), "{two}");
    }

    #[test]
    fn a_failed_look_is_over_and_what_was_seen_stays() {
        let mut sight = Sight::default();
        sight.look(1, view(0));
        sight.apply(&looked(1), 0.0);
        sight.look(2, view(1));
        sight.apply(&Event::Failed { id: 2, notice: NoticeKind::BadPicture, detail: String::new() }, 0.0);
        assert!(!sight.is_looking());
        assert_eq!(sight.seen.map(|seen| seen.view.severity), Some(0));
    }
}
