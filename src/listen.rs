//! `--listen`: where a replica shows itself over HTTP.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use kit_lang::Code;
use kit_listen::{ListenError, Listener, Serving, Shown};
use kit_model::{Address, Spec};
use kit_runtime::Operator;

use crate::failure::Failure;

/// Where to listen, if anywhere.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Show health, metrics and a page of the cluster there: /healthz, /metrics, /. Nothing can be changed through it
    #[arg(long, value_name = "IP:PORT", requires = "watch", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Let other machines reach it too: whoever comes there reads it, without a password
    #[arg(long, requires = "listen")]
    allow_remote: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is an IP and a port, such as 127.0.0.1:24864 or [::1]:24864".to_owned())
}

impl Listen {
    /// Takes the address, before anything else is done.
    pub(crate) fn bind(&self) -> Result<Option<Listener>, Failure> {
        Ok(self.listen.map(|wanted| Listener::bind(wanted, self.allow_remote)).transpose()?)
    }
}

/// Serves what was taken, and says where; for as long as the answer is kept.
pub(crate) fn serve(
    listener: Option<Listener>,
    operator: &Operator,
    spec: &Arc<Spec>,
    members: &[Address],
) -> Result<Option<Serving>, Failure> {
    let Some(listener) = listener else { return Ok(None) };
    if listener.is_remote() {
        say(&format!(
            "warning: whoever reaches {} reads the state of {}: there is no password, and nothing is encrypted",
            listener.address(),
            operator.site.cluster()
        ));
    }
    let shown = Shown { operator: operator.clone(), spec: Arc::clone(spec), members: members.to_vec() };
    let serving = listener.serve(shown)?;
    say(&format!("listens at http://{}/", serving.address()));
    Ok(Some(serving))
}

fn say(line: &str) {
    // Nobody is left to tell if standard error fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Failure {
        Failure::new(Code(error.code), error.message).with_help(error.help)
    }
}
