//! The page's end of the worker of statistics.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Function, Promise};
use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::state::{State, words_of};
use crate::report::resampling::{Ask, Job, Resampled, Tell};
use crate::worker::client::loader_of;

/// Hears how many resamples are drawn; `false` stops.
type OnDrawn = Rc<dyn Fn(usize) -> bool>;

/// A question that waits for its answer.
struct Open {
    resolve: Function,
    on_drawn: OnDrawn,
}

#[derive(Default)]
struct Shared {
    ready: Cell<bool>,
    stopped: Cell<bool>,
    waiting: RefCell<Vec<String>>,
    open: RefCell<BTreeMap<u32, Open>>,
}

struct Running {
    worker: web_sys::Worker,
    shared: Rc<Shared>,
    _on_message: Closure<dyn FnMut(web_sys::MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

fn post(worker: &web_sys::Worker, ask: &Ask) {
    if let Ok(text) = serde_json::to_string(ask) {
        let _ = worker.post_message(&text.into());
    }
}

impl Shared {
    fn answer(&self, id: u32, tell: &Tell) {
        let open = self.open.borrow_mut().remove(&id);
        if let (Some(open), Ok(text)) = (open, serde_json::to_string(tell)) {
            let _ = open.resolve.call1(&JsValue::NULL, &text.into());
        }
    }

    fn take(&self, worker: &web_sys::Worker, text: &str) {
        match serde_json::from_str::<Tell>(text) {
            Ok(Tell::Ready) => {
                self.ready.set(true);
                for text in self.waiting.take() {
                    let _ = worker.post_message(&text.into());
                }
            }
            Ok(Tell::Drawn { id, done }) => {
                let on_drawn = self.open.borrow().get(&id).map(|open| Rc::clone(&open.on_drawn));
                if on_drawn.is_some_and(|on_drawn| !on_drawn(done)) {
                    post(worker, &Ask::Cancel { id });
                }
            }
            Ok(tell @ (Tell::Found { id, .. } | Tell::Refused { id, .. })) => self.answer(id, &tell),
            Err(error) => self.fail(&error.to_string()),
        }
    }

    fn fail(&self, detail: &str) {
        let ids: Vec<u32> = self.open.borrow().keys().copied().collect();
        for id in ids {
            self.answer(id, &Tell::Refused { id, detail: detail.to_owned() });
        }
    }
}

impl Running {
    fn start(url: &str) -> Result<Self, JsValue> {
        let options = web_sys::WorkerOptions::new();
        options.set_type(web_sys::WorkerType::Module);
        let worker = web_sys::Worker::new_with_options(url, &options)?;
        let shared = Rc::new(Shared::default());
        let (receiver, own) = (Rc::clone(&shared), worker.clone());
        let on_message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            receiver.take(&own, &event.data().as_string().unwrap_or_default());
        });
        let receiver = Rc::clone(&shared);
        let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |_: web_sys::Event| {
            receiver.stopped.set(true);
            receiver.fail("the worker of statistics stopped; choose again to start it anew");
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, shared, _on_message: on_message, _on_error: on_error })
    }
}

/// The worker of statistics; a handle that can be copied freely.
#[derive(Clone, Copy)]
pub struct AnalysisState {
    state: State,
    running: StoredValue<Option<Running>, LocalStorage>,
    next_id: StoredValue<u32>,
}

impl AnalysisState {
    /// Without a worker yet.
    pub fn new(state: State) -> Self {
        Self { state, running: StoredValue::new_local(None), next_id: StoredValue::new(1) }
    }

    /// Draws resamples in the worker. `on_drawn` hears how many are done and stops by saying `false`; what was drawn
    /// until then is the answer.
    ///
    /// # Errors
    /// One sentence: why the two cannot be compared, or that the worker does not run.
    pub async fn resample(self, job: Job, on_drawn: impl Fn(usize) -> bool + 'static) -> Result<Resampled, String> {
        // One that could not be fetched, or stopped, would never answer.
        let is_there = |running: &Option<Running>| running.as_ref().is_some_and(|it| !it.shared.stopped.get());
        if !self.running.with_value(is_there) {
            let loader = loader_of("analysis").ok_or("the page does not say where the worker of statistics is")?;
            let started = Running::start(&format!("{}{loader}", self.state.site_root()));
            self.running.set_value(Some(started.map_err(|error| words_of(&error))?));
        }
        let id = self.next_id.get_value();
        self.next_id.set_value(id.wrapping_add(1));
        let text = serde_json::to_string(&Ask::Resample { id, job }).map_err(|error| error.to_string())?;
        let mut resolve = None;
        let answer = Promise::new(&mut |done, _| resolve = Some(done));
        let resolve = resolve.ok_or("the browser made no promise")?;
        self.running.with_value(|running| {
            let Some(running) = running else { return };
            running.shared.open.borrow_mut().insert(id, Open { resolve, on_drawn: Rc::new(on_drawn) });
            if running.shared.ready.get() {
                let _ = running.worker.post_message(&text.into());
            } else {
                running.shared.waiting.borrow_mut().push(text);
            }
        });
        let told = JsFuture::from(answer).await.map_err(|error| words_of(&error))?;
        match serde_json::from_str(&told.as_string().unwrap_or_default()) {
            Ok(Tell::Found { found, .. }) => Ok(found),
            Ok(Tell::Refused { detail, .. }) => Err(detail),
            Ok(_) => Err("the worker of statistics answered another question".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The worker of statistics, from the context that the app provides.
pub fn use_analysis() -> AnalysisState {
    expect_context()
}
