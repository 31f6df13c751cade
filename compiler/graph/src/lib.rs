//! The contract between compiler and runtime: addresses, values, edges, provenance, hash.
