//! The run that is going on: its record, its results so far, and the counts of its six columns; and the suite that it is
//! part of.

use std::collections::VecDeque;

use crate::eval::run::{ItemResult, Run, RunStatus, Settings};
use crate::eval::score::Verdict;
use crate::eval::suite::Suite;
use crate::formats::catalog::ModelCard;
use crate::protocol::{CommandId, Event};

/// A run on the page, going on or finished.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveRun {
    /// Its record.
    pub run: Run,
    /// Results in the order of their items.
    pub results: Vec<ItemResult>,
}

impl ActiveRun {
    /// Results in each column, in the order of [`Verdict::ALL`].
    pub fn counts(&self) -> [u64; 6] {
        counts(&self.results)
    }
}

/// Results in each column, in the order of [`Verdict::ALL`].
pub fn counts(results: &[ItemResult]) -> [u64; 6] {
    Verdict::ALL.map(|verdict| results.iter().filter(|result| result.verdict == verdict).count() as u64)
}

/// A suite that is going on.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveSuite {
    /// Which.
    pub suite: Suite,
    /// What every run of it has in common.
    pub settings: Settings,
    /// Tasks that are still to be run, the next one first.
    queue: VecDeque<String>,
}

/// A suite that is to be run with another model, once those before it are finished.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSuite {
    /// Which.
    pub suite: Suite,
    /// What every run of it will have in common.
    pub settings: Settings,
    /// The model that will answer.
    pub card: ModelCard,
}

/// What the suite that is going on needs next.
#[derive(Debug, Clone, PartialEq)]
pub enum NextOfSuite {
    /// A task, of this suite, with these settings.
    Task(Suite, Settings, String),
    /// Another model.
    Model(Box<ModelCard>),
}

/// What is known about runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// The command of a run that is going on.
    command: Option<CommandId>,
    /// The run shown on the run page.
    pub active: Option<ActiveRun>,
    /// The suite that is going on.
    pub suite: Option<ActiveSuite>,
    /// Suites with other models that follow it, the next one first.
    pub later: VecDeque<PlannedSuite>,
    /// Results of an earlier sitting that a resumed run begins with.
    earlier: Vec<ItemResult>,
}

impl Runs {
    /// The command that this part waits for.
    pub fn command(&self) -> Option<CommandId> {
        self.command
    }

    /// Notes that a run was asked for; `earlier` are the results it already has.
    pub fn start(&mut self, id: CommandId, earlier: Vec<ItemResult>) {
        self.command = Some(id);
        self.active = None;
        self.earlier = earlier;
    }

    /// Notes that a suite was asked for; `left` are its tasks that are not finished.
    pub fn start_suite(&mut self, suite: Suite, settings: Settings, left: Vec<String>) {
        self.suite = Some(ActiveSuite { suite, settings, queue: left.into() });
    }

    /// The next task of the suite that is going on, once nothing runs; the suite ends with its last task, and the next
    /// one begins when its model is the one that is loaded.
    pub fn next_of_suite(&mut self, loaded: Option<&str>) -> Option<NextOfSuite> {
        if self.command.is_some() {
            return None;
        }
        loop {
            if let Some(active) = &mut self.suite
                && let Some(task) = active.queue.pop_front()
            {
                return Some(NextOfSuite::Task(active.suite.clone(), active.settings.clone(), task));
            }
            self.suite = None;
            let next = self.later.front()?;
            if loaded != Some(next.card.id.as_str()) {
                return Some(NextOfSuite::Model(Box::new(next.card.clone())));
            }
            let next = self.later.pop_front()?;
            let left = next.suite.tasks.clone();
            self.start_suite(next.suite, next.settings, left);
        }
    }

    /// Forgets the suite that is going on and those that would follow; what was stored stays.
    pub fn end_suites(&mut self) {
        self.suite = None;
        self.later.clear();
    }

    /// Takes in an event, after its record was stored.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted { id, run } if self.command == Some(*id) => {
                self.active = Some(ActiveRun { run: run.clone(), results: std::mem::take(&mut self.earlier) });
            }
            Event::ItemDone { id, result } if self.command == Some(*id) => {
                if let Some(active) = &mut self.active {
                    active.results.retain(|earlier| earlier.item.id != result.item.id);
                    active.results.push(result.clone());
                    active.results.sort_by_key(|result| result.index);
                }
            }
            Event::RunEnded { id, status, .. } if self.command == Some(*id) => self.end(status.clone()),
            Event::Failed { id, detail, .. } if self.command == Some(*id) => {
                self.end(RunStatus::Failed { detail: detail.clone() });
            }
            _ => {}
        }
    }

    /// Ends the run where it is.
    pub fn end(&mut self, status: RunStatus) {
        self.command = None;
        if status != RunStatus::Complete {
            // What stopped one task would stop the next; the person decides when to go on.
            self.end_suites();
        }
        if let Some(active) = &mut self.active {
            active.run.status = status;
        }
    }
}
