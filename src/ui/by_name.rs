//! Members of browser objects by name, where web-sys would need a further interface for one call.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Calls a method.
///
/// # Errors
/// What the browser threw, or that there is no such method.
pub(crate) fn call(of: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(of, &method.into())?.dyn_into()?;
    function.apply(of, &arguments.iter().collect::<Array>())
}

/// A number, 0 if it is none.
///
/// # Errors
/// What the browser threw.
pub(crate) fn number(of: &JsValue, name: &str) -> Result<f64, JsValue> {
    Ok(Reflect::get(of, &name.into())?.as_f64().unwrap_or(0.0))
}
