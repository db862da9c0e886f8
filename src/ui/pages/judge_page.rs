//! Judge like a participant: consent, one trial at a time, and what came out at the end.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_location;
use wasm_bindgen::JsCast;

use super::judge_end::EndView;
use super::judge_start::{ConsentView, ElsewhereView, OwnStudy, ReturnedView, ShareStudy, StudyLinks, WhoView};
use crate::app::judging::{Choice, GivenLabel, choice_of_key};
use crate::platform;
use crate::platform::tab_lock::{TabLock, try_lock};
use crate::protocol::NoticeKind;
use crate::store::{Collection, Record};
use crate::study::conduct::{ResumePolicy, Return};
use crate::study::delivery::Delivery;
use crate::study::design::Design;
use crate::study::judgment::{Input, Judgment, Labeller};
use crate::study::recruitment::Recruitment;
use crate::study::session::{Act, ConsentGiven, Session, SessionRecord};
use crate::study::study::Study;
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
use crate::ui::recruiting::{remember, remembered};
use crate::ui::state::{State, use_state};
use crate::ui::study_source::{Wanted, fragment, use_wanted};
use crate::ui::{input_of, to};

/// Milliseconds after a trial appears in which an answer is taken for the one before it.
const DEAD_MILLIS: f64 = 200.0;

/// An unfinished session that was not gone on with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// What became of it.
    pub outcome: Return,
    /// Trials that had an answer.
    pub done: usize,
    /// Trials it had.
    pub total: usize,
}

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
    /// Whether the page is left now: losing the focus and being hidden are one leaving.
    away: RwSignal<bool>,
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
    pub(super) found: RwSignal<Option<SessionRecord>>,
    /// Where the participant came from, in hashes.
    pub(super) recruitment: RwSignal<Option<Recruitment>>,
    /// Whether somebody looks at the task on its platform without having accepted it.
    pub(super) only_looks: RwSignal<bool>,
    /// Whether the participant agrees that the answers are sent.
    pub(super) may_send: RwSignal<bool>,
    /// What became of an unfinished session.
    returned: RwSignal<Option<Returned>>,
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
            away: RwSignal::new(false),
            label: RwSignal::new(None),
            ratings: RwSignal::new(Vec::new()),
            rested: RwSignal::new(None),
            loaded: RwSignal::new(false),
            withdrawn: RwSignal::new(false),
            elsewhere: RwSignal::new(false),
            preview: RwSignal::new(false),
            locked: RwSignal::new(false),
            found: RwSignal::new(None),
            recruitment: RwSignal::new(None),
            only_looks: RwSignal::new(false),
            may_send: RwSignal::new(false),
            returned: RwSignal::new(None),
            lock: StoredValue::new_local(None),
        }
    }

    pub(super) async fn open(self, wanted: Wanted) {
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
    pub(super) async fn open_study(self, study: Study, locked: bool) {
        let hash = study.hash();
        let records: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let known: Vec<Recruitment> = self.state.list(Collection::Recruitments, Some(&hash)).await;
        let recruited = self.recruited(&hash, &known);
        // Whoever comes with an id goes on with a session of that id only.
        let is_theirs = |record: &SessionRecord| match &recruited {
            None => true,
            Some(here) => known.iter().any(|it| it.session_id == record.id && it.is_same_participant(here)),
        };
        let newest = records.into_iter().rfind(|record| {
            record.study_sha256 == hash
                && !record.simulated
                && record.labeller == Labeller::Participant
                && is_theirs(record)
        });
        self.recruitment.set(recruited);
        self.returned.set(None);
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

    /// Where the participant came from: the address just now, or earlier in this tab.
    fn recruited(self, study_sha256: &str, known: &[Recruitment]) -> Option<Recruitment> {
        let before = remembered(study_sha256);
        let Some(ids) = self.state.take_ids() else { return before };
        self.only_looks.set(ids.is_preview);
        let salt = known.first().or(before.as_ref()).map_or_else(platform::random_id, |it| it.salt.clone());
        let found = Recruitment::of_ids(&ids, study_sha256, &salt);
        remember(&found);
        Some(found)
    }

    /// Goes on with a stored session, unless another tab does or the study asks for something else.
    pub(super) async fn resume(self, study: Study, record: SessionRecord) {
        self.found.set(None);
        let Some(lock) = try_lock(&lock_name(&record.id)).await else { return self.elsewhere.set(true) };
        // Read only now: until here another tab may have written.
        let judgments: Vec<Judgment> = self.state.list(Collection::Judgments, Some(&record.id)).await;
        match Session::resume(&study, record, &judgments) {
            Ok(session) => {
                let started_at = session.record().started_at;
                match study.resume.on_return(started_at, platform::unix_millis(), session.is_finished()) {
                    Return::GoOn => {
                        self.lock.set_value(Some(lock));
                        self.session.set(Some(session));
                    }
                    outcome => {
                        let (done, total) = session.progress();
                        self.returned.set(Some(Returned { outcome, done, total }));
                    }
                }
            }
            Err(error) => self.state.notify(NoticeKind::Unexpected, error.to_string()),
        }
    }

    /// Leaves a finished session to the next participant of this device.
    pub(super) fn next_participant(self) {
        self.session.set(None);
        self.found.set(None);
        self.lock.set_value(None);
    }

    pub(super) fn begin(self) {
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
                self.lock.set_value(try_lock(&lock_name(&session.record().id)).await);
                // With the study, so that exports can be read without asking where it came from.
                let known: Option<Study> = self.state.get(Collection::Studies, &session.record().study_sha256).await;
                let mut records = vec![Record::of_session(session.record())];
                if known.is_none() {
                    records.push(Record::of_study(session.study()));
                }
                if let Some(recruitment) = self.recruitment.get_untracked() {
                    records.push(Record::of_recruitment(&recruitment.of_session(&session.record().id)));
                }
                if let Some(collect) = study.collect.as_ref().filter(|_| self.may_send.get_untracked()) {
                    let id = &session.record().id;
                    records.push(Record::of_delivery(&Delivery::agreed(&study, collect, id, now)));
                }
                // The next participant is asked again.
                self.may_send.set(false);
                if self.state.save(&records).await {
                    self.returned.set(None);
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
                    let is_first = judgment.seq == 0;
                    let is_last = session.is_finished();
                    if self.state.save(&[Record::of_judgment(&judgment)]).await {
                        self.session.set(Some(session));
                    }
                    self.saving.set(false);
                    if is_last {
                        self.state.send_waiting(false).await;
                    }
                    // Now there is something to keep. Some browsers ask the person, so nothing waits for it.
                    if is_first {
                        self.state.keep_data().await;
                    }
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

    /// Whether an earlier session forbids a new one.
    fn is_refused(self) -> bool {
        self.returned.get().is_some_and(|it| it.outcome == Return::Refuse)
    }

    /// Whether the participant may begin once more after the end.
    pub(super) fn may_begin_again(self) -> bool {
        let blocks = |study: &Study| study.resume.policy == ResumePolicy::Block;
        !self.study.with_untracked(|study| study.as_ref().is_some_and(blocks))
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
        <ConfirmButton id="withdraw" label="Withdraw" question="Withdraw from this study?" consequence="All answers of this session are deleted from this browser. That there was a session, when it was withdrawn and how many answers it had is kept. Files you saved and answers you sent stay where they are." yes="Delete my answers" act=act />
    }
}

/// Judge like a participant.
#[component]
pub fn JudgePage() -> impl IntoView {
    let judging = Judging::new(use_state());
    let wanted = use_wanted();
    let opened = Signal::derive(move || match wanted.get() {
        Wanted::Shipped(id) => Some(id),
        _ => None,
    });
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
    // A new version of the site waits as long as somebody answers.
    Effect::new(move |_| {
        let is_judging = judging.session.with(|session| session.as_ref().is_some_and(|session| !session.is_finished()));
        judging.state.is_judging.set(is_judging);
    });
    let keys = window_event_listener(leptos::ev::keydown, move |event| judging.key(&event));
    let left = move |away: bool| {
        if away && !judging.away.get_untracked() {
            judging.focus_losses.update(|n| *n += 1);
        }
        judging.away.set(away);
    };
    let blur = window_event_listener(leptos::ev::blur, move |_| left(true));
    let focus = window_event_listener(leptos::ev::focus, move |_| left(false));
    let hidden = window_event_listener(leptos::ev::visibilitychange, move |_| left(document().hidden()));
    on_cleanup(move || {
        for listener in [blur, focus, hidden] {
            listener.remove();
        }
        keys.remove();
        judging.state.is_judging.set(false);
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
            (Some(_), None) if judging.is_refused() => view! {
                {judging.returned.get().map(|returned| view! { <ReturnedView returned=returned /> })}
            }
            .into_any(),
            (Some(study), None) if judging.locked.get() => view! {
                {judging.withdrawn.get().then(|| view! { <p role="status" data-testid="withdrawn">"Your answers were deleted."</p> })}
                {judging.returned.get().map(|returned| view! { <ReturnedView returned=returned /> })}
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study />
            }
            .into_any(),
            (Some(study), None) => view! {
                {judging.withdrawn.get().then(|| view! { <p role="status" data-testid="withdrawn">"Your answers were deleted."</p> })}
                {judging.returned.get().map(|returned| view! { <ReturnedView returned=returned /> })}
                <h2>{study.title.clone()}</h2>
                <p>{study.instructions.clone()}</p>
                <ConsentView judging=judging study=study.clone() />
                // Below, since it is fetched: what comes late must not push the consent away under a finger.
                <h2>"All studies"</h2>
                <StudyLinks open=opened />
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
                {(!judging.locked.get()).then(|| view! { <StudyLinks open=opened /> })}
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
            (None, None) => view! { <StudyLinks open=opened /> <OwnStudy judging=judging /> }.into_any(),
        }
    };
    view! {
        <Heading text="Judge like a participant" />
        <Show when=move || judging.preview.get()><PreviewBanner /></Show>
        {view}
    }
}
