//! Pages compose components and call [`super::state::State`].

pub mod about_page;
pub mod build_conduct;
pub mod build_page;
pub mod chat_page;
pub mod class_page;
pub mod data_page;
pub mod home_page;
pub mod judge_end;
pub mod judge_page;
pub mod judge_start;
pub mod lesson_page;
pub mod models_page;
pub mod results_page;
pub mod run_page;
pub mod sight_answers;
pub mod sight_clip;
pub mod sight_page;
pub mod sight_set;
pub mod similarity_page;
pub mod similarity_view;
pub mod suite_beside;
pub mod suite_page;
pub mod tasks_page;
