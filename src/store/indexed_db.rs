//! Records in the browser's database. Writes ask for strict durability and resolve on the transaction's `complete`
//! event, so that a judgment is on disk before the next trial is shown.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, IdbDatabase, IdbFactory, IdbObjectStoreParameters, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode, IdbVersionChangeEvent,
};

use super::schema::{self, BY_ID, BY_PARENT, DATABASE, Step, store_name};
use super::{Collection, Record, Store, StoreError};

/// Name of the error that stands for "another tab holds the database".
const BLOCKED: &str = "blocked";

/// The browser's database.
#[derive(Debug)]
pub struct IndexedDb {
    name: String,
    connection: RefCell<Option<Rc<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    database: IdbDatabase,
    closed: Rc<Cell<bool>>,
    /// Kept alive as long as the connection.
    _on_close: Closure<dyn FnMut()>,
    _on_version_change: Closure<dyn FnMut()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onclose(None);
        self.database.set_onversionchange(None);
        self.database.close();
    }
}

impl IndexedDb {
    /// Opens the program's database and brings its layout up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the browser gives no database, [`StoreError::Blocked`] if another tab holds
    /// another version.
    pub async fn open() -> Result<Self, StoreError> {
        Self::open_named(DATABASE).await
    }

    /// Opens a database of another name, for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_named(name: &str) -> Result<Self, StoreError> {
        let connection = connect(name).await?;
        Ok(Self { name: name.to_owned(), connection: RefCell::new(Some(Rc::new(connection))) })
    }

    async fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        let open = self.connection.borrow().clone().filter(|connection| !connection.closed.get());
        if let Some(connection) = open {
            return Ok(connection);
        }
        let connection = Rc::new(connect(&self.name).await?);
        *self.connection.borrow_mut() = Some(connection.clone());
        Ok(connection)
    }

    /// Runs `work`; if the connection turns out to be lost, opens a new one and tries once more.
    async fn with_connection<T>(
        &self,
        work: impl AsyncFn(&IdbDatabase) -> Result<T, JsValue>,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        match work(&connection.database).await {
            Ok(value) => Ok(value),
            Err(error) if is_lost(&error) => {
                tracing::warn!(error = describe(&error), "the database connection was lost, opening it again");
                drop(self.connection.borrow_mut().take());
                drop(connection);
                let connection = self.connection().await?;
                work(&connection.database).await.map_err(|error| store_error(&error))
            }
            Err(error) => Err(store_error(&error)),
        }
    }
}

impl Store for IndexedDb {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        self.with_connection(async |database| {
            let mut collections: Vec<Collection> = records.iter().map(|record| record.collection).collect();
            collections.sort_unstable();
            collections.dedup();
            let transaction = write_transaction(database, &collections)?;
            let done = completion(&transaction);
            for record in records {
                add(&transaction, record)?;
            }
            finish(&transaction, done).await
        })
        .await
    }

    async fn get(&self, collection: Collection, id: &str) -> Result<Option<Record>, StoreError> {
        let mut found = self.read(collection, Some((BY_ID, id))).await?;
        Ok(found.pop())
    }

    async fn list(&self, collection: Collection, parent: Option<&str>) -> Result<Vec<Record>, StoreError> {
        self.read(collection, parent.map(|parent| (BY_PARENT, parent))).await
    }

    async fn withdraw(&self, withdrawal: &Record) -> Result<(), StoreError> {
        self.with_connection(async |database| {
            let mut collections = schema::OF_SESSION.map(|(collection, _)| collection).to_vec();
            collections.push(Collection::Withdrawals);
            let transaction = write_transaction(database, &collections)?;
            let done = completion(&transaction);
            add(&transaction, withdrawal)?;
            for (collection, index) in schema::OF_SESSION {
                let store = transaction.object_store(store_name(collection))?;
                let keys = store.index(index)?.get_all_keys_with_key(&withdrawal.id.as_str().into())?;
                for key in Array::from(&result(&keys).await?).iter() {
                    store.delete(&key)?;
                }
            }
            finish(&transaction, done).await
        })
        .await
    }

    async fn remove_all(&self, collection: Collection) -> Result<(), StoreError> {
        self.with_connection(async |database| {
            let transaction = write_transaction(database, &[collection])?;
            let done = completion(&transaction);
            transaction.object_store(store_name(collection))?.clear()?;
            finish(&transaction, done).await
        })
        .await
    }
}

impl IndexedDb {
    /// Records in the order written: equal index keys are sorted by their primary keys, which count up.
    async fn read(&self, collection: Collection, by: Option<(&str, &str)>) -> Result<Vec<Record>, StoreError> {
        let values = self
            .with_connection(async |database| {
                let name = store_name(collection);
                let transaction = database.transaction_with_str_and_mode(name, IdbTransactionMode::Readonly)?;
                let store = transaction.object_store(name)?;
                let request = match by {
                    Some((index, key)) => store.index(index)?.get_all_with_key(&key.into())?,
                    None => store.get_all()?,
                };
                result(&request).await
            })
            .await?;
        Array::from(&values).iter().map(|value| read_record(collection, &value)).collect()
    }
}

fn read_record(collection: Collection, value: &JsValue) -> Result<Record, StoreError> {
    let field = |key: &str| Reflect::get(value, &key.into()).ok().and_then(|text| text.as_string());
    let id = field("id").unwrap_or_default();
    match (field("parent"), field("json")) {
        (Some(parent), Some(json)) => Ok(Record { collection, id, parent, json }),
        _ => Err(StoreError::Corrupt { id, detail: "the database holds something else than text".into() }),
    }
}

async fn connect(name: &str) -> Result<Connection, StoreError> {
    let unavailable = |detail: String| StoreError::Unavailable { detail };
    let factory: IdbFactory = idb::Factory::new().map_err(|error| unavailable(error.to_string()))?.into();
    let request: IdbOpenDbRequest =
        factory.open_with_u32(name, schema::version()).map_err(|error| unavailable(describe(&error)))?;
    let upgrade = {
        let request = request.clone();
        Closure::<dyn FnMut(IdbVersionChangeEvent)>::new(move |event: IdbVersionChangeEvent| {
            if let Err(error) = migrate(&request, event.old_version() as u32) {
                // Aborting leaves the old layout as it was and fails the request.
                tracing::error!(error = describe(&error), "the database cannot be brought up to date");
                if let Some(transaction) = request.transaction() {
                    drop(transaction.abort());
                }
            }
        })
    };
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let blocked = Rc::<RefCell<Option<Closure<dyn FnMut()>>>>::default();
    let opened = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
        let on_blocked = Closure::<dyn FnMut()>::new(move || drop(reject.call1(&JsValue::NULL, &BLOCKED.into())));
        request.set_onblocked(Some(on_blocked.as_ref().unchecked_ref()));
        *blocked.borrow_mut() = Some(on_blocked);
    });
    let outcome = JsFuture::from(opened).await;
    request.set_onblocked(None);
    if let Err(error) = outcome {
        if error.as_string().as_deref() == Some(BLOCKED) {
            // The request may still succeed once the other tab is gone; that connection is not ours to keep.
            let stray = request.clone();
            let close = Closure::once_into_js(move || {
                if let Ok(database) = stray.result().and_then(JsCast::dyn_into::<IdbDatabase>) {
                    database.close();
                }
                drop(upgrade);
            });
            request.set_onsuccess(Some(close.unchecked_ref()));
            return Err(StoreError::Blocked);
        }
        return Err(match request_error(&request) {
            Some(error) if error.name() == "VersionError" => StoreError::Blocked,
            Some(error) if error.name() == "QuotaExceededError" => StoreError::Quota,
            Some(error) => unavailable(error.message()),
            None => unavailable(describe(&error)),
        });
    }
    request.set_onupgradeneeded(None);
    let database: IdbDatabase =
        request.result().and_then(JsCast::dyn_into).map_err(|error| unavailable(describe(&error)))?;
    let closed = Rc::new(Cell::new(false));
    let on_close = {
        let closed = closed.clone();
        Closure::<dyn FnMut()>::new(move || closed.set(true))
    };
    let on_version_change = {
        let (closed, database) = (closed.clone(), database.clone());
        // Another tab wants a newer layout; it waits until we let go.
        Closure::<dyn FnMut()>::new(move || {
            closed.set(true);
            database.close();
        })
    };
    database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    database.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
    Ok(Connection { database, closed, _on_close: on_close, _on_version_change: on_version_change })
}

fn migrate(request: &IdbOpenDbRequest, from: u32) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.dyn_into()?;
    for step in schema::steps_after(from) {
        match step {
            Step::Create(collection) => {
                let options = IdbObjectStoreParameters::new();
                options.set_auto_increment(true);
                let store = database.create_object_store_with_optional_parameters(store_name(collection), &options)?;
                for index in [BY_ID, BY_PARENT] {
                    store.create_index_with_str(index, index)?;
                }
            }
        }
    }
    Ok(())
}

/// web-sys hides the options of `transaction` behind an unstable switch, so the call goes by name.
fn write_transaction(database: &IdbDatabase, collections: &[Collection]) -> Result<IdbTransaction, JsValue> {
    let names: Array = collections.iter().map(|collection| JsValue::from(store_name(*collection))).collect();
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &"strict".into())?;
    let transaction: Function = Reflect::get(database, &"transaction".into())?.dyn_into()?;
    transaction.call3(database, &names, &"readwrite".into(), &options)?.dyn_into()
}

fn add(transaction: &IdbTransaction, record: &Record) -> Result<(), JsValue> {
    let value = Object::new();
    for (key, text) in [("id", &record.id), ("parent", &record.parent), ("json", &record.json)] {
        Reflect::set(&value, &key.into(), &text.as_str().into())?;
    }
    transaction.object_store(store_name(record.collection))?.add(&value)?;
    Ok(())
}

/// Listens before the first request, so that no event is missed.
fn completion(transaction: &IdbTransaction) -> Promise {
    Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    })
}

async fn finish(transaction: &IdbTransaction, done: Promise) -> Result<(), JsValue> {
    match JsFuture::from(done).await {
        Ok(_) => Ok(()),
        Err(event) => Err(transaction.error().map_or(event, Into::into)),
    }
}

async fn result(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let done = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(done).await {
        Ok(_) => request.result(),
        Err(event) => Err(request_error(request).map_or(event, Into::into)),
    }
}

fn request_error(request: &IdbRequest) -> Option<DomException> {
    request.error().ok().flatten()
}

/// Whether the browser dropped the connection: Chromium's and WebKit's words for it, and a connection that was
/// closed for another tab.
fn is_lost(error: &JsValue) -> bool {
    match error.dyn_ref::<DomException>() {
        Some(error) => {
            matches!(error.name().as_str(), "InvalidStateError" | "UnknownError")
                || error.message().contains("onnection")
        }
        // An abort without an error of its own: the connection was closed under the transaction.
        None => error.is_instance_of::<web_sys::Event>(),
    }
}

fn store_error(error: &JsValue) -> StoreError {
    match error.dyn_ref::<DomException>() {
        Some(error) if error.name() == "QuotaExceededError" => StoreError::Quota,
        Some(error) => StoreError::Backend { detail: format!("{}: {}", error.name(), error.message()) },
        None if error.js_typeof() == "object" && describe(error).contains("QuotaExceeded") => StoreError::Quota,
        None => StoreError::Backend { detail: describe(error) },
    }
}

fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<DomException>() {
        Some(error) => format!("{}: {}", error.name(), error.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
