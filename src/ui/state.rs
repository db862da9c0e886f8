//! The one place where signals, the worker and the store meet. Pages call its methods; nothing else sends a
//! command or writes a record, and a record is stored before what it says is shown.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};

use super::device::{self, Device};
use super::offline::Offline;
use super::outbox::Outbox;
use crate::app::chat::Chat;
use crate::app::models::Models;
use crate::app::notices::{Notices, smaller_model};
use crate::app::runs::{NextOfSuite, PlannedSuite, Runs};
use crate::app::{Slice, slice_of};
use crate::eval::engine::{Backend, DeviceCheck, Finish, Sampling, SelfTest};
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::runner::sha256_hex;
use crate::eval::suite::Suite;
use crate::eval::tasks;
use crate::formats::catalog::Catalog;
use crate::platform;
use crate::protocol::{Command, CommandId, Event, ModelOrigin, NoticeKind};
use crate::store::any::AnyStore;
use crate::store::backup::{self, Imported};
use crate::store::weights::{self, CachedModel};
use crate::store::{Collection, Record, Store, StoreError};
use crate::study::draft::{Draft, Kind};
use crate::study::recruitment::Ids;
use crate::study::session::Withdrawal;
use crate::worker::client::{WorkerClient, loader_of};

/// Most bytes a model may take on the graphics device.
const GPU_BUDGET_BYTES: u64 = 2 << 30;
/// Most bytes a model may take in the processor worker's heap, which ends at 4 GiB.
const CPU_BUDGET_BYTES: u64 = 3 << 29;
/// Alternatives shown for each token of a chat.
const N_TOP: u8 = 5;

/// After a lost device the model is loaded again by itself only if none was lost for so long.
const LOSS_PAUSE_MILLIS: f64 = 60_000.0;

/// A load that can be asked for again.
type LastLoad = (ModelOrigin, Option<web_sys::File>);

/// What the page knows and does; a handle that can be copied freely.
#[derive(Clone, Copy)]
pub struct State {
    /// What this device can do.
    pub device: RwSignal<Device>,
    /// What models are to run on; a person may choose the processor.
    pub backend: RwSignal<Backend>,
    /// The catalog, once fetched.
    pub catalog: RwSignal<Option<Catalog>>,
    /// Models.
    pub models: RwSignal<Models>,
    /// The conversation.
    pub chat: RwSignal<Chat>,
    /// Runs.
    pub runs: RwSignal<Runs>,
    /// The study that is being built; it lasts as long as the page.
    pub draft: RwSignal<Draft>,
    /// Whether records outlive the page.
    pub is_durable: RwSignal<bool>,
    /// Sessions that wait to be sent.
    pub outbox: RwSignal<Outbox>,
    /// Whether the site itself is kept for times without a network.
    pub offline: RwSignal<Offline>,
    /// Whether somebody is in the middle of a study.
    pub is_judging: RwSignal<bool>,
    /// Checks of this device that are stored, the newest of each kind.
    pub checks: RwSignal<Vec<DeviceCheck>>,
    /// Notices.
    pub notices: RwSignal<Notices>,
    /// Changes whenever the cache of models may have changed.
    pub cache_version: RwSignal<u32>,
    /// Changes whenever records were written or removed.
    pub records_version: RwSignal<u32>,
    site_root: StoredValue<String>,
    /// Ids of the address, until a study takes them.
    ids: StoredValue<Option<Ids>>,
    client: StoredValue<Option<(Backend, WorkerClient)>, LocalStorage>,
    records: StoredValue<Option<Rc<AnyStore>>, LocalStorage>,
    queue: StoredValue<Rc<Queue>, LocalStorage>,
    last_load: StoredValue<Option<LastLoad>, LocalStorage>,
    /// When a device was lost, in milliseconds.
    last_loss: StoredValue<Option<f64>>,
}

/// Events of a worker, taken one after the other however long each takes: what is shown is already saved.
#[derive(Default)]
pub(super) struct Queue {
    events: RefCell<VecDeque<Event>>,
    pumping: Cell<bool>,
}

impl Queue {
    /// Adds an event; `take` gets it when those before it are done.
    pub(super) fn push<F: Future<Output = ()>>(self: Rc<Self>, event: Event, take: impl Fn(Event) -> F + 'static) {
        self.events.borrow_mut().push_back(event);
        if self.pumping.replace(true) {
            return;
        }
        spawn_local(async move {
            loop {
                let next = self.events.borrow_mut().pop_front();
                let Some(event) = next else { break };
                take(event).await;
            }
            self.pumping.set(false);
        });
    }
}

/// Kind of notice for a storage error.
fn notice_of(error: &StoreError) -> NoticeKind {
    match error {
        StoreError::Unavailable { .. } => NoticeKind::StorageUnavailable,
        StoreError::Blocked => NoticeKind::OtherTab,
        StoreError::Import { .. } | StoreError::Foreign { .. } => NoticeKind::BadImport,
        StoreError::Quota | StoreError::Corrupt { .. } | StoreError::Backend { .. } => NoticeKind::SaveFailed,
    }
}

/// Id of an item's result in a run.
fn result_id(result: &ItemResult) -> String {
    format!("{}/{}", result.run_id, result.item.id)
}

impl State {
    /// Makes the state and begins to look at device, catalog and storage. `site_root` is the address of the
    /// site's root with a slash at its end, `ids` what stood in the address.
    pub fn start(site_root: String, ids: Option<Ids>) -> Self {
        let state = Self {
            device: RwSignal::new(Device::Unknown),
            backend: RwSignal::new(Backend::Gpu),
            catalog: RwSignal::new(None),
            models: RwSignal::default(),
            chat: RwSignal::default(),
            runs: RwSignal::default(),
            draft: RwSignal::new(Draft::template(Kind::PairRating)),
            is_durable: RwSignal::new(true),
            outbox: RwSignal::default(),
            offline: RwSignal::new(Offline::Unknown),
            is_judging: RwSignal::new(false),
            checks: RwSignal::default(),
            notices: RwSignal::default(),
            cache_version: RwSignal::new(0),
            records_version: RwSignal::new(0),
            site_root: StoredValue::new(site_root),
            ids: StoredValue::new(ids),
            client: StoredValue::new_local(None),
            records: StoredValue::new_local(None),
            queue: StoredValue::new_local(Rc::default()),
            last_load: StoredValue::new_local(None),
            last_loss: StoredValue::new(None),
        };
        spawn_local(async move {
            let found = device::probe().await;
            if !matches!(found, Device::Gpu { .. }) {
                state.backend.set(Backend::Cpu);
            }
            state.device.set(found);
        });
        spawn_local(async move {
            match state.fetch_text("models/catalog.json").await {
                Ok(text) => match serde_json::from_str(&text) {
                    Ok(catalog) => state.catalog.set(Some(catalog)),
                    Err(error) => state.notify(NoticeKind::Unexpected, error.to_string()),
                },
                Err(detail) => state.notify(NoticeKind::Network, detail),
            }
        });
        spawn_local(async move {
            let (records, problem) = AnyStore::open().await;
            state.is_durable.set(records.is_durable());
            state.records.set_value(Some(Rc::new(records)));
            state.records_version.update(|version| *version += 1);
            state.checks.set(state.stored_checks().await);
            if let Some(error) = problem {
                state.notify(NoticeKind::StorageUnavailable, error.to_string());
            }
        });
        state
    }

    /// Address of the site's root.
    pub fn site_root(self) -> String {
        self.site_root.get_value()
    }

    /// The ids that stood in the address; once.
    pub fn take_ids(self) -> Option<Ids> {
        self.ids.try_update_value(Option::take).flatten()
    }

    /// Adds a notice.
    pub fn notify(self, kind: NoticeKind, detail: String) {
        self.notices.update(|notices| notices.add(kind, detail));
    }

    /// Fetches a text of this site; the path is relative to its root.
    ///
    /// # Errors
    /// What the network said.
    pub async fn fetch_text(self, path: &str) -> Result<String, String> {
        let url = format!("{}{path}", self.site_root());
        let response = gloo::net::http::Request::get(&url).send().await.map_err(|error| error.to_string())?;
        if !response.ok() {
            return Err(format!("{path}: status {}", response.status()));
        }
        response.text().await.map_err(|error| error.to_string())
    }

    // Worker.

    fn with_client<T>(self, act: impl FnOnce(&WorkerClient) -> T) -> Option<T> {
        let wanted = self.backend.get_untracked();
        let running = self.client.with_value(|client| client.as_ref().map(|(backend, _)| *backend));
        if running != Some(wanted) {
            self.stop_worker();
            let bin = if wanted == Backend::Gpu { "worker" } else { "cpu_worker" };
            let Some(loader) = loader_of(bin) else {
                self.notify(NoticeKind::WorkerStopped, format!("the page does not say where {bin} is"));
                return None;
            };
            match WorkerClient::spawn(&format!("{}{loader}", self.site_root()), move |event| self.receive(event)) {
                Ok(client) => self.client.set_value(Some((wanted, client))),
                Err(error) => {
                    self.notify(NoticeKind::WorkerStopped, words_of(&error));
                    return None;
                }
            }
        }
        self.client.with_value(|client| client.as_ref().map(|(_, client)| act(client)))
    }

    fn send(self, make: impl FnOnce(CommandId) -> Command, file: Option<&web_sys::File>) -> Option<CommandId> {
        self.with_client(|client| {
            let id = client.next_id();
            client.send(&make(id), file);
            id
        })
    }

    /// Ends the worker and everything it was doing.
    pub fn stop_worker(self) {
        // Dropping the client inside its own event handler would free a closure that is running: wait a turn.
        let old = self.client.try_update_value(Option::take).flatten();
        spawn_local(async move {
            platform::breathe().await;
            drop(old);
        });
        self.models.update(Models::worker_stopped);
        self.chat.update(|chat| chat.end(Finish::Interrupted));
        if self.runs.with_untracked(|runs| runs.command().is_some()) {
            self.runs.update(|runs| runs.end(RunStatus::Failed { detail: "the worker stopped".to_owned() }));
        }
    }

    fn receive(self, event: Event) {
        self.queue.get_value().push(event, move |event| self.take(event));
    }

    /// Stores what an event says, then shows it.
    async fn take(self, event: Event) {
        let slice = self.models.with_untracked(|models| {
            self.chat.with_untracked(|chat| self.runs.with_untracked(|runs| slice_of(&event, models, chat, runs)))
        });
        let saved = self.save_event(&event).await;
        match slice {
            Slice::Models => self.models.update(|models| models.apply(&event, platform::now_millis())),
            Slice::Chat => self.chat.update(|chat| chat.apply(&event)),
            Slice::Runs if saved => self.runs.update(|runs| runs.apply(&event)),
            Slice::Runs => self.cancel_run(),
            Slice::Worker => {}
        }
        match event {
            Event::ModelReady { .. } => {
                self.cache_version.update(|version| *version += 1);
                self.advance_suite();
            }
            Event::Notice { notice, detail } => self.notify(notice, detail),
            Event::Failed { id, notice, detail } => self.failed(id, notice, detail, slice),
            Event::RunEnded { .. } => self.advance_suite(),
            _ => {}
        }
    }

    /// Bytes of the model that was loaded last, where they are known.
    fn last_size(self) -> Option<u64> {
        match self.last_load.get_value()?.0 {
            ModelOrigin::Catalog { card } => Some(card.size_bytes),
            ModelOrigin::File { size_bytes, .. } => Some(size_bytes),
            ModelOrigin::Url { .. } => None,
        }
    }

    fn failed(self, id: CommandId, notice: NoticeKind, mut detail: String, slice: Slice) {
        if notice == NoticeKind::OverBudget {
            let smaller = self.catalog.with_untracked(|catalog| smaller_model(catalog.as_ref(), self.last_size()));
            detail = format!("{smaller} ({detail})");
        }
        self.cache_version.update(|version| *version += 1);
        let fall_back = matches!(notice, NoticeKind::NoAdapter | NoticeKind::SelfTestFailed)
            && slice == Slice::Models
            && self.backend.get_untracked() == Backend::Gpu;
        self.notify(notice, detail);
        if slice == Slice::Models && !fall_back && self.runs.with_untracked(|runs| runs.command().is_none()) {
            self.runs.update(Runs::end_suites);
        }
        if fall_back {
            self.backend.set(Backend::Cpu);
            if let Some((origin, file)) = self.last_load.get_value() {
                self.load(origin, file.as_ref());
            }
        } else if notice == NoticeKind::DeviceLost {
            self.stop_worker();
            self.load_again();
        } else if id == 0 && matches!(notice, NoticeKind::WorkerStopped | NoticeKind::VersionMismatch) {
            self.stop_worker();
        }
    }

    /// Loads the model of a lost device again, unless that just happened: a device that keeps going away would be
    /// asked forever.
    fn load_again(self) {
        let now = platform::now_millis();
        let before = self.last_loss.get_value();
        self.last_loss.set_value(Some(now));
        if before.is_none_or(|before| now - before > LOSS_PAUSE_MILLIS)
            && let Some((origin, file)) = self.last_load.get_value()
        {
            self.load(origin, file.as_ref());
        }
    }

    // Models.

    /// Loads a model; `file` is the person's own.
    pub fn load(self, origin: ModelOrigin, file: Option<&web_sys::File>) {
        let (model_id, name) = match &origin {
            ModelOrigin::Catalog { card } => (card.id.clone(), card.name.clone()),
            ModelOrigin::File { name, .. } => (format!("file:{name}"), name.clone()),
            ModelOrigin::Url { url } => (url.clone(), url.clone()),
        };
        let budget_bytes =
            if self.backend.get_untracked() == Backend::Gpu { GPU_BUDGET_BYTES } else { CPU_BUDGET_BYTES };
        self.last_load.set_value(Some((origin.clone(), file.cloned())));
        let site_root = self.site_root();
        let checks = self.checks.get_untracked();
        let id = self.send(|id| Command::Load { id, origin, site_root, budget_bytes, checks }, file);
        if let Some(id) = id {
            self.models.update(|models| models.start(id, model_id, name));
        }
    }

    /// Opens a file that a person picked or dropped.
    pub fn load_file(self, file: &web_sys::File) {
        let origin = ModelOrigin::File { name: file.name(), size_bytes: file.size() as u64 };
        self.load(origin, Some(file));
    }

    /// Chooses what models run on; a loaded model is dropped.
    pub fn choose_backend(self, backend: Backend) {
        if self.backend.get_untracked() != backend {
            self.stop_worker();
            self.backend.set(backend);
        }
    }

    /// Asks the worker to stop a command.
    fn cancel(self, command: Option<CommandId>) {
        if let Some(id) = command {
            self.with_client(|client| client.send(&Command::Cancel { id }, None));
        }
    }

    /// Stops loading.
    pub fn cancel_load(self) {
        self.cancel(self.models.with_untracked(Models::command));
    }

    /// Measures the loaded model on this device.
    pub fn measure(self) {
        if let Some(id) = self.send(|id| Command::Measure { id }, None) {
            self.models.update(|models| models.measure(id));
        }
    }

    /// Drops the model.
    pub fn unload(self) {
        self.send(|id| Command::Unload { id }, None);
    }

    // Chat.

    /// Asks the model.
    pub fn ask(self, text: String, sampling: Sampling, seed: u64, limit: u32) {
        let continues = self.models.with_untracked(Models::loaded_is_base);
        let prompt = self.chat.with_untracked(|chat| chat.prompt(text.clone(), continues));
        let id = self.send(|id| Command::Chat { id, prompt, sampling, seed, limit, n_top: N_TOP }, None);
        if let Some(id) = id {
            self.chat.update(|chat| chat.ask(id, text));
        }
    }

    /// Stops the answer.
    pub fn stop_chat(self) {
        self.cancel(self.chat.with_untracked(|chat| chat.command));
    }

    // Runs.

    /// Runs a task. `resume` is an earlier run of it with the results it has.
    pub fn run(self, task_id: String, settings: Settings, items_jsonl: String, resume: Option<(Run, Vec<ItemResult>)>) {
        self.run_in(None, task_id, settings, items_jsonl, resume);
    }

    fn run_in(
        self,
        suite: Option<Suite>,
        task_id: String,
        settings: Settings,
        items_jsonl: String,
        resume: Option<(Run, Vec<ItemResult>)>,
    ) {
        let (run_id, suite, earlier) = match resume {
            Some((run, results)) => (run.id, run.suite, results),
            None => (platform::random_id(), suite, Vec::new()),
        };
        let done = earlier.iter().map(|result| result.item.id.clone()).collect();
        let id = self.send(|id| Command::Run { id, run_id, task_id, settings, items_jsonl, done, suite }, None);
        if let Some(id) = id {
            self.runs.update(|runs| runs.start(id, earlier));
        }
    }

    /// Runs the tasks of a suite that are not finished, one after the other; each is stored as a run of its own.
    pub fn run_suite(self, suite: Suite, settings: Settings, left: Vec<String>) {
        self.run_suites(Some((suite, settings, left)), Vec::new());
    }

    /// Runs a suite with the loaded model, then others, each with the model that it names.
    pub fn run_suites(self, first: Option<(Suite, Settings, Vec<String>)>, later: Vec<PlannedSuite>) {
        self.runs.update(|runs| {
            if let Some((suite, settings, left)) = first {
                runs.start_suite(suite, settings, left);
            }
            runs.later = later.into();
        });
        self.advance_suite();
    }

    /// Begins or goes on with the next task of the suite that is going on.
    fn advance_suite(self) {
        let loaded = self.models.with_untracked(|it| it.loaded.as_ref().map(|loaded| loaded.info.model_id.clone()));
        match self.runs.try_update(|runs| runs.next_of_suite(loaded.as_deref())).flatten() {
            None => {}
            Some(NextOfSuite::Model(card)) => self.load(ModelOrigin::Catalog { card }, None),
            Some(NextOfSuite::Task(suite, settings, task)) => spawn_local(async move {
                if let Err(detail) = self.run_of_suite(suite, settings, &task).await {
                    self.runs.update(Runs::end_suites);
                    self.notify(NoticeKind::BadItems, detail);
                }
            }),
        }
    }

    async fn run_of_suite(self, suite: Suite, settings: Settings, task: &str) -> Result<(), String> {
        let entry = tasks::find(task).ok_or_else(|| format!("there is no task {task:?}"))?;
        let items = self.fetch_text(entry.info.items_path).await?;
        let settings = Settings { method: entry.info.method(settings.method), ..settings };
        let stored: Vec<Run> = self.list(Collection::Runs, None).await;
        let begun = suite.runs(&stored).get(task).map(|run| (*run).clone());
        // A run that was begun on other items, or by another version, cannot go on; a new one takes its place.
        let fits = |run: &Run| run.items_sha256 == sha256_hex(&items) && run.task_version == entry.info.version;
        let resume = match begun.filter(fits) {
            Some(run) => {
                let results = self.list(Collection::ItemResults, Some(&run.id)).await;
                Some((run, results))
            }
            None => None,
        };
        self.run_in(Some(suite), task.to_owned(), settings, items, resume);
        Ok(())
    }

    /// Stops a run; it can be resumed.
    pub fn cancel_run(self) {
        self.cancel(self.runs.with_untracked(Runs::command));
    }

    /// Stores what an event says; `false` after telling the person that it failed.
    pub(super) async fn save_event(self, event: &Event) -> bool {
        match event {
            Event::Checked { check, .. } => self.save_check(check.clone()).await,
            Event::RunStarted { run, .. } => self.save(&[Record::new(Collection::Runs, &run.id, "", run)]).await,
            Event::ItemDone { result, .. } => {
                self.save(&[Record::new(Collection::ItemResults, result_id(result), &result.run_id, result)]).await
            }
            Event::RunEnded { run_id, status, .. } => self.save_end(run_id, status.clone()).await,
            _ => true,
        }
    }

    /// Stores what a check found, or that a new one is wanted.
    async fn save_check(self, check: DeviceCheck) -> bool {
        let saved = self.save(&[Record::new(Collection::Settings, check.id(), "", &check)]).await;
        self.checks.update(|checks| {
            checks.retain(|earlier| earlier.id() != check.id());
            checks.push(check);
        });
        saved
    }

    /// Has a device checked again when a model is loaded on it next.
    pub fn forget_check(self, check: DeviceCheck) {
        let reason = "a new check was asked for".to_owned();
        let verdict = SelfTest::Unverified { reason };
        spawn_local(async move {
            self.save_check(DeviceCheck { verdict, ..check }).await;
        });
    }

    /// The newest stored check of each device, version and model.
    async fn stored_checks(self) -> Vec<DeviceCheck> {
        let mut newest = std::collections::BTreeMap::new();
        for record in self.list_records(Collection::Settings, None).await {
            if record.id.starts_with(DeviceCheck::ID_PREFIX)
                && let Some(check) = self.read::<DeviceCheck>(&record)
            {
                newest.insert(record.id, check);
            }
        }
        newest.into_values().collect()
    }

    async fn save_end(self, run_id: &str, status: RunStatus) -> bool {
        let Some(mut run) = self.get::<Run>(Collection::Runs, run_id).await else { return false };
        run.status = status;
        run.finished_at = Some(platform::unix_millis());
        self.save(&[Record::new(Collection::Runs, run_id, "", &run)]).await
    }

    // Records.

    /// The store, once it is open.
    async fn store(self) -> Rc<AnyStore> {
        loop {
            if let Some(records) = self.records.get_value() {
                return records;
            }
            platform::breathe().await;
        }
    }

    /// Writes records in one transaction; `false` after telling the person that it failed.
    pub async fn save(self, records: &[Result<Record, StoreError>]) -> bool {
        let outcome = match records.iter().cloned().collect::<Result<Vec<_>, _>>() {
            Ok(records) => self.store().await.append(&records).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.records_version.update(|version| *version += 1);
                true
            }
            Err(error) => {
                self.notify(notice_of(&error), error.to_string());
                false
            }
        }
    }

    /// Deletes a session and keeps that it was withdrawn; `false` after telling the person that it failed.
    pub async fn withdraw(self, withdrawal: &Withdrawal) -> bool {
        let outcome = match Record::of_withdrawal(withdrawal) {
            Ok(record) => self.store().await.withdraw(&record).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.records_version.update(|version| *version += 1);
                true
            }
            Err(error) => {
                self.notify(notice_of(&error), error.to_string());
                false
            }
        }
    }

    /// Every record of a collection, older ones of an id included.
    pub async fn list_records(self, collection: Collection, parent: Option<&str>) -> Vec<Record> {
        match self.store().await.list(collection, parent).await {
            Ok(records) => records,
            Err(error) => {
                self.notify(notice_of(&error), error.to_string());
                Vec::new()
            }
        }
    }

    /// The newest value of every id of a collection, in the order in which the ids were first written. A record that
    /// cannot be read is left out and reported.
    pub async fn list<T: DeserializeOwned>(self, collection: Collection, parent: Option<&str>) -> Vec<T> {
        let mut newest: Vec<Record> = Vec::new();
        let mut place = std::collections::BTreeMap::new();
        for record in self.list_records(collection, parent).await {
            let at = *place.entry(record.id.clone()).or_insert(newest.len());
            match newest.get_mut(at) {
                Some(earlier) => *earlier = record,
                None => newest.push(record),
            }
        }
        newest.iter().filter_map(|record| self.read(record)).collect()
    }

    /// The newest value of an id.
    pub async fn get<T: DeserializeOwned>(self, collection: Collection, id: &str) -> Option<T> {
        match self.store().await.get(collection, id).await {
            Ok(record) => record.and_then(|record| self.read(&record)),
            Err(error) => {
                self.notify(notice_of(&error), error.to_string());
                None
            }
        }
    }

    fn read<T: DeserializeOwned>(self, record: &Record) -> Option<T> {
        match serde_json::from_str(&record.json) {
            Ok(value) => Some(value),
            Err(error) => {
                self.notify(NoticeKind::Unexpected, format!("record {}: {error}", record.id));
                None
            }
        }
    }

    /// Every record as one text; hashed ids of recruitment platforms only if they are asked for.
    pub async fn export_all(self, with_recruitment: bool) -> Option<String> {
        match backup::export(self.store().await.as_ref(), with_recruitment).await {
            Ok(text) => Some(text),
            Err(error) => {
                self.notify(notice_of(&error), error.to_string());
                None
            }
        }
    }

    /// Reads an exported text back; records that are there already are left alone.
    pub async fn import_all(self, text: &str) -> Option<Imported> {
        match backup::import(self.store().await.as_ref(), text).await {
            Ok(imported) => {
                self.records_version.update(|version| *version += 1);
                Some(imported)
            }
            Err(error) => {
                let kind =
                    if matches!(error, StoreError::Corrupt { .. }) { NoticeKind::BadImport } else { notice_of(&error) };
                self.notify(kind, error.to_string());
                None
            }
        }
    }

    /// Models in this browser's cache.
    pub async fn cached_models(self) -> Vec<CachedModel> {
        match weights::list_cached().await {
            Ok(models) => models,
            Err(error) => {
                self.notify(NoticeKind::Unexpected, error.to_string());
                Vec::new()
            }
        }
    }

    /// Deletes a model from the cache; one that is loaded is dropped first.
    pub async fn delete_cached(self, key: &str) {
        if self.models.with_untracked(|models| models.loaded.is_some() || models.loading.is_some()) {
            self.stop_worker();
            // The worker's hold on the file ends with it, a moment later.
            gloo::timers::future::TimeoutFuture::new(300).await;
        }
        if let Err(error) = weights::delete_cached(key).await {
            self.notify(NoticeKind::Unexpected, error.to_string());
        }
        self.cache_version.update(|version| *version += 1);
    }

    /// Bytes this site uses, and may use.
    pub async fn storage_estimate(self) -> Option<(u64, u64)> {
        weights::estimate().await
    }

    /// Asks the browser not to delete this site's data on its own; some browsers ask the person.
    pub async fn keep_data(self) -> bool {
        let granted = weights::persist().await;
        self.records_version.update(|version| *version += 1);
        granted
    }

    /// Whether the browser has promised to keep this site's data.
    pub async fn is_data_kept(self) -> bool {
        self.is_durable.get_untracked() && weights::is_persisted().await
    }

    /// Removes every record.
    pub async fn erase_records(self) -> bool {
        let store = self.store().await;
        for collection in Collection::ALL {
            if let Err(error) = store.remove_all(collection).await {
                self.notify(notice_of(&error), error.to_string());
                return false;
            }
        }
        self.runs.set(Runs::default());
        self.chat.set(Chat::default());
        self.records_version.update(|version| *version += 1);
        true
    }
}

/// A JavaScript error's own words.
pub(crate) fn words_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

/// The state, from the context that the app provides.
pub fn use_state() -> State {
    expect_context::<State>()
}
