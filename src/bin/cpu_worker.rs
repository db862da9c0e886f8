//! The processor worker: fetched only where WebGPU is missing or fails.

use likewise::eval::engine::Backend;
use likewise::inference::cpu_engine::CpuForward;
use likewise::inference::language_model::LanguageModel;
use likewise::inference::load::load_cpu;
use likewise::worker::host::{LoadFailure, LoadRequest, Loaded, Loader, serve};
use likewise::worker::open::{failure_of, notice_of_cache, open_weights};

struct CpuLoader;

impl Loader for CpuLoader {
    type Engine = LanguageModel<CpuForward>;
    const BACKEND: Backend = Backend::Cpu;

    async fn load(request: LoadRequest<'_>) -> Result<Loaded<Self::Engine>, LoadFailure> {
        let (weights, identity) = open_weights(&request).await?;
        let tell = |stage, done, total| request.tell(stage, done, total);
        let budget = request.budget_bytes;
        let loaded = load_cpu(&weights, &identity, budget, &tell, &request.control()).await;
        let engine = loaded.map_err(failure_of)?;
        Ok(Loaded { engine, device_bytes: 0, cached: weights.cached, notice: notice_of_cache(&weights) })
    }
}

fn main() {
    serve::<CpuLoader>();
}
