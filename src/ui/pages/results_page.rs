//! Stored runs, and one of them in full.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;

use super::run_page::{resume, same_model, status_in_words};
use crate::eval::run::{ItemResult, Run, RunStatus};
use crate::eval::tasks;
use crate::protocol::NoticeKind;
use crate::report::export::{run_to_csv, run_to_json};
use crate::report::run_summary::run_summary;
use crate::store::Collection;
use crate::ui::charts::Chart;
use crate::ui::components::counts::Counts;
use crate::ui::components::item_view::ItemView;
use crate::ui::download;
use crate::ui::state::{State, use_state, words_of};
use crate::ui::{Heading, to};

fn title_of(run: &Run) -> String {
    tasks::find(&run.task_id).map_or_else(|| run.task_id.clone(), |entry| entry.info.title.to_owned())
}

fn when(millis: f64) -> String {
    let date = js_sys::Date::new(&millis.into());
    String::from(date.to_iso_string()).replace('T', " ").chars().take(16).collect::<String>() + " UTC"
}

fn save_file(state: State, name: &str, kind: &str, text: Result<String, impl std::fmt::Display>) {
    match text {
        Ok(text) => {
            if let Err(error) = download::offer(name, kind, &text) {
                state.notify(NoticeKind::Unexpected, words_of(&error));
            }
        }
        Err(error) => state.notify(NoticeKind::Unexpected, error.to_string()),
    }
}

/// A run in full.
#[component]
fn RunView(run: Run, results: Vec<ItemResult>) -> impl IntoView {
    let state = use_state();
    let summary = run_summary(&run, &results);
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
        let (run, results) = (run.clone(), results.clone());
        move |_| save_file(state, &format!("{name}.csv"), "text/csv", run_to_csv(&run, &results))
    };
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
                {resumable.then(|| view! {
                    <button type="button" data-testid="result-resume" disabled=move || !same() on:click=move |_| resume(state, again.clone())>"Resume"</button>
                    <span class="hint">{move || (!other()).then_some("Load the same model first.")}</span>
                })}
            </div>
            <Counts results=results.clone() />
            <Chart figure=summary.figure />
            {summary.more.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}
            <details open>
                <summary>"Every item"</summary>
                <ol class="item-list">{results.into_iter().map(|result| view! { <ItemView result=result /> }).collect_view()}</ol>
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
    let runs = LocalResource::new(move || {
        state.records_version.get();
        async move {
            let mut runs: Vec<Run> = state.list(Collection::Runs, None).await;
            runs.reverse();
            runs
        }
    });
    let open = LocalResource::new(move || {
        let wanted = wanted.get();
        state.records_version.get();
        async move {
            let id = wanted?;
            let run: Run = state.get(Collection::Runs, &id).await?;
            let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&id)).await;
            results.sort_by_key(|result| result.index);
            Some((run, results))
        }
    });
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
        {move || open.get().flatten().map(|(run, results)| view! { <RunView run=run results=results /> })}
        {list}
    }
}
