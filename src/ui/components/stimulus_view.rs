//! A word, a text or a picture that is judged.

use leptos::prelude::*;

use crate::study::study::Stimulus;
use crate::ui::state::use_state;

/// A stimulus; a picture is described by its text.
#[component]
pub fn StimulusView(
    /// What is shown.
    stimulus: Stimulus,
    /// Called when a picture is there, or could not be loaded (`false`).
    #[prop(optional)]
    on_picture: Option<Callback<bool>>,
) -> impl IntoView {
    match stimulus.image {
        None => view! { <span class="trial-word">{stimulus.text}</span> }.into_any(),
        Some(path) => {
            let tell = move |there: bool| {
                if let Some(on_picture) = on_picture {
                    on_picture.run(there);
                }
            };
            // A study may carry its own pictures.
            let source = if path.starts_with("data:") { path } else { format!("{}{path}", use_state().site_root()) };
            view! { <img class="trial-picture" src=source alt=stimulus.text on:load=move |_| tell(true) on:error=move |_| tell(false) /> }.into_any()
        }
    }
}
