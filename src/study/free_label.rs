//! Free naming: what is this, in one's own words, or "I can't tell". Names are compared without regard to case, blanks
//! around them and a closing period.

use super::StudyError;
use super::design::SimulatedParticipant;
use super::study::Gold;
use super::trial::{Answer, Trial};

/// Longest name that may be asked for.
pub const MAX_CHARS: u32 = 200;

pub(super) fn validate_design(max_chars: u32) -> Result<(), StudyError> {
    if (1..=MAX_CHARS).contains(&max_chars) {
        Ok(())
    } else {
        Err(StudyError::field("design.max_chars", format!("{max_chars} is not between 1 and {MAX_CHARS}")))
    }
}

pub(super) fn validate(text: Option<&str>, max_chars: u32) -> Result<(), String> {
    match text {
        Some(text) if text.trim().is_empty() => Err("the name is empty".to_owned()),
        Some(text) if text.chars().count() > max_chars as usize => {
            Err(format!("the name has more than {max_chars} characters"))
        }
        _ => Ok(()),
    }
}

/// The name as it is compared.
pub fn normalized(text: &str) -> String {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The gold label or, without one, the stimulus's own text; with probability `noise` another word or "I can't tell".
pub(super) fn simulate(
    uniform: &mut dyn FnMut() -> f64,
    participant: &SimulatedParticipant<'_>,
    trial: &Trial,
) -> Answer {
    let Some(stimulus) = trial.stimuli.first() else { return Answer::FreeLabel { text: None } };
    let text = if uniform() < participant.noise {
        // One of nine words that have nothing to do with it, or none.
        match (uniform() * 10.0) as u32 {
            0 => None,
            other => Some(format!("thing {other}")),
        }
    } else {
        match &stimulus.gold {
            Some(Gold::Label(label)) => Some(label.clone()),
            Some(Gold::Abstain) => None,
            None => Some(stimulus.text.clone()),
        }
    };
    Answer::FreeLabel { text }
}
