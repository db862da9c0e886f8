//! The picture worker: fetched when the page about pictures loads one of its models.

use likewise::eval::engine::{Backend, EngineError, EngineInfo, Response, SelfTest};
use likewise::eval::picture_set::PictureSet;
use likewise::eval::sight::{CLIP_FAMILY, PROMPTS, View};
use likewise::formats::FormatError;
use likewise::formats::source::ByteSource;
use likewise::platform;
use likewise::protocol::{LoadPhase, ModelOrigin};
use likewise::store::assets::fetch_blob;
use likewise::vision::clip::Clip;
use likewise::vision::efficientnet::EfficientNet;
use likewise::vision::engine::{Network, VisionEngine, self_test};
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{notice_of_cache, open_weights};
use likewise::worker::pictures::{SitePictures, bytes_of, decode};
use web_sys::File;

struct VisionLoader;

/// What stands beside a CLIP-style model's weights: `tokenizer.json` and `config.json`.
struct Beside {
    tokenizer: Vec<u8>,
    config: Vec<u8>,
}

/// Reads what stands beside the weights, if the request is about a model of two towers: three files in the order
/// weights, tokenizer, configuration, or the address of a folder with the published names. The request is then about
/// the weights.
async fn beside(request: &mut LoadRequest<'_>) -> Result<Option<Beside>, FormatError> {
    let read = |detail: String| FormatError::Read { detail };
    match &mut request.origin {
        ModelOrigin::Url { url } => {
            let folder = format!("{}/", url.trim_end_matches('/'));
            let mut files = Vec::with_capacity(2);
            for name in ["tokenizer.json", "config.json"] {
                let blob = fetch_blob(&folder, name).await.map_err(|error| read(error.to_string()))?;
                files.push(bytes_of(&blob).await.map_err(read)?);
            }
            *url = format!("{folder}model.safetensors");
            Ok(files.pop().zip(files.pop()).map(|(config, tokenizer)| Beside { tokenizer, config }))
        }
        ModelOrigin::File { .. } if request.files.len() == 3 => {
            let config = bytes_of(&request.files[2]).await.map_err(read)?;
            let tokenizer = bytes_of(&request.files[1]).await.map_err(read)?;
            request.files.truncate(1);
            Ok(Some(Beside { tokenizer, config }))
        }
        _ => Ok(None),
    }
}

impl Loader for VisionLoader {
    type Engine = VisionEngine<SitePictures>;
    const BACKEND: Backend = Backend::Cpu;

    async fn load(mut request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure> {
        let beside = beside(&mut request).await?;
        let (weights, identity) = open_weights(&request).await?;
        let size_bytes = weights.len();
        if size_bytes > request.budget_bytes {
            return Err(FormatError::OverBudget { needed: size_bytes, budget: request.budget_bytes }.into());
        }
        let mut bytes = Vec::new();
        weights.read(0..size_bytes, &mut bytes).await?;
        (request.progress)(LoadPhase::Upload, size_bytes, size_bytes, 0);
        let (network, family, check) = if let Some(Beside { tokenizer, config }) = beside {
            let network = Clip::new(&bytes, &tokenizer, &config, &PROMPTS)?;
            let reason = "no reference values are stored for this file".to_owned();
            (Network::Clip(Box::new(network)), CLIP_FAMILY, SelfTest::Unverified { reason })
        } else {
            let network = EfficientNet::from_safetensors(&bytes)?;
            let check = self_test(&network, &identity.self_test);
            (Network::EfficientNet(Box::new(network)), "efficientnet-lite0", check)
        };
        drop(bytes);
        let info = EngineInfo {
            model_id: identity.id,
            model_name: identity.name,
            weights_sha256: identity.sha256,
            size_bytes,
            family: family.to_owned(),
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

fn main() {
    serve::<VisionLoader>();
}
