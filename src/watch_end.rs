//! The end of a watch: a cluster that was destroyed needs no replica any more.

use std::io::Write as _;
use std::time::Duration;

use kit_model::Spec;
use kit_runtime::{Operator, Over};
use tokio::time::sleep;

/// How long between two looks: nobody waits for a watch to end, and the cloud is not asked often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Comes back once the cluster that this watch met first is no more; never while nobody says so.
pub(crate) async fn until_over(operator: &Operator, spec: &Spec) -> Over {
    let mut met = None;
    loop {
        match &met {
            None => met = operator.anchor().await.ok().flatten().map(|anchor| anchor.uid),
            Some(uid) => {
                if let Some(over) = operator.over(uid, Some(spec)).await {
                    return over;
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Says why the watch ends.
pub(crate) fn say(operator: &Operator, over: &Over) {
    let volumes = match over {
        Over::Gone => "nothing of it is left".to_owned(),
        Over::Kept(volumes) => {
            let ids: Vec<&str> = volumes.iter().map(kit_model::VolumeId::as_str).collect();
            format!("the volumes {} are kept", ids.join(", "))
        }
    };
    // Nobody is left to tell if standard error fails.
    let _ = writeln!(
        std::io::stderr(),
        "the cluster {} was destroyed; {volumes}; there is nothing to watch any more",
        operator.site.cluster()
    );
}
