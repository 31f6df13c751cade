//! What stands where: the page and its data, the report, the metrics, and whether this replica goes round.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kit_model::Address;
use kit_runtime::{Operator, Round};
use serde::Serialize;

use crate::live::Live;
use crate::looker::Looker;
use crate::metrics;
use crate::page::Page;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What all answers are made from.
pub(crate) struct Source {
    pub(crate) operator: Operator,
    /// The members whose replicas this process runs.
    pub(crate) members: Vec<Address>,
    pub(crate) looker: Looker,
    pub(crate) page: Page,
}

/// Whether the replicas of this process go round.
#[derive(Serialize)]
struct Health {
    ok: bool,
    why: Option<String>,
    leads: bool,
    replicas: Vec<Round>,
}

impl Source {
    fn health(&self) -> Health {
        let replicas: Vec<Round> = self.members.iter().filter_map(|member| self.operator.round_of(member)).collect();
        let why = match replicas.iter().find_map(|replica| replica.why_not.clone()) {
            None if replicas.is_empty() => Some("this process runs no replica: another one does".to_owned()),
            why => why,
        };
        Health { ok: why.is_none(), leads: replicas.iter().any(|replica| replica.leads), why, replicas }
    }
}

/// The routes. `get` answers HEAD too, and refuses all else.
pub(crate) fn routes(source: Arc<Source>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/live.json", get(live))
        .route("/status.json", get(status))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(healthz))
        .fallback(nothing_here)
        .with_state(source)
}

async fn page(State(source): State<Arc<Source>>) -> Response {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (CONTENT_SECURITY_POLICY, source.page.policy.clone())];
    (headers, source.page.html.clone()).into_response()
}

async fn live(State(source): State<Arc<Source>>) -> Response {
    let seen = source.looker.latest().await;
    let health = source.health();
    json(StatusCode::OK, &Live::of(source.operator.site.cluster(), &seen, &health.replicas, health.why))
}

async fn status(State(source): State<Arc<Source>>) -> Response {
    let seen = source.looker.latest().await;
    // What is old is shown on the page, with its age; a program takes what it is given for true.
    match (&seen.report, &seen.failed) {
        (Some((_, report)), None) => json(StatusCode::OK, &**report),
        (_, why) => {
            let why = why.as_deref().unwrap_or("the cluster has not been seen yet");
            text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
        }
    }
}

async fn metrics_text(State(source): State<Arc<Source>>) -> Response {
    let seen = source.looker.latest().await;
    let body = metrics::text(source.operator.site.cluster(), &seen, &source.health().replicas);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}

async fn healthz(State(source): State<Arc<Source>>) -> Response {
    let health = source.health();
    json(if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health)
}

async fn nothing_here() -> Response {
    text(StatusCode::NOT_FOUND, "there are /, /healthz, /metrics, /status.json and /live.json\n".to_owned())
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec_pretty(value) {
        Ok(mut body) => {
            body.push(b'\n');
            (status, [(CONTENT_TYPE, JSON)], body).into_response()
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// A short answer in words.
pub(crate) fn text(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body).into_response()
}
