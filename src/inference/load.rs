//! A file to an engine: header, budget, weights, check.

use std::ops::ControlFlow;

use crate::eval::engine::{Backend, Control, DeviceCheck, EngineError, EngineInfo, Message, SelfTest};
use crate::formats::FormatError;
use crate::formats::catalog::{ModelCard, SelfTestProbe};
use crate::formats::gguf::{GgufHeader, read_header};
use crate::formats::source::ByteSource;
use crate::gpu::{Gpu, GpuError};
use crate::models::decoder::Decoder;
use crate::models::kv_cache::KvCache;
use crate::models::spec::DecoderSpec;
use crate::models::{family_of, weights};

use super::chat_template::ChatTemplate;
use super::error::LoadError;
use super::forward::{CpuModel, Forward};
use super::gpu_engine::{GpuEngine, GpuForward};
use super::language_model::{LanguageModel, TextCodec};
use super::sampler::log_sum_exp;
use super::tokenizer::Tokenizer;

/// Largest Kullback-Leibler divergence from a stored distribution, in nats, at which a device still passes. Measured on
/// the default model over 181 positions (`tests/real`, software adapter): at most 2e-10. The bound is the promise that
/// the project makes; it leaves room for devices whose `exp` and square roots round more.
pub const GPU_KL_LIMIT: f64 = 1e-4;
/// The same for the processor path, whose products round activations to 16 bits; measured likewise: at most 7e-7.
pub const CPU_KL_LIMIT: f64 = 1e-4;
/// Device memory for prepared recordings' scratch tensors beside logits; an upper estimate for models below 1 GB.
const SCRATCH_BYTES: u64 = 16 << 20;

/// What is known of a model before its file is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelIdentity {
    /// Catalog id, or `file:<name>`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// SHA-256 of the file in lower-case hexadecimal, where the loader checks it.
    pub sha256: Option<String>,
    /// Stored values for the check after loading; empty for none.
    pub self_test: Vec<SelfTestProbe>,
    /// Checks that were made before, on this or other devices.
    pub checks: Vec<DeviceCheck>,
}

impl ModelIdentity {
    /// Of a catalog card.
    pub fn of_card(card: &ModelCard) -> Self {
        Self {
            id: card.id.clone(),
            name: card.name.clone(),
            sha256: Some(card.sha256.clone()),
            self_test: card.self_test.clone(),
            checks: Vec::new(),
        }
    }

    /// What an earlier check of these weights found on this device.
    fn earlier(&self, backend: Backend, adapter: &str) -> Option<&SelfTest> {
        let same = |check: &&DeviceCheck| check.is_of(self.sha256.as_deref(), backend, adapter);
        self.checks.iter().rev().find(same).map(|check| &check.verdict)
    }

    /// Refuses a device that failed before, so that nobody waits to hear it again.
    ///
    /// # Errors
    /// [`LoadError::FailedBefore`].
    fn refuse_failed(&self, backend: Backend, adapter: &str) -> Result<(), LoadError> {
        match self.earlier(backend, adapter) {
            Some(SelfTest::Failed { detail }) => Err(LoadError::FailedBefore { detail: detail.clone() }),
            _ => Ok(()),
        }
    }

    /// Of a person's own file.
    pub fn of_file(name: &str) -> Self {
        Self {
            id: format!("file:{name}"),
            name: name.to_owned(),
            sha256: None,
            self_test: Vec::new(),
            checks: Vec::new(),
        }
    }
}

/// What loading is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStage {
    /// Reading the header and checking it against the budget.
    Header,
    /// Weights go to the device; done and total are bytes.
    Upload,
    /// Comparing with stored values; done and total are probes.
    SelfTest,
}

/// The tokenizer and template of a file.
struct FileCodec {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl TextCodec for FileCodec {
    fn encode(&self, text: &str, parse_specials: bool) -> Result<Vec<u32>, String> {
        self.tokenizer.encode(text, parse_specials).map_err(|error| error.to_string())
    }

    fn opening(&self) -> Vec<u32> {
        self.tokenizer.bos_id().filter(|_| self.tokenizer.add_bos()).into_iter().collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids)
    }

    fn encode_chat(&self, messages: &[Message]) -> Result<Vec<u32>, String> {
        self.template.encode(messages, &self.tokenizer).map_err(|error| error.to_string())
    }
}

/// A checked header and what follows from it.
pub struct Opened {
    /// The header.
    pub header: GgufHeader,
    /// Sizes.
    pub spec: DecoderSpec,
    /// Name of the architecture.
    pub family: &'static crate::models::Family,
    codec: FileCodec,
}

/// Reads and checks everything but the weights.
///
/// # Errors
/// [`FormatError`] for whatever is wrong with the file.
pub async fn open(source: &impl ByteSource) -> Result<Opened, FormatError> {
    let header = read_header(source).await?;
    let family = family_of(&header)?;
    let spec = (family.spec)(&header)?;
    weights::check_tensors(&header, &spec, family.names)?;
    let tokenizer = Tokenizer::from_gguf(&header.metadata)?;
    if tokenizer.n_vocab() > spec.n_vocab {
        let detail = format!("{} tokens for {} embeddings", tokenizer.n_vocab(), spec.n_vocab);
        return Err(FormatError::Tokenizer { detail });
    }
    let template = ChatTemplate::from_gguf(&header.metadata, &tokenizer)?;
    Ok(Opened { header, spec, family, codec: FileCodec { tokenizer, template } })
}

impl Opened {
    /// Bytes of device memory that this model needs: weights, cache and logits of the largest passes.
    ///
    /// # Errors
    /// [`FormatError::Quantization`].
    pub fn gpu_bytes(&self) -> Result<u64, FormatError> {
        let logits = (self.spec.n_vocab * 4 * 45) as u64;
        Ok(weights::device_bytes(&self.header)? + KvCache::bytes_for(&self.spec) + logits + SCRATCH_BYTES)
    }

    /// Puts a forward pass behind the file's tokenizer; the self-test is still to be run.
    pub fn into_model<F: Forward>(
        self,
        forward: F,
        identity: &ModelIdentity,
        size_bytes: u64,
        backend: Backend,
        adapter: String,
    ) -> LanguageModel<F> {
        let info = EngineInfo {
            model_id: identity.id.clone(),
            model_name: identity.name.clone(),
            weights_sha256: identity.sha256.clone(),
            size_bytes,
            family: self.family.name.to_owned(),
            quantization: self.header.main_dtype().map_or_else(String::new, |dtype| dtype.name().to_owned()),
            context_length: self.spec.context_length as u32,
            backend,
            adapter,
            self_test: SelfTest::Unverified { reason: "not checked yet".to_owned() },
            has_chat_template: Some(!self.codec.template.is_fallback()),
        };
        let stop_ids = self.codec.tokenizer.eos_ids().iter().copied().collect();
        LanguageModel::new(forward, Box::new(self.codec), info, stop_ids)
    }
}

/// Loads a model onto a GPU. `progress` hears the stage with done and total. The budget is checked before a byte
/// of weights is read. A device that fails the check is returned with [`SelfTest::Failed`] in its info: the caller
/// must not use it for results.
///
/// # Errors
/// [`LoadError`]; [`FormatError::Cancelled`] after a cancel.
pub async fn load_gpu(
    source: &impl ByteSource,
    gpu: Gpu,
    identity: &ModelIdentity,
    budget_bytes: u64,
    progress: &dyn Fn(LoadStage, u64, u64),
    control: &Control<'_>,
) -> Result<GpuEngine, LoadError> {
    progress(LoadStage::Header, 0, 0);
    let opened = open(source).await?;
    let needed = opened.gpu_bytes()?;
    if needed > budget_bytes {
        return Err(FormatError::OverBudget { needed, budget: budget_bytes }.into());
    }
    identity.refuse_failed(Backend::Gpu, gpu.adapter())?;
    let on_bytes = |done, total| {
        progress(LoadStage::Upload, done, total);
        if control.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let names = opened.family.names;
    let uploaded = weights::upload(source, &opened.header, &opened.spec, names, &gpu, &on_bytes).await?;
    let decoder = Decoder::new(&gpu, opened.spec.clone(), uploaded)?;
    let adapter = gpu.adapter().to_owned();
    // On the web a buffer that got no memory is heard of only here.
    gpu.finish().await?;
    let forward = GpuForward::new(gpu.clone(), decoder)?;
    let mut model = opened.into_model(forward, identity, source.len(), Backend::Gpu, adapter);
    let verdict = match identity.earlier(Backend::Gpu, gpu.adapter()) {
        Some(passed @ SelfTest::Passed { .. }) => passed.clone(),
        _ => self_test(&mut model, &identity.self_test, GPU_KL_LIMIT, progress, control).await?,
    };
    // Numbers of a device without memory for a pass are no verdict about its arithmetic.
    if let Err(error @ GpuError::OutOfMemory { .. }) = gpu.check() {
        return Err(error.into());
    }
    model.set_self_test(verdict);
    Ok(model)
}

/// Loads a model onto the processor; otherwise as [`load_gpu`].
///
/// # Errors
/// [`LoadError`]; a cancel is heard before and after the weights are read.
pub async fn load_cpu<M: CpuModel>(
    source: &impl ByteSource,
    identity: &ModelIdentity,
    budget_bytes: u64,
    progress: &dyn Fn(LoadStage, u64, u64),
    control: &Control<'_>,
) -> Result<LanguageModel<M>, LoadError> {
    progress(LoadStage::Header, 0, 0);
    let opened = open(source).await?;
    let needed = M::bytes_for(&opened.header) + KvCache::bytes_for(&opened.spec);
    if needed > budget_bytes {
        return Err(FormatError::OverBudget { needed, budget: budget_bytes }.into());
    }
    identity.refuse_failed(Backend::Cpu, M::ADAPTER)?;
    let total = opened.header.tensors.iter().map(|tensor| tensor.size_bytes).sum();
    let capacity = KvCache::capacity_for(&opened.spec);
    let on_bytes = |done| progress(LoadStage::Upload, done, total);
    let (header, spec, names) = (&opened.header, &opened.spec, opened.family.names);
    let forward = M::load(source, header, spec, names, capacity, &on_bytes).await?;
    if control.cancel.is_cancelled() {
        return Err(FormatError::Cancelled.into());
    }
    let quantization = M::quantization(header);
    let mut model = opened.into_model(forward, identity, source.len(), Backend::Cpu, M::ADAPTER.to_owned());
    model.info.quantization = quantization;
    let verdict = match identity.earlier(Backend::Cpu, M::ADAPTER) {
        Some(passed @ SelfTest::Passed { .. }) => passed.clone(),
        _ => self_test(&mut model, &identity.self_test, M::KL_LIMIT, progress, control).await?,
    };
    model.set_self_test(verdict);
    Ok(model)
}

/// Compares next-token distributions with stored ones.
///
/// # Errors
/// [`EngineError::Cancelled`] and [`EngineError::DeviceLost`]; any other error is a failed check.
pub async fn self_test<F: Forward>(
    model: &mut LanguageModel<F>,
    probes: &[SelfTestProbe],
    limit: f64,
    progress: &dyn Fn(LoadStage, u64, u64),
    control: &Control<'_>,
) -> Result<SelfTest, EngineError> {
    if probes.is_empty() {
        return Ok(SelfTest::Unverified { reason: "no reference values are stored for this model".to_owned() });
    }
    let mut max_kl: f64 = 0.0;
    for (index, probe) in probes.iter().enumerate() {
        progress(LoadStage::SelfTest, index as u64, probes.len() as u64);
        let logits = match model.logits_after(&probe.tokens, control).await {
            Ok(logits) => logits,
            Err(error @ (EngineError::Cancelled | EngineError::DeviceLost { .. })) => return Err(error),
            Err(error) => return Ok(SelfTest::Failed { detail: error.to_string() }),
        };
        let Some(kl) = kl_from_probe(probe, &logits)? else {
            return Ok(SelfTest::Failed { detail: format!("probe {index} does not fit this model") });
        };
        if kl.is_nan() || kl > limit {
            let detail = format!("probe {index}: divergence of {kl:.2e} nats from the reference, at most {limit:.0e}");
            return Ok(SelfTest::Failed { detail });
        }
        max_kl = max_kl.max(kl);
    }
    Ok(SelfTest::Passed { max_kl })
}

/// Kullback-Leibler divergence KL(stored || computed) in nats over the stored ids and all others taken together as
/// one event; `None` if an id is outside the vocabulary. Never negative but for rounding.
///
/// # Errors
/// [`EngineError::NotANumber`].
pub fn kl_from_probe(probe: &SelfTestProbe, logits: &[f32]) -> Result<Option<f64>, EngineError> {
    if probe.top_ids.is_empty() || probe.top_ids.len() != probe.top_logprobs.len() {
        return Ok(None);
    }
    let norm = log_sum_exp(logits)?;
    let (mut kl, mut p_rest, mut q_rest) = (0.0, 1.0, 1.0);
    for (&id, &log_p) in probe.top_ids.iter().zip(&probe.top_logprobs) {
        let Some(&logit) = logits.get(id as usize) else { return Ok(None) };
        let log_q = f64::from(logit) - norm;
        kl += libm::exp(log_p) * (log_p - log_q);
        p_rest -= libm::exp(log_p);
        q_rest -= libm::exp(log_q);
    }
    if p_rest > 1e-12 {
        kl += p_rest * libm::log(p_rest / q_rest.max(1e-12));
    }
    Ok(Some(kl))
}

/// A probe from an oracle's logits.
///
/// # Errors
/// [`EngineError::NotANumber`].
pub fn probe_from_logits(tokens: &[u32], logits: &[f32], n_top: usize) -> Result<SelfTestProbe, EngineError> {
    let norm = log_sum_exp(logits)?;
    let best = super::sampler::top(logits, n_top);
    Ok(SelfTestProbe {
        tokens: tokens.to_vec(),
        top_ids: best.iter().map(|(id, _)| *id).collect(),
        top_logprobs: best.iter().map(|(_, logit)| f64::from(*logit) - norm).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_agrees_with_its_own_logits_and_not_with_others() {
        let logits: Vec<f32> = (0..100).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
        let probe = probe_from_logits(&[1, 2], &logits, 20).unwrap();
        assert!(kl_from_probe(&probe, &logits).unwrap().unwrap().abs() < 1e-12);
        let shifted: Vec<f32> = logits.iter().map(|l| l + 5.0).collect();
        assert!(kl_from_probe(&probe, &shifted).unwrap().unwrap().abs() < 1e-6);
        let scaled: Vec<f32> = logits.iter().map(|l| l * 1.1).collect();
        assert!(kl_from_probe(&probe, &scaled).unwrap().unwrap() > GPU_KL_LIMIT);
        assert_eq!(kl_from_probe(&probe, &logits[..50]).unwrap(), None);
    }
}
