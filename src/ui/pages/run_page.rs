//! Choose how to run a task, watch its items, stop it and go on with it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;
use wasm_bindgen::JsCast;

use super::models_page::NeedsModel;
use crate::eval::import::{MAX_BYTES, import_items, items_to_jsonl};
use crate::eval::run::{ItemResult, Method, PromptFormat, Run, RunStatus, Settings};
use crate::eval::runner::sha256_hex;
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
    let settings = &run.settings;
    let mut address = format!("/run?task={}&n={}&seed={}", run.task_id, run.n_items, settings.seed);
    if settings.method == Method::Generate {
        address.push_str("&method=generate");
    }
    if settings.format == PromptFormat::FewShot {
        address.push_str("&format=few_shot");
    }
    if !settings.system.is_empty() {
        address.push_str("&system=");
        address.push_str(&String::from(js_sys::encode_uri_component(&settings.system)));
    }
    address
}

/// What is left to do, from this device's own speed on the items so far.
pub(crate) fn time_left(results: &[ItemResult], n_items: usize) -> Option<String> {
    let left = n_items.checked_sub(results.len()).filter(|left| *left > 0)?;
    let spent: f64 = results.iter().map(|result| result.millis).sum();
    let seconds = spent / results.len().max(1) as f64 * left as f64 / 1e3;
    (!results.is_empty()).then(|| match seconds {
        seconds if seconds < 90.0 => format!("about {seconds:.0} s left"),
        seconds => format!("about {:.0} min left", seconds / 60.0),
    })
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
    let system = RwSignal::new(String::new());
    let few_shot = RwSignal::new(false);
    let own_items: RwSignal<Option<String>> = RwSignal::new(None);
    let said = RwSignal::new(String::new());
    Effect::new(move |_| {
        let query = query.get();
        let info = tasks::find(&task.get()).map(|entry| entry.info);
        let wanted = if query.get("method").as_deref() == Some("generate") { Method::Generate } else { Method::Choose };
        method.set(info.map_or(wanted, |info| info.method(wanted)));
        let number = |name: &str, or: u64| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(or);
        n_items.set(number("n", 10).clamp(1, 1000));
        seed.set(number("seed", 1).min(u64::MAX >> 11));
        system.set(query.get("system").unwrap_or_default());
        few_shot.set(query.get("format").as_deref() == Some("few_shot"));
        // Another task needs other items.
        own_items.set(None);
        said.set(String::new());
    });
    let busy = move || state.runs.with(|runs| runs.command().is_some());
    let ready = move || state.models.get().loaded.is_some();
    let start = move |()| {
        let Some(entry) = tasks::find(&task.get_untracked()) else { return };
        let settings = Settings {
            method: method.get_untracked(),
            seed: seed.get_untracked(),
            n_items: Some(n_items.get_untracked() as usize),
            system: system.get_untracked(),
            format: if few_shot.get_untracked() { PromptFormat::FewShot } else { PromptFormat::Chat },
            ..Settings::default()
        };
        if let Some(items) = own_items.get_untracked() {
            return state.run(entry.info.id.to_owned(), settings, items, None);
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
                <div class="field">
                    <label for="method">"How the question is put"</label>
                    <select id="method" data-testid="method" on:change=move |event| {
                        method.set(if event_target_value(&event) == "generate" { Method::Generate } else { Method::Choose });
                    }>
                        {move || methods().into_iter().map(|it| {
                            let (value, words) = match it {
                                Method::Choose => ("choose", "Which option is most likely"),
                                Method::Generate => ("generate", "Let it write an answer"),
                            };
                            view! { <option value=value selected=move || method.get() == it>{words}</option> }
                        }).collect_view()}
                    </select>
                    <span class="hint">"Writing takes longer and may be unreadable."</span>
                </div>
                <NumberField id="n-items" label="Items" hint="The first so many of the file." range=(1, 1000) value=n_items />
                <NumberField id="run-seed" label="Seed" hint="Repeats the run exactly." range=(0, u64::MAX >> 11) value=seed />
            </div>
            <details>
                <summary>"System message, base models, other items"</summary>
                <div class="field">
                    <label for="run-system">"System message before every item"</label>
                    <textarea id="run-system" data-testid="run-system" rows="2" prop:value=move || system.get()
                        on:change=move |event| system.set(event_target_value(&event))></textarea>
                </div>
                <label class="row">
                    <input type="checkbox" data-testid="few-shot" prop:checked=move || few_shot.get()
                        on:change=move |event| few_shot.set(event_target_checked(&event)) />
                    "Ask with worked examples instead of the chat template (for base models)"
                </label>
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
