//! The wire between the page and a worker: commands go down, events come up. Weight bytes never cross.

use serde::{Deserialize, Serialize};

use crate::eval::bench::{Measures, Part};
use crate::eval::engine::{Backend, DeviceCheck, EngineInfo, Prompt, Response, Sampling, TokenStep};
use crate::eval::item::ItemId;
use crate::eval::picture_set::PictureSet;
use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::sight::View;
use crate::eval::suite::Suite;
use crate::formats::catalog::ModelCard;

/// Version of these messages; a worker of another version is refused with a notice.
pub const PROTOCOL_VERSION: u32 = 2;

/// Names one command; every event of it carries the same number.
pub type CommandId = u32;

/// Where a model's bytes come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ModelOrigin {
    /// A card of the catalog.
    Catalog {
        /// The card.
        card: Box<ModelCard>,
    },
    /// The person's own file; the `File` object travels beside the message, in its `files` property.
    File {
        /// Its name.
        name: String,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// Any address; only after the person typed it.
    Url {
        /// The address.
        url: String,
    },
}

/// What the page asks of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Load a model; the model before it is dropped first.
    Load {
        /// This command.
        id: CommandId,
        /// Where the bytes are.
        origin: ModelOrigin,
        /// Address of the site's root, which a card's relative path is resolved against.
        site_root: String,
        /// Most bytes of GPU memory (or heap, for the processor) to use.
        budget_bytes: u64,
        /// Checks that are stored: what passed before is not checked again, what failed is refused at once.
        checks: Vec<DeviceCheck>,
    },
    /// Answer a conversation.
    Chat {
        /// This command.
        id: CommandId,
        /// The conversation with the person's turn last, or the text that a base model goes on with.
        prompt: Prompt,
        /// How tokens are drawn.
        sampling: Sampling,
        /// Seed.
        seed: u64,
        /// Most new tokens.
        limit: u32,
        /// Alternatives a token.
        n_top: u8,
    },
    /// Run a task, or go on with one.
    Run {
        /// This command.
        id: CommandId,
        /// Id of the run.
        run_id: String,
        /// Task.
        task_id: String,
        /// What was chosen.
        settings: Settings,
        /// The items file as it is; its SHA-256 goes into the run.
        items_jsonl: String,
        /// Items that already have a result.
        done: Vec<ItemId>,
        /// The suite that the run is part of.
        suite: Option<Suite>,
    },
    /// Show the loaded model a picture; one of the person's own travels beside the message the first time.
    Look {
        /// This command.
        id: CommandId,
        /// The picture and what is done to it.
        view: View,
    },
    /// Open a set of pictures: one archive, or the files of a folder, which travel beside the message.
    OpenSet {
        /// This command.
        id: CommandId,
        /// Name of the archive or folder.
        name: String,
        /// Paths of the files, in their order; none for an archive.
        paths: Vec<String>,
    },
    /// Measure how fast the loaded model reads, writes and scores here.
    Measure {
        /// This command.
        id: CommandId,
    },
    /// Stop a command at its next token or item.
    Cancel {
        /// The command to stop.
        id: CommandId,
    },
    /// Drop the model and free its memory.
    Unload {
        /// This command.
        id: CommandId,
    },
}

/// What loading is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadPhase {
    /// Reading the header and checking it against the budget.
    Header,
    /// Bytes come from the network into the cache.
    Download,
    /// Bytes go from the cache to the device.
    Upload,
    /// The device is compared with stored values.
    SelfTest,
}

/// Kinds of trouble that a person is told about; `app::notices` has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The browser has no WebGPU, or it offers no adapter.
    NoAdapter,
    /// The graphics device went away.
    DeviceLost,
    /// The device gives other numbers than the reference.
    SelfTestFailed,
    /// Not a GGUF file.
    NotGguf,
    /// The file is cut short.
    TruncatedFile,
    /// The header is damaged or lacks something.
    DamagedFile,
    /// No forward pass for this architecture.
    UnknownFamily,
    /// No kernel for this quantization.
    UnknownQuantization,
    /// More memory than the budget.
    OverBudget,
    /// The browser's storage is full; the model still works from memory.
    StorageFull,
    /// The browser keeps nothing (a private window, or storage is forbidden).
    StorageUnavailable,
    /// A record could not be written.
    SaveFailed,
    /// The network failed.
    Network,
    /// The bytes are not the ones the catalog lists.
    WrongHash,
    /// The conversation no longer fits the model's context.
    ContextFull,
    /// A value was not a number.
    NotANumber,
    /// The worker stopped.
    WorkerStopped,
    /// Page and worker are of different versions.
    VersionMismatch,
    /// An imported file cannot be read.
    BadImport,
    /// The items file cannot be read.
    BadItems,
    /// A picture cannot be read.
    BadPicture,
    /// Another tab is using this study or model.
    OtherTab,
    /// The person stopped it; shown nowhere.
    Cancelled,
    /// Something else failed.
    Unexpected,
}

/// What a worker tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first message of every worker.
    Ready {
        /// [`PROTOCOL_VERSION`] of the worker.
        protocol: u32,
        /// What it computes with.
        backend: Backend,
    },
    /// Loading goes on; at most about ten a second.
    LoadProgress {
        /// The command.
        id: CommandId,
        /// What it is doing.
        phase: LoadPhase,
        /// Bytes done in this phase.
        done_bytes: u64,
        /// Bytes of this phase; 0 if unknown.
        total_bytes: u64,
        /// Bytes of the download that were in the cache already.
        cached_bytes: u64,
    },
    /// The check after loading was made; store it.
    Checked {
        /// The command.
        id: CommandId,
        /// What was found.
        check: DeviceCheck,
    },
    /// The model is ready.
    ModelReady {
        /// The command.
        id: CommandId,
        /// What is loaded.
        info: EngineInfo,
        /// Bytes of buffers on the device; none for the processor.
        device_bytes: u64,
        /// Bytes of the worker's heap, which never shrinks.
        heap_bytes: u64,
        /// Whether the next load needs no network.
        cached: bool,
    },
    /// Prompt tokens read so far.
    Prefill {
        /// The command.
        id: CommandId,
        /// Tokens read.
        done: u32,
        /// Tokens to read.
        total: u32,
    },
    /// A token of a chat answer.
    Token {
        /// The command.
        id: CommandId,
        /// The token.
        step: TokenStep,
    },
    /// A chat answer is finished.
    ChatDone {
        /// The command.
        id: CommandId,
        /// The whole answer.
        response: Response,
    },
    /// A run began or goes on; store this record first.
    RunStarted {
        /// The command.
        id: CommandId,
        /// The record.
        run: Run,
    },
    /// An item is finished; store it, then show it.
    ItemDone {
        /// The command.
        id: CommandId,
        /// The record.
        result: ItemResult,
    },
    /// A run ended.
    RunEnded {
        /// The command.
        id: CommandId,
        /// The run.
        run_id: String,
        /// How.
        status: RunStatus,
    },
    /// The model looked at a picture.
    Looked {
        /// The command.
        id: CommandId,
        /// What it said.
        response: Response,
        /// The picture as it saw it, as a data address.
        picture: String,
    },
    /// A set of pictures was opened.
    SetOpened {
        /// The command.
        id: CommandId,
        /// What is in it.
        set: Box<PictureSet>,
    },
    /// A part of the measurement begins.
    Measuring {
        /// The command.
        id: CommandId,
        /// Which.
        part: Part,
    },
    /// The measurement is finished.
    Measured {
        /// The command.
        id: CommandId,
        /// The figures.
        measures: Box<Measures>,
    },
    /// The model was dropped.
    Unloaded {
        /// The command.
        id: CommandId,
    },
    /// Something worked, but not as hoped (a model that could not be kept in the cache).
    Notice {
        /// What to tell the person.
        notice: NoticeKind,
        /// The error's own words.
        detail: String,
    },
    /// The command failed, or (with `id` 0) the worker did.
    Failed {
        /// The command, or 0.
        id: CommandId,
        /// What to tell the person.
        notice: NoticeKind,
        /// The error's own words.
        detail: String,
    },
}
