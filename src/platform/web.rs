//! Web side: works in pages and in dedicated workers.

use std::future::Future;
use std::pin::Pin;

use wasm_bindgen::JsCast;

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
