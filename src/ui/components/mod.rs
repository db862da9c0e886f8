//! Components take values and callbacks and own no app state.

pub mod dialog;
pub mod field;
pub mod notice_list;
pub mod progress_bar;
pub mod score_badge;
