//! The processor worker: fetched where WebGPU is missing or fails, and for the encoder of sentences, which runs on the
//! processor everywhere.

use likewise::eval::engine::{
    Backend, Control, ENCODER_FAMILY, Engine, EngineError, EngineInfo, Request, Response, SelfTest, TokenCost, Work,
};
use likewise::formats::FormatError;
use likewise::formats::source::ByteSource;
use likewise::inference::cpu_engine::CpuForward;
use likewise::inference::encoder_engine::EncoderEngine;
use likewise::inference::language_model::LanguageModel;
use likewise::inference::load::{ModelIdentity, load_cpu};
use likewise::inference::sentence_encoder::SentenceEncoder;
use likewise::protocol::{LoadPhase, ModelOrigin};
use likewise::store::weights::Weights;
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{failure_of, notice_of_cache, open_weights};

struct CpuLoader;

/// What the worker holds.
enum Model {
    Language(Box<LanguageModel<CpuForward>>),
    Sentences(Box<EncoderEngine>),
}

impl Engine for Model {
    fn info(&self) -> &EngineInfo {
        match self {
            Self::Language(engine) => engine.info(),
            Self::Sentences(engine) => engine.info(),
        }
    }

    fn work(&self) -> Option<Work> {
        match self {
            Self::Language(engine) => engine.work(),
            Self::Sentences(engine) => engine.work(),
        }
    }

    async fn token_cost(&mut self, control: &Control<'_>) -> Result<Option<TokenCost>, EngineError> {
        match self {
            Self::Language(engine) => engine.token_cost(control).await,
            Self::Sentences(engine) => engine.token_cost(control).await,
        }
    }

    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>> {
        match self {
            Self::Language(engine) => engine.respond(requests, control).await,
            Self::Sentences(engine) => engine.respond(requests, control).await,
        }
    }
}

/// The encoder of a card.
async fn encoder(
    request: &LoadRequest<'_>,
    weights: &Weights,
    identity: ModelIdentity,
    quantization: String,
) -> Result<EncoderEngine, FormatError> {
    let size_bytes = weights.len();
    if size_bytes > request.budget_bytes {
        return Err(FormatError::OverBudget { needed: size_bytes, budget: request.budget_bytes });
    }
    let mut bytes = Vec::new();
    weights.read(0..size_bytes, &mut bytes).await?;
    (request.progress)(LoadPhase::Upload, size_bytes, size_bytes, 0);
    let encoder = SentenceEncoder::from_bundle(&bytes)?;
    let info = EngineInfo {
        model_id: identity.id,
        model_name: identity.name,
        weights_sha256: identity.sha256,
        size_bytes,
        family: ENCODER_FAMILY.to_owned(),
        quantization,
        context_length: encoder.max_tokens() as u32,
        backend: Backend::Cpu,
        adapter: "processor, sentences".to_owned(),
        self_test: SelfTest::Unverified { reason: "no reference values are stored for this file".to_owned() },
        has_chat_template: None,
    };
    Ok(EncoderEngine::new(encoder, info))
}

impl Loader for CpuLoader {
    type Engine = Model;
    const BACKEND: Backend = Backend::Cpu;

    async fn load(request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure> {
        let (weights, identity) = open_weights(&request).await?;
        let engine = match &request.origin {
            ModelOrigin::Catalog { card } if card.family == ENCODER_FAMILY => {
                Model::Sentences(Box::new(encoder(&request, &weights, identity, card.quantization.clone()).await?))
            }
            _ => {
                let tell = |stage, done, total| request.tell(stage, done, total);
                let budget = request.budget_bytes;
                let loaded = load_cpu(&weights, &identity, budget, &tell, &request.control()).await;
                Model::Language(Box::new(loaded.map_err(failure_of)?))
            }
        };
        Ok(Loaded { engine, device_bytes: 0, cached: weights.cached, notice: notice_of_cache(&weights) })
    }
}

fn main() {
    serve::<CpuLoader>();
}
