//! The service worker that keeps the site for times without a network, and the notice of a new version.

use js_sys::Reflect;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;

use super::by_name::call;
use super::state::{State, use_state, words_of};

/// What is known of the kept site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offline {
    /// Not known yet, or being fetched.
    Unknown,
    /// The browser keeps no sites.
    Impossible,
    /// The whole site is kept.
    Kept,
    /// A new version is kept too and waits for a reload.
    NewVersion,
}

fn get(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &name.into()).ok().filter(JsValue::is_object)
}

fn container() -> Option<JsValue> {
    get(&window().navigator(), "serviceWorker")
}

/// Calls `then` at every event of this name, as long as the page is open.
fn listen(target: &JsValue, event: &str, then: impl FnMut() + 'static) {
    let listener = Closure::<dyn FnMut()>::new(then).into_js_value();
    // An object without events has none to miss.
    drop(call(target, "addEventListener", &[event.into(), listener]));
}

async fn register(state: State, container: JsValue) -> Result<(), JsValue> {
    let options = js_sys::Object::new();
    // The list of files itself is never to come from a cache.
    Reflect::set(&options, &"updateViaCache".into(), &"none".into())?;
    let address = format!("{}sw.js", state.site_root());
    let registered = call(&container, "register", &[address.into(), options.into()])?;
    let registration = JsFuture::from(js_sys::Promise::resolve(&registered)).await?;
    let look = {
        let registration = registration.clone();
        move || {
            if get(&registration, "waiting").is_some() && get(&registration, "active").is_some() {
                state.offline.set(Offline::NewVersion);
            } else if get(&registration, "active").is_some() {
                state.offline.set(Offline::Kept);
            }
        }
    };
    let watch = {
        let (registration, look) = (registration.clone(), look.clone());
        move || {
            if let Some(installing) = get(&registration, "installing") {
                listen(&installing, "statechange", look.clone());
            }
        }
    };
    look();
    watch();
    listen(&registration, "updatefound", watch);
    Ok(())
}

impl State {
    /// Lets the browser keep the site, once the page has been drawn.
    pub(super) fn keep_site(self) {
        let Some(container) = container() else { return self.offline.set(Offline::Impossible) };
        // After what the page itself needs.
        gloo::timers::callback::Timeout::new(1_500, move || {
            spawn_local(async move {
                if let Err(error) = register(self, container).await {
                    tracing::warn!(error = words_of(&error), "the site is not kept for times without a network");
                    self.offline.set(Offline::Impossible);
                }
            });
        })
        .forget();
    }
}

/// Changes to the new version and reloads this page.
fn take_new_version() {
    let Some(container) = container() else { return };
    listen(&container, "controllerchange", || {
        // A page that is not reloaded stays what it is.
        drop(window().location().reload());
    });
    spawn_local(async move {
        let found = call(&container, "getRegistration", &[]).map(|promise| js_sys::Promise::resolve(&promise));
        let waiting = match found {
            Ok(promise) => JsFuture::from(promise).await.ok().and_then(|it| get(&it, "waiting")),
            Err(_) => None,
        };
        if let Some(waiting) = waiting {
            drop(call(&waiting, "postMessage", &["take over".into()]));
        }
    });
}

/// Says that a new version is there, but never while somebody takes part in a study.
#[component]
pub fn NewVersionBanner() -> impl IntoView {
    let state = use_state();
    let shown = move || state.offline.get() == Offline::NewVersion && !state.is_judging.get();
    view! {
        <Show when=shown>
            <aside class="memory-banner" data-testid="new-version" aria-label="New version">
                <p role="status">"A new version of this site is ready. What is stored stays; a loaded model must be loaded again."</p>
                <button type="button" data-testid="reload" on:click=move |_| take_new_version()>"Reload"</button>
            </aside>
        </Show>
    }
}
