//! One test of each promise. Each list names every promise of its module, which `tests/complete.rs` checks.

/// Makes a test of each promise of a store; the expression gives a fresh [`crate::StoreWorld`].
#[macro_export]
macro_rules! store_promises {
    ($world:expr) => {
        $crate::promises!(
            store,
            $world,
            there_is_no_head_at_first,
            the_first_head_is_created_once,
            what_was_committed_is_read_back,
            an_update_names_the_version_that_it_replaces,
            a_refused_update_leaves_no_trace,
            there_is_nothing_to_update_before_the_first,
            versions_never_repeat,
            of_two_updates_of_one_version_one_is_committed,
            a_head_beyond_the_limit_is_not_committed,
            a_revision_is_read_back,
            a_revision_that_was_never_kept_is_missing_by_name,
            a_revision_never_changes,
            a_revision_beyond_every_limit_is_refused,
            revisions_are_listed_in_order,
        );
    };
}

/// Makes a test of each promise of a provider; the expression gives a fresh [`crate::CloudWorld`].
#[macro_export]
macro_rules! provider_promises {
    ($world:expr) => {
        $crate::promises!(
            provider,
            $world,
            an_anchor_is_claimed_once,
            an_anchor_is_given_up_only_by_its_own,
            a_call_that_is_not_admitted_does_nothing,
            a_token_makes_one_machine,
            a_token_makes_one_volume,
            a_token_with_another_request_is_refused_for_good,
            a_token_gives_the_dead_machine_again,
            an_address_has_one_holder_until_it_is_terminated,
            a_machine_comes_to_run_with_its_marks,
            starting_what_runs_is_no_error,
            ending_what_has_ended_is_no_error,
            a_volume_has_one_holder,
            a_volume_is_not_taken_from_whoever_does_not_hold_it,
            a_volume_comes_free_of_a_terminated_machine,
            the_mark_of_a_formed_volume_stays,
            a_retired_volume_is_no_longer_listed,
            a_listing_shows_no_other_clusters_things,
            a_foreign_holder_of_an_address_is_a_stranger,
            a_declared_resource_is_made_once,
        );
    };
}

/// Makes a test of each promise of a Swarm; the expression gives a fresh [`crate::SwarmWorld`].
#[macro_export]
macro_rules! swarm_promises {
    ($world:expr) => {
        $crate::promises!(
            swarm,
            $world,
            one_manager_leads_and_the_others_name_it,
            each_manager_lists_the_same_voters,
            what_is_committed_through_one_is_read_through_all,
            a_lost_leader_is_followed_by_another,
            nodes_are_judged_again_after_an_election,
            a_cut_off_leader_commits_nothing,
            a_mended_leader_follows,
            without_a_majority_nothing_is_committed,
            a_node_is_changed_only_by_its_version,
            a_voter_is_not_removed,
            a_node_that_answers_is_not_removed,
            a_demoted_manager_loses_its_vote,
            a_drained_node_gives_its_tasks_away,
            a_stopped_engine_no_longer_leads,
        );
    };
}

/// One test of each named promise of a module.
#[doc(hidden)]
#[macro_export]
macro_rules! promises {
    ($module:ident, $world:expr, $($promise:ident,)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::$module::$promise(&$world).await;
            }
        )*
    };
}
