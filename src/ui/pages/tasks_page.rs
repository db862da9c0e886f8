//! Benchmarks: what each asks.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::eval::task::TaskInfo;
use crate::eval::tasks::TASKS;
use crate::ui::{Heading, to};

/// The list of tasks that have items of their own.
#[component]
pub fn TasksPage() -> impl IntoView {
    let card = |info: &'static TaskInfo| {
        view! {
            <article class="panel" data-testid=format!("task-{}", info.id)>
                <h3>{info.title}</h3>
                <p>{info.question}</p>
                <p class="answer"><small>{info.citation} " (version " {info.version} ")"</small></p>
                <A href=to(&format!("/run?task={}", info.id)) attr:class="button primary" attr:data-testid=format!("choose-{}", info.id)>"Choose how to run it"</A>
            </article>
        }
    };
    let infos: Vec<&'static TaskInfo> =
        TASKS.iter().map(|entry| entry.info).filter(|info| !info.items_path.is_empty()).collect();
    let mut aspects: Vec<&'static str> = Vec::new();
    for info in &infos {
        if !aspects.contains(&info.aspect) {
            aspects.push(info.aspect);
        }
    }
    let sections = aspects.into_iter().map(|aspect| {
        let cards = infos.iter().filter(|info| info.aspect == aspect).map(|info| card(info)).collect_view();
        view! { <section class="stack"><h2>{aspect}</h2><div class="cards">{cards}</div></section> }
    });
    view! {
        <Heading text="Benchmarks" />
        <p>"A benchmark puts the same items to a model, one by one, and counts what it does with each. Right and wrong are not all: a model may also abstain."</p>
        <p><A href=to("/suite") attr:class="button primary" attr:data-testid="open-suite">"Run several at once"</A></p>
        {sections.collect_view()}
        <p>"Ratings of similarity, hidden states and odd-one-out choices are asked for on the "<A href=to("/similarity")>"similarity page"</A>", or beside your own in "<A href=to("/judge")>"the study"</A>"."</p>
    }
}
