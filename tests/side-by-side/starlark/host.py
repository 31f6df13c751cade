"""Runs Starlark with its types: the static check of the Rust implementation, or the program."""

import sys

import starlark as sl

dialect = sl.Dialect.extended()
dialect.enable_types = sl.DialectTypes.ENABLE
globals_ = sl.Globals.extended_by(
    [sl.LibraryExtension.StructType, sl.LibraryExtension.RecordType, sl.LibraryExtension.EnumType, sl.LibraryExtension.Typing]
)


def parsed(name):
    with open(name, encoding="utf-8") as file:
        return sl.parse(name, file.read(), dialect)


def load(name):
    module = sl.Module()
    sl.eval(module, parsed(name), globals_)
    return module.freeze()


what, ssh_key = sys.argv[1:3]
try:
    if what == "check":
        _, schema, _ = parsed("schema.star").typecheck(globals_, {})
        errors = parsed("cluster.star").typecheck(globals_, {"schema.star": schema})[0]
        print("\n".join(str(error) for error in errors))
        sys.exit(1 if errors else 0)
    module = sl.Module()
    program = sl.parse("cluster.star", open("cluster.star", encoding="utf-8").read(), dialect)
    sl.eval(module, program, globals_, sl.FileLoader(load))
    given = {"ssh_key": ssh_key} if ssh_key else {}
    module.freeze().call("main", **given)
except sl.StarlarkError as error:
    print(error)
    sys.exit(1)
