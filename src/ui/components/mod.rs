//! Components take values and callbacks and own no app state.

pub mod counts;
pub mod dialog;
pub mod field;
pub mod item_view;
pub mod notice_list;
pub mod progress_bar;
pub mod score_badge;
