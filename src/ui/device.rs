//! What this device can do: one look at WebGPU when the page opens.

use crate::platform;

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

/// Asks the browser for an adapter.
pub(crate) async fn probe() -> Device {
    match platform::adapter().await {
        Ok(adapter) => Device::Gpu { adapter },
        Err(why) => Device::Cpu { why },
    }
}
