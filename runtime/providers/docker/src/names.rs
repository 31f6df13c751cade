//! Names in the Engine, each made from what the thing is for: the same for whoever makes it.

use kit_model::{Address, ClusterUid, ContentHash, Generation, MachineId, VolumeId};

/// How much of the uid stands in a name: enough that two clusters never meet, and still to be read.
const UID_CHARACTERS: usize = 12;

/// The longest address that stands in a name as it is: the Engine makes directories of the names of volumes, and a file
/// system takes 255 bytes.
const MAX_PLAIN_BYTES: usize = 120;

/// The anchor of the cluster named `cluster`.
pub(crate) fn anchor(cluster: &str) -> String {
    format!("kit-anchor-{}", plain(cluster))
}

/// The one container that may be the machine of `address`.
pub(crate) fn machine(uid: &ClusterUid, address: &Address) -> String {
    thing(uid, address)
}

/// The network of `address`.
pub(crate) fn network(uid: &ClusterUid, address: &Address) -> String {
    thing(uid, address)
}

/// The volume of `address` that was made in `generation`.
pub(crate) fn volume(uid: &ClusterUid, address: &Address, generation: Generation) -> String {
    format!("{}-v{generation}", thing(uid, address))
}

/// The record that `volume` was formed.
pub(crate) fn formed(volume: &VolumeId) -> String {
    format!("{volume}-formed")
}

/// The record that `volume` is no member's any more.
pub(crate) fn retired(volume: &VolumeId) -> String {
    format!("{volume}-retired")
}

/// The record that `machine` was ended.
pub(crate) fn ended(uid: &ClusterUid, machine: &MachineId) -> String {
    format!("kit-{}-ended-{machine}", short(uid))
}

/// What the machine of `address` calls itself.
pub(crate) fn host(address: &Address) -> String {
    /// The longest name of a host that Linux takes.
    const MAX_HOST_BYTES: usize = 63;
    let mut name: String = address
        .as_str()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect();
    name.truncate(MAX_HOST_BYTES);
    name.trim_matches('-').to_owned()
}

fn thing(uid: &ClusterUid, address: &Address) -> String {
    format!("kit-{}-{}", short(uid), plain(address.as_str()))
}

fn short(uid: &ClusterUid) -> String {
    uid.as_str().chars().filter(char::is_ascii_alphanumeric).take(UID_CHARACTERS).collect()
}

/// `text` as the Engine takes it in a name; where that is not the text itself, a hash keeps it apart from others.
fn plain(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    if text.len() <= MAX_PLAIN_BYTES && text.chars().all(fits) {
        return text.to_owned();
    }
    let readable: String =
        text.chars().map(|letter| if fits(letter) { letter } else { '-' }).take(MAX_PLAIN_BYTES / 2).collect();
    format!("{readable}-{}", ContentHash::of(&[text.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_kept_apart() {
        let uid = ClusterUid::from("1b4e28ba-2fa1-11d2-883f-0016d3cca427");
        assert_eq!(machine(&uid, &"managers.m1".into()), "kit-1b4e28ba2fa1-managers.m1");
        assert_eq!(volume(&uid, &"managers.m1".into(), Generation(3)), "kit-1b4e28ba2fa1-managers.m1-v3");
        assert_eq!(host(&"a.managers.M1".into()), "a-managers-m1");
        let odd = [machine(&uid, &"nets.a b".into()), machine(&uid, &"nets.a/b".into())];
        assert_ne!(odd[0], odd[1]);
        let long = Address::new("x".repeat(5000));
        for name in odd.into_iter().chain([volume(&uid, &long, Generation(u64::MAX)), anchor(&"é".repeat(500))]) {
            assert!(
                name.len() < 200 && name.chars().all(|letter| letter.is_ascii_graphic() && letter != '/'),
                "{name}"
            );
        }
        assert!(host(&long).len() <= 63);
    }
}
