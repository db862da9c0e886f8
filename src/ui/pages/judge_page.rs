//! Judge like a participant: consent, one trial at a time, and what came out at the end.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use wasm_bindgen::JsCast;

use super::judge_end::{EndView, save};
use crate::app::judging::{Choice, GivenLabel, choice_of_key};
use crate::eval::run::{ItemResult, Method, Run};
use crate::eval::tasks;
use crate::platform;
use crate::platform::tab_lock::{TabLock, try_lock};
use crate::protocol::NoticeKind;
use crate::report::blind_study::study_of_runs;
use crate::store::{Collection, Record};
use crate::study::design::Design;
use crate::study::judgment::{Input, Judgment, Labeller};
use crate::study::session::{Act, ConsentGiven, Session, SessionRecord};
use crate::study::study::{MAX_BYTES, Study};
use crate::study::trial::{Answer, Trial, TrialKind};
use crate::ui::Heading;
use crate::ui::components::dialog::ConfirmButton;
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
    label: RwSignal<Option<GivenLabel>>,
    /// Trials done at the last break that is over.
    rested: RwSignal<Option<usize>>,
    loaded: RwSignal<bool>,
    /// Whether the last session was withdrawn.
    withdrawn: RwSignal<bool>,
    /// Whether another tab goes on with the session.
    elsewhere: RwSignal<bool>,
    /// Held as long as this tab may write to the session.
    lock: StoredValue<Option<TabLock>, LocalStorage>,
}

/// Which study is asked for by the page's address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// One of `public/studies`.
    Shipped(String),
    /// A whole study, from the part of a link that no server sees.
    Link(String),
    /// Two stored runs against each other.
    Runs(String, String),
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
            withdrawn: RwSignal::new(false),
            elsewhere: RwSignal::new(false),
            lock: StoredValue::new_local(None),
        }
    }

    async fn open(self, wanted: Wanted) {
        self.loaded.set(false);
        self.elsewhere.set(false);
        self.session.set(None);
        self.lock.set_value(None);
        match self.study_of(wanted).await {
            Ok(study) => self.open_study(study).await,
            Err((kind, detail)) => {
                self.study.set(None);
                self.loaded.set(true);
                self.state.notify(kind, detail);
            }
        }
    }

    async fn study_of(self, wanted: Wanted) -> Result<Study, (NoticeKind, String)> {
        let text = match wanted {
            Wanted::Link(text) => text,
            Wanted::Runs(a, b) => return self.study_of_runs(&a, &b).await,
            Wanted::Shipped(id) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if !id.chars().all(plain) {
                    return Err((NoticeKind::BadItems, format!("there is no study {id:?}")));
                }
                let text = self.state.fetch_text(&format!("studies/{id}.json")).await;
                text.map_err(|detail| (NoticeKind::Network, detail))?
            }
        };
        Study::from_json(&text).map_err(|error| (NoticeKind::BadItems, error.to_string()))
    }

    async fn study_of_runs(self, a: &str, b: &str) -> Result<Study, (NoticeKind, String)> {
        let mut sides = Vec::new();
        for id in [a, b] {
            let run: Run = self
                .state
                .get(Collection::Runs, id)
                .await
                .ok_or_else(|| (NoticeKind::BadItems, format!("there is no stored run {id:?}")))?;
            let mut results: Vec<ItemResult> = self.state.list(Collection::ItemResults, Some(id)).await;
            results.sort_by_key(|result| result.index);
            sides.push((run, results));
        }
        let [(first, first_results), (second, second_results)] = sides.as_slice() else {
            return Err((NoticeKind::BadItems, "two runs are needed".to_owned()));
        };
        study_of_runs((first, first_results), (second, second_results))
            .map_err(|error| (NoticeKind::BadItems, error.to_string()))
    }

    /// Opens a study and goes on with its newest session, unless another tab does.
    async fn open_study(self, study: Study) {
        let hash = study.hash();
        let records: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let newest = records.into_iter().rfind(|record| {
            record.study_sha256 == hash && !record.simulated && record.labeller == Labeller::Participant
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

/// Longest link that is offered; some programs cut longer ones.
const MAX_LINK_CHARS: usize = 30_000;

/// A link that holds the whole study, or its file where it is too long for a link.
#[component]
fn ShareStudy(state: State, study: Study) -> impl IntoView {
    let json = serde_json::to_string(&study).unwrap_or_default();
    let link = format!("{}judge#study={}", state.site_root(), String::from(js_sys::encode_uri_component(&json)));
    let name = format!("study-{}.json", study.id);
    let short = link.len() <= MAX_LINK_CHARS;
    let file = move |_| {
        let text = serde_json::to_string_pretty(&study).map_err(|error| error.to_string());
        save(state, &name, "application/json", text);
    };
    view! {
        <details data-testid="share-study">
            <summary>"Share this study"</summary>
            <p>"The link holds the whole study; no server sees the part behind the #. Answers stay with whoever gives them, who can save and send them."</p>
            {short.then(|| view! {
                <div class="field">
                    <label for="study-link">"Link to this study"</label>
                    <input id="study-link" data-testid="study-link" readonly=true prop:value=link />
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
    let asked = trial.map(|trial| trial_view(&judging, &session, trial));
    view! {
        <section class="trial" data-testid="trial" data-trial=done.to_string()>
            <ProgressBar label=label progress=progress words=words />
            {asked}
            <button type="button" class="quiet" data-testid="undo" disabled=move || !can_undo || judging.saving.get() on:click=move |event| judging.undo(input_of(&event))>
                "Take back the last one (Backspace or U)"
            </button>
            <details class="trial-instructions"><summary>"What am I to do?"</summary><p>{instructions}</p></details>
            <WithdrawButton judging=judging />
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
    let query = use_query_map();
    let location = use_location();
    let wanted = Memo::new(move |_| {
        let hash = location.hash.get();
        if let Some(text) = hash.trim_start_matches('#').strip_prefix("study=")
            && let Ok(text) = js_sys::decode_uri_component(text)
        {
            return Wanted::Link(text.into());
        }
        let query = query.get();
        match query.get("runs").as_deref().and_then(|runs| runs.split_once(',')) {
            Some((a, b)) => Wanted::Runs(a.to_owned(), b.to_owned()),
            None => Wanted::Shipped(query.get("study").unwrap_or_else(|| FIRST_STUDY.to_owned())),
        }
    });
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
                {judging.withdrawn.get().then(|| view! { <p role="status" data-testid="withdrawn">"Your answers were deleted."</p> })}
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study.clone() />
                <ShareStudy state=judging.state study=study />
                <OwnStudy judging=judging />
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
            (None, None) => view! { <StudyLinks open=wanted /> <OwnStudy judging=judging /> }.into_any(),
        }
    };
    view! {
        <Heading text="Judge like a participant" />
        {view}
    }
}
