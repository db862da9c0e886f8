//! The model takes the study that is open as one more participant, and stands beside the people who took it.

use leptos::prelude::*;

use super::progress_bar::ProgressBar;
use crate::app::models::Models;
use crate::eval::item::Item;
use crate::eval::run::{ItemResult, PromptFormat, Run, RunStatus, Settings};
use crate::eval::tasks::study_participant::ENTRY;
use crate::protocol::NoticeKind;
use crate::report::model_participant::{
    MAX_QUESTIONS, ModelTook, Taker, beside_people, figures, items, sentences, taker, took,
};
use crate::report::study_summary::study_figure;
use crate::store::Collection;
use crate::study::design::Design;
use crate::study::gathering::Gathered;
use crate::study::study::Study;
use crate::ui::charts::Chart;
use crate::ui::download;
use crate::ui::pages::models_page::NeedsModel;
use crate::ui::sight_state::use_sight;
use crate::ui::state::{State, use_state, words_of};

/// Seed of the session that the model takes.
const SEED: u64 = 1;

/// Every complete run of a model over this study, the newest first.
async fn taken(state: State, study: &Study) -> Vec<ModelTook> {
    let runs: Vec<Run> = state.list(Collection::Runs, None).await;
    let mut out = Vec::new();
    for run in runs.into_iter().rev() {
        if run.task_id != ENTRY.info.id || run.status != RunStatus::Complete {
            continue;
        }
        let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&run.id)).await;
        results.sort_by_key(|result| result.index);
        // A run of another study is passed over.
        out.extend(took(study, &run, &results));
    }
    out
}

/// What is said before the model is asked.
fn plainly(study: &Study) -> &'static str {
    match &study.design {
        Design::Preference { .. } => {
            "Here the model itself is the judge of two answers, and nothing tells it which is whose. A model may prefer \
             its own kind of answer: its verdicts are shown beside people's and never counted among them."
        }
        Design::AnswerRating { .. } => {
            "Here the model itself rates the answers, not knowing whose they are; its ratings are shown beside people's \
             and never counted among them."
        }
        Design::Arrangement { .. } => {
            "A text model cannot move things: it rates every pair, and multidimensional scaling puts them on the field. \
             What is compared are the ratings."
        }
        Design::FreeLabel { .. } => "The model writes a name for each thing.",
        Design::Label { .. } => "The model chooses a label, or that it cannot tell.",
        _ => "The model gets every question as participants do, in every order of the things shown.",
    }
}

/// One model's part.
#[component]
fn TookView(study: Study, took: ModelTook, people: Option<Gathered>) -> impl IntoView {
    let state = use_state();
    let beside = people.as_ref().filter(|it| !it.is_empty()).map(|people| beside_people(people, &took));
    let simulated = people.as_ref().is_some_and(|it| it.sessions().any(|session| session.record.simulated));
    let why = beside.as_ref().and_then(|it| it.as_ref().err().cloned());
    let beside = beside.and_then(Result::ok);
    let said = sentences(&study, &took, beside.as_ref());
    let shown = beside.as_ref().map(|beside| figures(&study, &took, beside, simulated)).unwrap_or_default();
    let own = study_figure(&study, &took.judgments, &took.model_name).ok();
    let weights = took.weights_sha256.as_deref().map_or("not known", |it| it.get(..12).unwrap_or(it)).to_owned();
    let facts = format!(
        "{} ({}), weights {weights}, prompts version {}, seed {}",
        took.model_name, took.model_id, took.prompt_version, took.seed
    );
    let name = format!("model-{}_run-{}.json", study.id, took.run_id.get(..8).unwrap_or(&took.run_id));
    let save = move |_| {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "model": took, "beside": beside }));
        let offered = text
            .map_err(|error| error.to_string())
            .and_then(|text| download::offer(&name, "application/json", &text).map_err(|error| words_of(&error)));
        if let Err(detail) = offered {
            state.notify(NoticeKind::Unexpected, detail);
        }
    };
    view! {
        <p class="hint" data-testid="model-facts">{facts}</p>
        <ul data-testid="model-sentences">
            {said.into_iter().chain(why).map(|it| view! { <li>{it}</li> }).collect_view()}
        </ul>
        <div class="class-figures">
            {shown.into_iter().chain(own).map(|figure| view! { <Chart figure=figure /> }).collect_view()}
        </div>
        <p><button type="button" data-testid="save-model-answers" on:click=save>"Save the model's answers"</button></p>
    }
}

/// Lets the loaded model take a study, and shows what it said.
#[component]
pub fn ModelParticipant(
    /// The study.
    study: Study,
    /// The people it is set beside; nobody yet is an empty gathering.
    #[prop(into)]
    people: Signal<Option<Gathered>>,
) -> impl IntoView {
    let state = use_state();
    let sight = use_sight();
    let study = StoredValue::new(study);
    let found = LocalResource::new(move || {
        state.records_version.get();
        async move { taken(state, &study.get_value()).await }
    });
    let chosen = RwSignal::new(None::<String>);
    let kind = study.with_value(taker);
    let is_pictures = kind == Ok(Taker::Pictures);
    let busy = move || {
        if is_pictures {
            sight.sight.with(|sight| sight.runs.command().is_some())
        } else {
            state.runs.with(|runs| runs.command().is_some())
        }
    };
    let is_loaded = move || {
        if is_pictures {
            sight.sight.with(|sight| sight.models.loaded.is_some())
        } else {
            state.models.with(|models| models.loaded.is_some())
        }
    };
    let progress = Signal::derive(move || {
        let done = |active: &crate::app::runs::ActiveRun| (active.results.len() as f64, active.run.n_items as f64);
        if is_pictures {
            sight.sight.with(|sight| sight.runs.active.as_ref().map_or((0.0, 0.0), done))
        } else {
            state.runs.with(|runs| runs.active.as_ref().map_or((0.0, 0.0), done))
        }
    });
    let words = Signal::derive(move || format!("{} of {} questions", progress.get().0, progress.get().1));
    let asked = move || -> Result<Vec<Item>, String> {
        let study = study.get_value();
        people.with_untracked(|people| match people {
            Some(people) => items(&study, SEED, people),
            None => items(&study, SEED, &Gathered::new(study.clone())),
        })
    };
    let start = move |_| match asked() {
        Ok(items) if is_pictures => sight.run_task(ENTRY.info.id, &items, SEED),
        Ok(items) => {
            let lines: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
            let format = if state.models.with_untracked(Models::loaded_is_base) {
                PromptFormat::FewShot
            } else {
                PromptFormat::Chat
            };
            match lines {
                Ok(lines) => {
                    let settings = Settings { seed: SEED, format, ..Settings::default() };
                    chosen.set(None);
                    state.run(ENTRY.info.id.to_owned(), settings, lines.join("\n"), None);
                }
                Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
            }
        }
        Err(detail) => state.notify(NoticeKind::BadItems, detail),
    };
    let stop = move |_| if is_pictures { sight.cancel_run() } else { state.cancel_run() };
    let result = move || {
        let all = found.get().unwrap_or_default();
        let wanted = chosen.get();
        let took = all.iter().find(|it| Some(&it.run_id) == wanted.as_ref()).or_else(|| all.first())?.clone();
        let current = took.run_id.clone();
        let names = (all.len() > 1).then(|| {
            let options = all.iter().map(|it| {
                let selected = it.run_id == current;
                let name = format!("{}, {} questions, run {}", it.model_name, it.n_questions, it.run_id.get(..6).unwrap_or(&it.run_id));
                view! { <option value=it.run_id.clone() selected=selected>{name}</option> }
            });
            view! {
                <div class="field">
                    <label for="model-taken">"Which model's answers"</label>
                    <select id="model-taken" data-testid="model-taken" on:change=move |event| chosen.set(Some(event_target_value(&event)))>
                        {options.collect_view()}
                    </select>
                </div>
            }
        });
        Some(view! {
            <div class="stack" data-testid="model-took">
                {names}
                <TookView study=study.get_value() took=took people=people.get() />
            </div>
        })
    };
    let control = match kind {
        Err(why) => view! { <p data-testid="model-cannot">{why}</p> }.into_any(),
        Ok(_) => view! {
            <p class="hint">{study.with_value(plainly)} {format!(" It is asked {MAX_QUESTIONS} questions at most; its answers are kept as a model's run.")}</p>
            {if is_pictures {
                view! {
                    <Show when=move || !is_loaded()>
                        <p><button type="button" data-testid="load-classifier" disabled=move || sight.sight.with(|sight| sight.models.loading.is_some()) on:click=move |_| sight.load(None)>"Load the classifier of pictures"</button></p>
                    </Show>
                }.into_any()
            } else {
                view! { <NeedsModel what="taking this study" /> }.into_any()
            }}
            <Show when=busy>
                <ProgressBar label="The model takes the study" progress=progress words=words />
            </Show>
            <div class="row">
                <button type="button" data-testid="model-take" disabled=move || busy() || !is_loaded() on:click=start>
                    {if is_pictures { "Let the classifier of pictures take this study" } else { "Let the loaded model take this study" }}
                </button>
                <Show when=busy><button type="button" class="quiet" data-testid="model-stop" on:click=stop>"Stop"</button></Show>
            </div>
        }.into_any(),
    };
    view! {
        <section class="panel stack" data-testid="model-participant">
            <h2>"The model as one more participant"</h2>
            {control}
            {result}
        </section>
    }
}
