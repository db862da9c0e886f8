//! Judge like a participant: consent, one trial at a time, and the two matrices at the end.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::models_page::NeedsModel;
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::tasks::pair_rating::{all_pairs, pair_items};
use crate::platform;
use crate::platform::tab_lock::{TabLock, try_lock};
use crate::protocol::NoticeKind;
use crate::report::figure::{Axis, Figure, Marks, Matrix};
use crate::report::run_summary::run_notes;
use crate::report::similarity::{Labels, matrix_from_run, similarity_story};
use crate::store::{Collection, Record};
use crate::study::judgment::{Input, Judgment, Labeller, similarity_matrix};
use crate::study::pair_rating::Answer;
use crate::study::session::{ConsentGiven, Session, SessionRecord};
use crate::study::study::Study;
use crate::ui::Heading;
use crate::ui::charts::Chart;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::download;
use crate::ui::state::{State, use_state, words_of};

/// Milliseconds after a trial appears in which an answer is taken for the one before it.
const DEAD_MILLIS: f64 = 200.0;

/// What the page knows of the study.
#[derive(Clone, Copy)]
struct Judging {
    state: State,
    study: RwSignal<Option<Study>>,
    session: RwSignal<Option<Session>>,
    saving: RwSignal<bool>,
    shown_at: RwSignal<f64>,
    loaded: RwSignal<bool>,
    /// Whether another tab goes on with the session.
    elsewhere: RwSignal<bool>,
    /// Held as long as this tab may write to the session.
    lock: StoredValue<Option<TabLock>, LocalStorage>,
}

/// Name of the lock that the one tab with this session holds.
fn lock_name(session_id: &str) -> String {
    format!("likewise/session/{session_id}")
}

impl Judging {
    async fn open(self) {
        let text = match self.state.fetch_text("studies/everyday_words.json").await {
            Ok(text) => text,
            Err(detail) => return self.state.notify(NoticeKind::Network, detail),
        };
        let study = match Study::from_json(&text) {
            Ok(study) => study,
            Err(error) => return self.state.notify(NoticeKind::BadItems, error.to_string()),
        };
        let records: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let newest = records.into_iter().rfind(|record| {
            record.study_id == study.id
                && record.study_version == study.version
                && !record.simulated
                && record.labeller == Labeller::Participant
        });
        if let Some(record) = newest {
            let Some(lock) = try_lock(&lock_name(&record.id)).await else {
                self.elsewhere.set(true);
                self.study.set(Some(study));
                self.loaded.set(true);
                return;
            };
            self.lock.set_value(Some(lock));
            self.elsewhere.set(false);
            // Read only now: until here another tab may have written.
            let judgments: Vec<Judgment> = self.state.list(Collection::Judgments, Some(&record.id)).await;
            match Session::resume(&study, record, &judgments) {
                Ok(session) => self.session.set(Some(session)),
                Err(error) => self.state.notify(NoticeKind::Unexpected, error.to_string()),
            }
        }
        self.study.set(Some(study));
        self.loaded.set(true);
    }

    fn begin(self) {
        let Some(study) = self.study.get_untracked() else { return };
        let now = platform::unix_millis();
        let consent = ConsentGiven { version: study.consent.version, at: now };
        match Session::begin(&study, platform::random_u64(), platform::random_id(), consent, now) {
            Ok(session) => spawn_local(async move {
                self.state.keep_data().await;
                self.lock.set_value(try_lock(&lock_name(&session.record().id)).await);
                if self.state.save(&[Record::of_session(session.record())]).await {
                    self.session.set(Some(session));
                }
            }),
            Err(error) => self.state.notify(NoticeKind::Unexpected, error.to_string()),
        }
    }

    /// Changes a copy of the session, stores the record, and only then shows the next trial.
    fn act(self, change: impl FnOnce(&mut Session) -> Result<Option<Judgment>, String>) {
        if self.saving.get_untracked() {
            return;
        }
        let Some(mut session) = self.session.get_untracked() else { return };
        match change(&mut session) {
            Ok(None) => {}
            Ok(Some(judgment)) => {
                self.saving.set(true);
                spawn_local(async move {
                    if self.state.save(&[Record::of_judgment(&judgment)]).await {
                        self.session.set(Some(session));
                    }
                    self.saving.set(false);
                });
            }
            Err(detail) => self.state.notify(NoticeKind::Unexpected, detail),
        }
    }

    fn answer(self, rating: u8, input: Input) {
        let rt_millis = platform::now_millis() - self.shown_at.get_untracked();
        if rt_millis < DEAD_MILLIS {
            return;
        }
        self.act(|session| {
            session
                .answer(Answer { rating }, rt_millis, platform::unix_millis(), input)
                .map(Some)
                .map_err(|error| error.to_string())
        });
    }

    fn undo(self, input: Input) {
        self.act(|session| Ok(session.undo(platform::unix_millis(), input)));
    }

    fn key(self, event: &web_sys::KeyboardEvent) {
        let running =
            self.session.with_untracked(|session| session.as_ref().is_some_and(|session| !session.is_finished()));
        if !running || event.repeat() || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let key = event.key();
        if key == "Backspace" || key == "u" || key == "U" {
            event.prevent_default();
            self.undo(Input::Keyboard);
        } else if let Ok(rating) = key.parse::<u8>()
            && self.study.with_untracked(|study| {
                study.as_ref().is_some_and(|study| (study.scale.min..=study.scale.max).contains(&rating))
            })
        {
            event.prevent_default();
            self.answer(rating, Input::Keyboard);
        }
    }
}

#[component]
fn ConsentView(judging: Judging, study: Study) -> impl IntoView {
    let agreed = RwSignal::new(false);
    view! {
        <section class="panel stack" data-testid="consent">
            <h2>"Before you begin"</h2>
            <p>{study.consent.text.clone()}</p>
            <p>
                <input type="checkbox" id="agree" data-testid="agree" prop:checked=move || agreed.get() on:change=move |event| agreed.set(event_target_checked(&event)) />
                " " <label for="agree">"I have read this and agree to take part"</label>
            </p>
            <button type="button" class="primary" data-testid="begin" disabled=move || !agreed.get() on:click=move |_| judging.begin()>"Begin"</button>
        </section>
    }
}

/// What a second tab shows: nothing can be answered there.
#[component]
fn ElsewhereView(judging: Judging) -> impl IntoView {
    view! {
        <section class="panel stack" data-testid="elsewhere" role="status">
            <h2>"Open in another tab"</h2>
            <p>"This session is going on in another tab of this browser: answer there, or close that tab and go on here."</p>
            <button type="button" class="primary" data-testid="take-over" on:click=move |_| spawn_local(judging.open())>"Go on here"</button>
        </section>
    }
}

#[component]
fn TrialView(judging: Judging, session: Session) -> impl IntoView {
    let (done, total) = session.progress();
    let scale = session.study().scale.clone();
    let trial = session.current().cloned();
    request_animation_frame(move || judging.shown_at.set(platform::now_millis()));
    let progress = Signal::derive(move || (done as f64, total as f64));
    let label = Signal::derive(move || format!("{} of {total}", done + 1));
    let words = Signal::derive(move || if judging.saving.get() { "saving".to_owned() } else { "saved".to_owned() });
    let can_undo = session.can_undo();
    view! {
        <section class="trial" data-testid="trial" data-trial=done.to_string()>
            <ProgressBar label=label progress=progress words=words />
            {trial.map(|trial| match trial.instruction() {
                Some(text) => view! { <p class="trial-word" data-testid="instruction" role="status">{text.to_owned()}</p> }.into_any(),
                None => view! {
                    <p>"How similar are these two?"</p>
                    <div class="trial-pair" role="status">
                        <span class="trial-word" data-testid="left">{trial.left.text.clone()}</span>
                        <span>"and"</span>
                        <span class="trial-word" data-testid="right">{trial.right.text.clone()}</span>
                    </div>
                }.into_any(),
            })}
            <div class="scale-buttons" role="group" aria-label="Similarity">
                {(scale.min..=scale.max).map(|rating| view! {
                    <button type="button" data-testid=format!("rate-{rating}") disabled=move || judging.saving.get() on:click=move |_| judging.answer(rating, Input::Pointer)>{rating}</button>
                }).collect_view()}
            </div>
            <div class="scale-ends"><span>{scale.low_label.clone()}</span><span>{scale.high_label.clone()}</span></div>
            <button type="button" class="quiet" data-testid="undo" disabled=move || !can_undo || judging.saving.get() on:click=move |_| judging.undo(Input::Pointer)>
                "Take back the last one (Backspace or U)"
            </button>
        </section>
    }
}

/// The newest complete run of the model over the words of a study, and no others.
async fn model_ratings(state: State, words: &[String]) -> Option<(Run, Vec<ItemResult>, Matrix)> {
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

#[component]
fn EndView(judging: Judging, session: Session) -> impl IntoView {
    let state = judging.state;
    let study = session.study().clone();
    let (labels, values) = similarity_matrix(&study, session.judgments());
    let range = (f64::from(study.scale.min), f64::from(study.scale.max));
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
        let lines: Result<Vec<String>, _> = pair_items(&all_pairs(&words)).iter().map(serde_json::to_string).collect();
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
    let records = (session.record().clone(), session.judgments().to_vec());
    let figures = move || {
        let alone = || Figure {
            title: study.title.clone(),
            caption: format!(
                "Your ratings of {} pairs of words; darker in light mode, lighter in dark mode, is more similar.",
                study.n_pairs()
            ),
            marks: Marks::Matrices {
                matrices: vec![person.clone()],
                scale: Axis { label: "similarity".to_owned(), range, percent: false },
            },
            notes: Vec::new(),
            sources: vec![session_id.clone()],
        };
        match model.get().flatten() {
            None => view! { <Chart figure=alone() /> }.into_any(),
            Some((run, results, theirs)) => {
                let sources = [session_id.clone(), run.id.clone()];
                let story = similarity_story(
                    &person,
                    &theirs,
                    &Labels { title: &study.title, scale: range, notes: &run_notes(&run, &results), sources: &sources },
                );
                match story {
                    Ok(story) => {
                        let rho = story.agreement.as_ref().map_or_else(ToString::to_string, |it| {
                            format!("Spearman's rho = {:.2}, n = {} pairs", it.rho, it.n_pairs)
                        });
                        view! {
                            <p class="lede" data-testid="story">{story.sentence.clone()}</p>
                            <p data-testid="rho">{rho}</p>
                            <Chart figure=story.matrices />
                            <Chart figure=story.scatter />
                        }
                        .into_any()
                    }
                    Err(error) => view! { <p>{error.to_string()}</p> <Chart figure=alone() /> }.into_any(),
                }
            }
        }
    };
    view! {
        <section class="stack" data-testid="judge-end">
            <h2>"Thank you. This is how you see it"</h2>
            {figures}
            <NeedsModel what="the model's side of the comparison" />
            <Show when=busy><ProgressBar label="The model rates the same pairs" progress=progress words=words /></Show>
            <div class="row">
                <button type="button" class="primary" data-testid="rate-pairs" disabled=move || busy() || state.models.get().loaded.is_none() on:click=rate>
                    "Let the loaded model rate the same pairs"
                </button>
                <button type="button" data-testid="download-judgments" on:click=move |_| {
                    let outcome = serde_json::to_string_pretty(&serde_json::json!({ "session": records.0, "judgments": records.1 }))
                        .map_err(|error| error.to_string())
                        .and_then(|text| download::offer(&format!("study-{}_session-{}.json", records.0.study_id, records.0.id), "application/json", &text).map_err(|error| words_of(&error)));
                    if let Err(detail) = outcome {
                        state.notify(NoticeKind::Unexpected, detail);
                    }
                }>"Save my ratings"</button>
                <button type="button" class="quiet" data-testid="judge-again" on:click=move |_| judging.session.set(None)>"Take part again"</button>
            </div>
        </section>
    }
}

/// Judge like a participant.
#[component]
pub fn JudgePage() -> impl IntoView {
    let state = use_state();
    let judging = Judging {
        state,
        study: RwSignal::new(None),
        session: RwSignal::new(None),
        saving: RwSignal::new(false),
        shown_at: RwSignal::new(f64::MAX),
        loaded: RwSignal::new(false),
        elsewhere: RwSignal::new(false),
        lock: StoredValue::new_local(None),
    };
    spawn_local(judging.open());
    let keys = window_event_listener(leptos::ev::keydown, move |event| judging.key(&event));
    on_cleanup(move || keys.remove());
    view! {
        <Heading text="Judge like a participant" />
        {move || judging.elsewhere.get().then(|| view! { <ElsewhereView judging=judging /> })}
        {move || match (judging.loaded.get(), judging.study.get(), judging.session.get()) {
            (true, _, _) if judging.elsewhere.get() => ().into_any(),
            (true, Some(study), None) => view! {
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study />
            }.into_any(),
            (true, _, Some(session)) if session.is_finished() => view! { <EndView judging=judging session=session /> }.into_any(),
            (true, _, Some(session)) => view! { <TrialView judging=judging session=session /> }.into_any(),
            _ => view! { <p role="status">"Reading the study…"</p> }.into_any(),
        }}
    }
}
