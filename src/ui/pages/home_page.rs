//! The first page: what this is, three doors, this device, and a finished run.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::protocol::NoticeKind;
use crate::report::demo::{DEMO_PATHS, Demo, demo_figure};
use crate::report::figure::Figure;
use crate::study::study::Study;
use crate::ui::charts::Chart;
use crate::ui::state::{State, use_state};
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

/// The figure of a demonstration file and of the study that it names.
async fn demo_of(state: State, text: &str) -> Result<Figure, String> {
    let demo = Demo::from_json(text).map_err(|error| error.to_string())?;
    let study = match &demo.simulation {
        Some(simulation) => {
            let text = state.fetch_text(&format!("studies/{}.json", simulation.study_id)).await?;
            Some(Study::from_json(&text).map_err(|error| error.to_string())?)
        }
        None => None,
    };
    demo_figure(&demo, study.as_ref()).map_err(|error| error.to_string())
}

/// The first page.
#[component]
pub fn HomePage() -> impl IntoView {
    let state = use_state();
    let figures = LocalResource::new(move || async move {
        let mut figures = Vec::new();
        for path in DEMO_PATHS {
            // A site without a demonstration file simply shows none; a damaged one is reported.
            let Ok(text) = state.fetch_text(path).await else { continue };
            match demo_of(state, &text).await {
                Ok(figure) => figures.push(figure),
                Err(error) => state.notify(NoticeKind::Unexpected, error),
            }
        }
        figures
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
        {move || figures.get().filter(|figures| !figures.is_empty()).map(|figures| view! {
            <section class="figures" data-testid="demo">{figures.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}</section>
        })}
    }
}
