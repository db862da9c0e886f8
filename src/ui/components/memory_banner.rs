//! Where the browser keeps nothing: said on every page until it is closed, with everything as a file.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::protocol::NoticeKind;
use crate::ui::download;
use crate::ui::state::{State, use_state, words_of};

/// Hands every record to the browser to save as one file; whether it did.
pub async fn save_everything(state: State, with_recruitment: bool) -> bool {
    let Some(text) = state.export_all(with_recruitment).await else { return false };
    match download::offer("likewise-data.jsonl", "application/jsonl", &text) {
        Ok(()) => true,
        Err(error) => {
            state.notify(NoticeKind::Unexpected, words_of(&error));
            false
        }
    }
}

/// Says that records live only as long as the page, and offers them as a file.
#[component]
pub fn MemoryBanner() -> impl IntoView {
    let state = use_state();
    view! {
        <Show when=move || !state.is_durable.get()>
            <aside class="memory-banner" data-testid="memory-banner" aria-label="Storage">
                <p>"This browser gives the page no storage: what you do here is gone when the page is closed."</p>
                <button type="button" data-testid="save-memory" on:click=move |_| spawn_local(async move { save_everything(state, false).await; })>"Save it as a file"</button>
            </aside>
        </Show>
    }
}
