//! Whether this machine can run the model: a list of looks, each with what it means. For whoever prepares a room.

use leptos::prelude::*;

use crate::app::bytes_in_words;
use crate::eval::engine::SelfTest;
use crate::ui::by_name::number;
use crate::ui::device::Device;
use crate::ui::offline::Offline;
use crate::ui::state::{State, use_state};

/// Room in storage that a model of this size needs, with some to spare for what is judged.
const SPARE_BYTES: u64 = 64 << 20;
/// A machine with less memory than this many times the model's file may be too small.
const MEMORY_FACTOR: f64 = 8.0;

/// How a look came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Light {
    Good,
    Slow,
    Bad,
    Unknown,
}

impl Light {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "badge right",
            Self::Slow => "badge unverified",
            Self::Bad => "badge wrong",
            Self::Unknown => "badge",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "works, with limits",
            Self::Bad => "trouble",
            Self::Unknown => "not known",
        }
    }
}

/// Bytes of the model that the catalog offers first.
fn model_bytes(state: State) -> Option<(String, u64)> {
    state.catalog.with(|catalog| {
        let catalog = catalog.as_ref()?;
        let card = catalog.models.iter().find(|card| card.id == catalog.default)?;
        Some((card.name.clone(), card.size_bytes))
    })
}

fn graphics(state: State) -> (Light, String) {
    let device = state.device.get();
    let light = match device {
        Device::Unknown => Light::Unknown,
        Device::Gpu { .. } => Light::Good,
        Device::Cpu { .. } => Light::Slow,
    };
    (light, device.in_words())
}

fn memory(state: State) -> (Light, String) {
    let navigator = window().navigator();
    let cores = number(&navigator, "hardwareConcurrency").unwrap_or(0.0);
    let gibibytes = number(&navigator, "deviceMemory").unwrap_or(0.0);
    let Some((name, bytes)) = model_bytes(state) else {
        return (Light::Unknown, "The catalog is not there yet.".to_owned());
    };
    if gibibytes <= 0.0 {
        return (
            Light::Unknown,
            format!("This browser does not say how much memory there is; {cores} processor threads."),
        );
    }
    let enough = gibibytes * f64::from(1 << 30) >= MEMORY_FACTOR * bytes as f64;
    let light = if enough { Light::Good } else { Light::Slow };
    (light, format!("{gibibytes} GiB or more, {cores} processor threads; {name} has {}.", bytes_in_words(bytes)))
}

fn storage(state: State, estimate: Option<Result<(u64, u64), ()>>, cached: bool) -> (Light, String) {
    if !state.is_durable.get() {
        return (
            Light::Bad,
            "The browser keeps nothing here, as in a private window: answers are gone with the page.".to_owned(),
        );
    }
    match (estimate, model_bytes(state)) {
        (Some(Ok((used, quota))), Some((name, bytes))) => {
            let free = quota.saturating_sub(used);
            let words = format!("{} of {} are used.", bytes_in_words(used), bytes_in_words(quota));
            if cached {
                (Light::Good, format!("{words} {name} is there already and needs no network."))
            } else if free >= bytes + SPARE_BYTES {
                (
                    Light::Good,
                    format!("{words} {name} ({}) fits; load it once while there is a network.", bytes_in_words(bytes)),
                )
            } else {
                (Light::Bad, format!("{words} {name} ({}) does not fit: free some space.", bytes_in_words(bytes)))
            }
        }
        (Some(Err(())), _) => (Light::Unknown, "The browser does not say how much room there is.".to_owned()),
        _ => (Light::Unknown, "Looking…".to_owned()),
    }
}

fn offline(state: State) -> (Light, String) {
    match state.offline.get() {
        Offline::Kept | Offline::NewVersion => {
            (Light::Good, "The whole site is kept in this browser and opens without a network.".to_owned())
        }
        Offline::Unknown => (Light::Unknown, "The site is being kept for times without a network…".to_owned()),
        Offline::Impossible => {
            (Light::Slow, "This browser does not keep the site: it needs the network at each visit.".to_owned())
        }
    }
}

fn check(state: State) -> (Light, String) {
    let (loaded, speed) = state.models.with(|models| {
        (
            models.loaded.as_ref().map(|it| (it.info.model_name.clone(), it.info.self_test.clone())),
            models.loading.is_some(),
        )
    });
    match loaded {
        Some((name, SelfTest::Passed { .. })) => {
            (Light::Good, format!("{name} is loaded and gives the stored reference values here."))
        }
        Some((name, SelfTest::Unverified { reason })) => (Light::Slow, format!("{name} is loaded; {reason}.")),
        Some((name, SelfTest::Failed { detail })) => (Light::Bad, format!("{name} gives wrong values here: {detail}.")),
        None if speed => (Light::Unknown, "A model is being loaded…".to_owned()),
        None => (
            Light::Unknown,
            "Load a model on the Models page: its answers are then compared with stored reference values.".to_owned(),
        ),
    }
}

/// What stands between this machine and a lesson.
#[component]
pub fn Preflight() -> impl IntoView {
    let state = use_state();
    let estimate = LocalResource::new(move || {
        state.cache_version.get();
        async move { state.storage_estimate().await }
    });
    let cached = LocalResource::new(move || {
        state.cache_version.get();
        async move { state.cached_models().await }
    });
    let is_cached = move || {
        let size = model_bytes(state).map(|(_, bytes)| bytes);
        cached.get().is_some_and(|models| models.iter().any(|it| it.complete && Some(it.bytes) == size))
    };
    let row = |id: &'static str, name: &'static str, look: Signal<(Light, String)>| {
        view! {
            <tr data-testid=format!("preflight-{id}")>
                <th scope="row">{name}</th>
                <td><span class=move || look.get().0.class() data-testid="light">{move || look.get().0.word()}</span></td>
                <td>{move || look.get().1}</td>
            </tr>
        }
    };
    view! {
        <section class="stack" data-testid="preflight">
            <h2>"Can this machine run the model?"</h2>
            <div class="scroll-x"><table>
                <thead><tr><th scope="col">"Look"</th><th scope="col">"Result"</th><th scope="col">"What it means"</th></tr></thead>
                <tbody>
                    {row("graphics", "Graphics", Signal::derive(move || graphics(state)))}
                    {row("memory", "Memory", Signal::derive(move || memory(state)))}
                    {row("storage", "Storage", Signal::derive(move || storage(state, estimate.get().map(|it| it.ok_or(())), is_cached())))}
                    {row("offline", "Without a network", Signal::derive(move || offline(state)))}
                    {row("check", "Check of the answers", Signal::derive(move || check(state)))}
                </tbody>
            </table></div>
        </section>
    }
}
