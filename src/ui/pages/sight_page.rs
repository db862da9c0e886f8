//! Pictures: a classifier of ten classes that may abstain, from clean to unrecognizable, one picture or a whole set.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use wasm_bindgen::JsCast;

use super::models_page::LoadProgress;
use super::run_page::status_in_words;
use super::sight_set::PictureSetPanel;
use crate::app::bytes_in_words;
use crate::app::sight::Seen;
use crate::eval::abstention::{Abstention, Judge};
use crate::eval::engine::{Response, SelfTest};
use crate::eval::item::Item;
use crate::eval::picture_set::gold_in_words;
use crate::eval::run::{ItemResult, Run};
use crate::eval::sight::{ABSTAIN, CLASSES, MAX_SEVERITY, Operation, SLOTS, View, hellinger, one_hot, slot_name};
use crate::eval::tasks::visalign::{PICTURES, evidence_of, gold_answer, set_items, with_crops};
use crate::report::sight::{Reading, judge_of, reliability_at, sight_figures};
use crate::ui::charts::{Chart, estimate_in_words};
use crate::ui::components::field::SliderField;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::sight_state::{SightState, use_sight};
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
    function: RwSignal<Abstention>,
    threshold: RwSignal<f64>,
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

/// The chosen function, fitted on the shown run; or why it cannot be.
#[derive(Clone)]
struct Fit {
    /// Function, run, and how many results it had: what a fit depends on.
    key: (Abstention, Option<(String, usize)>),
    /// For the pictures of the run.
    of_run: Result<Arc<Judge>, String>,
    /// For a picture looked at alone: needs the run only where the function is fitted.
    alone: Result<Arc<Judge>, String>,
}

impl PartialEq for Fit {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Fit {
    fn new(function: Abstention, finished: Option<&(Run, Vec<ItemResult>)>) -> Self {
        let results = finished.map_or(&[][..], |(_, results)| results);
        let judge = |results| judge_of(function, results).map(Arc::new).map_err(|error| error.to_string());
        let of_run = judge(results);
        let alone = if function.is_fitted() { of_run.clone() } else { judge(&[]) };
        Self { key: (function, finished.map(|(run, results)| (run.id.clone(), results.len()))), of_run, alone }
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

fn percent(value: f64) -> String {
    format!("{:.0} %", 100.0 * value)
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
    let loaded = Memo::new(move |_| sight.sight.with(|sight| sight.models.loaded.is_some()));
    Effect::new(move |_| {
        let view = choices.view();
        if loaded.get() {
            sight.want(view);
        }
    });
    let stored: RwSignal<Option<(Run, Vec<ItemResult>)>> = RwSignal::new(None);
    spawn_local(async move { stored.set(sight.last_run().await) });
    // While a run goes on its figures would be drawn anew with every picture.
    let finished: Finished = Memo::new(move |_| {
        let (busy, active) = sight.sight.with(|sight| (sight.runs.command().is_some(), sight.runs.active.clone()));
        let own = active.filter(|it| !busy && !it.results.is_empty()).map(|it| (it.run, it.results));
        own.or_else(|| stored.get())
    });
    let fit = Memo::new(move |_| finished.with(|finished| Fit::new(choices.function.get(), finished.as_ref())));
    view! {
        <Heading text="Sight: act or abstain" />
        <p>
            "Ten classes, or none of them: does a model name what it sees, and does it hold back when nobody could tell? \
             Choose a picture, spoil it step by step, and watch its answer beside yours. The rules follow VisAlign."
        </p>
        <LoadPanel sight=sight />
        <Show when=move || loaded.get()>
            <div class="sight-columns">
                <PicturePanel sight=sight choices=choices />
                <AnswerPanel sight=sight choices=choices fit=fit />
            </div>
        </Show>
        <PictureChooser sight=sight choices=choices />
        <PictureSetPanel sight=sight choices=choices />
        <SetRun sight=sight choices=choices finished=finished fit=fit />
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
fn PictureChooser(sight: SightState, choices: Choices) -> impl IntoView {
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
                    on:change=move |event| if let Some(file) = file_of(&event) { pick(sight.open(&file)); } />
                <span class="hint">"It stays in this browser. Only its pixels are read: place and time in the file are dropped."</span>
            </div>
        </fieldset>
    }
}

#[component]
fn PicturePanel(sight: SightState, choices: Choices) -> impl IntoView {
    let seen = move || sight.sight.with(|sight| sight.seen.clone());
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

/// Eleven bars.
fn slot_bars(answer: &[f64; SLOTS], decision: usize, own: Option<usize>) -> impl IntoView + use<> {
    let rows = answer
        .iter()
        .enumerate()
        .map(|(slot, p)| {
            let marks = match (slot == decision, own == Some(slot)) {
                (true, true) => " (model and you)",
                (true, false) => " (model)",
                (false, true) => " (you)",
                (false, false) => "",
            };
            let unknown = CLASSES.get(slot).is_some_and(|class| class.labels.is_empty());
            let name = format!("{}{marks}", slot_name(slot));
            view! {
                <div class="lens-bar">
                    <span class:chosen=slot == decision title=unknown.then_some("the model has no such class")>{name} {unknown.then_some(" *")}</span>
                    <meter min="0" max="1" value=p.to_string() aria-label=slot_name(slot)></meter>
                    <span class="number">{percent(*p)}</span>
                </div>
            }
        })
        .collect_view();
    view! { <div class="slots" data-testid="sight-slots">{rows}</div> }
}

fn top_view(response: &Response) -> impl IntoView + use<> {
    let Response::Classified { top, millis, .. } = response else { return ().into_any() };
    let words: Vec<String> = top.iter().map(|it| format!("{} {:.1} %", it.name, 100.0 * it.probability)).collect();
    view! {
        <p class="hint" data-testid="sight-top">
            "Of the model's own 1000 classes: " {words.join(", ")} ". " {format!("{millis:.0} ms.")}
        </p>
    }
    .into_any()
}

/// How far two of model, person and protocol are apart, where they have an answer.
fn distances(answer: &[f64; SLOTS], own: Option<usize>, seen: &Seen, of_set: Option<&Item>) -> AnyView {
    let of_own = own.map(|own| format!("Model to you: {:.2}.", hellinger(answer, &one_hot(own))));
    let picture = PICTURES.iter().find(|picture| picture.source() == seen.view.source);
    if let Some(item) = of_set {
        let words = match gold_answer(item).filter(|_| seen.view.severity == 0) {
            Some(gold) => {
                format!(
                    "Model to the label of this picture ({}): {:.2}.",
                    gold_in_words(item),
                    hellinger(answer, &gold)
                )
            }
            None => "This picture has no gold label.".to_owned(),
        };
        return view! { <p data-testid="sight-distance">"Distance (Hellinger, 0 same, 1 nothing shared). " {of_own} " " {words}</p> }.into_any();
    }
    let gold = picture.and_then(|picture| (seen.view.severity == 0 || picture.slot == ABSTAIN).then_some(picture.slot));
    let of_gold = match (picture, gold) {
        (_, Some(gold)) => {
            let words = slot_name(gold);
            format!("Model to the label of this picture ({words}): {:.2}.", hellinger(answer, &one_hot(gold)))
        }
        (Some(_), None) => "A corrupted picture of a class has no gold label: people would have to give it.".to_owned(),
        (None, None) => "Your own picture has no gold label but yours.".to_owned(),
    };
    view! { <p data-testid="sight-distance">"Distance (Hellinger, 0 same, 1 nothing shared). " {of_own} " " {of_gold}</p> }
    .into_any()
}

/// What a judge makes of the picture that was seen: its rate, answer and decision.
fn judged(seen: &Seen, judge: &Judge, threshold: f64) -> Option<(f64, [f64; SLOTS], usize)> {
    let evidence = evidence_of(&seen.response)?;
    let rate = judge.rate(&seen.view.source, &evidence)?;
    Some((rate, judge.answer(&evidence, rate), judge.decide(&evidence, rate, threshold)))
}

#[component]
fn AnswerPanel(sight: SightState, choices: Choices, fit: Memo<Fit>) -> impl IntoView {
    let seen = move || sight.sight.with(|sight| sight.seen.clone());
    let found = move || {
        let judge = fit.get().alone.ok()?;
        judged(&seen()?, &judge, choices.threshold.get())
    };
    let said = move || {
        if let Err(detail) = fit.get().alone {
            return Some(detail);
        }
        found().map(|(rate, _, decision)| match decision {
            ABSTAIN => format!("The model abstains (abstention rate {}).", percent(rate)),
            slot => format!("The model says: {} (abstention rate {}).", slot_name(slot), percent(rate)),
        })
    };
    let basis = move || fit.get().alone.ok().map(|judge| judge.basis.clone()).filter(|basis| !basis.is_empty());
    view! {
        <section class="panel stack" aria-label="Answers">
            <p class="sight-said" role="status" data-testid="sight-said">{said}</p>
            {move || found().map(|(_, answer, decision)| slot_bars(&answer, decision, choices.own_answer.get()))}
            {move || basis().map(|basis| view! { <p class="hint" data-testid="sight-basis">{basis}</p> })}
            <p class="hint">"* ImageNet-1k has no such class, so this model can only abstain there."</p>
            {move || seen().map(|seen| top_view(&seen.response))}
            <div class="form-grid sight-answers">
                <div class="field">
                    <label for="sight-function">"How sure it is, measured by"</label>
                    <select id="sight-function" data-testid="sight-function" on:change=move |event| {
                        if let Some(function) = Abstention::from_id(&event_target_value(&event)) { choices.function.set(function); }
                    }>
                        {Abstention::ALL.into_iter().map(|function| view! {
                            <option value=function.id() selected=move || choices.function.get() == function>{function.name()}</option>
                        }).collect_view()}
                    </select>
                </div>
                <SliderField id="sight-threshold" label="Abstains from an abstention rate of" hint="Moves every decision and figure on this page." range=(0.0, 1.0, 0.01) value=choices.threshold />
                <div class="field">
                    <label for="sight-own">"Your own answer"</label>
                    <select id="sight-own" data-testid="sight-own" on:change=move |event| {
                        choices.own_answer.set(event_target_value(&event).parse().ok());
                    }>
                        <option value="" selected=move || choices.own_answer.get().is_none()>"not given"</option>
                        {(0..SLOTS).map(|slot| view! {
                            <option value=slot.to_string() selected=move || choices.own_answer.get() == Some(slot)>
                                {if slot == ABSTAIN { "I can't tell, or none of them" } else { slot_name(slot) }}
                            </option>
                        }).collect_view()}
                    </select>
                    <span class="hint">"Shown beside the model's; it is not recorded."</span>
                </div>
            </div>
            {move || seen().and_then(|seen| {
                let (_, answer, _) = found()?;
                let item = sight.item_of(&seen.view.source);
                Some(distances(&answer, choices.own_answer.get(), &seen, item.as_ref()))
            })}
        </section>
    }
}

#[component]
fn SetRun(sight: SightState, choices: Choices, finished: Finished, fit: Memo<Fit>) -> impl IntoView {
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
    let busy = move || sight.sight.with(|sight| sight.runs.command().is_some());
    let ready = move || sight.sight.with(|sight| sight.models.loaded.is_some());
    let active = move || sight.sight.with(|sight| sight.runs.active.clone());
    let progress =
        Signal::derive(move || active().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)));
    let label = Signal::derive(move || {
        active().map_or_else(|| "starting".to_owned(), |it| status_in_words(&it.run.status, busy()))
    });
    let words = Signal::derive(move || format!("{} of {} pictures", progress.get().0, progress.get().1));
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
            <div class="row">
                <button type="button" class="primary" data-testid="sight-run" disabled=move || busy() || !ready()
                    on:click=move |_| sight.run(&items(), 1)>{move || format!("Run {} pictures", items().len())}</button>
                <button type="button" data-testid="sight-stop" disabled=move || !busy() on:click=move |_| sight.cancel_run()>"Stop"</button>
            </div>
            <Show when=busy>
                <ProgressBar label=label progress=progress words=words />
            </Show>
        </section>
        {move || finished.get().map(|(run, results)| {
            let reading = fit.get().of_run.map(|judge| Reading { judge: Judge::clone(&judge), threshold: choices.threshold.get() });
            let reading = match reading {
                Ok(reading) => reading,
                Err(detail) => return view! { <p class="panel" role="status" data-testid="sight-unfit">{detail}</p> }.into_any(),
            };
            let open = to(&format!("/results?run={}", run.id));
            let figures = sight_figures(&run, &results, &reading);
            view! {
                <section class="stack" data-testid="sight-figures">
                    <h2>"What the run comes to"</h2>
                    <p>
                        {format!("{} of {} pictures have an answer by {}. ", results.len(), run.n_items, run.engine.model_name)}
                        <A href=open attr:data-testid="sight-open">"Open as a result"</A>
                    </p>
                    <SliderField id="sight-cost" label="Cost of a wrong answer" hint="1 for a right answer, 0 for abstaining, minus this for a wrong one." range=(0.0, 20.0, 0.5) value=cost />
                    <p role="status" data-testid="sight-reliability">{
                        let (results, cost) = (results.clone(), cost);
                        move || reliability_at(&results, &reading, cost.get()).map(|it| {
                            format!("Reliability at cost {}: {}.", cost.get(), estimate_in_words(&it, false))
                        })
                    }</p>
                    {figures.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}
                </section>
            }
            .into_any()
        })}
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
                "The model was trained on ImageNet's 1000 classes, not on the ten: its classes are mapped to them, and what it \
                 gives to other things counts as abstaining. Four of the ten have no class in ImageNet. The built-in set has \
                 pictures of VisAlign's categories 1, 4, 6 and 8 only, and few of them: it shows how the measure works, not \
                 how good a model is. Frost is drawn, since the original lays photographs over the picture."
            </p>
            <ul>{mapped}</ul>
        </details>
    }
}
