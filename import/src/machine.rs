//! Instance plugins: what a machine is made of, in the words of its provider.

use crate::json::{Fields, Node};
use crate::notes::{Outcome, Place};
use crate::reading::Reading;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Aws,
    Docker,
    Sim,
}

#[derive(Debug)]
pub(crate) struct Machine<'d> {
    pub(crate) provider: Provider,
    /// The plugin that named the provider.
    pub(crate) plugin: Node<'d>,
    pub(crate) image: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) memory: Option<u64>,
    pub(crate) zone: Option<(String, Node<'d>)>,
    pub(crate) labels: Vec<(String, String)>,
    /// The name that InfraKit's examples give the whole cluster in a tag.
    pub(crate) cluster: Option<String>,
}

const OWN_NETWORK: &str = "Kit makes a network of the cluster's own";
const NO_FIELD: &str = "a machine of Kit has no such setting";

pub(crate) fn read<'d>(reading: &mut Reading<'d>, node: &Node<'d>) -> Option<Machine<'d>> {
    let mut fields = reading.fields(node, "an instance with its plugin")?;
    let Some(plugin) = fields.take("Plugin") else {
        reading.unexpected(node, "an instance with its `Plugin`");
        return None;
    };
    let name = reading.string(&plugin, "the name of a plugin")?.to_ascii_lowercase();
    let properties = fields.take("Properties");
    reading.leftovers(fields, "Kit has nothing like it");
    let mut machine = Machine {
        provider: Provider::Sim,
        plugin,
        image: None,
        kind: None,
        key: None,
        memory: None,
        zone: None,
        labels: Vec::new(),
        cluster: None,
    };
    let mut fields = match &properties {
        Some(properties) => reading.fields(properties, "the properties of an instance")?,
        None => Fields::new(Vec::new()),
    };
    let family = name.trim_start_matches("instance-").split('/').next().unwrap_or_default();
    match family {
        "aws" | "ec2-instance" => ec2(reading, &mut fields, &mut machine),
        "docker" => docker(reading, &mut fields, &mut machine),
        "terraform" => terraform(reading, &mut fields, &mut machine),
        "vagrant" => {
            machine.image = fields.take("Box").and_then(|node| reading.string(&node, "a box"));
            stand_in(reading, &machine.plugin, "Vagrant");
        }
        "simulator" | "file" => {}
        other => stand_in(reading, &machine.plugin, other),
    }
    if let Some(node) = fields.take("Tags").filter(|node| !node.says_nothing()) {
        let named = cluster_name(reading, &node);
        machine.cluster = machine.cluster.or(named);
        machine.labels.extend(tags(reading, &node));
    }
    reading.leftovers(fields, NO_FIELD);
    Some(machine)
}

fn stand_in<'d>(reading: &mut Reading<'d>, plugin: &Node<'d>, what: &str) {
    let why = format!(
        "Kit has no provider for {what}: the simulated cloud stands for it; for containers of this host write std/docker"
    );
    reading.note(Outcome::Changed, plugin, why);
}

/// Tags without those that InfraKit itself keeps.
pub(crate) fn tags<'d>(reading: &mut Reading<'d>, node: &Node<'d>) -> Vec<(String, String)> {
    let all = reading.map_of_strings(node);
    let own = |name: &str| name.to_ascii_lowercase().starts_with("infrakit.");
    if all.iter().any(|(name, _)| own(name)) {
        reading.note(
            Outcome::Needless,
            node,
            "the tags that begin with `infrakit.` are not kept: Kit marks its machines itself",
        );
    }
    all.into_iter().filter(|(name, _)| !own(name)).collect()
}

fn cluster_name<'d>(reading: &mut Reading<'d>, tags: &Node<'d>) -> Option<String> {
    let fields = tags.fields()?.ok()?;
    let names = ["infrakit.clustername", "infrakit.cluster.name", "infrakit.cluster.id"];
    let found = fields.into_iter().find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))?;
    reading.optional_string(Some(found.1), "a name")
}

fn in_network<'d>(reading: &mut Reading<'d>, node: &Node<'d>) {
    if node.says_nothing() {
        return;
    }
    let place = std::mem::replace(&mut reading.place, Place::Network);
    reading.note(Outcome::Changed, node, OWN_NETWORK);
    reading.place = place;
}

fn noted<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, outcome: Outcome, names: &[&str], why: &str) {
    for name in names {
        if let Some(node) = fields.take(name).filter(|node| !node.says_nothing()) {
            reading.note(outcome, &node, why);
        }
    }
}

/// What the API of EC2 takes.
fn ec2<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, machine: &mut Machine<'d>) {
    machine.provider = Provider::Aws;
    if let Some(volumes) = fields.take("AttachVolumeInputs").filter(|node| !node.says_nothing()) {
        reading.note(
            Outcome::Lost,
            &volumes,
            "volumes of Kit belong to members, and Kit makes them: copy what is on these",
        );
    }
    let Some(input) = fields.take("RunInstancesInput") else { return };
    let Some(mut input) = reading.fields(&input, "what RunInstances takes") else { return };
    machine.image = reading.optional_string(input.take("ImageId"), "the ID of an image");
    machine.kind = reading.optional_string(input.take("InstanceType"), "a type of instance");
    machine.key = reading.optional_string(input.take("KeyName"), "the name of a key pair");
    if let Some(placement) = input.take("Placement")
        && let Some(mut placement) = reading.fields(&placement, "a placement")
    {
        zone(reading, placement.take("AvailabilityZone"), machine);
        reading.leftovers(placement, "a machine of Kit stands in its network's zone, on hardware that EC2 chooses");
    }
    network_of_ec2(reading, &mut input);
    if let Some(interfaces) = input.take("NetworkInterfaces") {
        for interface in reading.items(&interfaces, "a list of network interfaces").unwrap_or_default() {
            let Some(mut interface) = reading.fields(&interface, "a network interface") else { continue };
            network_of_ec2(reading, &mut interface);
            for name in ["AssociatePublicIpAddress", "DeleteOnTermination", "DeviceIndex"] {
                interface.take(name);
            }
            reading.leftovers(interface, "a machine of Kit has one network interface, with nothing to set");
        }
    }
    // The plugin makes one instance for each call, whatever is said here.
    input.take("MinCount");
    input.take("MaxCount");
    noted(
        reading,
        &mut input,
        Outcome::Lost,
        &["UserData"],
        "user data is Kit's own: it boots the node; what else it did, do in the image",
    );
    noted(
        reading,
        &mut input,
        Outcome::Lost,
        &["IamInstanceProfile"],
        "Kit gives its managers the rights they need, and workers none; what your tasks need, give them otherwise",
    );
    noted(
        reading,
        &mut input,
        Outcome::Lost,
        &["BlockDeviceMappings"],
        "the disk of the system is the image's; what must outlive a machine belongs on its member's volume",
    );
    reading.leftovers(input, NO_FIELD);
}

fn network_of_ec2<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>) {
    for name in ["SubnetId", "SecurityGroupIds", "SecurityGroups", "Groups"] {
        if let Some(node) = fields.take(name) {
            in_network(reading, &node);
        }
    }
    // The logical ID is the IP, and the plugin writes it here.
    fields.take("PrivateIpAddress");
}

fn zone<'d>(reading: &mut Reading<'d>, node: Option<Node<'d>>, machine: &mut Machine<'d>) {
    let Some(node) = node else { return };
    if let Some(text) = reading.optional_string(Some(node.clone()), "an availability zone") {
        machine.zone = Some((text, node));
    }
}

/// What the Docker Engine takes.
fn docker<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, machine: &mut Machine<'d>) {
    machine.provider = Provider::Docker;
    if let Some(config) = fields.take("Config")
        && let Some(mut config) = reading.fields(&config, "the configuration of a container")
    {
        machine.image = reading.optional_string(config.take("Image"), "an image");
        if let Some(labels) = config.take("Labels").filter(|node| !node.says_nothing()) {
            machine.labels.extend(tags(reading, &labels));
        }
        reading.leftovers(config, NO_FIELD);
    }
    if let Some(host) = fields.take("HostConfig")
        && let Some(mut host) = reading.fields(&host, "the host's side of a container")
    {
        machine.memory = host.take("Memory").and_then(|node| reading.whole_number(&node, "a number of bytes"));
        machine.memory = machine.memory.filter(|bytes| *bytes > 0);
        reading.leftovers(host, NO_FIELD);
    }
    if let Some(networks) = fields.take("NetworkAttachments") {
        in_network(reading, &networks);
    }
}

/// What Terraform takes: `type` and `value`, or a resource by its type.
fn terraform<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, machine: &mut Machine<'d>) {
    let (kind, value) = match (fields.take("type"), fields.take("value"), fields.take("resource")) {
        (Some(kind), Some(value), None) => (reading.string(&kind, "a type of resource"), Some(value)),
        (_, _, Some(resource)) => match reading.fields(&resource, "a resource").map(Fields::into_rest) {
            Some(mut kinds) if kinds.len() == 1 => {
                let (kind, value) = kinds.remove(0);
                (Some(kind), Some(value))
            }
            _ => (None, None),
        },
        _ => (None, None),
    };
    let (Some(kind), Some(value)) = (kind, value) else {
        let plugin = machine.plugin.clone();
        reading.unexpected(&plugin, "Terraform with one resource");
        return;
    };
    if kind != "aws_instance" {
        stand_in(reading, &machine.plugin, &format!("Terraform's {kind}"));
        reading.note(Outcome::Lost, &value, NO_FIELD);
        return;
    }
    machine.provider = Provider::Aws;
    let Some(mut value) = reading.fields(&value, "an instance of EC2") else { return };
    machine.image = evaluated(reading, value.take("ami"));
    machine.kind = evaluated(reading, value.take("instance_type"));
    machine.key = evaluated(reading, value.take("key_name"));
    if let Some(node) = value.take("availability_zone")
        && evaluated(reading, Some(node.clone())).is_some()
    {
        zone(reading, Some(node), machine);
    }
    for name in ["subnet_id", "vpc_security_group_ids", "security_groups"] {
        if let Some(node) = value.take(name) {
            in_network(reading, &node);
        }
    }
    if let Some(node) = value.take("tags").filter(|node| !node.says_nothing()) {
        for (name, text) in tags(reading, &node) {
            if text.contains("${") {
                reading.note(Outcome::Lost, &node, format!("the tag {name} is worked out by Terraform"));
            } else {
                machine.labels.push((name, text));
            }
        }
    }
    noted(
        reading,
        &mut value,
        Outcome::Needless,
        &["connection"],
        "Kit opens no connection to a machine: it boots by itself",
    );
    value.take("private_ip");
    reading.leftovers(value, NO_FIELD);
}

/// A text that Terraform does not work out.
fn evaluated<'d>(reading: &mut Reading<'d>, node: Option<Node<'d>>) -> Option<String> {
    let node = node?;
    let text = reading.optional_string(Some(node.clone()), "a text")?;
    if text.contains("${") {
        reading.note(Outcome::Changed, &node, "Terraform worked this out: say it here");
        return None;
    }
    Some(text)
}
