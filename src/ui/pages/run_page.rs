//! Choose how to run a task, watch its items, stop it and go on with it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;
use wasm_bindgen::JsCast;

use super::models_page::NeedsModel;
use crate::eval::import::{MAX_BYTES, import_items, items_to_jsonl};
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::runner::sha256_hex;
use crate::eval::suite::{settings_from_query, settings_to_query, time_in_words};
use crate::eval::tasks;
use crate::protocol::NoticeKind;
use crate::store::Collection;
use crate::ui::components::counts::Counts;
use crate::ui::components::field::NumberField;
use crate::ui::components::item_view::ItemView;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::components::settings_fields::{MethodField, SettingsFields, SettingsForm};
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
            Ok(items) if sha256_hex(&items) != run.items_sha256 => {
                state.notify(NoticeKind::BadItems, "the run was begun on other items; start a new one".to_owned());
            }
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

/// Address (below the site's root) that opens the run page with a run's configuration.
pub(crate) fn address(run: &Run) -> String {
    format!("/run?task={}&{}", run.task_id, settings_to_query(&run.settings))
}

/// What is left to do, from this device's own speed on the items so far.
pub(crate) fn time_left(results: &[ItemResult], n_items: usize) -> Option<String> {
    let left = n_items.checked_sub(results.len()).filter(|left| *left > 0)?;
    let spent: f64 = results.iter().map(|result| result.millis).sum();
    let millis = spent / results.len().max(1) as f64 * left as f64;
    (!results.is_empty()).then(|| format!("about {} left", time_in_words(millis)))
}

/// Runs a task.
#[component]
pub fn RunPage() -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let task = Memo::new(move |_| query.get().get("task").unwrap_or_else(|| "known_unknowns".to_owned()));
    let n_items = RwSignal::new(10_u64);
    let form = SettingsForm::default();
    let own_items: RwSignal<Option<String>> = RwSignal::new(None);
    let said = RwSignal::new(String::new());
    Effect::new(move |_| {
        let query = query.get();
        let info = tasks::find(&task.get()).map(|entry| entry.info);
        let settings = settings_from_query(&|name| query.get(name));
        n_items.set(settings.n_items.map_or(1000, |n| n as u64));
        let method = info.map_or(settings.method, |info| info.method(settings.method));
        form.set(Settings { method, ..settings });
        // Another task needs other items.
        own_items.set(None);
        said.set(String::new());
    });
    let busy = move || state.runs.with(|runs| runs.command().is_some());
    let ready = move || state.models.get().loaded.is_some();
    let start = move |()| {
        let Some(entry) = tasks::find(&task.get_untracked()) else { return };
        let settings = Settings { n_items: Some(n_items.get_untracked() as usize), ..form.get_untracked() };
        if let Some(items) = own_items.get_untracked() {
            return state.run(entry.info.id.to_owned(), settings, items, None);
        }
        if entry.info.items_path.is_empty() {
            let detail = "this benchmark has no items of its own; begin it where its items come from";
            return state.notify(NoticeKind::BadItems, detail.to_owned());
        }
        spawn_local(async move {
            match state.fetch_text(entry.info.items_path).await {
                Ok(items) => state.run(entry.info.id.to_owned(), settings, items, None),
                Err(detail) => state.notify(NoticeKind::BadItems, detail),
            }
        });
    };
    let methods = move || tasks::find(&task.get()).map(|entry| entry.info.methods.to_vec()).unwrap_or_default();
    // The run of another task belongs to that task's page.
    let active = Memo::new(move |_| {
        let task = task.get();
        state.runs.with(|runs| runs.active.clone().filter(|it| it.run.task_id == task))
    });
    let going_on = move || state.runs.with(|runs| runs.command().is_some());
    let elsewhere = move || {
        let task = task.get();
        going_on() && state.runs.with(|runs| runs.active.as_ref().is_some_and(|it| it.run.task_id != task))
    };
    // Reads a person's file: our own items, or an original file of a benchmark.
    let pick_items = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) else { return };
        spawn_local(async move {
            if file.size() > MAX_BYTES as f64 {
                return state.notify(NoticeKind::BadItems, "the file is too big".to_owned());
            }
            let text = match gloo::file::futures::read_as_text(&file.into()).await {
                Ok(text) => text,
                Err(error) => return state.notify(NoticeKind::BadItems, error.to_string()),
            };
            match import_items(&text) {
                Ok(found) => {
                    let words = [
                        format!("{} items from {}.", found.items.len(), found.source),
                        if found.skipped > 0 { format!("{} rows fit no item.", found.skipped) } else { String::new() },
                        if found.license_note.is_empty() {
                            String::new()
                        } else {
                            format!("License: {}.", found.license_note)
                        },
                    ]
                    .join(" ");
                    match items_to_jsonl(&found.items) {
                        Ok(lines) => {
                            said.set(words);
                            own_items.set(Some(lines));
                        }
                        Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
                    }
                }
                Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
            }
        });
    };
    let progress = Signal::derive(move || {
        active.with(|it| it.as_ref().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)))
    });
    let label = Signal::derive(move || {
        active.with(|it| {
            it.as_ref().map_or_else(|| "starting".to_owned(), |it| status_in_words(&it.run.status, going_on()))
        })
    });
    let words = Signal::derive(move || {
        let (done, n_items) = progress.get();
        let left =
            active.with(|it| it.as_ref().and_then(|it| time_left(&it.results, it.run.n_items))).filter(|_| going_on());
        format!("{done} of {n_items} items{}", left.map_or_else(String::new, |left| format!(", {left}")))
    });
    let results = Memo::new(move |_| active.with(|it| it.as_ref().map(|it| it.results.clone()).unwrap_or_default()));
    let of_items = move || active.with_untracked(|it| it.as_ref().map(|it| it.run.clone()));
    let ended = move || active.with(|it| it.as_ref().map(|it| it.run.clone())).filter(|_| !going_on());
    view! {
        {move || match tasks::find(&task.get()) {
            Some(entry) => view! { <Heading text=entry.info.title /> <p>{entry.info.question}</p> }.into_any(),
            None => view! { <Heading text="There is no such benchmark" /> }.into_any(),
        }}
        <NeedsModel what="a benchmark" />
        <form class="panel stack" on:submit=move |event| { event.prevent_default(); start(()); }>
            <div class="form-grid">
                <MethodField form=form methods=Signal::derive(methods) />
                <NumberField id="n-items" label="Items" hint="The first so many of the file." range=(1, 1000) value=n_items />
                <NumberField id="run-seed" label="Seed" hint="Repeats the run exactly." range=(0, u64::MAX >> 11) value=form.seed />
            </div>
            <details>
                <summary>"System message, sampling, base models, other items"</summary>
                <SettingsFields form=form />
                <div class="field">
                    <label for="own-items">"Other items: your own, or an original file (BeHonest, SelfAware, TruthfulQA, BIG-bench, TrustLLM)"</label>
                    <input type="file" id="own-items" data-testid="own-items" accept=".json,.jsonl" on:change=pick_items />
                    <span class="hint" role="status">{move || said.get()}</span>
                </div>
            </details>
            <div class="row">
                <button type="submit" class="primary" data-testid="run-start" disabled=move || busy() || !ready()>"Start"</button>
                <button type="button" data-testid="run-cancel" disabled=move || !busy() on:click=move |_| state.cancel_run()>"Stop"</button>
            </div>
        </form>
        <Show when=elsewhere>
            <p role="status">"A run of another benchmark is going on; it can be stopped here."</p>
        </Show>
        <Show when=move || progress.get().1 != 0.0 || (busy() && !elsewhere())>
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
                        <ItemView result=result run=of_items() />
                    </For>
                </ol>
            </section>
        </Show>
    }
}
