//! Before the first trial: which study, consent, and what happens to somebody who comes back.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

use super::judge_end::save;
use super::judge_page::{Judging, Returned};
use crate::eval::run::{Method, Run};
use crate::eval::tasks;
use crate::protocol::NoticeKind;
use crate::store::Collection;
use crate::study::conduct::Return;
use crate::study::session::SessionRecord;
use crate::study::study::{MAX_BYTES, Study};
use crate::ui::state::{State, use_state};
use crate::ui::study_source::{Wanted, link_of, shipped};
use crate::ui::to;

/// What is agreed to, where the participant came from, and where the study leads.
#[component]
pub(super) fn ConsentView(judging: Judging, study: Study) -> impl IntoView {
    let agreed = RwSignal::new(false);
    let from = judging.recruitment.get_untracked();
    let only_looks = judging.only_looks.get_untracked();
    let leaves = study.completion.as_ref().map(|completion| completion.host().to_owned());
    view! {
        <section class="panel stack" data-testid="consent">
            <h2>"Before you begin"</h2>
            <p>{study.consent.text.clone()}</p>
            {from.map(|it| view! {
                <p data-testid="recruited">{format!("You came here from {}. Your id there was taken out of the address. Only a code that is computed from it is kept in this browser, so that you are known again here; it goes into no file unless you ask for it.", it.recruiter.name())}</p>
            })}
            {leaves.map(|host| view! { <p data-testid="leads-to">{format!("At the end you are offered a link to {host}.")}</p> })}
            {study.collect.clone().map(|collect| view! {
                <div class="stack" data-testid="collects">
                    <p>{format!(
                        "This study collects answers on the server {}. If you agree, your answers, how long each took, what you answered with and when are sent there once you have finished{}. What was sent can be deleted only by whoever runs that server. Without it you can take part all the same; the answers then stay here.",
                        collect.host(),
                        if collect.recruitment { ", with a code that was computed from the id you came with" } else { "" },
                    )}</p>
                    <p>
                        <input type="checkbox" id="agree-send" data-testid="agree-send" prop:checked=move || judging.may_send.get() on:change=move |event| judging.may_send.set(event_target_checked(&event)) />
                        " " <label for="agree-send">{format!("Send my answers to {} when I have finished", collect.host())}</label>
                    </p>
                </div>
            })}
            {only_looks.then(|| view! { <p class="badge wrong" role="status" data-testid="only-looks">"This is a preview: accept the task first, then open it again."</p> })}
            <p>
                <input type="checkbox" id="agree" data-testid="agree" prop:checked=move || agreed.get() on:change=move |event| agreed.set(event_target_checked(&event)) />
                " " <label for="agree">"I have read this and agree to take part"</label>
            </p>
            <button type="button" class="primary" data-testid="begin" disabled=move || !agreed.get() || only_looks on:click=move |_| judging.begin()>"Begin"</button>
        </section>
    }
}

/// What became of an earlier, unfinished session of the same participant.
#[component]
pub(super) fn ReturnedView(returned: Returned) -> impl IntoView {
    let Returned { outcome, done, total } = returned;
    let (id, title, words) = match outcome {
        Return::Refuse => {
            ("refused", "You have begun this study before", "Whoever made it asks that nobody goes on after leaving.")
        }
        Return::StartOver | Return::GoOn => (
            "starts-over",
            "This study starts over",
            "You began it before and left; a new session begins when you agree.",
        ),
    };
    view! {
        <section class="panel stack" data-testid=id role="status">
            <h2>{title}</h2>
            <p>{words} {format!(" Your {done} of {total} answers from then stay in this browser, as an unfinished session.")} " " <A href=to("/data")>"See what is stored"</A></p>
        </section>
    }
}

/// A link that holds the whole study, or its file where it is too long for a link.
#[component]
pub fn ShareStudy(
    /// The app.
    state: State,
    /// The study.
    study: Study,
    /// Whether it is open from the beginning.
    #[prop(optional)]
    open: bool,
) -> impl IntoView {
    let link = link_of(state, "judge", &study);
    let name = format!("study-{}.json", study.id);
    let short = link.is_some();
    let file = move |_| {
        let text = serde_json::to_string_pretty(&study).map_err(|error| error.to_string());
        save(state, &name, "application/json", text);
    };
    view! {
        <details data-testid="share-study" open=open>
            <summary data-testid="share-study-open">"Share this study"</summary>
            <p>"The link holds the whole study; no server sees the part behind the #. Answers stay with whoever gives them, who can save and send them."</p>
            {short.then(|| view! {
                <div class="field">
                    <label for="study-link">"Link to this study"</label>
                    <input id="study-link" data-testid="study-link" readonly=true prop:value=link.clone().unwrap_or_default() />
                </div>
            })}
            <p><button type="button" data-testid="save-study" on:click=file>"Save the study as a file"</button></p>
        </details>
    }
}

/// Opens a study from a file, or makes one of two stored runs.
#[component]
pub(super) fn OwnStudy(judging: Judging) -> impl IntoView {
    let state = judging.state;
    let navigate = use_navigate();
    let open = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        spawn_local(async move {
            if file.size() > MAX_BYTES as f64 {
                return state.notify(
                    NoticeKind::BadItems,
                    format!("the study cannot be used: file: more than {MAX_BYTES} bytes"),
                );
            }
            match gloo::file::futures::read_as_text(&file.into()).await {
                Ok(text) => judging.open(Wanted::Link(text)).await,
                Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
            }
        });
    };
    let runs = LocalResource::new(move || {
        state.records_version.get();
        async move {
            let mut texts = Vec::new();
            let all: Vec<Run> = state.list(Collection::Runs, None).await;
            for run in all.into_iter().rev().filter(|run| run.settings.method == Method::Generate) {
                let task = tasks::find(&run.task_id).map_or_else(|| run.task_id.clone(), |it| it.info.title.to_owned());
                let name = format!(
                    "{task}, {} {}, seed {}, {}",
                    run.engine.model_name,
                    run.engine.quantization,
                    run.settings.seed,
                    run.id.get(..6).unwrap_or(&run.id)
                );
                texts.push((run.id, name));
            }
            texts
        }
    });
    let chosen = [RwSignal::new(String::new()), RwSignal::new(String::new())];
    let ready = move || chosen.iter().all(|it| !it.get().is_empty()) && chosen[0].get() != chosen[1].get();
    let compare = move |_| {
        let [a, b] = chosen.map(|it| it.get_untracked());
        navigate(&format!("/judge?runs={a},{b}"), NavigateOptions::default());
    };
    view! {
        <details data-testid="own-study">
            <summary>"Another study: from a file, or two of your runs"</summary>
            <div class="field">
                <label for="study-file">"Open a study file"</label>
                <input type="file" id="study-file" data-testid="study-file" accept=".json" on:change=open />
            </div>
            {["study-run-a", "study-run-b"].into_iter().zip(chosen).map(|(id, chosen)| view! {
                <div class="field">
                    <label for=id>{if id.ends_with('a') { "Compare the generated texts of" } else { "with those of" }}</label>
                    <select id=id data-testid=id on:change=move |event| chosen.set(event_target_value(&event))>
                        <option value="">"Choose a run"</option>
                        {move || runs.get().unwrap_or_default().into_iter().map(|(id, name)| view! { <option value=id>{name}</option> }).collect_view()}
                    </select>
                </div>
            }).collect_view()}
            <p><button type="button" data-testid="compare-runs" disabled=move || !ready() on:click=compare>"Compare them blind"</button></p>
        </details>
    }
}

/// What a second tab shows: nothing can be answered there.
#[component]
pub(super) fn ElsewhereView(judging: Judging, study: Study) -> impl IntoView {
    view! {
        <section class="panel stack" data-testid="elsewhere" role="status">
            <h2>"Open in another tab"</h2>
            <p>"This session is going on in another tab of this browser: answer there, or close that tab and go on here."</p>
            <button type="button" class="primary" data-testid="take-over" on:click=move |_| { let study = study.clone(); spawn_local(judging.open_study(study, false)); }>"Go on here"</button>
        </section>
    }
}

/// On a device that several people use.
#[component]
pub(super) fn WhoView(judging: Judging, study: Study, record: SessionRecord) -> impl IntoView {
    view! {
        <section class="panel stack" data-testid="who" role="status">
            <h2>"Is this yours?"</h2>
            <p>"Somebody took part in this study on this device before."</p>
            <div class="row">
                <button type="button" class="primary" data-testid="someone-new" on:click=move |_| judging.found.set(None)>"No, I am someone new"</button>
                <button type="button" data-testid="it-is-mine" on:click=move |_| {
                    let (study, record) = (study.clone(), record.clone());
                    spawn_local(judging.resume(study, record));
                }>"Yes, go on with it"</button>
            </div>
        </section>
    }
}

/// The other studies that can be taken part in.
#[component]
pub(super) fn StudyLinks(open: Signal<Option<String>>) -> impl IntoView {
    let state = use_state();
    let studies = LocalResource::new(move || shipped(state));
    view! {
        <nav class="study-links" aria-label="Studies">
            <ul>{move || studies.get().unwrap_or_default().into_iter().map(|(id, title)| {
                let here = open.get().as_ref() == Some(&id);
                view! { <li><A href=format!("/judge?study={id}") attr:data-testid=format!("study-{id}") attr:aria-current=here.then_some("true")>{title}</A></li> }
            }).collect_view()}</ul>
        </nav>
    }
}
