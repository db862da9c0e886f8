//! From a load command to bytes that can be read by ranges, the same for every worker.

use super::host::{LoadFailure, LoadRequest, control, notice_of_engine};
use crate::eval::engine::Control;
use crate::formats::FormatError;
use crate::gpu::error::GpuError;
use crate::inference::error::LoadError;
use crate::inference::load::{LoadStage, ModelIdentity};
use crate::protocol::{LoadPhase, ModelOrigin, NoticeKind};
use crate::store::weights::{self, DownloadProgress, NotKept, WeightOrigin, Weights};

impl LoadRequest<'_> {
    /// What loading goes by.
    pub fn control(&self) -> Control<'static> {
        control(self.cancel.clone(), &|_| {})
    }

    /// Tells how far a stage of loading is.
    pub fn tell(&self, stage: LoadStage, done: u64, total: u64) {
        let phase = match stage {
            LoadStage::Header => LoadPhase::Header,
            LoadStage::Upload => LoadPhase::Upload,
            LoadStage::SelfTest => LoadPhase::SelfTest,
        };
        (self.progress)(phase, done, total, 0);
    }
}

/// Downloads or opens the model's file and says what is known of it.
///
/// # Errors
/// Those of [`weights::open`]; [`FormatError::Read`] if the command promised a file that did not come with it.
pub async fn open_weights(request: &LoadRequest<'_>) -> Result<(Weights, ModelIdentity), FormatError> {
    let progress = |p: DownloadProgress| {
        (request.progress)(LoadPhase::Download, p.done_bytes, p.total_bytes, p.cached_bytes);
    };
    let (origin, mut identity) = match &request.origin {
        ModelOrigin::Catalog { card } => (WeightOrigin::Card(card), ModelIdentity::of_card(card)),
        ModelOrigin::Url { url } => (WeightOrigin::Url(url), ModelIdentity::of_file(url)),
        ModelOrigin::File { name, .. } => {
            let file = request.files.first().cloned();
            let file = file.ok_or_else(|| FormatError::Read { detail: format!("{name} did not arrive") })?;
            (WeightOrigin::File(file), ModelIdentity::of_file(name))
        }
    };
    identity.checks.clone_from(&request.checks);
    let weights = weights::open(origin, &request.site_root, &progress, &request.cancel).await?;
    Ok((weights, identity))
}

/// What to tell the person about a file that could not be kept.
pub fn notice_of_cache(weights: &Weights) -> Option<(NoticeKind, String)> {
    weights.not_kept.map(|reason| match reason {
        NotKept::Quota => (NoticeKind::StorageFull, "the model works from memory and is not kept".to_owned()),
        NotKept::Unavailable => (NoticeKind::StorageUnavailable, "the model works from memory and is not kept".into()),
        NotKept::OtherTab => (NoticeKind::OtherTab, "another tab is saving the same model".into()),
    })
}

/// What to tell the person about a load that failed.
pub fn failure_of(error: LoadError) -> LoadFailure {
    match error {
        LoadError::Format(error) => error.into(),
        LoadError::Gpu(error) => failure_of_gpu(&error),
        LoadError::FailedBefore { .. } => {
            LoadFailure::Device { notice: NoticeKind::SelfTestFailed, detail: error.to_string() }
        }
        LoadError::Engine(error) => LoadFailure::Device { notice: notice_of_engine(&error), detail: error.to_string() },
    }
}

/// What to tell the person about a device that failed.
pub fn failure_of_gpu(error: &GpuError) -> LoadFailure {
    let notice = match error {
        GpuError::NoAdapter { .. } | GpuError::NoDevice { .. } => NoticeKind::NoAdapter,
        GpuError::TooLarge { .. } | GpuError::OutOfMemory { .. } => NoticeKind::OverBudget,
        GpuError::Lost { .. } => NoticeKind::DeviceLost,
        GpuError::Shape { .. } | GpuError::Device { .. } => NoticeKind::Unexpected,
    };
    LoadFailure::Device { notice, detail: error.to_string() }
}
