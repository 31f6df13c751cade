"""Thirteen mistakes, each made in the same cluster in each language.

`edits` turn the right file into the wrong one: what is replaced, by what. `at` is in the line where a reader would look for the
mistake, `also` in the line of the other side of a conflict, `near` in the line that begins the list or block around it. `answer` is
what a suggestion would have to say, where there is one right answer.
"""

TOOLS = ["kit", "pkl", "kcl", "nickel", "jsonnet", "starlark"]


def same(edits, **places):
    """The same edit in each language."""
    return {tool: {"edits": edits, **places} for tool in TOOLS}


MANAGERS = {
    "kit": "group managers",
    "pkl": "managers {",
    "kcl": "managers = [",
    "nickel": "managers = [",
    "jsonnet": "managers=[",
    "starlark": "managers = [",
}


NETWORK = {
    "kit": "resource net",
    "pkl": "network {",
    "kcl": "network = {",
    "nickel": "network = {",
    "jsonnet": "network=schema",
    "starlark": "network = network",
}


def in_list(edits, **places):
    found = same(edits, **places)
    for tool in TOOLS:
        found[tool]["near"] = MANAGERS[tool]
    return found


MISTAKES = [
    {
        "title": "a field's name is mistyped",
        "answer": r"\bsubnet\b",
        "in": {tool: {"edits": [("subnet", "sbnet")], "at": "sbnet", "near": NETWORK[tool]} for tool in TOOLS},
    },
    {
        "title": "a text where a number belongs",
        "in": {
            "kit": {"edits": [("int = 5", 'int = "five"')], "at": '"five"'},
            "jsonnet": {"edits": [("size=5", "size='five'")], "at": "'five'"},
            **{tool: {"edits": [("size = 5", 'size = "five"')], "at": '"five"'} for tool in ["pkl", "kcl", "nickel", "starlark"]},
        },
    },
    {
        "title": "a field is missing",
        "in": {
            "kit": {"edits": [("  subnet = 172.31.16.0/20\n", "")], "at": "resource net"},
            "pkl": {"edits": [('  subnet = "172.31.16.0/20"\n', "")], "at": "network {"},
            "kcl": {"edits": [('        subnet = "172.31.16.0/20"\n', "")], "at": "network = {"},
            "nickel": {"edits": [('      subnet = "172.31.16.0/20",\n', "")], "at": "network = {"},
            "jsonnet": {"edits": [("      subnet='172.31.16.0/20',\n", "")], "at": "network=schema"},
            "starlark": {"edits": [('            subnet = "172.31.16.0/20",\n', "")], "at": "network = network"},
        },
    },
    {
        "title": "two members have one ID",
        "in": in_list([("m2", "m1")], at=".102", also=".101"),
    },
    {
        "title": "two members have one IP",
        "in": in_list([("172.31.16.102", "172.31.16.101")], at="m2", also="m1"),
    },
    {
        "title": "an IP lies outside its subnet",
        "in": {
            "kit": {"edits": [("172.31.16.102", "172.31.99.102")], "at": ".99.102", "also": "172.31.16.0/20", "near": "group managers"},
            **{
                tool: {"edits": [("172.31.16.102", "172.31.99.102")], "at": ".99.102", "also": "172.31.16.0/20", "near": MANAGERS[tool]}
                for tool in TOOLS[1:]
            },
        },
    },
    {
        "title": "a volume is paired with two members",
        "in": {
            "kit": {
                "edits": [
                    ("let machine_type", "resource disk = aws.Volume { size = 20GiB }\n\nlet machine_type"),
                    ("172.31.16.101, volume = { size = 20GiB }", "172.31.16.101, volume = disk"),
                    ("172.31.16.102, volume = { size = 20GiB }", "172.31.16.102, volume = disk"),
                ],
                "at": "m2",
                "also": "m1",
            },
            "pkl": {"edits": [('volume = "data2"', 'volume = "data1"')], "at": "m2", "also": "m1", "near": "managers {"},
            "kcl": {"edits": [('volume = "data2"', 'volume = "data1"')], "at": "m2", "also": "m1", "near": "managers = ["},
            "nickel": {"edits": [('volume = "data2"', 'volume = "data1"')], "at": "m2", "also": "m1", "near": "managers = ["},
            "jsonnet": {"edits": [("volume='data2'", "volume='data1'")], "at": "m2", "also": "m1", "near": "managers=["},
            "starlark": {"edits": [('volume = "data2"', 'volume = "data1"')], "at": "m2", "also": "m1", "near": "managers = ["},
        },
    },
    {
        "title": "a manager has no volume",
        "in": {
            "kit": {"edits": [("172.31.16.102, volume = { size = 20GiB }", "172.31.16.102")], "at": "m2"},
            "pkl": {"edits": [(' volume = "data2"', "")], "at": "m2", "near": "managers {"},
            "kcl": {"edits": [(', volume = "data2"', "")], "at": "m2", "near": "managers = ["},
            "nickel": {"edits": [(', volume = "data2"', "")], "at": "m2", "near": "managers = ["},
            "jsonnet": {"edits": [(", volume='data2'", "")], "at": "m2", "near": "managers=["},
            "starlark": {"edits": [(', volume = "data2"', "")], "at": "m2", "near": "managers = ["},
        },
    },
    {
        "title": "an even number of managers",
        "in": {
            "kit": {"edits": [("  member m3 { ip = 172.31.16.103, volume = { size = 20GiB } }\n", "")], "at": "group managers"},
            "pkl": {"edits": [('  new { id = "m3" ip = "172.31.16.103" volume = "data3" }\n', "")], "at": "managers {"},
            "kcl": {"edits": [('        {id = "m3", ip = "172.31.16.103", volume = "data3"}\n', "")], "at": "managers = ["},
            "nickel": {"edits": [('      { id = "m3", ip = "172.31.16.103", volume = "data3" },\n', "")], "at": "managers = ["},
            "jsonnet": {"edits": [("      schema.member(id='m3', ip='172.31.16.103', volume='data3'),\n", "")], "at": "managers=["},
            "starlark": {"edits": [('            member(id = "m3", ip = "172.31.16.103", volume = "data3"),\n', "")], "at": "managers = ["},
        },
    },
    {
        "title": "more managers than machines",
        "in": {
            "kit": {"edits": [("int = 5", "int = 2")], "at": "int = 2", "also": "group managers"},
            "jsonnet": {"edits": [("size=5", "size=2")], "at": "size=2", "also": "managers=["},
            **{
                tool: {"edits": [("size = 5", "size = 2")], "at": "size = 2", "also": MANAGERS[tool]}
                for tool in ["pkl", "kcl", "nickel", "starlark"]
            },
        },
    },
    {
        "title": "a name is not defined",
        "answer": r"\bmachine_?[tT]ype\b",
        "in": {
            "kit": {"edits": [("type    = machine_type", "type    = machin_type")], "at": "machin_type"},
            "pkl": {"edits": [("type = machineType", "type = machinType")], "at": "machinType"},
            "kcl": {"edits": [("$type = machine_type", "$type = machin_type")], "at": "machin_type"},
            "nickel": {"edits": [("type = machine_type", "type = machin_type")], "at": "machin_type"},
            "jsonnet": {"edits": [("type=machineType", "type=machinType")], "at": "machinType"},
            "starlark": {"edits": [("MachineType(machine_type)", "MachineType(machin_type)")], "at": "machin_type"},
        },
    },
    {
        "title": "decimal gigabytes where binary ones belong",
        "answer": r"20 ?Gi|[bB]inary|GiB",
        "in": {
            "kit": {"edits": [("172.31.16.102, volume = { size = 20GiB }", "172.31.16.102, volume = { size = 20GB }")], "at": "20GB"},
            "pkl": {"edits": [('["data2"] = 20.gib', '["data2"] = 20.gb')], "at": "20.gb"},
            "kcl": {"edits": [("data2 = {size = 20Gi}", "data2 = {size = 20G}")], "at": "20G}"},
            "nickel": {"edits": [('data2.size = "20GiB"', 'data2.size = "20GB"')], "at": "20GB"},
            "jsonnet": {"edits": [("data2: schema.volume(size=20 * schema.GiB)", "data2: schema.volume(size=20 * schema.GB)")], "at": "schema.GB"},
            "starlark": {"edits": [('"data2": volume(size = 20 * GiB)', '"data2": volume(size = 20 * GB)')], "at": "20 * GB"},
        },
    },
    {
        "title": "a parameter is not given",
        "without_parameter": True,
        "in": {
            "kit": {"edits": [], "at": "param ssh_key"},
            "pkl": {"edits": [], "at": "read("},
            "kcl": {"edits": [], "at": "option("},
            "nickel": {"edits": [], "at": "ssh_key | String"},
            "jsonnet": {"edits": [], "at": "function(ssh_key)"},
            "starlark": {"edits": [], "at": "def main"},
        },
    },
]
