//! One click, one file.

use wasm_bindgen::{JsCast, JsValue};

/// Offers a text as a file to save.
///
/// # Errors
/// What the browser said.
pub(crate) fn offer(name: &str, kind: &str, text: &str) -> Result<(), JsValue> {
    offer_part(name, kind, &JsValue::from_str(text))
}

/// Offers bytes as a file to save.
///
/// # Errors
/// What the browser said.
pub(crate) fn offer_bytes(name: &str, kind: &str, bytes: &[u8]) -> Result<(), JsValue> {
    offer_part(name, kind, &js_sys::Uint8Array::from(bytes).into())
}

fn offer_part(name: &str, kind: &str, part: &JsValue) -> Result<(), JsValue> {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let parts = js_sys::Array::of1(part);
    offer_blob(name, &web_sys::Blob::new_with_str_sequence_and_options(&parts, &options)?)
}

/// Offers what a blob holds as a file to save.
///
/// # Errors
/// What the browser said.
pub(crate) fn offer_blob(name: &str, blob: &web_sys::Blob) -> Result<(), JsValue> {
    let url = web_sys::Url::create_object_url_with_blob(blob)?;
    let anchor: web_sys::HtmlAnchorElement = leptos::prelude::document().create_element("a")?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // The browser has begun to read by the next turn of the event loop; a minute is ample.
    gloo::timers::callback::Timeout::new(60_000, move || drop(web_sys::Url::revoke_object_url(&url))).forget();
    Ok(())
}
