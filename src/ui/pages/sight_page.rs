//! Pictures: a classifier of ten classes that may abstain, from clean to unrecognizable, one picture or a whole set.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use wasm_bindgen::JsCast;

use super::models_page::LoadProgress;
use super::run_page::status_in_words;
use super::sight_answers::{AnswerPanel, BetweenModels, ReadingPanel};
use super::sight_clip::ClipPanel;
use super::sight_set::PictureSetPanel;
use crate::app::bytes_in_words;
use crate::eval::abstention::{Abstention, Judge};
use crate::eval::engine::SelfTest;
use crate::eval::item::Item;
use crate::eval::run::{ItemResult, Run};
use crate::eval::sight::{CLASSES, Labels, MAX_SEVERITY, Operation, View};
use crate::eval::tasks::visalign::{PICTURES, set_items, with_crops};
use crate::report::sight::{Reading, judge_of, reliability_at, sight_figures};
use crate::ui::charts::{Chart, estimate_in_words};
use crate::ui::components::field::SliderField;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::sight_state::{SightState, use_clip, use_sight};
use crate::ui::{Heading, to};

/// Size of the built-in classifier's file in bytes, for the button that loads it.
const MODEL_BYTES: u64 = 18_798_472;
/// Severities of a short run over the set.
const FEW_SEVERITIES: [u8; 4] = [1, 4, 7, 10];

/// What a person chose on the page.
#[derive(Clone, Copy)]
pub struct Choices {
    pub(super) source: RwSignal<String>,
    operation: RwSignal<Operation>,
    severity: RwSignal<u8>,
    pub(super) function: RwSignal<Abstention>,
    pub(super) threshold: RwSignal<f64>,
    pub(super) own_answer: RwSignal<Option<usize>>,
    /// Whether runs look at the corners too.
    pub(super) crops: RwSignal<bool>,
}

impl Choices {
    fn view(self) -> View {
        View {
            source: self.source.get(),
            operation: self.operation.get(),
            severity: self.severity.get(),
            seed: 1,
            crops: self.function.get() == Abstention::Crops,
        }
    }
}

/// The run whose figures are shown.
type Finished = Memo<Option<(Run, Vec<ItemResult>)>>;

/// What a fit depends on besides the function: the run and how many results it had, and the loaded model.
type FitKey = (Abstention, Option<(String, usize)>, Option<(String, u64)>);

/// The chosen function, fitted on the shown run; or why it cannot be.
#[derive(Clone)]
pub(super) struct Fit {
    key: FitKey,
    /// For the pictures of the run.
    of_run: Result<Arc<Judge>, String>,
    /// For a picture looked at alone: needs a run of the loaded model only where the function has no scale without.
    pub(super) alone: Result<Arc<Judge>, String>,
}

impl PartialEq for Fit {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Fit {
    fn new(
        function: Abstention,
        labels: Labels,
        finished: Option<&(Run, Vec<ItemResult>)>,
        loaded: Option<(String, u64)>,
    ) -> Self {
        let results = finished.map_or(&[][..], |(_, results)| results);
        let of_run = judge_of(function, results).map(Arc::new).map_err(|error| error.to_string());
        let same = finished.is_some_and(|(run, _)| {
            loaded.as_ref().is_some_and(|it| *it == (run.engine.model_id.clone(), run.engine.size_bytes))
        });
        let alone = match Judge::alone(function, labels) {
            Ok(judge) => Ok(Arc::new(judge)),
            Err(_) if same => of_run.clone(),
            Err(error) => Err(error.to_string()),
        };
        Self { key: (function, finished.map(|(run, results)| (run.id.clone(), results.len())), loaded), of_run, alone }
    }
}

/// A model of the page: its worker, the run whose figures are shown, and the chosen function fitted on it.
#[derive(Clone, Copy)]
pub struct Side {
    pub(super) sight: SightState,
    /// Begins the names by which tests find its parts.
    pub(super) prefix: &'static str,
    pub(super) labels: Labels,
    finished: Finished,
    pub(super) fit: Memo<Fit>,
}

impl Side {
    fn new(sight: SightState, prefix: &'static str, labels: Labels, choices: Choices) -> Self {
        let stored: RwSignal<Option<(Run, Vec<ItemResult>)>> = RwSignal::new(None);
        spawn_local(async move { stored.set(sight.last_run(labels).await) });
        // While a run goes on its figures would be drawn anew with every picture.
        let finished: Finished = Memo::new(move |_| {
            let (busy, active) = sight.sight.with(|sight| (sight.runs.command().is_some(), sight.runs.active.clone()));
            let own = active.filter(|it| !busy && !it.results.is_empty()).map(|it| (it.run, it.results));
            own.or_else(|| stored.get())
        });
        let model = Memo::new(move |_| {
            let loaded = |it: &crate::app::models::Loaded| (it.info.model_id.clone(), it.info.size_bytes);
            sight.sight.with(|sight| sight.models.loaded.as_ref().map(loaded))
        });
        let fit = Memo::new(move |_| {
            finished.with(|finished| Fit::new(choices.function.get(), labels, finished.as_ref(), model.get()))
        });
        Self { sight, prefix, labels, finished, fit }
    }

    /// Whether its model is loaded.
    pub(super) fn is_loaded(self) -> bool {
        self.sight.sight.with(|sight| sight.models.loaded.is_some())
    }

    fn is_busy(self) -> bool {
        self.sight.sight.with(|sight| sight.runs.command().is_some())
    }

    /// Whether it can be shown this picture: one of a set only if its worker has the set.
    fn has(self, source: &str) -> bool {
        !source.starts_with("set:") || self.sight.item_of(source).is_some()
    }
}

fn file_of(event: &web_sys::Event) -> Option<web_sys::File> {
    let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
    input.and_then(|input| input.files()).and_then(|files| files.get(0))
}

/// The picture's name for people.
fn name_of(source: &str) -> String {
    let built_in = PICTURES.iter().find(|picture| picture.source() == source);
    let of_set = || source.strip_prefix("set:").and_then(|path| path.split_once('/')).map(|(_, path)| path.to_owned());
    built_in.map_or_else(|| of_set().unwrap_or_else(|| "your picture".to_owned()), |picture| picture.name.to_owned())
}

/// The page about pictures.
#[component]
pub fn SightPage() -> impl IntoView {
    let sight = use_sight();
    let choices = Choices {
        source: RwSignal::new(PICTURES[0].source()),
        operation: RwSignal::new(Operation::DefocusBlur),
        severity: RwSignal::new(0),
        function: RwSignal::new(Abstention::Mass),
        threshold: RwSignal::new(0.5),
        own_answer: RwSignal::new(None),
        crops: RwSignal::new(false),
    };
    let sides =
        [Side::new(sight, "sight", Labels::ImageNet, choices), Side::new(use_clip(), "clip", Labels::Prompts, choices)];
    for side in sides {
        let loaded = Memo::new(move |_| side.is_loaded());
        Effect::new(move |_| {
            let view = choices.view();
            if loaded.get() && side.has(&view.source) {
                side.sight.want(view);
            }
        });
    }
    let any = Memo::new(move |_| sides.into_iter().any(Side::is_loaded));
    let both = Memo::new(move |_| sides.into_iter().all(Side::is_loaded));
    view! {
        <Heading text="Sight: act or abstain" />
        <p>
            "Ten classes, or none of them: does a model name what it sees, and does it hold back when nobody could tell? \
             Choose a picture, spoil it step by step, and watch its answer beside yours. The rules follow VisAlign."
        </p>
        <LoadPanel sight=sight />
        <ClipPanel clip=sides[1].sight />
        <Show when=move || any.get()>
            <div class="sight-columns">
                <PicturePanel sides=sides choices=choices />
                <div class="stack">
                    <div class="sight-models">
                        {sides.map(|side| view! {
                            <Show when=move || side.is_loaded()><AnswerPanel side=side choices=choices /></Show>
                        }).into_iter().collect_view()}
                    </div>
                    <Show when=move || both.get()><BetweenModels sides=sides choices=choices /></Show>
                    <ReadingPanel choices=choices />
                </div>
            </div>
        </Show>
        <PictureChooser sides=sides choices=choices />
        <PictureSetPanel sides=sides choices=choices />
        <SetRun sides=sides choices=choices />
        <Limits />
    }
}

#[component]
fn LoadPanel(sight: SightState) -> impl IntoView {
    let models = Signal::derive(move || sight.sight.with(|sight| sight.models.clone()));
    let loading = move || models.with(|models| models.loading.clone());
    let loaded = move || sight.sight.with(|sight| sight.models.loaded.clone());
    view! {
        <LoadProgress models=models on_cancel=Callback::new(move |()| sight.cancel_load()) />
        {move || loaded().map(|loaded| {
            let check = match loaded.info.self_test {
                SelfTest::Passed { .. } => "checked against stored values",
                SelfTest::Failed { .. } | SelfTest::Unverified { .. } => "not checked: no values are stored for this file",
            };
            view! {
                <p class="device-line cpu" data-testid="sight-loaded">
                    {loaded.info.model_name.clone()} " is ready on the processor, " {check} ", "
                    {bytes_in_words(loaded.heap_bytes)} " of memory."
                </p>
            }
        })}
        <Show when=move || loaded().is_none() && loading().is_none()>
            <section class="panel" data-testid="sight-needs-model">
                <p>"No picture model is loaded. It runs in this browser; no picture is sent anywhere."</p>
                <div class="row">
                    <button type="button" class="primary" data-testid="sight-load" on:click=move |_| sight.load(None)>
                        {format!("Load EfficientNet-Lite0 ({})", bytes_in_words(MODEL_BYTES))}
                    </button>
                    <div class="field">
                        <label for="sight-model-file">"or your own copy of it (safetensors)"</label>
                        <input type="file" id="sight-model-file" data-testid="sight-model-file" accept=".safetensors"
                            on:change=move |event| if let Some(file) = file_of(&event) { sight.load(Some(file)); } />
                    </div>
                </div>
            </section>
        </Show>
    }
}

#[component]
fn PictureChooser(sides: [Side; 2], choices: Choices) -> impl IntoView {
    let pick = move |source: String| {
        choices.own_answer.set(None);
        choices.source.set(source);
    };
    let site_root = document().base_uri().ok().flatten().unwrap_or_default();
    let pictures = PICTURES
        .iter()
        .map(|picture| {
            let source = picture.source();
            let address = format!("{site_root}{source}");
            let (own, chosen) = (source.clone(), source);
            view! {
                <label class="thumb">
                    <input type="radio" name="sight-picture" value=picture.id prop:checked=move || choices.source.get() == own
                        on:change=move |_| pick(chosen.clone()) />
                    <img src=address alt="" width="96" height="96" loading="lazy" />
                    <span>{picture.name}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="panel">
            <legend>"Picture"</legend>
            <div class="thumbs" data-testid="sight-pictures">{pictures}</div>
            <div class="field">
                <label for="sight-file">"or a photograph of your own"</label>
                <input type="file" id="sight-file" data-testid="sight-file" accept="image/*"
                    on:change=move |event| if let Some(file) = file_of(&event) {
                        let source = sides[0].sight.open(&file);
                        sides[1].sight.take_picture(&source, &file);
                        pick(source);
                    } />
                <span class="hint">"It stays in this browser. Only its pixels are read: place and time in the file are dropped."</span>
            </div>
        </fieldset>
    }
}

#[component]
fn PicturePanel(sides: [Side; 2], choices: Choices) -> impl IntoView {
    // Both see the same; the first loaded one shows it.
    let seen = move || {
        let side = sides.into_iter().find(|side| side.is_loaded())?;
        side.sight.sight.with(|sight| sight.seen.clone())
    };
    let words = move |view: &View| {
        let name = name_of(&view.source);
        match view.severity {
            0 => format!("{name}, clean"),
            severity => format!("{name}, {} {severity} of {MAX_SEVERITY}", view.operation.name()),
        }
    };
    view! {
        <section class="panel stack" aria-label="Picture as the model sees it">
            {move || seen().map(|seen| {
                let words = words(&seen.view);
                view! {
                    <figure class="sight-picture">
                        <img src=seen.picture.clone() alt=words.clone() width="256" height="256" data-testid="sight-picture" />
                        <figcaption data-testid="sight-view">{words}</figcaption>
                    </figure>
                }
            })}
            <div class="field">
                <label for="sight-operation">"What is done to it"</label>
                <select id="sight-operation" data-testid="sight-operation" on:change=move |event| {
                    if let Some(operation) = Operation::from_id(&event_target_value(&event)) { choices.operation.set(operation); }
                }>
                    {Operation::ALL.into_iter().map(|operation| view! {
                        <option value=operation.id() selected=move || choices.operation.get() == operation>{operation.name()}</option>
                    }).collect_view()}
                </select>
            </div>
            <div class="field">
                <label for="sight-severity">"How much: " <output>{move || match choices.severity.get() {
                    0 => "0, clean".to_owned(),
                    severity => format!("{severity} of {MAX_SEVERITY}"),
                }}</output></label>
                <input type="range" id="sight-severity" data-testid="sight-severity" min="0" max=MAX_SEVERITY.to_string() step="1"
                    aria-valuetext=move || format!("{} {} of {MAX_SEVERITY}", choices.operation.get().name(), choices.severity.get())
                    prop:value=move || choices.severity.get().to_string()
                    on:input=move |event| if let Ok(severity) = event_target_value(&event).parse() { choices.severity.set(severity); } />
                <span class="hint">"From clean to unrecognizable."</span>
            </div>
        </section>
    }
}

#[component]
fn SetRun(sides: [Side; 2], choices: Choices) -> impl IntoView {
    let all_operations = RwSignal::new(false);
    let all_severities = RwSignal::new(false);
    let cost = RwSignal::new(1.0);
    let crops = choices.crops;
    let items = move || {
        let operations = if all_operations.get() { Operation::ALL.to_vec() } else { vec![choices.operation.get()] };
        let severities: Vec<u8> =
            if all_severities.get() { (1..=MAX_SEVERITY).collect() } else { FEW_SEVERITIES.to_vec() };
        let items = set_items(&operations, &severities, 1);
        if crops.get() { with_crops(items) } else { items }
    };
    view! {
        <section class="panel stack">
            <h2>"A whole set"</h2>
            <p>
                "The built-in pictures, clean and spoiled: seven show one of the ten classes, eight show none of them. The run \
                 is saved in this browser, and the figures below follow the function and the threshold chosen above."
            </p>
            <label class="choice">
                <input type="checkbox" data-testid="sight-all-operations" prop:checked=move || all_operations.get()
                    on:change=move |event| all_operations.set(event_target_checked(&event)) />
                {move || format!("All sixteen operations, not only {}", choices.operation.get().name())}
            </label>
            <label class="choice">
                <input type="checkbox" data-testid="sight-all-severities" prop:checked=move || all_severities.get()
                    on:change=move |event| all_severities.set(event_target_checked(&event)) />
                "All ten severities, not only 1, 4, 7 and 10"
            </label>
            <label class="choice">
                <input type="checkbox" data-testid="sight-crops" prop:checked=move || crops.get()
                    on:change=move |event| crops.set(event_target_checked(&event)) />
                "Look at the four corners of each picture too (five times the time), for the entropy over five crops"
            </label>
            {sides.map(|side| view! { <RunRow side=side items=Signal::derive(items) /> }).into_iter().collect_view()}
            <SliderField id="sight-cost" label="Cost of a wrong answer" hint="1 for a right answer, 0 for abstaining, minus this for a wrong one." range=(0.0, 20.0, 0.5) value=cost />
        </section>
        {sides.map(|side| view! { <RunFigures side=side choices=choices cost=cost /> }).into_iter().collect_view()}
    }
}

/// Starts and stops a run of one model; the second model has a row only when it is loaded.
#[component]
fn RunRow(side: Side, items: Signal<Vec<Item>>) -> impl IntoView {
    let (sight, prefix) = (side.sight, side.prefix);
    let active = move || sight.sight.with(|sight| sight.runs.active.clone());
    let progress =
        Signal::derive(move || active().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)));
    let label = Signal::derive(move || {
        active().map_or_else(|| "starting".to_owned(), |it| status_in_words(&it.run.status, side.is_busy()))
    });
    let words = Signal::derive(move || format!("{} of {} pictures", progress.get().0, progress.get().1));
    let with = move || match side.labels {
        Labels::ImageNet => "",
        Labels::Prompts => " with CLIP",
    };
    view! {
        <Show when=move || side.labels == Labels::ImageNet || side.is_loaded()>
            <div class="row">
                <button type="button" class="primary" data-testid=format!("{prefix}-run") disabled=move || side.is_busy() || !side.is_loaded()
                    on:click=move |_| sight.run(&items.get_untracked(), 1)>{move || format!("Run {} pictures{}", items.with(Vec::len), with())}</button>
                <button type="button" data-testid=format!("{prefix}-stop") disabled=move || !side.is_busy() on:click=move |_| sight.cancel_run()>"Stop"</button>
            </div>
        </Show>
        <Show when=move || side.is_busy()>
            <ProgressBar label=label progress=progress words=words />
        </Show>
    }
}

/// The figures of one model's run.
#[component]
fn RunFigures(side: Side, choices: Choices, cost: RwSignal<f64>) -> impl IntoView {
    let prefix = side.prefix;
    move || {
        side.finished.get().map(|(run, results)| {
            let reading = side
                .fit
                .get()
                .of_run
                .map(|judge| Reading { judge: Judge::clone(&judge), threshold: choices.threshold.get() });
            let reading = match reading {
                Ok(reading) => reading,
                Err(detail) => {
                    let id = format!("{prefix}-unfit");
                    return view! { <p class="panel" role="status" data-testid=id>{detail}</p> }.into_any();
                }
            };
            let open = to(&format!("/results?run={}", run.id));
            let figures = sight_figures(&run, &results, &reading);
            let heading = match side.labels {
                Labels::ImageNet => "What the run comes to",
                Labels::Prompts => "What the run with CLIP comes to",
            };
            view! {
                <section class="stack" data-testid=format!("{prefix}-figures")>
                    <h2>{heading}</h2>
                    <p>
                        {format!("{} of {} pictures have an answer by {}. ", results.len(), run.n_items, run.engine.model_name)}
                        <A href=open attr:data-testid=format!("{prefix}-open")>"Open as a result"</A>
                    </p>
                    <p role="status" data-testid=format!("{prefix}-reliability")>{
                        let results = results.clone();
                        move || reliability_at(&results, &reading, cost.get()).map(|it| {
                            format!("Reliability at cost {}: {}.", cost.get(), estimate_in_words(&it, false))
                        })
                    }</p>
                    {figures.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}
                </section>
            }
            .into_any()
        })
    }
}

#[component]
fn Limits() -> impl IntoView {
    let mapped = CLASSES
        .iter()
        .map(|class| {
            let labels = match class.labels {
                [] => "no class of the model".to_owned(),
                labels => format!("ImageNet {}", labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            };
            view! { <li>{class.name} ": " {labels}</li> }
        })
        .collect_view();
    view! {
        <details class="panel">
            <summary>"What this can and cannot show"</summary>
            <p>
                "EfficientNet was trained on ImageNet's 1000 classes, not on the ten: its classes are mapped to them, and what it \
                 gives to other things counts as abstaining. Four of the ten have no class in ImageNet. The built-in set has \
                 pictures of VisAlign's categories 1, 4, 6 and 8 only, and few of them: it shows how the measure works, not \
                 how good a model is. A CLIP-style model knows all ten by eleven prompts of ours; other words would give other numbers. Frost is drawn, since the original lays photographs over the picture."
            </p>
            <ul>{mapped}</ul>
        </details>
    }
}
