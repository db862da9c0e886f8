//! Native side.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::OnceLock;

/// Milliseconds since the first call, monotonic.
#[expect(clippy::disallowed_methods, reason = "the one native clock")]
pub fn now_millis() -> f64 {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e3
}

/// Milliseconds since 1970 (UTC).
#[expect(clippy::disallowed_methods, reason = "the one native clock")]
pub fn unix_millis() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64() * 1e3)
}

/// Random bits from the system.
pub fn random_u64() -> u64 {
    // The standard library seeds every `RandomState` from the system's generator.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(unix_millis().to_bits());
    hasher.finish()
}

/// Native threads have no event loop to give a turn to.
pub fn breathe() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(std::future::ready(()))
}

/// Logs to standard error; `RUST_LOG` chooses what.
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
}

/// Native programs have no such heap; the operating system knows.
pub fn heap_bytes() -> u64 {
    0
}
