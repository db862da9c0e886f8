//! Pictures of a person's own, drawn anew: small, without whatever else was in the file (such as where it was taken),
//! and nothing that could run.

use js_sys::{Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::by_name::{call, number};

/// Longest side in pixels.
const SIDE: f64 = 320.0;

/// The file's picture as a small `data:` address.
///
/// # Errors
/// What the browser said; a file that is no picture it can decode, or an SVG.
pub(crate) async fn small(file: &web_sys::File) -> Result<String, JsValue> {
    if file.type_() == "image/svg+xml" {
        return Err(js_sys::Error::new("an SVG can carry more than a picture; save it as PNG first").into());
    }
    let decoding: Promise = call(&leptos::prelude::window(), "createImageBitmap", &[file.into()])?.dyn_into()?;
    let bitmap = JsFuture::from(decoding).await?;
    let (width, height) = (number(&bitmap, "width")?, number(&bitmap, "height")?);
    let scale = (SIDE / width.max(height).max(1.0)).min(1.0);
    let size = [width, height].map(|side| JsValue::from_f64((side * scale).round().max(1.0)));
    let canvas: JsValue = leptos::prelude::document().create_element("canvas")?.into();
    Reflect::set(&canvas, &"width".into(), &size[0])?;
    Reflect::set(&canvas, &"height".into(), &size[1])?;
    let context = call(&canvas, "getContext", &["2d".into()])?;
    call(&context, "drawImage", &[bitmap.clone(), 0.into(), 0.into(), size[0].clone(), size[1].clone()])?;
    call(&bitmap, "close", &[])?;
    let address = call(&canvas, "toDataURL", &["image/webp".into(), 0.85.into()])?;
    address.as_string().ok_or_else(|| js_sys::Error::new("this browser draws no pictures").into())
}
