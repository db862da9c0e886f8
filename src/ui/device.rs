//! What this device can do: one look at WebGPU when the page opens.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// Not looked yet.
    Unknown,
    /// WebGPU with an adapter.
    Gpu {
        /// The adapter's own words; may be empty.
        adapter: String,
    },
    /// The processor only.
    Cpu {
        /// Why.
        why: &'static str,
    },
}

impl Device {
    /// One line for people.
    pub fn in_words(&self) -> String {
        match self {
            Self::Unknown => "Looking at this device…".to_owned(),
            Self::Gpu { adapter } if adapter.is_empty() => {
                "WebGPU adapter found: models run on this device's graphics card.".to_owned()
            }
            Self::Gpu { adapter } => format!("WebGPU adapter found ({adapter}): models run on it."),
            Self::Cpu { why } => {
                format!("Processor only: {why}. Models run more slowly; reading results and judging need no model.")
            }
        }
    }

    /// A word for style and tests.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Gpu { .. } => "gpu",
            Self::Cpu { .. } => "cpu",
        }
    }
}

fn field(value: &JsValue, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(value, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Asks the browser for an adapter.
pub(crate) async fn probe() -> Device {
    let Some(gpu) = field(&js_sys::global(), "navigator").and_then(|navigator| field(&navigator, "gpu")) else {
        return Device::Cpu { why: "this browser has no WebGPU" };
    };
    let asked = field(&gpu, "requestAdapter")
        .and_then(|ask| ask.dyn_into::<js_sys::Function>().ok())
        .and_then(|ask| ask.call0(&gpu).ok())
        .and_then(|promise| promise.dyn_into::<js_sys::Promise>().ok());
    let Some(asked) = asked else { return Device::Cpu { why: "this browser's WebGPU did not answer" } };
    match JsFuture::from(asked).await {
        Ok(adapter) if !adapter.is_null() && !adapter.is_undefined() => {
            let info = field(&adapter, "info").unwrap_or(JsValue::UNDEFINED);
            let words: Vec<String> = ["vendor", "architecture", "description"]
                .iter()
                .filter_map(|name| if info.is_object() { field(&info, name) } else { None })
                .filter_map(|value| value.as_string())
                .filter(|word| !word.is_empty())
                .collect();
            Device::Gpu { adapter: words.join(", ") }
        }
        Ok(_) => Device::Cpu { why: "this browser has WebGPU but offers no graphics adapter" },
        Err(_) => Device::Cpu { why: "this browser refused a graphics adapter" },
    }
}
