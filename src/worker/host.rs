//! Worker side: turns commands into work on one engine and sends events back.
//!
//! Commands are done one after the other in the order they came; `Cancel` alone acts at once. The host writes
//! no records: the page stores what arrives, then shows it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File, MessageEvent};

use crate::eval::engine::{
    Backend, CancelFlag, Control, DeviceCheck, Engine, EngineError, EngineEvent, Request, Response, SelfTest,
};
use crate::eval::item::items_from_jsonl;
use crate::eval::picture_set::PictureSet;
use crate::eval::run::{RUN_SCHEMA, Run, RunStatus, Settings};
use crate::eval::sight::View;
use crate::eval::suite::Suite;
use crate::eval::{bench, runner, tasks};
use crate::formats::FormatError;
use crate::platform;
use crate::protocol::{Command, CommandId, Event, LoadPhase, ModelOrigin, NoticeKind, PROTOCOL_VERSION};

/// Milliseconds between two progress events of one phase.
const PROGRESS_EVERY_MILLIS: f64 = 80.0;

/// What [`Loader::load`] is given.
pub struct LoadRequest<'a> {
    /// Where the bytes come from.
    pub origin: ModelOrigin,
    /// The person's own files, for [`ModelOrigin::File`].
    pub files: Vec<File>,
    /// Address of the site's root.
    pub site_root: String,
    /// Most bytes of device memory to use.
    pub budget_bytes: u64,
    /// Checks of this device that are stored.
    pub checks: Vec<DeviceCheck>,
    /// Hears (phase, bytes done, bytes of the phase, bytes that were cached before).
    pub progress: &'a dyn Fn(LoadPhase, u64, u64, u64),
    /// Asks loading to stop.
    pub cancel: CancelFlag,
}

/// A model that is ready.
pub struct Loaded<E> {
    /// The engine.
    pub engine: E,
    /// Bytes of buffers on the device; none for the processor.
    pub device_bytes: u64,
    /// Whether the next load needs no network.
    pub cached: bool,
    /// What the person should know although the model works.
    pub notice: Option<(NoticeKind, String)>,
}

/// Why loading failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// The file or its transport.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The device.
    #[error("{detail}")]
    Device {
        /// What to tell the person.
        notice: NoticeKind,
        /// The device's own words.
        detail: String,
    },
}

/// Makes the one engine of a worker. Each worker binary names exactly one, so that the other's code is not
/// linked into it.
#[expect(async_fn_in_trait, reason = "workers have one thread")]
pub trait Loader: 'static {
    /// The engine.
    type Engine: Engine + 'static;
    /// What it computes with.
    const BACKEND: Backend;
    /// Loads a model.
    async fn load(request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure>;
    /// Shows the engine a picture, in workers that have one that sees: its answer, and the picture as it saw it, as an
    /// address that an image element shows.
    async fn look(_: &mut Self::Engine, _: View, _: Option<File>) -> Result<(Response, String), EngineError> {
        Err(EngineError::Backend { detail: "this worker reads text and no pictures".to_owned() })
    }
    /// Opens a set of pictures for the engine: an archive, or files with their paths.
    async fn open_set(_: &mut Self::Engine, _: String, _: Vec<String>, _: Vec<File>) -> Result<PictureSet, String> {
        Err("this worker reads text and no pictures".to_owned())
    }
}

struct Host<L: Loader> {
    scope: DedicatedWorkerGlobalScope,
    engine: RefCell<Option<L::Engine>>,
    queue: RefCell<VecDeque<(Command, Vec<File>)>>,
    busy: Cell<bool>,
    cancels: RefCell<BTreeMap<CommandId, CancelFlag>>,
}

/// Serves commands until the worker is terminated.
pub fn serve<L: Loader>() {
    platform::init_logging();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let host = Rc::new(Host::<L> {
        scope: scope.clone(),
        engine: RefCell::new(None),
        queue: RefCell::default(),
        busy: Cell::new(false),
        cancels: RefCell::default(),
    });
    let receiver = Rc::clone(&host);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| receive(&receiver, &event));
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    host.send(&Event::Ready { protocol: PROTOCOL_VERSION, backend: L::BACKEND });
}

fn receive<L: Loader>(host: &Rc<Host<L>>, event: &MessageEvent) {
    let property = |name: &str| js_sys::Reflect::get(&event.data(), &name.into()).ok();
    let text = property("message").and_then(|value| value.as_string()).unwrap_or_default();
    let command: Command = match serde_json::from_str(&text) {
        Ok(command) => command,
        Err(error) => {
            let detail = format!("unreadable command: {error}");
            host.send(&Event::Failed { id: 0, notice: NoticeKind::VersionMismatch, detail });
            return;
        }
    };
    if let Command::Cancel { id } = command {
        if let Some(flag) = host.cancels.borrow().get(&id) {
            flag.cancel();
        }
        return;
    }
    host.cancels.borrow_mut().insert(command_id(&command), CancelFlag::default());
    let files = property("files").and_then(|value| value.dyn_into::<js_sys::Array>().ok()).unwrap_or_default();
    let files = files.iter().filter_map(|value| value.dyn_into::<File>().ok()).collect();
    host.queue.borrow_mut().push_back((command, files));
    if !host.busy.replace(true) {
        let worker = Rc::clone(host);
        wasm_bindgen_futures::spawn_local(async move { worker.drain().await });
    }
}

fn command_id(command: &Command) -> CommandId {
    match command {
        Command::Load { id, .. }
        | Command::Chat { id, .. }
        | Command::Run { id, .. }
        | Command::Look { id, .. }
        | Command::OpenSet { id, .. }
        | Command::Measure { id }
        | Command::Cancel { id }
        | Command::Unload { id } => *id,
    }
}

/// What calls of a worker go by: the browser's clock and event loop.
pub(super) fn control(cancel: CancelFlag, events: &dyn Fn(EngineEvent)) -> Control<'_> {
    Control { cancel, events, now: platform::now_millis, breathe: platform::breathe }
}

impl<L: Loader> Host<L> {
    fn send(&self, event: &Event) {
        let posted = serde_json::to_string(event)
            .map_err(|error| JsValue::from_str(&error.to_string()))
            .and_then(|text| self.scope.post_message(&text.into()));
        if let Err(error) = posted {
            tracing::error!(?error, "an event could not be sent");
        }
    }

    fn fail(&self, id: CommandId, notice: NoticeKind, detail: String) {
        self.send(&Event::Failed { id, notice, detail });
    }

    async fn drain(&self) {
        loop {
            let next = self.queue.borrow_mut().pop_front();
            let Some((command, files)) = next else { break };
            let id = command_id(&command);
            let cancel = self.cancels.borrow().get(&id).cloned().unwrap_or_default();
            self.perform(command, files, cancel).await;
            self.cancels.borrow_mut().remove(&id);
        }
        self.busy.set(false);
    }

    async fn perform(&self, command: Command, files: Vec<File>, cancel: CancelFlag) {
        match command {
            Command::Load { id, origin, site_root, budget_bytes, checks } => {
                self.load(id, LoadArguments { origin, files, site_root, budget_bytes, checks }, cancel).await;
            }
            Command::Chat { id, prompt, sampling, seed, limit, n_top } => {
                let (stop, allowed) = (Vec::new(), Vec::new());
                let request = Request::Generate { prompt, sampling, seed, limit, stop, allowed, n_top };
                self.chat(id, request, cancel).await;
            }
            Command::Run { id, run_id, task_id, settings, items_jsonl, done, suite } => {
                self.run(id, RunArguments { run_id, task_id, settings, items_jsonl, done, suite }, cancel).await;
            }
            Command::Look { id, view } => self.look(id, view, files.into_iter().next()).await,
            Command::OpenSet { id, name, paths } => self.open_set(id, name, paths, files).await,
            Command::Measure { id } => self.measure(id, cancel).await,
            Command::Unload { id } => {
                self.engine.replace(None);
                self.send(&Event::Unloaded { id });
            }
            Command::Cancel { .. } => {}
        }
    }

    async fn load(&self, id: CommandId, arguments: LoadArguments, cancel: CancelFlag) {
        // The old model goes first: two at once may not fit.
        self.engine.replace(None);
        let last = Cell::new((None, 0.0));
        let progress = |phase: LoadPhase, done_bytes: u64, total_bytes: u64, cached_bytes: u64| {
            let now = platform::now_millis();
            let (last_phase, last_time) = last.get();
            if last_phase == Some(phase) && now - last_time < PROGRESS_EVERY_MILLIS && done_bytes < total_bytes {
                return;
            }
            last.set((Some(phase), now));
            self.send(&Event::LoadProgress { id, phase, done_bytes, total_bytes, cached_bytes });
        };
        let LoadArguments { origin, files, site_root, budget_bytes, checks } = arguments;
        let known = checks.clone();
        let request = LoadRequest { origin, files, site_root, budget_bytes, checks, progress: &progress, cancel };
        match L::load(request).await {
            Ok(Loaded { engine, device_bytes, cached, notice }) => {
                let info = engine.info().clone();
                let sha256 = info.weights_sha256.as_deref();
                let same = |check: &&DeviceCheck| check.is_of(sha256, info.backend, &info.adapter);
                let is_new = known.iter().rev().find(same).is_none_or(|check| check.verdict != info.self_test);
                if let Some(check) = DeviceCheck::of(&info, platform::unix_millis())
                    && is_new
                    && !matches!(check.verdict, SelfTest::Unverified { .. })
                {
                    self.send(&Event::Checked { id, check });
                }
                // A device that computes other numbers is never used for results.
                if let SelfTest::Failed { detail } = info.self_test {
                    return self.fail(id, NoticeKind::SelfTestFailed, detail);
                }
                self.engine.replace(Some(engine));
                self.send(&Event::ModelReady { id, info, device_bytes, heap_bytes: platform::heap_bytes(), cached });
                if let Some((notice, detail)) = notice {
                    self.send(&Event::Notice { notice, detail });
                }
            }
            Err(LoadFailure::Format(error)) => self.fail(id, notice_of_format(&error), error.to_string()),
            Err(LoadFailure::Device { notice, detail }) => self.fail(id, notice, detail),
        }
    }

    async fn chat(&self, id: CommandId, request: Request, cancel: CancelFlag) {
        let Some(mut engine) = self.engine.take() else {
            return self.fail(id, NoticeKind::Unexpected, "no model is loaded".into());
        };
        let events = |event: EngineEvent| match event {
            EngineEvent::Prefill { done, total, .. } => self.send(&Event::Prefill { id, done, total }),
            EngineEvent::Token { step, .. } => self.send(&Event::Token { id, step }),
        };
        let answers = engine.respond(&[request], &control(cancel, &events)).await;
        self.engine.replace(Some(engine));
        match answers.into_iter().next() {
            Some(Ok(response)) => self.send(&Event::ChatDone { id, response }),
            Some(Err(error)) => self.fail(id, notice_of_engine(&error), error.to_string()),
            None => self.fail(id, NoticeKind::Unexpected, "the engine gave no answer".into()),
        }
    }

    async fn look(&self, id: CommandId, view: View, file: Option<File>) {
        let Some(mut engine) = self.engine.take() else {
            return self.fail(id, NoticeKind::Unexpected, "no model is loaded".into());
        };
        let looked = L::look(&mut engine, view, file).await;
        self.engine.replace(Some(engine));
        match looked {
            Ok((response, picture)) => self.send(&Event::Looked { id, response, picture }),
            Err(EngineError::Backend { detail }) => self.fail(id, NoticeKind::BadPicture, detail),
            Err(error) => self.fail(id, notice_of_engine(&error), error.to_string()),
        }
    }

    async fn open_set(&self, id: CommandId, name: String, paths: Vec<String>, files: Vec<File>) {
        let Some(mut engine) = self.engine.take() else {
            return self.fail(id, NoticeKind::Unexpected, "no model is loaded".into());
        };
        let opened = L::open_set(&mut engine, name, paths, files).await;
        self.engine.replace(Some(engine));
        match opened {
            Ok(set) => self.send(&Event::SetOpened { id, set: Box::new(set) }),
            Err(detail) => self.fail(id, NoticeKind::BadItems, detail),
        }
    }

    async fn measure(&self, id: CommandId, cancel: CancelFlag) {
        let Some(mut engine) = self.engine.take() else {
            return self.fail(id, NoticeKind::Unexpected, "no model is loaded".into());
        };
        let tell = |part| self.send(&Event::Measuring { id, part });
        let measured = bench::measure(&mut engine, &control(cancel, &|_| {}), &tell).await;
        self.engine.replace(Some(engine));
        match measured {
            Ok(measures) => self.send(&Event::Measured { id, measures: Box::new(measures) }),
            Err(error) => self.fail(id, notice_of_engine(&error), error.to_string()),
        }
    }

    async fn run(&self, id: CommandId, arguments: RunArguments, cancel: CancelFlag) {
        let RunArguments { run_id, task_id, settings, items_jsonl, done, suite } = arguments;
        let Some(entry) = tasks::find(&task_id) else {
            return self.fail(id, NoticeKind::Unexpected, format!("there is no task {task_id:?}"));
        };
        let items = match items_from_jsonl(&items_jsonl) {
            Ok(items) => items,
            Err(error) => return self.fail(id, NoticeKind::BadItems, error.to_string()),
        };
        let Some(mut engine) = self.engine.take() else {
            return self.fail(id, NoticeKind::Unexpected, "no model is loaded".into());
        };
        let n_items = settings.n_items.unwrap_or(items.len()).min(items.len());
        let run = Run {
            schema: RUN_SCHEMA,
            id: run_id.clone(),
            task_id,
            task_version: entry.info.version,
            items_sha256: runner::sha256_hex(&items_jsonl),
            n_items,
            engine: engine.info().clone(),
            settings: settings.clone(),
            app_version: env!("CARGO_PKG_VERSION").into(),
            started_at: platform::unix_millis(),
            finished_at: None,
            status: RunStatus::Running,
            demo: false,
            suite,
            shard: None,
        };
        self.send(&Event::RunStarted { id, run });
        let todo: Vec<_> =
            items.into_iter().enumerate().take(n_items).filter(|(_, item)| !done.contains(&item.id)).collect();
        let task = (entry.make)(&settings);
        let control = control(cancel, &|_| {});
        let on_result = |result| self.send(&Event::ItemDone { id, result });
        let ended = runner::run_items(&run_id, task.as_ref(), &todo, &mut engine, &control, &on_result).await;
        self.engine.replace(Some(engine));
        let status = match ended {
            Ok(()) => RunStatus::Complete,
            Err(EngineError::Cancelled) => RunStatus::Cancelled,
            Err(error) => {
                self.fail(id, notice_of_engine(&error), error.to_string());
                RunStatus::Failed { detail: error.to_string() }
            }
        };
        self.send(&Event::RunEnded { id, run_id, status });
    }
}

struct LoadArguments {
    origin: ModelOrigin,
    files: Vec<File>,
    site_root: String,
    budget_bytes: u64,
    checks: Vec<DeviceCheck>,
}

struct RunArguments {
    run_id: String,
    task_id: String,
    settings: Settings,
    items_jsonl: String,
    done: Vec<String>,
    suite: Option<Suite>,
}

pub(super) fn notice_of_format(error: &FormatError) -> NoticeKind {
    match error {
        FormatError::Truncated { .. } => NoticeKind::TruncatedFile,
        FormatError::NotGguf { .. } => NoticeKind::NotGguf,
        FormatError::Version { .. }
        | FormatError::Header { .. }
        | FormatError::InFile { .. }
        | FormatError::MissingKey { .. }
        | FormatError::MissingTensor { .. }
        | FormatError::Shape { .. }
        | FormatError::Tokenizer { .. } => NoticeKind::DamagedFile,
        FormatError::Family { .. } => NoticeKind::UnknownFamily,
        FormatError::Quantization { .. } => NoticeKind::UnknownQuantization,
        FormatError::OverBudget { .. } => NoticeKind::OverBudget,
        FormatError::Hash { .. } => NoticeKind::WrongHash,
        FormatError::Read { .. } => NoticeKind::Network,
        FormatError::Quota => NoticeKind::StorageFull,
        FormatError::Cancelled => NoticeKind::Cancelled,
    }
}

pub(super) fn notice_of_engine(error: &EngineError) -> NoticeKind {
    match error {
        EngineError::Cancelled => NoticeKind::Cancelled,
        EngineError::ContextTooLong { .. } => NoticeKind::ContextFull,
        EngineError::NotANumber => NoticeKind::NotANumber,
        EngineError::DeviceLost { .. } => NoticeKind::DeviceLost,
        EngineError::EmptyInput | EngineError::Tokenize { .. } | EngineError::Backend { .. } => NoticeKind::Unexpected,
    }
}
