//! Judge like a participant: consent, one trial at a time, and what came out at the end.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_location, use_navigate};
use wasm_bindgen::JsCast;

use super::judge_end::{EndView, save};
use crate::app::judging::{Choice, GivenLabel, choice_of_key};
use crate::eval::run::{Method, Run};
use crate::eval::tasks;
use crate::platform;
use crate::platform::tab_lock::{TabLock, try_lock};
use crate::protocol::NoticeKind;
use crate::store::{Collection, Record};
use crate::study::design::Design;
use crate::study::judgment::{Input, Judgment, Labeller};
use crate::study::session::{Act, ConsentGiven, Session, SessionRecord};
use crate::study::study::{MAX_BYTES, Study};
use crate::study::trial::{Answer, Trial, TrialKind};
use crate::ui::Heading;
use crate::ui::components::dialog::ConfirmButton;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::components::trial_anchored_triplet::TrialAnchoredTriplet;
use crate::ui::components::trial_answer_rating::TrialAnswerRating;
use crate::ui::components::trial_arrangement::TrialArrangement;
use crate::ui::components::trial_free_label::TrialFreeLabel;
use crate::ui::components::trial_label::TrialLabel;
use crate::ui::components::trial_pair_rating::TrialPairRating;
use crate::ui::components::trial_preference::TrialPreference;
use crate::ui::components::trial_question::TrialQuestion;
use crate::ui::components::trial_triplet::TrialTriplet;
use crate::ui::state::{State, use_state};
use crate::ui::study_source::{Wanted, fragment, link_of, shipped, use_wanted};
use crate::ui::{input_of, to};

/// Milliseconds after a trial appears in which an answer is taken for the one before it.
const DEAD_MILLIS: f64 = 200.0;

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
    label: RwSignal<Option<GivenLabel>>,
    /// Ratings that wait for the rest.
    ratings: RwSignal<Vec<u8>>,
    /// Trials done at the last break that is over.
    rested: RwSignal<Option<usize>>,
    loaded: RwSignal<bool>,
    /// Whether the last session was withdrawn.
    withdrawn: RwSignal<bool>,
    /// Whether another tab goes on with the session.
    elsewhere: RwSignal<bool>,
    /// Whether somebody only looks how it would be: nothing is stored, and no record passes for a person's.
    pub preview: RwSignal<bool>,
    /// Whether a teacher's link leaves nothing to choose.
    pub locked: RwSignal<bool>,
    /// A session of this device that somebody must say is theirs before it is shown.
    found: RwSignal<Option<SessionRecord>>,
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
            ratings: RwSignal::new(Vec::new()),
            rested: RwSignal::new(None),
            loaded: RwSignal::new(false),
            withdrawn: RwSignal::new(false),
            elsewhere: RwSignal::new(false),
            preview: RwSignal::new(false),
            locked: RwSignal::new(false),
            found: RwSignal::new(None),
            lock: StoredValue::new_local(None),
        }
    }

    async fn open(self, wanted: Wanted) {
        self.loaded.set(false);
        self.elsewhere.set(false);
        self.session.set(None);
        self.lock.set_value(None);
        // Asked for now: the page may be left while the study is read.
        let (preview, locked) = (wanted == Wanted::Preview, self.locked.get_untracked());
        self.preview.set(preview);
        match wanted.study(self.state).await {
            Ok(study) if preview => {
                self.study.set(Some(study));
                self.loaded.set(true);
            }
            Ok(study) => self.open_study(study, locked).await,
            Err((kind, detail)) => {
                self.study.set(None);
                self.loaded.set(true);
                self.state.notify(kind, detail);
            }
        }
    }

    /// Opens a study and goes on with its newest session, unless another tab does.
    async fn open_study(self, study: Study, locked: bool) {
        let hash = study.hash();
        let records: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let newest = records.into_iter().rfind(|record| {
            record.study_sha256 == hash && !record.simulated && record.labeller == Labeller::Participant
        });
        self.elsewhere.set(false);
        self.found.set(None);
        self.study.set(Some(study.clone()));
        match newest {
            // On a shared device the last one's answers are nobody else's business.
            Some(record) if locked => self.found.set(Some(record)),
            Some(record) => self.resume(study, record).await,
            None => {}
        }
        self.loaded.set(true);
    }

    /// Goes on with a stored session, unless another tab does.
    async fn resume(self, study: Study, record: SessionRecord) {
        self.found.set(None);
        {
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
    }

    /// Leaves a finished session to the next participant of this device.
    pub(super) fn next_participant(self) {
        self.session.set(None);
        self.found.set(None);
        self.lock.set_value(None);
    }

    fn begin(self) {
        let Some(study) = self.study.get_untracked() else { return };
        let now = platform::unix_millis();
        if self.preview.get_untracked() {
            match Session::begin_simulated(&study, platform::random_u64(), "preview".to_owned(), now) {
                Ok(session) => self.session.set(Some(session)),
                Err(error) => self.state.notify(NoticeKind::Unexpected, error.to_string()),
            }
            return;
        }
        let consent = ConsentGiven { version: study.consent.version, at: now };
        self.withdrawn.set(false);
        match Session::begin(&study, platform::random_u64(), platform::random_id(), consent, now) {
            Ok(session) => spawn_local(async move {
                self.state.keep_data().await;
                self.lock.set_value(try_lock(&lock_name(&session.record().id)).await);
                // With the study, so that exports can be read without asking where it came from.
                let known: Option<Study> = self.state.get(Collection::Studies, &session.record().study_sha256).await;
                let mut records = vec![Record::of_session(session.record())];
                if known.is_none() {
                    records.push(Record::of_study(session.study()));
                }
                if self.state.save(&records).await {
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
            Ok(Some(_)) if self.preview.get_untracked() => self.session.set(Some(session)),
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

    /// Deletes the session; only that there was one stays.
    pub(super) fn withdraw(self) {
        let Some(session) = self.session.get_untracked() else { return };
        self.saving.set(true);
        spawn_local(async move {
            if self.state.withdraw(&session.withdrawal(platform::unix_millis())).await {
                self.session.set(None);
                self.withdrawn.set(true);
                self.lock.set_value(None);
            }
            self.saving.set(false);
        });
    }

    fn undo(self, input: Input) {
        self.act(|session| Ok(session.undo(platform::unix_millis(), input)));
    }

    fn key(self, event: &web_sys::KeyboardEvent) {
        if !self.at_trial() || event.repeat() || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        // A dialog has the keys to itself.
        if document().query_selector("dialog[open]").ok().flatten().is_some() {
            return;
        }
        // What is typed is no shortcut, and things are moved with the keys of their own.
        if event.target().is_some_and(|target| {
            target.has_type::<web_sys::HtmlInputElement>() || target.has_type::<web_sys::HtmlTextAreaElement>()
        }) {
            return;
        }
        let key = event.key();
        let ratings = self.ratings.get_untracked();
        let waiting = self.label.get_untracked();
        match key.as_str() {
            "Backspace" | "Escape" | "u" | "U" if waiting.is_some() => {
                event.prevent_default();
                self.label.set(None);
            }
            "Backspace" | "Escape" | "u" | "U" if !ratings.is_empty() => {
                event.prevent_default();
                self.ratings.update(|it| {
                    it.pop();
                });
            }
            "Backspace" | "u" | "U" => {
                event.prevent_default();
                self.undo(Input::Keyboard);
            }
            _ => {
                let choice = self.session.with_untracked(|session| {
                    session.as_ref().and_then(|session| choice_of_key(session, &key, waiting.as_ref(), &ratings))
                });
                if let Some(choice) = choice {
                    event.prevent_default();
                    match choice {
                        Choice::Answer(answer) => self.answer(answer, Input::Keyboard),
                        Choice::Label(label) => self.label.set(Some(label)),
                        Choice::Ratings(ratings) => self.ratings.set(ratings),
                    }
                }
            }
        }
    }

    /// Prepares for a trial that is about to be painted.
    fn show(self, trial: &Trial) {
        self.label.set(None);
        self.ratings.set(Vec::new());
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
fn OwnStudy(judging: Judging) -> impl IntoView {
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
fn ElsewhereView(judging: Judging, study: Study) -> impl IntoView {
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
fn WhoView(judging: Judging, study: Study, record: SessionRecord) -> impl IntoView {
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
fn trial_view(judging: &Judging, session: &Session, trial: Trial) -> AnyView {
    let judging = *judging;
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
        Design::AnchoredTriplet { .. } => {
            view! { <TrialAnchoredTriplet trial=trial question=question disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
        }
        Design::AnswerRating { prompts, axes, scale } => {
            let group = trial.stimuli.first().and_then(|stimulus| stimulus.group.clone());
            let prompt = prompts.into_iter().find(|prompt| Some(&prompt.id) == group.as_ref()).map(|it| it.text);
            view! { <TrialAnswerRating trial=trial question=question prompt=prompt.unwrap_or_default() axes=axes scale=scale ratings=judging.ratings disabled=disabled answer=answer /> }.into_any()
        }
        Design::FreeLabel { max_chars } => {
            view! { <TrialFreeLabel trial=trial question=question max_chars=max_chars disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
        }
        Design::Arrangement { .. } => {
            view! { <TrialArrangement trial=trial question=question disabled=disabled answer=answer on_picture=on_picture /> }.into_any()
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
    let preview = judging.preview.get_untracked();
    let words = Signal::derive(move || {
        let words = if preview {
            "nothing is kept"
        } else if judging.saving.get() {
            "saving"
        } else {
            "saved"
        };
        words.to_owned()
    });
    let can_undo = session.can_undo();
    let instructions = session.study().instructions.clone();
    let asked = trial.map(|trial| trial_view(&judging, &session, trial));
    view! {
        <section class="trial" data-testid="trial" data-trial=done.to_string()>
            <ProgressBar label=label progress=progress words=words />
            {asked}
            <button type="button" class="quiet" data-testid="undo" disabled=move || !can_undo || judging.saving.get() on:click=move |event| judging.undo(input_of(&event))>
                "Take back the last one (Backspace or U)"
            </button>
            <details class="trial-instructions"><summary>"What am I to do?"</summary><p>{instructions}</p></details>
            {(!preview).then(|| view! { <WithdrawButton judging=judging /> })}
        </section>
    }
}

/// Says on every screen that nothing counts.
#[component]
fn PreviewBanner() -> impl IntoView {
    view! {
        <p class="preview-banner" data-testid="preview-banner">
            "Preview: nothing that you do here is kept or counted. "
            <A href=to("/build") attr:data-testid="leave-preview">"Back to the builder"</A>
        </p>
    }
}

/// The end of a preview: no figure, because nobody's answers are in it.
#[component]
fn PreviewEnd(judging: Judging, session: Session) -> impl IntoView {
    let minutes =
        session.records().last().map_or(0.0, |last| (last.at - session.record().started_at).max(0.0) / 60_000.0);
    let n = session.trials().len();
    view! {
        <section class="panel stack" data-testid="preview-end" role="status">
            <h2>"The end of the preview"</h2>
            <p>{format!("You went through {n} trials in {minutes:.1} minutes. Participants see here what came out, their completion code, and:")}</p>
            {session.study().debrief.clone().map(|text| view! { <p data-testid="debrief">{text}</p> })}
            <p><button type="button" data-testid="preview-again" on:click=move |_| judging.session.set(None)>"Once more"</button></p>
        </section>
    }
}

/// Deletes the session after asking.
#[component]
pub fn WithdrawButton(
    /// The page.
    judging: Judging,
) -> impl IntoView {
    let act = Callback::new(move |()| judging.withdraw());
    view! {
        <ConfirmButton id="withdraw" label="Withdraw" question="Withdraw from this study?" consequence="All answers of this session are deleted from this browser. That there was a session, when it was withdrawn and how many answers it had is kept. Files you saved stay yours." yes="Delete my answers" act=act />
    }
}

/// The other studies that can be taken part in.
#[component]
fn StudyLinks(open: Memo<Wanted>) -> impl IntoView {
    let state = use_state();
    let studies = LocalResource::new(move || shipped(state));
    view! {
        <nav class="study-links" aria-label="Studies">
            <ul>{move || studies.get().unwrap_or_default().into_iter().map(|(id, title)| {
                let here = open.get() == Wanted::Shipped(id.clone());
                view! { <li><A href=format!("/judge?study={id}") attr:data-testid=format!("study-{id}") attr:aria-current=here.then_some("true")>{title}</A></li> }
            }).collect_view()}</ul>
        </nav>
    }
}

/// Judge like a participant.
#[component]
pub fn JudgePage() -> impl IntoView {
    let judging = Judging::new(use_state());
    let wanted = use_wanted();
    let location = use_location();
    Effect::new(move |_| {
        judging.locked.set(fragment(&location.hash.get()).contains_key("class"));
        spawn_local(judging.open(wanted.get()));
    });
    // A class sees the study and nothing beside it.
    Effect::new(move |_| {
        let name = if judging.locked.get() { "locked" } else { "" };
        if let Some(body) = document().body() {
            body.set_class_name(name);
        }
    });
    let keys = window_event_listener(leptos::ev::keydown, move |event| judging.key(&event));
    let left = move || judging.focus_losses.update(|n| *n += 1);
    let blur = window_event_listener(leptos::ev::blur, move |_| left());
    on_cleanup(move || {
        keys.remove();
        blur.remove();
        if let Some(body) = document().body() {
            body.set_class_name("");
        }
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
            (Some(study), None) if judging.preview.get() => view! {
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study />
            }
            .into_any(),
            (Some(study), None) if judging.found.get().is_some() => {
                let record = judging.found.get();
                record.map(|record| view! { <WhoView judging=judging study=study record=record /> }).into_any()
            }
            (Some(study), None) if judging.locked.get() => view! {
                {judging.withdrawn.get().then(|| view! { <p role="status" data-testid="withdrawn">"Your answers were deleted."</p> })}
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study />
            }
            .into_any(),
            (Some(study), None) => view! {
                <StudyLinks open=wanted />
                {judging.withdrawn.get().then(|| view! { <p role="status" data-testid="withdrawn">"Your answers were deleted."</p> })}
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study.clone() />
                <ShareStudy state=judging.state study=study />
                <OwnStudy judging=judging />
                <p><A href=to("/build") attr:data-testid="to-build">"Build a study of your own"</A> " · " <A href=to("/class") attr:data-testid="to-class">"Ask a class"</A></p>
            }
            .into_any(),
            (_, Some(session)) if session.is_finished() && judging.preview.get() => {
                view! { <PreviewEnd judging=judging session=session /> }.into_any()
            }
            (_, Some(session)) if session.is_finished() => view! {
                <EndView judging=judging session=session />
                {(!judging.locked.get()).then(|| view! { <StudyLinks open=wanted /> })}
            }
            .into_any(),
            (_, Some(session)) if is_resting(&session, judging.rested.get()) => {
                let (done, total) = session.progress();
                view! { <BreakView judging=judging done=done total=total /> }.into_any()
            }
            (_, Some(session)) => view! { <TrialView judging=judging session=session /> }.into_any(),
            (None, None) if judging.locked.get() => {
                view! { <p role="status">"This link opens no study. Ask whoever gave it to you for a new one."</p> }.into_any()
            }
            (None, None) => view! { <StudyLinks open=wanted /> <OwnStudy judging=judging /> }.into_any(),
        }
    };
    view! {
        <Heading text="Judge like a participant" />
        <Show when=move || judging.preview.get()><PreviewBanner /></Show>
        {view}
    }
}
