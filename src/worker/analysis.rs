//! The worker of statistics: resamples are drawn here, so that the page stays alive and can stop them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::platform;
use crate::report::resampling::{Ask, Job, Resampled, Tell};

/// Milliseconds between two looks at what the page says meanwhile.
const TELL_EVERY_MILLIS: f64 = 50.0;

#[derive(Clone)]
struct Desk {
    scope: DedicatedWorkerGlobalScope,
    cancelled: Rc<RefCell<BTreeMap<u32, Rc<Cell<bool>>>>>,
}

impl Desk {
    fn tell(&self, tell: &Tell) {
        let sent = serde_json::to_string(tell)
            .map_err(|error| JsValue::from_str(&error.to_string()))
            .and_then(|text| self.scope.post_message(&text.into()));
        if let Err(error) = sent {
            tracing::error!(?error, "an answer could not be sent");
        }
    }

    fn take(&self, text: &str) {
        match serde_json::from_str::<Ask>(text) {
            Ok(Ask::Resample { id, job }) => {
                let cancelled = Rc::new(Cell::new(false));
                self.cancelled.borrow_mut().insert(id, Rc::clone(&cancelled));
                let desk = self.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    let told = match desk.resample(id, &job, &cancelled).await {
                        Ok(found) => Tell::Found { id, found },
                        Err(detail) => Tell::Refused { id, detail },
                    };
                    desk.cancelled.borrow_mut().remove(&id);
                    desk.tell(&told);
                });
            }
            Ok(Ask::Cancel { id }) => {
                if let Some(flag) = self.cancelled.borrow().get(&id) {
                    flag.set(true);
                }
            }
            Err(error) => tracing::error!(%error, "an unreadable question"),
        }
    }

    async fn resample(&self, id: u32, job: &Job, cancelled: &Cell<bool>) -> Result<Resampled, String> {
        let words = |error: crate::stats::StatError| error.to_string();
        let started = platform::now_millis();
        let mut told = started;
        let mut comparing = job.begin().map_err(words)?;
        while comparing.n_drawn() < job.resamples && !cancelled.get() {
            comparing.step(job.piece().min(job.resamples - comparing.n_drawn())).map_err(words)?;
            if platform::now_millis() - told > TELL_EVERY_MILLIS {
                self.tell(&Tell::Drawn { id, done: comparing.n_drawn().min(job.resamples) });
                platform::breathe().await;
                told = platform::now_millis();
            }
        }
        let millis = platform::now_millis() - started;
        let agreement = comparing.agreement().ok_or_else(|| "stopped before the first resample".to_owned())?;
        Ok(Resampled { agreement, wanted: job.resamples, millis })
    }
}

/// Answers questions until the worker is terminated.
pub fn serve() {
    platform::init_logging();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let desk = Desk { scope: scope.clone(), cancelled: Rc::default() };
    let listener = desk.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        listener.take(&event.data().as_string().unwrap_or_default());
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    desk.tell(&Tell::Ready);
}
