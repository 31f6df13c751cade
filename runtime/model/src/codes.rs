//! The pages behind the codes of [`crate::Reason`].

/// A code, what it says in a few words, and its page in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonPage {
    /// The stable code: `KIT7001`.
    pub code: &'static str,
    /// What it says, in a few words.
    pub title: &'static str,
    /// The page, in Markdown.
    pub page: &'static str,
}

macro_rules! pages {
    ($($code:literal: $title:literal,)*) => {
        /// Every reason's page, in order of code.
        pub const REASONS: &[ReasonPage] = &[$(ReasonPage {
            code: $code,
            title: $title,
            page: include_str!(concat!("../codes/", $code, ".md")),
        }),*];
    };
}

pages! {
    "KIT7001": "the cluster is paused",
    "KIT7002": "the cluster is being destroyed",
    "KIT7003": "the head was written by a newer kitc",
    "KIT7004": "the head is missing",
    "KIT7005": "the cluster is not formed yet",
    "KIT7006": "this replica does not lead",
    "KIT7007": "the former holder may still be sending",
    "KIT7008": "the listing is not complete",
    "KIT7009": "the provider gave no listing",
    "KIT7010": "the Swarm's nodes cannot be read",
    "KIT7011": "a revision cannot be read",
    "KIT7012": "absence is being confirmed",
    "KIT7013": "the machine's state is unknown",
    "KIT7014": "the machine is being made",
    "KIT7015": "the machine is stopping",
    "KIT7016": "the machine is shutting down",
    "KIT7017": "the volume is being made",
    "KIT7018": "the volume is being attached or detached",
    "KIT7019": "the volume is held by another machine",
    "KIT7020": "the volume is gone",
    "KIT7021": "the address is still held",
    "KIT7022": "a stranger holds the address",
    "KIT7023": "two live machines claim one member",
    "KIT7024": "the machine came up as a stranger to the Swarm",
    "KIT7025": "the node has not joined yet",
    "KIT7026": "the node is down",
    "KIT7027": "the leader changed a moment ago",
    "KIT7028": "the machine was rebooted",
    "KIT7029": "whole again, not yet stable",
    "KIT7030": "an answer was lost",
    "KIT7031": "it would cost the quorum",
    "KIT7032": "a phantom voter",
    "KIT7033": "another manager is under way",
    "KIT7034": "the budget is used up",
    "KIT7035": "tasks are leaving the node",
    "KIT7036": "too many are unhealthy at once",
    "KIT7037": "frozen after three failures",
    "KIT7038": "the roll stopped",
    "KIT7039": "waiting before the next try",
    "KIT7040": "the only manager",
    "KIT7041": "the request cannot be rendered",
    "KIT7042": "the journal is full",
    "KIT7043": "a member's pairing would change",
    "KIT7044": "the Swarm has no leader",
    "KIT7045": "the rescue is not due yet",
    "KIT7046": "something else must exist first",
    "KIT7047": "the leader's own turn",
    "KIT7048": "the Swarm does not say whether a node answers",
    "KIT7049": "a node is giving up its vote",
    "KIT7050": "the group is being filled",
    "KIT7051": "the provider does not say what state a volume is in",
    "KIT7052": "its turn comes later",
    "KIT7053": "surplus machines go first",
    "KIT7054": "the head in the store is damaged",
    "KIT7055": "the operator ends the only manager's machine",
}

#[cfg(test)]
mod tests {
    use super::REASONS;

    #[test]
    fn each_page_begins_with_its_code_and_title() {
        for reason in REASONS {
            assert!(
                reason.page.starts_with(&format!("# {}: {}\n", reason.code, reason.title)),
                "the page of {} begins with something else",
                reason.code
            );
        }
    }

    #[test]
    fn each_code_that_a_reason_gives_has_a_page() {
        let source = include_str!("plan.rs");
        let given: Vec<&str> = source.split('"').filter(|part| part.len() == 7 && part.starts_with("KIT7")).collect();
        assert!(!given.is_empty());
        for code in given {
            assert!(REASONS.iter().any(|reason| reason.code == code), "{code} has no page");
        }
    }
}
