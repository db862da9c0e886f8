//! A run as an `inspect_ai` evaluation log (version 2): plain JSON, or the `.eval` archive that its viewer opens one sample
//! at a time.
//!
//! Every judged sample has two scores: `acted_rightly` (`C` for a right answer and for declining what cannot be known,
//! else `I`) and `abstained` (1 or 0), because the tool's own letter for an abstention counts as wrong. Items on which
//! the engine failed carry an error and no score. The option log-likelihoods and the whole conversation are in the
//! sample's metadata.

use serde_json::{Map, Value, json};

use super::comparison::acted_rightly;
use super::export::{ExportError, zip_of};
use crate::eval::engine::{Message, Prompt, Request, Response, Role};
use crate::eval::item::Target;
use crate::eval::run::{ItemResult, Method, Run, RunStatus};
use crate::eval::score::Verdict;
use crate::eval::transcript::transcript;

/// A moment as the log writes it: ISO 8601 in UTC.
pub(super) fn iso_time(unix_millis: f64) -> String {
    let seconds = libm::floor(unix_millis / 1e3) as i64;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to civil date (H. Hinnant, "chrono-compatible low-level date algorithms").
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

/// What a good answer is, as text.
pub(super) fn target_text(result: &ItemResult) -> String {
    match &result.item.target {
        Target::Choice(index) => result.item.choices.get(*index).cloned().unwrap_or_default(),
        Target::Text(texts) => texts.first().cloned().unwrap_or_default(),
        Target::Abstain => "I don't know".to_owned(),
        Target::None => String::new(),
    }
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    json!({"role": role, "content": message.content})
}

fn messages(request: Option<&Request>, result: &ItemResult) -> Vec<Value> {
    match request {
        Some(
            Request::Choose { prompt: Prompt::Chat(turns), .. } | Request::Generate { prompt: Prompt::Chat(turns), .. },
        ) => turns.iter().map(message).collect(),
        Some(
            Request::Choose { prompt: Prompt::Raw(text) | Prompt::Text(text), .. }
            | Request::Generate { prompt: Prompt::Raw(text) | Prompt::Text(text), .. },
        ) => {
            vec![json!({"role": "user", "content": text})]
        }
        _ => vec![json!({"role": "user", "content": result.item.prompt})],
    }
}

fn sample(run: &Run, result: &ItemResult) -> Value {
    let turns = transcript(run, result);
    let model = &run.engine.model_id;
    let mut said = messages(turns.first().map(|(request, _)| request), result);
    let completion = match result.responses.first() {
        Some(Response::Text { text, .. }) => text.clone(),
        _ => result.score.answer.clone(),
    };
    let reply = json!({"role": "assistant", "content": completion, "source": "generate", "model": model});
    said.push(reply.clone());
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    set("id", json!(result.item.id));
    set("epoch", json!(1));
    set("input", json!(result.item.prompt));
    if !result.item.choices.is_empty() {
        set("choices", json!(result.item.choices));
    }
    set("target", json!(target_text(result)));
    set("messages", json!(said));
    set(
        "output",
        json!({"model": model, "choices": [{"message": reply, "stop_reason": "stop"}], "completion": completion}),
    );
    let turns: Vec<Value> =
        turns.iter().map(|(request, response)| json!({"request": request, "response": response})).collect();
    set(
        "metadata",
        json!({"tags": result.item.tags, "note": result.item.note, "verdict": result.verdict, "turns": turns}),
    );
    if let crate::eval::score::Outcome::Failed { detail } = &result.score.outcome {
        set("error", json!({"message": detail, "traceback": "", "traceback_ansi": ""}));
        set("scores", json!({}));
    } else {
        let about =
            json!({"verdict": result.verdict, "outcome": result.score.outcome, "measures": result.score.measures});
        let rightly = if acted_rightly(result.verdict) { "C" } else { "I" };
        let score = |value: Value| {
            json!({"value": value, "answer": result.score.answer, "explanation": result.score.explanation,
                "metadata": about})
        };
        set(
            "scores",
            json!({"acted_rightly": score(json!(rightly)), "abstained": score(json!(f64::from(u8::from(declined(result)))))}),
        );
    }
    set("total_time", json!(result.millis / 1e3));
    Value::Object(fields)
}

fn declined(result: &ItemResult) -> bool {
    matches!(result.verdict, Verdict::AbstainedRightly | Verdict::AbstainedWrongly)
}

/// The log as JSON.
pub fn inspect_log(run: &Run, results: &[ItemResult]) -> Value {
    let judged: Vec<&ItemResult> = results.iter().filter(|result| result.verdict != Verdict::Error).collect();
    let n = judged.len();
    let share = |keep: &dyn Fn(&ItemResult) -> bool| {
        judged.iter().filter(|result| keep(result)).count() as f64 / n.max(1) as f64
    };
    let score = |name: &str, value: f64| {
        json!({"name": name, "scorer": name, "scored_samples": n, "unscored_samples": results.len() - n, "params": {},
            "metrics": {"accuracy": {"name": "accuracy", "value": value, "params": {}}}})
    };
    let scores =
        [score("acted_rightly", share(&|result| acted_rightly(result.verdict))), score("abstained", share(&declined))];
    let status = match run.status {
        RunStatus::Complete => "success",
        RunStatus::Running => "started",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Failed { .. } => "error",
    };
    let created = iso_time(run.started_at);
    let ids: Vec<&str> = results.iter().map(|result| result.item.id.as_str()).collect();
    let settings = &run.settings;
    let sampling = settings.sampling;
    let config = json!({"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k,
        "seed": settings.seed, "max_tokens": settings.limit});
    let mut log = json!({
        "version": 2,
        "status": status,
        "eval": {
            "eval_id": run.id,
            "run_id": run.id,
            "created": created,
            "task": run.task_id,
            "task_id": run.id,
            "task_version": run.task_version,
            "task_args": {"method": if settings.method == Method::Choose { "choose" } else { "generate" }},
            "dataset": {"name": run.task_id, "samples": run.n_items, "sample_ids": ids, "shuffled": false},
            "model": format!("likewise/{}", run.engine.model_id),
            "model_generate_config": config,
            "model_args": {},
            "config": {"limit": settings.n_items, "epochs": 1},
            "packages": {"likewise": run.app_version},
            "metadata": {"engine": run.engine, "items_sha256": run.items_sha256, "settings": settings, "demo": run.demo},
        },
        "plan": {"name": "plan", "steps": [{"solver": run.task_id, "params": {}}], "config": {}},
        "results": {"total_samples": results.len(), "completed_samples": n, "scores": scores},
        "stats": {"started_at": created, "completed_at": iso_time(run.finished_at.unwrap_or(run.started_at)), "model_usage": {}},
        "samples": results.iter().map(|result| sample(run, result)).collect::<Vec<_>>(),
    });
    if let (RunStatus::Failed { detail }, Some(fields)) = (&run.status, log.as_object_mut()) {
        fields.insert("error".to_owned(), json!({"message": detail, "traceback": "", "traceback_ansi": ""}));
    }
    log
}

/// What a list of samples shows of one.
fn summary_of(sample: &Value) -> Value {
    let mut fields = Map::new();
    for key in ["id", "epoch", "input", "target", "scores", "total_time"] {
        fields.insert(key.to_owned(), sample.get(key).cloned().unwrap_or(Value::Null));
    }
    if let Some(said) = sample.pointer("/error/message") {
        fields.insert("error".to_owned(), said.clone());
    }
    fields.insert("completed".to_owned(), json!(true));
    Value::Object(fields)
}

/// The log as an `.eval` archive: a ZIP whose members are stored, because browsers cannot unpack what the tool itself
/// writes (Zstandard) and it reads either.
///
/// # Errors
/// What the JSON or the ZIP writer says.
pub fn eval_file(run: &Run, results: &[ItemResult]) -> Result<Vec<u8>, ExportError> {
    let mut header = inspect_log(run, results);
    let samples = header.as_object_mut().and_then(|fields| fields.remove("samples"));
    let samples = samples.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let start = json!({"version": header.get("version"), "eval": header.get("eval"), "plan": header.get("plan")});
    let summaries: Vec<Value> = samples.iter().map(summary_of).collect();
    let mut members: Vec<(String, Vec<u8>)> = Vec::with_capacity(samples.len() + 3);
    let mut member = |name: &str, value: &Value| -> Result<(), ExportError> {
        members.push((name.to_owned(), serde_json::to_vec(value)?));
        Ok(())
    };
    member("_journal/start.json", &start)?;
    for (sample, result) in samples.iter().zip(results) {
        member(&format!("samples/{}_epoch_1.json", result.item.id), sample)?;
    }
    member("summaries.json", &json!(summaries))?;
    member("header.json", &header)?;
    zip_of(members)
}

#[cfg(test)]
mod tests {
    use super::iso_time;

    #[test]
    fn times_are_civil() {
        assert_eq!(iso_time(0.0), "1970-01-01T00:00:00+00:00");
        assert_eq!(iso_time(951_827_696_999.0), "2000-02-29T12:34:56+00:00");
        assert_eq!(iso_time(4_102_444_799_000.0), "2099-12-31T23:59:59+00:00");
    }
}
