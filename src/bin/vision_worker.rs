//! The picture worker: fetched when the page about pictures loads its model.

use likewise::eval::engine::{Backend, EngineError, EngineInfo, Response};
use likewise::eval::picture_set::PictureSet;
use likewise::eval::sight::View;
use likewise::formats::FormatError;
use likewise::formats::source::ByteSource;
use likewise::platform;
use likewise::protocol::LoadPhase;
use likewise::vision::efficientnet::EfficientNet;
use likewise::vision::engine::{VisionEngine, self_test};
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{notice_of_cache, open_weights};
use likewise::worker::pictures::{SitePictures, decode};
use web_sys::File;

struct VisionLoader;

impl Loader for VisionLoader {
    type Engine = VisionEngine<SitePictures>;
    const BACKEND: Backend = Backend::Cpu;

    async fn load(request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure> {
        let (weights, identity) = open_weights(&request).await?;
        let size_bytes = weights.len();
        if size_bytes > request.budget_bytes {
            return Err(FormatError::OverBudget { needed: size_bytes, budget: request.budget_bytes }.into());
        }
        let mut bytes = Vec::new();
        weights.read(0..size_bytes, &mut bytes).await?;
        (request.progress)(LoadPhase::Upload, size_bytes, size_bytes, 0);
        let network = EfficientNet::from_safetensors(&bytes)?;
        drop(bytes);
        let info = EngineInfo {
            model_id: identity.id,
            model_name: identity.name,
            weights_sha256: identity.sha256,
            size_bytes,
            family: "efficientnet-lite0".to_owned(),
            quantization: "F32".to_owned(),
            context_length: 0,
            backend: Backend::Cpu,
            adapter: "processor, pictures".to_owned(),
            self_test: self_test(&network, &identity.self_test),
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

fn main() {
    serve::<VisionLoader>();
}
