//! The GPU worker.

use likewise::eval::engine::{Backend, Control};
use likewise::gpu::device::Gpu;
use likewise::inference::gpu_engine::GpuEngine;
use likewise::inference::load::{LoadStage, load_gpu};
use likewise::platform;
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{failure_of, failure_of_gpu, notice_of_cache, open_weights, phase_of};

struct GpuLoader;

impl Loader for GpuLoader {
    type Engine = GpuEngine;
    const BACKEND: Backend = Backend::Gpu;

    async fn load(request: LoadRequest<'_>) -> Result<Loaded<GpuEngine>, LoadFailure> {
        let gpu = Gpu::new().await.map_err(|error| failure_of_gpu(&error))?;
        let (weights, identity) = open_weights(&request).await?;
        let progress = |stage: LoadStage, done, total| (request.progress)(phase_of(stage), done, total, 0);
        let control = Control {
            cancel: request.cancel.clone(),
            events: &|_| {},
            now: platform::now_millis,
            breathe: platform::breathe,
        };
        let loaded = load_gpu(&weights, gpu, &identity, request.budget_bytes, &progress, &control).await;
        let engine = loaded.map_err(failure_of)?;
        let memory_bytes = engine.forward().gpu().allocated_bytes();
        Ok(Loaded { engine, memory_bytes, cached: weights.cached, notice: notice_of_cache(&weights) })
    }

    #[cfg(feature = "fault_injection")]
    fn lose_device(engine: &mut GpuEngine) {
        engine.forward().gpu().destroy();
    }
}

fn main() {
    serve::<GpuLoader>();
}
