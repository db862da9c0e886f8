//! Bytes or items done, in a bar and in words.

use leptos::prelude::*;

/// A bar; without a total it shows only that something goes on.
#[component]
pub fn ProgressBar(
    /// What is in progress.
    #[prop(into)]
    label: Signal<String>,
    /// Done and total; a total of 0 is unknown.
    #[prop(into)]
    progress: Signal<(f64, f64)>,
    /// More words, such as the time left.
    #[prop(into)]
    words: Signal<String>,
) -> impl IntoView {
    let known = move || Some(progress.get()).filter(|(_, total)| *total > 0.0);
    view! {
        <div class="progress-bar" data-testid="progress">
            <progress
                aria-label=move || label.get()
                max=move || known().map(|(_, total)| total)
                value=move || known().map(|(done, _)| done)
            ></progress>
            <div class="progress-words">
                <span data-testid="progress-label" role="status">{move || label.get()}</span>
                <span data-testid="progress-words">{move || words.get()}</span>
            </div>
        </div>
    }
}
