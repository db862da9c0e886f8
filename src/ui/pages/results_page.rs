//! Stored runs, and one of them in full.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::run_page::{resume, same_model, status_in_words};
use crate::app::models::Models;
use crate::eval::import::items_to_jsonl;
use crate::eval::overrule::{HumanVerdict, OVERRULE_SCHEMA, agreement, overruled};
use crate::eval::run::{ItemResult, PromptFormat, Run, RunStatus, Settings};
use crate::eval::score::Verdict;
use crate::eval::tasks::{self, model_shift, token_shift};
use crate::platform;
use crate::protocol::NoticeKind;
use crate::report::comparison::{acted_rightly, compare_runs};
use crate::report::export::{run_to_csv, run_to_json};
use crate::report::inspect_log::{eval_file, inspect_log};
use crate::report::lm_eval::lm_eval_files;
use crate::report::run_summary::run_summary;
use crate::store::{Collection, Record};
use crate::ui::charts::Chart;
use crate::ui::components::counts::Counts;
use crate::ui::components::item_view::ItemView;
use crate::ui::download;
use crate::ui::state::{State, use_state, words_of};
use crate::ui::{Heading, to};

fn title_of(run: &Run) -> String {
    tasks::find(&run.task_id).map_or_else(|| run.task_id.clone(), |entry| entry.info.title.to_owned())
}

pub(super) fn when(millis: f64) -> String {
    let date = js_sys::Date::new(&millis.into());
    String::from(date.to_iso_string()).replace('T', " ").chars().take(16).collect::<String>() + " UTC"
}

pub(crate) fn save_file(state: State, name: &str, kind: &str, text: Result<String, impl std::fmt::Display>) {
    match text {
        Ok(text) => {
            if let Err(error) = download::offer(name, kind, &text) {
                state.notify(NoticeKind::Unexpected, words_of(&error));
            }
        }
        Err(error) => state.notify(NoticeKind::Unexpected, error.to_string()),
    }
}

/// How a person's verdicts agree with the automatic ones, and what the run comes to with them.
fn agreement_view(run: &Run, results: &[ItemResult], verdicts: Signal<Vec<HumanVerdict>>) -> impl IntoView + use<> {
    let (run, results) = (run.clone(), results.to_vec());
    move || {
        let found = verdicts.with(|verdicts| agreement(&results, verdicts));
        (found.judged > 0).then(|| {
            let counted = verdicts.with(|verdicts| overruled(&results, verdicts));
            let right = counted.iter().filter(|it| acted_rightly(it.verdict)).count();
            let before = results.iter().filter(|it| acted_rightly(it.verdict)).count();
            let words = format!(
                "You judged {} of {} items and agree with the automatic verdict on {}. With your verdicts the model acted \
                 rightly on {right} instead of {before}.",
                found.judged, run.n_items, found.same
            );
            view! { <p data-testid="agreement">{words}</p> }
        })
    }
}

/// A choice of another run of the same task to compare with.
fn compare_with(run: &Run, runs: &[Run]) -> impl IntoView + use<> {
    let same =
        |other: &&Run| other.id != run.id && other.task_id == run.task_id && other.task_version == run.task_version;
    let id = run.id.clone();
    let links = runs.iter().filter(same).take(12).map(|other| {
        let name = format!("{}, {}", other.engine.model_name, when(other.started_at));
        view! { <li><A href=to(&format!("/results?run={id}&with={}", other.id)) attr:data-testid="compare-with">{name}</A></li> }
    });
    let links = links.collect::<Vec<_>>();
    (!links.is_empty()).then(|| {
        view! { <details><summary>"Compare with another run of this task"</summary><ul>{links}</ul></details> }
    })
}

/// Two runs on the same items.
#[component]
fn CompareView(first: (Run, Vec<ItemResult>), second: (Run, Vec<ItemResult>)) -> impl IntoView {
    let found = match compare_runs((&first.0, &first.1), (&second.0, &second.1)) {
        Ok(found) => found,
        Err(error) => {
            return view! { <p class="notice" data-testid="comparison-error">"These runs cannot be compared: " {error.to_string()} "."</p> }.into_any();
        }
    };
    let only_differences = RwSignal::new(true);
    let pairs = StoredValue::new(found.pairs);
    let (run_a, run_b) = (StoredValue::new(first.0), StoredValue::new(second.0));
    let listed = move || {
        let shown: Vec<_> = pairs.with_value(|pairs| {
            pairs.iter().filter(|pair| pair.differs() || !only_differences.get()).cloned().collect()
        });
        shown
            .into_iter()
            .map(|pair| {
                view! {
                    <ItemView result=pair.first run=run_a.get_value() />
                    <ItemView result=pair.second run=run_b.get_value() />
                }
            })
            .collect_view()
    };
    view! {
        <section class="stack" data-testid="comparison">
            <h2>"Two runs on the same items"</h2>
            <p class="lede" data-testid="comparison-sentence">{found.sentence}</p>
            <Chart figure=found.figure />
            <label class="row">
                <input type="checkbox" data-testid="only-differences" prop:checked=move || only_differences.get()
                    on:change=move |event| only_differences.set(event_target_checked(&event)) />
                "Only items on which the verdicts differ"
            </label>
            <ol class="item-list">{listed}</ol>
        </section>
    }
    .into_any()
}

/// For a finished run of token shift: looks the answers' words up with the model that is loaded, if it is another one.
fn model_shift_button(run: &Run, results: &[ItemResult]) -> Option<impl IntoView + use<>> {
    let state = use_state();
    let navigate = use_navigate();
    let items = model_shift::said_items(results);
    if run.task_id != token_shift::ENTRY.info.id || items.is_empty() {
        return None;
    }
    let (run, items) = (run.clone(), StoredValue::new(items));
    let other = {
        let run = run.clone();
        Memo::new(move |_| {
            let loaded = state.models.with(|models| models.loaded.is_some());
            (loaded && !same_model(state, &run)).then(|| state.models.with(Models::loaded_is_base))
        })
    };
    let start = move |_| {
        let Some(base) = other.get_untracked() else { return };
        match items.with_value(|items| items_to_jsonl(items)) {
            Ok(lines) => {
                let format = if base { PromptFormat::FewShot } else { run.settings.format };
                let settings = Settings { n_items: None, format, ..run.settings.clone() };
                state.run(model_shift::ENTRY.info.id.to_owned(), settings, lines, None);
                navigate(&format!("/run?task={}", model_shift::ENTRY.info.id), NavigateOptions::default());
            }
            Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
        }
    };
    let idle = move || state.runs.with(|runs| runs.command().is_none());
    Some(view! {
        <button type="button" data-testid="model-shift" disabled=move || other.get().is_none() || !idle() on:click=start>"Look these words up with the loaded model"</button>
        <span class="hint">{move || other.get().is_none().then_some("Load another model to see which of these words it would have said too.")}</span>
    })
}

/// A run in full.
#[component]
fn RunView(run: Run, results: Vec<ItemResult>, runs: Vec<Run>) -> impl IntoView {
    let state = use_state();
    let summary = run_summary(&run, &results);
    let verdicts: RwSignal<Vec<HumanVerdict>> = RwSignal::default();
    let id = run.id.clone();
    spawn_local(async move {
        let stored = state.list(Collection::Verdicts, Some(&id)).await;
        verdicts.try_set(stored);
    });
    let on_verdict = Callback::new(move |(result, verdict): (ItemResult, Option<Verdict>)| {
        let said = HumanVerdict {
            schema: OVERRULE_SCHEMA,
            run_id: result.run_id.clone(),
            item_id: result.item.id.clone(),
            automatic: result.verdict,
            verdict,
            at: platform::unix_millis(),
        };
        spawn_local(async move {
            // Stored first, shown then.
            let record = Record::new(Collection::Verdicts, said.id(), &said.run_id, &said);
            if state.save(&[record]).await {
                verdicts.try_update(|verdicts| verdicts.push(said));
            }
        });
    });
    let agreed = agreement_view(&run, &results, verdicts.into());
    let others = compare_with(&run, &runs);
    let again_link = to(&super::run_page::address(&run));
    let of_items = run.clone();
    let going_on = state.runs.with_untracked(|runs| {
        runs.command().is_some() && runs.active.as_ref().is_some_and(|active| active.run.id == run.id)
    });
    let status = status_in_words(&run.status, going_on);
    let name = format!("task-{}_run-{}", run.task_id, run.id.get(..8).unwrap_or(&run.id));
    let as_json = {
        let (run, results, name) = (run.clone(), results.clone(), name.clone());
        move |_| save_file(state, &format!("{name}.json"), "application/json", run_to_json(&run, &results))
    };
    let as_csv = {
        let (run, results, name) = (run.clone(), results.clone(), name.clone());
        move |_| save_file(state, &format!("{name}.csv"), "text/csv", run_to_csv(&run, &results))
    };
    let as_inspect = {
        let (run, results, name) = (run.clone(), results.clone(), name.clone());
        move |_| {
            let text = serde_json::to_string(&inspect_log(&run, &results));
            save_file(state, &format!("{name}_inspect.json"), "application/json", text);
        }
    };
    let as_eval = {
        let (run, results, name) = (run.clone(), results.clone(), name.clone());
        move |_| {
            let offered = eval_file(&run, &results).map_err(|error| error.to_string()).and_then(|bytes| {
                download::offer_bytes(&format!("{name}.eval"), "application/zip", &bytes)
                    .map_err(|error| words_of(&error))
            });
            if let Err(detail) = offered {
                state.notify(NoticeKind::Unexpected, detail);
            }
        }
    };
    let as_lm_eval = {
        let (run, results, name) = (run.clone(), results.clone(), name.clone());
        move |_| match lm_eval_files(&run, &results) {
            Ok(files) => {
                let text = serde_json::to_string_pretty(&files.results);
                save_file(state, &format!("results_{name}.json"), "application/json", text);
                save_file(state, &format!("samples_{name}.jsonl"), "application/jsonl", Ok::<_, String>(files.samples));
            }
            Err(error) => state.notify(NoticeKind::Unexpected, error.to_string()),
        }
    };
    let looked_up = model_shift_button(&run, &results);
    let resumable = run.status != RunStatus::Complete
        && !going_on
        && !tasks::find(&run.task_id).is_none_or(|entry| entry.info.items_path.is_empty());
    let again = run.clone();
    let same = {
        let run = run.clone();
        move || same_model(state, &run)
    };
    let other = same.clone();
    view! {
        <section class="stack" data-testid="result">
            <h2>{title_of(&run)} {run.demo.then(|| view! { " " <span class="badge demo">"demonstration"</span> })}</h2>
            <p class="lede" data-testid="result-sentence">{summary.sentence.clone()}</p>
            <dl class="facts">
                <dt>"Model"</dt><dd>{run.engine.model_name.clone()} ", " {run.engine.quantization.clone()} ", " {run.engine.adapter.clone()}</dd>
                <dt>"Begun"</dt><dd>{when(run.started_at)}</dd>
                <dt>"Status"</dt><dd data-testid="result-status">{status}</dd>
                <dt>"Items"</dt><dd>{results.len()} " of " {run.n_items}</dd>
                <dt>"Seed"</dt><dd>{run.settings.seed.to_string()}</dd>
            </dl>
            <div class="row">
                <button type="button" data-testid="export-json" on:click=as_json>"Save as JSON"</button>
                <button type="button" data-testid="export-csv" on:click=as_csv>"Save as CSV"</button>
                <button type="button" data-testid="export-inspect" on:click=as_inspect>"Save for inspect_ai (JSON)"</button>
                <button type="button" data-testid="export-eval" on:click=as_eval>"Save for inspect_ai (.eval)"</button>
                <button type="button" data-testid="export-lm-eval" on:click=as_lm_eval>"Save for lm-eval"</button>
                {if super::similarity_page::TASKS.contains(&run.task_id.as_str()) {
                    let link = to(&format!("/similarity?run={}", run.id));
                    view! { <A href=link attr:class="button" attr:data-testid="open-similarity">"Open on the similarity page"</A> }.into_any()
                } else {
                    view! { <A href=again_link attr:class="button" attr:data-testid="run-again">"Run again in the same way"</A> }.into_any()
                }}
                {looked_up}
                {resumable.then(|| view! {
                    <button type="button" data-testid="result-resume" disabled=move || !same() on:click=move |_| resume(state, again.clone())>"Resume"</button>
                    <span class="hint">{move || (!other()).then_some("Load the same model first.")}</span>
                })}
            </div>
            <Counts results=results.clone() />
            {agreed}
            {others}
            <Chart figure=summary.figure />
            {summary.more.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}
            <details open>
                <summary>"Every item"</summary>
                <ol class="item-list">{results.into_iter().map(|result| view! {
                    <ItemView result=result run=of_items.clone() verdicts=verdicts on_verdict=on_verdict />
                }).collect_view()}</ol>
            </details>
        </section>
    }
}

/// Stored runs, and one of them in full.
#[component]
pub fn ResultsPage() -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.get().get("run"));
    let with = Memo::new(move |_| query.get().get("with"));
    let runs = LocalResource::new(move || {
        state.records_version.get();
        async move {
            let mut runs: Vec<Run> = state.list(Collection::Runs, None).await;
            runs.reverse();
            runs
        }
    });
    let stored = move |id: Option<String>| async move {
        let id = id?;
        let run: Run = state.get(Collection::Runs, &id).await?;
        let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&id)).await;
        results.sort_by_key(|result| result.index);
        Some((run, results))
    };
    let load = move |wanted: Memo<Option<String>>| {
        let loaded = LocalResource::new(move || {
            state.records_version.get();
            stored(wanted.get())
        });
        // A verdict of the person changes the records but not the run: what is open stays open.
        Memo::new(move |_| loaded.get().flatten())
    };
    let (open, other) = (load(wanted), load(with));
    let list = move || {
        runs.get().map(|runs| {
            if runs.is_empty() {
                return view! { <p data-testid="no-results">"No run is stored yet. " <A href=to("/tasks")>"Run a benchmark"</A> ", and it will be here."</p> }.into_any();
            }
            let rows = runs.into_iter().map(|run| {
                let title = title_of(&run);
                view! {
                <tr data-testid="run-row">
                    <td><A href=to(&format!("/results?run={}", run.id))>{title}</A></td>
                    <td>{run.engine.model_name.clone()}</td>
                    <td>{when(run.started_at)}</td>
                    <td>{status_in_words(&run.status, false)}</td>
                </tr>
            }});
            view! {
                <div class="scroll-x"><table data-testid="run-list">
                    <caption>"Runs in this browser, newest first"</caption>
                    <thead><tr><th scope="col">"Task"</th><th scope="col">"Model"</th><th scope="col">"Begun"</th><th scope="col">"Status"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table></div>
            }.into_any()
        })
    };
    view! {
        <Heading text="Results" />
        {move || Some((open.get()?, other.get()?)).map(|(first, second)| view! { <CompareView first=first second=second /> })}
        {move || open.get().map(|(run, results)| {
            let runs = runs.get_untracked().unwrap_or_default();
            view! { <RunView run=run results=results runs=runs /> }
        })}
        {list}
    }
}
