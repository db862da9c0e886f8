//! Judge like a participant: consent, one trial at a time, and what came out at the end.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;

use super::judge_end::EndView;
use crate::app::judging::{Choice, choice_of_key};
use crate::platform;
use crate::platform::tab_lock::{TabLock, try_lock};
use crate::protocol::NoticeKind;
use crate::store::{Collection, Record};
use crate::study::design::Design;
use crate::study::judgment::{Input, Judgment, Labeller};
use crate::study::session::{Act, ConsentGiven, Session, SessionRecord};
use crate::study::study::Study;
use crate::study::trial::{Answer, Trial, TrialKind};
use crate::ui::Heading;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::components::trial_label::TrialLabel;
use crate::ui::components::trial_pair_rating::TrialPairRating;
use crate::ui::components::trial_preference::TrialPreference;
use crate::ui::components::trial_question::TrialQuestion;
use crate::ui::components::trial_triplet::TrialTriplet;
use crate::ui::input_of;
use crate::ui::state::{State, use_state};

/// Milliseconds after a trial appears in which an answer is taken for the one before it.
const DEAD_MILLIS: f64 = 200.0;
/// The study that opens without a choice.
const FIRST_STUDY: &str = "everyday_words";

/// What the page knows of the study.
#[derive(Clone, Copy)]
pub struct Judging {
    /// The app.
    pub state: State,
    study: RwSignal<Option<Study>>,
    /// The session, once begun.
    pub session: RwSignal<Option<Session>>,
    saving: RwSignal<bool>,
    /// When the trial was first painted with all its pictures; later than any answer until then.
    shown_at: RwSignal<f64>,
    /// Pictures of the trial that are still to come.
    pictures: RwSignal<usize>,
    /// How often the page was left during the trial.
    focus_losses: RwSignal<u32>,
    /// The label that waits for its confidence.
    #[expect(clippy::option_option, reason = "whether one waits, and then a label or that none fits")]
    label: RwSignal<Option<Option<String>>>,
    /// Trials done at the last break that is over.
    rested: RwSignal<Option<usize>>,
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

/// Whether a break stands before the trial; `rested` is how many were done at the last break that is over.
fn is_resting(session: &Session, rested: Option<usize>) -> bool {
    session.is_after_block() && rested != Some(session.progress().0)
}

impl Judging {
    fn new(state: State) -> Self {
        Self {
            state,
            study: RwSignal::new(None),
            session: RwSignal::new(None),
            saving: RwSignal::new(false),
            shown_at: RwSignal::new(f64::MAX),
            pictures: RwSignal::new(0),
            focus_losses: RwSignal::new(0),
            label: RwSignal::new(None),
            rested: RwSignal::new(None),
            loaded: RwSignal::new(false),
            elsewhere: RwSignal::new(false),
            lock: StoredValue::new_local(None),
        }
    }

    async fn open(self, id: String) {
        self.loaded.set(false);
        self.session.set(None);
        self.lock.set_value(None);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !id.chars().all(plain) {
            return self.state.notify(NoticeKind::BadItems, format!("there is no study {id:?}"));
        }
        let text = match self.state.fetch_text(&format!("studies/{id}.json")).await {
            Ok(text) => text,
            Err(detail) => return self.state.notify(NoticeKind::Network, detail),
        };
        match Study::from_json(&text) {
            Ok(study) => self.open_study(study).await,
            Err(error) => self.state.notify(NoticeKind::BadItems, error.to_string()),
        }
    }

    /// Opens a study and goes on with its newest session, unless another tab does.
    async fn open_study(self, study: Study) {
        let records: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let newest = records.into_iter().rfind(|record| {
            record.study_id == study.id
                && record.study_version == study.version
                && !record.simulated
                && record.labeller == Labeller::Participant
        });
        self.elsewhere.set(false);
        if let Some(record) = newest {
            if let Some(lock) = try_lock(&lock_name(&record.id)).await {
                self.lock.set_value(Some(lock));
                // Read only now: until here another tab may have written.
                let judgments: Vec<Judgment> = self.state.list(Collection::Judgments, Some(&record.id)).await;
                match Session::resume(&study, record, &judgments) {
                    Ok(session) => self.session.set(Some(session)),
                    Err(error) => self.state.notify(NoticeKind::Unexpected, error.to_string()),
                }
            } else {
                self.elsewhere.set(true);
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

    /// Whether what is shown is a trial, and not a break before it.
    fn at_trial(self) -> bool {
        self.session.with_untracked(|session| {
            session
                .as_ref()
                .is_some_and(|session| !session.is_finished() && !is_resting(session, self.rested.get_untracked()))
        })
    }

    fn answer(self, answer: Answer, input: Input) {
        let rt_millis = platform::now_millis() - self.shown_at.get_untracked();
        if rt_millis < DEAD_MILLIS {
            return;
        }
        let focus_losses = self.focus_losses.get_untracked();
        let act = Act { rt_millis, at: platform::unix_millis(), input, focus_losses };
        self.act(|session| session.answer(answer, act).map(Some).map_err(|error| error.to_string()));
    }

    fn undo(self, input: Input) {
        self.act(|session| Ok(session.undo(platform::unix_millis(), input)));
    }

    fn key(self, event: &web_sys::KeyboardEvent) {
        if !self.at_trial() || event.repeat() || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let key = event.key();
        let waiting = self.label.get_untracked();
        match key.as_str() {
            "Backspace" | "Escape" | "u" | "U" if waiting.is_some() => {
                event.prevent_default();
                self.label.set(None);
            }
            "Backspace" | "u" | "U" => {
                event.prevent_default();
                self.undo(Input::Keyboard);
            }
            _ => {
                let choice = self.session.with_untracked(|session| {
                    session.as_ref().and_then(|session| choice_of_key(session, &key, waiting.as_ref()))
                });
                if let Some(choice) = choice {
                    event.prevent_default();
                    match choice {
                        Choice::Answer(answer) => self.answer(answer, Input::Keyboard),
                        Choice::Label(label) => self.label.set(Some(label)),
                    }
                }
            }
        }
    }

    /// Prepares for a trial that is about to be painted.
    fn show(self, trial: &Trial) {
        self.label.set(None);
        self.focus_losses.set(0);
        self.shown_at.set(f64::MAX);
        let pictures = trial.stimuli.iter().filter(|stimulus| stimulus.image.is_some()).count();
        self.pictures.set(if trial.instruction().is_some() && trial.stimuli.len() == 2 { 0 } else { pictures });
        if self.pictures.get_untracked() == 0 {
            request_animation_frame(move || self.shown_at.set(platform::now_millis()));
        }
    }

    /// A picture is there; response times count from the last one.
    fn picture(self, there: bool) {
        if !there {
            return self.state.notify(NoticeKind::Network, "a picture of this study could not be loaded".to_owned());
        }
        self.pictures.update(|n| *n = n.saturating_sub(1));
        if self.pictures.get_untracked() == 0 {
            request_animation_frame(move || self.shown_at.set(platform::now_millis()));
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
fn ElsewhereView(judging: Judging, study: Study) -> impl IntoView {
    view! {
        <section class="panel stack" data-testid="elsewhere" role="status">
            <h2>"Open in another tab"</h2>
            <p>"This session is going on in another tab of this browser: answer there, or close that tab and go on here."</p>
            <button type="button" class="primary" data-testid="take-over" on:click=move |_| { let study = study.clone(); spawn_local(judging.open_study(study)); }>"Go on here"</button>
        </section>
    }
}

/// Between two blocks.
#[component]
fn BreakView(judging: Judging, done: usize, total: usize) -> impl IntoView {
    view! {
        <section class="panel stack" data-testid="break" role="status">
            <h2>"Time for a break"</h2>
            <p>{format!("{done} of {total} are done and saved. Go on when you like.")}</p>
            <button type="button" class="primary" data-testid="go-on" on:click=move |_| judging.rested.set(Some(done))>"Go on"</button>
        </section>
    }
}

/// The trial itself, as its design draws it.
fn trial_view(judging: Judging, session: &Session, trial: Trial) -> AnyView {
    let study = session.study();
    let disabled = Signal::derive(move || judging.saving.get());
    let answer = Callback::new(move |(answer, input)| judging.answer(answer, input));
    let on_picture = Callback::new(move |there| judging.picture(there));
    let question = study.question().to_owned();
    if let Some(asked) = session.question_of(&trial.kind).cloned() {
        let instructions = study.instructions.clone();
        let again = session.was_misunderstood();
        return view! { <TrialQuestion question=asked instructions=instructions again=again disabled=disabled answer=answer /> }.into_any();
    }
    match study.design.clone() {
        Design::PairRating { scale } => {
            view! { <TrialPairRating trial=trial question=question scale=scale disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
        }
        Design::Triplet { .. } => {
            view! { <TrialTriplet trial=trial question=question disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
        }
        Design::Preference { prompts } => {
            let group = trial.stimuli.first().and_then(|stimulus| stimulus.group.clone());
            let prompt = prompts.into_iter().find(|prompt| Some(&prompt.id) == group.as_ref()).map(|it| it.text);
            view! { <TrialPreference trial=trial question=question prompt=prompt.unwrap_or_default() disabled=disabled answer=answer /> }.into_any()
        }
        Design::Label { labels, confidence } => {
            view! { <TrialLabel trial=trial question=question labels=labels confidence=confidence pending=judging.label disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
        }
    }
}

#[component]
fn TrialView(judging: Judging, session: Session) -> impl IntoView {
    let (done, total) = session.progress();
    let trial = session.current().cloned();
    if let Some(trial) = &trial {
        judging.show(trial);
    }
    let progress = Signal::derive(move || (done as f64, total as f64));
    let practice = trial.as_ref().is_some_and(|trial| trial.kind == TrialKind::Practice);
    let label = Signal::derive(move || {
        format!("{} of {total}{}", done + 1, if practice { ", practice: this one does not count" } else { "" })
    });
    let words = Signal::derive(move || if judging.saving.get() { "saving".to_owned() } else { "saved".to_owned() });
    let can_undo = session.can_undo();
    let instructions = session.study().instructions.clone();
    let asked = trial.map(|trial| trial_view(judging, &session, trial));
    view! {
        <section class="trial" data-testid="trial" data-trial=done.to_string()>
            <ProgressBar label=label progress=progress words=words />
            {asked}
            <button type="button" class="quiet" data-testid="undo" disabled=move || !can_undo || judging.saving.get() on:click=move |event| judging.undo(input_of(&event))>
                "Take back the last one (Backspace or U)"
            </button>
            <details class="trial-instructions"><summary>"What am I to do?"</summary><p>{instructions}</p></details>
        </section>
    }
}

/// The other studies that can be taken part in.
#[component]
fn StudyLinks(open: Memo<String>) -> impl IntoView {
    let state = use_state();
    let studies = LocalResource::new(move || async move {
        let index = state.fetch_text("studies/index.json").await.unwrap_or_default();
        let ids: Vec<String> = serde_json::from_str(&index).unwrap_or_default();
        let mut studies = Vec::new();
        for id in ids {
            if let Ok(text) = state.fetch_text(&format!("studies/{id}.json")).await
                && let Ok(study) = Study::from_json(&text)
            {
                studies.push((id, study.title));
            }
        }
        studies
    });
    view! {
        <nav class="study-links" aria-label="Studies">
            <ul>{move || studies.get().unwrap_or_default().into_iter().map(|(id, title)| {
                let here = open.get() == id;
                view! { <li><A href=format!("/judge?study={id}") attr:data-testid=format!("study-{id}") attr:aria-current=here.then_some("true")>{title}</A></li> }
            }).collect_view()}</ul>
        </nav>
    }
}

/// Judge like a participant.
#[component]
pub fn JudgePage() -> impl IntoView {
    let judging = Judging::new(use_state());
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.get().get("study").unwrap_or_else(|| FIRST_STUDY.to_owned()));
    Effect::new(move |_| spawn_local(judging.open(wanted.get())));
    let keys = window_event_listener(leptos::ev::keydown, move |event| judging.key(&event));
    let left = move || judging.focus_losses.update(|n| *n += 1);
    let blur = window_event_listener(leptos::ev::blur, move |_| left());
    on_cleanup(move || {
        keys.remove();
        blur.remove();
    });
    let view = move || {
        let study = judging.study.get();
        if !judging.loaded.get() {
            return view! { <p role="status">"Reading the study…"</p> }.into_any();
        }
        match (study, judging.session.get()) {
            (Some(study), _) if judging.elsewhere.get() => {
                view! { <ElsewhereView judging=judging study=study /> }.into_any()
            }
            (Some(study), None) => view! {
                <StudyLinks open=wanted />
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study />
            }
            .into_any(),
            (_, Some(session)) if session.is_finished() => view! {
                <EndView judging=judging session=session />
                <StudyLinks open=wanted />
            }
            .into_any(),
            (_, Some(session)) if is_resting(&session, judging.rested.get()) => {
                let (done, total) = session.progress();
                view! { <BreakView judging=judging done=done total=total /> }.into_any()
            }
            (_, Some(session)) => view! { <TrialView judging=judging session=session /> }.into_any(),
            (None, None) => ().into_any(),
        }
    };
    view! {
        <Heading text="Judge like a participant" />
        {view}
    }
}
