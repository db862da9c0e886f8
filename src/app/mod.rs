//! What the app knows; no Leptos, no DOM.
