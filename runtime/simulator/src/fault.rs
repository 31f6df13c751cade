//! What may go wrong, and how it is written: `kill leader@60s`, `cut managers.m2@1min+30s`.

use std::fmt;
use std::str::FromStr;

use kit_graph::{format_duration, parse_duration_ms};
use kit_model::Address;

/// The longest time that a schedule may name, in milliseconds: a day of virtual time is more than any run
/// that a person reads, and less than what would keep a processor busy for hours.
pub const MAX_FAULT_MS: u64 = 24 * 60 * 60 * 1000;

/// A kind of fault, or of something that an operator does in the middle of it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the table below says what each is")]
pub enum FaultKind {
    Kill,
    Stop,
    FreezeMachine,
    Freeze,
    FreezeOnSend,
    Crash,
    CrashOnCommit,
    CrashOnSend,
    Cut,
    Isolate,
    LoseReply,
    LoseCommit,
    LoseCall,
    DelayCall,
    Throttle,
    Capacity,
    Lag,
    PartialListing,
    UnknownState,
    LoseVolume,
    Wipe,
    Expire,
    RotateCa,
    Phantom,
    Stranger,
    ClockJump,
    FailDocker,
    Roll,
    Scale,
    Rollback,
    Pause,
}

/// What a kind of fault needs to be said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A machine or a replica, at a time: `managers.m1@60s`.
    At,
    /// A machine or a replica, at a time and for a while: `managers.m1@60s+30s`.
    For,
    /// The whole cluster or cloud, for a while: `60s+30s`.
    Everywhere,
    /// Something that the operator does: `60s`.
    Operator,
}

/// A kind of fault with its name and meaning.
#[derive(Debug, Clone, Copy)]
pub struct FaultInfo {
    /// The kind.
    pub kind: FaultKind,
    /// Its name, which is also its flag.
    pub name: &'static str,
    /// What is to be said about it.
    pub shape: Shape,
    /// What it does, for help.
    pub about: &'static str,
    /// For how long, where the flag does not say.
    pub usual_ms: u64,
}

macro_rules! faults {
    ($($kind:ident $name:literal $shape:ident $usual:literal $about:literal;)*) => {
        /// Every kind, in the order of help.
        pub const FAULTS: &[FaultInfo] = &[
            $(FaultInfo { kind: FaultKind::$kind, name: $name, shape: Shape::$shape, about: $about, usual_ms: $usual },)*
        ];
    };
}

faults! {
    Kill "kill" At 0 "the machine ends for good; its volume stays";
    Stop "stop" At 0 "the machine is stopped, not ended";
    FreezeMachine "freeze-machine" For 30_000 "the whole machine stands still, engine and kitc";
    Freeze "freeze" For 30_000 "kitc stands still (SIGSTOP); its engine goes on";
    FreezeOnSend "freeze-on-send" For 60_000 "kitc stands still between the gate's check and the send of its next call";
    Crash "crash" At 0 "kitc is killed and started again by its supervisor";
    CrashOnCommit "crash-on-commit" At 0 "kitc is killed after its next head write, before anything is sent";
    CrashOnSend "crash-on-send" At 0 "kitc is killed right after its next call left";
    Cut "cut" For 30_000 "the machine is cut off from the others, not from the provider";
    Isolate "isolate" For 30_000 "the machine is cut off from the others and from the provider";
    LoseReply "lose-reply" At 0 "the next call takes effect, its answer is lost";
    LoseCommit "lose-commit" At 0 "the next head write takes effect, its answer is lost";
    LoseCall "lose-call" At 0 "the next call never arrives";
    DelayCall "delay-call" For 120_000 "the next call arrives so much later; its answer is lost";
    Throttle "throttle" Everywhere 30_000 "the provider refuses most calls as too many";
    Capacity "capacity" Everywhere 60_000 "the provider has no machine to give";
    Lag "lag" Everywhere 120_000 "listings lie behind what was done";
    PartialListing "partial-listing" Everywhere 60_000 "listings arrive in part, and say so";
    UnknownState "unknown-state" For 60_000 "the provider does not say what state the machine is in";
    LoseVolume "lose-volume" At 0 "the member's volume is gone";
    Wipe "wipe" At 0 "the member's disk is empty, its machine reboots";
    Expire "expire" At 0 "the node's certificate has expired by its next boot";
    RotateCa "rotate-ca" Operator 0 "somebody gives the Swarm a new CA: nodes that are away keep the old one";
    Phantom "phantom" At 0 "somebody wipes the manager and joins it by hand: two voters at one address";
    Stranger "stranger" For 120_000 "something that is not the cluster's takes the member's address once it is free";
    ClockJump "clock-jump" At 0 "the machine's wall clock jumps by an hour";
    FailDocker "fail-docker" For 120_000 "Docker does not run on the member's machine, whichever it is";
    Roll "roll" Operator 0 "the operator commits another machine type: everything rolls";
    Scale "scale" Operator 0 "the operator commits another number of workers";
    Rollback "rollback" Operator 0 "the operator goes back to the former revision";
    Pause "pause" Everywhere 60_000 "the operator pauses the cluster, and resumes it";
}

/// Whom a fault befalls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The member whose node leads the Swarm at that time.
    Leader,
    /// The first manager by address that runs and does not lead at that time.
    Follower,
    /// This member or slot.
    Address(Address),
}

/// From when the time of a fault counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// From when the cluster stood for the first time: `leader@60s`.
    Whole,
    /// From when the operator began to make it: `leader@boot+20s`.
    Boot,
}

/// One thing that goes wrong, or that the operator does, at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Whom; none for what befalls the whole cloud.
    pub target: Option<Target>,
    /// From when its time counts.
    pub from: Origin,
    /// When, in milliseconds of virtual time.
    pub at_ms: u64,
    /// For how long, where that means something.
    pub for_ms: u64,
}

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
    /// What could have been meant.
    pub help: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {} ({})", self.text, self.why, self.help)
    }
}

impl std::error::Error for FaultError {}

impl FaultKind {
    /// Name and meaning.
    #[must_use]
    pub fn info(self) -> &'static FaultInfo {
        // The table holds every kind (a test counts); the first stands in for what cannot happen.
        FAULTS.iter().find(|info| info.kind == self).unwrap_or(&FAULTS[0])
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FAULTS.iter().find(|info| info.name == name).map(|info| info.kind)
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        Self::named(text).ok_or_else(|| FaultError {
            text: text.to_owned(),
            why: "no such kind of fault".to_owned(),
            help: format!("one of all, none, {}", FAULTS.iter().map(|info| info.name).collect::<Vec<_>>().join(", ")),
        })
    }
}

impl Fault {
    /// Reads what follows the flag of `kind`: `leader@60s`, `managers.m1@60s+30s`, `60s+30s`.
    ///
    /// # Errors
    /// When a part is missing, too many, or no time.
    pub fn parse(kind: FaultKind, text: &str) -> Result<Self, FaultError> {
        let info = kind.info();
        let error = |why: String| FaultError {
            text: text.to_owned(),
            why,
            help: format!("for example --{} {}", info.name, info.example()),
        };
        let (target, when) = match (info.shape, text.rsplit_once('@')) {
            (Shape::At | Shape::For, Some((target, when))) => (Some(Target::parse(target).map_err(&error)?), when),
            (Shape::At | Shape::For, None) => {
                return Err(error("it needs a machine and a time".to_owned()));
            }
            (Shape::Everywhere | Shape::Operator, None) => (None, text),
            (Shape::Everywhere | Shape::Operator, Some(_)) => {
                return Err(error("it befalls the whole cluster and takes a time only".to_owned()));
            }
        };
        let (from, when) = when.strip_prefix("boot+").map_or((Origin::Whole, when), |when| (Origin::Boot, when));
        let (at, length) = match when.split_once('+') {
            Some(_) if matches!(info.shape, Shape::At | Shape::Operator) => {
                return Err(error("it happens at once and takes no length".to_owned()));
            }
            Some((at, length)) => (at, Some(length)),
            None => (when, None),
        };
        Ok(Self {
            kind,
            target,
            from,
            at_ms: parse_time(at).map_err(&error)?,
            for_ms: length.map_or(Ok(info.usual_ms), parse_time).map_err(&error)?,
        })
    }

    /// What follows the flag.
    #[must_use]
    pub fn argument(&self) -> String {
        let target = self.target.as_ref().map(|target| format!("{target}@")).unwrap_or_default();
        let length = match self.kind.info().shape {
            Shape::For | Shape::Everywhere => format!("+{}", format_duration(self.for_ms)),
            Shape::At | Shape::Operator => String::new(),
        };
        let from = if self.from == Origin::Boot { "boot+" } else { "" };
        format!("{target}{from}{}{length}", format_duration(self.at_ms))
    }
}

impl fmt::Display for Fault {
    /// As flags that make the same fault again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} {}", self.kind.info().name, self.argument())
    }
}

impl FaultInfo {
    /// What could follow the flag.
    #[must_use]
    pub const fn example(&self) -> &'static str {
        match self.shape {
            Shape::At => "leader@60s",
            Shape::For => "leader@60s+30s",
            Shape::Everywhere => "60s+30s",
            Shape::Operator => "60s",
        }
    }
}

impl Target {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("it names no machine".to_owned()),
            "leader" => Ok(Self::Leader),
            "follower" => Ok(Self::Follower),
            address if address.contains('.') => Ok(Self::Address(Address::from(address))),
            other => Err(format!("\"{other}\" is neither leader, follower nor an address such as managers.m1")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("leader"),
            Self::Follower => f.write_str("follower"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Reads a time of a schedule.
///
/// # Errors
/// When it is no duration of the language, or longer than [`MAX_FAULT_MS`].
pub fn parse_time(text: &str) -> Result<u64, String> {
    let milliseconds = parse_duration_ms(text).map_err(|_| format!("\"{text}\" is no time: 500ms, 60s, 2min"))?;
    if milliseconds > MAX_FAULT_MS {
        return Err(format!("\"{text}\" is more than a day of virtual time"));
    }
    Ok(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::{FAULTS, Fault, FaultKind, Origin, Target};

    #[test]
    fn what_is_written_is_read_again() {
        for info in FAULTS {
            let fault = Fault::parse(info.kind, info.example()).expect(info.name);
            let again = Fault::parse(info.kind, &fault.argument()).expect(info.name);
            assert_eq!(fault, again);
            assert_eq!(FaultKind::named(info.name), Some(info.kind));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (kind, text, part) in [
            (FaultKind::Kill, "60s", "needs a machine"),
            (FaultKind::Kill, "m1@60s", "neither leader"),
            (FaultKind::Kill, "leader@soon", "no time"),
            (FaultKind::Kill, "leader@60s+5s", "takes no length"),
            (FaultKind::Kill, "leader@400d", "more than a day"),
            (FaultKind::Throttle, "leader@60s", "whole cluster"),
            (FaultKind::Kill, "@60s", "names no machine"),
        ] {
            let error = Fault::parse(kind, text).expect_err(text);
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn targets_are_as_written() {
        let fault = Fault::parse(FaultKind::Cut, "managers.m1@90s+2min").expect("a fault");
        assert_eq!(fault.target, Some(Target::Address("managers.m1".into())));
        assert_eq!((fault.at_ms, fault.for_ms), (90_000, 120_000));
        assert_eq!(fault.to_string(), "--cut managers.m1@90s+2min");
        let fault = Fault::parse(FaultKind::Cut, "leader@boot+20s+30s").expect("a fault");
        assert_eq!((fault.from, fault.at_ms, fault.for_ms), (Origin::Boot, 20_000, 30_000));
        assert_eq!(fault.to_string(), "--cut leader@boot+20s+30s");
    }
}
