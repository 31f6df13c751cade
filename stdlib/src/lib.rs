//! The standard library: .kit files, embedded.
