//! Small wrappers around the browser's file and network calls that `assets` and `weights` share. They go by name
//! where web-sys hides a call behind a feature that would need another build of it.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, Headers, RequestInit, Response, Url};

/// Calls a method by name.
pub(super) fn call(target: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(target, &method.into())?.dyn_into()?;
    function.apply(target, &arguments.iter().collect::<Array>())
}

/// Calls a method by name and awaits what it promises.
pub(super) async fn call_async(target: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&call(target, method, arguments)?)).await
}

/// `{ key: value }`
pub(super) fn object(key: &str, value: impl Into<JsValue>) -> Result<JsValue, JsValue> {
    let object = js_sys::Object::new();
    Reflect::set(&object, &key.into(), &value.into())?;
    Ok(object.into())
}

/// Name of a DOM exception, or nothing.
pub(super) fn error_name(error: &JsValue) -> String {
    error.dyn_ref::<DomException>().map_or_else(String::new, DomException::name)
}

/// An error in the browser's words.
pub(super) fn describe(error: &JsValue) -> String {
    if let Some(error) = error.dyn_ref::<DomException>() {
        return format!("{}: {}", error.name(), error.message());
    }
    if let Some(error) = error.dyn_ref::<js_sys::Error>() {
        return String::from(error.message());
    }
    error.as_string().unwrap_or_else(|| format!("{error:?}"))
}

/// An address relative to the site's root; absolute addresses stay what they are.
pub(super) fn resolve(site_root: &str, path: &str) -> Result<String, JsValue> {
    Url::new_with_base(path, site_root).map(|url| url.href())
}

/// Asks for an address, from `start` to `end` (exclusive) if given. Works in pages and in workers.
pub(super) async fn fetch(url: &str, range: Option<(u64, u64)>) -> Result<Response, JsValue> {
    let init = RequestInit::new();
    if let Some((start, end)) = range {
        let headers = Headers::new()?;
        headers.set("Range", &format!("bytes={start}-{}", end.saturating_sub(1)))?;
        init.set_headers(&headers);
    }
    call_async(&js_sys::global(), "fetch", &[url.into(), init.into()]).await?.dyn_into()
}
