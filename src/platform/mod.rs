//! Tiny pairs of functions, one for the web and one native: the only place besides `store`, `worker` and `ui`
//! that touches the world outside.

#[cfg_attr(target_arch = "wasm32", path = "web.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "native.rs")]
mod imp;
#[cfg(target_arch = "wasm32")]
pub mod tab_lock;

#[cfg(target_arch = "wasm32")]
pub use imp::adapter;
pub use imp::{breathe, heap_bytes, init_logging, now_millis, random_u64, unix_millis};

/// A random id of 128 bits in lower-case hexadecimal.
pub fn random_id() -> String {
    format!("{:016x}{:016x}", random_u64(), random_u64())
}
