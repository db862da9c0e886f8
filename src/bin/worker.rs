//! The GPU worker.

use likewise::eval::engine::Backend;
use likewise::gpu::device::Gpu;
use likewise::inference::gpu_engine::GpuEngine;
use likewise::inference::load::load_gpu;
use likewise::platform;
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{failure_of, failure_of_gpu, notice_of_cache, open_weights};

struct GpuLoader;

impl Loader for GpuLoader {
    type Engine = GpuEngine;
    const BACKEND: Backend = Backend::Gpu;

    async fn load(request: LoadRequest<'_>) -> Result<Loaded<GpuEngine>, LoadFailure> {
        let words = platform::adapter().await.unwrap_or_default();
        let gpu = Gpu::named(&words).await.map_err(|error| failure_of_gpu(&error))?;
        let (weights, identity) = open_weights(&request).await?;
        let tell = |stage, done, total| request.tell(stage, done, total);
        let loaded = load_gpu(&weights, gpu, &identity, request.budget_bytes, &tell, &request.control()).await;
        let engine = loaded.map_err(failure_of)?;
        let device_bytes = engine.forward().gpu().allocated_bytes();
        Ok(Loaded { engine, device_bytes, cached: weights.cached, notice: notice_of_cache(&weights) })
    }
}

fn main() {
    serve::<GpuLoader>();
}
