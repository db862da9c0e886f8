//! Which model is loading or loaded, how far, and how long it will take.

use crate::eval::bench::{Measures, Part};
use crate::eval::engine::EngineInfo;
use crate::protocol::{CommandId, Event, LoadPhase};

/// Seconds over which the rate of a load is measured.
const RATE_WINDOW_MILLIS: f64 = 5_000.0;

/// How far a load is.
#[derive(Debug, Clone, PartialEq)]
pub struct Loading {
    /// The command.
    pub id: CommandId,
    /// Catalog id or file name of what is being loaded.
    pub model_id: String,
    /// Name for people.
    pub name: String,
    /// What it is doing.
    pub phase: LoadPhase,
    /// Bytes done in this phase.
    pub done_bytes: u64,
    /// Bytes of this phase; 0 if unknown.
    pub total_bytes: u64,
    /// Bytes that were in the cache already.
    pub cached_bytes: u64,
    /// Recent (time in milliseconds, bytes done) pairs of this phase, oldest first.
    samples: Vec<(f64, u64)>,
}

impl Loading {
    /// Bytes a second over the last five seconds, if two moments of this phase are known.
    pub fn bytes_per_second(&self) -> Option<f64> {
        let (&(t0, b0), &(t1, b1)) = (self.samples.first()?, self.samples.last()?);
        (t1 > t0 && b1 > b0).then(|| (b1 - b0) as f64 / (t1 - t0) * 1e3)
    }

    /// Seconds left of this phase at the present rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let rate = self.bytes_per_second()?;
        (self.total_bytes >= self.done_bytes && self.total_bytes > 0)
            .then(|| (self.total_bytes - self.done_bytes) as f64 / rate)
    }

    /// What it is doing, for people.
    pub fn phase_in_words(&self) -> &'static str {
        match self.phase {
            LoadPhase::Header => "Reading the header",
            LoadPhase::Download => "Downloading into this browser's cache",
            LoadPhase::Upload => "Moving weights to the device",
            LoadPhase::SelfTest => "Checking this device against stored values",
        }
    }
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it is.
    pub info: EngineInfo,
    /// Bytes of buffers on the device; none for the processor.
    pub device_bytes: u64,
    /// Bytes of the worker's heap.
    pub heap_bytes: u64,
    /// Whether the next load needs no network.
    pub cached: bool,
}

/// What is known about models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Models {
    /// A load that is going on.
    pub loading: Option<Loading>,
    /// The model that answers now.
    pub loaded: Option<Loaded>,
    /// A measurement that is going on, and its part.
    pub measuring: Option<(CommandId, Option<Part>)>,
    /// The last measurement of the loaded model.
    pub measures: Option<Measures>,
}

impl Models {
    /// The command that this part waits for.
    pub fn command(&self) -> Option<CommandId> {
        self.loading.as_ref().map(|loading| loading.id).or(self.measuring.map(|(id, _)| id))
    }

    /// Notes that a measurement was asked for.
    pub fn measure(&mut self, id: CommandId) {
        self.measuring = Some((id, None));
    }

    /// Notes that a load was asked for; the worker drops the model before it.
    pub fn start(&mut self, id: CommandId, model_id: String, name: String) {
        *self = Self::default();
        self.loading = Some(Loading {
            id,
            model_id,
            name,
            phase: LoadPhase::Header,
            done_bytes: 0,
            total_bytes: 0,
            cached_bytes: 0,
            samples: Vec::new(),
        });
    }

    /// Whether the loaded file has no chat template, as base models have none: it goes on with a text and is asked with worked
    /// examples.
    pub fn loaded_is_base(&self) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.info.has_chat_template == Some(false))
    }

    /// Takes in an event; `now` in milliseconds.
    pub fn apply(&mut self, event: &Event, now: f64) {
        match event {
            Event::LoadProgress { id, phase, done_bytes, total_bytes, cached_bytes } => {
                let Some(loading) = self.loading.as_mut().filter(|loading| loading.id == *id) else { return };
                if loading.phase != *phase || loading.done_bytes > *done_bytes {
                    loading.samples.clear();
                }
                loading.phase = *phase;
                loading.done_bytes = *done_bytes;
                loading.total_bytes = *total_bytes;
                loading.cached_bytes = *cached_bytes;
                loading.samples.push((now, *done_bytes));
                loading.samples.retain(|&(time, _)| now - time <= RATE_WINDOW_MILLIS);
            }
            Event::ModelReady { id, info, device_bytes, heap_bytes, cached } if self.command() == Some(*id) => {
                self.loading = None;
                self.loaded = Some(Loaded {
                    info: info.clone(),
                    device_bytes: *device_bytes,
                    heap_bytes: *heap_bytes,
                    cached: *cached,
                });
            }
            Event::Measuring { id, part } => self.measuring = Some((*id, Some(*part))),
            Event::Measured { measures, .. } => {
                self.measuring = None;
                self.measures = Some((**measures).clone());
            }
            Event::Failed { id, .. } if self.command() == Some(*id) => {
                self.loading = None;
                self.measuring = None;
            }
            Event::Unloaded { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// The worker is gone, and the model with it.
    pub fn worker_stopped(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: LoadPhase, done_bytes: u64) -> Event {
        Event::LoadProgress { id: 3, phase, done_bytes, total_bytes: 1_000, cached_bytes: 0 }
    }

    #[test]
    fn time_left_follows_the_rate() {
        let mut models = Models::default();
        models.start(3, "m".into(), "M".into());
        models.apply(&progress(LoadPhase::Download, 100), 0.0);
        assert_eq!(models.loading.as_ref().and_then(Loading::seconds_left), None);
        models.apply(&progress(LoadPhase::Download, 300), 1_000.0);
        let loading = models.loading.as_ref().expect("loading");
        assert_eq!(loading.bytes_per_second(), Some(200.0));
        assert_eq!(loading.seconds_left(), Some(3.5));
    }

    #[test]
    fn a_new_phase_forgets_the_old_rate() {
        let mut models = Models::default();
        models.start(3, "m".into(), "M".into());
        models.apply(&progress(LoadPhase::Download, 100), 0.0);
        models.apply(&progress(LoadPhase::Download, 300), 1_000.0);
        models.apply(&progress(LoadPhase::Upload, 10), 1_100.0);
        assert_eq!(models.loading.and_then(|loading| loading.bytes_per_second()), None);
    }

    #[test]
    fn a_failed_load_is_over_and_another_commands_failure_is_not() {
        let mut models = Models::default();
        models.start(3, "m".into(), "M".into());
        let failed = |id| Event::Failed { id, notice: crate::protocol::NoticeKind::NotGguf, detail: String::new() };
        models.apply(&failed(4), 0.0);
        assert!(models.loading.is_some());
        models.apply(&failed(3), 0.0);
        assert!(models.loading.is_none());
    }
}
