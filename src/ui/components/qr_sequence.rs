//! A packet as QR codes one after the other, for handing in without a network.

use std::time::Duration;

use leptos::prelude::*;

use crate::study::frames::{code, frames};

/// Milliseconds that a code stays when they turn by themselves.
const TURN_MILLIS: u64 = 600;

/// Codes of a packet, turned by hand or, if asked, by themselves.
#[component]
pub fn QrSequence(
    /// The packet.
    packet: String,
) -> impl IntoView {
    let texts = StoredValue::new(frames(&packet));
    let n = texts.with_value(Vec::len).max(1);
    let shown = RwSignal::new(false);
    let at = RwSignal::new(0_usize);
    let playing = RwSignal::new(false);
    let step = move |by: usize| at.update(|it| *it = (*it + by) % n);
    Effect::new(move |_| {
        if playing.get()
            && let Ok(timer) = set_interval_with_handle(move || step(1), Duration::from_millis(TURN_MILLIS))
        {
            on_cleanup(move || timer.clear());
        }
    });
    let picture = move || {
        let text = texts.with_value(|all| all.get(at.get()).cloned())?;
        let code = code(&text)?;
        let name = format!("QR code {} of {n}", at.get() + 1);
        let (size, side) = (code.size, format!("0 0 {0} {0}", code.size));
        Some(view! {
            <svg class="qr" viewBox=side role="img" aria-label=name data-testid="qr-code" data-text=text shape-rendering="crispEdges">
                <rect width=size height=size fill="#ffffff" />
                <path d=code.path fill="#000000" />
            </svg>
        })
    };
    view! {
        <button type="button" data-testid="show-qr" aria-expanded=move || shown.get().to_string() on:click=move |_| shown.update(|it| *it = !*it)>
            {move || if shown.get() { "Hide the QR codes" } else { "Show it as QR codes" }}
        </button>
        <Show when=move || shown.get()>
            <div class="qr-sequence stack" data-testid="qr-sequence">
                <p>"Hold the screen before the teacher's camera until every code was read; the order does not matter."</p>
                {picture}
                // Not announced while codes turn by themselves: that would never end.
                <p role="status" data-testid="qr-place">{move || if playing.get() { "Codes are turning.".to_owned() } else { format!("Code {} of {n}", at.get() + 1) }}</p>
                <div class="row">
                    <button type="button" data-testid="qr-back" on:click=move |_| { playing.set(false); step(n - 1); }>"Previous code"</button>
                    <button type="button" data-testid="qr-next" on:click=move |_| { playing.set(false); step(1); }>"Next code"</button>
                    <button type="button" data-testid="qr-play" aria-pressed=move || playing.get().to_string() on:click=move |_| playing.update(|it| *it = !*it)>
                        {move || if playing.get() { "Stop turning" } else { "Turn by themselves" }}
                    </button>
                </div>
            </div>
        </Show>
    }
}
