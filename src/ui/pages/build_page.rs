//! Make a study without writing a file: template, material, design, texts; preview, simulation, link.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use wasm_bindgen::JsCast;

use super::build_conduct::ConductForm;
use super::judge_start::ShareStudy;
use super::similarity_page::SETS_PATH;
use crate::app::building::complaint;
use crate::eval::stimuli::sets_from_json;
use crate::platform;
use crate::protocol::NoticeKind;
use crate::report::study_plan::{Answering, POOL, Plan, Planted, Pool, expected_minutes, plan};
use crate::study::StudyError;
use crate::study::adaptive::adapts;
use crate::study::draft::{Draft, Kind};
use crate::study::study::{MAX_BYTES, Study};
use crate::ui::charts::Chart;
use crate::ui::components::field::{CountField, SliderField, TextField};
use crate::ui::components::model_participant::ModelParticipant;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::state::{State, use_state, words_of};
use crate::ui::{Heading, picture, to};

/// Participants that are planned for.
const PLANNED: usize = 50;
/// Seed of planted structures, fixed so that the same study always gets the same plan.
const SEED: u64 = 20_240_701;

/// The files of an input, which is emptied so that the same ones can be chosen again.
pub(super) fn files_of(event: &web_sys::Event) -> Vec<web_sys::File> {
    let Some(input) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
        return Vec::new();
    };
    let list = input.files();
    let files = (0..list.as_ref().map_or(0, web_sys::FileList::length))
        .filter_map(|place| list.as_ref().and_then(|list| list.get(place)))
        .collect();
    input.set_value("");
    files
}

/// Reads and writes one field of the draft.
macro_rules! of_draft {
    ($state:expr, $field:ident) => {{
        let draft = $state.draft;
        (
            Signal::derive(move || draft.with(|draft| draft.$field.clone())),
            Callback::new(move |value| draft.update(|draft| draft.$field = value)),
        )
    }};
}

/// The controls.
#[component]
fn DraftForm(state: State, checked: Memo<Result<Study, StudyError>>) -> impl IntoView {
    let kind = Memo::new(move |_| state.draft.with(|draft| draft.kind));
    let error = move |control: &'static str| {
        Signal::derive(move || {
            checked.with(|checked| {
                checked.as_ref().err().map(complaint).filter(|(at, _)| *at == control).map(|(_, sentence)| sentence)
            })
        })
    };
    let (title, set_title) = of_draft!(state, title);
    let (id, set_id) = of_draft!(state, id);
    let (question, set_question) = of_draft!(state, question);
    let (items, set_items) = of_draft!(state, items);
    let (labels, set_labels) = of_draft!(state, labels);
    let (axes, set_axes) = of_draft!(state, axes);
    let (low, set_low) = of_draft!(state, low_label);
    let (high, set_high) = of_draft!(state, high_label);
    let (trials, set_trials) = of_draft!(state, n_trials);
    let (repeats, set_repeats) = of_draft!(state, n_repeats);
    let (catches, set_catches) = of_draft!(state, n_catch);
    let (breaks, set_breaks) = of_draft!(state, break_every);
    let (holdout, set_holdout) = of_draft!(state, holdout_percent);
    let adapts =
        Memo::new(move |_| Draft::can_adapt(kind.get()) && state.draft.with(|draft| draft.holdout_percent > 0));
    let lifts = Memo::new(move |_| state.draft.with(|draft| draft.lift_the_weakest));
    let (instructions, set_instructions) = of_draft!(state, instructions);
    let (consent, set_consent) = of_draft!(state, consent);
    let (debrief, set_debrief) = of_draft!(state, debrief);
    let scale = Signal::derive(move || state.draft.with(|draft| u32::from(draft.scale_max)));
    let set_scale = Callback::new(move |value: u32| state.draft.update(|draft| draft.scale_max = value.min(255) as u8));
    let items_hint = Signal::derive(move || {
        match kind.get() {
            Kind::Preference | Kind::AnswerRating => {
                "One prompt a line, then its answers between bars: prompt | answer of the first source | answer of the \
                 second. \\n stands for a line break, \\| for a bar."
            }
            Kind::Label | Kind::FreeLabel => {
                "One a line: words, sentences, or a picture as description | picture:NAME. At the end => and the right \
                 label, or => ? where nobody can tell; leave it out where you do not know."
            }
            _ => {
                "One a line: words, sentences, or a picture as description | picture:NAME. The description is for those \
                 who cannot see it."
            }
        }
        .to_owned()
    });
    let labels_label = Signal::derive(move || {
        if matches!(kind.get(), Kind::Preference | Kind::AnswerRating) { "Sources of the answers" } else { "Labels" }
            .to_owned()
    });
    let labels_hint = Signal::derive(move || {
        if matches!(kind.get(), Kind::Preference | Kind::AnswerRating) {
            "One a line, in the order of the answers. Participants see them only at the end."
        } else {
            "One a line, 2 to 9. \"I can't tell\" is always there as well."
        }
        .to_owned()
    });
    let scale_label = Signal::derive(move || {
        match kind.get() {
            Kind::Label => "How sure: highest number (0 for not asking)",
            Kind::FreeLabel => "Longest name in characters",
            Kind::Arrangement => "Things on the field at once, 3 to 20",
            _ => "Scale: highest number",
        }
        .to_owned()
    });
    let has_labels = move || matches!(kind.get(), Kind::Label | Kind::Preference | Kind::AnswerRating);
    let has_number = move || !matches!(kind.get(), Kind::Triplet | Kind::AnchoredTriplet | Kind::Preference);
    let has_ends = move || matches!(kind.get(), Kind::PairRating | Kind::Label | Kind::AnswerRating);
    let pick = move |event: web_sys::Event| {
        let files = files_of(&event);
        spawn_local(async move {
            for file in files {
                match picture::small(&file).await {
                    Ok(data) => state.draft.update(|draft| {
                        let name = file.name();
                        let line =
                            format!("{} | picture:{name}", name.rsplit_once('.').map_or(name.as_str(), |it| it.0));
                        draft.pictures.insert(name, data);
                        let gap = if draft.items.is_empty() || draft.items.ends_with('\n') { "" } else { "\n" };
                        draft.items = format!("{}{gap}{line}", draft.items);
                    }),
                    Err(error) => {
                        state.notify(NoticeKind::BadItems, format!("{}: {}", file.name(), words_of(&error)));
                    }
                }
            }
        });
    };
    view! {
        <fieldset class="panel stack">
            <legend>"What is judged"</legend>
            <TextField id="draft-title" label="Title".to_owned() hint="What participants see first.".to_owned() value=title set=set_title error=error("draft-title") />
            <TextField id="draft-id" label="Id".to_owned() hint="Letters, digits, _ and -, for file names; left empty it follows from the title.".to_owned() value=id set=set_id error=error("draft-id") />
            <TextField id="draft-items" label="Things to judge".to_owned() hint=items_hint rows=10 value=items set=set_items error=error("draft-items") />
            <Show when=move || !matches!(kind.get(), Kind::Preference | Kind::AnswerRating)>
                <div class="field">
                    <label for="draft-pictures">"Add pictures"</label>
                    <input type="file" id="draft-pictures" data-testid="draft-pictures" multiple=true accept="image/png,image/jpeg,image/webp" on:change=pick />
                    <span class="hint">"They are made small and kept inside of the study; what else was in the files, such as where they were taken, is left out. Describe each in its line without giving the answer away."</span>
                </div>
            </Show>
            <Show when=has_labels>
                <TextField id="draft-labels" label=labels_label hint=labels_hint rows=4 value=labels set=set_labels error=error("draft-labels") />
            </Show>
        </fieldset>
        <fieldset class="panel stack">
            <legend>"How it is asked"</legend>
            <TextField id="draft-question" label="Question".to_owned() hint="On every trial; left empty it is the design's own.".to_owned() value=question set=set_question />
            <Show when=move || kind.get() == Kind::AnswerRating>
                <TextField id="draft-axes" label="Questions about each answer".to_owned() hint="One a line, 1 to 8; each is answered on the scale.".to_owned() rows=3 value=axes set=set_axes error=error("draft-axes") />
            </Show>
            <Show when=has_number>
                <div class="fields">
                    <CountField id="draft-scale" label=scale_label hint="A scale goes from 1 up to 9 at most: every number has a key." value=scale set=set_scale error=error("draft-scale") />
                    <Show when=has_ends>
                        <TextField id="draft-low" label="1 means".to_owned() hint=String::new() value=low set=set_low />
                        <TextField id="draft-high" label="The highest means".to_owned() hint=String::new() value=high set=set_high />
                    </Show>
                </div>
            </Show>
            <div class="fields">
                <Show when=move || matches!(kind.get(), Kind::Triplet | Kind::AnchoredTriplet | Kind::Arrangement) || adapts.get()>
                    <CountField id="draft-trials" label="Trials".to_owned() hint="For each participant." value=trials set=set_trials error=error("draft-trials") />
                </Show>
                <CountField id="draft-repeats" label="Repeats".to_owned() hint="Trials that come twice, unannounced, at least ten trials later: they measure how steady answers are. A tenth of all is usual." value=repeats set=set_repeats error=error("draft-repeats") />
                <CountField id="draft-catch" label="Catch trials".to_owned() hint="Trials that say what to choose, to see who is not reading." value=catches set=set_catches error=error("draft-catch") />
                <CountField id="draft-breaks" label="Trials between breaks".to_owned() hint="0 for none; 20 to 40 is usual." value=breaks set=set_breaks />
            </div>
            <Show when=move || Draft::can_adapt(kind.get())>
                <p>
                    <input type="checkbox" id="draft-adaptive" data-testid="draft-adaptive" aria-describedby="draft-adaptive-hint" prop:checked=move || adapts.get()
                        on:change=move |event| { let on = event_target_checked(&event); state.draft.update(|draft| draft.set_adaptive(on)); } />
                    " " <label for="draft-adaptive">"Choose the next question by the answers before"</label>
                </p>
                <p class="hint" id="draft-adaptive-hint">"The question about whose answer a map of this participant's earlier answers is least sure comes next. Fewer questions then say more, and pairs are no longer asked equally often."</p>
                <Show when=move || adapts.get()>
                    <CountField id="draft-holdout" label="Held out, in percent of trials".to_owned() hint="5 to 50. These questions are drawn at random before the session and never learned from: results are tested on them alone." value=holdout set=set_holdout error=error("draft-holdout") />
                </Show>
            </Show>
            <Show when=move || kind.get() == Kind::Arrangement>
                <p>
                    <input type="checkbox" id="draft-lift" data-testid="draft-lift" aria-describedby="draft-lift-hint" prop:checked=move || lifts.get()
                        on:change=move |event| { let on = event_target_checked(&event); state.draft.update(|draft| draft.lift_the_weakest = on); } />
                    " " <label for="draft-lift">"Later fields lift the weakest pairs"</label>
                </p>
                <p class="hint" id="draft-lift-hint">"After the first field, each shows the things about whose likeness this participant has said least: those that lay in a heap are spread out (Kriegeskorte and Mur 2012). Otherwise every field is drawn ahead, so that all pairs come equally often."</p>
            </Show>
            <p class="hint">"The order of trials and the sides are shuffled for everybody, and sides are evened out."</p>
        </fieldset>
        <fieldset class="panel stack">
            <legend>"What participants read"</legend>
            <TextField id="draft-instructions" label="Instructions".to_owned() hint="What to do, in plain words.".to_owned() rows=4 value=instructions set=set_instructions error=error("draft-instructions") />
            <TextField id="draft-consent" label="Consent".to_owned() hint="What is agreed to before anything is kept. Say what is kept, where it goes, and how to withdraw.".to_owned() rows=6 value=consent set=set_consent error=error("draft-consent") />
            <TextField id="draft-debrief" label="Debrief".to_owned() hint="What it was about, after the last trial.".to_owned() rows=3 value=debrief set=set_debrief />
        </fieldset>
        <ConductForm state=state error=Callback::new(error) />
    }
}

/// Most pictures of a study that rates every pair: 66 pairs.
const MOST_RATED: usize = 12;

/// A template or a file to begin with.
#[component]
fn Beginning(state: State) -> impl IntoView {
    let chosen = RwSignal::new(Kind::PairRating);
    // Id of a built-in set whose pictures are the things; empty for the template's own words.
    let material = RwSignal::new(String::new());
    let sets = LocalResource::new(move || async move {
        let text = state.fetch_text(SETS_PATH).await.ok()?;
        sets_from_json(&text).ok()
    });
    let sets = move || sets.get().flatten().unwrap_or_default();
    let begin = move |_| {
        let kind = chosen.get_untracked();
        let draft = Draft::template(kind);
        let set = untrack(sets).into_iter().find(|set| set.id == material.get_untracked());
        // Every pair is asked: 12 things have 66, 25 have 300.
        let most = if kind == Kind::PairRating { MOST_RATED } else { usize::MAX };
        state.draft.set(match set {
            Some(set) if kind.compares_things() => {
                let title = format!("{} ({})", draft.title, set.title.to_lowercase());
                Draft { title, ..draft.with_pictures(set.picture_lines(most)) }
            }
            _ => draft,
        });
    };
    let read = move |event: web_sys::Event| {
        let Some(file) = files_of(&event).into_iter().next() else { return };
        spawn_local(async move {
            if file.size() > MAX_BYTES as f64 {
                return state.notify(NoticeKind::BadItems, format!("the file has more than {MAX_BYTES} bytes"));
            }
            match gloo::file::futures::read_as_text(&file.into()).await {
                Ok(text) => match Study::from_json(&text) {
                    Ok(study) => state.draft.set(Draft::of_study(&study)),
                    Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
                },
                Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
            }
        });
    };
    view! {
        <section class="panel stack">
            <h2>"Begin with"</h2>
            <div class="row">
                <div class="field">
                    <label for="template">"A template"</label>
                    <select id="template" data-testid="template" on:change=move |event| {
                        if let Some(kind) = Kind::parse(&event_target_value(&event)) { chosen.set(kind) }
                    }>
                        {Kind::ALL.into_iter().map(|kind| view! { <option value=kind.id() selected=move || chosen.get() == kind>{kind.title()}</option> }).collect_view()}
                    </select>
                </div>
                <Show when=move || chosen.get().compares_things()>
                    <div class="field">
                        <label for="material">"Things"</label>
                        <select id="material" data-testid="material" on:change=move |event| material.set(event_target_value(&event))>
                            <option value="" selected=move || material.with(String::is_empty)>"words of the template"</option>
                            {move || sets().into_iter().filter(|set| !set.pictures.is_empty()).map(|set| {
                                let (id, current) = (set.id.clone(), set.id.clone());
                                let words = format!("pictures: {} ({})", set.title.to_lowercase(), set.pictures.len());
                                view! { <option value=id selected=move || material.get() == current>{words}</option> }
                            }).collect_view()}
                        </select>
                    </div>
                </Show>
                <button type="button" data-testid="use-template" on:click=begin>"Use this template"</button>
            </div>
            <div class="field">
                <label for="draft-file">"Or a study file"</label>
                <input type="file" id="draft-file" data-testid="draft-file" accept=".json" on:change=read />
                <span class="hint">"What the form has no field for (practice, questions about the instructions, catch trials of your own) stays as it is in the file."</span>
            </div>
        </section>
    }
}

/// Simulated participants go through the study.
#[component]
fn Simulate(checked: Memo<Result<Study, StudyError>>) -> impl IntoView {
    let state = use_state();
    let noise = RwSignal::new(0.3);
    let done = RwSignal::new(0_usize);
    let running = RwSignal::new(false);
    let found = RwSignal::new(None::<Plan>);
    // A plan is of the study that it was made of.
    Effect::new(move |_| {
        checked.track();
        found.set(None);
    });
    let run = move |_| {
        let Ok(study) = checked.get_untracked() else { return };
        let level = noise.get_untracked();
        running.set(true);
        done.set(0);
        spawn_local(async move {
            let planted = Planted::new(&study, SEED);
            let plan_adapts = adapts(&study);
            let mut pools = [Answering::Oracle, Answering::Random].map(Pool::new);
            for number in 0..2 * POOL {
                if let Err(error) = pools[number / POOL].add(&study, &planted, level) {
                    state.notify(NoticeKind::Unexpected, error.to_string());
                    running.set(false);
                    return;
                }
                // A session that chooses its questions takes long.
                if number % 8 == 7 || plan_adapts {
                    done.set(number + 1);
                    platform::breathe().await;
                }
            }
            let made = plan(&study, &pools, PLANNED, level, SEED);
            // Not if the study was changed meanwhile.
            if checked.try_with_untracked(|checked| checked.as_ref() == Ok(&study)) == Some(true) {
                found.set(Some(made));
            }
            running.set(false);
        });
    };
    let progress = Signal::derive(move || (done.get() as f64, (2 * POOL) as f64));
    let words = Signal::derive(move || format!("{} of {} sessions", done.get(), 2 * POOL));
    view! {
        <section class="panel stack" data-testid="simulate">
            <h2>"Simulate 50 participants"</h2>
            <p>"A program answers the study, half of the time after a structure that is planted in it, half of the time at random. Nothing of it is stored or counted as anybody's answer."</p>
            <SliderField id="noise" label="Noise of the answers" hint="0 follows the structure exactly; 1 is as wide as the whole range of similarities." range=(0.0, 2.0, 0.05) value=noise />
            <p><button type="button" data-testid="simulate-run" disabled=move || running.get() || checked.with(Result::is_err) on:click=run>"Simulate"</button></p>
            <Show when=move || running.get()><ProgressBar label="Simulated sessions" progress=progress words=words /></Show>
            <div role="status" data-testid="plan">
                {move || found.get().map(|plan| view! {
                    <p>{format!("{} trials, about {:.1} minutes for each participant, if texts are read at 238 words a minute and an answer takes some seconds (3 for a pair, 4 for a triplet, 5 for each thing on a field).", plan.n_trials, plan.minutes)}</p>
                    <ul>{plan.sentences.iter().map(|it| view! { <li>{it.clone()}</li> }).collect_view()}</ul>
                    <Chart figure=plan.figure />
                })}
            </div>
        </section>
    }
}

/// Make a study.
#[component]
pub fn BuildPage() -> impl IntoView {
    let state = use_state();
    let checked = Memo::new(move |_| state.draft.with(Draft::study));
    let status = move || {
        match checked.get() {
        Ok(study) => view! {
            <p class="badge right" role="status" data-testid="draft-ok">{format!("Ready: {} things, {} trials, about {:.0} minutes", study.stimuli.len(), study.n_trials(), expected_minutes(&study).max(1.0))}</p>
        }
        .into_any(),
        Err(error) => {
            let (control, sentence) = complaint(&error);
            view! {
                <p class="field-error" role="alert" data-testid="draft-wrong">
                    {sentence} " "
                    <button type="button" class="quiet" data-testid="go-to-field" on:click=move |_| {
                        if let Some(field) = document().get_element_by_id(control).and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
                            // A field that cannot take the focus is still named in the sentence.
                            drop(field.focus());
                        }
                    }>"Go to it"</button>
                </p>
            }
            .into_any()
        }
    }
    };
    view! {
        <Heading text="Build a study" />
        <p class="lede">"Choose a design, paste what is to be judged, try it as a participant would, and hand it on as a link or a file."</p>
        <Beginning state=state />
        <form class="stack" on:submit=|event| event.prevent_default()>
            <DraftForm state=state checked=checked />
        </form>
        {status}
        <section class="panel stack">
            <h2>"Try it"</h2>
            <p>"A preview looks as participants will see it, says that it is a preview, and keeps nothing."</p>
            <p>
                <A href=to("/judge#preview=1") attr:class="button" attr:data-testid="preview" attr:aria-disabled=move || checked.with(Result::is_err).then_some("true")>"Preview as participant"</A>
            </p>
        </section>
        <Simulate checked=checked />
        {move || checked.get().ok().map(|study| view! { <ModelParticipant study=study people=Signal::derive(|| None) /> })}
        <section class="panel stack">
            <h2>"Hand it on"</h2>
            {move || match checked.get() {
                Ok(study) => view! { <ShareStudy state=state study=study open=true /> }.into_any(),
                Err(_) => view! { <p>"There is no link while something is missing above."</p> }.into_any(),
            }}
        </section>
    }
}
