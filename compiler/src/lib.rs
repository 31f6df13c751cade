//! Names, types, knownness, checks and lowering: from a syntax tree to a graph.
