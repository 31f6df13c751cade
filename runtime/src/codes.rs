//! The codes of the runtime's errors, each with its page.

/// A code, its title and its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPage {
    /// The stable code.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means, and what the operator can do.
    pub page: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*

        /// The codes of the runtime, in order.
        pub const CODES: &[ErrorPage] = &[
            $(ErrorPage { code: $code, title: $title, page: include_str!(concat!("../codes/", $code, ".md")) },)*
        ];
    };
}

codes! {
    NO_CLUSTER = "KIT8001", "no cluster is found here";
    MANY_CLUSTERS = "KIT8002", "several clusters, and none was named";
    PROVIDER_NOT_SERVED = "KIT8003", "a provider that this kitc does not serve";
    PROVIDER_SILENT = "KIT8004", "the provider gave no answer";
    NO_MANAGER_ANSWERS = "KIT8005", "no manager answers";
    BASE_MOVED = "KIT8006", "the committed revision is another one than was planned against";
    CHANGE_REFUSED = "KIT8007", "a change of the cluster was refused";
    COMMIT_UNKNOWN = "KIT8008", "the answer to a commit was lost";
    NOT_FORMED = "KIT8009", "the cluster is not formed";
    NOT_CONVERGED = "KIT8010", "the cluster does not become what was asked for";
    NOT_NAMED = "KIT8011", "a destruction that was not confirmed by name";
    MANAGERS_RUN = "KIT8012", "a recovery where managers run";
    RUNS_ELSEWHERE = "KIT8013", "the member's replica runs already";
    NO_SUCH_MEMBER = "KIT8014", "no such member, slot or resource";
    NOT_CONFIRMED = "KIT8015", "nobody said yes";
    NO_SUCH_REVISION = "KIT8016", "no such revision";
    STATE_UNREADABLE = "KIT8017", "a file of the runtime cannot be read or written";
    CANNOT_APPLY = "KIT8018", "a graph that the runtime cannot apply";
    SIM_REFUSED = "KIT8019", "the simulated cloud cannot do that";
    DESTROYED = "KIT8020", "the cluster was destroyed and its volumes are kept";
    BAD_VARS = "KIT8021", "a value that cannot be set for a cluster";
    NO_WAY = "KIT8030", "no way to a manager";
    NOT_A_MANAGER = "KIT8031", "an engine that is no manager of a cluster";
    NO_IMAGE = "KIT8032", "an image that cannot be had";
    BAD_BOOT_DOCUMENT = "KIT8040", "a boot document that cannot be carried out";
    NO_VOLUME = "KIT8041", "the machine's volume is not there";
    WRONG_VOLUME = "KIT8042", "a volume that is not this machine's";
    ENGINE_STAYS_OFF = "KIT8043", "the state of the machine's node is of no use any more";
    ENGINE_NOT_STARTED = "KIT8044", "the machine's engine does not run as it should";
    REPLICA_NOT_STARTED = "KIT8045", "the machine's replica does not start";
    NOT_IN_SWARM = "KIT8046", "the machine does not come into the Swarm";
}

/// The code as the table has it: for a code that came in as text.
#[must_use]
pub fn code_of(text: &str) -> Option<&'static str> {
    CODES.iter().map(|info| info.code).find(|code| *code == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_begins_with_its_code_and_title_and_says_something() {
        for info in CODES {
            let heading = format!("# {}: {}\n", info.code, info.title);
            assert!(info.page.starts_with(&heading), "the page of {} does not begin with {heading:?}", info.code);
            assert!(info.page.len() > heading.len() + 80, "the page of {} says nothing", info.code);
        }
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
