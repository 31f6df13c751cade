//! Serves on a thread of its own, within limits: the replica neither waits for it nor falls with it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kit_model::{Address, Spec};
use kit_runtime::Operator;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::address::{ListenError, Listener, cannot};
use crate::answers::{Source, routes, text};
use crate::guard;
use crate::looker::Looker;
use crate::page::Page;

/// The most connections at once: some people's pages and a few scrapers, each for a moment. More wait in the kernel.
const MAX_CONNECTIONS: usize = 32;

/// How long a client may take for the head of its request: what is near takes milliseconds.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection may last in all: a look that is waited for, and the answer over a slow line.
const CONNECTION_WITHIN: Duration = Duration::from_secs(20);

/// The most bytes of a request's head, which is the least that hyper takes: a browser's cookies for localhost fit.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The most headers: several times what a browser sends.
const MAX_HEADERS: usize = 64;

/// How long nothing is taken after that failed, as it does while the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Looks block on files for a moment; on a second thread nobody waits for them.
const THREADS: usize = 2;

/// What is shown.
pub struct Shown {
    /// The cluster's place.
    pub operator: Operator,
    /// Whom to ask while nothing is committed.
    pub spec: Arc<Spec>,
    /// The members whose replicas this process runs.
    pub members: Vec<Address>,
}

/// What serves, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Listener {
    /// Serves.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn serve(self, shown: Shown) -> Result<Serving, ListenError> {
        let address = self.address();
        let (stop, stopped) = watch::channel(());
        let begun = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().and_then(
            |runtime| {
                std::thread::Builder::new().name("kit-listen".to_owned()).spawn(move || {
                    // Nobody is left to tell but the log: the replica goes on without it.
                    if let Err(error) = runtime.block_on(serve(self, shown, stopped)) {
                        say_that_it_ended(&error);
                    }
                    runtime.shutdown_background();
                })
            },
        );
        begun.map_err(|error| cannot(address, &error))?;
        Ok(Serving { address, _stop: stop })
    }
}

impl Serving {
    /// Where.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn say_that_it_ended(error: &io::Error) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "warning: nothing is shown over HTTP any more: {error}");
}

async fn serve(listener: Listener, shown: Shown, mut stopped: watch::Receiver<()>) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    let looker = Looker::begin(shown.operator.clone(), shown.spec);
    let source = Source { operator: shown.operator, members: shown.members, looker, page: Page::new() };
    let routes = routes(Arc::new(source));
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = async {
            let place = Arc::clone(&free).acquire_owned().await.map_err(io::Error::other)?;
            Ok((socket.accept().await, place))
        };
        let accepted: io::Result<_> = tokio::select! {
            // The other end is dropped, and says nothing before.
            _ = stopped.changed() => return Ok(()),
            accepted = accepted => accepted,
        };
        match accepted? {
            (Ok((stream, _)), place) => {
                tokio::spawn(answer(stream, routes.clone(), place));
            }
            (Err(_), _) => sleep(AFTER_FAILURE).await,
        }
    }
}

/// Answers one request of one connection. What a client makes of it is no matter of ours.
async fn answer(stream: TcpStream, routes: Router, _place: OwnedSemaphorePermit) {
    let Ok(local) = stream.local_addr() else { return };
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request: Request<Incoming>| {
        let routes = routes.clone();
        async move {
            let refusal = guard::refusal(request.uri(), request.headers(), local.ip());
            let mut answer = match refusal {
                Some(why) => text(StatusCode::MISDIRECTED_REQUEST, why.to_owned()),
                None if !matches!(*request.method(), Method::GET | Method::HEAD) => {
                    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this can only be read\n".to_owned());
                    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                    answer
                }
                None => match routes.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                },
            };
            guarded(&mut answer);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        // Who only waits would take a place from who asks.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = timeout(CONNECTION_WITHIN, connection).await;
}

/// No page of another origin reads an answer, and nobody keeps one.
fn guarded(answer: &mut Response) {
    let headers = answer.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}
