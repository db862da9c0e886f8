//! Web side: works in pages and in dedicated workers.

use std::future::Future;
use std::pin::Pin;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Milliseconds since the page or worker began, monotonic.
pub fn now_millis() -> f64 {
    js_sys::Reflect::get(&js_sys::global(), &"performance".into())
        .ok()
        .and_then(|value| value.dyn_into::<web_sys::Performance>().ok())
        .map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// Milliseconds since 1970 (UTC).
pub fn unix_millis() -> f64 {
    js_sys::Date::now()
}

/// Random bits from the browser's cryptographic generator.
pub fn random_u64() -> u64 {
    let mut bytes = [0_u8; 8];
    // A browser without a generator has no secure context, and then no storage or GPU either.
    if getrandom::fill(&mut bytes).is_err() {
        return js_sys::Math::random().to_bits();
    }
    u64::from_le_bytes(bytes)
}

/// Lets the event loop run once.
pub fn breathe() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(gloo::timers::future::TimeoutFuture::new(0))
}

/// Panics and warnings go to the browser's console.
pub fn init_logging() {
    use tracing_subscriber::prelude::*;
    console_error_panic_hook::set_once();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_writer(tracing_web::MakeWebConsoleWriter::new())
        .with_filter(tracing_subscriber::filter::LevelFilter::WARN);
    drop(tracing_subscriber::registry().with(layer).try_init());
}

/// Bytes of the WebAssembly heap.
pub fn heap_bytes() -> u64 {
    core::arch::wasm32::memory_size(0) as u64 * 65_536
}

fn field(value: &JsValue, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(value, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// The browser's words for the graphics adapter that WebGPU offers, in a page or a worker; they may be empty.
///
/// # Errors
/// Why there is none.
pub async fn adapter() -> Result<String, &'static str> {
    let Some(gpu) = field(&js_sys::global(), "navigator").and_then(|navigator| field(&navigator, "gpu")) else {
        return Err("this browser has no WebGPU");
    };
    let asked = field(&gpu, "requestAdapter")
        .and_then(|ask| ask.dyn_into::<js_sys::Function>().ok())
        .and_then(|ask| ask.call0(&gpu).ok())
        .and_then(|promise| promise.dyn_into::<js_sys::Promise>().ok());
    let Some(asked) = asked else { return Err("this browser's WebGPU did not answer") };
    match JsFuture::from(asked).await {
        Ok(adapter) if !adapter.is_null() && !adapter.is_undefined() => {
            let info = field(&adapter, "info").unwrap_or(JsValue::UNDEFINED);
            let words: Vec<String> = ["vendor", "architecture", "description"]
                .iter()
                .filter_map(|name| if info.is_object() { field(&info, name) } else { None })
                .filter_map(|value| value.as_string())
                .filter(|word| !word.is_empty())
                .collect();
            Ok(words.join(", "))
        }
        Ok(_) => Err("this browser has WebGPU but offers no graphics adapter"),
        Err(_) => Err("this browser refused a graphics adapter"),
    }
}
