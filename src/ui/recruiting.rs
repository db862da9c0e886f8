//! Ids of recruitment platforms in this page's address, and their hashes as long as the tab is open.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::by_name::call;
use super::state::words_of;
use crate::study::recruitment::{self, Ids, Recruitment};

/// Takes the ids out of the address bar and out of the history's entry, before anything else reads the address.
pub(crate) fn take_ids() -> Option<Ids> {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    // Only a study is ever asked for with ids.
    if !path.trim_end_matches('/').ends_with("/judge") {
        return None;
    }
    let (query, fragment) = (location.search().unwrap_or_default(), location.hash().unwrap_or_default());
    let (query, fragment) = (query.trim_start_matches('?'), fragment.trim_start_matches('#'));
    let (ids, query_left, fragment_left) = recruitment::take(query, fragment);
    if (query, fragment) != (query_left.as_str(), fragment_left.as_str()) {
        let part = |sign: &str, text: &str| if text.is_empty() { String::new() } else { format!("{sign}{text}") };
        let address = format!("{path}{}{}", part("?", &query_left), part("#", &fragment_left));
        let history = js_sys::Reflect::get(&window(), &"history".into());
        let replaced = history
            .and_then(|history| call(&history, "replaceState", &[JsValue::NULL, "".into(), address.as_str().into()]));
        if let Err(error) = replaced {
            tracing::warn!(error = words_of(&error), "the address keeps its parameters");
        }
    }
    ids
}

fn key_of(study_sha256: &str) -> JsValue {
    format!("likewise/recruitment/{study_sha256}").into()
}

fn tab_storage() -> Result<JsValue, JsValue> {
    js_sys::Reflect::get(&window(), &"sessionStorage".into())
}

/// Keeps the hashes as long as the tab is open, so that a reload before the session begins does not lose them.
pub(crate) fn remember(recruitment: &Recruitment) {
    let Ok(json) = serde_json::to_string(recruitment) else { return };
    let kept = tab_storage()
        .and_then(|storage| call(&storage, "setItem", &[key_of(&recruitment.study_sha256), json.as_str().into()]));
    if let Err(error) = kept {
        tracing::warn!(error = words_of(&error), "a reload will lose where the participant came from");
    }
}

/// What this tab keeps for a study.
pub(crate) fn remembered(study_sha256: &str) -> Option<Recruitment> {
    let text = tab_storage().and_then(|storage| call(&storage, "getItem", &[key_of(study_sha256)])).ok()?;
    serde_json::from_str(&text.as_string()?).ok()
}
