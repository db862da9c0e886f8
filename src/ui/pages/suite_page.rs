//! Several benchmarks with one start: choose them, watch them, and read what they come to on one page.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::models_page::{LoadProgress, NeedsModel};
use super::results_page::save_file;
use super::run_page::same_model;
use super::suite_beside::Beside;
use crate::app::bytes_in_words;
use crate::app::runs::PlannedSuite;
use crate::eval::item::items_from_jsonl;
use crate::eval::run::{ItemResult, Method, PromptFormat, Run, Settings};
use crate::eval::suite::{
    Load, PRESET_ITEMS, Rates, Suite, all_tasks, load_of, settings_from_query, tasks_from_query, time_in_words,
    to_query,
};
use crate::eval::task::TaskInfo;
use crate::eval::tasks;
use crate::formats::catalog::ModelCard;
use crate::platform;
use crate::protocol::NoticeKind;
use crate::report::export::table_to_csv;
use crate::report::suite_summary::{AspectSummary, TaskLine, suite_summary, suite_table};
use crate::store::Collection;
use crate::ui::charts::Chart;
use crate::ui::components::field::NumberField;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::components::settings_fields::{MethodField, SettingsFields, SettingsForm};
use crate::ui::state::{State, use_state};
use crate::ui::{Heading, to};

/// Tasks by aspect, in the order of the registry.
fn by_aspect() -> Vec<(&'static str, Vec<&'static TaskInfo>)> {
    let mut aspects: Vec<(&'static str, Vec<&'static TaskInfo>)> = Vec::new();
    for info in all_tasks().iter().filter_map(|id| tasks::find(id)).map(|entry| entry.info) {
        match aspects.iter_mut().find(|(aspect, _)| *aspect == info.aspect) {
            Some((_, infos)) => infos.push(info),
            None => aspects.push((info.aspect, vec![info])),
        }
    }
    aspects
}

/// Texts of item files by path: several tasks share one.
async fn texts(state: State, wanted: &[String]) -> Result<BTreeMap<&'static str, String>, String> {
    let mut texts = BTreeMap::new();
    for info in wanted.iter().filter_map(|id| tasks::find(id)).map(|entry| entry.info) {
        if !texts.contains_key(info.items_path) {
            texts.insert(info.items_path, state.fetch_text(info.items_path).await?);
        }
    }
    Ok(texts)
}

/// What each task asks of the device, in order; a task whose items cannot be read asks nothing here and fails later.
async fn loads(state: State, wanted: Vec<String>, settings: Settings) -> Vec<Load> {
    let Ok(texts) = texts(state, &wanted).await else { return Vec::new() };
    let load = |id: &String| {
        let entry = tasks::find(id)?;
        let items = items_from_jsonl(texts.get(entry.info.items_path)?).ok()?;
        let n = settings.n_items.unwrap_or(items.len()).min(items.len());
        let settings = Settings { method: entry.info.method(settings.method), ..settings.clone() };
        Some(load_of((entry.make)(&settings).as_ref(), items.get(..n)?))
    };
    wanted.iter().map(|id| load(id).unwrap_or_default()).collect()
}

/// The time that a suite will take, in words.
fn expected(state: State, loads: &[Load]) -> String {
    let measured = state.models.with(|models| models.measures.clone());
    let Some(measures) = measured else {
        return "How long it takes will be known after the first benchmark, or at once if you measure this device on the \
                models page."
            .to_owned();
    };
    let rates = Rates::of(&measures);
    let millis = loads.iter().map(|load| rates.millis(load)).sum();
    format!("At most about {}, from the speed measured on this device.", time_in_words(millis))
}

/// Models of the catalog that are not loaded: a suite can go on with them.
fn other_models(state: State) -> Vec<ModelCard> {
    let loaded = state.models.with(|models| models.loaded.as_ref().map(|loaded| loaded.info.model_id.clone()));
    let cards = state.catalog.with(|catalog| catalog.as_ref().map(|catalog| catalog.models.clone()));
    cards.unwrap_or_default().into_iter().filter(|card| loaded.as_ref() != Some(&card.id)).collect()
}

/// Choice of the models that answer the same after the one that is loaded.
#[component]
fn OtherModels(chosen: RwSignal<Vec<String>>) -> impl IntoView {
    let state = use_state();
    let line = move |card: ModelCard| {
        let id = StoredValue::new(card.id.clone());
        let on = move || chosen.with(|chosen| id.with_value(|id| chosen.contains(id)));
        let toggle = move |event| {
            let on = event_target_checked(&event);
            chosen.update(|chosen| {
                chosen.retain(|it| id.with_value(|id| it != id));
                if on {
                    chosen.push(id.get_value());
                }
            });
        };
        let size = bytes_in_words(card.size_bytes);
        let base = if card.base { "; a base model, asked with worked examples" } else { "" };
        view! {
            <label class="choice">
                <input type="checkbox" data-testid=format!("suite-model-{}", card.id) prop:checked=on on:change=toggle />
                <span>{card.name} " " <small class="hint">{format!("{size}{base}")}</small></span>
            </label>
        }
    };
    let lines = move || other_models(state).into_iter().map(line).collect_view();
    view! {
        <Show when=move || !other_models(state).is_empty()>
            <fieldset class="panel" data-testid="suite-models">
                <legend>"Then the same with other models"</legend>
                <p class="hint">"Each is fetched and loaded when its turn comes; what this browser has kept is not fetched again. Both suites are set side by side."</p>
                {lines}
            </fieldset>
        </Show>
    }
}

/// Choice of tasks and settings.
#[component]
fn SuiteForm() -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let navigate = use_navigate();
    let chosen: RwSignal<Vec<String>> = RwSignal::new(all_tasks());
    let all_items = RwSignal::new(false);
    let form = SettingsForm::default();
    Effect::new(move |_| {
        let query = query.get();
        let get = |name: &str| query.get(name);
        let settings = settings_from_query(&get);
        chosen.set(tasks_from_query(&get));
        all_items.set(settings.n_items.is_none());
        form.set(settings);
    });
    let settings = move || {
        let set = form.get();
        // A link may name another number than the preset.
        let some = set.n_items.unwrap_or(PRESET_ITEMS);
        Settings { n_items: (!all_items.get()).then_some(some), ..set }
    };
    let wanted = Memo::new(move |_| (chosen.get(), settings()));
    let needs = LocalResource::new(move || {
        let (tasks, settings) = wanted.get();
        loads(state, tasks, settings)
    });
    let busy =
        move || state.runs.with(|runs| runs.command().is_some() || runs.suite.is_some() || !runs.later.is_empty());
    let others: RwSignal<Vec<String>> = RwSignal::default();
    let ready = move || state.models.with(|models| models.loaded.is_some());
    let start = move || {
        let (tasks, settings) = wanted.get_untracked();
        if tasks.is_empty() {
            return state.notify(NoticeKind::BadItems, "choose at least one benchmark".to_owned());
        }
        let suite = Suite { id: platform::random_id(), tasks: tasks.clone() };
        let later: Vec<PlannedSuite> = other_models(state)
            .into_iter()
            .filter(|card| others.with_untracked(|others| others.contains(&card.id)))
            .map(|card| PlannedSuite {
                suite: Suite { id: platform::random_id(), tasks: tasks.clone() },
                // A base model follows no instructions and has no chat template.
                settings: if card.base {
                    Settings { format: PromptFormat::FewShot, ..settings.clone() }
                } else {
                    settings.clone()
                },
                card,
            })
            .collect();
        // The router adds the site's own path itself here.
        let mut address = format!("/suite?id={}&{}", suite.id, to_query(&tasks, &settings));
        if let Some(next) = later.first() {
            address.push_str("&beside=");
            address.push_str(&next.suite.id);
        }
        state.run_suites(Some((suite, settings, tasks)), later);
        navigate(&address, NavigateOptions::default());
    };
    let toggle = move |ids: Vec<String>, on: bool| {
        chosen.update(|chosen| {
            // In the order of the registry, whatever was clicked first.
            let keep = |id: &String| if ids.contains(id) { on } else { chosen.contains(id) };
            *chosen = all_tasks().into_iter().filter(keep).collect();
        });
    };
    let group = move |(aspect, infos): (&'static str, Vec<&'static TaskInfo>)| {
        let ids: Vec<String> = infos.iter().map(|info| info.id.to_owned()).collect();
        let whole = {
            let ids = ids.clone();
            move || chosen.with(|chosen| ids.iter().all(|id| chosen.contains(id)))
        };
        let several = infos.len() > 1;
        let boxes = infos.into_iter().map(|info| {
            let on = move || chosen.with(|chosen| chosen.iter().any(|id| id == info.id));
            view! {
                <label class="choice">
                    <input type="checkbox" data-testid=format!("suite-task-{}", info.id) prop:checked=on
                        on:change=move |event| toggle(vec![info.id.to_owned()], event_target_checked(&event)) />
                    <span>{info.title} " " <small class="hint">{info.question}</small></span>
                </label>
            }
        });
        view! {
            <fieldset class="panel" data-testid="suite-aspect">
                <legend>{aspect}</legend>
                {several.then(|| view! { <label class="choice">
                    <input type="checkbox" data-testid=format!("suite-aspect-{}", aspect.replace(' ', "-").to_lowercase())
                        prop:checked=whole on:change=move |event| toggle(ids.clone(), event_target_checked(&event)) />
                    <span><b>"All of these"</b></span>
                </label> })}
                {boxes.collect_view()}
            </fieldset>
        }
    };
    let some = move || form.get().n_items.unwrap_or(PRESET_ITEMS);
    let methods = Signal::derive(|| vec![Method::Choose, Method::Generate]);
    view! {
        <p>"Choose benchmarks and start them once: they run one after the other, and each is stored as soon as it has an answer. A run that is stopped or interrupted goes on where it was."</p>
        <NeedsModel what="a suite" />
        <form class="stack" data-testid="suite-form" on:submit=move |event| { event.prevent_default(); start(); }>
            <div class="row">
                <button type="button" data-testid="suite-all" on:click=move |_| toggle(all_tasks(), true)>"All"</button>
                <button type="button" data-testid="suite-none" on:click=move |_| toggle(all_tasks(), false)>"None"</button>
                <span data-testid="suite-chosen">{move || chosen.with(Vec::len)} " of " {all_tasks().len()} " benchmarks"</span>
            </div>
            <OtherModels chosen=others />
            <div class="cards">{by_aspect().into_iter().map(group).collect_view()}</div>
            <div class="panel stack">
                <div class="form-grid">
                    <fieldset class="field">
                        <legend>"Items of each"</legend>
                        <label class="choice"><input type="radio" name="preset" data-testid="preset-some" prop:checked=move || !all_items.get() on:change=move |_| all_items.set(false) /><span>"The first " {some}</span></label>
                        <label class="choice"><input type="radio" name="preset" data-testid="preset-all" prop:checked=move || all_items.get() on:change=move |_| all_items.set(true) /><span>"All"</span></label>
                    </fieldset>
                    <MethodField form=form methods=methods />
                    <NumberField id="run-seed" label="Seed" hint="Repeats the runs exactly." range=(0, u64::MAX >> 11) value=form.seed />
                </div>
                <details>
                    <summary>"System message, sampling, base models"</summary>
                    <SettingsFields form=form />
                </details>
                <p role="status" data-testid="suite-expected">{move || needs.get().map(|loads| expected(state, &loads))}</p>
                <div class="row">
                    <button type="submit" class="primary" data-testid="suite-start" disabled=move || busy() || !ready()>"Start"</button>
                    <A href=move || { let (tasks, settings) = wanted.get(); to(&format!("/suite?{}", to_query(&tasks, &settings))) } attr:data-testid="suite-link">"Link to this configuration"</A>
                </div>
            </div>
        </form>
    }
}

/// Progress of the suite that is going on.
#[component]
fn SuiteProgress(suite: Suite, settings: Settings) -> impl IntoView {
    let state = use_state();
    let tasks_of = StoredValue::new(suite.tasks.clone());
    let needs = LocalResource::new(move || loads(state, tasks_of.get_value(), settings.clone()));
    // The task at hand and its items, done and all.
    let at = Memo::new(move |_| {
        state.runs.with(|runs| {
            let active = runs.active.as_ref()?;
            let place = tasks_of.with_value(|tasks| tasks.iter().position(|id| *id == active.run.task_id))?;
            let spent: f64 = active.results.iter().map(|result| result.millis).sum();
            Some((place, active.results.len(), active.run.n_items, spent))
        })
    });
    // Milliseconds of finished tasks in this sitting: how much slower or faster this device is than was expected.
    let finished: RwSignal<Vec<(usize, f64)>> = RwSignal::default();
    Effect::new(move |_| {
        if let Some((place, done, all, spent)) = at.get()
            && done == all
        {
            finished.update(|finished| {
                finished.retain(|(earlier, _)| *earlier != place);
                finished.push((place, spent));
            });
        }
    });
    let left = move || {
        let loads = needs.get()?;
        let (place, done, all, _) = at.get()?;
        let measured = state.models.with(|models| models.measures.as_ref().map(Rates::of));
        let seen = finished.get();
        if measured.is_none() && seen.is_empty() {
            return None;
        }
        let rates = measured.unwrap_or(Rates::NOMINAL);
        let expected = |place: usize| loads.get(place).map_or(0.0, |load| rates.millis(load));
        let planned: f64 = seen.iter().map(|(place, _)| expected(*place)).sum();
        let spent: f64 = seen.iter().map(|(_, millis)| millis).sum();
        let factor = if planned > 0.0 { spent / planned } else { 1.0 };
        let here = expected(place) * (1.0 - done as f64 / all.max(1) as f64);
        let later: f64 = (place + 1..loads.len()).map(expected).sum();
        Some(format!("about {} left", time_in_words((here + later) * factor)))
    };
    let n = suite.tasks.len();
    let label = Signal::derive(move || match at.get() {
        Some((place, ..)) => {
            let title = tasks_of.with_value(|tasks| tasks.get(place).and_then(|id| tasks::find(id)));
            format!("Benchmark {} of {n}: {}", place + 1, title.map_or("", |entry| entry.info.title))
        }
        None => "starting".to_owned(),
    });
    let progress = Signal::derive(move || {
        let part = at.get().map_or(0.0, |(place, done, all, _)| place as f64 + done as f64 / all.max(1) as f64);
        (part, n as f64)
    });
    let words = Signal::derive(move || {
        let items = at.get().map(|(_, done, all, _)| format!("{done} of {all} items"));
        let left = left().unwrap_or_else(|| "time left: known after the first benchmark".to_owned());
        items.into_iter().chain([left]).collect::<Vec<_>>().join(", ")
    });
    view! {
        <section class="panel stack" data-testid="suite-progress">
            <ProgressBar label=label progress=progress words=words />
            <button type="button" data-testid="suite-cancel" on:click=move |_| state.cancel_run()>"Stop"</button>
        </section>
    }
}

fn task_line(line: TaskLine) -> impl IntoView {
    let open = to(&format!("/results?run={}", line.run_id));
    view! {
        <li data-testid="suite-line">
            <h3>{line.title} " "
                {line.unverified.map(|why| view! { <span class="badge unverified" title=why>"unverified"</span> })}
                {(!line.complete).then(|| view! { <span class="badge">"not finished"</span> })}
            </h3>
            <p data-testid="suite-sentence">{line.sentence}</p>
            <p><small class="hint" data-testid="suite-counts">{line.counts}</small></p>
            <A href=open attr:data-testid="suite-open">"Every item of " {line.title}</A>
        </li>
    }
}

fn aspect_view(aspect: AspectSummary) -> impl IntoView {
    view! {
        <section class="stack" data-testid="suite-result">
            <h2>{aspect.aspect}</h2>
            <Chart figure=aspect.figure />
            <ul class="plain stack">{aspect.tasks.into_iter().map(task_line).collect_view()}</ul>
        </section>
    }
}

/// A suite and its runs with their results, from the store; `None` if no run of it is there.
pub(super) async fn suite_of(state: State, id: &str) -> Option<(Suite, Vec<(Run, Vec<ItemResult>)>)> {
    let runs: Vec<Run> = state.list(Collection::Runs, None).await;
    let suite = runs.iter().rev().filter_map(|run| run.suite.clone()).find(|suite| suite.id == id)?;
    let mut found: Vec<(Run, Vec<ItemResult>)> = Vec::new();
    for run in suite.runs(&runs).into_values() {
        let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&run.id)).await;
        results.sort_by_key(|result| result.index);
        found.push((run.clone(), results));
    }
    Some((suite, found))
}

/// The suites in this browser, newest first: id, and words for a link.
pub(super) async fn stored_suites(state: State) -> Vec<(String, String)> {
    let runs: Vec<Run> = state.list(Collection::Runs, None).await;
    let mut found: Vec<(String, String)> = Vec::new();
    for run in runs.iter().rev() {
        let Some(suite) = &run.suite else { continue };
        if found.iter().any(|(id, _)| *id == suite.id) {
            continue;
        }
        let done = suite.tasks.len() - suite.left(&runs).len();
        let date = js_sys::Date::new(&run.started_at.into());
        let when: String = String::from(date.to_iso_string()).replace('T', " ").chars().take(16).collect();
        let words = format!("{when} UTC, {}: {done} of {} benchmarks", run.engine.model_name, suite.tasks.len());
        found.push((suite.id.clone(), words));
    }
    found
}

/// The runs of one suite, finished or not.
#[component]
fn SuiteResults(id: String) -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let going_on = {
        let id = id.clone();
        Memo::new(move |_| {
            let beside = query.with(|query| query.get("beside"));
            state.runs.with(|runs| {
                let shown = |it: &str| it == id || beside.as_deref() == Some(it);
                runs.suite.as_ref().filter(|it| shown(&it.suite.id)).map(|it| (it.suite.clone(), it.settings.clone()))
            })
        })
    };
    // Read again when a task begins or ends, not with every item.
    let moment = Memo::new(move |_| {
        let at = state.runs.with(|runs| runs.active.as_ref().map(|it| (it.run.id.clone(), it.run.status.clone())));
        (at, going_on.get().is_some())
    });
    let waiting = move || {
        let names =
            state.runs.with(|runs| runs.later.iter().map(|it| it.card.name.clone()).collect::<Vec<_>>().join(", "));
        (!names.is_empty()).then(|| {
            view! {
                <p class="row" data-testid="suite-later">
                    <span>"Then the same with " {names} "."</span>
                    <button type="button" on:click=move |_| state.runs.update(|runs| runs.later.clear())>"Leave that out"</button>
                </p>
            }
        })
    };
    let stored = LocalResource::new(move || {
        moment.track();
        let id = id.clone();
        async move { suite_of(state, &id).await }
    });
    let settings = move || {
        let query = query.get();
        settings_from_query(&|name| query.get(name))
    };
    let body = move |suite: Suite, found: Vec<(Run, Vec<ItemResult>)>| {
        let runs: Vec<Run> = found.iter().map(|(run, _)| run.clone()).collect();
        let left = suite.left(&runs);
        // Each run knows its settings; the method may be another one where a task does not have the wanted one.
        let settings =
            runs.first().map_or_else(settings, |run| Settings { method: settings().method, ..run.settings.clone() });
        let address = |settings: &Settings| to(&format!("/suite?{}", to_query(&suite.tasks, settings)));
        let (same, reseeded) = (address(&settings), address(&Settings { seed: settings.seed + 1, ..settings.clone() }));
        let n = suite.tasks.len();
        let model = runs.first().map(|run| {
            let engine = &run.engine;
            format!("{}, {}, {}", engine.model_name, engine.quantization, engine.adapter)
        });
        let first = runs.first().cloned();
        let fits = move || first.as_ref().is_none_or(|run| same_model(state, run));
        let idle = move || state.runs.with(|runs| runs.command().is_none() && runs.suite.is_none());
        let (n_left, resumed) = (left.len(), (suite.clone(), settings.clone(), left));
        let resume = move |_| {
            let (suite, settings, left) = resumed.clone();
            state.run_suite(suite, settings, left);
        };
        let table = suite_table(&found);
        let save = move |_| save_file(state, "suite.csv", "text/csv", table_to_csv(&table));
        view! {
            <p data-testid="suite-status">
                {format!("{} of {n} benchmarks are finished.", n - n_left)} " " {model}
            </p>
            <Show when=move || { n_left > 0 && idle() }>
                <div class="row">
                    <button type="button" class="primary" data-testid="suite-resume" disabled={ let fits = fits.clone(); move || !fits() } on:click=resume.clone()>"Go on"</button>
                    <span class="hint">{ let fits = fits.clone(); move || (!fits()).then_some("Load the same model first.") }</span>
                </div>
            </Show>
            <div class="row">
                <A href=same attr:class="button" attr:data-testid="suite-same">"Open this configuration"</A>
                <A href=reseeded attr:class="button" attr:data-testid="suite-reseed">"Again with another seed"</A>
                <button type="button" data-testid="suite-csv" on:click=save>"Save as CSV"</button>
            </div>
            <Beside first=found.clone() moment=moment />
            {suite_summary(&found).into_iter().map(aspect_view).collect_view()}
        }
    };
    view! {
        {move || going_on.get().map(|(suite, settings)| view! { <SuiteProgress suite=suite settings=settings /> })}
        {waiting}
        <LoadProgress models=state.models on_cancel=Callback::new(move |()| state.cancel_load()) />
        {move || stored.get().map(|found| match found {
            Some((suite, found)) => body(suite, found).into_any(),
            None if going_on.get().is_some() => ().into_any(),
            None => view! { <p data-testid="suite-missing">"No run of this suite is stored in this browser. "<A href=to("/suite")>"Start one"</A></p> }.into_any(),
        })}
    }
}

/// Links to the suites in this browser.
#[component]
fn SuiteList() -> impl IntoView {
    let state = use_state();
    let suites = RwSignal::new(Vec::<(String, String)>::new());
    spawn_local(async move {
        suites.try_set(stored_suites(state).await);
    });
    let links =
        move || {
            suites.get().into_iter().map(|(id, words)| {
            view! { <li><A href=to(&format!("/suite?id={id}")) attr:data-testid="suite-stored">{words}</A></li> }
        }).collect_view()
        };
    view! {
        <Show when=move || suites.with(|suites| !suites.is_empty())>
            <section><h2>"Suites in this browser"</h2><ul>{links}</ul></section>
        </Show>
    }
}

/// Choose benchmarks, or look at a suite that was started.
#[component]
pub fn SuitePage() -> impl IntoView {
    let query = use_query_map();
    let id = Memo::new(move |_| query.get().get("id"));
    view! {
        <Heading text="Several benchmarks" />
        {move || match id.get() {
            Some(id) => view! { <SuiteResults id=id /> }.into_any(),
            None => view! { <SuiteForm /> <SuiteList /> }.into_any(),
        }}
    }
}
