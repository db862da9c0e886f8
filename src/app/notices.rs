//! Trouble in words: the only file with user-facing error texts. Each says what happened, what can be done,
//! and whether data is safe.

use crate::formats::catalog::Catalog;
use crate::protocol::NoticeKind;

/// The words of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Stable id for tests and links.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What to do.
    pub action: &'static str,
    /// Whether data is safe.
    pub safe: &'static str,
}

const NOTHING_LOST: &str = "Everything finished so far is saved in this browser.";
const NOTHING_CHANGED: &str = "No stored data was changed.";

/// Every kind, for tests and for the list of notices in the documentation.
pub const ALL: [NoticeKind; 24] = [
    NoticeKind::NoAdapter,
    NoticeKind::DeviceLost,
    NoticeKind::SelfTestFailed,
    NoticeKind::NotGguf,
    NoticeKind::TruncatedFile,
    NoticeKind::DamagedFile,
    NoticeKind::UnknownFamily,
    NoticeKind::UnknownQuantization,
    NoticeKind::OverBudget,
    NoticeKind::StorageFull,
    NoticeKind::StorageUnavailable,
    NoticeKind::SaveFailed,
    NoticeKind::Network,
    NoticeKind::WrongHash,
    NoticeKind::ContextFull,
    NoticeKind::NotANumber,
    NoticeKind::WorkerStopped,
    NoticeKind::VersionMismatch,
    NoticeKind::BadImport,
    NoticeKind::BadItems,
    NoticeKind::BadPicture,
    NoticeKind::OtherTab,
    NoticeKind::Cancelled,
    NoticeKind::Unexpected,
];

/// The words of a kind.
pub fn words(kind: NoticeKind) -> Words {
    let make = |id, title, what, action, safe| Words { id, title, what, action, safe };
    match kind {
        NoticeKind::NoAdapter => make(
            "no_adapter",
            "No graphics adapter",
            "This browser offered no WebGPU device, so models run on the processor here, more slowly.",
            "For speed, turn on hardware acceleration or use a current desktop browser. Reading results and judging need no model at all.",
            NOTHING_CHANGED,
        ),
        NoticeKind::DeviceLost => make(
            "device_lost",
            "The graphics device went away",
            "The browser or its driver took the graphics device back while the model was using it; the model is loaded again by itself, once a minute at most.",
            "When it is ready, ask again, or resume the run where it stopped; your conversation is still here.",
            NOTHING_LOST,
        ),
        NoticeKind::SelfTestFailed => make(
            "self_test_failed",
            "This device gives wrong numbers",
            "After loading, the device's answers differed from stored reference values, so the model was not kept.",
            "Update the browser or the graphics driver, or load the model on the processor.",
            NOTHING_CHANGED,
        ),
        NoticeKind::NotGguf => make(
            "not_gguf",
            "Not a GGUF file",
            "The file does not begin like a GGUF model.",
            "Choose a file that ends in .gguf.",
            NOTHING_CHANGED,
        ),
        NoticeKind::TruncatedFile => make(
            "truncated_file",
            "The file is cut short",
            "The model file ends before its own header says it does.",
            "Download the file again and open it once more.",
            NOTHING_CHANGED,
        ),
        NoticeKind::DamagedFile => make(
            "damaged_file",
            "The file is damaged",
            "The model file's header cannot be right, or lacks something the model needs.",
            "Download the file again, or try another conversion of the model.",
            NOTHING_CHANGED,
        ),
        NoticeKind::UnknownFamily => make(
            "unknown_family",
            "Unknown kind of model",
            "This model's architecture is not supported; llama, qwen2, qwen3 and gemma3 are.",
            "Choose a model of one of these families, such as SmolLM2.",
            NOTHING_CHANGED,
        ),
        NoticeKind::UnknownQuantization => make(
            "unknown_quantization",
            "Unknown quantization",
            "The weights are stored in a form that is not supported; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are.",
            "Choose a file of the same model in one of these forms.",
            NOTHING_CHANGED,
        ),
        NoticeKind::OverBudget => make(
            "over_budget",
            "Too big for this device",
            "The model needs more memory than this device has, or than this page allows itself on it.",
            "Choose a smaller model or a smaller quantization.",
            NOTHING_CHANGED,
        ),
        NoticeKind::StorageFull => make(
            "storage_full",
            "The browser's storage is full",
            "There was no room to keep the model for next time.",
            "Delete cached models on the models page, or free disk space.",
            "Your records are safe; a model that was loading may still work until the page is closed.",
        ),
        NoticeKind::StorageUnavailable => make(
            "storage_unavailable",
            "This browser keeps nothing",
            "The browser gives this page no storage; private windows often do that.",
            "Export what you want to keep before you close the page, or use an ordinary window.",
            "Data made now lives only until this page is closed.",
        ),
        NoticeKind::SaveFailed => make(
            "save_failed",
            "A record could not be saved",
            "The browser refused to write the last record.",
            "Export your data from the data page, free some space, and repeat the last step.",
            "Earlier records are safe; the last one is not saved.",
        ),
        NoticeKind::Network => make(
            "network",
            "The network failed",
            "A file could not be fetched.",
            "Check the connection and try again; a download goes on where it stopped.",
            NOTHING_LOST,
        ),
        NoticeKind::WrongHash => make(
            "wrong_hash",
            "These are not the listed bytes",
            "The downloaded model differs from the one the catalog describes, so it was not used.",
            "Try again; if it stays so, tell whoever runs this site.",
            NOTHING_CHANGED,
        ),
        NoticeKind::ContextFull => make(
            "context_full",
            "The conversation is too long",
            "The conversation no longer fits what the model can read at once.",
            "Start a new conversation.",
            NOTHING_LOST,
        ),
        NoticeKind::NotANumber => make(
            "not_a_number",
            "The device produced an impossible value",
            "A result was not a number, so it was not used.",
            "Load the model again; if it stays so, use the processor.",
            NOTHING_LOST,
        ),
        NoticeKind::WorkerStopped => make(
            "worker_stopped",
            "The model's worker stopped",
            "The part of the page that runs the model ended unexpectedly.",
            "Load the model again; a run can be resumed where it stopped.",
            NOTHING_LOST,
        ),
        NoticeKind::VersionMismatch => make(
            "version_mismatch",
            "Page and worker are of different versions",
            "The browser kept a part of an older version of this site.",
            "Reload the page, if need be with the cache switched off.",
            NOTHING_LOST,
        ),
        NoticeKind::BadImport => make(
            "bad_import",
            "The file cannot be imported",
            "It is not a file that this site exported, or it was changed since.",
            "Choose a file made by “Export everything”.",
            NOTHING_CHANGED,
        ),
        NoticeKind::BadItems => make(
            "bad_items",
            "The items cannot be read",
            "The task's file of items is missing or damaged.",
            "Reload the page; if it stays so, tell whoever runs this site.",
            NOTHING_CHANGED,
        ),
        NoticeKind::BadPicture => make(
            "bad_picture",
            "The picture cannot be read",
            "This browser could not fetch or decode the picture.",
            "Open another one: JPEG, PNG and WebP files work.",
            NOTHING_CHANGED,
        ),
        NoticeKind::OtherTab => make(
            "other_tab",
            "Another tab is using this",
            "The same study or model is open in another tab.",
            "Go on there, or close it and reload this page.",
            NOTHING_LOST,
        ),
        NoticeKind::Cancelled => make(
            "cancelled",
            "Stopped by you",
            "You stopped this step.",
            "Start it again whenever you like.",
            NOTHING_LOST,
        ),
        NoticeKind::Unexpected => make(
            "unexpected",
            "Something else failed",
            "A step failed in a way that has no name yet.",
            "Try again; the words below may help whoever looks into it.",
            NOTHING_LOST,
        ),
    }
}

/// Which model to try after one that was too big: the next smaller one of the catalog by name, or that there is none.
/// `size_bytes` is the size of the one that was, if it is known.
pub fn smaller_model(catalog: Option<&Catalog>, size_bytes: Option<u64>) -> String {
    let cards = catalog.map(|catalog| catalog.models.as_slice()).unwrap_or_default();
    let smaller = cards.iter().filter(|card| size_bytes.is_none_or(|size| card.size_bytes < size));
    let next = match size_bytes {
        Some(_) => smaller.max_by_key(|card| card.size_bytes),
        None => smaller.min_by_key(|card| card.size_bytes),
    };
    match next {
        Some(card) => {
            let size = super::bytes_in_words(card.size_bytes);
            format!("The next smaller model of this site is {}, {size}.", card.name)
        }
        None => "No model of this site is smaller.".to_owned(),
    }
}

/// A notice that a person has not dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Number in this page's life.
    pub number: u32,
    /// Its kind.
    pub kind: NoticeKind,
    /// The error's own words; may be empty.
    pub detail: String,
}

/// Notices on the page, newest last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notices {
    next: u32,
    /// The notices.
    pub list: Vec<Notice>,
}

impl Notices {
    /// Adds a notice; the same kind is shown once, with the newest detail.
    ///
    /// What a person stopped is no trouble and is not shown.
    pub fn add(&mut self, kind: NoticeKind, detail: String) {
        if kind == NoticeKind::Cancelled {
            return;
        }
        self.list.retain(|notice| notice.kind != kind);
        self.next += 1;
        self.list.push(Notice { number: self.next, kind, detail });
    }

    /// Removes a notice.
    pub fn dismiss(&mut self, number: u32) {
        self.list.retain(|notice| notice.number != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_words() {
        let mut ids: Vec<_> = ALL.iter().map(|&kind| words(kind).id).collect();
        for &kind in &ALL {
            let words = words(kind);
            assert_eq!(serde_json::json!(kind), words.id, "the id is the name on the wire");
            for text in [words.title, words.what, words.action, words.safe] {
                assert!(text.len() > 8, "{kind:?}: {text:?}");
            }
            assert!(!words.title.ends_with('.'));
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn the_next_smaller_model_is_named() {
        let text = include_str!("../../public/models/catalog.json");
        let mut catalog: Catalog = serde_json::from_str(text).expect("the catalog is valid");
        let mut card = catalog.models.remove(0);
        card.name = "Middle".into();
        card.size_bytes = 200;
        let small = crate::formats::catalog::ModelCard { name: "Small".into(), size_bytes: 50_000, ..card.clone() };
        card.size_bytes = 200_000;
        catalog.models = vec![small, card];
        let named = |size| smaller_model(Some(&catalog), size);
        assert_eq!(named(Some(300_000)), "The next smaller model of this site is Middle, 200.0 KB.");
        assert_eq!(named(Some(200_000)), "The next smaller model of this site is Small, 50.0 KB.");
        assert_eq!(named(None), "The next smaller model of this site is Small, 50.0 KB.");
        assert_eq!(named(Some(50_000)), "No model of this site is smaller.");
        assert_eq!(smaller_model(None, Some(1)), "No model of this site is smaller.");
    }

    #[test]
    fn the_same_trouble_is_shown_once() {
        let mut notices = Notices::default();
        notices.add(NoticeKind::Network, "first".into());
        notices.add(NoticeKind::NotGguf, String::new());
        notices.add(NoticeKind::Network, "second".into());
        assert_eq!(notices.list.len(), 2);
        assert_eq!(notices.list[1].detail, "second");
        let number = notices.list[0].number;
        notices.dismiss(number);
        assert_eq!(notices.list.len(), 1);
    }
}
