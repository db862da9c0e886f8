//! Benchmarks: what each asks.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::eval::tasks::TASKS;
use crate::ui::{Heading, to};

/// The list of tasks that have items of their own.
#[component]
pub fn TasksPage() -> impl IntoView {
    let cards = TASKS.iter().filter(|entry| !entry.info.items_path.is_empty()).map(|entry| {
        let info = entry.info;
        view! {
            <article class="panel" data-testid=format!("task-{}", info.id)>
                <h2>{info.title}</h2>
                <p>{info.question}</p>
                <p class="answer"><small>{info.citation} " (version " {info.version} ")"</small></p>
                <A href=to(&format!("/run?task={}", info.id)) attr:class="button primary" attr:data-testid=format!("choose-{}", info.id)>"Choose how to run it"</A>
            </article>
        }
    });
    view! {
        <Heading text="Benchmarks" />
        <p>"A benchmark puts the same items to a model, one by one, and counts what it does with each. Right and wrong are not all: a model may also abstain."</p>
        {cards.collect_view()}
        <p>"Similarity ratings by a model are run from "<A href=to("/judge")>"the study"</A>", beside your own."</p>
    }
}
