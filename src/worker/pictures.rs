//! Pictures in a worker: fetched from this site or handed over by the page, decoded by the browser. Only pixels are
//! kept: where and when a photograph was taken goes with the decoded file.

use std::collections::BTreeMap;

use js_sys::Reflect;
use sha2::{Digest, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, ImageBitmap, OffscreenCanvas, OffscreenCanvasRenderingContext2d, WorkerGlobalScope};

use crate::eval::picture_set::{MAX_TABLE_BYTES, PictureSet, is_picture, is_table, source_of};
use crate::eval::runner;
use crate::formats::archive;
use crate::store::assets::fetch_blob;
use crate::vision::engine::Pictures;
use crate::vision::picture::Picture;

/// Longest side that is taken from the browser; larger photographs are made smaller while they are drawn.
const MAX_SIDE: u32 = 2048;
/// Largest file, in bytes.
const MAX_BYTES: f64 = 64e6;

/// A picture of an opened set.
#[derive(Debug)]
enum SetFile {
    Unpacked(Vec<u8>),
    File(File),
}

/// The pictures of this site, and those of the set that was opened last.
#[derive(Debug)]
pub struct SitePictures {
    /// Address of the site's root.
    site_root: String,
    set: BTreeMap<String, SetFile>,
}

impl SitePictures {
    /// The site's alone.
    pub fn new(site_root: String) -> Self {
        Self { site_root, set: BTreeMap::new() }
    }

    /// Opens a set in place of the one before: an archive, or files with their paths.
    ///
    /// # Errors
    /// One sentence: what cannot be read and why.
    pub async fn open_set(&mut self, name: &str, paths: Vec<String>, files: Vec<File>) -> Result<PictureSet, String> {
        let mut found: Vec<(String, SetFile)> = Vec::new();
        let mut tables: Vec<(String, String)> = Vec::new();
        let mut digest = Sha256::new();
        if paths.is_empty() {
            let file = files.first().ok_or("the archive did not arrive; choose it again")?;
            if file.size() > archive::MAX_BYTES as f64 {
                return Err("the archive is larger than 512 MB; nothing was kept".to_owned());
            }
            let bytes = bytes_of(file).await?;
            digest.update(&bytes);
            let unpacked = archive::unzip(&bytes, |path| is_picture(path) || is_table(path));
            for (path, content) in unpacked.map_err(|error| error.to_string())? {
                if is_picture(&path) {
                    found.push((path, SetFile::Unpacked(content)));
                } else {
                    tables.push((path, table_text(content)?));
                }
            }
        } else {
            for (path, file) in paths.into_iter().zip(files) {
                digest.update(format!("{path} {}\n", file.size()).as_bytes());
                if is_picture(&path) {
                    found.push((path, SetFile::File(file)));
                } else if is_table(&path) {
                    if file.size() > MAX_TABLE_BYTES as f64 {
                        return Err(format!("{path} is larger than 8 MB; nothing was kept"));
                    }
                    let text = table_text(bytes_of(&file).await?)?;
                    tables.push((path, text));
                }
            }
        }
        let mut key = runner::hex(&digest.finalize());
        key.truncate(12);
        let names: Vec<String> = found.iter().map(|(path, _)| path.clone()).collect();
        let set = PictureSet::new(name, &key, &names, &tables).map_err(|error| error.to_string())?;
        self.set = found.into_iter().map(|(path, file)| (source_of(&key, &path), file)).collect();
        Ok(set)
    }
}

/// The bytes of a file or blob.
///
/// # Errors
/// What the browser said.
pub async fn bytes_of(file: &Blob) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|error| words(&error))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn table_text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() > MAX_TABLE_BYTES {
        return Err("a table of labels is larger than 8 MB; nothing was kept".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| format!("a table of labels is no text: {error}"))
}

fn blob_of(bytes: &[u8]) -> Result<Blob, JsValue> {
    Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&js_sys::Uint8Array::from(bytes)))
}

impl Pictures for SitePictures {
    async fn open(&mut self, source: &str) -> Result<Picture, String> {
        if source.starts_with("file:") {
            return Err("the picture is not here any more; open it again".to_owned());
        }
        if source.starts_with("set:") {
            return match self.set.get(source) {
                Some(SetFile::Unpacked(bytes)) => decode(&blob_of(bytes).map_err(|error| words(&error))?).await,
                Some(SetFile::File(file)) => decode(file).await,
                None => Err("its set is not open any more; open it again".to_owned()),
            };
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
