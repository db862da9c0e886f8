//! Takes a task through its items on an engine.

use sha2::{Digest, Sha256};

use super::engine::{Control, Engine, EngineError, Request, Response};
use super::item::Item;
use super::run::{ItemResult, RUN_SCHEMA};
use super::score::{Score, Verdict};
use super::task::{Step, Task};

/// Most rounds of questions an item may take; a task that never finishes is a failed item, not a hung page.
pub const MAX_ROUNDS: usize = 32;

/// Most items that are asked together.
pub const BATCH: usize = 8;

/// SHA-256 of a text's UTF-8 bytes in lower-case hexadecimal; names the items file in a run.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('0'))
        .collect()
}

/// Whether an error ends the whole run: going on would only fail every item after it.
fn ends_run(error: &EngineError) -> bool {
    matches!(error, EngineError::Cancelled | EngineError::DeviceLost { .. })
}

/// An item on its way through its rounds.
struct Asking<'a> {
    index: usize,
    item: &'a Item,
    responses: Vec<Response>,
    /// Requests of the current round, until the item is done.
    step: Step,
    millis: f64,
}

impl<'a> Asking<'a> {
    fn new(task: &dyn Task, index: usize, item: &'a Item) -> Self {
        Self { index, item, responses: Vec::new(), step: checked(task.next(item, &[])), millis: 0.0 }
    }

    fn requests(&self) -> &[Request] {
        match &self.step {
            Step::Ask(requests) => requests,
            Step::Done(_) => &[],
        }
    }

    /// Whether all that it asks is the probability of options: then engines answer it best with others of its kind.
    fn only_chooses(&self) -> bool {
        self.requests().iter().all(|request| matches!(request, Request::Choose { .. }))
    }

    /// Takes the answers to its requests and goes on to the next round.
    fn take(&mut self, task: &dyn Task, answers: Vec<Result<Response, EngineError>>) -> Result<(), EngineError> {
        let mut first_error = None;
        for answer in answers {
            match answer {
                Ok(response) => self.responses.push(response),
                Err(error) if ends_run(&error) => return Err(error),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        self.step = match first_error {
            Some(error) => Step::Done(Score::failed(error.to_string())),
            None => checked(task.next(self.item, &self.responses)),
        };
        Ok(())
    }
}

/// A task that asks nothing would never end.
fn checked(step: Step) -> Step {
    match step {
        Step::Ask(requests) if requests.is_empty() => Step::Done(Score::failed("the task asked nothing")),
        step => step,
    }
}

/// Takes items through all their rounds together. Those that are done when the run ends early keep their results.
async fn run_batch<E: Engine>(
    task: &dyn Task,
    batch: &mut [Asking<'_>],
    engine: &mut E,
    control: &Control<'_>,
) -> Result<(), EngineError> {
    for _ in 0..MAX_ROUNDS {
        let requests: Vec<Request> = batch.iter().flat_map(Asking::requests).cloned().collect();
        if requests.is_empty() {
            return Ok(());
        }
        let started = (control.now)();
        let mut answers = engine.respond(&requests, control).await;
        if answers.len() != requests.len() {
            let detail = format!("{} answers to {} requests", answers.len(), requests.len());
            answers = vec![Err(EngineError::Backend { detail }); requests.len()];
        }
        // Shared by the requests: which of them took how long is not known.
        let millis = ((control.now)() - started).max(0.0) / requests.len() as f64;
        let mut answers = answers.into_iter();
        for asking in batch.iter_mut().filter(|asking| matches!(asking.step, Step::Ask(_))) {
            let own: Vec<_> = answers.by_ref().take(asking.requests().len()).collect();
            asking.millis += millis * own.len() as f64;
            // What comes after the end of a run is not taken: a lost device answers nothing that counts.
            asking.take(task, own)?;
        }
    }
    for asking in batch {
        if matches!(asking.step, Step::Ask(_)) {
            asking.step = Step::Done(Score::failed(format!("the task did not finish in {MAX_ROUNDS} rounds")));
        }
    }
    Ok(())
}

/// Asks every item in order and hands each result to `on_result` as soon as it is there. `items` carries each item's
/// place in its file, so that a run can go on where it stopped. Items that only ask for the probability of options are
/// asked together, [`BATCH`] at a time, because engines read what their prompts share once. An engine's error on an
/// item becomes [`Outcome::Failed`] of that item; responses that came before it are kept.
///
/// # Errors
/// `Cancelled` and `DeviceLost` end the run; the items at hand have no result and can be asked again.
pub async fn run_items<E: Engine>(
    run_id: &str,
    task: &dyn Task,
    items: &[(usize, Item)],
    engine: &mut E,
    control: &Control<'_>,
    on_result: &dyn Fn(ItemResult),
) -> Result<(), EngineError> {
    let mut rest = items;
    while !rest.is_empty() {
        // A turn for the event loop, so that a cancel message can arrive between items.
        (control.breathe)().await;
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let mut batch: Vec<Asking<'_>> = Vec::new();
        for (index, item) in rest.iter().take(BATCH) {
            let asking = Asking::new(task, *index, item);
            if !batch.is_empty() && !asking.only_chooses() {
                break;
            }
            let alone = !asking.only_chooses();
            batch.push(asking);
            if alone {
                break;
            }
        }
        rest = rest.get(batch.len()..).unwrap_or_default();
        let ended = run_batch(task, &mut batch, engine, control).await;
        for Asking { index, item, responses, step, millis } in batch {
            let Step::Done(score) = step else { continue };
            on_result(ItemResult {
                schema: RUN_SCHEMA,
                run_id: run_id.to_owned(),
                index,
                item: item.clone(),
                verdict: Verdict::of(&score, &item.target),
                score,
                responses,
                millis,
            });
        }
        ended?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::sha256_hex;

    #[test]
    fn sha256_of_abc() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
