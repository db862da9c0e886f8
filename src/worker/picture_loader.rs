//! What the workers of pictures share: each opens its own kind of network, the rest is the same.

use web_sys::File;

use super::host::{LoadFailure, LoadRequest, Loaded, Loader};
use super::open::{notice_of_cache, open_weights};
use super::pictures::{SitePictures, decode};
use crate::eval::engine::{Backend, EngineError, EngineInfo, Response, SelfTest};
use crate::eval::picture_set::PictureSet;
use crate::eval::sight::View;
use crate::formats::FormatError;
use crate::formats::source::ByteSource;
use crate::inference::load::ModelIdentity;
use crate::platform;
use crate::protocol::LoadPhase;
use crate::vision::engine::{Network, VisionEngine};

/// A network, and how it is opened. A value is what stands beside the weights.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait Opener: Sized + 'static {
    /// The network.
    type Network: Network + 'static;
    /// What the model's family is called.
    const FAMILY: &'static str;

    /// Reads what stands beside the weights; the request is about the weights alone afterwards.
    ///
    /// # Errors
    /// What is missing or could not be read.
    async fn beside(request: &mut LoadRequest<'_>) -> Result<Self, FormatError>;

    /// The network of these weights, and what its check found.
    ///
    /// # Errors
    /// What is wrong with which file.
    fn open(self, weights: &[u8], identity: &ModelIdentity) -> Result<(Self::Network, SelfTest), FormatError>;
}

impl<O: Opener> Loader for O {
    type Engine = VisionEngine<O::Network, SitePictures>;
    const BACKEND: Backend = Backend::Cpu;

    async fn load(mut request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure> {
        let opener = O::beside(&mut request).await?;
        let (weights, identity) = open_weights(&request).await?;
        let size_bytes = weights.len();
        if size_bytes > request.budget_bytes {
            return Err(FormatError::OverBudget { needed: size_bytes, budget: request.budget_bytes }.into());
        }
        let mut bytes = Vec::new();
        weights.read(0..size_bytes, &mut bytes).await?;
        (request.progress)(LoadPhase::Upload, size_bytes, size_bytes, 0);
        let (network, check) = opener.open(&bytes, &identity)?;
        drop(bytes);
        let info = EngineInfo {
            model_id: identity.id,
            model_name: identity.name,
            weights_sha256: identity.sha256,
            size_bytes,
            family: O::FAMILY.to_owned(),
            quantization: "F32".to_owned(),
            context_length: 0,
            backend: Backend::Cpu,
            adapter: "processor, pictures".to_owned(),
            self_test: check,
            has_chat_template: None,
        };
        let engine = VisionEngine::new(network, info, SitePictures::new(request.site_root.clone()));
        Ok(Loaded { engine, device_bytes: 0, cached: weights.cached, notice: notice_of_cache(&weights) })
    }

    async fn look(
        engine: &mut Self::Engine,
        view: View,
        file: Option<File>,
    ) -> Result<(Response, String), EngineError> {
        if let Some(file) = file {
            let picture = decode(&file).await.map_err(|detail| EngineError::Backend { detail })?;
            engine.keep(&view.source, &picture);
        }
        engine.look(&view, platform::now_millis).await
    }

    async fn open_set(
        engine: &mut Self::Engine,
        name: String,
        paths: Vec<String>,
        files: Vec<File>,
    ) -> Result<PictureSet, String> {
        engine.pictures_mut().open_set(&name, paths, files).await
    }
}
