//! Pages compose components and call [`super::state::State`].

pub mod about_page;
pub mod chat_page;
pub mod home_page;
pub mod models_page;
