"""Runs Jsonnet. It looks for undefined names before it evaluates, and says so."""

import sys

import _jsonnet

what, ssh_key = sys.argv[1:3]
try:
    _jsonnet.evaluate_file("cluster.jsonnet", tla_vars={"ssh_key": ssh_key} if ssh_key else {})
except RuntimeError as error:
    static = str(error).startswith("STATIC ERROR")
    if what == "evaluate" or static:
        print(error)
        sys.exit(1)
