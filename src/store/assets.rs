//! Text files that are shipped beside the program: items, studies, the model catalog.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use super::web_file::{describe, fetch, resolve};

/// Why a shipped file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} could not be fetched: {detail}")]
pub struct AssetError {
    /// The file.
    pub path: String,
    /// What the network said.
    pub detail: String,
}

/// Fetches a file of any kind by its path below the site's root.
///
/// # Errors
/// As [`fetch_text`].
pub async fn fetch_blob(site_root: &str, path: &str) -> Result<Blob, AssetError> {
    let failed = |detail: String| AssetError { path: path.to_owned(), detail };
    let promise = answer(site_root, path).await?.blob().map_err(|error| failed(describe(&error)))?;
    let blob = JsFuture::from(promise).await.map_err(|error| failed(describe(&error)))?;
    blob.dyn_into().map_err(|other| failed(describe(&other)))
}

async fn answer(site_root: &str, path: &str) -> Result<Response, AssetError> {
    let failed = |detail: String| AssetError { path: path.to_owned(), detail };
    let url = resolve(site_root, path).map_err(|error| failed(describe(&error)))?;
    let response = fetch(&url, None).await.map_err(|error| failed(describe(&error)))?;
    if response.ok() { Ok(response) } else { Err(failed(format!("status {}", response.status()))) }
}

/// Fetches a text file by its path below the site's root (`studies/everyday_words.json`).
///
/// # Errors
/// [`AssetError`] if the network fails or the server has no such file.
pub async fn fetch_text(site_root: &str, path: &str) -> Result<String, AssetError> {
    let failed = |detail: String| AssetError { path: path.to_owned(), detail };
    let promise = answer(site_root, path).await?.text().map_err(|error| failed(describe(&error)))?;
    let text = JsFuture::from(promise).await.map_err(|error| failed(describe(&error)))?;
    text.as_string().ok_or_else(|| failed("not text".into()))
}
