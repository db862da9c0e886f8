//! Posting a session to the server that its study names. Called only after the participant agreed to that host.

use futures_util::future::{Either, select};
use gloo::net::http::Request;
use gloo::timers::future::TimeoutFuture;

use crate::study::delivery::{Collect, Reply, Server, read_reply};

/// Milliseconds after which a request counts as failed; it may still arrive, which its key makes harmless.
const PATIENCE_MILLIS: u32 = 60_000;

/// Posts `body` and says what became of it; `sent` are the bytes of data in it.
pub async fn post(collect: &Collect, session_id: &str, body: String, sent: usize) -> Reply {
    let ask = async {
        let mut request = Request::post(&collect.endpoint).header("Content-Type", "application/json");
        if collect.server == Server::Generic {
            request = request.header("Idempotency-Key", session_id);
        }
        let response = request.body(body)?.send().await?;
        let text = response.text().await?;
        Ok::<_, gloo::net::Error>((response.status(), text))
    };
    match select(Box::pin(ask), TimeoutFuture::new(PATIENCE_MILLIS)).await {
        Either::Left((Ok((status, text)), _)) => read_reply(collect.server, status, &text, sent),
        Either::Left((Err(error), _)) => Reply::Later(error.to_string()),
        Either::Right(_) => Reply::Later("no reply within a minute".to_owned()),
    }
}
