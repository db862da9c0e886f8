//! One tab at a time: the browser's Web Locks, which it frees itself when a tab is closed or crashes.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A lock of this tab; free again when dropped.
#[derive(Debug)]
pub struct TabLock {
    /// Ends the promise that the browser waits for; `None` where the browser knows no locks.
    release: Option<Function>,
}

impl Drop for TabLock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            // The function settles a promise of our own and cannot fail.
            drop(release.call0(&JsValue::NULL));
        }
    }
}

/// Takes the lock of this name without waiting; `None` if another tab has it. A browser without locks always gives
/// one, so that it is not shut out.
pub async fn try_lock(name: &str) -> Option<TabLock> {
    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let mut answer = None;
    let answered = Promise::new(&mut |resolve, _| answer = Some(resolve));
    let answer = answer?;
    let asked = answer.clone();
    // Called once, with the lock or with null; what it returns keeps the lock until it settles.
    let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if !lock.is_truthy() {
            return JsValue::UNDEFINED;
        }
        drop(asked.call1(&JsValue::NULL, &true.into()));
        held.into()
    });
    match request(name, &granted) {
        // Settles at once if there is no lock for us; long after the answer, and to no effect, if there is.
        Ok(outcome) => wasm_bindgen_futures::spawn_local(async move {
            drop(JsFuture::from(outcome).await);
            drop(answer.call1(&JsValue::NULL, &false.into()));
        }),
        Err(error) => {
            tracing::warn!(?error, "this browser has no locks; two tabs are not told apart");
            return Some(TabLock { release: None });
        }
    }
    let free = JsFuture::from(answered).await.is_ok_and(|value| value.is_truthy());
    free.then_some(TabLock { release })
}

/// web-sys hides Web Locks behind an unstable switch, so the call goes by name.
fn request(name: &str, granted: &JsValue) -> Result<Promise, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    let locks = Reflect::get(&navigator, &"locks".into())?;
    let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into())?;
    request.call3(&locks, &name.into(), &options, granted)?.dyn_into()
}
