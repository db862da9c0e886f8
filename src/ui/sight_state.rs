//! Where the picture worker, its signals and the store meet; the counterpart of [`state`](super::state) for pictures.

use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::state::{Queue, State, words_of};
use crate::app::sight::Sight;
use crate::eval::item::Item;
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::sight::{Labels, View};
use crate::eval::tasks::visalign;
use crate::formats::catalog::Catalog;
use crate::platform;
use crate::protocol::{Command, CommandId, Event, ModelOrigin, NoticeKind};
use crate::store::Collection;
use crate::worker::client::{WorkerClient, loader_of};

/// Most bytes of a picture model's file. One of two towers is larger: a base model has 605 MB, of which the text tower
/// goes again once the prompts are encoded.
const BUDGET_BYTES: u64 = 1 << 30;

/// A person's own picture: its name in views, and its file until the worker has it.
type OwnPicture = (String, web_sys::File, bool);

/// What the page about pictures knows and does; a handle that can be copied freely.
#[derive(Clone, Copy)]
pub struct SightState {
    /// What is known.
    pub sight: RwSignal<Sight>,
    /// The view that is wanted; the worker follows as fast as it can.
    pub wanted: RwSignal<Option<View>>,
    state: State,
    /// The worker, and where its list of models is.
    worker: &'static str,
    catalog: &'static str,
    client: StoredValue<Option<WorkerClient>, LocalStorage>,
    queue: StoredValue<Rc<Queue>, LocalStorage>,
    own: StoredValue<Option<OwnPicture>, LocalStorage>,
}

impl SightState {
    /// Of the page about pictures, without a worker yet.
    pub fn new(state: State) -> Self {
        Self::of(state, "vision_worker", "models/vision.json")
    }

    fn of(state: State, worker: &'static str, catalog: &'static str) -> Self {
        Self {
            sight: RwSignal::default(),
            wanted: RwSignal::new(None),
            state,
            worker,
            catalog,
            client: StoredValue::new_local(None),
            queue: StoredValue::new_local(Rc::default()),
            own: StoredValue::new_local(None),
        }
    }

    fn send<'a>(
        self,
        make: impl FnOnce(CommandId) -> Command,
        files: impl IntoIterator<Item = &'a web_sys::File>,
    ) -> Option<CommandId> {
        if self.client.with_value(Option::is_none) {
            let Some(loader) = loader_of(self.worker) else {
                self.state.notify(NoticeKind::WorkerStopped, format!("the page does not say where {} is", self.worker));
                return None;
            };
            let url = format!("{}{loader}", self.state.site_root());
            match WorkerClient::spawn(&url, move |event| self.receive(event)) {
                Ok(client) => self.client.set_value(Some(client)),
                Err(error) => {
                    self.state.notify(NoticeKind::WorkerStopped, words_of(&error));
                    return None;
                }
            }
        }
        self.client.with_value(|client| {
            client.as_ref().map(|client| {
                let id = client.next_id();
                client.send(&make(id), files);
                id
            })
        })
    }

    fn receive(self, event: Event) {
        self.queue.get_value().push(event, move |event| self.take(event));
    }

    /// Stores what an event says, then shows it.
    async fn take(self, event: Event) {
        if !self.state.save_event(&event).await {
            return self.cancel_run();
        }
        let failed_set = matches!(event, Event::Failed { id, .. } if self.sight.with_untracked(|it| it.opens_set(id)));
        let failed_look = matches!(event, Event::Failed { .. }) && self.sight.with_untracked(Sight::is_looking);
        self.sight.update(|sight| sight.apply(&event, platform::now_millis()));
        match event {
            Event::ModelReady { .. } => {
                self.state.cache_version.update(|version| *version += 1);
                self.follow();
            }
            Event::Looked { .. } | Event::RunEnded { .. } => self.follow(),
            Event::Notice { notice, detail } => self.state.notify(notice, detail),
            Event::Failed { .. } if failed_set => {}
            Event::Failed { id, notice, detail } => {
                self.state.notify(notice, detail);
                if failed_look {
                    // The same picture would only fail again.
                    self.wanted.set(None);
                }
                if id == 0 {
                    self.stop_worker();
                }
            }
            _ => {}
        }
    }

    fn stop_worker(self) {
        let old = self.client.try_update_value(Option::take).flatten();
        spawn_local(async move {
            platform::breathe().await;
            drop(old);
        });
        self.sight.update(|sight| {
            sight.worker_stopped();
            if sight.runs.command().is_some() {
                sight.runs.end(RunStatus::Failed { detail: "the worker stopped".to_owned() });
            }
        });
    }

    /// Loads the built-in classifier, or the person's own file of it.
    pub fn load(self, file: Option<web_sys::File>) {
        if let Some(file) = file {
            return self.load_files(&[file]);
        }
        spawn_local(async move {
            match self.card().await {
                Ok(origin) => self.load_origin(origin, &[]),
                Err(detail) => self.state.notify(NoticeKind::Network, detail),
            }
        });
    }

    /// Loads the person's own files; the first has the weights.
    pub fn load_files(self, files: &[web_sys::File]) {
        if let Some(weights) = files.first() {
            let origin = ModelOrigin::File { name: weights.name(), size_bytes: weights.size() as u64 };
            self.load_origin(origin, files);
        }
    }

    /// Loads a model of several files from the address of their folder.
    pub fn load_folder(self, url: String) {
        self.load_origin(ModelOrigin::Url { url }, &[]);
    }

    fn load_origin(self, origin: ModelOrigin, files: &[web_sys::File]) {
        let (model_id, name) = match &origin {
            ModelOrigin::Catalog { card } => (card.id.clone(), card.name.clone()),
            ModelOrigin::File { name, .. } => (format!("file:{name}"), name.clone()),
            ModelOrigin::Url { url } => (url.clone(), url.clone()),
        };
        let site_root = self.state.site_root();
        let budget_bytes = BUDGET_BYTES;
        let make = |id| Command::Load { id, origin, site_root, budget_bytes, checks: Vec::new() };
        if let Some(id) = self.send(make, files) {
            self.sight.update(|sight| sight.models.start(id, model_id, name));
        }
    }

    /// Stops loading.
    pub fn cancel_load(self) {
        self.cancel(self.sight.with_untracked(|sight| sight.models.command()));
    }

    fn cancel(self, command: Option<CommandId>) {
        if let Some(id) = command {
            self.send(|_| Command::Cancel { id }, None);
        }
    }

    async fn card(self) -> Result<ModelOrigin, String> {
        let text = self.state.fetch_text(self.catalog).await?;
        let catalog: Catalog = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let card = catalog.models.into_iter().find(|card| card.id == catalog.default);
        card.map(|card| ModelOrigin::Catalog { card: Box::new(card) }).ok_or_else(|| "the list is empty".to_owned())
    }

    /// Asks for a view; while one is computed, the last wanted one waits.
    pub fn want(self, view: View) {
        self.wanted.set(Some(view));
        self.follow();
    }

    /// Opens a person's own picture; its name in views is returned.
    pub fn open(self, file: &web_sys::File) -> String {
        // Two files may share a name.
        let source = format!("file:{}-{}", platform::random_id(), file.name());
        self.take_picture(&source, file);
        source
    }

    /// Takes a person's own picture under the name that another worker has for it.
    pub fn take_picture(self, source: &str, file: &web_sys::File) {
        self.own.set_value(Some((source.to_owned(), file.clone(), false)));
    }

    /// Opens a set of pictures: one archive, or the files of a folder with their paths.
    pub fn open_set(self, name: String, paths: Vec<String>, files: &[web_sys::File]) {
        if let Some(id) = self.send(|id| Command::OpenSet { id, name, paths }, files) {
            self.sight.update(|sight| sight.open_set(id));
        }
    }

    /// The item of a picture of the opened set.
    pub fn item_of(self, source: &str) -> Option<Item> {
        self.sight.with(|sight| sight.set.as_ref()?.items.iter().find(|it| it.part("source") == source).cloned())
    }

    fn follow(self) {
        let Some(view) = self.wanted.get_untracked() else { return };
        let ready = self.sight.with_untracked(|sight| {
            sight.models.loaded.is_some()
                && sight.runs.command().is_none()
                && !sight.is_looking()
                && sight.seen.as_ref().is_none_or(|seen| seen.view != view)
        });
        if !ready {
            return;
        }
        // The file goes along until the worker has it.
        let file = self.own.try_update_value(|own| match own {
            Some((source, file, sent)) if *source == view.source && !*sent => {
                *sent = true;
                Some(file.clone())
            }
            _ => None,
        });
        let asked = view.clone();
        if let Some(id) = self.send(|id| Command::Look { id, view: asked }, file.flatten().as_ref()) {
            self.sight.update(|sight| sight.look(id, view));
        }
    }

    /// Runs the pictures of a set; results are saved as they come.
    pub fn run(self, items: &[Item], seed: u64) {
        self.run_task(visalign::ENTRY.info.id, items, seed);
    }

    /// Runs a task over items; results are saved as they come.
    pub fn run_task(self, task_id: &str, items: &[Item], seed: u64) {
        let lines: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
        let items_jsonl = match lines {
            Ok(lines) => lines.join("\n"),
            Err(error) => return self.state.notify(NoticeKind::BadItems, error.to_string()),
        };
        let run_id = platform::random_id();
        let settings = Settings { seed, ..Settings::default() };
        let task_id = task_id.to_owned();
        let make = |id| Command::Run { id, run_id, task_id, settings, items_jsonl, done: Vec::new(), suite: None };
        if let Some(id) = self.send(make, None) {
            self.sight.update(|sight| sight.runs.start(id, Vec::new()));
        }
    }

    /// Stops the run; what it has is kept.
    pub fn cancel_run(self) {
        self.cancel(self.sight.with_untracked(|sight| sight.runs.command()));
    }

    /// The last stored run over pictures by a model of these labels, with its results.
    pub async fn last_run(self, labels: Labels) -> Option<(Run, Vec<ItemResult>)> {
        let runs: Vec<Run> = self.state.list(Collection::Runs, None).await;
        let task = visalign::ENTRY.info.id;
        let fits = |run: &Run| run.task_id == task && Labels::of_family(&run.engine.family) == labels;
        let run = runs.into_iter().filter(fits).max_by(|a, b| a.started_at.total_cmp(&b.started_at))?;
        let mut results: Vec<ItemResult> = self.state.list(Collection::ItemResults, Some(&run.id)).await;
        results.sort_by_key(|result| result.index);
        Some((run, results))
    }
}

/// The worker with the encoder of sentences, of the page about similarity.
#[derive(Clone, Copy)]
pub struct EncoderState(pub SightState);

impl EncoderState {
    /// Without a worker yet.
    pub fn new(state: State) -> Self {
        Self(SightState::of(state, "cpu_worker", "models/encoders.json"))
    }
}

/// The worker of a model of two towers, beside the classifier.
#[derive(Clone, Copy)]
pub struct ClipState(pub SightState);

impl ClipState {
    /// Without a worker yet.
    pub fn new(state: State) -> Self {
        Self(SightState::of(state, "clip_worker", "models/vision.json"))
    }
}

/// The model of two towers, from the context that the app provides.
pub fn use_clip() -> SightState {
    expect_context::<ClipState>().0
}

/// The encoder of sentences, from the context that the app provides.
pub fn use_encoder() -> SightState {
    expect_context::<EncoderState>().0
}

/// The state of the page about pictures, from the context that the app provides.
pub fn use_sight() -> SightState {
    expect_context::<SightState>()
}
