//! The first page: what this is, three doors, this device, and a finished run.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::protocol::NoticeKind;
use crate::report::demo::{Demo, demo_figure};
use crate::ui::charts::Chart;
use crate::ui::state::use_state;
use crate::ui::to;

/// The line about this device.
#[component]
pub fn DeviceLine() -> impl IntoView {
    let state = use_state();
    view! {
        <p class=move || format!("device-line {}", state.device.get().class()) data-testid="device-line" role="status">
            <span>{move || state.device.get().in_words()}</span>
        </p>
    }
}

/// The first page.
#[component]
pub fn HomePage() -> impl IntoView {
    let state = use_state();
    let figure = LocalResource::new(move || async move {
        // A site without a demonstration file simply shows none; a damaged one is reported.
        let text = state.fetch_text("demo/run.json").await.ok()?;
        match Demo::from_json(&text) {
            Ok(demo) => Some(demo_figure(&demo)),
            Err(error) => {
                state.notify(NoticeKind::Unexpected, error.to_string());
                None
            }
        }
    });
    document().set_title("Likewise: small models and people, side by side");
    view! {
        <section class="hero">
            <h1 tabindex="-1">"Ask a small model. Ask yourself. Compare."</h1>
            <p class="lede">
                "Likewise runs a small language model on your own device, puts questions to it, and lets you judge the same things. Then it shows both side by side."
            </p>
        </section>
        <ul class="doors">
            <li><A href=to("/chat") attr:class="door" attr:data-testid="door-chat">
                <strong>"Talk to a model"</strong>
                <span>"See how sure it was of every word, and what else it might have said."</span>
            </A></li>
            <li><A href=to("/judge") attr:class="door people" attr:data-testid="door-judge">
                <strong>"Judge like a participant"</strong>
                <span>"Rate how alike everyday words are, then see where the model agrees with you. Needs no model to begin."</span>
            </A></li>
            <li><A href=to("/tasks") attr:class="door both" attr:data-testid="door-tasks">
                <strong>"Run a benchmark"</strong>
                <span>"Does the model know what it cannot know? Watch it answer, item by item."</span>
            </A></li>
        </ul>
        <DeviceLine />
        {move || figure.get().flatten().map(|figure| view! { <section data-testid="demo"><Chart figure=figure /></section> })}
    }
}
