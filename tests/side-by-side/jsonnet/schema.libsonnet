// A cluster whose machines have names.
local isIp(text) =
  std.isString(text) && std.length(std.split(text, '.')) == 4
  && std.all([std.length(part) > 0 && std.all([std.member('0123456789', c) for c in std.stringChars(part)]) for part in std.split(text, '.')]);

local number(ip) = std.foldl(function(sum, part) sum * 256 + std.parseInt(part), std.split(ip, '.'), 0);

local contains(cidr, ip) =
  local parts = std.split(cidr, '/');
  local span = std.pow(2, 32 - std.parseInt(parts[1]));
  std.floor(number(ip) / span) == std.floor(number(parts[0]) / span);

local distinct(what, all) =
  local twice = [one for one in std.set(all) if std.count(all, one) > 1];
  if twice == [] then true else error '%s stands twice: %s' % [what, std.join(', ', twice)];

{
  GiB:: 1024 * 1024 * 1024,

  network(cidr, subnet): {
    assert std.isString(cidr) && std.isString(subnet) : 'a network is written as a text',
    cidr: cidr,
    subnet: subnet,
  },

  machine(image, type, key): {
    assert std.member(['t3.small', 't3.medium', 'm6i.large'], type) : '%s is no type of machine' % type,
    image: image,
    type: type,
    key: key,
  },

  volume(size): {
    assert std.isNumber(size) && size % $.GiB == 0 && size > 0 : 'a volume has a size in whole GiB, not %s' % size,
    size: size,
  },

  member(id, ip, volume): {
    assert isIp(ip) : '%s is no IP' % ip,
    id: id,
    ip: ip,
    volume: volume,
  },

  cluster(network, machine, volumes, size, managers):
    assert std.isNumber(size) : 'size is a number, not %s' % std.type(size);
    assert std.length(managers) % 2 == 1 : 'an even number of managers: %d' % std.length(managers);
    assert distinct('an ID', [m.id for m in managers]);
    assert distinct('an IP', [m.ip for m in managers]);
    assert distinct('a volume', [m.volume for m in managers]);
    assert size >= std.length(managers) : '%d managers are more than %d machines' % [std.length(managers), size];
    {
      network: network,
      machine: machine,
      volumes: volumes,
      managers: [
        assert contains(network.subnet, m.ip) : '%s lies outside %s' % [m.ip, network.subnet];
        assert std.objectHas(volumes, m.volume) : '%s names a volume that is not there: %s' % [m.id, m.volume];
        m
        for m in managers
      ],
      workers: size - std.length(managers),
    },
}
