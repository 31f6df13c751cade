"""Runs KCL as its own command does: `lint` without evaluation, or the program."""

import os
import sys

import kcl_lib.api as kcl

api = kcl.API()
file = os.path.abspath("cluster.k")
what, ssh_key = sys.argv[1:3]
if what == "check":
    found = api.lint_path(kcl.LintPathArgs(paths=[file])).results
    # The same call again for the places, which `results` lacks.
    try:
        package = api.load_package(kcl.LoadPackageArgs(resolve_ast=True, parse_args=kcl.ParseProgramArgs(paths=[file])))
        for error in [*package.parse_errors, *package.type_errors]:
            for message in error.messages:
                print(f"{os.path.basename(message.pos.filename)}:{message.pos.line}: {message.msg}")
    except Exception as error:  # noqa: BLE001
        print(error)
    sys.exit(1 if found else 0)
given = [kcl.Argument(name="ssh_key", value=f'"{ssh_key}"')] if ssh_key else []
try:
    result = api.exec_program(kcl.ExecProgramArgs(k_filename_list=[file], args=given))
    print(result.err_message)
    sys.exit(1 if result.err_message else 0)
except Exception as error:  # noqa: BLE001
    print(error)
    sys.exit(1)
