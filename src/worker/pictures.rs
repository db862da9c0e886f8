//! Pictures in a worker: fetched from this site or handed over by the page, decoded by the browser. Only pixels are
//! kept: where and when a photograph was taken goes with the decoded file.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ImageBitmap, OffscreenCanvas, OffscreenCanvasRenderingContext2d, WorkerGlobalScope};

use crate::store::assets::fetch_blob;
use crate::vision::engine::Pictures;
use crate::vision::picture::Picture;

/// Longest side that is taken from the browser; larger photographs are made smaller while they are drawn.
const MAX_SIDE: u32 = 2048;
/// Largest file, in bytes.
const MAX_BYTES: f64 = 64e6;

/// The pictures of this site.
#[derive(Debug)]
pub struct SitePictures {
    /// Address of the site's root.
    pub site_root: String,
}

impl Pictures for SitePictures {
    async fn open(&mut self, source: &str) -> Result<Picture, String> {
        if source.starts_with("file:") {
            return Err("the picture is not here any more; open it again".to_owned());
        }
        let blob = fetch_blob(&self.site_root, source).await.map_err(|error| error.to_string())?;
        decode(&blob).await
    }
}

fn words(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}

/// Decodes a picture file.
///
/// # Errors
/// What the browser says of a file that it cannot decode, or one above 64 MB.
pub async fn decode(blob: &Blob) -> Result<Picture, String> {
    if blob.size() > MAX_BYTES {
        return Err("the file is larger than 64 MB".to_owned());
    }
    let bitmap = bitmap_of(blob).await.map_err(|error| words(&error))?;
    let pixels = pixels_of(&bitmap).map_err(|error| words(&error));
    bitmap.close();
    let (width, height, rgba) = pixels?;
    Picture::from_rgba(width, height, &rgba).map_err(|error| error.to_string())
}

async fn bitmap_of(blob: &Blob) -> Result<ImageBitmap, JsValue> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    JsFuture::from(scope.create_image_bitmap_with_blob(blob)?).await?.dyn_into()
}

/// Width, height and red, green, blue, opacity of each pixel.
fn pixels_of(bitmap: &ImageBitmap) -> Result<(usize, usize, Vec<u8>), JsValue> {
    let shrink = (f64::from(MAX_SIDE) / f64::from(bitmap.width().max(bitmap.height()).max(1))).min(1.0);
    let [width, height] = [bitmap.width(), bitmap.height()].map(|side| (f64::from(side) * shrink).round().max(1.0));
    let canvas = OffscreenCanvas::new(width as u32, height as u32)?;
    let context: OffscreenCanvasRenderingContext2d = canvas
        .get_context("2d")?
        .ok_or_else(|| JsValue::from_str("this browser draws no pictures here"))?
        .dyn_into()?;
    context.draw_image_with_image_bitmap_and_dw_and_dh(bitmap, 0.0, 0.0, width, height)?;
    let data = context.get_image_data(0.0, 0.0, width, height)?;
    Ok((width as usize, height as usize, data.data().0))
}
