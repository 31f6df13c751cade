//! The large clusters that are measured.

use std::fmt::Write as _;

const HEAD: &str = "\
use std/plain
use std/sim

cluster {
  name     = \"large\"
  provider = sim.Provider { region = \"sim-1\" }
}

resource net = sim.Network {
  cidr   = 10.0.0.0/8
  subnet = 10.0.0.0/16
}

let node = sim.Machine {
  image   = \"debian-12\"
  type    = \"small\"
  network = net
}

";

/// So many members, made by a `for`.
pub(crate) fn generated_members(count: usize) -> String {
    format!(
        "{HEAD}group nodes: plain.Node {{\n  machine = node\n\n  for n in 1..={count} {{\n    member \"n${{n}}\" {{\n      \
         ip     = net.subnet.host(100 + n)\n      volume = {{ size = 20GiB }}\n    }}\n  }}\n}}\n"
    )
}

/// So many members, each written out in ten lines, in the layout that `kitc fmt` gives.
pub(crate) fn literal_members(count: usize) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("group nodes: plain.Node {\n  machine = node\n");
    for n in 1..=count {
        let host = n + 100;
        let (third, fourth) = (host / 256, host % 256);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  # The node {n}.\n  member n{n} {{\n    ip   = 10.0.{third}.{fourth}\n    type = \"medium\"\n    volume = {{\n      \
             size = 20GiB\n    }}\n    labels = {{ rack = \"r{}\", number = \"{n}\" }}\n  }}\n",
            n % 40
        );
    }
    text.push_str("}\n");
    text
}
