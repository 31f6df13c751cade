//! How the cloud of one run behaves: a cloud that is always the same hides what only a slow one shows.

use kit_sim::{SimSettings, Span};

use super::World;
use crate::random::Random;
use crate::subject::Subject;

/// From which stream the weather is drawn.
const STREAM_OF_WEATHER: u64 = 4;

/// The settings that the subject's own file names.
pub(super) fn settings_of(subject: &Subject) -> SimSettings {
    SimSettings::from_provider(&subject.spec().provider).unwrap_or_default()
}

impl World {
    /// Draws the weather that belongs to a seed. Seed 0 is the cloud as the file describes it.
    pub(crate) fn weather(&mut self, seed: u64) {
        if seed == 0 {
            return;
        }
        let mut random = Random::new(seed, STREAM_OF_WEATHER);
        let mut settings = settings_of(&self.subject);
        if random.percent(50) {
            // Listings that promise nothing, as EC2's.
            settings.strong_listings = false;
            settings.listing_lag_ms = random.within(0, 8_000);
        }
        if random.percent(50) {
            settings.pending_ms = random.within(1_000, 40_000);
            settings.boot_ms = random.within(500, 20_000);
            settings.shutdown_ms = random.within(1_000, 60_000);
            settings.stop_ms = random.within(1_000, 40_000);
            settings.attach_ms = random.within(200, 8_000);
            settings.detach_ms = random.within(200, 8_000);
        }
        if random.percent(40) {
            // Dead machines vanish from listings soon: only absence tells of them.
            settings.forget_ms = random.within(1_000, 90_000);
        }
        if random.percent(30) {
            // A Swarm that elects before the former leader's permit is over.
            settings.election = Span::new(1_000, 6_000);
            settings.re_election = Span::new(500, 3_000);
        }
        settings.freed_permille =
            [0, 500, 1_000].get(usize::try_from(random.below(3)).unwrap_or(0)).map_or(700, |it| *it);
        settings.late_commit_permille = if random.percent(30) { 1_000 } else { 500 };
        settings.task_stop_ms = random.within(1_000, 30_000);
        settings.tasks_per_node = u32::try_from(random.below(5)).unwrap_or(2);
        if random.percent(30) {
            // A leader that is slow to learn which of the others answer.
            settings.reachability_unknown_ms = random.within(5_000, 50_000);
        }
        self.cloud.set_settings(settings);
    }
}
