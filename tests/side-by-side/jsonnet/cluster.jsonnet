local schema = import 'schema.libsonnet';

local machineType = 't3.small';

function(ssh_key)
  schema.cluster(
    network=schema.network(
      cidr='172.31.0.0/16',
      subnet='172.31.16.0/20',
    ),
    machine=schema.machine(
      image='ami-0c0f6a1b2d3e4f556',
      type=machineType,
      key=ssh_key,
    ),
    volumes={
      data1: schema.volume(size=20 * schema.GiB),
      data2: schema.volume(size=20 * schema.GiB),
      data3: schema.volume(size=20 * schema.GiB),
    },
    size=5,
    managers=[
      schema.member(id='m1', ip='172.31.16.101', volume='data1'),
      schema.member(id='m2', ip='172.31.16.102', volume='data2'),
      schema.member(id='m3', ip='172.31.16.103', volume='data3'),
    ],
  )
