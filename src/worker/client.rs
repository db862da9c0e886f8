//! Page side: spawns a module worker, holds commands back until it is ready, and hands its events on.
//!
//! Down goes an object `{ message: string, files: File[] }` whose `message` is the JSON text of a [`Command`]; up
//! comes the JSON text of an [`Event`]. As text, 64-bit seeds survive JavaScript.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use crate::protocol::{Command, CommandId, Event, NoticeKind, PROTOCOL_VERSION};

/// A running worker.
pub struct WorkerClient {
    shared: Rc<Shared>,
    next_id: Cell<CommandId>,
    _on_message: Closure<dyn FnMut(web_sys::MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

struct Shared {
    worker: web_sys::Worker,
    ready: Cell<bool>,
    waiting: RefCell<Vec<JsValue>>,
    on_event: Box<dyn Fn(Event)>,
}

impl Shared {
    fn failed(&self, notice: NoticeKind, detail: String) {
        (self.on_event)(Event::Failed { id: 0, notice, detail });
    }

    fn take(&self, message: &JsValue) {
        let text = message.as_string();
        let event = match text.as_deref().map(serde_json::from_str::<Event>) {
            Some(Ok(event)) => event,
            Some(Err(error)) => return self.failed(NoticeKind::VersionMismatch, error.to_string()),
            None => return self.failed(NoticeKind::VersionMismatch, "a message without text".to_owned()),
        };
        if let Event::Ready { protocol, .. } = event {
            if protocol != PROTOCOL_VERSION {
                let detail = format!("the page speaks version {PROTOCOL_VERSION}, the worker {protocol}");
                return self.failed(NoticeKind::VersionMismatch, detail);
            }
            self.ready.set(true);
            for message in self.waiting.take() {
                self.post(&message);
            }
        }
        (self.on_event)(event);
    }

    fn post(&self, message: &JsValue) {
        if let Err(error) = self.worker.post_message(message) {
            self.failed(NoticeKind::WorkerStopped, format!("{error:?}"));
        }
    }
}

/// File name of a worker's loader, which carries the build's hash; `tools/post_build.py` writes it into the page.
pub fn loader_of(bin: &str) -> Option<String> {
    let tag = web_sys::window()?.document()?.query_selector(&format!("meta[name=worker][data-bin={bin}]")).ok()??;
    tag.get_attribute("content")
}

impl WorkerClient {
    /// Starts the worker whose loader has this address; `on_event` hears everything it says, and a
    /// `Failed` with id 0 if it stops.
    ///
    /// # Errors
    /// What the browser says if it refuses to make a worker.
    pub fn spawn(url: &str, on_event: impl Fn(Event) + 'static) -> Result<Self, JsValue> {
        let options = web_sys::WorkerOptions::new();
        options.set_type(web_sys::WorkerType::Module);
        let worker = web_sys::Worker::new_with_options(url, &options)?;
        let shared = Rc::new(Shared {
            worker,
            ready: Cell::new(false),
            waiting: RefCell::default(),
            on_event: Box::new(on_event),
        });
        let receiver = Rc::downgrade(&shared);
        let on_message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            if let Some(shared) = receiver.upgrade() {
                shared.take(&event.data());
            }
        });
        let receiver = Rc::downgrade(&shared);
        let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
            if let Some(shared) = receiver.upgrade() {
                let detail = event
                    .dyn_ref::<web_sys::ErrorEvent>()
                    .map_or_else(|| "the worker could not start".to_owned(), web_sys::ErrorEvent::message);
                shared.failed(NoticeKind::WorkerStopped, detail);
            }
        });
        shared.worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        shared.worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { shared, next_id: Cell::new(1), _on_message: on_message, _on_error: on_error })
    }

    /// A number that no command of this worker had before.
    pub fn next_id(&self) -> CommandId {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1).max(1));
        id
    }

    /// Sends a command, or keeps it until the worker is ready; files travel beside it.
    pub fn send<'a>(&self, command: &Command, files: impl IntoIterator<Item = &'a web_sys::File>) {
        let text = match serde_json::to_string(command) {
            Ok(text) => text,
            Err(error) => return self.shared.failed(NoticeKind::Unexpected, error.to_string()),
        };
        let message = js_sys::Object::new();
        let mut set = js_sys::Reflect::set(&message, &"message".into(), &text.into());
        let files: js_sys::Array = files.into_iter().collect();
        if files.length() > 0 {
            set = set.and_then(|_| js_sys::Reflect::set(&message, &"files".into(), &files));
        }
        if let Err(error) = set {
            return self.shared.failed(NoticeKind::Unexpected, format!("{error:?}"));
        }
        if self.shared.ready.get() {
            self.shared.post(&message);
        } else {
            self.shared.waiting.borrow_mut().push(message.into());
        }
    }
}

impl Drop for WorkerClient {
    fn drop(&mut self) {
        self.shared.worker.set_onmessage(None);
        self.shared.worker.set_onerror(None);
        self.shared.worker.terminate();
    }
}
