//! Components take values and callbacks and own no app state.

pub mod camera_reader;
pub mod counts;
pub mod dialog;
pub mod field;
pub mod item_view;
pub mod memory_banner;
pub mod model_participant;
pub mod notice_list;
pub mod preflight;
pub mod progress_bar;
pub mod qr_sequence;
pub mod score_badge;
pub mod settings_fields;
pub mod stimulus_view;
pub mod trial_anchored_triplet;
pub mod trial_answer_rating;
pub mod trial_arrangement;
pub mod trial_free_label;
pub mod trial_label;
pub mod trial_pair_rating;
pub mod trial_preference;
pub mod trial_question;
pub mod trial_triplet;
