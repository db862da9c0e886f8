//! After the last trial: what came out, the model beside it where it can be, and the person's own file.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::judge_page::{Judging, WithdrawButton};
use super::models_page::NeedsModel;
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::tasks::pair_rating::{RATINGS, all_pairs, pair_items};
use crate::protocol::NoticeKind;
use crate::report::export::table_to_csv;
use crate::report::figure::{Matrix, Table};
use crate::report::run_summary::run_notes;
use crate::report::similarity::{Labels, matrix_from_run, scale_of, similarity_story};
use crate::report::study_export::{
    battle_table, codebook, salmon_table, session_table, things_tsv, triplet_table, vice_text,
};
use crate::report::study_summary::{quality_sentences, study_figure};
use crate::store::Collection;
use crate::store::answers::Saved;
use crate::study::conduct::Completion;
use crate::study::design::Design;
use crate::study::gathering::Gathered;
use crate::study::judgment::similarity_matrix;
use crate::study::packet::Packet;
use crate::study::quality;
use crate::study::session::Session;
use crate::study::study::Study;
use crate::ui::charts::Chart;
use crate::ui::components::model_participant::ModelParticipant;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::components::qr_sequence::QrSequence;
use crate::ui::download;
use crate::ui::outbox::SendAnswers;
use crate::ui::state::{State, words_of};

/// Whether the model's rating task asks what this study asks: words on a scale of 1 to 7.
pub(super) fn model_can_rate(study: &Study) -> bool {
    match &study.design {
        Design::PairRating { scale } => {
            (usize::from(scale.min), usize::from(scale.max)) == (1, RATINGS.len())
                && study.stimuli.iter().all(|stimulus| stimulus.image.is_none())
        }
        _ => false,
    }
}

/// The newest complete run of the model over the words of a study, and no others.
pub(super) async fn model_ratings(state: State, words: &[String]) -> Option<(Run, Vec<ItemResult>, Matrix)> {
    let runs: Vec<Run> = state.list(Collection::Runs, None).await;
    let wanted = words.len() * words.len().saturating_sub(1) / 2;
    for run in runs.into_iter().rev() {
        if run.task_id != "pair_rating" || run.status != RunStatus::Complete || run.n_items != wanted {
            continue;
        }
        let results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&run.id)).await;
        if let Ok(matrix) = matrix_from_run(&run.engine.model_name, words, &results) {
            return Some((run, results, matrix));
        }
    }
    None
}

/// The person's figure alone.
fn own_figure(session: &Session) -> AnyView {
    match study_figure(session.study(), session.judgments(), "You") {
        Ok(figure) => view! { <Chart figure=figure /> }.into_any(),
        Err(error) => view! { <p>{error.to_string()}</p> }.into_any(),
    }
}

/// The model's ratings of the same pairs beside the person's.
#[component]
fn BesideModel(state: State, session: Session) -> impl IntoView {
    let study = session.study().clone();
    let (labels, values) = similarity_matrix(&study, session.judgments());
    let person = Matrix { title: "You".to_owned(), labels: labels.clone(), values };
    let model = {
        let labels = labels.clone();
        LocalResource::new(move || {
            state.records_version.get();
            let labels = labels.clone();
            async move { model_ratings(state, &labels).await }
        })
    };
    let rate = move |_| {
        let words: Vec<&str> = labels.iter().map(String::as_str).collect();
        let lines: Result<Vec<String>, _> =
            pair_items(&all_pairs(&words), false).iter().map(serde_json::to_string).collect();
        match lines {
            Ok(lines) => state.run("pair_rating".to_owned(), Settings::default(), lines.join("\n"), None),
            Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
        }
    };
    let busy = move || state.runs.with(|runs| runs.command().is_some());
    let progress = Signal::derive(move || {
        state
            .runs
            .with(|runs| runs.active.as_ref().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)))
    });
    let words = Signal::derive(move || format!("{} of {} pairs", progress.get().0, progress.get().1));
    let session_id = session.record().id.clone();
    let figures = move || match model.get().flatten() {
        None => own_figure(&session),
        Some((run, results, theirs)) => {
            let sources = [session_id.clone(), run.id.clone()];
            let notes = run_notes(&run, &results);
            let labels = Labels { title: &study.title, scale: scale_of(&study), notes: &notes, sources: &sources };
            match similarity_story(&person, &theirs, &labels) {
                Ok(story) => {
                    let rho = story.agreement.as_ref().map_or_else(ToString::to_string, |it| {
                        format!("Spearman's rho = {:.2}, n = {} pairs", it.value, it.n_pairs)
                    });
                    view! {
                        <p class="lede" data-testid="story">{story.sentence.clone()}</p>
                        <p data-testid="rho">{rho}</p>
                        <Chart figure=story.matrices />
                        <Chart figure=story.scatter />
                    }
                    .into_any()
                }
                Err(error) => view! { <p>{error.to_string()}</p> {own_figure(&session)} }.into_any(),
            }
        }
    };
    view! {
        {figures}
        <NeedsModel what="the model's side of the comparison" />
        <Show when=busy><ProgressBar label="The model rates the same pairs" progress=progress words=words /></Show>
        <p>
            <button type="button" class="primary" data-testid="rate-pairs" disabled=move || busy() || state.models.get().loaded.is_none() on:click=rate>
                "Let the loaded model rate the same pairs"
            </button>
        </p>
    }
}

/// Hands a text to the browser to save.
pub(super) fn save(state: State, name: &str, kind: &str, text: Result<String, String>) {
    if let Err(detail) = text.and_then(|text| download::offer(name, kind, &text).map_err(|error| words_of(&error))) {
        state.notify(NoticeKind::Unexpected, detail);
    }
}

/// The session as a text that can be handed to whoever collects answers.
#[component]
fn HandIn(judging: Judging, session: Session) -> impl IntoView {
    let state = judging.state;
    let text = Packet::of_session(&session).text();
    let name = format!("packet-{}_{}.txt", session.study().id, session.record().id);
    let said = RwSignal::new(String::new());
    let (copied, packet) = (text.clone(), text.clone());
    let copy = move |_| {
        let writing = window().navigator().clipboard().write_text(&copied);
        spawn_local(async move {
            said.set(match wasm_bindgen_futures::JsFuture::from(writing).await {
                Ok(_) => "Copied. Paste it into a message to whoever asked you.".to_owned(),
                Err(_) => "This browser does not copy by itself: select the text and copy it.".to_owned(),
            });
        });
    };
    let file = text.clone();
    view! {
        <section class="panel stack" data-testid="hand-in">
            <h2>"Hand in your answers"</h2>
            <p>"If a teacher or a researcher collects answers, give them this text or this file. It holds your answers and when you gave them, and no name."</p>
            <div class="field">
                <label for="packet">"Your packet"</label>
                <textarea id="packet" data-testid="packet" rows="3" readonly=true class="mono" prop:value=text></textarea>
            </div>
            <div class="row">
                <button type="button" class="primary" data-testid="copy-packet" on:click=copy>"Copy it"</button>
                <button type="button" data-testid="save-packet" on:click=move |_| save(state, &name, "text/plain", Ok(file.clone()))>"Save it as a file"</button>
                {judging.locked.get_untracked().then(|| view! {
                    <button type="button" data-testid="next-participant" on:click=move |_| judging.next_participant()>"Next participant"</button>
                })}
            </div>
            <QrSequence packet=packet />
            <p role="status" data-testid="packet-status">{move || said.get()}</p>
        </section>
    }
}

/// The way back to whoever sent the participant. It is a link of its own: everything is saved before it is there.
#[component]
fn Leave(completion: Completion, code: String) -> impl IntoView {
    let (host, address) = (completion.host().to_owned(), completion.address(&code));
    let whose = if completion.is_known() {
        "Your answers are saved in this browser."
    } else {
        "Your answers are saved in this browser. Whoever made this study chose the address; it is not one that this program knows."
    };
    view! {
        <section class="panel stack" data-testid="leave-section">
            <h2>"The last step"</h2>
            <p>{whose} " The link leads to:"</p>
            <p class="said-raw mono" data-testid="leave-address">{address.clone()}</p>
            <p><a class="button primary" data-testid="leave" rel="noopener noreferrer" href=address>{format!("Finish on {host}")}</a></p>
        </section>
    }
}

/// What came out.
#[component]
pub fn EndView(
    /// The page.
    judging: Judging,
    /// A finished session.
    session: Session,
) -> impl IntoView {
    let state = judging.state;
    let study = session.study().clone();
    let quality = quality::of_session(&study, session.records());
    let figures = if model_can_rate(&study) {
        view! { <BesideModel state=state session=session.clone() /> }.into_any()
    } else {
        own_figure(&session)
    };
    // A pupil's tablet has no model, and whoever is paid for answering waits for none.
    let with_model = !judging.locked.get_untracked() && judging.recruitment.get_untracked().is_none();
    let beside = (with_model && !model_can_rate(&study)).then(|| {
        let mut own = Gathered::new(study.clone());
        own.add(&session);
        let own = StoredValue::new(own);
        view! { <ModelParticipant study=study.clone() people=Signal::derive(move || Some(own.get_value())) /> }
    });
    let code = session.completion_code();
    let records = (session.record().clone(), session.records().to_vec());
    let name = format!("study-{}_session-{}", study.id, session.record().id);
    let recruitment = judging.recruitment.get_untracked().map(|it| it.of_session(&session.record().id));
    let recruiter = recruitment.as_ref().map(|it| it.recruiter.name());
    let with_recruitment = RwSignal::new(false);
    let as_json = move |_| {
        let asked = recruitment.clone().filter(|_| with_recruitment.get_untracked());
        let saved = Saved { session: records.0.clone(), judgments: records.1.clone(), recruitment: asked };
        let text = serde_json::to_string_pretty(&saved);
        save(state, &format!("{name}.json"), "application/json", text.map_err(|error| error.to_string()));
    };
    let leave = study.completion.clone().zip(code.clone());
    let csv = |table: &Table| table_to_csv(table).map_err(|error| error.to_string());
    let mut files: Vec<(&str, String, &str, Result<String, String>)> = vec![
        ("csv", "Spreadsheet (CSV)".to_owned(), "text/csv", csv(&session_table(&study, session.records()))),
        ("codebook.csv", "Its codebook (CSV)".to_owned(), "text/csv", csv(&codebook())),
    ];
    match &study.design {
        Design::Triplet { .. } => {
            let all = session.records();
            files.extend([
                ("triplets.csv", "Triplets, named columns".to_owned(), "text/csv", csv(&triplet_table(&study, all))),
                ("salmon.csv", "Triplets for Salmon".to_owned(), "text/csv", csv(&salmon_table(&study, all))),
                (
                    "things.tsv",
                    "Triplets as in THINGS".to_owned(),
                    "text/tab-separated-values",
                    Ok(things_tsv(&study, all)),
                ),
                ("vice.txt", "Triplets for VICE".to_owned(), "text/plain", Ok(vice_text(&study, all))),
            ]);
        }
        Design::Preference { .. } => {
            let all = session.records();
            files.push(("battles.csv", "Arena battles".to_owned(), "text/csv", csv(&battle_table(&study, all))));
        }
        _ => {}
    }
    let exports = files
        .into_iter()
        .map(|(end, label, kind, text)| {
            let name = format!("study-{}_session-{}.{end}", study.id, session.record().id);
            view! { <button type="button" data-testid=format!("export-{}", end.replace('.', "-")) on:click=move |_| save(state, &name, kind, text.clone())>{label}</button> }
        })
        .collect_view();
    view! {
        <section class="stack" data-testid="judge-end">
            <h2>"Thank you. This is how you see it"</h2>
            {judging.locked.get_untracked().then(|| view! { <HandIn judging=judging session=session.clone() /> })}
            {figures}
            {beside}
            <section class="stack" data-testid="quality">
                <h2>"How steady you were"</h2>
                <ul>{quality_sentences(&quality).into_iter().map(|it| view! { <li>{it}</li> }).collect_view()}</ul>
            </section>
            {study.debrief.map(|text| view! { <section class="panel" data-testid="debrief"><h2>"What this was about"</h2><p>{text}</p></section> })}
            {code.map(|code| view! { <p>"Completion code: " <output class="mono" data-testid="completion-code">{code}</output> ". It follows from your answers; give it to whoever asked you to take part."</p> })}
            {(study.collect).zip(Some(session.clone())).map(|(collect, session)| view! { <SendAnswers session=session collect=collect /> })}
            {leave.map(|(completion, code)| view! { <Leave completion=completion code=code /> })}
            {(!judging.locked.get_untracked()).then(|| view! { <HandIn judging=judging session=session.clone() /> })}
            {recruiter.map(|name| view! {
                <p>
                    <input type="checkbox" id="with-recruitment" data-testid="with-recruitment" on:change=move |event| with_recruitment.set(event_target_checked(&event)) />
                    " " <label for="with-recruitment">{format!("Put the code that was made of my id on {name} into the file of my answers, so that whoever has that id can see that they are mine")}</label>
                </p>
            })}
            <div class="row">
                <button type="button" data-testid="download-judgments" on:click=as_json>"Save my answers"</button>
                {exports}
                {judging.may_begin_again().then(|| view! {
                    <button type="button" class="quiet" data-testid="judge-again" on:click=move |_| judging.session.set(None)>"Take part again"</button>
                })}
                <WithdrawButton judging=judging />
            </div>
        </section>
    }
}
