//! `kitc sim`: hurts a simulated cloud from another terminal, and shows what is true in it.

use std::io::Write as _;

use clap::{Args, Subcommand};
use kit_lang::Code;
use kit_model::Address;
use kit_runtime::SimulatedSite;
use kit_sim::Hurt;

use crate::cluster::Place;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printable::printable;

/// Hurt a simulated cloud, or show what is true in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc sim kill leader
  kitc sim cut managers.m2        it reaches no other machine, but still the cloud
  kitc sim lose-volume managers.m3
  kitc sim status

Addresses are members (managers.m1), slots (workers.1), or `leader`.")]
pub(crate) struct Sim {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// End machines for good, as if their host had died
    Kill(On),
    /// Stop machines
    Stop(On),
    /// Start stopped machines
    Start(On),
    /// Reboot machines
    Reboot(On),
    /// Let nothing on machines go on, while the cloud says that they run
    Freeze(On),
    /// Let frozen machines go on
    Thaw(On),
    /// Cut machines off from all others, but not from the cloud
    Cut(On),
    /// Mend what was cut
    Mend(On),
    /// Destroy the volumes of members
    LoseVolume(On),
    /// Erase what the disks of members hold; it shows when they boot next
    Wipe(On),
    /// Let something that is no cluster's take the addresses of members, where they are free
    Stranger(On),
    /// Let those strangers go
    Leave(On),
    /// Let the Docker Engines of machines die
    FailDocker(On),
    /// Start them again
    StartDocker(On),
    /// Show the machines, voters and volumes as they are in truth
    Status(Seen),
}

/// Which machines.
#[derive(Debug, Args)]
struct On {
    /// Members, slots, or `leader`
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,

    #[command(flatten)]
    place: Place,
}

/// Which cloud, and how much of it.
#[derive(Debug, Args)]
struct Seen {
    #[command(flatten)]
    place: Place,

    /// Show machines that are gone, too
    #[arg(long)]
    all: bool,
}

impl Sim {
    /// Does it.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        match self.deed {
            Deed::Kill(on) => on.hurt("killed", Hurt::Kill, console),
            Deed::Stop(on) => on.hurt("stopped", Hurt::Stop, console),
            Deed::Start(on) => on.hurt("started", Hurt::Start, console),
            Deed::Reboot(on) => on.hurt("rebooted", Hurt::Reboot, console),
            Deed::Freeze(on) => on.hurt("frozen", Hurt::Freeze, console),
            Deed::Thaw(on) => on.hurt("thawed", Hurt::Thaw, console),
            Deed::Cut(on) => on.hurt("cut off", Hurt::Cut, console),
            Deed::Mend(on) => on.hurt("mended", Hurt::Mend, console),
            Deed::LoseVolume(on) => on.hurt("lost its volume", Hurt::LoseVolume, console),
            Deed::Wipe(on) => on.hurt("disk erased", Hurt::WipeDisk, console),
            Deed::FailDocker(on) => on.hurt("engine dead", Hurt::FailDocker, console),
            Deed::StartDocker(on) => on.hurt("engine started", Hurt::StartDocker, console),
            Deed::Stranger(on) => on.strange("held by a stranger", Hurt::Stranger, console),
            Deed::Leave(on) => on.strange("free of the stranger", Hurt::RemoveStranger, console),
            Deed::Status(seen) => seen.status(console),
        }
    }
}

impl On {
    fn hurt(&self, done: &str, hurt: fn(Address) -> Hurt, console: &mut Console) -> Result<Exit, Failure> {
        let site = self.place.simulated()?;
        refuse_strange(&site, &self.addresses, false)?;
        for text in &self.addresses {
            let address = site.hurt(text, hurt)?;
            writeln!(console.out(), "{}: {done}", printable(address.as_str()))?;
        }
        Ok(Exit::Fine)
    }

    fn strange(&self, done: &str, hurt: fn(std::net::IpAddr) -> Hurt, console: &mut Console) -> Result<Exit, Failure> {
        let site = self.place.simulated()?;
        refuse_strange(&site, &self.addresses, true)?;
        for text in &self.addresses {
            let ip = site.hurt_ip(text, hurt)?;
            writeln!(console.out(), "{ip}: {done}")?;
        }
        Ok(Exit::Fine)
    }
}

/// Refuses, before anything is hurt, what the cloud never had: a group, or a word that is nearly an address.
fn refuse_strange(site: &SimulatedSite, texts: &[String], ips_too: bool) -> Result<(), Failure> {
    let known = site.addresses()?;
    for text in texts {
        let address = Address::from(text.as_str());
        let is_ip = ips_too && text.parse::<std::net::IpAddr>().is_ok();
        if text == LEADER || is_ip || known.contains(&address) {
            continue;
        }
        let of_group: Vec<&str> = known.iter().filter(|one| one.group() == text).map(Address::as_str).collect();
        let failure = |why: String| Failure::new(Code(kit_runtime::codes::SIM_REFUSED), why);
        if !of_group.is_empty() {
            let listed: Vec<&str> = of_group.iter().take(MAX_NAMED).copied().collect();
            let rest = if of_group.len() > MAX_NAMED { " …" } else { "" };
            return Err(failure(format!("{} is a group, and a machine is meant", printable(text)))
                .with_help(format!("its machines are {}{rest}", listed.join(" "))));
        }
        let near = known.iter().map(Address::as_str).chain([LEADER]);
        let near = near.map(|one| (strsim::damerau_levenshtein(one, text), one)).min();
        let strange = failure(format!("the simulated cloud never had a machine {}", printable(text)));
        return Err(match near {
            // A third of it: more is another word.
            Some((distance, one)) if distance <= text.chars().count().div_ceil(3) => {
                strange.with_help(format!("did you mean {one}?"))
            }
            _ => strange.with_help("`kitc sim status --all` shows what there is and was"),
        });
    }
    Ok(())
}

/// The word for the member that leads.
const LEADER: &str = "leader";

/// How many machines of a group are named in a message.
const MAX_NAMED: usize = 8;

impl Seen {
    fn status(&self, console: &mut Console) -> Result<Exit, Failure> {
        let site = self.place.simulated()?;
        let lines = site.truth(self.all).map_err(|error| Failure::new(Code(error.code), error.message))?;
        for line in lines {
            writeln!(console.out(), "{}", printable(&line))?;
        }
        Ok(Exit::Fine)
    }
}
