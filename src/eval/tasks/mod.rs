//! The registry: one line per task.

pub mod burglar_deception;
pub mod calibration;
pub mod decoding_grid;
pub mod demonstration_format;
pub mod forced_prefix;
pub mod game_deception;
pub mod hidden_states;
pub mod honest_prompt;
pub mod known_unknowns;
pub mod knowns;
pub mod misconceptions;
pub mod model_shift;
pub mod multiple_choice;
pub mod odd_one_out;
pub mod open_form;
pub mod pair_rating;
pub mod persona_sycophancy;
pub mod preference_sycophancy;
pub mod pressure;
pub mod prompt_format;
pub mod self_knowledge;
pub mod study_participant;
pub mod token_shift;
pub mod unanswerable_pictures;
pub mod visalign;

use super::task::TaskEntry;

/// Every task, in the order shown.
pub const TASKS: &[TaskEntry] = &[
    known_unknowns::ENTRY,
    self_knowledge::ENTRY,
    knowns::ENTRY,
    misconceptions::ENTRY,
    unanswerable_pictures::ENTRY,
    honest_prompt::ENTRY,
    pressure::ENTRY,
    persona_sycophancy::ENTRY,
    preference_sycophancy::ENTRY,
    burglar_deception::ENTRY,
    game_deception::ENTRY,
    prompt_format::ENTRY,
    multiple_choice::ENTRY,
    demonstration_format::ENTRY,
    open_form::ENTRY,
    calibration::ENTRY,
    decoding_grid::ENTRY,
    forced_prefix::ENTRY,
    token_shift::ENTRY,
    model_shift::ENTRY,
    pair_rating::ENTRY,
    odd_one_out::ENTRY,
    hidden_states::ENTRY,
    study_participant::ENTRY,
];

/// Tasks about pictures, which engines of text cannot do.
pub const PICTURE_TASKS: &[TaskEntry] = &[visalign::ENTRY];

/// The task of this id.
pub fn find(id: &str) -> Option<&'static TaskEntry> {
    TASKS.iter().chain(PICTURE_TASKS).find(|entry| entry.info.id == id)
}
