//! Takes a task through its items on an engine.

use sha2::{Digest, Sha256};

use super::engine::{Control, Engine, EngineError, Response};
use super::item::Item;
use super::run::{ItemResult, RUN_SCHEMA};
use super::score::{Score, Verdict};
use super::task::{Step, Task};

/// Most rounds of questions an item may take; a task that never finishes is a failed item, not a hung page.
pub const MAX_ROUNDS: usize = 32;

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

async fn run_item<E: Engine>(
    task: &dyn Task,
    item: &Item,
    engine: &mut E,
    control: &Control<'_>,
    responses: &mut Vec<Response>,
) -> Result<Score, EngineError> {
    for _ in 0..MAX_ROUNDS {
        let requests = match task.next(item, responses) {
            Step::Done(score) => return Ok(score),
            Step::Ask(requests) => requests,
        };
        if requests.is_empty() {
            return Ok(Score::failed("the task asked nothing"));
        }
        let answers = engine.respond(&requests, control).await;
        if answers.len() != requests.len() {
            return Ok(Score::failed(format!("{} answers to {} requests", answers.len(), requests.len())));
        }
        let mut first_error = None;
        for answer in answers {
            match answer {
                Ok(response) => responses.push(response),
                Err(error) if ends_run(&error) => return Err(error),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first_error {
            return Ok(Score::failed(error.to_string()));
        }
    }
    Ok(Score::failed(format!("the task did not finish in {MAX_ROUNDS} rounds")))
}

/// Asks every item in order and hands each result to `on_result` as soon as it is there. `items` carries each item's
/// place in its file, so that a run can go on where it stopped. An engine's error on an item becomes
/// [`super::score::Outcome::Failed`] of that item; responses that came before it are kept.
///
/// # Errors
/// `Cancelled` and `DeviceLost` end the run; the item at hand has no result and can be asked again.
pub async fn run_items<E: Engine>(
    run_id: &str,
    task: &dyn Task,
    items: &[(usize, Item)],
    engine: &mut E,
    control: &Control<'_>,
    on_result: &dyn Fn(ItemResult),
) -> Result<(), EngineError> {
    for (index, item) in items {
        // A turn for the event loop, so that a cancel message can arrive between items.
        (control.breathe)().await;
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let started = (control.now)();
        let mut responses = Vec::new();
        let score = run_item(task, item, engine, control, &mut responses).await?;
        on_result(ItemResult {
            schema: RUN_SCHEMA,
            run_id: run_id.to_owned(),
            index: *index,
            item: item.clone(),
            verdict: Verdict::of(&score, &item.target),
            score,
            responses,
            millis: ((control.now)() - started).max(0.0),
        });
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
