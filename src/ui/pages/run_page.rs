//! Choose how to run a task, watch its items, stop it and go on with it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;

use super::models_page::NeedsModel;
use crate::eval::run::{ItemResult, Method, Run, RunStatus, Settings};
use crate::eval::tasks;
use crate::protocol::NoticeKind;
use crate::store::Collection;
use crate::ui::components::counts::Counts;
use crate::ui::components::field::NumberField;
use crate::ui::components::item_view::ItemView;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::state::{State, use_state};
use crate::ui::{Heading, to};

/// Goes on with a stored run, or does nothing where the loaded model is another one.
pub(crate) fn resume(state: State, run: Run) {
    spawn_local(async move {
        let results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&run.id)).await;
        let Some(entry) = tasks::find(&run.task_id) else { return };
        if entry.info.items_path.is_empty() {
            return;
        }
        match state.fetch_text(entry.info.items_path).await {
            Ok(items) => state.run(run.task_id.clone(), run.settings.clone(), items, Some((run, results))),
            Err(detail) => state.notify(NoticeKind::BadItems, detail),
        }
    });
}

/// Whether the loaded model is the one that began a run.
pub(crate) fn same_model(state: State, run: &Run) -> bool {
    state.models.get().loaded.is_some_and(|loaded| {
        loaded.info.model_id == run.engine.model_id && loaded.info.weights_sha256 == run.engine.weights_sha256
    })
}

/// A status in words.
pub(crate) fn status_in_words(status: &RunStatus, going_on: bool) -> String {
    match status {
        RunStatus::Running if going_on => "running".to_owned(),
        RunStatus::Running => "interrupted; can be resumed".to_owned(),
        RunStatus::Complete => "complete".to_owned(),
        RunStatus::Cancelled => "stopped by you; can be resumed".to_owned(),
        RunStatus::Failed { detail } => format!("stopped by an error ({detail}); can be resumed"),
    }
}

/// Runs a task.
#[component]
pub fn RunPage() -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let task = Memo::new(move |_| query.get().get("task").unwrap_or_else(|| "known_unknowns".to_owned()));
    let method = RwSignal::new(Method::Choose);
    let n_items = RwSignal::new(10_u64);
    let seed = RwSignal::new(1_u64);
    let busy = move || state.runs.with(|runs| runs.command().is_some());
    let ready = move || state.models.get().loaded.is_some();
    let start = move |()| {
        let Some(entry) = tasks::find(&task.get_untracked()) else { return };
        let settings = Settings {
            method: method.get_untracked(),
            seed: seed.get_untracked(),
            n_items: Some(n_items.get_untracked() as usize),
            ..Settings::default()
        };
        spawn_local(async move {
            match state.fetch_text(entry.info.items_path).await {
                Ok(items) => state.run(entry.info.id.to_owned(), settings, items, None),
                Err(detail) => state.notify(NoticeKind::BadItems, detail),
            }
        });
    };
    let progress = Signal::derive(move || {
        state
            .runs
            .with(|runs| runs.active.as_ref().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)))
    });
    let label = Signal::derive(move || {
        state.runs.with(|runs| match &runs.active {
            Some(active) => status_in_words(&active.run.status, runs.command().is_some()),
            None => "starting".to_owned(),
        })
    });
    let words = Signal::derive(move || format!("{} of {} items", progress.get().0, progress.get().1));
    let results = Memo::new(move |_| {
        state.runs.with(|runs| runs.active.as_ref().map(|active| active.results.clone()).unwrap_or_default())
    });
    let ended = move || {
        state
            .runs
            .with(|runs| runs.active.as_ref().filter(|_| runs.command().is_none()).map(|active| active.run.clone()))
    };
    view! {
        {move || match tasks::find(&task.get()) {
            Some(entry) => view! { <Heading text=entry.info.title /> <p>{entry.info.question}</p> }.into_any(),
            None => view! { <Heading text="There is no such benchmark" /> }.into_any(),
        }}
        <NeedsModel what="a benchmark" />
        <form class="panel stack" on:submit=move |event| { event.prevent_default(); start(()); }>
            <div class="form-grid">
                <div class="field">
                    <label for="method">"How the question is put"</label>
                    <select id="method" data-testid="method" on:change=move |event| {
                        method.set(if event_target_value(&event) == "generate" { Method::Generate } else { Method::Choose });
                    }>
                        <option value="choose">"Which option is most likely"</option>
                        <option value="generate">"Let it write an answer"</option>
                    </select>
                    <span class="hint">"Writing takes longer and may be unreadable."</span>
                </div>
                <NumberField id="n-items" label="Items" hint="The first so many of the file." range=(1, 1000) value=n_items />
                <NumberField id="run-seed" label="Seed" hint="Repeats the run exactly." range=(0, u64::MAX >> 11) value=seed />
            </div>
            <div class="row">
                <button type="submit" class="primary" data-testid="run-start" disabled=move || busy() || !ready()>"Start"</button>
                <button type="button" data-testid="run-cancel" disabled=move || !busy() on:click=move |_| state.cancel_run()>"Stop"</button>
            </div>
        </form>
        <Show when=move || progress.get().1 != 0.0 || busy()>
            <section class="stack" data-testid="run">
                <ProgressBar label=label progress=progress words=words />
                {move || view! { <Counts results=results.get() /> }}
                {move || ended().map(|run| {
                    let open = to(&format!("/results?run={}", run.id));
                    let resumable = run.status != RunStatus::Complete;
                    view! {
                        <div class="row">
                            <A href=open attr:class="button" attr:data-testid="open-result">"Open as a result"</A>
                            {resumable.then(|| view! { <button type="button" data-testid="run-resume" on:click=move |_| resume(state, run.clone())>"Resume"</button> })}
                        </div>
                    }
                })}
                <ol class="item-list" data-testid="items">
                    <For each=move || results.get() key=|result| (result.run_id.clone(), result.item.id.clone()) let:result>
                        <ItemView result=result />
                    </For>
                </ol>
            </section>
        </Show>
    }
}
