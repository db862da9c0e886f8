//! Notices with their words and a button that dismisses them.

use leptos::prelude::*;

use crate::app::notices::words;
use crate::ui::state::use_state;

/// What went wrong and has not been dismissed.
#[component]
pub fn NoticeList() -> impl IntoView {
    let state = use_state();
    view! {
        <div class="notice-list" role="alert" data-testid="notices">
            <For each=move || state.notices.get().list key=|notice| notice.number let:notice>
                {
                    let said = words(notice.kind);
                    let number = notice.number;
                    let detail = (!notice.detail.is_empty()).then(|| view! {
                        <details><summary>"Details"</summary><p class="mono">{notice.detail.clone()}</p></details>
                    });
                    view! {
                        <section class="notice" data-testid=format!("notice-{}", said.id)>
                            <h2>{said.title}</h2>
                            <p>{said.what} " " {said.action}</p>
                            <p>{said.safe}</p>
                            {detail}
                            <button type="button" data-testid="notice-dismiss" on:click=move |_| state.notices.update(|notices| notices.dismiss(number))>
                                "Dismiss"
                            </button>
                        </section>
                    }
                }
            </For>
        </div>
    }
}
